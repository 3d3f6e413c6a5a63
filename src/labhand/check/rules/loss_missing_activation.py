"""Raw outputs given to a loss that takes probabilities or their logarithm."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import losses
from labhand.kit.code.losses import Fed

_OFF = {
    ("probabilities", "logits"): ("probabilities", "raw outputs", "torch.sigmoid({})"),
    ("probabilities", "log-probabilities"): ("probabilities", "log-probabilities", "{}.exp()"),
    ("log-probabilities", "logits"): (
        "log-probabilities",
        "raw outputs",
        "torch.log_softmax({}, dim=1)",
    ),
    ("probabilities", "rectified"): ("probabilities", "rectified outputs", "torch.sigmoid({})"),
    ("log-probabilities", "rectified"): (
        "log-probabilities",
        "rectified outputs",
        "torch.log_softmax({}, dim=1)",
    ),
    ("log-probabilities", "probabilities"): ("log-probabilities", "probabilities", "torch.log({})"),
}
"""By what a loss wants and gets: both in words, and what mends it."""
_PLAIN = "torch.nn.functional.binary_cross_entropy"
_WITH_LOGITS = "torch.nn.functional.binary_cross_entropy_with_logits"


class Rule:
    """Raw outputs given to a loss that takes probabilities or their logarithm.

    ## What it does
    Reports `NLLLoss` that is given logits or probabilities, `BCELoss` that is given logits, and Keras
    cross-entropies whose model ends in no activation, or in one that `from_logits` does not expect.

    ## Why is this bad
    `NLLLoss` of raw outputs is minus the output itself: it has no lower bound and "trains" to minus
    infinity. `BCELoss` of raw outputs fails on some devices and is clamped on others; Keras clips to
    (0, 1), where no gradient is left.

    ## Known problems
    Silent where the last operation is not known to be linear: outputs that are clamped, scaled or mixed.

    ## Example
    ```python
    logits = torch.nn.Linear(8, 10)(inputs)
    loss = torch.nn.functional.nll_loss(logits, labels)
    ```

    ## Use instead
    ```python
    logits = torch.nn.Linear(8, 10)(inputs)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    ```

    ## Fix safety
    Scientific: the fix applies the activation that the loss expects, for PyTorch. `cross_entropy` and
    `binary_cross_entropy_with_logits` do the same in one step, more exactly.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
    - Real cases: https://github.com/midas-research/man-sf-emnlp/issues/2 and
      https://github.com/AnubhavGupta3377/Text-Classification-Models-Pytorch/issues/9.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The losses of one file that are given another form of prediction than they take."""
        if not code.mentions("nll", "NLL", "BCE", "inary_cross", "rossentropy", "rossEntropy"):
            return
        yield from _both_ways(code)
        for fed in losses.fed(code):
            off = _OFF.get((fed.wants, str(fed.role.value)))
            if off is not None and fed.classes and fed.role.sure:
                yield _claim(code, fed, *off)


def _both_ways(code: Code) -> Iterator[Claim]:
    """A value that one branch gives to a loss of logits, and another to the loss of probabilities."""
    if not code.mentions("binary_cross_entropy_with_logits"):
        return
    fed = code.calls(_PLAIN, _WITH_LOGITS)
    for plain in (c for c in fed if c.name == _PLAIN):
        given = plain.arg(0, "input")
        if not isinstance(given, ast.Name) or code.role(given):
            continue
        if any("logits" in ast.unparse(test) for test, _ in code.guards(plain.node)):
            continue  # `if from_logits:` the caller says which it gives
        bound = code.project.reaching(given, plain.where)[1]
        for other in (c for c in fed if c.name == _WITH_LOGITS):
            alike = other.arg(0, "input")
            if (
                isinstance(alike, ast.Name)
                and alike.id == given.id
                and other.where.scope is plain.where.scope
                and code.project.reaching(alike, other.where)[1] == bound
            ):
                yield code.claim(
                    plain.node,
                    f"this loss takes probabilities, and `{given.id}` is given to a loss that takes logits at "
                    f"line {code.line(other.node)}",
                    "give both what they take: the sigmoid of it, or the loss that takes logits",
                    because=[code.step("taken for logits here", other.node)],
                    confidence=0.93,
                )
                break


def _claim(code: Code, fed: Fed, wants: str, gets: str, mend: str) -> Claim:
    keras = fed.given is None or (fed.call.name or "").startswith("keras")
    advice = (
        "end the model in the activation that the loss expects, or say `from_logits=True`"
        if keras
        else f"apply the activation, or use the loss that takes {gets} itself"
    )
    return code.claim(
        fed.call.node,
        f"this loss takes {wants} and is given {gets}",
        advice,
        because=fed.role.chain,
        confidence=0.96,
        change=None if keras else _change(code, fed, mend),
        wants=wants,
        role=fed.role.value,
    )


def _change(code: Code, fed: Fed, mend: str) -> Change | None:
    given = fed.given
    if given is None or not isinstance(given, ast.Name | ast.Call | ast.Attribute | ast.Subscript):
        return None
    bound = code.module.scope.bindings.get("torch", [])
    if mend.startswith("torch.") and not any(b.target == "torch" for b in bound):
        return None
    text = mend.format(code.text(given))
    return Change("scientific", f"Give it `{text}`", [code.replace(given, text)])
