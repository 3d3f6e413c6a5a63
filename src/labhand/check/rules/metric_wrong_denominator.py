"""An average whose denominator counts something else than its numerator."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Fact

_WRONG = {
    "mean over size": "means of batches are added up, and divided by the number of samples: the result is "
    "too small by the size of a batch",
    "sum per batch": "sums over samples are added up, and divided by the number of batches: the result is "
    "too large by the size of a batch",
}


class Rule:
    """An average whose denominator counts something else than its numerator.

    ## What it does
    Follows losses and hits from where they are computed (a mean or a sum of a batch) through their
    running total to the division, and reports a total of means that is divided by a number of samples, a
    total of sums that is divided by a number of batches, and `len(batch)` of a batch that is a dict.
    Sums divided by a number of batches are told only if this rule is selected.

    ## Why is this bad
    The reported number is off by the batch size. Runs with other batch sizes cannot be compared, and a
    validation loss seems far below or above the training loss.

    ## Known problems
    Silent where totals pass through meters, tensors of several numbers or other processes.

    ## Example
    ```python
    for x, y in loader:
        total += criterion(model(x), y).item()
    print(total / len(loader.dataset))
    ```

    ## Use instead
    ```python
    for x, y in loader:
        total += criterion(model(x), y).item() * len(x)
    print(total / len(loader.dataset))
    ```

    ## Fix safety
    Scientific, for `len` of a dict only: the length of one of its tensors is taken instead. Whether to sum
    or to average batches is the author's choice.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html (reduction)
    - Real cases: https://github.com/pytorch/examples/commit/81f47e8 and
      `distributed/FSDP/utils/train_utils.py` of https://github.com/pytorch/examples as of 2026.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The averages of one file that divide by the wrong count."""
        if not code.mentions("len(", ".size(") or not code.mentions(
            "oader", "loss", "acc", "correct", "torch"
        ):
            return
        for division in code.operations(ast.Div):
            unit = code.unit(division)
            if unit.value in _WRONG:
                yield _claim(code, division, unit)
        for size in code.calls("len"):
            yield from _size_of_dict(code, size)


def _claim(code: Code, division: ast.BinOp, unit: Fact) -> Claim:
    statement = code.source.index.parents[division]
    shown = statement if isinstance(statement, ast.AugAssign) else division
    assert isinstance(shown, ast.expr | ast.stmt)
    right = "the number of batches" if unit.value == "mean over size" else "the number of samples"
    return code.claim(
        shown,
        _WRONG[unit.value],
        f"divide by {right}, or add up {'sums' if unit.value == 'mean over size' else 'means'}",
        because=unit.chain,
        confidence=0.95 if unit.sure else 0.88,
        level="possible" if unit.value == "sum per batch" else None,
        unit=unit.value,
    )


def _size_of_dict(code: Code, size: Call) -> Iterator[Claim]:
    """`len(batch)` where the batch is a dict, in a sum, a product or a division: it counts keys."""
    statement = code.source.index.statement(size.node)
    counts = isinstance(statement, ast.AugAssign) or isinstance(
        code.source.index.parents.get(size.node), ast.BinOp
    )
    batch = size.arg(0)
    loop = _loop_of(code, batch) if counts and isinstance(batch, ast.Name) else None
    if loop is not None and isinstance(batch, ast.Name):
        key = _read_by_key(code, batch.id, loop)
        inside = loop in code.source.index.ancestors(size.node)
        if key is not None:
            change = [code.replace(batch, code.text(key))] if inside else []
            yield code.claim(
                size.node,
                f"`len({batch.id})` counts the keys of a dict, not the rows of the batch",
                f"take the length of one of its tensors: `len({ast.unparse(key)})`",
                because=[code.step("the batch is read by key here", key)],
                confidence=0.95,
                change=Change("scientific", f"Count `{ast.unparse(key)}`", change)
                if change
                else None,
            )


def _loop_of(code: Code, batch: ast.Name) -> ast.For | None:
    """The loop over batches that surely hands out what a name holds."""
    bindings = code.project.reaching(batch, code.where(batch))[1]
    over = [b.node for b in bindings if b.how == "loop" and not b.path]
    loop = over[0] if len(over) == len(bindings) == 1 else None
    if not isinstance(loop, ast.For):
        return None
    return loop if code.loop(loop).kind in ("batch", "inference") else None


def _read_by_key(code: Code, name: str, loop: ast.stmt) -> ast.expr | None:
    """A place in the loop that reads the batch by a key that is text."""
    for node in code.nodes(ast.Subscript):
        by_text = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
        is_batch = isinstance(node.value, ast.Name) and node.value.id == name
        if by_text and is_batch and loop in code.source.index.ancestors(node):
            return node
    return None
