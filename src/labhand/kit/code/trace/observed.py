"""What the traces of a file saw: what its expressions gave, which calls reach which functions."""

import ast
from collections.abc import Iterable

from labhand.kit.code.facts import Fact, Spot
from labhand.kit.code.model import Scope
from labhand.kit.code.project import CallSite, Project, Where
from labhand.kit.code.source import Source
from labhand.kit.code.trace import traces
from labhand.kit.code.trace.values import UNKNOWN, Data, Thing, Value, each


def values(project: Project, node: ast.AST, source: Source) -> list[Value]:
    """The values that an expression had; empty where no trace came to it."""
    found: list[Value] = []
    for trace in traces(project, source):
        for value in trace.known.get(node, ()):
            found += [v for v in each(value) if v not in found]
    return found


def role(project: Project, spot: Spot) -> Fact | None:
    """The role that a tensor had wherever a trace came by; None where they do not agree."""
    found = _tensors(project, spot)
    roles = {d.tensor.role for d in found}
    if len(roles) != 1 or None in roles:
        return None
    return Fact(roles.pop(), found[0].tensor.chain)


def graph(project: Project, spot: Spot) -> Fact | None:
    """Whether a tensor hung on the graph of gradients wherever a trace came by."""
    states = {_state(d) for d in _tensors(project, spot)}
    return Fact(states.pop()) if len(states) == 1 and None not in states else None


def behind(project: Project, spot: Spot) -> dict[ast.expr, Spot]:
    """The calls that a value went through wherever a trace came by: what read, fitted, changed, divided it."""
    found = values(project, spot.node, spot.where.source) if not spot.path else []
    held = [pair for v in found if isinstance(v, Data) for pair in v.tensor.made]
    return {node: Spot(node, where) for node, where in held}


def _state(data: Data) -> str | None:
    held = data.tensor.graph
    if held is None or held == {UNKNOWN}:
        return None
    return "attached" if held else "detached"


def _tensors(project: Project, spot: Spot) -> list[Data]:
    """What a tensor was; empty where it was, or may have been, anything else."""
    if spot.path or not isinstance(spot.node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
        return []
    found = values(project, spot.node, spot.where.source)
    told = [v for v in found if isinstance(v, Data)]
    return told if len(told) == len(found) else []


def things(project: Project, node: ast.AST, source: Source) -> list[Thing]:
    """The objects that an expression was; empty where it was, or may have been, anything else."""
    found = values(project, node, source)
    told = [v for v in found if isinstance(v, Thing) and (v.known or v.name)]
    return told if len(told) == len(found) else []


def targets(project: Project, call: ast.Call, source: Source) -> list[Where]:
    """The functions of the project that a call ran."""
    found: dict[Scope, Where] = {}
    for trace in traces(project, source):
        for target in trace.ran.get(call, {}).values():
            found[target.scope] = target
    return list(found.values())


def sites(project: Project, target: Where) -> Iterable[CallSite]:
    """The calls that ran a function."""
    for trace in traces(project, target.source):
        yield from trace.reached.get(target.scope, {}).values()
