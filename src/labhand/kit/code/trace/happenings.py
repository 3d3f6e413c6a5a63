"""What happens in a training, in order: the events of a trace, with the loops and branches around them."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.kit.code.model import LoopNode
from labhand.kit.code.project import Where
from labhand.kit.code.trace.values import UNKNOWN, Value


class Event(NamedTuple):
    """One thing that happens.

    `kind`: backward, clear, step, schedule, clip, mode, forward, loss, add, fit, split, opaque.
    `of`: what it happens to (an optimizer, a module); `given`: what with.
    """

    kind: str
    node: ast.expr | ast.stmt
    where: Where
    of: Value = UNKNOWN
    given: tuple[Value, ...] = ()
    sites: tuple[tuple[ast.Call, Where], ...] = ()
    word: str = ""
    grads: bool = True


class Around(NamedTuple):
    """A loop, or the ways that a condition parts; `ways` are what happens on each."""

    node: LoopNode | ast.stmt | ast.expr
    where: Where
    loop: bool
    ways: tuple["list[Happening]", ...]
    over: Value = UNKNOWN


Happening = Event | Around


class Seen(NamedTuple):
    """An event with the loops around it, through all calls, outermost first."""

    event: Event
    loops: tuple[Around, ...]
    branches: tuple[tuple[Around, int], ...]


def seen(
    happened: list[Happening],
    loops: tuple[Around, ...] = (),
    branches: tuple[tuple[Around, int], ...] = (),
) -> Iterator[Seen]:
    """Every event once, in order."""
    for one in happened:
        if isinstance(one, Event):
            yield Seen(one, loops, branches)
        elif one.loop:
            yield from seen(one.ways[0], (*loops, one), branches)
        else:
            for position, way in enumerate(one.ways):
                yield from seen(way, loops, (*branches, (one, position)))
