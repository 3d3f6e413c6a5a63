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
    return None


def _said(value: str, spot: Spot, what: str) -> Fact:
    return Fact(value, (Step(f"{what}: {_WORDS[value]}", spot.where.source, spot.node),))


_WORDS = {"vector": "one dimension", "scalar": "one number", "column": "two dimensions, of size 1"}


def _indexed(facts: Facts, spot: Spot, value: ast.expr, index: ast.expr) -> Iterable[Fact] | None:
    if isinstance(index, ast.Slice):
        return facts.all(spot.at(value))
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
    column = len(given) == 2 and isinstance(given[1], ast.Constant) and given[1].value == 1
    return _said("column", spot, f"`{call.method}`") if column else UNKNOWN


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
