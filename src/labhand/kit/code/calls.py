"""A call and what it means: which API or project function it reaches, and what it is given."""

import ast
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from labhand.kit.code import knowledge
from labhand.kit.code.knowledge import tables
from labhand.kit.code.origins import Origin, callee, origins
from labhand.kit.code.project import Known, Project, Where


class Call:
    """A call where it stands.

    `name` is what it calls, as the tables write it: `torch.softmax` a function, `torch.nn.Softmax` the
    making of an instance, `torch.nn.Softmax()` a call of such an instance,
    `sklearn.svm.SVC.fit` its method, `.softmax` a method of something unknown; None: unknown.
    """

    def __init__(self, project: Project, node: ast.Call, where: Where) -> None:
        self.project = project
        self.node = node
        self.where = where

    @property
    def method(self) -> str:
        """The last part of what is called, as written: `step` of `opt.step()`; else empty."""
        function = self.node.func
        if isinstance(function, ast.Attribute):
            return function.attr
        return function.id if isinstance(function, ast.Name) else ""

    @property
    def receiver(self) -> ast.expr | None:
        """What the method is called on: `opt` of `opt.step()`; None for a plain function."""
        function = self.node.func
        return function.value if isinstance(function, ast.Attribute) else None

    @cached_property
    def target(self) -> Where | Known | None:
        """The project's function that surely runs (for a module, its `forward`), or class that is made."""
        return callee(self.project, self.node, self.where)

    @property
    def name(self) -> str | None:
        """What is called, by its canonical name; see the class."""
        return self._resolved[0]

    @property
    def made(self) -> "Call | None":
        """For an instance or its method, the call that made the instance, where there is just one."""
        return self._resolved[1]

    def arg(self, position: int | None, *names: str) -> ast.expr | None:
        """The argument at a position (from 0, without self) or of one of the names."""
        for keyword in self.node.keywords:
            if keyword.arg in names:
                return keyword.value
        if position is None:
            return None
        given = self.node.args[: position + 1]
        if len(given) <= position or any(isinstance(a, ast.Starred) for a in given):
            return None
        return given[position]

    def option(self, name: str, default: object = None) -> Any:
        """The literal value of a keyword of the call, or of what made the instance.

        `default` where neither gives it; `...` where it is given and no literal.
        """
        for call in (self, self.made):
            given = call.arg(None, name) if call is not None else None
            if given is not None:
                return given.value if isinstance(given, ast.Constant) else _negative(given)
            if call is not None and any(k.arg is None for k in call.node.keywords):
                return ...
        return default

    def entry(self, table: str) -> Mapping[str, Any] | None:
        """What a table of `knowledge/` says of what is called; None where it says nothing."""
        return tables.entry(table, self.name)

    @cached_property
    def _resolved(self) -> tuple[str | None, "Call | None"]:
        function = self.node.func
        plain = self.project.canonical(function, self.where)
        if plain is not None:
            return plain, None
        if self.project.definition(function, self.where) is not None:
            return None, None
        name, made = self._instance(function, "()")
        if name is None and isinstance(function, ast.Attribute):
            name, made = self._instance(function.value, f".{function.attr}")
            if name is None and self.target is None:
                name = f".{function.attr}"
        return name, made

    def _instance(self, expression: ast.expr, suffix: str) -> tuple[str | None, "Call | None"]:
        """The name and maker of an instance that is called, or whose method is."""
        found = origins(self.project, expression, self.where)
        names = {_class_name(self.project, o) for o in found}
        if len(names) != 1 or None in names:
            return None, None
        (name,) = names
        made = found[0] if len(found) == 1 else None
        maker = None
        if made and isinstance(made.expression, ast.Call) and made.where:
            maker = call_of(self.project, made.expression, made.where)
        if name == "functools.partial":
            inner = maker.arg(0) if maker is not None else None
            plain = self.project.canonical(inner, maker.where) if inner and maker else None
            return plain, maker
        if found[0].kind == "instance" and self.target is not None and suffix != "()":
            return None, maker  # the project's own method, not the base's
        return f"{name}{suffix}", maker


def call_of(project: Project, node: ast.Call, where: Where) -> Call:
    """The call that a node is; the same one each time."""
    known: Call | None = project.calls.get(node)
    if known is None:
        known = project.calls[node] = Call(project, node, where)
    return known


def _class_name(project: Project, origin: Origin) -> str | None:
    """The API class that an object is an instance of, through the project's subclasses."""
    if origin.kind == "made":
        around, _, last = origin.name.rpartition(".")
        if last in knowledge.MAKING_METHODS:
            return around
        is_class = last[:1].isupper() or origin.name.startswith(knowledge.MAKING_PACKAGES)
        return origin.name if is_class or origin.name == "functools.partial" else None
    if origin.kind == "instance" and origin.known is not None:
        outside = project.lineage(origin.known)[1] - knowledge.PLAIN_BASES
        return next(iter(outside)) if len(outside) == 1 else None
    return None


def _negative(given: ast.expr) -> object:
    match given:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    return ...
