"""Facts about values, asked for where they are needed and followed back to what proves them.

A *domain* (tensor roles, graph state, splits, units, shapes) knows what leaves mean: API calls,
operators, literals. Everything between leaf and question is followed here, once for all domains: names
with the order of statements, unpacking, loops, attributes, arguments, returns, other files.
"""

import ast
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from labhand.kit.code import conditions, knowledge
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.model import Binding, Scope
from labhand.kit.code.origins import argument, default_of, field_of, receiver_class
from labhand.kit.code.paths import truth
from labhand.kit.code.project import CallSite, Known, Project, Where
from labhand.kit.code.source import Source

EACH = "*"
"""In a path: any one element of what is gone over."""
PART = ":"
"""In a path: a part of the same kind, as a slice gives."""

_DEEPEST = 32
_FUEL = 300
_FRAMES = 4
_CALLERS = 12


class Step(NamedTuple):
    """One link in a chain of evidence: what happens at a node."""

    message: str
    source: Source
    node: ast.expr | ast.stmt


class Fact(NamedTuple):
    """What is known of a value. `value` None: unknown. `sure` is false where only a name tells."""

    value: Any
    chain: tuple[Step, ...] = ()
    sure: bool = True

    def __bool__(self) -> bool:
        return self.value is not None

    def step(self, message: str, where: Where, node: ast.expr | ast.stmt) -> "Fact":
        """The same fact with one more link."""
        return self._replace(chain=(*self.chain, Step(message, where.source, node)))


UNKNOWN = Fact(None)


class Frame:
    """A call that was entered: what the parameters of its function are."""

    def __init__(self, site: CallSite, target: Where, above: "Frame | None") -> None:
        self.site = site
        self.target = target
        self.above = above
        self.depth: int = 1 + (above.depth if above else 0)


class Spot(NamedTuple):
    """An expression where it stands, in the call that was entered; `path` the element meant of it."""

    node: ast.expr
    where: Where
    frame: Frame | None = None
    path: tuple[Any, ...] = ()

    def at(self, node: ast.expr, path: tuple[Any, ...] | None = None) -> "Spot":
        """Another expression of the same function."""
        return self._replace(node=node, path=self.path if path is None else path)


Answer = Callable[["Facts", Spot], Iterable[Fact] | None]
"""What a domain says of an expression: facts, or None to have it followed further."""


