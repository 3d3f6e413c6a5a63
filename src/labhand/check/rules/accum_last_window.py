"""The last batches of an epoch, whose accumulated gradients are never stepped on."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.windows import Window, steps_elsewhere, windows

_ENDLESS = ("cycle", "repeat", "infinite", "forever", "endless")


class Rule:
    """The last batches of an epoch, whose accumulated gradients are never stepped on.

    ## What it does
    Reports the condition of a step that comes once for k batches of a loader (`(i + 1) % k == 0`) where
    neither the condition nor a step after the loop takes care of the batches that are left over.

    ## Why is this bad
    Unless k divides the number of batches, the last gradients of each epoch are thrown away by the next
    `zero_grad()`, or spill into the first step of the next epoch, which is then too large.

    ## Known problems
    Where the number of batches is surely a multiple of k the finding is harmless. Silent for loops over
    steps or endless loaders, and where the remainder is mentioned anywhere in the function.

    ## Example
    ```python
    for i, (x, y) in enumerate(loader):
        (criterion(model(x), y) / 4).backward()
        if (i + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
    ```

    ## Use instead
    ```python
    for i, (x, y) in enumerate(loader):
        (criterion(model(x), y) / 4).backward()
        if (i + 1) % 4 == 0 or i + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
    ```

    ## Fix safety
    There is no fix: a short last window also wants another divisor.

    ## References
    - https://huggingface.co/docs/accelerate/usage_guides/gradient_accumulation
    - Real case: https://github.com/modelscope/ms-swift/issues/10084.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The conditions of one file that leave batches over."""
        if not code.mentions("%", "ccum", "+= 1"):
            return
        told: set[ast.AST] = set()
        for window in windows(code):
            if window.guard is None or window.guard in told or not _leaves_over(code, window):
                continue
            told.add(window.guard)
            yield _claim(code, window)


def _leaves_over(code: Code, window: Window) -> bool:
    loop = next((found for found in code.loops(window.step) if found.node is window.loop), None)
    if loop is None or loop.kind != "batch" or loop.over is None or window.test is None:
        return False
    over = ast.unparse(loop.over).lower()
    if any(word in over for word in _ENDLESS) or over.startswith("range("):
        return False
    if any(isinstance(n, ast.Or) for n in ast.walk(window.test)) or not _bound(code, loop.over):
        return False
    return not steps_elsewhere(code, window) and not _thought_of(code, window)


def _bound(code: Code, over: ast.expr) -> bool:
    """Whether the names of what a loop goes over are bound at all: of a fragment, nothing is known."""
    names = [n for n in ast.walk(over) if isinstance(n, ast.Name)]
    where = code.where(over)
    return all(
        code.project.binding(n.id, where)[1] or code.name(n) is not None or n.id == "self"
        for n in names
    )


def _thought_of(code: Code, window: Window) -> bool:
    """Whether the function speaks of the end of the loader beside the condition itself."""
    counted = window.where.scope.node
    for node in ast.walk(counted):
        match node:
            case ast.BinOp(op=ast.Mod(), left=ast.Call(func=ast.Name(id="len"))):
                return True
            case ast.Compare(comparators=[right]) if "len(" in ast.unparse(right):
                return True
            case ast.Name(id=name) if "last" in name or "remainder" in name:
                return True
    return False


def _claim(code: Code, window: Window) -> Claim:
    assert window.guard is not None
    every = ast.unparse(window.every)
    name = ast.unparse(window.optimizer)
    return code.claim(
        window.guard.test,
        f"`{name}` steps once for `{every}` batches and never on what is left at the end of the loop: those "
        "gradients are lost, or spill into the next epoch",
        "step at the last batch too, divided by the number of batches that are left, or drop the remainder on purpose",
        because=[code.step("the step that the last batches do not reach", window.step)],
        confidence=0.86,
        every=every,
    )
