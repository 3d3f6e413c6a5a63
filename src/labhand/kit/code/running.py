"""What runs from a script: the code of its modules, the functions and methods that it calls or hands on."""

import ast
from collections.abc import Iterator, Sequence

from labhand.kit.code.model import FunctionNode, Scope
from labhand.kit.code.origins import callee
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

_FAR = 4
"""Through how many names the class of what a method is called on is followed."""


class Running:
    """The places of code that run, over all of some files, and the calls that reach each function.

    `places` stand in the order in which they are found; `calls` holds the calls of a function by its scope,
    those that make an instance by the scope of its `__init__`; `targets` says what a call reaches.
    """

    def __init__(self, project: Project, files: Sequence[Source]) -> None:
        self.project = project
        self.places: list[Where] = []
        self.calls: dict[Scope, list[ast.Call]] = {}
        self.targets: dict[ast.Call, Where] = {}
        self._files = set(files)
        self._seen: set[Scope] = set()
        for source in files:
            self._add(Where(source, source.index.module))
        for where in self.places:
            self._follow(where)

    def _follow(self, where: Where) -> None:
        for call in where.scope.calls:
            found = callee(self.project, call, where, _FAR)
            target = self.project.method(found, "__init__") if isinstance(found, Known) else found
            if target is not None:
                self.targets[call] = target
                self.calls.setdefault(target.scope, []).append(call)
            handed = [*call.args, *(k.value for k in call.keywords)]
            names = [a for a in handed if isinstance(a, ast.Name | ast.Attribute)]
            for known in (found, *(self.project.definition(n, where) for n in names)):
                for place in self._run_by(known):
                    self._add(place)

    def _run_by(self, found: Where | Known | None) -> Iterator[Where]:
        """A function; of a class all methods, since what it is handed to may call any."""
        if isinstance(found, Where):
            yield found
        elif found is not None:
            for member in self.project.lineage(found)[0]:
                yield from (Where(member.source, s) for s in member.klass.methods.values())

    def _add(self, where: Where) -> None:
        plain = isinstance(where.scope.node, FunctionNode | ast.Module)
        if plain and where.source in self._files and where.scope not in self._seen:
            self._seen.add(where.scope)
            self.places.append(where)


__all__ = ["Running"]
