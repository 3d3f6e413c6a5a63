"""The mode that modules are in where they run: the events of a trace gone through, loops twice."""

import ast
from typing import NamedTuple

from labhand.kit.code.facts import Fact, Step
from labhand.kit.code.knowledge import tables
from labhand.kit.code.project import Project
from labhand.kit.code.source import Source
from labhand.kit.code.trace import Around, Event, Happening, traces
from labhand.kit.code.trace.values import Thing, Value, leaves

_TWICE = 3


class _Mode(NamedTuple):
    word: str
    event: Event | None


_Modes = dict[Value, frozenset[_Mode]]


def modes(project: Project, call: ast.AST, source: Source) -> list[Fact]:
    """The modes of the module that a call runs, each with what put it there; empty where no trace tells."""
    key = ("modes", source.path)
    if key not in project.domains:
        told: dict[ast.AST, set[_Mode]] = {}
        for trace in traces(project, source):
            if trace.whole:
                _Replay(told).through(trace.happened, {}, 0)
        project.domains[key] = told
    found: set[_Mode] = project.domains[key].get(call, set())
    if not found or any(m.word == "unknown" for m in found):
        return []
    return [_fact(mode) for mode in found]


def _fact(mode: _Mode) -> Fact:
    if mode.event is None:
        return Fact(mode.word)
    message = f"it is put into {mode.word} mode"
    return Fact(mode.word, (Step(message, mode.event.where.source, mode.event.node),))


class _Replay:
    def __init__(self, told: dict[ast.AST, set[_Mode]]) -> None:
        self.told = told

    def through(self, happened: list[Happening], state: _Modes, depth: int) -> None:
        for one in happened:
            if isinstance(one, Event):
                self.event(one, state)
            elif one.loop:
                for _ in range(2 if depth < _TWICE else 1):
                    self.through(one.ways[0], state, depth + 1)
            else:
                self.parted(one, state, depth)

    def parted(self, one: Around, state: _Modes, depth: int) -> None:
        left: list[_Modes] = []
        for way in one.ways:
            mine = dict(state)
            self.through(way, mine, depth)
            left.append(mine)
        for mine in left:
            for leaf, found in mine.items():
                others = [o.get(leaf, frozenset({_new(leaf)})) for o in left]
                state[leaf] = found.union(*others)

    def event(self, event: Event, state: _Modes) -> None:
        if event.kind == "mode":
            if not isinstance(event.of, Thing):
                for leaf in state:
                    state[leaf] = frozenset({_Mode("unknown", event)})
                return
            for leaf in _depending(event.of):
                state[leaf] = frozenset({_Mode(event.word, event)})
        elif event.kind == "opaque":
            for given in event.given:
                for leaf in _depending(given):
                    state[leaf] = state.get(leaf, frozenset({_new(leaf)})) | {
                        _Mode("unknown", event)
                    }
        elif event.kind == "forward":
            for leaf in _depending(event.of):
                found = state.get(leaf, frozenset({_new(leaf)}))
                self.told.setdefault(event.node, set()).update(found)


def _new(leaf: Value) -> _Mode:
    name = leaf.name or "" if isinstance(leaf, Thing) else ""
    return _Mode("unknown" if name.endswith("from_pretrained") else "train", None)


def _depending(of: Value) -> list[Value]:
    """The layers of a module that behave otherwise in training than in evaluation."""
    prefixes = tuple(tables.table("layers")["models"]["mode"])
    return [
        leaf
        for leaf in leaves(of)
        if isinstance(leaf, Thing)
        and leaf.name is not None
        and ("mode" in (tables.entry("layers", leaf.name) or {}) or leaf.name.startswith(prefixes))
    ]