class Facts:
    """The facts of one domain in one project."""

    def __init__(self, project: Project, answer: Answer) -> None:
        self.project = project
        self.answer = answer
        self._known: dict[Spot, tuple[Fact, ...]] = {}
        self._open: dict[Spot, int] = {}
        self._frames: dict[tuple[ast.Call, Scope, Frame | None], Frame] = {}
        self._cut = _DEEPEST + 1
        self._fuel = _FUEL

    def one(self, spot: Spot) -> Fact:
        """What surely holds of a value: every way it can be made agrees; else unknown."""
        found = self.all(spot)
        first = found[0] if found else UNKNOWN
        if any(f.value != first.value for f in found):
            return UNKNOWN
        return first._replace(sure=all(f.sure for f in found))

    def all(self, spot: Spot) -> tuple[Fact, ...]:
        """One fact for each different value that can be meant, unknown among them."""
        if not self._open:
            self._fuel = _FUEL
        known = self._known.get(spot)
        if known is not None:
            return known
        depth = len(self._open)
        if spot in self._open:
            self._cut = min(self._cut, self._open[spot])
            return ()  # a value that leads back to itself adds nothing
        if depth >= _DEEPEST or self._fuel <= 0:
            self._cut = 0
            return (UNKNOWN,)
        self._fuel -= 1
        self._open[spot] = depth
        try:
            said = self.answer(self, spot)
            found = _distinct(self.follow(spot) if said is None else said)
        finally:
            del self._open[spot]
        # What rests on a question still open holds only for it.
        if self._cut >= depth:
            self._known[spot] = found
            self._cut = _DEEPEST + 1
        return found

    def call(self, spot: Spot) -> Call:
        """The call that the spot's node is."""
        assert isinstance(spot.node, ast.Call)
        return call_of(self.project, spot.node, spot.where)

    def follow(self, spot: Spot) -> Iterable[Fact]:
        """The facts of whatever an expression's value comes from."""
        follower = _FOLLOWERS.get(type(spot.node))
        return follower(self, spot) if follower else (UNKNOWN,)

    # One method for each kind of expression

    def _name(self, spot: Spot) -> Iterable[Fact]:
        assert isinstance(spot.node, ast.Name)
        home, bindings = self.project.reaching(spot.node, spot.where)
        inside = spot._replace(where=home)
        for bound in possible(self.project, spot, home, bindings):
            yield from self.bound(spot.node.id, bound, inside)
        if not bindings:
            yield UNKNOWN

    def bound(self, name: str, bound: Binding, spot: Spot) -> Iterable[Fact]:
        """The facts of what one binding gives a name; `spot` is in the scope of the binding."""
        value, path = bound.value, (*bound.path, *spot.path)
        if bound.how == "parameter":
            return self._parameter(name, spot)
        if bound.how == "import":
            return self._imported(bound, spot)
        if value is None:
            return (UNKNOWN,)
        if bound.how == "loop":
            return self.elements(spot.at(value, path))
        if bound.how == "augment":
            return self.all(spot.at(spot.where.source.names.augmented(bound), path))
        if bound.how == "assign" or (bound.how == "with" and not bound.path):
            built = self._built(name, bound, spot) if spot.path else ()
            return built or self.all(spot.at(value, path))
        return (UNKNOWN,)

    def elements(self, spot: Spot) -> Iterable[Fact]:
        """The facts of what going over a value hands out, `spot.path` within each element."""
        node = spot.node
        while isinstance(node, ast.Call) and node.args:
            name = self.call(spot.at(node)).name or ""
            if name == "enumerate":
                if spot.path[:1] == (0,):
                    return (UNKNOWN,)
                spot = spot.at(node.args[0], spot.path[1:])
            elif name == "zip" and spot.path and isinstance(spot.path[0], int):
                position = spot.path[0]
                if position >= len(node.args):
                    return (UNKNOWN,)
                spot = spot.at(node.args[position], spot.path[1:])
            elif name in knowledge.WRAPPERS_OF_ITERABLES or name.endswith("tqdm"):
                spot = spot.at(node.args[0])
            else:
                break
            node = spot.node
        return self.all(spot.at(node, (EACH, *spot.path)))

    def _built(self, name: str, bound: Binding, spot: Spot) -> tuple[Fact, ...]:
        """The facts of the elements of a list that begins empty and is appended to, or of a dict's keys."""
        value = bound.value
        if isinstance(value, ast.Dict | ast.DictComp) or (
            isinstance(value, ast.Call) and _is_name(value.func, "dict")
        ):
            return self._put_under(name, spot)
        empty = (isinstance(value, ast.List) and not value.elts) or (
            isinstance(value, ast.Call) and not value.args and _is_name(value.func, "list")
        )
        if not empty:
            return ()
        found: list[Fact] = []
        for call in spot.where.scope.calls_on(name, "append"):
            if call.args:
                found += self.all(spot.at(call.args[0], spot.path[1:]))
        return _distinct(found)

    def _put_under(self, name: str, spot: Spot) -> tuple[Fact, ...]:
        """The facts of what is put under the key that is meant: `d["loss"] = loss`."""
        found: list[Fact] = []
        for stored in spot.where.scope.stores.get(name, ()):
            statement = stored.node
            target = statement.targets[0] if isinstance(statement, ast.Assign) else None
            if stored.value is None or not isinstance(target, ast.Subscript):
                continue
            key = target.slice.value if isinstance(target.slice, ast.Constant) else None
            if key is not None and key == spot.path[0]:
                found += self.all(spot.at(stored.value, (*stored.path, *spot.path[1:])))
        return _distinct(found)

    def _parameter(self, name: str, spot: Spot) -> Iterable[Fact]:
        frame = spot.frame
        while frame is not None and frame.target.scope is not spot.where.scope:
            frame = frame.above
        if frame is not None:
            return self._passed(frame.site, name, spot, frame.above)
        sites = self.project.callers(spot.where)
        if sites is not None and len(sites) > _CALLERS:
            return (UNKNOWN,)  # what so many callers pass is never proven to be one thing
        found = [f for s in sites or () for f in self._passed(s, name, spot, None)]
        return found or (UNKNOWN,)

    def _passed(self, site: CallSite, name: str, spot: Spot, above: Frame | None) -> list[Fact]:
        given = argument(site, spot.where, name)
        if given is not None:
            message = f"passed as `{name}` here"
            return [
                f.step(message, site.where, site.call) if f else f
                for f in self.all(Spot(given, site.where, above, spot.path))
            ]
        fallback = default_of(spot.where.scope, name)
        starred = any(isinstance(a, ast.Starred) for a in site.call.args)
        if fallback is None or starred or any(k.arg is None for k in site.call.keywords):
            return [UNKNOWN]
        around = spot.where.scope.parent or spot.where.scope
        outside = Where(spot.where.source, around)
        return list(self.all(Spot(fallback, outside, None, spot.path)))

    def _imported(self, bound: Binding, spot: Spot) -> Iterable[Fact]:
        if isinstance(bound.node, ast.ImportFrom):
            module = self.project.module(
                bound.node.module or "", bound.node.level, spot.where.source
            )
            if module is not None and module is not spot.where.source:
                member = bound.target.rpartition(".")[2]
                return self._global(module, member, spot.path)
        return (UNKNOWN,)

    def _global(self, module: Source, name: str, path: tuple[Any, ...]) -> list[Fact]:
        outer = Where(module, module.index.module)
        found: list[Fact] = []
        for bound in module.index.module.bindings.get(name, ()):
            anchor = bound.value
            if anchor is None:
                return [UNKNOWN]
            found += self.bound(name, bound, Spot(anchor, outer, None, path))
        return found or [UNKNOWN]

    def _attribute(self, spot: Spot) -> Iterable[Fact]:
        node = spot.node
        assert isinstance(node, ast.Attribute)
        module = self.project.module_of(node.value, spot.where)
        if module is not None:
            return self._global(module, node.attr, spot.path)
        owner = receiver_class(self.project, node.value, spot.where)
        if owner is None:
            return (UNKNOWN,)
        here = self.project.reaching_attribute(node, spot.where)
        if here:
            return [
                f
                for b in here
                if b.value
                for f in self.all(spot.at(b.value, (*b.path, *spot.path)))
            ]
        fields = field_of(self.project, node, spot.where)
        if fields:
            return [f for v, w in fields for f in self.all(Spot(v, w, None, spot.path))]
        return self._member(owner, node.attr, spot)

    def _member(self, owner: Known, name: str, spot: Spot) -> Iterable[Fact]:
        found: list[Fact] = []
        for member in self.project.lineage(owner)[0]:
            for value, scope, path in member.klass.attributes.get(name, ()):
                if isinstance(value, ast.Constant) and value.value is None:
                    continue  # a placeholder says nothing of what is used later
                place = Where(member.source, scope)
                found += self.all(Spot(value, place, None, (*path, *spot.path)))
        return found or (UNKNOWN,)

    def _call(self, spot: Spot) -> Iterable[Fact]:
        call = self.call(spot)
        target = call.target
        if not isinstance(target, Where) or not target.scope.returns:
            return (UNKNOWN,)
        return self.returned(spot, target, call)

    def returned(self, spot: Spot, target: Where, call: Call) -> Iterable[Fact]:
        """The facts of what a function of the project gives back to a call of it."""
        depth = spot.frame.depth if spot.frame else 0
        if depth >= _FRAMES:
            return (UNKNOWN,)
        frame = self._frame(CallSite(call.node, spot.where), target, spot.frame)
        found: list[Fact] = []
        decides = conditions.passed(self.project, target, frame)
        for value in conditions.given_back(target, decides):
            message = f"`{target.scope.name}` gives it back here"
            path = spot.path
            if path[:1] == (EACH,) and isinstance(target.source.index.parents[value], ast.Yield):
                path = path[1:]
            for fact in self.all(Spot(value, target, frame, path)):
                found.append(fact.step(message, target, value) if fact else fact)
        return found

    def _frame(self, site: CallSite, target: Where, above: Frame | None) -> Frame:
        # One frame for a call of a function, so that equal questions are known as equal.
        return self._frames.setdefault((site.call, target.scope, above), Frame(site, target, above))

    def _subscript(self, spot: Spot) -> Iterable[Fact]:
        node = spot.node
        assert isinstance(node, ast.Subscript)
        key: Any = PART
        if isinstance(node.slice, ast.Constant):
            key = node.slice.value
        elif not isinstance(node.slice, ast.Slice | ast.Tuple):
            key = EACH
        return self.all(spot.at(node.value, (key, *spot.path)))

    def _sequence(self, spot: Spot) -> Iterable[Fact]:
        node = spot.node
        assert isinstance(node, ast.Tuple | ast.List)
        key, rest = (spot.path[0], spot.path[1:]) if spot.path else (None, ())
        plain = not any(isinstance(e, ast.Starred) for e in node.elts)
        if plain and isinstance(key, int) and -len(node.elts) <= key < len(node.elts):
            return self.all(spot.at(node.elts[key], rest))
        if key == EACH and node.elts:
            return [f for e in node.elts for f in self.all(spot.at(e, rest))]
        return (UNKNOWN,)

    def _dict(self, spot: Spot) -> Iterable[Fact]:
        node = spot.node
        assert isinstance(node, ast.Dict)
        if not spot.path:
            return (UNKNOWN,)
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == spot.path[0]:
                return self.all(spot.at(value, spot.path[1:]))
        if spot.path[0] == EACH and node.values:
            return [f for v in node.values for f in self.all(spot.at(v, spot.path[1:]))]
        return (UNKNOWN,)

    def _comprehension(self, spot: Spot) -> Iterable[Fact]:
        node = spot.node
        assert isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp)
        return self.all(spot.at(node.elt, spot.path[1:])) if spot.path else (UNKNOWN,)

    def _either(self, spot: Spot) -> Iterable[Fact]:
        node = spot.node
        parts = chosen(self.project, spot) if isinstance(node, ast.IfExp) else []
        if isinstance(node, ast.BoolOp):
            parts = node.values
        return [f for part in parts for f in self.all(spot.at(part))]

    def _inner(self, spot: Spot) -> Iterable[Fact]:
        node = spot.node
        assert isinstance(node, ast.NamedExpr | ast.Await | ast.Starred)
        return self.all(spot.at(node.value))


