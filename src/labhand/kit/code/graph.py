"""Graph state: whether a value hangs on the graph of gradients or was taken out of it."""

import ast
from collections.abc import Iterable

from labhand.kit.code.calls import Call
from labhand.kit.code.contexts import under
from labhand.kit.code.facts import UNKNOWN, Fact, Facts, Spot, Step
from labhand.kit.code.knowledge import tables
from labhand.kit.code.origins import receiver_class

_OUT = frozenset({"data", "grad", "shape", "dtype", "device", "ndim"})
_PARTS = frozenset({"values", "T", "mT", "logits", "last_hidden_state", "pooler_output", "real"})
_FREE = frozenset(
    "torch.nn.Identity() torch.nn.Flatten() torch.nn.ReLU() torch.nn.Dropout() torch.nn.Softmax()".split()
)


def answer(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """What an expression says of its place in the graph."""
    match spot.node:
        case ast.Constant() | ast.Compare() | ast.JoinedStr():
            return [Fact("detached")]
        case ast.Attribute(attr=name) if name in _OUT:
            return [Fact("detached")]
        case ast.Attribute(attr=name, value=value) if name in _PARTS:
            return facts.all(spot.at(value, ()))
        case ast.List(elts=parts) | ast.Tuple(elts=parts) if parts and not spot.path:
            return [_together(facts, [spot.at(p, ()) for p in parts])]
        case ast.Call():
            return _call(facts, spot)
        case ast.BinOp(left=left, right=right):
            if _off(facts, spot):
                return [Fact("detached")]
            return [_together(facts, [spot.at(left, ()), spot.at(right, ())])]
        case ast.UnaryOp(operand=operand):
            return facts.all(spot.at(operand))
        case ast.Name():
            return _name(facts, spot)
    return None


def _off(facts: Facts, spot: Spot) -> bool:
    """Whether an operation surely runs where gradients are off."""
    if not any(word in spot.where.source.text for word in ("no_grad", "inference_mode")):
        return False
    off = tables.words("graph", "off", "context")
    return under(facts.project, spot.node, spot.where, off) is True


def _name(facts: Facts, spot: Spot) -> Iterable[Fact]:
    found, listed = list(facts.follow(spot)), _listed(facts, spot)
    if listed and not any(found):
        return listed
    if any(f.value == "detached" for f in found):
        return found
    back = _backpropagated(spot)
    return [back] if back else found


def _call(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    call = facts.call(spot)
    if "detaches" in (call.entry("graph") or tables.entry("graph", f".{call.method}") or {}):
        step = Step(f"`{call.method}` takes it out of the graph", spot.where.source, call.node)
        return [Fact("detached", (step,))]
    off = tables.words("graph", "off", "context")
    module = runs_module(call, spot)
    if module or (call.name or "").startswith(("torch.", ".")) or call.entry("losses"):
        outside = under(facts.project, call.node, spot.where, off)
        if outside is not False:
            return [Fact("detached") if outside else UNKNOWN]
    if name_of_distribution(call) and call.made is not None:
        made = [Spot(a, call.made.where, spot.frame) for a in _tensors(call.made)]
        return [_together(facts, [*made, *(spot.at(a, ()) for a in _tensors(call))])]
    if module:
        step = Step(
            f"`{ast.unparse(call.node.func)}` computes it with gradients",
            spot.where.source,
            call.node,
        )
        return [Fact("attached", (step,))]
    name = call.name or ""
    if call.entry("losses") or name.startswith("torch.") or name in _FREE:
        return [_together(facts, [spot.at(a, ()) for a in _tensors(call)])]
    if name.startswith(".") and call.receiver is not None:
        return [f for f in facts.all(spot.at(call.receiver, ())) if f.value == "attached"] or [
            UNKNOWN
        ]
    return None


def _tensors(call: Call) -> list[ast.expr]:
    given = [*call.node.args, *(k.value for k in call.node.keywords)]
    return [p for a in given for p in (a.elts if isinstance(a, ast.List | ast.Tuple) else [a])]


def runs_module(call: Call, spot: Spot) -> bool:
    """Whether a call surely runs a module that has parameters."""
    name = call.name or ""
    if name.startswith("torch.nn.") and name.endswith("()"):
        return name not in _FREE and call.entry("losses") is None and not name.endswith("Loss()")
    if call.target is None or call.node.func is None:
        return name == "torch.nn.Module()" or handled_as_module(call)
    owner = receiver_class(call.project, call.node.func, spot.where)
    return owner is not None and "torch.nn.Module" in call.project.lineage(owner)[1]


def handled_as_module(call: Call) -> bool:
    """Whether something unknown is treated as a module in its file: somebody asks for its parameters."""
    function = call.node.func
    if not isinstance(function, ast.Name | ast.Attribute):
        return False
    return f"{ast.unparse(function)}.parameters(" in call.where.source.text


def name_of_distribution(call: Call) -> bool:
    """Whether a call asks a distribution for something that its parameters' gradients flow through."""
    known = (call.name or "").startswith("torch.distributions.")
    return known and call.method in ("log_prob", "rsample", "entropy")


def _listed(facts: Facts, spot: Spot) -> list[Fact]:
    """What a list holds on to that begins empty and is filled: attached as soon as one element is."""
    node = spot.node
    assert isinstance(node, ast.Name)
    _, bindings = facts.project.reaching(node, spot.where)
    if not any(isinstance(b.value, ast.List) and not b.value.elts for b in bindings):
        return []
    for call in spot.where.scope.calls_on(node.id, "append", "insert", "extend"):
        if call.args:
            fact = facts.one(spot.at(call.args[-1], ()))
            if fact.value == "attached":
                return [fact]
    return []


def _together(facts: Facts, parts: list[Spot]) -> Fact:
    found = [facts.one(part) for part in parts]
    attached = next((f for f in found if f.value == "attached"), None)
    if attached is not None:
        return attached
    return Fact("detached") if found and all(f.value == "detached" for f in found) else UNKNOWN


def unscaled(loss: ast.expr | None) -> ast.expr | None:
    """The loss in `scaler.scale(loss)`."""
    match loss:
        case ast.Call(func=ast.Attribute(attr="scale"), args=[inner]):
            return inner
    return loss


def _backpropagated(spot: Spot) -> Fact:
    """A value that `backward()` is called on, under the same name and binding, hangs on the graph."""
    node, where = spot.node, spot.where
    assert isinstance(node, ast.Name)
    mine = where.source.names
    here = set(map(id, mine.reaching(node.id, where.scope, mine.point(node))))
    for call in where.scope.calls:
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr == "backward":
            base = unscaled(function.value)
            if isinstance(base, ast.Name) and base.id == node.id:
                there = mine.reaching(node.id, where.scope, mine.point(call))
                if here and here == set(map(id, there)):
                    return Fact(
                        "attached", (Step("gradients flow back from it here", where.source, call),)
                    )
    return UNKNOWN
