"""Which call made a loader or a schedule, also where callers hand it on."""

import ast
from collections.abc import Iterable

from labhand.kit.code import knowledge
from labhand.kit.code.facts import Fact, Facts, Spot, Step
from labhand.kit.code.knowledge import tables


def loader(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """The making of a loader: the value of the fact is its `Call`."""
    if not isinstance(spot.node, ast.Call):
        return None
    call = facts.call(spot)
    if call.name in knowledge.LOADERS:
        return [Fact(call, (Step("the loader is made here", spot.where.source, spot.node),))]
    if call.method in ("prepare", "setup_dataloaders") and len(call.node.args) == 1:
        return facts.all(spot.at(call.node.args[0]))
    return None


def scheduler(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """The making of a learning-rate schedule: the value of the fact is its `Call`."""
    if not isinstance(spot.node, ast.Call):
        return None
    call = facts.call(spot)
    name = call.name or ""
    if tables.entry("schedulers", name) or name.startswith("torch.optim.lr_scheduler."):
        return [Fact(call, (Step("the schedule is made here", spot.where.source, spot.node),))]
    return None
