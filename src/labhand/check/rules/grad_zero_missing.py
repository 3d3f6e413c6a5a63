"""Gradients that pile up over the passes of a training loop."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.claim import Change, Claim, Code
from labhand.core.finding import Severity
from labhand.kit.code import flow
from labhand.kit.code.knowledge import OPTIMIZER_NAME
from labhand.kit.code.model import LoopNode
from labhand.kit.code.origins import argument, origins
from labhand.kit.code.project import CallSite, Where
from labhand.kit.code.training import (
    Event,
    events,
    inside,
    proves_optimizer,
    stepped,
    surely_apart,
    within,
)

_CALLERS_UP = 2


class _Cycle(NamedTuple):
    loop: LoopNode
    where: Where
    backward: Event


class Rule:
    """Gradients that pile up over the passes of a training loop.

    ## What it does
    Looks at each loop that holds a `backward()` and an optimizer's `step()`, in its body or in
    functions it calls, and reports the step when nothing on the way round clears the gradients.

    ## Why is this bad
    `backward()` adds to `.grad`. Without `zero_grad()` each step uses the sum of all gradients since
    the start, old ones included: the effective learning rate and direction drift, training diverges
    or stays mysteriously poor. No error is raised.

    ## Known problems
    It stays silent where it cannot see everything: optimizers made outside the project, calls
    outside the project that are handed the optimizer, accelerate, DeepSpeed and Lightning engines.

    ## Example
    ```python
    for inputs, labels in loader:
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    ```

    ## Use instead
    ```python
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    ```

    ## Fix safety
    Scientific: the fix inserts `optimizer.zero_grad()` and so changes every result from then on.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
    - Real cases: https://stackoverflow.com/questions/60335387,
      https://github.com/snakers4/silero-vad/pull/699, https://github.com/wenet-e2e/wekws/pull/73,
      and `distributed/tensor_parallelism/` of https://github.com/pytorch/examples as of 2026.
    """

    severity: Severity = "error"
    level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The steps of one file whose gradients are never cleared, one for each optimizer and loop."""
        if ".step(" not in code.source.text:
            return
        told: set[tuple[ast.AST, str]] = set()
        for scope in code.source.index.scopes:
            where = Where(code.source, scope)
            for call in scope.calls:
                claim_cycle = self._uncleared(code, call, where)
                if claim_cycle is None:
                    continue
                optimizer, cycle = claim_cycle
                key = (cycle.loop, ast.unparse(optimizer))
                if key not in told:
                    told.add(key)
                    yield self._claim(code, call, optimizer, cycle, where)

    def _uncleared(
        self, code: Code, call: ast.Call, where: Where
    ) -> tuple[ast.expr, _Cycle] | None:
        optimizer = stepped(call, code.project, where)
        if optimizer is None or not isinstance(optimizer, ast.Name | ast.Attribute | ast.Subscript):
            return None
        for cycle in _cycles(code, call, optimizer, where, _CALLERS_UP):
            happening = events(code.project, inside(cycle.loop), cycle.where)
            cleared = any(_may_clear(code, e, optimizer, where) for e in happening)
            if not cleared and proves_optimizer(code.project, optimizer, where):
                return optimizer, cycle
        return None

    def _claim(
        self, code: Code, call: ast.Call, optimizer: ast.expr, cycle: _Cycle, where: Where
    ) -> Claim:
        name = ast.unparse(optimizer)
        line, _ = cycle.where.source.place(cycle.loop.lineno)
        assert isinstance(cycle.backward.node, ast.expr)
        given = any(o.kind == "parameter" for o in origins(code.project, optimizer, where))
        return Claim(
            node=call,
            message=f"`{name}` steps on gradients that nothing clears: each pass of the loop at line "
            f"{line} adds its gradients to those of all passes before",
            advice=f"call `{name}.zero_grad()` once for each step, before the first `backward()`",
            function=where.scope.qualified,
            confidence=0.9 if given else 0.97,
            evidence={
                "optimizer": name,
                "loop": flow.loop_kind(code.project, cycle.loop, cycle.where),
            },
            related=[
                code.step("gradients are added here", cycle.backward.node, cycle.backward.where),
                code.step("the loop that comes round again", cycle.loop, cycle.where),
            ],
            change=_change(code, call, optimizer, where),
        )


