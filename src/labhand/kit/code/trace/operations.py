"""What arithmetic and comparisons of values give."""

import ast
from collections.abc import Callable
from typing import Any

from labhand.kit.code.trace import outside
from labhand.kit.code.trace.values import (
    UNKNOWN,
    Api,
    Const,
    Data,
    Function,
    Klass,
    Module,
    Seq,
    Table,
    Thing,
    Value,
    joined,
)


def operation(op: ast.operator, left: Value, right: Value) -> Value:
    """What arithmetic of two values gives."""
    if isinstance(left, Const) and isinstance(right, Const):
        return _computed(op, left.value, right.value)
    if isinstance(left, Seq) and isinstance(right, Seq):
        rest = [v for v in (left.each, right.each) if v is not None]
        return Seq([*left.items, *right.items], joined(rest) if rest else None)
    tensors = [v.tensor for v in (left, right) if isinstance(v, Data)]
    if not tensors:
        return UNKNOWN
    return Data(outside.together(tensors, outside.role_of(op, left, right)))


def _computed(op: ast.operator, left: Any, right: Any) -> Value:
    try:
        match op:
            case ast.Add():
                return Const(left + right)
            case ast.Sub():
                return Const(left - right)
            case ast.Mult() if not isinstance(left, str | list) and not isinstance(right, str):
                return Const(left * right)
            case ast.Mod() if isinstance(left, int):
                return Const(left % right)
            case ast.FloorDiv():
                return Const(left // right)
            case ast.Div():
                return Const(left / right)
    except (TypeError, ValueError, ArithmeticError):
        pass
    return UNKNOWN


def compared(op: ast.cmpop, left: Value, right: Value) -> Value:
    """What a comparison of two values gives."""
    if isinstance(op, ast.In | ast.NotIn) and isinstance(left, Const):
        known = _contains(right, left.value)
        return UNKNOWN if known is None else Const(known == isinstance(op, ast.In))
    if isinstance(left, Const) and isinstance(right, Const):
        try:
            known = _COMPARISONS[type(op)](left.value, right.value)
        except (KeyError, TypeError):
            return UNKNOWN
        return Const(known)
    if isinstance(op, ast.Is | ast.IsNot):
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Const) and one.value is None and _exists(other):
                return Const(isinstance(op, ast.IsNot))
    return UNKNOWN


_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.Gt: lambda a, b: a > b,
    ast.LtE: lambda a, b: a <= b,
    ast.GtE: lambda a, b: a >= b,
    ast.Is: lambda a, b: a is b,
    ast.IsNot: lambda a, b: a is not b,
}


def _contains(holder: Value, key: Any) -> bool | None:
    if isinstance(holder, Table) and holder.each is None:
        return key in holder.items
    whole = isinstance(holder, Seq) and holder.each is None
    if whole and isinstance(holder, Seq) and all(isinstance(i, Const) for i in holder.items):
        return any(i.value == key for i in holder.items if isinstance(i, Const))
    if isinstance(holder, Const) and isinstance(holder.value, str) and isinstance(key, str):
        return key in holder.value
    return None


def _exists(of: Value) -> bool:
    """Whether a value surely is something and not None."""
    return isinstance(of, Function | Klass | Module | Api | Seq | Table | Data) or (
        isinstance(of, Thing) and (of.known is not None or of.name is not None)
    )
