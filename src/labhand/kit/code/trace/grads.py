"""Whose gradients a step uses: told from the order of backward, clearing and step around a loop."""

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from labhand.kit.code import flow, knowledge
from labhand.kit.code.model import LoopNode
from labhand.kit.code.project import Project
from labhand.kit.code.source import Source
from labhand.kit.code.trace import Around, Event, Happening, Seen, Trace, seen, traces
from labhand.kit.code.trace.values import (
    UNKNOWN,
    Data,
    Thing,
    Value,
    is_optimizer,
    leaves,
    parts,
)

_DEEPEST = 6
_Found = TypeVar("_Found")


class Piled(NamedTuple):
    """A step in a loop that nothing on the way round clears."""

    step: Event
    backward: Event
    loop: Around


class Mixed(NamedTuple):
    """A step on gradients of two losses, the first of which another optimizer had used already."""

    step: Event
    backward: Event
    other: Event


def piled(project: Project, source: Source) -> list[Piled]:
    """The steps on known optimizers of a file whose gradients pile up over the passes of a loop."""
    found: dict[ast.AST, Piled] = {}
    for trace in traces(project, source):
        for one in trace.once("piled", lambda t: _each(t, lambda loop: _in_loop(project, loop))):
            if one.step.where.source is source:
                found.setdefault(one.step.node, one)
    return list(found.values())


def mixed(project: Project, source: Source) -> list[Mixed]:
    """The backward calls of a file that leave gradients in weights which a later step uses with its own."""
    found: dict[ast.AST, Mixed] = {}
    for trace in (t for t in traces(project, source) if t.whole):
        for one in trace.once("mixed", lambda t: _each(t, lambda loop: _of_two(project, loop))):
            if one.backward.where.source is source:
                found.setdefault(one.backward.node, one)
    return list(found.values())


def _each(trace: Trace, find: Callable[[Around], Iterator[_Found]]) -> Iterator[_Found]:
    for loop in _loops(trace.happened):
        yield from find(loop)


def _loops(happened: list[Happening]) -> Iterator[Around]:
    for one in happened:
        if isinstance(one, Around):
            for way in one.ways:
                yield from _loops(way)
            if one.loop:
                yield one


def _comes_round(loop: Around) -> bool:
    return isinstance(loop.node, LoopNode) and not flow.runs_once(loop.node)


def _in_loop(project: Project, loop: Around) -> Iterator[Piled]:
    inside = list(seen(loop.ways[0]))
    events = [s.event for s in inside]
    backward = next((e for e in events if e.kind == "backward"), None)
    if backward is None or not _comes_round(loop):
        return
    for step in events:
        optimizer = step.of
        if step.kind != "step" or not isinstance(optimizer, Thing):
            continue
        if not is_optimizer(project, optimizer) or _is_inner(inside, step):
            continue
        if _holds(loop.over, optimizer, _DEEPEST):
            continue  # each pass has another
        if any(_may_clear(e, optimizer) for e in events) or not _goes_on(step, loop):
            continue
        before = next((e for e in events if e.kind == "backward" and _reaches(e, optimizer)), None)
        if before is not None:
            yield Piled(step, before, loop)


def _is_inner(inside: list[Seen], step: Event) -> bool:
    """Whether a loop within this one holds the step and a backward: that loop tells of it."""
    around = next(s.loops for s in inside if s.event is step)
    return any(s.event.kind == "backward" and s.loops[:1] == around[:1] for s in inside) and bool(
        around
    )


def _goes_on(step: Event, loop: Around) -> bool:
    """Whether the loop can come round again after a step."""
    assert isinstance(loop.node, LoopNode)
    roots = [n for n, where in step.sites if where.scope is loop.where.scope]
    root: ast.AST = roots[-1] if roots and step.where.scope is not loop.where.scope else step.node
    parents = loop.where.source.index.parents
    above: ast.AST | None = root
    while above is not None and above is not loop.node:
        above = parents.get(above)
    return above is not None and flow.on_cycle(parents, root, loop.node)


