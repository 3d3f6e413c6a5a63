"""The traces of a project: its scripts, each run once in the abstract. See docs/design/003-check.md."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from labhand.kit.code.model import FunctionNode, Scope
from labhand.kit.code.project import CallSite, Known, Project, Where
from labhand.kit.code.source import Source
from labhand.kit.code.trace.happenings import Around, Event, Happening, Seen, seen
from labhand.kit.code.trace.machine import Machine, Spent
from labhand.kit.code.trace.values import Function, Thing, Value

__all__ = ["Around", "Event", "Happening", "Seen", "Trace", "seen", "traces"]

_MOST_SCRIPTS = 6
_NEAR = 60
_LOOSE = 1500
_TRAINS = ("backward(", "zero_grad", ".fit", "no_grad", "ross_entropy", "Loss", "_loss")
_LOSS = re.compile(r"loss|ntropy|crit", re.I)
_METHODS = frozenset(
    "backward zero_grad step fit fit_transform fit_resample eval train train_test_split split".split()
)


class Trace(NamedTuple):
    """What a script does in order, and what its expressions were seen to give.

    `whole`: it was followed to its end, and is a script, not a function that nobody calls.
    """

    happened: list[Happening]
    known: dict[ast.AST, list[Value]]
    entered: dict[ast.AST, int]
    ran: dict[ast.Call, dict[Scope, Where]]
    reached: dict[Scope, dict[ast.Call, CallSite]]
    whole: bool
    every: list[Seen]
    told: dict[str, list[Any]]

    def once(self, name: str, find: Callable[["Trace"], Iterable[Any]]) -> list[Any]:
        """What is found in the trace by something of that name, looked for once for all files."""
        if name not in self.told:
            self.told[name] = list(find(self))
        return self.told[name]


def traces(project: Project, source: Source) -> list[Trace]:
    """The traces of the scripts that a file belongs to, then of its functions that none of them reached."""
    key = ("traces", source.path)
    if key not in project.domains:
        project.domains[key] = list(_traces(project, source))
    found: list[Trace] = project.domains[key]
    return found


def _traces(project: Project, source: Source) -> Iterator[Trace]:
    above = project.above(source)
    if not any(word in one.text for one in above[:_NEAR] for word in _TRAINS):
        return
    scripts = [s for s in above if s.error is None and _is_script(project, s)]
    found = [_script(project, s) for s in scripts[:_MOST_SCRIPTS]]
    yield from found
    entered = {node for trace in found for node in trace.entered}
    left = [s for s in source.index.scopes if isinstance(s.node, FunctionNode)]
    left = _roots(source, [s for s in left if s.node not in entered])
    if left:
        yield _loose(project, source, left)


def _roots(source: Source, scopes: list[Scope]) -> list[Scope]:
    """Of functions that no script reaches those to begin with: first what nothing calls, but leads to training."""
    acting = {s.name: s for s in scopes if _acts(s)}
    called = source.index.called
    uncalled = [
        s
        for s in scopes
        if s.name not in called and (s.name in acting or any(_called(c) in acting for c in s.calls))
    ]
    return [*uncalled, *(s for s in acting.values() if s not in uncalled)]


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _acts(scope: Scope) -> bool:
    """Whether a function does something of a training itself."""
    for call in scope.calls:
        name = _called(call)
        if name in _METHODS or _LOSS.search(name):
            return True
    return False


def _is_script(project: Project, source: Source) -> bool:
    """Whether a file is one that is started: nobody imports it, or it says so."""
    return "__main__" in source.text or not project.importers(source)


def _script(project: Project, source: Source) -> Trace:
    key = ("trace", source.path)
    if key not in project.domains:
        machine = Machine(project)
        ended = _ends(machine, lambda: machine.script(source))
        project.domains[key] = _left(machine, ended and not machine.cut)
    found: Trace = project.domains[key]
    return found


def _left(machine: Machine, whole: bool) -> Trace:
    found = machine.known, machine.entered, machine.ran, machine.reached
    return Trace(machine.happened, *found, whole, list(seen(machine.happened)), {})


def _loose(project: Project, source: Source, scopes: list[Scope]) -> Trace:
    """What the functions do that no script leads to, each given things of which nothing is known."""
    machine = Machine(project, _LOOSE)

    def run() -> None:
        names = machine.module(source)
        instances: dict[object, Thing] = {}
        for scope in scopes:
            node = scope.node
            if machine.entered.get(node) or not isinstance(node, FunctionNode):
                continue
            if scope.parent is not None and isinstance(scope.parent.node, FunctionNode):
                continue
            function = Function(node, Where(source, scope), names)
            given: list[Value] = [Thing(None) for _ in scope.parameters]
            if scope.owner is not None and given:
                if scope.owner not in instances:
                    known = Known(source, scope.owner)
                    instances[scope.owner] = _instance(machine, known, source)
                given[0] = instances[scope.owner]
                if scope.name == "__init__":
                    continue
            machine.run(function, given, {}, _NOWHERE, names)

    _ends(machine, run)
    return _left(machine, False)


_NOWHERE = ast.Constant(None)


def _instance(machine: Machine, known: Known, source: Source) -> Thing:
    made = Thing(None, None, None, known)
    found = machine.project.method(known, "__init__")
    if found is not None and isinstance(found.scope.node, FunctionNode):
        given: list[Value] = [made, *(Thing(None) for _ in found.scope.parameters[1:])]
        function = Function(found.scope.node, found, machine.module(found.source))
        machine.run(function, given, {}, _NOWHERE, machine.module(source))
    return made


def _ends(machine: Machine, run: object) -> bool:
    assert callable(run)
    try:
        run()
    except (Spent, RecursionError):
        return False
    return True