_FOLLOWERS: dict[type[ast.expr], Callable[[Facts, Spot], Iterable[Fact]]] = {
    ast.Name: Facts._name,
    ast.Attribute: Facts._attribute,
    ast.Call: Facts._call,
    ast.Subscript: Facts._subscript,
    ast.Tuple: Facts._sequence,
    ast.List: Facts._sequence,
    ast.Dict: Facts._dict,
    ast.ListComp: Facts._comprehension,
    ast.GeneratorExp: Facts._comprehension,
    ast.SetComp: Facts._comprehension,
    ast.IfExp: Facts._either,
    ast.BoolOp: Facts._either,
    ast.NamedExpr: Facts._inner,
    ast.Await: Facts._inner,
    ast.Starred: Facts._inner,
}


def chosen(project: Project, spot: Spot) -> list[ast.expr]:
    """The branches of a conditional expression that the call which was entered leaves open."""
    node = spot.node
    assert isinstance(node, ast.IfExp)
    decides = conditions.passed(project, spot.where, spot.frame)
    holds = truth(node.test, decides) if decides is not None else None
    return [node.body, node.orelse] if holds is None else [node.body if holds else node.orelse]


def possible(project: Project, spot: Spot, home: Where, bindings: list[Binding]) -> list[Binding]:
    """The bindings of a name that the call which was entered leaves open."""
    if spot.frame is None or home.scope is not spot.where.scope or len(bindings) < 2:
        return bindings
    decides = conditions.passed(project, home, spot.frame)
    at = home.source.names.point(spot.node)
    return conditions.still_possible(home, at, bindings, decides)


def _distinct(found: Iterable[Fact]) -> tuple[Fact, ...]:
    first: dict[Any, Fact] = {}
    for fact in found:
        known = first.get(fact.value)
        if known is None or (fact.sure and not known.sure):
            first[fact.value] = fact
    return tuple(first.values())


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
