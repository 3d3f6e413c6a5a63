"""Gradients that are clipped while they still carry the scale of mixed precision."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call

_CLIPS = tuple(f"torch.nn.utils.clip_grad_{how}" for how in ("norm_", "value_", "norm"))


class Rule:
    """Gradients that are clipped while they still carry the scale of mixed precision.

    ## What it does
    Reports `clip_grad_norm_` and `clip_grad_value_` where a way leads to it from
    `scaler.scale(loss).backward()` on which nothing unscales the gradients.

    ## Why is this bad
    A GradScaler multiplies the loss by up to 65,536, and the gradients with it. A threshold of 1.0 then
    cuts every gradient to a tiny vector: the step keeps its direction and loses its length, the
    learning rate means something else, and differently each time the scale changes. No error is raised.

    ## Known problems
    Silent where a project's own helper or accelerate, Fabric or DeepSpeed clips, where `get_scale` hints
    at unscaling by hand, and where the scaler is made with `enabled=False`.

    ## Example
    ```python
    scaler.scale(loss).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    ```

    ## Use instead
    ```python
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    ```

    ## Fix safety
    Scientific: the fix inserts `scaler.unscale_(optimizer)`, and the threshold begins to mean what it says.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-clipping
    - Real cases: https://github.com/pytorch/examples/pull/1196,
      https://github.com/milesial/Pytorch-UNet/issues/468,
      https://github.com/Lightning-AI/pytorch-lightning/issues/9599.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The clippings of one file that happen before unscaling."""
        if not code.mentions_near("clip_grad_") or not code.mentions_near(".scale("):
            return
        yield from _by_helpers(code)
        if not code.mentions("clip_grad_") or not code.mentions(".scale("):
            return
        backwards = [c for c in code.calls(".backward") if _scaler(code, c) is not None]
        for clip in code.calls(*_CLIPS):
            for backward in backwards:
                if backward.where.scope is clip.where.scope and _still_scaled(code, backward, clip):
                    yield _claim(code, clip, backward)
                    break


def _by_helpers(code: Code) -> Iterator[Claim]:
    """Loops whose passes scale a loss, propagate it back and clip, where functions of the project do one of it."""
    for loop in (*code.nodes(ast.For), *code.nodes(ast.While)):
        happening = list(code.running(loop))
        methods = {h.call.method for h in happening}
        if "scale" not in methods or methods & {"unscale_", "get_scale"}:
            continue
        scaled: Call | None = None
        for one in happening:
            call = one.call
            if call.method == "backward" and _scales(call):
                scaled = call
            elif call.method in ("step", "zero_grad"):
                scaled = None
            elif scaled is not None and call.name in _CLIPS:
                same = call.where.scope is scaled.where.scope
                if not same and isinstance(one.root, ast.expr):
                    yield code.claim(
                        one.root,
                        "gradients are clipped while they still carry the scale of the loss: the threshold "
                        "cuts gradients that are thousands of times too large",
                        "call `scaler.unscale_(optimizer)` before clipping",
                        because=[
                            code.step("the gradients are scaled here", scaled.node, scaled.where),
                            code.step("they are clipped here", call.node, call.where),
                        ],
                        confidence=0.95,
                    )
                break


def _scales(backward: Call) -> bool:
    """Whether it is `scaler.scale(loss).backward()`."""
    scaled = backward.receiver
    return (
        isinstance(scaled, ast.Call)
        and isinstance(scaled.func, ast.Attribute)
        and scaled.func.attr == "scale"
    )


def _scaler(code: Code, backward: Call) -> ast.expr | None:
    """The scaler of `scaler.scale(loss).backward()`, unless it surely does nothing."""
    scaled = backward.receiver
    if not isinstance(scaled, ast.Call) or not isinstance(scaled.func, ast.Attribute):
        return None
    if scaled.func.attr != "scale":
        return None
    scaler = scaled.func.value
    made = code.made_by(scaler)
    return None if made is not None and made.option("enabled", True) is False else scaler


def _still_scaled(code: Code, backward: Call, clip: Call) -> bool:
    unscales = code.does("unscale_", "get_scale", "step", "zero_grad", where=clip.where)
    return code.leads(backward.node, clip.node, avoiding=unscales)


def _claim(code: Code, clip: Call, backward: Call) -> Claim:
    scaler = _scaler(code, backward)
    assert scaler is not None
    name = ast.unparse(scaler)
    return code.claim(
        clip.node,
        f"gradients are clipped while they still carry the scale of `{name}`: the threshold cuts "
        "gradients that are thousands of times too large",
        f"call `{name}.unscale_(optimizer)` before clipping",
        because=[code.step("the gradients are scaled here", backward.node)],
        confidence=0.97,
        change=_change(code, clip, name),
        scaler=name,
    )


def _change(code: Code, clip: Call, scaler: str) -> Change | None:
    """Unscales before the clipping, where that runs once for each step."""
    for step in code.calls(".step"):
        optimizer = step.arg(0, "optimizer")
        on_scaler = step.receiver is not None and ast.unparse(step.receiver) == scaler
        if not on_scaler or optimizer is None or step.where.scope is not clip.where.scope:
            continue
        conditions = {test for test, _ in code.guards(step.node)}
        if not conditions <= {test for test, _ in code.guards(clip.node)}:
            return None
        text = f"{scaler}.unscale_({ast.unparse(optimizer)})"
        anchor = code.source.index.statement(clip.node)
        return Change("scientific", f"Insert `{text}`", [code.before(anchor, text)])
    return None
