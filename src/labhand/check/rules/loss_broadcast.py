"""A column of predictions beside a vector of targets, which broadcast to a matrix."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import vectors
from labhand.kit.code.facts import UNKNOWN, Fact, Step


class Rule:
    """A column of predictions beside a vector of targets, which broadcast to a matrix.

    ## What it does
    Reports elementwise losses (MSE, L1, Huber) and differences where one side surely is a column, such as
    what `Linear(…, 1)` gives, and the other surely one-dimensional, such as scalars from a data set.

    ## Why is this bad
    Shapes (N, 1) and (N,) broadcast to (N, N): every prediction is compared with every target. The best the
    model can do is to predict the mean of the targets. PyTorch warns once, of the loss functions only.

    ## Known problems
    Silent where a shape is not proven by the code: data from files, models that cannot be seen.

    ## Example
    ```python
    prediction = torch.nn.Linear(8, 1)(x)
    loss = torch.nn.functional.mse_loss(prediction, torch.randn(32))
    ```

    ## Use instead
    ```python
    prediction = torch.nn.Linear(8, 1)(x).squeeze(-1)
    loss = torch.nn.functional.mse_loss(prediction, torch.randn(32))
    ```

    ## Fix safety
    Scientific: the fix squeezes the column, and the loss is another number from then on.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/broadcasting.html
    - Real cases: https://github.com/pytorch/pytorch/issues/16045 and
      https://github.com/IntelLabs/matsciml/issues/347.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The comparisons of one file that broadcast."""
        if not code.mentions("torch") or not code.mentions("Loss", "_loss", "mean("):
            return
        for call, loss in code.known("losses", "elementwise"):
            given, target = call.arg(*loss["input"]), call.arg(*loss["target"])
            if given is not None and target is not None:
                yield from _claims(code, call.node, given, target)
        for difference in code.operations(ast.Sub):
            if isinstance(code.source.index.parents.get(difference), ast.AugAssign):
                continue
            yield from _claims(code, difference, difference.left, difference.right)


def _claims(code: Code, node: ast.expr, one: ast.expr, other: ast.expr) -> Iterator[Claim]:
    for column, vector in ((one, other), (other, one)):
        if isinstance(vector, ast.Constant) or isinstance(column, ast.Constant):
            return
        wide = _column(code, column)
        flat = _vector(code, vector) if wide is not None else UNKNOWN
        if wide is not None and flat.value == "vector":
            name = ast.unparse(column)
            yield code.claim(
                node,
                f"`{name}` is a column and `{ast.unparse(vector)}` has one dimension: they broadcast to a matrix, "
                "so each prediction is compared with every target",
                f"give both one shape: `{name}.squeeze(-1)`",
                because=[*wide, *flat.chain],
                confidence=0.9,
                change=_change(code, column),
            )
            return


def _column(code: Code, node: ast.expr) -> list[Step] | None:
    """What shows that a value is a column: its last size is 1, and it has one more dimension."""
    shape = code.shape(node)
    sizes = shape.value
    if sizes and len(sizes) >= 2 and sizes[-1] == 1:
        return list(shape.chain)
    return None


def _vector(code: Code, node: ast.expr) -> Fact:
    return code.facts("vectors", vectors.answer).one(code.spot(node))


def _change(code: Code, column: ast.expr) -> Change | None:
    if not isinstance(column, ast.Name | ast.Call | ast.Attribute):
        return None
    text = f"{code.text(column)}.squeeze(-1)"
    return Change("scientific", f"Give it `{text}`", [code.replace(column, text)])
