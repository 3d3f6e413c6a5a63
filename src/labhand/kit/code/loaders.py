"""Loaders: which call made the loader that a loop goes over."""

import ast
from collections.abc import Iterable

from labhand.kit.code import knowledge
from labhand.kit.code.facts import Fact, Facts, Spot, Step


def answer(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """The making of a loader: the value of the fact is its `Call`."""
    if not isinstance(spot.node, ast.Call):
        return None
    call = facts.call(spot)
    if call.name in knowledge.LOADERS:
        return [Fact(call, (Step("the loader is made here", spot.where.source, spot.node),))]
    if call.method in ("prepare", "setup_dataloaders") and len(call.node.args) == 1:
        return facts.all(spot.at(call.node.args[0]))
    return None
