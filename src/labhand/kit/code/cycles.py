"""Loops in which an optimizer steps on gradients that nothing on the way round clears."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.kit.code import flow
from labhand.kit.code.knowledge import OPTIMIZER_NAME
from labhand.kit.code.model import LoopNode
from labhand.kit.code.origins import argument
from labhand.kit.code.project import CallSite, Project, Where
from labhand.kit.code.source import Source
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


class Cycle(NamedTuple):
    """A loop in which gradients are added by `backward` and used by `step`."""

    loop: LoopNode
    where: Where
    backward: Event


class Uncleared(NamedTuple):
    """A step on gradients that nothing on its cycle clears; `outside`: a clearing before the loop."""

    step: ast.Call
    optimizer: ast.expr
    cycle: Cycle
    where: Where
    outside: ast.Call | None


def uncleared(project: Project, source: Source) -> list[Uncleared]:
    """The steps of a file whose gradients are never cleared, one for each optimizer and loop."""
    key = ("uncleared", source.path)
    if key not in project.domains:
        project.domains[key] = list(_find(project, source))
    found: list[Uncleared] = project.domains[key]
    return found


def _find(project: Project, source: Source) -> Iterator[Uncleared]:
    told: set[tuple[ast.AST, str]] = set()
    for call, scope in source.index.called.get("step", ()):
        where = Where(source, scope)
        optimizer = stepped(call, project, where)
        if optimizer is None or not isinstance(optimizer, ast.Name | ast.Attribute | ast.Subscript):
            continue
        cycle = _without_clearing(project, call, optimizer, where)
        if cycle is not None and (cycle.loop, ast.unparse(optimizer)) not in told:
            told.add((cycle.loop, ast.unparse(optimizer)))
            outside = _cleared_before(project, optimizer, cycle)
            yield Uncleared(call, optimizer, cycle, where, outside)


def _without_clearing(
    project: Project, call: ast.Call, optimizer: ast.expr, where: Where
) -> Cycle | None:
    for cycle in _cycles(project, call, optimizer, where, _CALLERS_UP):
        happening = events(project, inside(cycle.loop), cycle.where)
        cleared = any(_may_clear(project, e, optimizer, where) for e in happening)
        if not cleared and proves_optimizer(project, optimizer, where):
            return cycle
    return None


def _cleared_before(project: Project, optimizer: ast.expr, cycle: Cycle) -> ast.Call | None:
    """A clearing of the optimizer in the function of the loop that stands before the loop, or a call of one."""
    names = cycle.where.source.names
    ways = names.paths(cycle.where.scope)
    written = ast.unparse(optimizer)
    for call in cycle.where.scope.calls:
        function = call.func
        if not isinstance(function, ast.Attribute) or not ways.leads(names.point(call), cycle.loop):
            continue
        if function.attr == "zero_grad" and ast.unparse(function.value) == written:
            return call
        if ast.unparse(function.value) == "self" and written.startswith("self."):
            for event in events(project, [call], cycle.where):
                subject = ast.unparse(event.subject) if event.subject is not None else ""
                if event.kind == "clear" and event.root is call and subject == written:
                    here = event.where.source is cycle.where.source
                    return event.node if here and isinstance(event.node, ast.Call) else call
    return None


def _cycles(
    project: Project, node: ast.Call, optimizer: ast.expr, where: Where, up: int
) -> Iterator[Cycle]:
    """The innermost loops on which both this step and a backward happen, callers included."""
    held = {n.id for n in ast.walk(optimizer) if isinstance(n, ast.Name)} - {"self"}
    for loop in where.source.index.loops(node):
        if not flow.on_cycle(where.source.index.parents, node, loop) or flow.runs_once(loop):
            continue
        if _rebinds(loop, held, optimizer):
            continue
        for event in events(project, inside(loop), where):
            if event.kind == "backward":
                yield Cycle(loop, where, event)
                return
    if up == 0:
        return
    for site in project.callers(where) or ():
        passed = _as_passed(site, where, optimizer)
        yield from _cycles(project, site.call, passed, site.where, up - 1)


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


def _may_clear(project: Project, event: Event, optimizer: ast.expr, where: Where) -> bool:
    if event.kind == "clear":
        return not surely_apart(project, event, optimizer, where)
    if event.kind != "opaque":
        return False
    if event.subject is None:
        return True
    written = ast.unparse(event.subject).removeprefix("*")
    looks_like_one = bool(OPTIMIZER_NAME.match(written.rpartition(".")[2]))
    return written in (ast.unparse(optimizer), "self") or looks_like_one
