"""Gradient accumulation: steps of an optimizer that come once for several backward passes."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.kit.code import knowledge
from labhand.kit.code.model import LoopNode
from labhand.kit.code.project import Where
from labhand.kit.code.training import Event, events, inside, stepped
from labhand.kit.code.view import View


class Window(NamedTuple):
    """One step for several passes of `loop`.

    `every` is the number of passes, as written; `test` the condition of the step as it is written out
    (None where the passes are a loop of their own, after which the step stands).
    """

    step: ast.Call
    optimizer: ast.expr
    loop: LoopNode
    where: Where
    every: ast.expr
    test: ast.expr | None
    guard: ast.If | None
    backwards: list[Event]


def windows(view: View) -> list[Window]:
    """The windows of one file."""
    key = ("windows", view.source.path)
    if key not in view.project.domains:
        view.project.domains[key] = list(_find(view))
    found: list[Window] = view.project.domains[key]
    return found


def _find(view: View) -> Iterator[Window]:
    for call, scope in view.source.index.called.get("step", ()):
        where = Where(view.source, scope)
        loops = view.source.index.loops(call)
        if not loops or not view.mentions("backward"):
            continue
        optimizer = stepped(call, view.project, where)
        if optimizer is None or "sched" in ast.unparse(optimizer).lower():
            continue
        found = _by_condition(view, call, optimizer, where, loops[0])
        found = found or _by_inner_loop(view, call, optimizer, where, loops[0])
        if found is not None:
            yield found


def _by_condition(
    view: View, call: ast.Call, optimizer: ast.expr, where: Where, loop: LoopNode
) -> Window | None:
    for guard, holds in _conditions(view, call, loop):
        test = _written_out(view, guard.test)
        every = _every(view, test, holds, loop, guard)
        if every is None:
            continue
        happening = events(view.project, inside(loop), where)
        always = [e for e in happening if not _follows(view, e.root, guard, holds)]
        backwards = [e for e in always if e.kind == "backward"]
        clears = [e for e in happening if e.kind == "clear"]
        if backwards and clears and not any(e in always for e in clears):
            return Window(call, optimizer, loop, where, every, test, guard, backwards)
    return None


def _conditions(view: View, node: ast.AST, loop: LoopNode) -> Iterator[tuple[ast.If, bool]]:
    """The conditions in the loop under which a node runs: around it, or by a `continue` before it."""
    inner = node
    for above in view.source.index.ancestors(node):
        if isinstance(above, ast.If):
            yield above, inner in above.body
        block = [s for f in ("body", "orelse") for s in _statements(above, f)]
        if inner in block:
            for earlier in block[: block.index(inner)]:
                if isinstance(earlier, ast.If) and isinstance(earlier.body[-1], ast.Continue):
                    yield earlier, False
        if above is loop:
            return
        inner = above


def _statements(node: ast.AST, field: str) -> list[ast.AST]:
    found = getattr(node, field, None)
    return found if isinstance(found, list) else []


def _follows(view: View, node: ast.AST, guard: ast.If, holds: bool) -> bool:
    """Whether a node runs only where the condition lets the step run."""
    chain = [node, *view.source.index.ancestors(node)]
    if guard in chain:
        return (chain[chain.index(guard) - 1] in guard.body) == holds
    return not holds and getattr(node, "lineno", 0) > guard.lineno


def _written_out(view: View, test: ast.expr) -> ast.expr:
    """A condition that is kept in a name, as it is computed."""
    if isinstance(test, ast.Name):
        _, bound = view.project.reaching(test, view.where(test))
        if len(bound) == 1 and bound[0].how == "assign" and bound[0].value is not None:
            return bound[0].value
    return test


def _every(
    view: View, test: ast.expr, holds: bool, loop: LoopNode, guard: ast.If
) -> ast.expr | None:
    """How many passes a condition waits for; None where it does not count passes."""
    for part in ast.walk(test):
        match part:
            case ast.Compare(left=ast.BinOp(op=ast.Mod(), right=every), ops=[op], comparators=[_]):
                if isinstance(op, ast.Eq) == holds:
                    return _number(every)
            case ast.UnaryOp(op=ast.Not(), operand=ast.BinOp(op=ast.Mod(), right=every)) if holds:
                return _number(every)
            case ast.Compare(left=left, ops=[ast.Eq() | ast.GtE()], comparators=[every]) if holds:
                if _counts_up(view, left, loop, guard):
                    return _number(every)
    if not holds and isinstance(test, ast.BinOp) and isinstance(test.op, ast.Mod):
        return _number(test.right)
    return None


def _number(every: ast.expr) -> ast.expr | None:
    return None if isinstance(every, ast.Constant) and every.value in (0, 1) else every


def _counts_up(view: View, counter: ast.expr, loop: LoopNode, guard: ast.If) -> bool:
    """Whether a name is counted up in the loop and set back under the condition."""
    name = ast.unparse(counter)
    grows = any(
        isinstance(n, ast.AugAssign) and ast.unparse(n.target) == name
        for s in loop.body
        for n in ast.walk(s)
    )
    back = any(
        isinstance(n, ast.Assign) and [ast.unparse(t) for t in n.targets] == [name]
        for s in guard.body
        for n in ast.walk(s)
    )
    return grows and back


def _by_inner_loop(
    view: View, call: ast.Call, optimizer: ast.expr, where: Where, loop: LoopNode
) -> Window | None:
    """Passes that are a loop of their own, named as accumulation, before the step."""
    for inner in view.source.index.by_type.get(ast.For, ()):
        assert isinstance(inner, ast.For)
        over = inner.iter
        header = f"{ast.unparse(inner.target)} {ast.unparse(over)}"
        is_range = isinstance(over, ast.Call) and ast.unparse(over.func) == "range"
        if not is_range or not knowledge.ACCUMULATION.search(header):
            continue
        assert isinstance(over, ast.Call)
        if loop not in view.source.index.loops(inner) or len(over.args) != 1:
            continue
        happening = events(view.project, inside(inner), where)
        backwards = [e for e in happening if e.kind == "backward"]
        if backwards and not any(e.kind in ("clear", "step") for e in happening):
            return Window(call, optimizer, inner, where, over.args[0], None, None, backwards)
    return None


def steps_elsewhere(view: View, window: Window) -> bool:
    """Whether the optimizer steps in the same function at another place too."""
    name = ast.unparse(window.optimizer)
    for call in window.where.scope.calls:
        other = stepped(call, view.project, window.where)
        if call is not window.step and other is not None and ast.unparse(other) == name:
            return True
    return False
