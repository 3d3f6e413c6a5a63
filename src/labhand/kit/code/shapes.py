"""Symbolic shapes, from sure facts only.

A tuple of sizes: a number, code as text, None where not known; `...` in front where more may stand there.
"""

import ast
import re
from collections.abc import Iterable
from typing import Any

from labhand.kit.code.calls import Call
from labhand.kit.code.facts import UNKNOWN, Fact, Facts, Spot, Step
from labhand.kit.code.layers import layers_in
from labhand.kit.code.project import Where

_FILLED = frozenset(
    "torch.zeros torch.ones torch.rand torch.randn torch.empty numpy.zeros numpy.ones".split()
)
_ALIKE = frozenset("zeros_like ones_like rand_like randn_like empty_like full_like".split())
_SAME = frozenset(
    "relu sigmoid tanh softmax log_softmax clone detach contiguous float double half long to cuda cpu "
    "clamp abs exp log sqrt dropout gelu type type_as requires_grad_ masked_fill masked_fill_ leaky_relu elu".split()
)
_OUT = {"torch.nn.Linear": (1, "out_features"), "torch.nn.LazyLinear": (0, "out_features")}
_KEEPING = frozenset(
    "torch.nn.ReLU torch.nn.Sigmoid torch.nn.Tanh torch.nn.Softmax torch.nn.LogSoftmax torch.nn.Dropout "
    "torch.nn.Identity torch.nn.GELU torch.nn.LayerNorm torch.nn.BatchNorm1d torch.nn.LeakyReLU".split()
)


def answer(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """What an expression says of its shape: sizes are numbers, or code as text where symbolic."""
    match spot.node:
        case ast.Call():
            return _call(facts, spot)
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            return [_product(facts, spot, left, right)]
        case ast.BinOp(left=left, right=right):
            if _is_number(facts, spot, right):
                return [facts.one(spot.at(left, ()))]
            if _is_number(facts, spot, left):
                return [facts.one(spot.at(right, ()))]
            a, b = facts.one(spot.at(left, ())), facts.one(spot.at(right, ()))
            return [a if a.value == b.value else UNKNOWN]
        case ast.Subscript(value=value, slice=index):
            return _indexed(facts, spot, value, index)
    return None


def _is_number(facts: Facts, spot: Spot, node: ast.expr) -> bool:
    """Whether an operand surely has no dimensions: a literal, a root of a width, what `math` gives."""
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=inner):
            return _is_number(facts, spot, inner)
        case ast.BinOp(left=ast.Attribute(value=ast.Name(id="self")), op=ast.Pow(), right=power):
            return isinstance(power, ast.Constant | ast.UnaryOp)
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return _is_set_to_number(facts, spot, name)
        case ast.Call(func=function):
            name = facts.project.canonical(function, spot.where) or ast.unparse(function)
            return name.startswith("math.") or name in ("int", "float", "len", "numpy.sqrt")
    return False


def _is_set_to_number(facts: Facts, spot: Spot, name: str) -> bool:
    """Whether a class sets an attribute to the root of a width, or another plain number."""
    owner = facts.project.owner(spot.where)
    told = owner.klass.attributes.get(name, []) if owner is not None else []
    for value, scope, path in told:
        if isinstance(value, ast.Tuple) and len(path) == 1 and path[0] < len(value.elts):
            value = value.elts[path[0]]
        elif path:
            return False
        power = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Pow)
        plain = not isinstance(value, ast.Attribute) and _is_number(
            facts, spot._replace(where=spot.where._replace(scope=scope)), value
        )
        if not power and not plain:
            return False
    return bool(told)


def rank(shape: Any) -> int | None:
    """The number of dimensions, where the shape is known to its front."""
    return None if shape is None or (shape and shape[0] is ...) else len(shape)


