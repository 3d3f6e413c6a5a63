"""What one walk over a tree finds: scopes, classes, what names are bound to, who contains whom."""

import ast
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
LoopNode = ast.For | ast.AsyncFor | ast.While


class Binding(NamedTuple):
    """One place where a name gets a value.

    `how` is assign, augment, loop, with, parameter, import, function, class or other. `value` is
    the expression it comes from, where there is one; `path` the indices of tuple unpacking.
    """

    how: str
    node: ast.AST
    value: ast.expr | None = None
    path: tuple[int, ...] = ()
    target: str = ""


class Scope:
    """A module or function: its bindings, calls, loops and returned expressions.

    Lambdas and comprehensions belong to the scope around them.
    """

    def __init__(
        self, node: ast.Module | FunctionNode, parent: "Scope | None", owner: "Class | None"
    ) -> None:
        self.node = node
        self.parent = parent
        self.owner = owner
        self.name = "<module>" if isinstance(node, ast.Module) else node.name
        self.bindings: dict[str, list[Binding]] = {}
        self.calls: list[ast.Call] = []
        self.returns: list[ast.expr] = []
        self.inner: list[Scope] = []
        self.acts: list[ast.AST] = []
        """The calls, assignments and strings of the scope, without those of classes in it, in order."""
        self.stores: dict[str, list[Binding]] = {}
        """What is put into parts of things, by the thing as written: `x[...] = value`, `x.loc[...] = value`."""

    @property
    def qualified(self) -> str:
        """Names from the module down, joined by dots; `<module>` for the module."""
        if self.parent is None:
            return self.name
        around = self.owner.name if self.owner else self.parent.qualified
        return self.name if around == "<module>" else f"{around}.{self.name}"

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters, in order, without *args and **kwargs."""
        if isinstance(self.node, ast.Module):
            return []
        given = self.node.args
        return [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]

    @property
    def gathers(self) -> str | None:
        """The name of the parameter that takes all other keywords."""
        rest = None if isinstance(self.node, ast.Module) else self.node.args.kwarg
        return rest.arg if rest is not None else None

    def annotation(self, parameter: str) -> ast.expr | None:
        """The annotation of a parameter."""
        if isinstance(self.node, ast.Module):
            return None
        given = self.node.args
        every = (*given.posonlyargs, *given.args, *given.kwonlyargs)
        return next((a.annotation for a in every if a.arg == parameter), None)

    def calls_on(self, name: str, *methods: str) -> list[ast.Call]:
        """The calls of these methods on a name, in order."""
        return [
            call
            for call in self._called_on.get(name, ())
            if isinstance(call.func, ast.Attribute) and call.func.attr in methods
        ]

    @cached_property
    def _called_on(self) -> dict[str, list[ast.Call]]:
        """The calls of methods by the name that they are called on; asked for when the walk is over."""
        found: dict[str, list[ast.Call]] = {}
        for call in self.calls:
            if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
                found.setdefault(call.func.value.id, []).append(call)
        return found

    def bind(self, name: str, binding: Binding) -> None:
        """Adds a binding of a name."""
        self.bindings.setdefault(name, []).append(binding)


class Class:
    """A class: its methods, its bases as written, and what its attributes are assigned from."""

    def __init__(self, node: ast.ClassDef, scope: Scope) -> None:
        self.node = node
        self.name = node.name
        self.scope = scope
        self.methods: dict[str, Scope] = {}
        self.attributes: dict[str, list[tuple[ast.expr, Scope, tuple[int, ...]]]] = {}


class Index:
    """Everything one walk finds in a tree."""

    def __init__(self, tree: ast.Module) -> None:
        self.parents: dict[ast.AST, ast.AST] = {}
        self.module = Scope(tree, None, None)
        self.scopes: list[Scope] = [self.module]
        self.classes: list[Class] = []
        self.stars: list[tuple[str, int]] = []
        self.of_node: dict[ast.AST, Scope] = {tree: self.module}
        self.imports: list[tuple[str, int, str | None]] = []
        self.by_type: dict[type[ast.AST], list[ast.AST]] = {}
        self.places: dict[ast.AST, int] = {}
        """Where in the order of the file a node stands."""
        _Walk(self).body(tree, self.module, None)

    @cached_property
    def called(self) -> dict[str, list[tuple[ast.Call, Scope]]]:
        """The calls by the last part of what is called, as written, each with its scope."""
        found: dict[str, list[tuple[ast.Call, Scope]]] = {}
        for scope in self.scopes:
            for call in scope.calls:
                function = call.func
                last = function.attr if isinstance(function, ast.Attribute) else ""
                last = function.id if isinstance(function, ast.Name) else last
                found.setdefault(last, []).append((call, scope))
        return found

    def scope(self, node: ast.AST) -> Scope:
        """The scope that a node belongs to; of a function node, the scope around it."""
        above: ast.AST | None = self.parents.get(node)
        while above is not None:
            if above in self.of_node:
                return self.of_node[above]
            above = self.parents.get(above)
        return self.module

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, innermost first, up to its function or module."""
        above: ast.AST | None = self.parents.get(node)
        while above is not None:
            yield above
            if above in self.of_node:
                return
            above = self.parents.get(above)

    def loops(self, node: ast.AST) -> list[LoopNode]:
        """The loops around a node within its function, innermost first."""
        found: list[LoopNode] = []
        inner = node
        for above in self.ancestors(node):
            if isinstance(above, LoopNode) and inner in above.body:
                found.append(above)
            inner = above
        return found

    def acts(self, node: ast.AST, scope: Scope) -> list[ast.AST]:
        """The calls, assignments and strings within a node of a scope, in order; bodies of functions are not."""
        where = self.places.__getitem__
        first = bisect_left(scope.acts, where(node), key=where)
        return scope.acts[first : bisect_right(scope.acts, self.last(node), key=where)]

    def last(self, node: ast.AST) -> int:
        """The place of the last node within a node."""
        while below := children(node):
            node = below[-1]
        return self.places[node]

    def body(self, loop: LoopNode) -> range:
        """The places of the nodes that run on each pass of a loop, its header aside."""
        return range(self.places[loop.body[0]], self.last(loop.body[-1]) + 1)

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that holds a node."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The list of statements that a statement stands in."""
        above = self.parents[statement]
        for field in ("body", "orelse", "finalbody"):
            block = getattr(above, field, None)
            if isinstance(block, list) and statement in block:
                return block
        return [statement]


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below a node, in order, without the marks of load and store and the operators."""
    found: list[ast.AST] = []
    for field in _BELOW[type(node)]:
        value = getattr(node, field, None)
        if isinstance(value, list):
            found += [part for part in value if isinstance(part, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of a type of nodes that can hold nodes worth a visit."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        bare = kind in (ast.Name, ast.Constant, ast.alias, ast.Global, ast.Nonlocal)
        marks = {"ctx", "op", "ops", "attr", "id", "type_comment", "simple", "level"}
        fields = () if bare else tuple(f for f in kind._fields if f not in marks)
        self[kind] = fields
        return fields


_BELOW = _Fields()
_ACTS = frozenset((ast.Call, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.Constant))


class _Walk:
    def __init__(self, index: Index) -> None:
        self.index = index

    def body(self, node: ast.AST, scope: Scope, owner: Class | None) -> None:
        # An explicit stack: generated files nest deeper than Python's recursion allows.
        stack: list[tuple[ast.AST, ast.AST, Scope, Class | None]] = [
            (child, node, scope, owner) for child in reversed(children(node))
        ]
        parents, by_type, places = self.index.parents, self.index.by_type, self.index.places
        while stack:
            child, parent, scope, owner = stack.pop()
            parents[child] = parent
            places[child] = len(places)
            kind = type(child)
            by_type.setdefault(kind, []).append(child)
            if kind in _ACTS and owner is None:
                scope.acts.append(child)
            handler = _HANDLERS.get(kind)
            if handler is not None:
                scope, owner = self.enter(child, scope, owner, handler)
            stack += [(n, child, scope, owner) for n in reversed(children(child))]

    def enter(
        self,
        node: ast.AST,
        scope: Scope,
        owner: Class | None,
        handler: "Callable[[_Walk, ast.AST, Scope], None]",
    ) -> tuple[Scope, Class | None]:
        if isinstance(node, FunctionNode):
            return self.function(node, scope, owner), None
        if isinstance(node, ast.ClassDef):
            return scope, self.klass(node, scope)
        if owner is None or isinstance(node, ast.Call):
            handler(self, node, scope)
        return scope, owner

    def function(self, node: FunctionNode, around: Scope, owner: Class | None) -> Scope:
        scope = Scope(node, around, owner)
        around.inner.append(scope)
        if owner is not None:
            owner.methods.setdefault(node.name, scope)
        else:
            around.bind(node.name, Binding("function", node))
        self.index.scopes.append(scope)
        self.index.of_node[node] = scope
        given = node.args
        for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
            scope.bind(argument.arg, Binding("parameter", argument))
        for rest in (given.vararg, given.kwarg):
            if rest is not None:
                scope.bind(rest.arg, Binding("other", rest))
        return scope

    def klass(self, node: ast.ClassDef, scope: Scope) -> Class:
        found = Class(node, scope)
        self.index.classes.append(found)
        scope.bind(node.name, Binding("class", node))
        for statement in node.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                targets = (
                    statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                )
                for target in targets:
                    if isinstance(target, ast.Name):
                        entry = (statement.value, scope, ())
                        found.attributes.setdefault(target.id, []).append(entry)
        return found

    def target(
        self,
        target: ast.expr,
        scope: Scope,
        binding: Binding,
    ) -> None:
        if isinstance(target, ast.Name):
            scope.bind(target.id, binding)
        elif isinstance(target, ast.Tuple | ast.List):
            for position, element in enumerate(target.elts):
                self.target(element, scope, binding._replace(path=(*binding.path, position)))
        elif isinstance(target, ast.Starred):
            self.target(target.value, scope, binding._replace(how="other"))
        elif isinstance(target, ast.Attribute) and binding.value is not None:
            self.attribute(target, scope, binding)
        elif isinstance(target, ast.Subscript) and binding.value is not None:
            base = target.value
            if isinstance(base, ast.Attribute) and base.attr in ("loc", "iloc", "at", "data"):
                base = base.value
            if isinstance(base, ast.Name | ast.Attribute):
                scope.stores.setdefault(ast.unparse(base), []).append(binding)

    def attribute(self, target: ast.Attribute, scope: Scope, binding: Binding) -> None:
        method: Scope | None = scope
        while method is not None and method.owner is None:
            method = method.parent
        owner = method.owner if method is not None else None
        base = target.value
        if owner is not None and isinstance(base, ast.Name) and base.id == "self":
            assert binding.value is not None
            owner.attributes.setdefault(target.attr, []).append(
                (binding.value, scope, binding.path)
            )

    def assign(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self.target(target, scope, Binding("assign", node, node.value))
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self.target(node.target, scope, Binding("assign", node, node.value))
        elif isinstance(node, ast.AugAssign):
            self.target(node.target, scope, Binding("augment", node, node.value))

    def loop(self, node: ast.AST, scope: Scope) -> None:
        assert isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
        self.target(node.target, scope, Binding("loop", node, node.iter))

    def with_item(self, node: ast.AST, scope: Scope) -> None:
        assert isinstance(node, ast.withitem)
        if node.optional_vars is not None:
            self.target(node.optional_vars, scope, Binding("with", node, node.context_expr))

    def imported(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                scope.bind(alias.asname or whole, Binding("import", node, target=whole))
                self.index.imports.append((alias.name, 0, None))
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            for alias in node.names:
                self.index.imports.append((node.module or "", node.level, alias.name))
                if alias.name == "*":
                    self.index.stars.append((node.module or "", node.level))
                    continue
                target = f"{origin}{'' if origin.endswith('.') else '.'}{alias.name}"
                scope.bind(alias.asname or alias.name, Binding("import", node, target=target))

    def call(self, node: ast.AST, scope: Scope) -> None:
        assert isinstance(node, ast.Call)
        scope.calls.append(node)

    def returned(self, node: ast.AST, scope: Scope) -> None:
        assert isinstance(node, ast.Return | ast.Yield)
        if node.value is not None:
            scope.returns.append(node.value)

    def other(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Global | ast.Nonlocal):
            for name in node.names:
                scope.bind(name, Binding("global", node))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            scope.bind(node.name, Binding("other", node))


_HANDLERS = {
    ast.FunctionDef: _Walk.other,
    ast.AsyncFunctionDef: _Walk.other,
    ast.ClassDef: _Walk.other,
    ast.Assign: _Walk.assign,
    ast.AnnAssign: _Walk.assign,
    ast.NamedExpr: _Walk.assign,
    ast.AugAssign: _Walk.assign,
    ast.For: _Walk.loop,
    ast.AsyncFor: _Walk.loop,
    ast.comprehension: _Walk.loop,
    ast.withitem: _Walk.with_item,
    ast.Import: _Walk.imported,
    ast.ImportFrom: _Walk.imported,
    ast.Call: _Walk.call,
    ast.Return: _Walk.returned,
    ast.Yield: _Walk.returned,
    ast.Global: _Walk.other,
    ast.Nonlocal: _Walk.other,
    ast.ExceptHandler: _Walk.other,
}