def _cycles(
    code: Code, node: ast.Call, optimizer: ast.expr, where: Where, up: int
) -> Iterator[_Cycle]:
    """The innermost loops on which both this step and a backward happen, callers included."""
    held = {n.id for n in ast.walk(optimizer) if isinstance(n, ast.Name)} - {"self"}
    for loop in where.source.index.loops(node):
        if not flow.on_cycle(where.source.index.parents, node, loop) or flow.runs_once(loop):
            continue
        if _rebinds(loop, held, optimizer):
            continue
        for event in events(code.project, inside(loop), where):
            if event.kind == "backward":
                yield _Cycle(loop, where, event)
                return
    if up == 0:
        return
    for site in code.project.callers(where) or ():
        passed = _as_passed(site, where, optimizer)
        yield from _cycles(code, site.call, passed, site.where, up - 1)


def _as_passed(site: CallSite, target: Where, optimizer: ast.expr) -> ast.expr:
    """The optimizer as the caller knows it: its argument, or the object whose method is called."""
    root = optimizer
    while isinstance(root, ast.Attribute | ast.Subscript):
        root = root.value
    if isinstance(root, ast.Name) and root.id != "self":
        return argument(site, target, root.id) or optimizer
    function = site.call.func
    return function.value if isinstance(function, ast.Attribute) else optimizer


def _rebinds(loop: LoopNode, held: set[str], optimizer: ast.expr) -> bool:
    """Whether each pass has another optimizer: the loop or its body binds what it is reached by."""
    written = ast.unparse(optimizer)
    for part in ([] if isinstance(loop, ast.While) else [loop.target]) + list(loop.body):
        for node in within(part):
            stored = isinstance(getattr(node, "ctx", None), ast.Store)
            if stored and isinstance(node, ast.Name) and node.id in held:
                return True
            if stored and isinstance(node, ast.Attribute) and written.startswith(ast.unparse(node)):
                return True
    return False


def _may_clear(code: Code, event: Event, optimizer: ast.expr, where: Where) -> bool:
    if event.kind == "clear":
        return not surely_apart(code.project, event, optimizer, where)
    if event.kind != "opaque":
        return False
    if event.subject is None:
        return True
    written = ast.unparse(event.subject).removeprefix("*")
    looks_like_one = bool(OPTIMIZER_NAME.match(written.rpartition(".")[2]))
    return written in (ast.unparse(optimizer), "self") or looks_like_one


def _change(code: Code, call: ast.Call, optimizer: ast.expr, where: Where) -> Change | None:
    """Clears before the first backward of this step, or after the step where that lies elsewhere."""
    index = code.source.index
    step = index.statement(call)
    block = index.block(step)
    text = f"{ast.unparse(optimizer)}.zero_grad()"
    before: ast.stmt | None = None
    for statement in block[: block.index(step)]:
        kinds = {e.kind for e in events(code.project, [statement], where)}
        if "step" in kinds:
            before = None
        elif "backward" in kinds and before is None:
            before = statement
    anchor, after = (before, False) if before is not None else _closure(code, call, where, step)
    edit = code.after(anchor, text) if after else code.before(anchor, text)
    return Change("scientific", f"Insert `{text}`", [edit])


def _closure(code: Code, call: ast.Call, where: Where, step: ast.stmt) -> tuple[ast.stmt, bool]:
    """Where to clear for `step(closure)`: at the start of the closure; else after the step."""
    given = [*call.args, *(k.value for k in call.keywords)]
    for expression in given:
        closure = code.project.definition(expression, where)
        if isinstance(closure, Where) and closure.source is code.source:
            node = closure.scope.node
            first = next((s for s in node.body if not _is_docstring(s)), None)
            if first is not None:
                return first, False
    return step, True


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
