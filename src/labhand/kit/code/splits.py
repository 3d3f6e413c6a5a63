"""Split provenance: whether data is the train, validation or test part, from what divides or reads it."""

import ast
import re
from collections.abc import Iterable

from labhand.kit.code.calls import Call
from labhand.kit.code.facts import UNKNOWN, Fact, Facts, Spot, Step
from labhand.kit.code.knowledge import tables

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ATTRIBUTES = frozenset({"values", "T", "data", "iloc", "loc", "dataset", "targets"})


def answer(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """What an expression says of the part of the data that it is."""
    match spot.node:
        case ast.Call():
            found = _call(facts, spot)
            return None if found is None else found
        case ast.Attribute(attr=name, value=value) if name in _ATTRIBUTES:
            return facts.all(spot.at(value))
        case ast.Name(id=name):
            return _or_by_name(facts, list(facts.follow(spot)), name, spot)
        case ast.Attribute(attr=name):
            return _or_by_name(facts, list(facts.follow(spot)), name, spot)
    return None


def _or_by_name(facts: Facts, found: list[Fact], name: str, spot: Spot) -> list[Fact]:
    part = None if _is_of_many(facts, spot) else part_in(name)
    cut = part is not None and _is_cut_out(spot)
    if any(f and f.value != "held-out" for f in found) and not cut:
        return found
    if part is None:
        return found
    step = Step(f"`{name}` is named as the {part} part", spot.where.source, spot.node)
    return [Fact(part, (*(found[0].chain if found else ()), step), sure=bool(found and found[0]))]


def _is_of_many(facts: Facts, spot: Spot) -> bool:
    """Whether a name stands in a function that was entered by one of several calls, each with its own data."""
    if spot.frame is None or spot.frame.target.scope is not spot.where.scope:
        return False
    sites = facts.project.callers(spot.where)
    return sites is not None and len(sites) > 1


def _is_cut_out(spot: Spot) -> bool:
    """Whether a name is some rows of what has another name: `val_x = train_x[:1000]`."""
    if not isinstance(spot.node, ast.Name):
        return False
    bindings = spot.where.source.names.reaching(
        spot.node.id, spot.where.scope, spot.where.source.names.point(spot.node)
    )
    return bool(bindings) and all(
        b.how == "assign" and _cuts(b.value) and not b.path for b in bindings
    )


def _cuts(value: ast.expr | None) -> bool:
    """Whether an expression takes some rows out of what it names."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr in ("take", "skip", "select", "sample", "filter", "shard", "head")
    return isinstance(value, ast.Subscript)


def _takes_some(call: Call) -> bool:
    """Whether it goes over some rows of its data set only, which may be those that are held out."""
    sampler = call.arg(3, "sampler", "batch_sampler") if call.method == "DataLoader" else None
    whole = sampler is None or re.search(
        r"(Distributed|Sequential|^(torch\.utils\.data\.)?Random)Sampler|\bNone\b",
        ast.unparse(sampler),
    )
    return call.name == "torch.utils.data.Subset" or not whole


def part_in(name: str) -> str | None:
    """The part of the data that a name tells, where it tells just one."""
    words = {w.lower() for w in _WORDS.findall(name)}
    if "inner" in words:
        return None  # what a nested validation calls its test part is cut out of the train part
    parts = [
        part
        for part in tables.table("splits")["names"]
        if words & tables.words("splits", "names", part)
    ]
    return parts[0] if len(parts) == 1 else None


def _call(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    call = facts.call(spot)
    if _takes_some(call):
        return [UNKNOWN]
    entry = call.entry("splits") or tables.entry("splits", f".{call.method}") or {}
    if "parts" in entry:
        return [_part(facts, spot, call, entry["parts"], bool(entry.get("repeats")))]
    if "reads" in entry:
        return [_read(spot, call, entry["reads"])]
    does = tables.entry("estimators", f".{call.method}") or {}
    if entry.get("keeps") == "receiver" and call.receiver is not None:
        return facts.all(spot.at(call.receiver, ()))
    if entry.get("keeps") == "first" or "transform" in (call.method, does.get("does")):
        first = call.arg(0, "dataset", "data", "X", "x", "input")
        return facts.all(spot.at(first, ())) if first is not None else [UNKNOWN]
    return None


def _part(facts: Facts, spot: Spot, call: Call, parts: list[str], repeats: bool) -> Fact:
    position = spot.path[0] if spot.path else None
    if not isinstance(position, int):
        return UNKNOWN
    part = parts[position % len(parts)] if repeats else parts[min(position, len(parts) - 1)]
    given = call.node.args[position // len(parts)] if repeats and call.node.args else call.arg(0)
    source = facts.one(spot.at(given, ())) if given is not None else UNKNOWN
    if source.value == "train" and source.sure and part == "test":
        part = "validation"
    if source.value in ("test", "validation") and not repeats:
        part = source.value  # some rows of what is held out
    step = Step(f"`{call.method}` makes the {part} part", spot.where.source, call.node)
    return Fact(part, (step,))


def _read(spot: Spot, call: Call, how: str) -> Fact:
    if spot.path and isinstance(spot.path[0], str):
        part = part_in(spot.path[0])
    elif how == "train":
        given = call.arg(1, "train")
        value = given.value if isinstance(given, ast.Constant) else None if given else True
        part = {True: "train", False: "test"}.get(value) if isinstance(value, bool) else None
    else:
        given = call.arg(None, "split", "image_set")
        text = given.value if isinstance(given, ast.Constant) else None
        part = part_in(text.partition("[")[0]) if isinstance(text, str) else None
    if part is None:
        return UNKNOWN
    return Fact(part, (Step(f"it reads the {part} part", spot.where.source, call.node),))