def _call(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    call = facts.call(spot)
    name = call.name or ""
    if name in _FILLED:
        return [_said(_sizes(call.node.args), spot)]
    maker = call.made
    if name.endswith("()") and maker is not None:
        made = _layer(facts, spot, maker, call)
        if made is not None:
            return [made]
    if isinstance(call.target, Where):
        return None  # a function or module of the project
    subject = call.receiver if name.startswith(".") else call.arg(0, "input")
    if name in ("einops.rearrange", "torch.einsum", "numpy.einsum"):
        return [_said(_told(call, 1 if name.startswith("einops") else 0), spot)]
    if subject is None or not (name.startswith((".", "torch."))):
        return None
    if call.method in ("matmul", "bmm"):
        other = call.arg(0 if name.startswith(".") else 1, "other", "mat2", "tensor2")
        return [_product(facts, spot, subject, other) if other is not None else UNKNOWN]
    return [_method(facts, spot, call, facts.one(spot.at(subject, ())))]


def _told(call: Call, place: int) -> tuple[Any, ...] | None:
    """As many unknown sizes as the right side of a pattern of einops or einsum has dimensions."""
    pattern = call.arg(place, "pattern")
    text = pattern.value if isinstance(pattern, ast.Constant) else None
    if not isinstance(text, str) or "->" not in text or "." in text:
        return None
    right = text.partition("->")[2]
    if call.method == "einsum":
        return (None,) * len(right.replace(" ", ""))
    return (None,) * len(re.sub(r"\([^)]*\)", "g", right).split())


def _layer(facts: Facts, spot: Spot, maker: Call, call: Call) -> Fact | None:
    layers = layers_in(maker)
    given = call.arg(0)
    start = facts.one(spot.at(given, ())) if given is not None else UNKNOWN
    parts = (
        [facts.call(layer) for layer in layers if isinstance(layer.node, ast.Call)]
        if layers
        else [maker]
    )
    if layers is not None and len(parts) != len(layers):
        return UNKNOWN
    shape = start.value
    for part in parts:
        if part.name in _OUT:
            out = part.arg(*_OUT[part.name])
            front = shape[:-1] if shape else (...,)
            shape = (*front, _size(out)) if out is not None else None
        elif part.name not in _KEEPING:
            return None if layers is None else UNKNOWN
    return _said(shape, spot)


def _method(facts: Facts, spot: Spot, call: Call, start: Fact) -> Fact:
    shape, method = start.value, call.method
    if method in ("view", "reshape"):
        first = call.node.args if (call.name or "").startswith(".") else call.node.args[1:]
        return _said(_sizes(first), spot)
    if shape is None:
        return UNKNOWN
    if method in _SAME or method in _ALIKE:
        return start
    if method in ("transpose", "permute"):
        return _said(_moved(shape, call), spot)
    dim = _dimension(call)
    if spot.path and method in ("unbind", "chunk", "split"):
        kept = shape if shape[:1] != (...,) else None
        at = dim if isinstance(dim, int) else 0
        if method == "unbind":
            return _said(_removed(kept, at) if kept else None, spot)
        return _said((None,) * len(kept) if kept else None, spot)
    if method == "unsqueeze" and isinstance(dim, int):
        return _said(_inserted(shape, dim), spot)
    if method in ("squeeze", "argmax", "argmin", "sum", "mean") and isinstance(dim, int):
        if method == "squeeze" and not (-len(shape) <= dim < 0 and shape[dim] == 1):
            return UNKNOWN
        return _said(_removed(shape, dim), spot)
    return UNKNOWN


def _product(facts: Facts, spot: Spot, left: ast.expr, right: ast.expr) -> Fact:
    """Of a product of matrices, batched where both are."""
    a, b = facts.one(spot.at(left, ())).value, facts.one(spot.at(right, ())).value
    if not a or not b or len(a) != len(b) or len(a) < 2:
        return UNKNOWN
    return _said((*a[:-1], b[-1]), spot)


def _moved(shape: tuple[Any, ...], call: Call) -> tuple[Any, ...] | None:
    """The shape with its dimensions in the order that `transpose` or `permute` is told."""
    given = call.node.args if (call.name or "").startswith(".") else call.node.args[1:]
    order = [_number(a) for a in given]
    if shape[:1] == (...,) or None in order or not order:
        return None
    if not all(isinstance(i, int) and -len(shape) <= i < len(shape) for i in order):
        return None
    places = [i % len(shape) for i in order if i is not None]
    if call.method == "transpose" and len(places) == 2:
        swapped = {places[0]: places[1], places[1]: places[0]}
        return tuple(shape[swapped.get(i, i)] for i in range(len(shape)))
    return tuple(shape[i] for i in places) if len(places) == len(shape) else None


def _number(given: ast.expr) -> int | None:
    """A whole number as written, below zero too."""
    if isinstance(given, ast.UnaryOp) and isinstance(given.op, ast.USub):
        below = _number(given.operand)
        return -below if below is not None else None
    value = given.value if isinstance(given, ast.Constant) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _indexed(facts: Facts, spot: Spot, value: ast.expr, index: ast.expr) -> Iterable[Fact] | None:
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    shape = facts.one(spot.at(value, ())).value
    if shape is None or shape[:1] == (...,):
        return None if shape is None else [UNKNOWN]
    left: list[Any] = []
    for size, part in zip(shape, parts, strict=False):
        if isinstance(part, ast.Slice):
            whole = part.lower is part.upper is part.step is None
            left.append(size if whole else None)
        elif _number(part) is None:
            return [UNKNOWN]
    return [_said((*left, *shape[len(parts) :]), spot)] if len(parts) <= len(shape) else [UNKNOWN]


def _dimension(call: Call) -> object:
    position = 0 if (call.name or "").startswith(".") else 1
    given = call.arg(position, "dim", "axis")
    return _number(given) if given is not None else None


def _inserted(shape: tuple[Any, ...], dim: int) -> tuple[Any, ...] | None:
    if dim == -1:
        return (*shape, 1)
    return (*shape[:dim], 1, *shape[dim:]) if dim >= 0 and shape[:1] != (...,) else None


def _removed(shape: tuple[Any, ...], dim: int) -> tuple[Any, ...] | None:
    if shape[:1] == (...,) and (dim >= 0 or -dim >= len(shape)):
        return None
    position = dim % len(shape)
    return (*shape[:position], *shape[position + 1 :])


def _sizes(given: list[ast.expr]) -> tuple[Any, ...] | None:
    if len(given) == 1 and isinstance(given[0], ast.Tuple | ast.List):
        given = given[0].elts
    if not given or any(isinstance(a, ast.Starred) for a in given):
        return None
    if len(given) == 1 and not isinstance(given[0], ast.Constant | ast.UnaryOp):
        return None  # it may be a whole shape
    return tuple(_size(a) for a in given)


def _size(given: ast.expr) -> object:
    if isinstance(given, ast.UnaryOp):
        return None  # -1: whatever is left
    return given.value if isinstance(given, ast.Constant) else ast.unparse(given)


def _said(shape: tuple[Any, ...] | None, spot: Spot) -> Fact:
    if shape is None:
        return UNKNOWN
    shown = ", ".join("…" if s is ... else str(s) for s in shape)
    return Fact(shape, (Step(f"its shape is ({shown})", spot.where.source, spot.node),))
