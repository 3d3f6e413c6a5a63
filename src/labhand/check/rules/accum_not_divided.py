"""Gradients of several micro-batches that are added up where they should be averaged."""

import ast
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import knowledge
from labhand.kit.code.facts import Spot, Step
from labhand.kit.code.training import Event
from labhand.kit.code.windows import Window, windows

_CRITERION = re.compile(r"(^|\.|_)(criterion|loss_?fn|loss_?func(tion)?|crit)$", re.I)
_SCALES = re.compile(r"^(true_)?(div|mul)(ide|_)?", re.I)


class _Proof(NamedTuple):
    loss: ast.expr
    steps: list[Step]
    sure: bool


class Rule:
    """Gradients of several micro-batches that are added up where they should be averaged.

    ## What it does
    Reports a `backward()` on a loss that is the mean of its batch, in a loop in which the optimizer steps
    once for several passes, where nothing divides the loss by the number of passes.

    ## Why is this bad
    The gradient is k times that of one batch of k times the size: SGD takes steps k times too large,
    clipping cuts nearly all of them, and results change with the number of accumulation steps.

    ## Known problems
    Silent where the loss is a sum, of unknown reduction, divided by something computed, and where
    accelerate, Fabric or DeepSpeed run the backward pass. Adam hides most of it, apart from clipping.

    ## Example
    ```python
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        loss.backward()
        if (i + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
    ```

    ## Use instead
    ```python
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        (loss / 4).backward()
        if (i + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
    ```

    ## Fix safety
    Scientific: the fix divides the loss for the backward pass, so steps become k times smaller.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-accumulation
    - Real cases: https://github.com/karpathy/nanoGPT/commit/553f949f and
      https://github.com/OpenNMT/OpenNMT-py/issues/526.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The backward passes of one file whose gradients add up undivided."""
        if not code.mentions("%", "ccum", "micro", "+= 1"):
            return
        told: set[ast.AST] = set()
        for window in windows(code):
            for backward in window.backwards:
                proof = _undivided(code, window, backward)
                if proof is not None and backward.node not in told:
                    told.add(backward.node)
                    yield _claim(code, window, backward, proof)


def _undivided(code: Code, window: Window, backward: Event) -> _Proof | None:
    call = backward.node
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    if backward.where.source is not code.source or _scaled_later(code, window):
        return None
    loss = call.func.value
    names = {ast.unparse(window.every)} | _meaning(code, window.every)
    steps: list[Step] = []
    sure = True
    for node, spot in code.behind(loss).items():
        if _divides(node, names):
            return None
        told = _is_mean(code, spot, names)
        if told is False:
            return None
        if told is not None:
            steps.append(told[0])
            sure &= told[1]
    return _Proof(_inner(loss), steps, sure) if steps else None


def _is_mean(code: Code, spot: Spot, names: set[str]) -> tuple[Step, bool] | Literal[False] | None:
    """What shows that a loss is a mean, and whether surely; False: it is none, or may be divided."""
    node = spot.node
    if isinstance(node, ast.Attribute) and node.attr == "loss":
        return code.step("the model gives its mean loss here", node, spot.where), False
    if not isinstance(node, ast.Call):
        return None
    made = code.call(node, spot.where)
    if made.entry("losses") is not None:
        step = code.step("the loss is the mean of its batch", node, spot.where)
        return (step, True) if code.unit(spot).value == "mean" else False
    if made.target is not None:
        return None
    if made.name is None and _CRITERION.search(ast.unparse(node.func)):
        return code.step("the loss, by its name, of one batch", node, spot.where), False
    handed = {ast.unparse(a) for a in node.args if not isinstance(a, ast.Constant)}
    return False if handed & names else None


def _inner(loss: ast.expr) -> ast.expr:
    """The loss in `scaler.scale(loss)`."""
    if isinstance(loss, ast.Call) and isinstance(loss.func, ast.Attribute) and loss.args:
        return loss.args[0] if loss.func.attr == "scale" else loss
    return loss


def _meaning(code: Code, every: ast.expr) -> set[str]:
    """What a name or attribute was last set to, as written."""
    if not isinstance(every, ast.Name):
        return set()
    _, bound = code.project.reaching(every, code.where(every))
    return {ast.unparse(b.value) for b in bound if b.value is not None and b.how == "assign"}


def _divides(node: ast.expr, names: set[str]) -> bool:
    """Whether something is divided by, or multiplied with, the number of passes, or what may be it."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Mult):
        parts = [node.right] if isinstance(node.op, ast.Div) else [node.left, node.right]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        parts = node.args if _SCALES.match(node.func.attr) else []
    for part in parts:
        written = {ast.unparse(n) for n in ast.walk(part) if isinstance(n, ast.expr)}
        if written & names or any(knowledge.ACCUMULATION.search(w) for w in written):
            return True
    divided = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
    return divided and bool(parts) and not isinstance(parts[0], ast.Constant)


def _scaled_later(code: Code, window: Window) -> bool:
    """Whether the function divides gradients, or the loss in place, by whatever number."""
    for call in window.where.scope.calls:
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in ("div_", "mul_"):
            on = ast.unparse(function.value)
            if "grad" in on or "loss" in on:
                return True
    for node in code.nodes(ast.AugAssign):
        if isinstance(node.op, ast.Div | ast.Mult) and "grad" in ast.unparse(node.target):
            return True
    return code.mentions("scale_grad", "average_grad", "normalize_grad")


def _claim(code: Code, window: Window, backward: Event, proof: _Proof) -> Claim:
    every = ast.unparse(window.every)
    node = backward.node
    assert isinstance(node, ast.Call)
    name = ast.unparse(window.optimizer)
    return code.claim(
        node,
        f"gradients of `{every}` passes are added up before `{name}.step()`, each of a mean loss that "
        f"nothing divides: the step is `{every}` times too large",
        f"divide the loss by `{every}` before `backward()`",
        because=[*proof.steps[:2], code.step("one step for several passes", window.step)],
        confidence=0.95 if proof.sure else 0.88,
        change=_change(code, window, node, proof),
        every=every,
    )


def _change(code: Code, window: Window, backward: ast.Call, proof: _Proof) -> Change | None:
    if code.where(backward).scope is not window.where.scope:
        return None
    assert isinstance(backward.func, ast.Attribute)
    every = code.text(window.every)
    simple = isinstance(window.every, ast.Name | ast.Attribute | ast.Constant)
    divided = f"{code.text(proof.loss)} / {every if simple else f'({every})'}"
    plain = isinstance(proof.loss, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
    if not plain:
        return None
    text = f"({divided})" if proof.loss is backward.func.value else divided
    return Change("scientific", f"Divide the loss by `{every}`", [code.replace(proof.loss, text)])
