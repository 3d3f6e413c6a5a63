"""A plateau schedule that is not told how the validation went."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.metric_names import direction


class Rule:
    """A plateau schedule that is not told how the validation went.

    ## What it does
    Looks at `ReduceLROnPlateau.step(…)` and reports that it is given nothing, the number of the epoch,
    the loss of the last training batch, a value of each batch in the batch loop, or a score that grows
    while the schedule waits for one that falls (`mode="min"` is the default).

    ## Why is this bad
    The schedule lowers the learning rate when its metric stops getting better. With another number it
    lowers it by chance, after a few batches, or just when the model improves.

    ## Known problems
    Silent where it cannot see what made the schedule, or what the number is.

    ## Example
    ```python
    scheduler = ReduceLROnPlateau(optimizer)
    for epoch in range(epochs):
        train(model)
        scheduler.step(epoch)
    ```

    ## Use instead
    ```python
    for epoch in range(epochs):
        train(model)
        scheduler.step(evaluate(model, val_loader))
    ```

    ## Fix safety
    Scientific: the mode of the schedule is set to what its metric needs; for the rest there is no fix.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
    - Real case: https://github.com/victoresque/pytorch-template/issues/89.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The steps of plateau schedules in one file that are given the wrong number."""
        if not code.mentions("ReduceLROnPlateau"):
            return
        for call in code.calls(".step"):
            if call.receiver is None:
                continue
            made = code.scheduler(call.receiver)
            if made is not None and (made.name or "").endswith("ReduceLROnPlateau"):
                yield from _step(code, call, made)


def _step(code: Code, call: Call, made: Call) -> Iterator[Claim]:
    given = call.arg(0, "metrics")
    if given is None:
        if not call.node.args and not call.node.keywords:
            yield _claim(code, call, made, "it is given no metric at all", 0.97)
        return
    loops = code.loops(call.node)
    if isinstance(given, ast.Name) and _counts(code, given):
        yield _claim(code, call, made, f"`{given.id}` only counts", 0.97)
        return
    if loops and loops[0].kind in ("batch", "inference") and len(code.loops(call.node, up=1)) > 1:
        if not code.guards(call.node):
            yield _claim(
                code, call, made, "it steps with every batch, and its patience counts epochs", 0.92
            )
        return
    if _last_batch(code, given):
        text = f"`{ast.unparse(given)}` is the loss of the last training batch"
        yield _claim(code, call, made, text, 0.93)
        return
    change = _mode(code, given, made)
    if change is not None:
        wanted, edits = change
        text = f"`{ast.unparse(given)}` gets better when it {'grows' if wanted == 'max' else 'falls'}, and the mode is `{_set_mode(made)}`"
        fix = (
            Change("scientific", f'Set `mode="{wanted}"`', edits)
            if made.where.source is code.source
            else None
        )
        yield _claim(code, call, made, text, 0.93, fix)


def _claim(
    code: Code, call: Call, made: Call, why: str, confidence: float, change: Change | None = None
) -> Claim:
    return code.claim(
        call.node,
        f"the plateau schedule cannot tell a plateau: {why}",
        "step it once an epoch with the validation metric, in the mode of that metric",
        because=[code.step("the schedule is made here", made.node, made.where)],
        confidence=confidence,
        change=change,
    )


def _counts(code: Code, name: ast.Name) -> bool:
    """Whether a name is the variable of a loop that only counts."""
    bindings = code.project.reaching(name, code.where(name))[1]
    return bool(bindings) and all(
        b.how == "loop"
        and b.value is not None
        and (
            ast.unparse(b.value).startswith(("range(", "trange(", "tqdm(range("))
            or (ast.unparse(b.value).startswith("enumerate(") and b.path == (0,))
        )
        for b in bindings
    )


def _last_batch(code: Code, given: ast.expr) -> bool:
    """Whether the number is what the last pass of a loop that trains left in its loss."""
    inner = given
    while isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and not inner.args:
        inner = inner.func.value
    if not isinstance(inner, ast.Name):
        return False
    bindings = code.project.reaching(inner, code.where(inner))[1]
    at = {loop.node for loop in code.loops(given)}
    for bound in bindings:
        if bound.how != "assign" or not isinstance(bound.node, ast.stmt):
            return False
        loops = [loop for loop in code.loops(bound.node) if loop.node not in at]
        if not loops or not any(h.call.method == "backward" for h in code.running(loops[0].node)):
            return False
    return bool(bindings) and code.unit(inner).value in ("mean", "sum")


def _set_mode(made: Call) -> object:
    given = made.arg(1, "mode")
    if given is None:
        return "min"
    return given.value if isinstance(given, ast.Constant) else None


def _mode(code: Code, given: ast.expr, made: Call) -> tuple[str, list] | None:  # type: ignore[type-arg]
    """The mode that the metric needs, where the schedule has the other."""
    inner = given
    while isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and not inner.args:
        inner = inner.func.value
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Div):
        inner = inner.left  # a share, or a mean
    if isinstance(inner, ast.UnaryOp | ast.BinOp):
        return None
    name = inner.attr if isinstance(inner, ast.Attribute) else ast.unparse(inner)
    if isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Constant):
        name = str(inner.slice.value)
    if not re.fullmatch(r"[\w/]+", name):
        return None
    told = direction(name) or ("up" if _counts_hits(code, inner) else "")
    wanted = {"up": "max", "down": "min"}.get(told)
    mode = _set_mode(made)
    if wanted is None or mode is None or wanted == mode or mode not in ("min", "max"):
        return None
    old = made.arg(1, "mode")
    if old is not None:
        return wanted, [code.replace(old, f'"{wanted}"')]
    return wanted, [code.after_argument(made.node, f'mode="{wanted}"')]


def _counts_hits(code: Code, node: ast.expr) -> bool:
    """Whether a number is the sum of predictions that are equal to the truth."""
    if not isinstance(node, ast.Name):
        return False
    bindings = code.project.reaching(node, code.where(node))[1]
    values = [
        b.value for b in bindings if b.value is not None and not isinstance(b.value, ast.Constant)
    ]
    return bool(values) and all(_hits(v) for v in values)


def _hits(value: ast.expr) -> bool:
    """`(prediction == truth).sum()`, or `prediction.eq(truth).sum()`, summed once more where it is."""
    compared = [
        n
        for n in ast.walk(value)
        if (isinstance(n, ast.Compare) and isinstance(n.ops[0], ast.Eq))
        or (isinstance(n, ast.Attribute) and n.attr == "eq")
    ]
    summed = any(
        (isinstance(n, ast.Attribute) and n.attr in ("sum", "mean"))
        or (isinstance(n, ast.Name) and n.id == "sum")
        for n in ast.walk(value)
    )
    return bool(compared) and summed and "argm" in ast.unparse(value)
