"""The vocabulary: what may be asked of one file in its project. See docs/design/003-check.md.

Every question takes a node of the file (or a `Call`, or a `Spot`) and answers *unknown* where code does
not prove it: None, an empty `Fact`, an empty list.
"""

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

from labhand.kit.code import (
    conditions,
    contexts,
    graph,
    layers,
    makers,
    modes,
    roles,
    shapes,
    slices,
    splits,
    units,
)
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.contexts import Happening, Loop
from labhand.kit.code.facts import UNKNOWN, Answer, Fact, Facts, Spot, Step
from labhand.kit.code.knowledge import tables
from labhand.kit.code.model import Binding
from labhand.kit.code.origins import Origin, origins
from labhand.kit.code.paths import Paths, Point
from labhand.kit.code.project import Project, Where
from labhand.kit.code.source import Source

_Node = TypeVar("_Node", bound=ast.AST)
_NEAR = 60
Asked = ast.AST | Call | Spot
"""What a question can be about."""


class View:
    """One file in its project, to be asked about."""

    def __init__(self, source: Source, project: Project) -> None:
        self.source = source
        self.project = project
        self._behind: dict[Spot, Mapping[ast.expr, Spot]] = {}
        self._known: dict[str, list[tuple[Call, Mapping[str, Any]]]] = {}

    # What is there

    def text(self, node: ast.expr | ast.stmt) -> str:
        """A node as it is written, quotes and all."""
        lines = self.source.lines[node.lineno - 1 : node.end_lineno]
        lines[-1] = lines[-1][: self.source.end_column(node) - 1]
        lines[0] = lines[0][self.source.column(node) - 1 :]
        return "\n".join(lines)

    @property
    def module(self) -> Where:
        """The file's outermost scope."""
        return Where(self.source, self.source.index.module)

    @property
    def is_test(self) -> bool:
        """Whether the file holds unit tests, where odd code is often the subject."""
        path = self.source.path
        if self.mentions("(unittest.TestCase)", "(TestCase)"):
            return True
        named = path.name.startswith(("test_", "conftest")) or path.stem.endswith("_test")
        if named and path.parent.name in ("test", "tests"):
            return True
        return named and self.mentions("pytest", "unittest", "def test_", "assert")

    def hook(self, where: Where) -> str | None:
        """`train` or `eval` where a framework calls a method in that state: `training_step` of Lightning."""
        owner = self.project.owner(where)
        for base in self.project.lineage(owner)[1] if owner is not None else ():
            for state, names in tables.table("frameworks")["hooks"].get(base, {}).items():
                if where.scope.name in names:
                    return str(state)
        return None

    def mentions(self, *words: str) -> bool:
        """Whether the text holds one of the words: the cheap sieve that every rule begins with."""
        return any(word in self.source.text for word in words)

    def mentions_near(self, *words: str) -> bool:
        """Whether the file, or one that belongs together with it by imports, holds one of the words."""
        if self.mentions(*words):
            return True
        files = self.project.component(self.source)
        return any(word in one.text for one in files[:_NEAR] for word in words)

    def nodes(self, kind: type[_Node]) -> list[_Node]:
        """Every node of a type in the file, in order."""
        return self.source.index.by_type.get(kind, [])  # type: ignore[return-value]

    def operations(self, kind: type[ast.operator]) -> list[ast.BinOp]:
        """The operations of a kind, `x /= y` among them as `x / y`."""
        found = [n for n in self.nodes(ast.BinOp) if isinstance(n.op, kind)]
        for node in self.nodes(ast.AugAssign):
            if isinstance(node.op, kind):
                found.append(self.source.names.augmented(Binding("augment", node, node.value)))
        return found

    def calls(self, *names: str) -> list[Call]:
        """The calls of these APIs, in order.

        `torch.softmax`, `torch.nn.Softmax` (its making), `torch.nn.Softmax()` (a call of such an
        instance), `.step` (any method of that name, as written).
        """
        found = [c for n in names for c in self._calls_named(n)]
        return sorted(dict.fromkeys(found), key=lambda c: (c.node.lineno, c.node.col_offset))

    def module_calls(self) -> list[Call]:
        """The calls that surely run a torch module with parameters, of the project or of a library."""
        return self._module_calls

    @cached_property
    def _module_calls(self) -> list[Call]:
        prefixes = tuple(tables.table("layers")["models"]["mode"])
        names = [
            n
            for n in self._by_name
            if n.endswith("()")
            and (
                n.startswith(prefixes)
                or (n.startswith("torch.nn.") and n not in tables.entries("losses"))
            )
        ]
        return self.calls(*names)

    @cached_property
    def module_methods(self) -> list[tuple[Call, ast.expr]]:
        """Calls of a module's own methods that run layers, with the module: `model.encode(x)`."""
        found: list[tuple[Call, ast.expr]] = []
        for node in self.nodes(ast.Call):
            function = node.func
            if not isinstance(function, ast.Attribute) or not node.args:
                continue
            if not isinstance(function.value, ast.Name | ast.Attribute):
                continue
            call = self.call(node)
            runs = call.target.scope.calls if isinstance(call.target, Where) else []
            layers = any(ast.unparse(c.func).startswith("self.") for c in runs)
            if layers and self.is_a(function.value, "torch.nn.Module"):
                found.append((call, function.value))
        return found

    def known(self, table: str, key: str | None = None) -> list[tuple[Call, Mapping[str, Any]]]:
        """The calls that a table knows, each with its entry; with `key`, only entries that have it."""
        if table not in self._known:
            entries = tables.entries(table)
            every = self._by_name.items()
            found = [(c, entries[n]) for n, calls in every if n in entries for c in calls]
            found.sort(key=lambda p: (p[0].node.lineno, p[0].node.col_offset))
            self._known[table] = found
        return [pair for pair in self._known[table] if key is None or key in pair[1]]

    @cached_property
    def functions(self) -> list[Where]:
        """The module and every function of the file."""
        return [Where(self.source, scope) for scope in self.source.index.scopes]

    @cached_property
    def _by_method(self) -> dict[str, list[Call]]:
        return {
            last: [call_of(self.project, node, Where(self.source, scope)) for node, scope in sites]
            for last, sites in self.source.index.called.items()
        }

    @cached_property
    def _by_name(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = {}
        for calls in self._by_method.values():
            for call in calls:
                if call.name is not None:
                    found.setdefault(call.name, []).append(call)
        return found

    def _calls_named(self, name: str) -> list[Call]:
        if name.startswith("."):
            return [c for c in self._by_method.get(name[1:], ()) if c.receiver is not None]
        return self._by_name.get(name, [])

    # Names and objects

    def where(self, node: ast.AST) -> Where:
        """The function that a node of the file belongs to."""
        return Where(self.source, self.source.index.scope(node))

    def spot(self, asked: Asked) -> Spot:
        """A node where it stands."""
        if isinstance(asked, Spot):
            return asked
        if isinstance(asked, Call):
            return Spot(asked.node, asked.where)
        assert isinstance(asked, ast.expr)
        return Spot(asked, self.where(asked))

    def call(self, node: ast.Call, where: Where | None = None) -> Call:
        """What a call means."""
        return call_of(self.project, node, where or self.where(node))

    def name(self, asked: Asked) -> str | None:
        """The canonical API name that an expression means: `torch.float16`."""
        spot = self.spot(asked)
        return self.project.canonical(spot.node, spot.where)

    def origins(self, asked: Asked) -> list[Origin]:
        """Every origin an object can have: what API made it, whose class it is an instance of."""
        spot = self.spot(asked)
        return origins(self.project, spot.node, spot.where)

    def made_by(self, asked: Asked, *names: str) -> Call | None:
        """The call that surely made an object, where it is of one of these APIs (all, if none given)."""
        found = self.origins(asked)
        if len(found) != 1 or not isinstance(found[0].expression, ast.Call) or not found[0].where:
            return None
        call = call_of(self.project, found[0].expression, found[0].where)
        return call if not names or found[0].name in names else None

    def is_a(self, asked: Asked, base: str) -> bool:
        """Whether an object is surely an instance of an API class or of a project's subclass of it."""
        found = self.origins(asked)
        return bool(found) and all(self._is(o, base) for o in found)

    def _is(self, origin: Origin, base: str) -> bool:
        if origin.kind == "instance" and origin.known is not None:
            return base in self.project.lineage(origin.known)[1]
        return origin.kind == "made" and origin.name == base

    def same(self, one: Asked, other: Asked) -> bool | None:
        """Whether two expressions surely mean one object; None: not known."""
        a, b = self.spot(one), self.spot(other)
        if a.where.scope is b.where.scope and ast.unparse(a.node) == ast.unparse(b.node):
            return True
        first = {_identity(o) for o in origins(self.project, a.node, a.where)}
        second = {_identity(o) for o in origins(self.project, b.node, b.where)}
        if None in first or None in second:
            return None
        return True if first == second and len(first) == 1 else None if first & second else False

    # Control flow

    def paths(self, node: ast.AST) -> Paths:
        """The ways through the function of a node: `leads`, `always_before`, `nearest_before`."""
        return self.source.names.paths(self.where(node).scope)

    def point(self, node: ast.AST) -> Point:
        """The statement of a node, as the ways know it."""
        return self.source.names.point(node)

    def leads(
        self, one: ast.AST, other: ast.AST, avoiding: Callable[[Point], bool] = lambda _: False
    ) -> bool:
        """Whether `other` can run after `one` in the same function, with no avoided statement between."""
        ways = self.paths(one)
        around = [*self.guards(one), *self.guards(other)] if len(ways.branches) > 1 else []
        of = conditions.held(around, self.where(one)) if around else None
        return ways.leads(self.point(one), self.point(other), avoiding, of)

    def always_before(self, node: ast.AST, wanted: Callable[[Point], bool]) -> bool:
        """Whether a wanted statement runs before a node on every way through its function."""
        ways = self.paths(node)
        around = self.guards(node) if len(ways.branches) > 1 else []
        of = conditions.held(around, self.where(node)) if around else None
        return ways.always_before(self.point(node), wanted, of)

    def loops(self, node: ast.AST, up: int = 0) -> list[Loop]:
        """The loops around a node, innermost first; with `up`, also those around its function's calls."""
        return list(contexts.loops(self.project, node, self.where(node), up))

    def loop(self, node: ast.For | ast.AsyncFor | ast.While) -> Loop:
        """A loop as such."""
        return contexts.as_loop(self.project, node, self.where(node))

    def guards(self, node: ast.AST) -> list[tuple[ast.expr, bool]]:
        """The conditions around a node in its function, innermost first, and whether each must hold."""
        return contexts.guards(node, self.where(node))

    def under(self, node: Asked, *names: str) -> bool | None:
        """Whether a node runs within one of these contexts or decorators, callers looked at."""
        spot = self.spot(node)
        return contexts.under(self.project, spot.node, spot.where, names)

    def without_gradients(self, node: Asked) -> bool | None:
        """Whether a node runs under no_grad or inference_mode."""
        return self.under(node, *tables.words("graph", "off", "context"))

    def running(self, node: ast.AST, depth: int = 3) -> Iterator[Happening]:
        """Every call that running a node (a loop's one pass) makes, followed into the project."""
        parts: list[ast.AST] = [node]
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            parts = [*node.body]
        return contexts.running(self.project, parts, self.where(node), depth)

    def doing(self, point: Point, where: Where) -> list[Happening]:
        """Every call that one statement of a function makes (of a compound one, its header)."""
        return contexts.doing(self.project, point, where)

    def does(self, *methods: str, where: Where | None = None) -> Callable[[Point], bool]:
        """A test for `leads` and `always_before`: whether a statement calls one of these methods.

        It may do so itself or in the project's functions that it calls.
        """
        scope = where or self.module

        def test(point: Point) -> bool:
            return any(h.call.method in methods for h in self.doing(point, scope))

        return test

    # Values: each answer is a Fact with its chain of evidence, empty where nothing is proven

    def facts(self, name: str, answer: Answer) -> Facts:
        """The facts of a domain, one for the whole project; a rule may bring a domain of its own."""
        if name not in self.project.domains:
            self.project.domains[name] = Facts(self.project, answer)
        facts: Facts = self.project.domains[name]
        return facts

    def role(self, asked: Asked) -> Fact:
        """Logits, probabilities, log-probabilities, class-indices, one-hot, loss …: see `roles`."""
        return self.facts("roles", roles.answer).one(self.spot(asked))

    def roles(self, asked: Asked) -> tuple[Fact, ...]:
        """Every role a value can have, unknown among them."""
        return self.facts("roles", roles.answer).all(self.spot(asked))

    def output_role(self, module: Asked) -> Fact:
        """The role of what a module gives, by its last layer or its `forward`."""
        return roles.of_module(self.facts("roles", roles.answer), self.spot(module))

    def split(self, asked: Asked) -> Fact:
        """Train, validation, test, held-out; `sure` is false where only a name tells."""
        return self.facts("splits", splits.answer).one(self.spot(asked))

    def label(self, node: ast.expr) -> str:
        """What the value of an expression is called: the name, attribute, key or keyword it goes to.

        A returned one is called as its function; empty where it goes to nothing of a name.
        """
        above = self.source.index.parents.get(node)
        if isinstance(above, ast.Dict) and node in above.values:
            key = above.keys[above.values.index(node)]
            return str(key.value) if isinstance(key, ast.Constant) else ""
        if isinstance(above, ast.keyword):
            return above.arg or ""
        if isinstance(above, ast.Return):
            return self.where(node).scope.name
        target: ast.expr | None = None
        if isinstance(above, ast.Assign):
            target = above.targets[0]
        elif isinstance(above, ast.Tuple) and isinstance(
            pair := self.source.index.parents.get(above), ast.Assign
        ):
            many = pair.targets[0]
            position = above.elts.index(node)
            if isinstance(many, ast.Tuple) and position < len(many.elts):
                target = many.elts[position]
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            return str(target.slice.value)
        return "" if target is None else ast.unparse(target).rpartition(".")[2]

    def loader(self, asked: Asked) -> Call | None:
        """The call that surely made the loader which an expression is, callers and files followed."""
        return self._maker("loaders", makers.loader, asked)

    def scheduler(self, asked: Asked) -> Call | None:
        """The call that surely made the learning-rate schedule which an expression is."""
        return self._maker("schedulers", makers.scheduler, asked)

    def _maker(self, name: str, answer: Answer, asked: Asked) -> Call | None:
        spot = self.spot(asked)
        found = [f.value for f in self.facts(name, answer).all(spot)]
        made = [m for m in found if isinstance(m, Call)]
        if len(found) > 1:
            # Of what branches make, the one whose condition holds here too.
            mine = _conditions(spot.node, spot.where)
            made = [m for m in made if mine & _conditions(m.node, m.where)]
        return made[0] if len(made) == 1 else None

    def graph(self, asked: Asked) -> Fact:
        """Attached or detached: whether a value holds on to the graph of gradients."""
        return self.facts("graph", graph.answer).one(self.spot(asked))

    def unit(self, asked: Asked) -> Fact:
        """The unit of an aggregate or count: see `units`."""
        return self.facts("units", units.answer).one(self.spot(asked))

    def shape(self, asked: Asked) -> Fact:
        """A tuple of sizes, `...` in front where more dimensions may stand there."""
        return self.facts("shapes", shapes.answer).one(self.spot(asked))

    def rank(self, asked: Asked) -> int | None:
        """The number of dimensions, where it is sure."""
        return shapes.rank(self.shape(asked).value)

    def modes(self, module: ast.expr, at: Asked) -> list[Fact]:
        """The modes (train, eval, unknown) that a module can be in where a node runs."""
        spot = self.spot(at)
        return modes.modes(self.project, module, spot.node, spot.where)

    def modes_by_caller(self, module: ast.expr, at: Asked) -> list[list[Fact]]:
        """The same for each call of the function around, where the function itself sets no mode."""
        spot = self.spot(at)
        return modes.by_caller(self.project, module, spot.node, spot.where)

    def mode(self, module: ast.expr, at: Asked) -> Fact:
        """The mode that a module is surely in where a node runs."""
        found = self.modes(module, at)
        return found[0] if len({f.value for f in found}) == 1 else UNKNOWN

    def mode_matters(self, module: ast.expr, where: Where | None = None) -> ast.expr | bool | None:
        """What in a module (Dropout, BatchNorm …) depends on its mode; False: nothing; None: unknown."""
        return layers.depends_on_mode(self.project, module, where or self.where(module))

    def behind(self, asked: Asked) -> Mapping[ast.expr, Spot]:
        """Every expression that may flow into a value, also through functions and files."""
        spot = self.spot(asked)
        if spot not in self._behind:
            self._behind[spot] = slices.behind(self.project, spot)
        return self._behind[spot]

    def shown(self, statement: ast.Expr) -> bool:
        """Whether a notebook shows the value of a statement: it ends its cell."""
        body = self.source.tree.body
        if not self.source.cells or statement not in body:
            return False
        after = body[body.index(statement) + 1 :]
        here = self.source.place(statement.lineno)[1]
        return not after or self.source.place(after[0].lineno)[1] != here

    def evaluates(self, loop: Loop) -> list[Step] | None:
        """What shows that a loop goes over held-out data and trains nothing; None: that is not proven."""
        return contexts.evaluates(self.project, loop, self.split)

    def uses(self, node: ast.AST) -> list[ast.Name]:
        """The names in the same function that may read what a statement binds."""
        statement = self.source.index.statement(node)
        where = self.where(statement)
        found: list[ast.Name] = []
        for name, bindings in where.scope.bindings.items():
            mine = [b for b in bindings if b.node is statement]
            for use in self._loads.get(name, ()) if mine else ():
                if any(b in mine for b in self.project.reaching(use, self.where(use))[1]):
                    found.append(use)
        return found

    @cached_property
    def _loads(self) -> dict[str, list[ast.Name]]:
        found: dict[str, list[ast.Name]] = {}
        for node in self.nodes(ast.Name):
            if isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, []).append(node)
        return found

    def table(self, name: str) -> Mapping[str, Any]:
        """A table of `knowledge/` as it is written."""
        return tables.table(name)

    def words(self, table: str, *keys: str) -> Collection[str]:
        """A list of a table as a set."""
        return tables.words(table, *keys)


def _conditions(node: ast.AST, where: Where) -> set[str]:
    """The conditions that hold around a node, as they are written."""
    return {ast.unparse(test) for test, holds in contexts.guards(node, where) if holds}


def _identity(origin: Origin) -> object:
    if origin.expression is not None and origin.kind in ("made", "instance"):
        return origin.expression
    if origin.kind == "parameter" and origin.where is not None:
        return origin.where.scope, origin.name
    return None
