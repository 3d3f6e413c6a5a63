"""The ways through a function: which statement can follow which, and which names reach where."""

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from labhand.kit.code.model import Binding, Index, Scope

Point = ast.stmt | ast.ExceptHandler | None
"""A place on the way: a statement (the header of a compound one); None is the way out."""

Decides = Callable[[ast.expr], bool | None]
"""Whether a condition holds: always, never, or (None) not known."""

_ENDING = frozenset({"sys.exit", "exit", "quit", "os._exit", "os.abort"})


def truth(test: ast.expr, of: Decides) -> bool | None:
    """Whether a condition holds, of what is known of its parts."""
    known = of(test)
    if known is not None:
        return known
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = truth(test.operand, of)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        parts = {truth(part, of) for part in test.values}
        settles = isinstance(test.op, ast.Or)
        if settles in parts:
            return settles
        return not settles if None not in parts else None
    return None


class _Goals(NamedTuple):
    """Where a jump leads to from the statements being laid out."""

    leave: list[Point]
    stop: list[Point]
    again: list[Point]
    raised: list[Point]


class Paths:
    """The ways through one scope. Exceptions may leave any statement of a `try` for its handlers."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.after: dict[Point, list[Point]] = {}
        self.branches: dict[Point, tuple[list[Point], list[Point]]] = {}
        self.before: dict[Point, list[Point]] = {}
        nothing: list[Point] = [None]
        goals = _Goals(nothing, nothing, nothing, nothing)
        self.start = self._block(scope.node.body, nothing, goals)
        for point, following in self.after.items():
            for other in following:
                self.before.setdefault(other, []).append(point)

    # How statements follow each other

    def _block(self, body: list[ast.stmt], then: list[Point], goals: _Goals) -> list[Point]:
        for statement in reversed(body):
            self._statement(statement, then, goals)
            then = [statement]
        return then

    def _statement(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> None:
        lay = _LAYOUTS.get(type(statement))
        after = lay(self, statement, then, goals) if lay else self._plain(statement, then, goals)
        if goals.raised != [None]:
            after = [*after, *goals.raised]
        self.after[statement] = list(dict.fromkeys(after))

    def _plain(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            function = statement.value.func
            if isinstance(function, ast.Name | ast.Attribute) and _written(function) in _ENDING:
                return goals.leave
        return then

    def _leave(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        return goals.leave

    def _raise(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        return goals.raised

    def _assert(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        assert isinstance(statement, ast.Assert)
        never = isinstance(statement.test, ast.Constant) and not statement.test.value
        return goals.raised if never else then

    def _break(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        return goals.stop

    def _continue(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        return goals.again

    def _if(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        assert isinstance(statement, ast.If)
        known = statement.test.value if isinstance(statement.test, ast.Constant) else None
        yes = self._block(statement.body, then, goals)
        no = self._block(statement.orelse, then, goals)
        self.branches[statement] = (yes, no)
        return yes if known is True else no if known is False else [*yes, *no]

    def _loop(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        assert isinstance(statement, ast.For | ast.AsyncFor | ast.While)
        inside = goals._replace(stop=then, again=[statement])
        body = self._block(statement.body, [statement], inside)
        done = self._block(statement.orelse, then, goals)
        test = statement.test if isinstance(statement, ast.While) else None
        endless = isinstance(test, ast.Constant) and bool(test.value)
        return body if endless else [*body, *done]

    def _with(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        assert isinstance(statement, ast.With | ast.AsyncWith)
        return self._block(statement.body, then, goals)

    def _try(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        assert isinstance(statement, ast.Try | ast.TryStar)
        last = list(then)
        if statement.finalbody:
            # What leaves through `finally` goes on to where it was headed, or to what comes next.
            onward = [*then, *goals.leave]
            last = self._block(statement.finalbody, onward, goals)
            goals = _Goals(last, last, last, last)
        handlers: list[Point] = []
        for handler in statement.handlers:
            self.after[handler] = self._block(handler.body, last, goals)
            handlers.append(handler)
        otherwise = self._block(statement.orelse, last, goals)
        return self._block(statement.body, otherwise, goals._replace(raised=handlers or last))

    def _match(self, statement: ast.stmt, then: list[Point], goals: _Goals) -> list[Point]:
        assert isinstance(statement, ast.Match)
        ways = [p for case in statement.cases for p in self._block(case.body, then, goals)]
        return [*ways, *then]

    # Questions

    def leads(
        self,
        start: Point,
        goal: Point,
        avoiding: Collection[Point] | Callable[[Point], bool] = (),
        of: Decides | None = None,
    ) -> bool:
        """Whether a way leads from a statement on to another, without the statements in between.

        `of` tells of conditions which way they go.
        """
        barred = avoiding if callable(avoiding) else avoiding.__contains__
        return self._reaches(self._next(start, of), goal, barred, of)

    def always_before(
        self,
        goal: Point,
        wanted: Collection[Point] | Callable[[Point], bool],
        of: Decides | None = None,
    ) -> bool:
        """Whether every way from the start of the scope to a statement passes a wanted one."""
        barred = wanted if callable(wanted) else wanted.__contains__
        return not self._reaches(self.start, goal, barred, of)

    def reached(self, of: Decides) -> set[Point]:
        """The statements to which some way leads, where `of` tells which way conditions go."""
        pending, seen = list(self.start), set[Point]()
        while pending:
            point = pending.pop()
            if point not in seen:
                seen.add(point)
                pending.extend(self._next(point, of))
        return seen

    def _next(self, point: Point, of: Decides | None) -> Iterable[Point]:
        after = self.after.get(point, ())
        if of is None or not isinstance(point, ast.If):
            return after
        holds = truth(point.test, of)
        if holds is None:
            return after
        ruled_out = self.branches[point][holds]
        kept = self.branches[point][not holds]
        return [p for p in after if p in kept or p not in ruled_out]

    def _reaches(
        self,
        starts: Iterable[Point],
        goal: Point,
        barred: Callable[[Point], bool],
        of: Decides | None,
    ) -> bool:
        """Whether a way leads from one of the statements to the goal past no barred one."""
        pending = list(starts)
        seen: set[Point] = set()
        while pending:
            point = pending.pop()
            if point is goal:
                return True
            if point in seen or barred(point):
                continue
            seen.add(point)
            pending.extend(self._next(point, of))
        return False

    def nearest_before(
        self, start: Point, wanted: Callable[[Point], object]
    ) -> tuple[list[Point], bool]:
        """The first wanted statements met on the ways back, and whether one misses them all."""
        found: list[Point] = []
        open_end = start in self.start
        pending = list(self.before.get(start, ()))
        seen: set[Point] = set()
        while pending:
            point = pending.pop()
            if point in seen:
                continue
            seen.add(point)
            if wanted(point):
                found.append(point)
                continue
            open_end = open_end or point in self.start
            pending.extend(self.before.get(point, ()))
        return found, open_end


_LAYOUTS: dict[type[ast.stmt], Callable[[Paths, ast.stmt, list[Point], _Goals], list[Point]]] = {
    ast.Return: Paths._leave,
    ast.Raise: Paths._raise,
    ast.Assert: Paths._assert,
    ast.Break: Paths._break,
    ast.Continue: Paths._continue,
    ast.If: Paths._if,
    ast.For: Paths._loop,
    ast.AsyncFor: Paths._loop,
    ast.While: Paths._loop,
    ast.With: Paths._with,
    ast.AsyncWith: Paths._with,
    ast.Try: Paths._try,
    ast.TryStar: Paths._try,
    ast.Match: Paths._match,
}


class Names:
    """Which bindings of a name reach its uses, in one file, with the order of statements."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._paths: dict[Scope, Paths] = {}
        self._places: dict[tuple[Scope, str], dict[Point, list[Binding]]] = {}
        self._known: dict[tuple[Scope, str, Point], list[Binding]] = {}
        self.conditions: dict[Scope, object] = {}
        self._augmented: dict[ast.AugAssign, ast.BinOp] = {}

    def paths(self, scope: Scope) -> Paths:
        """The ways through a scope, laid out when first asked for."""
        if scope not in self._paths:
            self._paths[scope] = Paths(scope)
        return self._paths[scope]

    def point(self, node: ast.AST) -> Point:
        """The statement, or its header, that a node belongs to; the way out for a node of no tree."""
        above: ast.AST | None = node
        while above is not None and not isinstance(above, ast.stmt | ast.ExceptHandler):
            above = self.index.parents.get(above)
        return above

    def hidden(self, name: ast.Name) -> Binding | None:
        """The comprehension or lambda that binds a name where it is used; None where none does."""
        node: ast.AST = name
        while not isinstance(node, ast.stmt):
            if isinstance(node, ast.Lambda):
                given = node.args
                if name.id in {a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)}:
                    return Binding("other", node)
            elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
                for part in node.generators:
                    path = _path_to(part.target, name.id)
                    if path is not None:
                        return Binding("loop", part, part.iter, path)
            above = self.index.parents.get(node)
            if above is None:
                break
            node = above
        return None

    def augmented(self, bound: Binding) -> ast.BinOp:
        """`x += y` as the operation `x + y`; it stands in the tree below its statement."""
        node = bound.node
        assert isinstance(node, ast.AugAssign)
        if node not in self._augmented:
            left = _loaded(node.target)
            whole = ast.copy_location(ast.BinOp(left, node.op, node.value), node)
            self._augmented[node] = whole
            self.index.parents[whole] = node
            self.index.parents[left] = whole
        return self._augmented[node]

    def reaching(self, name: str, scope: Scope, at: Point) -> list[Binding]:
        """The bindings in the scope that may have been the last before `at`; a parameter's among them."""
        key = (scope, name, at)
        if key not in self._known:
            self._known[key] = list(self._reaching(name, scope, at))
        return self._known[key]

    def _reaching(self, name: str, scope: Scope, at: Point) -> Iterator[Binding]:
        places = self._places.get((scope, name))
        if places is None:
            places = self._places[scope, name] = self._where_bound(name, scope)
        if len(places) == 1 and None in places:
            yield from places[None]
            return
        found, open_end = self.paths(scope).nearest_before(at, places.__contains__)
        for point in dict.fromkeys(found):
            yield from places[point]
        if open_end:
            yield from places.get(None, ())

    def _where_bound(self, name: str, scope: Scope) -> dict[Point, list[Binding]]:
        places: dict[Point, list[Binding]] = {}
        for bound in scope.bindings.get(name, ()):
            if isinstance(bound.node, ast.comprehension) or bound.how == "global":
                continue
            is_given = isinstance(bound.node, ast.arg)
            point = None if is_given else self.point(bound.node)
            places.setdefault(point, []).append(bound)
        return places


def _loaded(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    if isinstance(target, ast.Attribute):
        return ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target)
    return target


def _path_to(target: ast.expr, name: str) -> tuple[int, ...] | None:
    """The indices by which unpacking into a target reaches a name; None where it does not."""
    if isinstance(target, ast.Name):
        return () if target.id == name else None
    if isinstance(target, ast.Tuple | ast.List):
        for position, element in enumerate(target.elts):
            path = _path_to(element, name)
            if path is not None:
                return (position, *path)
    return None


def _written(expression: ast.expr) -> str:
    if isinstance(expression, ast.Attribute):
        return f"{_written(expression.value)}.{expression.attr}"
    return expression.id if isinstance(expression, ast.Name) else ""
