"""Along which dimension a value is used, where that is surely not the first."""

import ast
from typing import NamedTuple

from labhand.kit.code.view import View

_KEEPS = frozenset(
    "cpu cuda numpy detach float double half type to contiguous clone exp log".split()
)
_DROPS = frozenset("dropout Dropout drop attn_drop attn_dropout dropout_attn".split())
_PICKS = {"argmax": 0, "max": 0, "gather": 0, "topk": 1}
"""Where methods take the dimension among their arguments; functions one further."""
_CONTRACTS = frozenset({"matmul", "bmm"})
_STEPS = 4


class Use(NamedTuple):
    """What takes a value along a dimension that is not its first."""

    node: ast.expr
    how: str


def used(view: View, node: ast.expr) -> Use | None:
    """The use of a value of two dimensions or more along another one than the first; None: none is sure.

    Followed through names of the function, dropout and changes of type; what moves dimensions ends it.
    """
    pending: list[tuple[ast.expr, int]] = [(node, 0)]
    while pending:
        one, steps = pending.pop(0)
        above = view.source.index.parents.get(one)
        found = _use(view, one, above)
        if found is not None:
            return found
        onward = _onward(one, above)
        if onward is not None:
            pending.append((onward, steps))
        elif isinstance(above, ast.Assign) and steps < _STEPS and _is_named(above, one):
            pending += [(use, steps + 1) for use in view.uses(above)]
    return None


def _is_named(statement: ast.Assign, value: ast.expr) -> bool:
    return statement.value is value and all(isinstance(t, ast.Name) for t in statement.targets)


def _onward(node: ast.expr, above: ast.AST | None) -> ast.expr | None:
    """The call that gives the value on as it is."""
    if isinstance(above, ast.Call) and node in above.args[:1]:
        name = above.func.attr if isinstance(above.func, ast.Attribute) else ""
        name = above.func.id if isinstance(above.func, ast.Name) else name
        return above if name in _DROPS else None
    return (
        above
        if isinstance(above, ast.Attribute) and above.attr in (*_KEEPS, "unsqueeze")
        else (
            above
            if isinstance(above, ast.Call)
            and above.func is node
            and (_keeps(node) or _adds_last(node, above))
            else None
        )
    )


def _adds_last(node: ast.expr, call: ast.Call) -> bool:
    """`x.unsqueeze(-1)`, or one at the end of a matrix: those in front stay where they are."""
    last = call.args and ast.unparse(call.args[0]) in ("-1", "2")
    return isinstance(node, ast.Attribute) and node.attr == "unsqueeze" and bool(last)


def _keeps(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in _KEEPS


def _use(view: View, node: ast.expr, above: ast.AST | None) -> Use | None:
    if isinstance(above, ast.Call) and node in above.args[:1]:
        entry = view.call(above).entry("losses") or {}
        if entry.get("classes") == "many" and entry.get("takes") == "log-probabilities":
            return Use(above, ast.unparse(above.func))
    match above:
        case ast.Call(func=ast.Attribute(attr=name, value=value)) if value is not node:
            return _function(view, node, above, name)
        case ast.Attribute(attr=name) if name in _PICKS:
            call = view.source.index.parents.get(above)
            if isinstance(call, ast.Call) and call.func is above and _second(call, _PICKS[name]):
                return Use(call, ast.unparse(call.func).rpartition(".")[2])
        case ast.Subscript(value=value, slice=ast.Tuple(elts=[first, last])) if value is node:
            whole = ast.unparse(first) == ":" and isinstance(last, ast.Constant)
            rows = isinstance(first, ast.Call) and ast.unparse(first.func).endswith("range")
            if whole or rows:
                return Use(above, ast.unparse(above))
        case ast.BinOp(left=left, op=ast.MatMult()) if left is node and _is_deep(view, node):
            return Use(above, "@")
        case ast.BinOp(op=ast.Mult()):
            return _summed_product(view, above)
    return None


def _summed_product(view: View, product: ast.BinOp) -> Use | None:
    """`(weights * values).sum(1)`, in the function or by `torch.sum`."""
    above = view.source.index.parents.get(product)
    call = view.source.index.parents.get(above) if isinstance(above, ast.Attribute) else above
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    place = 0 if call.func.value is product else 1 if call.args[:1] == [product] else None
    if call.func.attr != "sum" or place is None:
        return None
    return Use(call, "sum") if _second(call, place) or _last_of_more(view, call, place) else None


def _last_of_more(view: View, call: ast.Call, place: int) -> bool:
    """Whether a call is told the last dimension, of several: it keeps them, or the rest is averaged after."""
    told = [k.value for k in call.keywords if k.arg in ("dim", "axis")]
    told = told or call.args[place : place + 1]
    if not told or ast.unparse(told[0]) != "-1":
        return False
    above = view.source.index.parents.get(call)
    after = above.func if isinstance(above, ast.Call) else above
    averaged = isinstance(after, ast.Attribute) and after.attr == "mean"
    return averaged or any(k.arg in ("keepdim", "keepdims") for k in call.keywords)


def _function(view: View, node: ast.expr, call: ast.Call, name: str) -> Use | None:
    if name == "bmm" and call.args[1:2] == [node]:
        return Use(call, name)  # it sums over the rows of each matrix: dimension 1
    if name in _CONTRACTS and call.args[:1] == [node] and (name == "bmm" or _is_deep(view, node)):
        return Use(call, name)
    if name in _PICKS and call.args[:1] == [node] and _second(call, _PICKS[name] + 1):
        return Use(call, name)
    if name == "multinomial" and call.args[:1] == [node] and _is_deep(view, node):
        return Use(call, name)
    if name == "einsum" and node in call.args[1:]:
        return _summed(node, call)
    return None


def _summed(node: ast.expr, call: ast.Call) -> Use | None:
    """An `einsum` that keeps the first letter of the value and sums over another one."""
    told = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
    if not isinstance(told, str) or "->" not in told or "." in told:
        return None
    given, out = told.replace(" ", "").split("->")
    letters = given.split(",")[call.args.index(node) - 1]
    return Use(call, "einsum") if letters[0] in out and set(letters) - set(out) else None


def _second(call: ast.Call, place: int) -> bool:
    """Whether a call is told dimension 1, or a later one."""
    told = [k.value for k in call.keywords if k.arg in ("dim", "axis")] or call.args[
        place : place + 1
    ]
    value = told[0].value if told and isinstance(told[0], ast.Constant) else None
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_deep(view: View, node: ast.expr) -> bool:
    """Whether the value surely has two dimensions or more: it is made of what is transposed or masked."""
    for one in view.behind(node):
        match one:
            case ast.Call(func=ast.Attribute(attr="transpose" | "bmm" | "permute" | "masked_fill")):
                return True
            case ast.Attribute(attr="mT"):
                return True
            case ast.Subscript(slice=ast.Tuple(elts=parts)):
                if sum(isinstance(p, ast.Slice) for p in parts) >= 2:
                    return True
    return False
