"""A Kullback-Leibler divergence whose prediction, or target, is not in the form that it takes."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import losses
from labhand.kit.code.facts import Fact
from labhand.kit.code.losses import Fed


class _Off(NamedTuple):
    message: str
    advice: str
    fact: Fact


class Rule:
    """A Kullback-Leibler divergence whose prediction, or target, is not in the form that it takes.

    ## What it does
    Reports `kl_div` and `KLDivLoss` whose first argument is probabilities or raw outputs instead of
    log-probabilities, and a second argument that does not fit `log_target`.

    ## Why is this bad
    The loss computes target · (log target - input): with probabilities as the input it is no divergence, can
    be negative, and its minimum is not where the two distributions agree.

    ## Known problems
    Silent where the logarithm is taken in code that cannot be seen.

    ## Example
    ```python
    loss = F.kl_div(F.softmax(student, dim=1), F.softmax(teacher, dim=1), reduction="batchmean")
    ```

    ## Use instead
    ```python
    loss = F.kl_div(F.log_softmax(student, dim=1), F.softmax(teacher, dim=1), reduction="batchmean")
    ```

    ## Fix safety
    Scientific: the fix turns the softmax of the prediction into a log-softmax, where this loss alone reads it.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
    - Real cases: https://github.com/microsoft/ProDA/issues/20 and
      https://github.com/sebastian-hofstaetter/matchmaker/issues/18.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The divergences of one file that are given the wrong form."""
        if not code.mentions("kl_div", "KLDiv"):
            return
        for fed in losses.fed(code):
            if fed.wants != "log-probabilities" or fed.classes:
                continue
            off = _prediction(fed) or _target(code, fed)
            if off is not None:
                yield code.claim(
                    fed.call.node,
                    off.message,
                    off.advice,
                    because=off.fact.chain,
                    confidence=0.96,
                    change=_change(code, fed) if off.fact is fed.role else None,
                    role=off.fact.value,
                )


def _prediction(fed: Fed) -> _Off | None:
    gets = {"probabilities": "probabilities", "logits": "raw outputs"}.get(str(fed.role.value))
    if gets is None or not fed.role.sure:
        return None
    message = f"the first argument of this divergence must be log-probabilities and is {gets}"
    return _Off(message, "give it `log_softmax` of the prediction's logits", fed.role)


def _target(code: Code, fed: Fed) -> _Off | None:
    target = fed.call.arg(*fed.entry["target"])
    logs = fed.call.option("log_target", False)
    if target is None or "log_target" not in fed.entry or logs not in (True, False):
        return None
    role = code.role(target)
    if not role.sure:
        return None
    if logs and role.value == "probabilities":
        message = (
            "the target is said to be log-probabilities by `log_target=True` and is probabilities"
        )
        return _Off(message, "leave out `log_target`, or take `log_softmax`", role)
    if not logs and role.value in ("log-probabilities", "logits"):
        gets = "raw outputs" if role.value == "logits" else "log-probabilities"
        message = f"the target of this divergence must be probabilities and is {gets}"
        return _Off(
            message, "take the softmax of it, or say `log_target=True` for log-probabilities", role
        )
    return None


def _change(code: Code, fed: Fed) -> Change | None:
    """Makes the softmax a log-softmax, where it is a call that this loss alone reads."""
    first = fed.role.chain[0].node if fed.role.chain else None
    if not isinstance(first, ast.Call) or fed.role.chain[0].source is not code.source:
        return None
    softmax = code.call(first)
    if softmax.method != "softmax" or softmax.where.scope is not fed.call.where.scope:
        return None
    if not isinstance(first.func, ast.Attribute):
        return None
    statement = code.source.index.statement(first)
    assigned = isinstance(statement, ast.Assign) and statement.value is first
    if first is not fed.given and not (assigned and len(code.uses(statement)) == 1):
        return None
    text = f"{code.text(first.func.value)}.log_softmax"
    return Change("scientific", "Take the logarithm too", [code.replace(first.func, text)])
