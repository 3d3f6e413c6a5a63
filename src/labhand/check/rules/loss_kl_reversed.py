"""A distillation loss whose teacher stands where the student belongs."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Step

_TEACHER = re.compile(r"teacher|(^|_)tea(_|$)|(^|_)tchr", re.I)
_STUDENT = re.compile(r"student|(^|_)stu(_|$)|(^|_)std?nt", re.I)
_MEANT = re.compile(
    r"reverse|rkl|mode.seeking|jsd|jensen|symmetric|mutual|gkd|minillm|on.policy", re.I
)
_REFERENCE = re.compile(
    r"(^|_)(ref|reference|old|prior|base|init|behaviou?r|sampling)(_|$|s$)", re.I
)
_LOSSES = ("torch.nn.functional.kl_div", "torch.nn.KLDivLoss()")


class Rule:
    """A distillation loss whose teacher stands where the student belongs.

    ## What it does
    Reports `kl_div` whose first argument is taken out of the graph while the second is attached to it, and
    one whose first argument is named as the teacher's and the second as the student's.

    ## Why is this bad
    `kl_div(input, target)` is the divergence of the input from the target: the student belongs first. The
    other way round the gradient flows through the target alone: the student is pulled to one mode of the
    teacher, by another loss than the one of the paper.

    ## Known problems
    The reverse divergence is sometimes meant: silent where a name or comment says reverse, where both
    directions are computed, and for penalties against a reference or old policy.

    ## Example
    ```python
    loss = F.kl_div(F.log_softmax(teacher, dim=1), F.softmax(student, dim=1), reduction="batchmean")
    ```

    ## Use instead
    ```python
    loss = F.kl_div(F.log_softmax(student, dim=1), F.softmax(teacher, dim=1), reduction="batchmean")
    ```

    ## Fix safety
    There is no fix: the logarithm has to change places as well.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
    - Real case: https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/66.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The divergences of one file whose arguments have changed places."""
        if not code.mentions("kl_div", "KLDiv"):
            return
        calls = code.calls(*_LOSSES)
        for call in calls:
            first, second = call.arg(0, "input"), call.arg(1, "target")
            if first is None or second is None or _is_meant(code, call, calls):
                continue
            proof = _reversed(code, first, second)
            if proof is not None:
                yield code.claim(
                    call.node,
                    "the teacher stands first in this divergence and the student second: gradients flow "
                    "through the target alone",
                    "give the student's log-probabilities first, and the teacher's probabilities second",
                    because=proof,
                    confidence=0.9,
                )


def _reversed(code: Code, first: ast.expr, second: ast.expr) -> list[Step] | None:
    names = _who(code, first), _who(code, second)
    graphs = code.graph(first).value, code.graph(second).value
    if names == ("student", "teacher") or "reference" in names or graphs[0] == "attached":
        return None
    if graphs == ("detached", "attached"):
        return [
            code.step("the first argument has no gradient", first),
            code.step("gradients flow through the second", second),
            *code.graph(second).chain,
        ]
    if names == ("teacher", "student"):
        return [
            code.step("the first argument is the teacher's, by its name", first),
            code.step("the second is the student's", second),
        ]
    return None


def _who(code: Code, given: ast.expr) -> str | None:
    """Whose output a value is, by the names that it is made from."""
    found: set[str] = set()
    for node in code.behind(given):
        name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
        if not isinstance(name, str):
            continue
        found.update(
            who
            for who, words in (
                ("teacher", _TEACHER),
                ("student", _STUDENT),
                ("reference", _REFERENCE),
            )
            if words.search(name)
        )
    return found.pop() if len(found) == 1 else None


def _is_meant(code: Code, call: Call, calls: list[Call]) -> bool:
    """Whether something says that this direction is wanted, or the other is computed as well."""
    scope = call.where.scope
    around = scope.owner.name if scope.owner else ""
    lines = code.source.lines[max(0, call.node.lineno - 4) : call.node.end_lineno]
    if _MEANT.search(" ".join([scope.qualified, around, *lines])):
        return True
    return sum(c.where.scope is scope for c in calls) > 1 and any(
        c is not call and c.where.scope is scope and _mirrors(code, c, call) for c in calls
    )


def _mirrors(code: Code, one: Call, other: Call) -> bool:
    names = [
        {n for n in map(_plain, code.behind(a)) if n}
        for a in (*one.node.args[:2], *other.node.args[:2])
    ]
    return len(names) == 4 and bool(names[0] & names[3]) and bool(names[1] & names[2])


def _plain(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) and node.id not in ("F", "torch", "T") else None
