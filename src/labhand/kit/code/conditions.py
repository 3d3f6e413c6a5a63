"""What conditions prove: branches that cannot both run, and ones that what a call passes rules out."""

import ast
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from labhand.kit.code.model import Binding
from labhand.kit.code.origins import argument, default_of
from labhand.kit.code.paths import Decides, Point
from labhand.kit.code.project import Project, Where

if TYPE_CHECKING:
    from labhand.kit.code.facts import Frame

_DEEPEST = 4
_PLAIN: tuple[type[ast.AST], ...] = (
    *(ast.Name, ast.Attribute, ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Subscript),
    *(ast.List, ast.Tuple, ast.expr_context, ast.cmpop, ast.boolop, ast.unaryop),
)


# Conditions that have held already


def held(guards: Iterable[tuple[ast.expr, bool]], where: Where) -> Decides | None:
    """What conditions that hold around some statement tell of others in its function; None: nothing.

    Only conditions count whose parts the function binds once at most, so that they hold throughout.
    The first of two that contradict each other counts.
    """
    words = _words(where)
    told: dict[str, bool] = {}
    for test, holds in guards:
        for part, value in _implied(test, holds):
            if words.lasts(part):
                told.setdefault(words.written(part), value)
    return (lambda test: told.get(words.written(test))) if told else None


def _implied(test: ast.expr, holds: bool) -> Iterable[tuple[ast.expr, bool]]:
    """The parts of a condition that are settled with it."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _implied(test.operand, not holds)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) == holds:
        return [pair for part in test.values for pair in _implied(part, holds)]
    return [(test, holds)]


class _Words:
    """How the conditions of one function are written, and which of them it does not change."""

    def __init__(self, where: Where) -> None:
        self._scope = where.scope
        self._stored = {
            node.attr
            for node in where.source.index.by_type.get(ast.Attribute, ())
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and where.source.index.scope(node) is where.scope
        }
        self._written: dict[ast.expr, str] = {}

    def lasts(self, test: ast.expr) -> bool:
        """Whether a condition is made of names and attributes that stay as they are."""
        for node in ast.walk(test):
            if not isinstance(node, _PLAIN):
                return False
            if isinstance(node, ast.Name):
                found = self._scope.bindings.get(node.id, ())
                if len(found) > 1 or any(b.how == "loop" for b in found):
                    return False
            if isinstance(node, ast.Attribute) and node.attr in self._stored:
                return False
        return True

    def written(self, test: ast.expr) -> str:
        """A condition as text, a name that stands for another name or attribute written as that."""
        known = self._written.get(test)
        if known is None:
            known = self._written[test] = self._plain(test)
        return known

    def _plain(self, test: ast.expr) -> str:
        text, base = ast.unparse(test), test
        while isinstance(base, ast.Attribute):
            base = base.value
        other = self._alias(base.id) if isinstance(base, ast.Name) else None
        return text if other is None else ast.unparse(other) + text[len(ast.unparse(base)) :]

    def _alias(self, name: str) -> ast.expr | None:
        """The name or attribute that a name of the function surely stands for."""
        found = self._scope.bindings.get(name, [])
        if len(found) != 1 or found[0].how != "assign" or found[0].path:
            return None
        value = found[0].value
        return value if isinstance(value, ast.Name | ast.Attribute) else None


def _words(where: Where) -> _Words:
    known = where.source.names.conditions
    if where.scope not in known:
        known[where.scope] = _Words(where)
    found = known[where.scope]
    assert isinstance(found, _Words)
    return found


# Conditions that a call settles by what it passes


def passed(project: Project, where: Where, frame: "Frame | None") -> Decides | None:
    """What the call that was entered tells of conditions in its function; None: nothing was entered."""
    frame = _entered(where, frame)
    if frame is None:
        return None

    def decides(test: ast.expr) -> bool | None:
        return _told(project, test, where, frame)

    return decides


def _entered(where: Where, frame: "Frame | None") -> "Frame | None":
    """The innermost call by which this function was entered."""
    while frame is not None and frame.target.scope is not where.scope:
        frame = frame.above
    return frame


def _told(project: Project, test: ast.expr, where: Where, frame: "Frame | None") -> bool | None:
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left = _value(project, test.left, where, frame)
        right = _value(project, test.comparators[0], where, frame)
        return None if left is None or right is None else _compared(test.ops[0], left[0], right[0])
    if isinstance(test, ast.Name):
        value = _value(project, test, where, frame)
        return None if value is None else bool(value[0])
    return None


def _compared(operator: ast.cmpop, left: object, right: object) -> bool | None:
    match operator:
        case ast.Eq() | ast.Is():
            return left == right
        case ast.NotEq() | ast.IsNot():
            return left != right
        case ast.In() | ast.NotIn() if isinstance(right, str | tuple | list):
            if isinstance(right, str) and not isinstance(left, str):
                return None
            return (left in right) is isinstance(operator, ast.In)
    return None


def _value(
    project: Project, node: ast.expr, where: Where, frame: "Frame | None", depth: int = _DEEPEST
) -> tuple[object] | None:
    """The plain value of an expression in the call that was entered, in a tuple of one; None: unknown."""
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if not isinstance(node, ast.Name) or depth == 0:
        return None
    if [b.how for b in where.scope.bindings.get(node.id, ())] != ["parameter"]:
        return None
    frame = _entered(where, frame)
    if frame is None:
        return None
    given = argument(frame.site, where, node.id)
    if given is not None:
        return _value(project, given, frame.site.where, frame.above, depth - 1)
    call = frame.site.call
    if any(isinstance(a, ast.Starred) for a in call.args) or any(
        k.arg is None for k in call.keywords
    ):
        return None
    fallback = default_of(where.scope, node.id)
    return None if fallback is None else _value(project, fallback, where, None, 0)


def still_possible(
    where: Where, at: Point, bindings: list[Binding], decides: Decides | None
) -> list[Binding]:
    """Those of the bindings that reach a statement of their function in the call that was entered."""
    if decides is None or len(bindings) < 2:
        return bindings
    names = where.source.names
    ways = names.paths(where.scope)
    if not ways.branches:
        return bindings
    points: Mapping[Binding, Point] = {
        b: None if b.how == "parameter" else names.point(b.node) for b in bindings
    }
    kept, run = [], ways.reached(decides)
    for bound, point in points.items():
        others = {p for b, p in points.items() if b is not bound and p is not None}
        if point is None:
            reaches = not ways.always_before(at, others, decides)
        else:
            reaches = point in run and ways.leads(point, at, others, decides)
        if reaches:
            kept.append(bound)
    return kept or bindings


def given_back(where: Where, decides: Decides | None) -> list[ast.expr]:
    """What a function can give back in the call that was entered."""
    values = where.scope.returns
    if decides is None or len(values) < 2:
        return values
    names = where.source.names
    ways = names.paths(where.scope)
    if not ways.branches:
        return values
    run = ways.reached(decides)
    return [v for v in values if names.point(v) in run] or values
