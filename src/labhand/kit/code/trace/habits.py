"""What traces tell of schedules, sums and fits: how often they happen, and with what."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.kit.code.knowledge import tables
from labhand.kit.code.project import Project
from labhand.kit.code.source import Source
from labhand.kit.code.trace import Around, Event, Seen, Trace, seen, traces
from labhand.kit.code.trace.values import UNKNOWN, Data, Seq, Thing, Value


class Kept(NamedTuple):
    """A sum that lives on beyond the loop and takes in what hangs on a graph whose gradients were taken."""

    add: Event
    backward: Event


class Refit(NamedTuple):
    """A fit of one transformer on held-out data, and its other fit."""

    fit: Event
    other: Event


def rhythm(project: Project, call: ast.AST, source: Source) -> str | None:
    """How often a step of a schedule runs: batch or epoch, where all traces agree."""
    told: set[str | None] = set()
    for trace in traces(project, source):
        for one in trace.once("schedules", _schedules):
            if one.event.node is call:
                told.add(_rhythm(one))
    return told.pop() if len(told) == 1 else None


def _schedules(trace: Trace) -> Iterator[Seen]:
    return (s for s in trace.every if s.event.kind == "schedule")


def _rhythm(one: Seen) -> str | None:
    if not one.loops or any(_counts(a) for a, _ in one.branches):
        return None
    inside = list(seen(one.loops[-1].ways[0]))
    backs = [s for s in inside if s.event.kind == "backward"]
    if any(not s.loops for s in backs):
        return "batch" if len(one.loops) > 1 else None
    return "epoch" if backs else None


def _counts(around: Around) -> bool:
    """Whether a condition has to do with counting, so that what hangs on it happens now and then."""
    test = getattr(around.node, "test", None)
    return test is not None and any(isinstance(n, ast.Mod | ast.Compare) for n in ast.walk(test))


def kept(project: Project, source: Source) -> list[Kept]:
    """The sums in attributes of a file's objects that grow with the graph of a loss, pass by pass."""
    found: dict[ast.AST, Kept] = {}
    for trace in traces(project, source):
        for one in trace.once("kept", _kept):
            if one.add.where.source is source:
                found.setdefault(one.add.node, one)
    return list(found.values())


def _kept(trace: Trace) -> Iterator[Kept]:
    for loop in _loops_with_backward(trace.every):
        yield from _kept_in(loop)


def _loops_with_backward(every: list[Seen]) -> Iterator[list[Event]]:
    """What happens in each innermost loop that a backward runs in."""
    told: set[int] = set()
    for one in every:
        if one.event.kind == "backward" and one.loops and id(one.loops[-1]) not in told:
            told.add(id(one.loops[-1]))
            yield [s.event for s in seen(one.loops[-1].ways[0])]


def _kept_in(events: list[Event]) -> Iterator[Kept]:
    put = {e.word for e in events if e.kind == "put" and not isinstance(e.node, ast.AugAssign)}
    backs: list[Event] = []
    for event in events:
        if event.kind == "backward":
            backs.append(event)
        if event.kind != "add" or not isinstance(event.node, ast.AugAssign) or not event.grads:
            continue
        target: ast.expr = event.node.target
        target = target.value if isinstance(target, ast.Subscript) else target
        added = _graph(event.given[0])
        if not isinstance(target, ast.Attribute) or not added or not event.sites:
            continue
        before = next((b for b in backs if _graph(b.of) & added and _is_plain(b)), None)
        apart = before is not None and before.where.scope is not event.where.scope
        if before is not None and apart and target.attr not in put:
            yield Kept(event, before)


def _is_plain(backward: Event) -> bool:
    node = backward.node
    return isinstance(node, ast.Call) and not any(
        k.arg in ("retain_graph", "create_graph") for k in node.keywords
    )


def _graph(value: Value) -> frozenset[Value]:
    held = value.tensor.graph if isinstance(value, Data) else None
    return (held or frozenset()) - {UNKNOWN}


def refits(project: Project, source: Source) -> list[Refit]:
    """The fits of a file that one transformer goes through again with a held-out part of the data."""
    found: dict[ast.AST, Refit] = {}
    for trace in traces(project, source):
        fits = trace.once("fits", _fits)
        for fit in fits:
            others = [o for o in fits if o.of is fit.of and o is not fit]
            kind = tables.entry("estimators", fit.of.name) if isinstance(fit.of, Thing) else None
            prepares = (kind or {}).get("fits") in ("transformer", "selector", "vocabulary")
            if prepares and others and fit.where.source is source and _part(fit) == "test":
                found.setdefault(fit.node, Refit(fit, others[0]))
    return list(found.values())


def _fits(trace: Trace) -> Iterator[Event]:
    return (s.event for s in trace.every if s.event.kind == "fit")


def _part(fit: Event) -> str | None:
    given = fit.given[0] if fit.given else UNKNOWN
    given = given.items[0] if isinstance(given, Seq) and given.items else given
    return given.tensor.part if isinstance(given, Data) else None
