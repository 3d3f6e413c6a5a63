"""The unit of an aggregate: a mean over a batch, a sum over samples, a count of batches, and what they make."""

import ast
import re
from collections.abc import Callable, Iterable

from labhand.kit.code import knowledge
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.facts import EACH, UNKNOWN, Fact, Facts, Spot, Step
from labhand.kit.code.origins import Origin, origins

_KEEP = frozenset(
    "item detach cpu cuda numpy float double to tolist clone int long squeeze data".split()
)
_EPOCHS = re.compile(r"(n|num|number_of|max|total|train|nb)?_?(train_)?epochs", re.I)
_OF = {"mean": "means", "sum": "sums"}
DIVIDED = {
    ("sum of means", "batches"): "mean of means",
    ("sum of means", "samples"): "mean over size",
    ("sum of sums", "batches"): "sum per batch",
    ("sum of sums", "samples"): "mean",
    ("sum", "batch size"): "mean",
    ("sum", "samples"): "mean",
    ("mean", "batch size"): "mean over size",
}
"""What an aggregate divided by a count is."""


def answer(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """What an expression says of its unit.

    Values: `mean`, `sum` (of one batch), `per sample`, `sum of means`, `sum of sums` (over a loop),
    `zero`, the counts `batch size`, `batches`, `samples`, `epochs`, `steps` (all batches of all epochs), and what `DIVIDED` says of quotients.
    """
    match spot.node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return [Fact("zero" if value == 0 else "one" if value == 1 else "number")]
        case ast.Name() | ast.Attribute(value=ast.Name()):
            found = list(facts.follow(spot))
            grown = [f for f in found if f.value != "zero"]
            return _by_name(spot, grown) or grown or found
        case ast.Call():
            return _call(facts, spot)
        case ast.BinOp():
            return [_operation(facts, spot)]
        case ast.Subscript(
            value=ast.Attribute(attr="shape", value=of), slice=ast.Constant(value=0)
        ):
            return [_size(facts, spot, of)]
        case ast.Attribute(attr="data", value=value):
            return facts.all(spot.at(value))
    return None


def _by_name(spot: Spot, found: list[Fact]) -> list[Fact]:
    """A number, or something unknown, that is named as the number of epochs."""
    node = spot.node
    name = (
        node.id
        if isinstance(node, ast.Name)
        else node.attr
        if isinstance(node, ast.Attribute)
        else ""
    )
    if not _EPOCHS.fullmatch(name) or any(f and f.value not in ("one", "number") for f in found):
        return []
    step = Step(f"`{name}` is named as the number of epochs", spot.where.source, node)
    return [Fact("epochs", (step,), sure=False)]


def _call(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    call = facts.call(spot)
    loss = call.entry("losses")
    if loss is not None:
        return [_loss(call, loss["reduction"])]
    first = call.arg(0)
    function = _FUNCTIONS.get(call.name or "")
    if function is not None:
        return [function(facts, spot, call, first)] if first is not None else [UNKNOWN]
    receiver = call.receiver
    if receiver is None:
        return None
    if call.method == "size" and len(call.node.args) == 1 and getattr(first, "value", None) == 0:
        return [_size(facts, spot, receiver)]
    if call.method in _KEEP:
        return facts.all(spot.at(receiver))
    if call.method in ("sum", "mean") and not call.node.args and not call.node.keywords:
        return [_reduced(facts, spot, call, receiver)]
    return None


def _as_it_is(facts: Facts, spot: Spot, call: Call, first: ast.expr) -> Fact:
    return facts.one(spot.at(first))


def _length_of(facts: Facts, spot: Spot, call: Call, first: ast.expr) -> Fact:
    return _length(facts, spot, first)


def _accuracy(facts: Facts, spot: Spot, call: Call, first: ast.expr) -> Fact:
    unit = {True: "mean", False: "sum"}.get(call.option("normalize", True))
    return Fact(unit, (Step("the accuracy of one batch", spot.where.source, call.node),))


def _over_list(facts: Facts, spot: Spot, call: Call, first: ast.expr) -> Fact:
    found = facts.one(spot.at(first, (EACH,)))
    if found.value not in _OF:
        return UNKNOWN
    how = "sum" if call.method == "sum" else "mean"
    whole = found._replace(value=f"{how} of {_OF[found.value]}")
    return whole.step("taken over the batches", spot.where, call.node)


def _reduced(facts: Facts, spot: Spot, call: Call, of: ast.expr) -> Fact:
    """What `.sum()` or `.mean()` makes of what holds one value for each sample."""
    plain: ast.expr = of
    while isinstance(plain, ast.Call) and isinstance(plain.func, ast.Attribute):
        if plain.func.attr in ("eq", "eq_") or plain.func.attr not in (
            *_KEEP,
            "type",
            "view",
            "reshape",
        ):
            break
        plain = plain.func.value
    truth = isinstance(plain, ast.Compare) or (
        isinstance(plain, ast.Call)
        and isinstance(plain.func, ast.Attribute)
        and plain.func.attr == "eq"
    )
    if not truth and facts.one(spot.at(of)).value != "per sample":
        return UNKNOWN
    step = Step(f"`.{call.method}()` of one batch", spot.where.source, call.node)
    return Fact(call.method, (step,))


def _loss(call: Call, default: str) -> Fact:
    reduction = call.option("reduction", default)
    legacy = call.option("size_average")
    value = (
        {"mean": "mean", "sum": "sum", "none": "per sample"}.get(reduction)
        if legacy is None
        else None
    )
    if value is None:
        return UNKNOWN
    words = {
        "mean": "the mean of its batch",
        "sum": "the sum over its batch",
        "per sample": "one value a sample",
    }
    return Fact(value, (Step(f"the loss is {words[value]}", call.where.source, call.node),))


def _length(facts: Facts, spot: Spot, of: ast.expr) -> Fact:
    """What `len(of)` counts."""
    text = ast.unparse(of)
    step = Step(f"`len({text})`", spot.where.source, spot.node)
    if isinstance(of, ast.Attribute) and of.attr in ("dataset", "sampler"):
        return Fact("samples", (step._replace(message=step.message + " counts samples"),))
    found = origins(facts.project, of, spot.where)
    made = [o.name for o in found]
    if made and all(n in knowledge.LOADERS for n in made):
        if any(_one_by_one(facts, o) for o in found):
            return UNKNOWN
        return Fact("batches", (step._replace(message=step.message + " counts batches"),))
    if made and all(n.rpartition(".")[2].endswith(("Dataset", "Subset")) for n in made):
        return Fact("samples", (step._replace(message=step.message + " counts samples"),))
    last = text.removesuffix("()").rpartition(".")[2].lower()
    if last.endswith(("loader", "dataloader", "_dl")) or last == "dl":
        return Fact(
            "batches", (step._replace(message=step.message + " counts batches"),), sure=False
        )
    if last.endswith(("dataset", "_ds", "_set")):
        return Fact(
            "samples", (step._replace(message=step.message + " counts samples"),), sure=False
        )
    if isinstance(of, ast.Name) and _from_loader(facts, spot, of):
        return Fact("batch size", (step,))
    return UNKNOWN


def _one_by_one(facts: Facts, loader: Origin) -> bool:
    """Whether a loader hands out one sample at a time, so that batches are samples."""
    if not isinstance(loader.expression, ast.Call) or loader.where is None:
        return True
    given = call_of(facts.project, loader.expression, loader.where).arg(1, "batch_size")
    return given is None or (isinstance(given, ast.Constant) and given.value in (1, None))


def _size(facts: Facts, spot: Spot, of: ast.expr) -> Fact:
    """What the first dimension of a tensor counts."""
    if isinstance(of, ast.Name) and _from_loader(facts, spot, of):
        step = Step("the size of one batch", spot.where.source, spot.node)
        return Fact("batch size", (step,))
    return UNKNOWN


def _from_loader(
    facts: Facts, spot: Spot, name: ast.Name, seen: frozenset[ast.Name] = frozenset()
) -> bool:
    """Whether a name is (part of) what a loop over batches hands out, perhaps moved to a device."""
    _, bindings = facts.project.reaching(name, spot.where)
    for bound in bindings:
        value = bound.value
        if bound.how == "loop" and value is not None:
            if knowledge.BATCHES.search(ast.unparse(value).rstrip("()")):
                return True
            return any(
                o.name in knowledge.LOADERS for o in origins(facts.project, value, spot.where)
            )
        while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            value = value.func.value
        if isinstance(value, ast.Name) and value not in seen:
            return _from_loader(facts, spot, value, seen | {value})
    return False


def _operation(facts: Facts, spot: Spot) -> Fact:
    node = spot.node
    assert isinstance(node, ast.BinOp)
    left, right = facts.one(spot.at(node.left)), facts.one(spot.at(node.right))
    if isinstance(node.op, ast.Add):
        return _sum(facts, spot, left, right)
    if isinstance(node.op, ast.Mult):
        pair = {left.value, right.value}
        if pair == {"mean", "batch size"}:
            mean = left if left.value == "mean" else right
            return mean._replace(value="sum").step("times the size of the batch", spot.where, node)
        if pair == {"epochs", "batches"}:
            return Fact("steps", (*left.chain, *right.chain), sure=False)
        if "number" in pair and pair & {"batches", "batch size", "samples"}:
            return UNKNOWN  # so many times a count counts something else
        if "number" in pair or "one" in pair:
            return right if left.value in ("number", "one") else left
        return UNKNOWN
    if isinstance(node.op, ast.Div):
        value = DIVIDED.get((left.value, right.value))
        if value is None:
            return UNKNOWN
        chain = (*left.chain, *right.chain)
        return Fact(value, chain, left.sure and right.sure)
    return UNKNOWN


def _sum(facts: Facts, spot: Spot, left: Fact, right: Fact) -> Fact:
    """What one more term makes of a running total; `left` is what it was before."""
    node = spot.node
    assert isinstance(node, ast.BinOp)
    terms = facts.all(spot.at(node.left))
    began = {f.value for f in terms} <= {
        "zero",
        "sum of means",
        "sum of sums",
        "samples",
        "batches",
    }
    if not began or right.value not in ("mean", "sum", "batch size", "one"):
        return UNKNOWN
    loops = spot.where.source.index.loops(node)
    if not loops:
        return UNKNOWN
    if right.value == "batch size":
        return right._replace(value="samples")
    if right.value == "one":
        inner = loops[0].iter if isinstance(loops[0], ast.For) else None
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "range":
            return UNKNOWN  # its passes may be rows as well
        return Fact("batches", (Step("counts batches", spot.where.source, node),))
    text = f"sum of {_OF[right.value]}"
    return right._replace(value=text).step("added up over the loop", spot.where, node)


_FUNCTIONS: dict[str, Callable[[Facts, Spot, Call, ast.expr], Fact]] = {
    "float": _as_it_is,
    "int": _as_it_is,
    "len": _length_of,
    "sum": _over_list,
    "numpy.sum": _over_list,
    "numpy.mean": _over_list,
    "statistics.mean": _over_list,
    "statistics.fmean": _over_list,
    "torch.sum": _reduced,
    "torch.mean": _reduced,
    "sklearn.metrics.accuracy_score": _accuracy,
}
