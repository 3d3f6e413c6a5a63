"""Half precision without a scaler, where small gradients become zero."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.origins import origins
from labhand.kit.code.project import Where
from labhand.kit.code.training import stepped

_ON_CUDA = ("torch.cuda.amp.autocast",)
_GENERAL = ("torch.autocast", "torch.amp.autocast")
_HALF = ("torch.float16", "torch.half")


class Rule:
    """Half precision without a scaler, where small gradients become zero.

    ## What it does
    Reports a plain `loss.backward()` followed by `optimizer.step()`, where the loss was computed under
    `autocast` in float16 and no GradScaler scales it.

    ## Why is this bad
    float16 holds nothing below 6e-8. Gradients of that size become zero on their way back: some layers stop
    learning, more of them the better the model gets, and nothing says so.

    ## Known problems
    Silent where the type is not known, for bfloat16 and on the CPU (whose default it is), and where the
    function scales a loss on any of its ways, or accelerate, Fabric or DeepSpeed do.

    ## Example
    ```python
    with torch.autocast("cuda", dtype=torch.float16):
        loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    ```

    ## Use instead
    ```python
    scaler = torch.amp.GradScaler("cuda")
    with torch.autocast("cuda", dtype=torch.float16):
        loss = criterion(model(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    ```

    ## Fix safety
    No fix: bfloat16, which needs no scaler, is often the better way.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/amp_examples.html
    - Micikevicius et al., Mixed Precision Training, https://arxiv.org/abs/1710.03740.
    - A real case: https://github.com/engichang1467/Open-Rig3R/issues/35.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The losses of one file that are propagated back in half precision without a scale."""
        if not code.mentions("autocast") or not code.mentions(".backward("):
            return
        if code.mentions("deepspeed", "accelerator.", "fabric.", "Fabric("):
            return
        told: set[object] = set()
        for backward in code.calls(".backward"):
            scope = backward.where.scope
            if scope in told or _scales(code, backward.where) or not _steps_after(code, backward):
                continue
            cast = _half_behind(code, backward)
            if cast is not None:
                told.add(scope)
                yield _claim(code, backward, cast)


def _claim(code: Code, backward: Call, cast: Call) -> Claim:
    return code.claim(
        backward.node,
        "this loss was computed in float16 and is propagated back without a scale: gradients below 6e-8 "
        "become zero",
        "scale it with a `torch.amp.GradScaler`, or use bfloat16",
        because=[code.step("float16 is used here", cast.node, cast.where)],
        confidence=0.9,
    )


def _scales(code: Code, where: Where) -> bool:
    """Whether a function scales a loss on any way, by torch's scaler or one of its own."""
    for node in where.scope.calls:
        call = code.call(node, where)
        if call.method in ("scale", "scale_loss", "unscale_", "get_scale"):
            return True
        if call.receiver is None and "scaler" in ast.unparse(node.func).lower():
            return True
    return False


def _steps_after(code: Code, backward: Call) -> bool:
    """Whether a plain step of an optimizer follows."""
    for call in code.calls(".step"):
        if call.where.scope is backward.where.scope and code.leads(backward.node, call.node):
            optimizer = stepped(call.node, code.project, call.where)
            written = ast.unparse(call.receiver) if call.receiver is not None else ""
            if optimizer is not None and ast.unparse(optimizer) == written:
                return True
    return False


def _half_behind(code: Code, backward: Call) -> Call | None:
    """The context in float16 under which the loss, or what it is made from, was computed."""
    if backward.receiver is None:
        return None
    for node, spot in code.behind(backward.receiver).items():
        if not isinstance(node, ast.Call):
            continue
        for cast in _contexts(code, node, spot.where):
            if _is_half(code, cast):
                return cast
    return None


def _contexts(code: Code, node: ast.Call, where: Where) -> Iterator[Call]:
    """The autocasts around a node in its function, nearest first; the decorator's last."""
    inner: ast.AST = node
    for above in where.source.index.ancestors(node):
        if isinstance(above, ast.With) and inner in above.body:
            for item in above.items:
                yield from _as_call(code, item.context_expr, where)
        inner = above
    for decorator in getattr(where.scope.node, "decorator_list", []):
        yield from _as_call(code, decorator, where)


def _as_call(code: Code, expression: ast.expr, where: Where) -> Iterator[Call]:
    """The autocast that an expression makes, or names."""
    if isinstance(expression, ast.Call):
        call = code.call(expression, where)
        if call.name in (*_ON_CUDA, *_GENERAL):
            yield call
    elif isinstance(expression, ast.Name | ast.Attribute):
        found = origins(code.project, expression, where)
        for made in found if len(found) == 1 else ():
            known = made.name in (*_ON_CUDA, *_GENERAL) and made.where is not None
            if known and isinstance(made.expression, ast.Call) and made.where is not None:
                yield code.call(made.expression, made.where)


def _is_half(code: Code, cast: Call) -> bool:
    """Whether an autocast surely computes in float16."""
    if cast.option("enabled", True) is False:
        return False
    kind = cast.arg(1 if cast.name in _GENERAL else None, "dtype")
    if kind is not None:
        return _type(code, kind, cast.where) in _HALF
    if cast.name in _ON_CUDA:
        return True
    device = cast.arg(0, "device_type")
    return isinstance(device, ast.Constant) and device.value == "cuda"


def _type(code: Code, kind: ast.expr, where: Where) -> str | None:
    """The type that an expression means, through one name."""
    known = code.project.canonical(kind, where)
    if known is not None or not isinstance(kind, ast.Name):
        return known
    home, bindings = code.project.reaching(kind, where)
    values = {code.project.canonical(b.value, home) if b.value else None for b in bindings}
    return values.pop() if len(values) == 1 else None
