"""Whether a value holds one number a sample (a vector), one number (a scalar), or a column of them."""

import ast
from collections.abc import Iterable

from labhand.kit.code.calls import Call
from labhand.kit.code.facts import EACH, UNKNOWN, Fact, Facts, Spot, Step
from labhand.kit.code.origins import origins

_SAME = frozenset(
    "to float double half cuda cpu long type detach clone contiguous astype copy requires_grad_ numpy".split()
)
_WRAPS = frozenset(
    "torch.tensor torch.from_numpy torch.as_tensor torch.FloatTensor torch.Tensor numpy.array "
    "numpy.asarray torch.autograd.Variable".split()
)
_FILLED = frozenset(
    "torch.zeros torch.ones torch.rand torch.randn torch.empty numpy.zeros numpy.ones".split()
)
_VECTORS = {"sklearn.datasets.make_regression": 1}
"""What gives a vector at a position."""


def answer(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """What an expression says of it: `vector`, `scalar`, `column`."""
    node = spot.node
    match node:
        case ast.Constant(value=int() | float()):
            return [Fact("scalar")]
        case ast.Attribute(attr="values", value=ast.Subscript(slice=ast.Constant(value=str()))):
            return [_said("vector", spot, "one column of a table")]
        case ast.Subscript(value=value, slice=index):
            return _indexed(facts, spot, value, index)
        case ast.Call():
            return _call(facts, spot)
        case ast.BinOp() if not spot.path:
            return [_operation(facts, spot, node)]
    return None


def _operation(facts: Facts, spot: Spot, node: ast.BinOp) -> Fact:
    """What an operation of two values gives: a vector of vectors and numbers, or of a matrix and a vector."""
    left, right = facts.one(spot.at(node.left)), facts.one(spot.at(node.right))
    if isinstance(node.op, ast.MatMult):
        return right if (left.value, right.value) == ("matrix", "vector") else UNKNOWN
    if left.value == right.value or right.value == "scalar":
        return left
    return right if left.value == "scalar" else UNKNOWN


def _said(value: str, spot: Spot, what: str) -> Fact:
    return Fact(value, (Step(f"{what}: {_WORDS[value]}", spot.where.source, spot.node),))


_WORDS = {
    "vector": "one dimension",
    "scalar": "one number",
    "column": "two dimensions, of size 1",
    "matrix": "two dimensions",
}


def _indexed(facts: Facts, spot: Spot, value: ast.expr, index: ast.expr) -> Iterable[Fact] | None:
    if isinstance(index, ast.Slice):
        return facts.all(spot.at(value))
    match index:
        case ast.Tuple(elts=[ast.Slice(), ast.Constant(value=int())]):
            found = facts.one(spot.at(value))
            return [found._replace(value="vector") if found.value == "matrix" else UNKNOWN]
    if spot.where.scope.name == "__getitem__" and isinstance(index, ast.Name):
        found = facts.one(spot.at(value))
        if found.value in ("vector", "column"):
            return [found._replace(value="scalar" if found.value == "vector" else "vector")]
    return None if isinstance(index, ast.Constant) else [UNKNOWN]


def _call(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    call = facts.call(spot)
    name = call.name or ""
    first = call.arg(0, "data", "dataset")
    if name in _FILLED and not spot.path:
        return [_filled(spot, call)]
    if spot.path and name in _VECTORS:
        is_vector = spot.path[0] == _VECTORS[name]
        return [_said("vector", spot, f"`{call.method}` gives it")] if is_vector else [UNKNOWN]
    if name.endswith("train_test_split") and spot.path and isinstance(spot.path[0], int):
        position = spot.path[0] // 2
        given = call.node.args
        return (
            facts.all(spot.at(given[position], spot.path[1:]))
            if position < len(given)
            else [UNKNOWN]
        )
    if name.endswith("DataLoader") and spot.path[:1] == (EACH,) and first is not None:
        return _batches(facts, spot, first)
    if name in _WRAPS and first is not None:
        return facts.all(spot.at(first))
    if call.receiver is None:
        return None
    if call.method in _SAME:
        return facts.all(spot.at(call.receiver))
    if call.method in ("sum", "mean") and call.arg(0, "axis", "dim") is not None:
        found = facts.one(spot.at(call.receiver))
        kept = call.arg(1, "keepdim", "keepdims") is not None
        return [found._replace(value="vector") if found.value == "matrix" and not kept else UNKNOWN]
    size = call.arg(None, "size")
    if call.method in ("normal", "uniform", "random", "standard_normal") and size is not None:
        pair = isinstance(size, ast.Tuple) and len(size.elts) == 2
        single = isinstance(size, ast.Constant) and isinstance(size.value, int)
        kind = "matrix" if pair else "vector" if single else None
        return [_said(kind, spot, f"`.{call.method}`")] if kind else [UNKNOWN]
    return _method(facts, spot, call)


def _method(facts: Facts, spot: Spot, call: Call) -> Iterable[Fact] | None:
    sizes = [ast.unparse(a) for a in call.node.args]
    column = isinstance(call.receiver, ast.Subscript) and isinstance(
        call.receiver.slice, ast.Constant
    )
    if call.method == "to_numpy" and column:
        return [_said("vector", spot, "one column of a table")]
    if (call.method in ("view", "reshape") and sizes in (["-1"],)) or call.method == "ravel":
        return [_said("vector", spot, f"`.{call.method}`")]
    if (call.method, sizes) in (
        ("unsqueeze", ["1"]),
        ("unsqueeze", ["-1"]),
        ("view", ["-1", "1"]),
        ("reshape", ["-1", "1"]),
    ):
        return [_said("column", spot, f"`.{call.method}`")]
    return [UNKNOWN] if (call.name or "").startswith(".") else None


def _filled(spot: Spot, call: Call) -> Fact:
    given = [a for a in call.node.args if not isinstance(a, ast.Starred)]
    if len(given) != len(call.node.args):
        return UNKNOWN
    if len(given) == 1 and isinstance(given[0], ast.Constant):
        return _said("vector", spot, f"`{call.method}`")
    shape = given[0].elts if len(given) == 1 and isinstance(given[0], ast.Tuple) else given
    if len(shape) != 2:
        return UNKNOWN
    column = isinstance(shape[1], ast.Constant) and shape[1].value == 1
    return _said("column" if column else "matrix", spot, f"`{call.method}`")


def _batches(facts: Facts, spot: Spot, dataset: ast.expr) -> Iterable[Fact]:
    """What a loader hands out at a position: rows of tensors, or what a data set of the project gives."""
    item = spot.path[1:]
    found: list[Fact] = []
    for origin in origins(facts.project, dataset, spot.where):
        made, where = origin.expression, origin.where
        if origin.name.endswith("TensorDataset") and isinstance(made, ast.Call) and where and item:
            position = item[0]
            if isinstance(position, int) and position < len(made.args):
                found += facts.all(Spot(made.args[position], where))
                continue
        get = facts.project.method(origin.known, "__getitem__") if origin.known else None
        if get is None:
            return [UNKNOWN]
        for value in get.scope.returns:
            one = facts.one(Spot(value, get, None, item))
            found.append(one._replace(value="vector") if one.value == "scalar" else UNKNOWN)
    return found or [UNKNOWN]