def _reaches(backward: Event, optimizer: Thing) -> bool:
    """Whether gradients may flow into what an optimizer holds."""
    graph = backward.of.tensor.graph if isinstance(backward.of, Data) else None
    if graph is None or UNKNOWN in graph:
        return True
    held = set(_weights(optimizer))
    return not held or bool(held & graph)


def _surely_reaches(backward: Event, optimizer: Thing) -> bool:
    graph = backward.of.tensor.graph if isinstance(backward.of, Data) else None
    return bool(graph and graph & set(_weights(optimizer)))


def _weights(optimizer: Value) -> list[Value]:
    """The layers whose weights an optimizer holds, as far as they are known."""
    if not isinstance(optimizer, Thing):
        return []
    found = [*optimizer.args, *optimizer.options.values()]
    return [leaf for given in found for leaf in leaves(given)]


def _may_clear(event: Event, optimizer: Thing) -> bool:
    """Whether an event may clear the gradients that an optimizer uses."""
    if event.kind == "made":
        return event.of is optimizer
    if event.kind == "opaque":
        return any(_holds(g, optimizer, _DEEPEST) for g in event.given)
    if event.kind != "clear":
        return False
    if event.of is optimizer:
        return True
    if not isinstance(event.of, Thing) or (event.of.name is None and event.of.known is None):
        return True
    mine, others = set(_weights(optimizer)), {*_weights(event.of), *leaves(event.of)}
    if (
        not mine
        or not others
        or (others == {event.of} and knowledge.is_optimizer(event.of.name or ""))
    ):
        return True  # of one of them it is not known what it holds
    return bool(mine & others)


def _holds(value: Value, wanted: Thing, depth: int) -> bool:
    """Whether something can be reached from a value."""
    if value is wanted:
        return True
    if depth == 0:
        return False
    inner = parts(value)
    if isinstance(value, Thing):
        inner = [*value.args, *value.options.values(), *value.attributes.values()]
    return any(_holds(part, wanted, depth - 1) for part in inner)


def _of_two(project: Project, loop: Around) -> Iterator[Mixed]:
    """Twice round the loop: what a step finds in the weights that another's loss has left there."""
    if not _comes_round(loop):
        return
    every = list(seen(loop.ways[0]))
    optimizers = {
        s.event.of for s in every if s.event.kind == "step" and is_optimizer(project, s.event.of)
    }
    for optimizer in optimizers if 1 < len(optimizers) < 5 else ():
        assert isinstance(optimizer, Thing)
        steps = [s for s in every if s.event.kind == "step" and s.event.of is optimizer]
        for step in steps:
            mine = [s.event for s in every if _together(s, step)]
            yield from _polluted(mine, optimizer, optimizers)


def _together(one: Seen, other: Seen) -> bool:
    """Whether no condition parts two events."""
    ways = {id(around): way for around, way in other.branches}
    return all(ways.get(id(around), way) == way for around, way in one.branches)


def _polluted(events: list[Event], optimizer: Thing, optimizers: set[Value]) -> Iterator[Mixed]:
    first: Event | None = None
    used: Event | None = None
    for event in [*events, *events]:
        if _may_clear(event, optimizer):
            first = used = None
        elif event.kind == "backward" and _surely_reaches(event, optimizer):
            if used is None or first is None:
                first = event
            elif first.node is not event.node:
                yield from _told(events, first, used, optimizer)
                return
        elif event.kind == "step" and event.of is optimizer:
            first = used = None
        elif first is not None and event.of in optimizers and _takes(event, optimizer, first):
            used = event


def _takes(step: Event, optimizer: Thing, first: Event) -> bool:
    """Whether a step of another optimizer, of other weights, uses the gradients of a backward."""
    other = step.of
    if step.kind != "step" or not isinstance(other, Thing):
        return False
    return not set(_weights(other)) & set(_weights(optimizer)) and _surely_reaches(first, other)


def _told(events: list[Event], first: Event, used: Event, optimizer: Thing) -> Iterator[Mixed]:
    step = next((e for e in events if e.kind == "step" and e.of is optimizer), None)
    if step is not None:
        yield Mixed(step, first, used)
