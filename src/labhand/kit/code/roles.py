"""Tensor roles: logits, probabilities, log-probabilities, class indices, one-hot, from what gives them."""

import ast
from collections.abc import Iterable

from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.facts import UNKNOWN, Fact, Facts, Spot, Step
from labhand.kit.code.knowledge import tables
from labhand.kit.code.layers import last_layers
from labhand.kit.code.origins import origins
from labhand.kit.code.project import Known, Where

_THROUGH = frozenset({"T", "mT", "H", "data", "real"})
_FIELDS = {"logits": "logits", "probs": "probabilities", "loss": "loss"}
_KERAS = {
    "softmax": "probabilities",
    "sigmoid": "probabilities",
    "log_softmax": "log-probabilities",
    "linear": "logits",
    "relu": "rectified",
    "tanh": "bounded",
}


def answer(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """What an expression says of its tensor role."""
    match spot.node:
        case ast.Call():
            return _call(facts, spot)
        case ast.BinOp():
            return _operation(facts, spot)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return [Fact("negative")] if facts.one(spot.at(operand)) else [UNKNOWN]
        case ast.Attribute(attr=name, value=value) if name in _THROUGH:
            return facts.all(spot.at(value))
        case ast.Attribute(attr=name) if name in _FIELDS:
            found = list(facts.follow(spot))
            return found if any(found) else [_said(_FIELDS[name], spot, f"its field `{name}`")]
        case ast.Compare():
            return [Fact("truth")]
    return None


def of_module(facts: Facts, module: Spot) -> Fact:
    """The role of what a module gives, whatever it is given."""
    found = origins(facts.project, module.node, module.where)
    if len(found) != 1:
        return UNKNOWN
    (origin,) = found
    answers: Iterable[Fact] = [UNKNOWN]
    if origin.kind == "instance" and origin.known is not None:
        answers = _own_layer(facts, origin.known)
    elif isinstance(origin.expression, ast.Call) and origin.where is not None:
        made = Spot(origin.expression, origin.where)
        outputs = facts.call(made).arg(1, "outputs") if origin.name == "keras.Model" else None
        answers = facts.all(made.at(outputs)) if outputs else _chain(facts, module, [made])
    told = list(answers)
    return told[0] if len({f.value for f in told}) == 1 else UNKNOWN


def _call(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    call = facts.call(spot)
    name = call.name
    if name in ("torch.log", "numpy.log", "jax.numpy.log", ".log", ".log_", "tensorflow.math.log"):
        return _turned(facts, spot, call, {"probabilities": "log-probabilities"})
    if name in ("torch.exp", "numpy.exp", "jax.numpy.exp", ".exp", ".exp_", "tensorflow.exp"):
        return _turned(facts, spot, call, {"log-probabilities": "probabilities"})
    entry = tables.entry("roles", name)
    if entry is None:
        return _other(facts, spot, call)
    if "pairs" in entry:
        return _pair(facts, spot, call)
    if "gives" in entry:
        return [_said(entry["gives"], spot, f"`{_shown(call)}`")]
    same = _subject(call)
    return facts.all(spot.at(same)) if same is not None else [UNKNOWN]


def _other(facts: Facts, spot: Spot, call: Call) -> Iterable[Fact] | None:
    if call.entry("losses") is not None:
        return [_said("loss", spot, f"`{_shown(call)}`")]
    if call.method in ("apply", "apply_fn") or ast.unparse(call.node.func) in ("apply", "apply_fn"):
        known = _flax_module(facts, call)
        return _own_layer(facts, known) if known is not None else None
    maker = call.made
    if maker is not None and (call.name or "").endswith("()"):
        layers = last_layers(maker)
        if layers is not None:
            return _chain(facts, spot, layers)
        activated = _activated(facts, maker)
        if activated is not None:
            return [_said(activated, spot, f"`{ast.unparse(maker.node)}`")]
    return None


def _flax_module(facts: Facts, call: Call) -> Known | None:
    """The module whose `apply` is called, itself or as the `apply_fn` of the one training state made."""
    base, where = call.receiver, call.where
    if call.method != "apply" or base is None:
        made = [
            (k.value.value, Where(source, scope))
            for source in facts.project.component(where.source)
            for node, scope in source.index.called.get("create", ())
            for k in node.keywords
            if k.arg == "apply_fn"
            and isinstance(k.value, ast.Attribute)
            and k.value.attr == "apply"
        ]
        if len(made) != 1:
            return None
        base, where = made[0]
    found = origins(facts.project, base, where)
    known = found[0].known if len(found) == 1 and found[0].kind == "instance" else None
    flax = known is not None and "flax.linen.Module" in facts.project.lineage(known)[1]
    return known if flax else None


def _activated(facts: Facts, made: Call) -> str | None:
    """What a Keras layer gives by its activation; None where it is no such layer, or not known."""
    if not (made.name or "").startswith("keras.layers."):
        return None
    if made.method == "TimeDistributed":
        inner = made.arg(0, "layer")
        return (
            _activated(facts, call_of(facts.project, inner, made.where))
            if isinstance(inner, ast.Call)
            else None
        )
    position = {"Activation": 0, "Dense": 1}.get(made.method)
    given = made.arg(position, "activation")
    if given is None:
        return "logits" if made.method == "Dense" else None
    if isinstance(given, ast.Constant):
        return _KERAS.get("linear" if given.value is None else str(given.value))
    name = facts.project.canonical(given, made.where)
    entry = tables.entry("roles", name) or {}
    return entry.get("gives")


def _chain(facts: Facts, spot: Spot, layers: list[Spot]) -> Iterable[Fact]:
    """What the last layer gives that gives anything of its own."""
    for layer in reversed(layers):
        if not isinstance(layer.node, ast.Call):
            return [UNKNOWN]
        call = facts.call(layer)
        inner = last_layers(call)
        if inner is not None:
            return _chain(facts, spot, inner)
        entry = tables.entry("roles", f"{call.name}()") or {}
        if "gives" in entry:
            return [_said(entry["gives"], layer, f"the last layer `{ast.unparse(layer.node)}`")]
        activated = _activated(facts, call)
        if activated is not None:
            return [_said(activated, layer, f"the last layer `{ast.unparse(layer.node)}`")]
        if "same" in entry:
            continue
        if isinstance(call.target, Known):
            return _own_layer(facts, call.target)
        return [UNKNOWN]
    return [UNKNOWN]


def _own_layer(facts: Facts, known: Known) -> Iterable[Fact]:
    forward = facts.project.method(known, "forward") or facts.project.method(known, "__call__")
    if forward is None or not forward.scope.returns:
        return [UNKNOWN]
    return [f for value in forward.scope.returns for f in facts.all(Spot(value, forward))]


def _turned(facts: Facts, spot: Spot, call: Call, turns: dict[str, str]) -> Iterable[Fact]:
    subject = _subject(call)
    found = facts.all(spot.at(subject)) if subject is not None else [UNKNOWN]
    return [
        f._replace(value=turns[f.value]).step(
            f"`{_shown(call)}` is taken of it", spot.where, call.node
        )
        if f.value in turns
        else UNKNOWN
        for f in found
    ]


def _pair(facts: Facts, spot: Spot, call: Call) -> Iterable[Fact]:
    if spot.path[:1] == (1,) or spot.path[:1] == ("indices",):
        return [_said("class-indices", spot, f"the indices of `{_shown(call)}`")]
    subject = _subject(call)
    return facts.all(spot.at(subject, ())) if subject is not None else [UNKNOWN]


def _operation(facts: Facts, spot: Spot) -> Iterable[Fact]:
    node = spot.node
    assert isinstance(node, ast.BinOp)
    left, right = facts.one(spot.at(node.left)), facts.one(spot.at(node.right))
    scale = isinstance(node.op, ast.Mult | ast.Div)
    if left.value in ("logits", "log-probabilities") and scale and not right:
        return [left._replace(value="logits")]  # a temperature
    tiny = isinstance(node.op, ast.Add | ast.Sub) and isinstance(node.right, ast.Constant)
    if left.value == "probabilities" and tiny:
        return [left]
    one = isinstance(node.left, ast.Constant) and node.left.value == 1
    if isinstance(node.op, ast.Sub) and one and right.value == "probabilities":
        return [right]
    if isinstance(node.op, ast.Add) and left.value == right.value == "loss":
        return [left]
    return [UNKNOWN]


def _subject(call: Call) -> ast.expr | None:
    """The tensor that a function or method works on."""
    name = call.name or ""
    if name.startswith(".") or (
        call.receiver is not None and name.endswith(f".{call.method}") and call.made
    ):
        return call.receiver
    first = call.arg(0, "input", "x", "tensor", "a")
    if isinstance(first, ast.List | ast.Tuple) and first.elts:
        return first.elts[0]
    return first


def _said(value: str, spot: Spot, by: str) -> Fact:
    words = _WORDS.get(value, value)
    return Fact(value, (Step(f"{by} gives {words}", spot.where.source, spot.node),))


def _shown(call: Call) -> str:
    function = call.node.func
    return (
        f".{function.attr}"
        if isinstance(function, ast.Attribute) and not call.name
        else ast.unparse(function)
    )


_WORDS = {"class-indices": "class indices", "one-hot": "one-hot vectors", "loss": "a loss"}
