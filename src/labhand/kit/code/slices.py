"""What a value is made from: every expression that flows into it, through names, stores and calls."""

import ast
from collections.abc import Iterator

from labhand.kit.code import conditions, knowledge, loading
from labhand.kit.code.calls import call_of
from labhand.kit.code.facts import Frame, Spot, chosen, possible
from labhand.kit.code.model import Binding, children
from labhand.kit.code.origins import argument, field_of, receiver_class
from labhand.kit.code.project import CallSite, Project, Where

_MOST = 600
_FRAMES = 3
_DEEPEST = 6


def behind(project: Project, start: Spot) -> dict[ast.expr, Spot]:
    """The expressions that may flow into a value, nearest first, itself among them.

    Followed through names (with the order of statements), `x[...] = value`, `x.append(value)`, loops, arguments
    and returns of the project's functions; at most 600.
    """
    found: dict[ast.expr, Spot] = {}
    pending = [start]
    seen: set[tuple[object, ...]] = set()
    while pending and len(found) < _MOST:
        spot = pending.pop(0)
        key = (spot.node, spot.frame, spot.path)
        if key in seen or len(spot.path) > _DEEPEST:
            continue  # `x = x[0]` in a loop goes deeper without an end
        seen.add(key)
        found.setdefault(spot.node, spot)
        pending.extend(_into(project, spot))
    return found


def _into(project: Project, spot: Spot) -> Iterator[Spot]:
    node = spot.node
    if isinstance(node, ast.Name):
        yield from _name(project, node, spot)
        return
    element = _element(project, node, spot)
    if element is not None:
        yield from element
        return
    if isinstance(node, ast.Attribute):
        here = project.reaching_attribute(node, spot.where)
        for bound in here:
            if bound.value is not None:
                yield spot.at(bound.value)
        if not here:
            yield from _member(project, node, spot)
        yield from _stored(node, spot)
    elif isinstance(node, ast.Call):
        yield from _returned(project, node, spot)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        yield spot.at(node.value, (node.slice.value, *spot.path))
        return
    for part in _parts(node):
        yield spot.at(part, ())


def _member(project: Project, node: ast.Attribute, spot: Spot) -> Iterator[Spot]:
    """What the methods of a class put into an attribute, or the call that made an instance into a field."""
    owner = receiver_class(project, node.value, spot.where)
    fields = field_of(project, node, spot.where) if owner is not None else []
    for given, place in fields:
        yield Spot(given, place, None, spot.path)
    for member in project.lineage(owner)[0] if owner is not None and not fields else ():
        for value, scope, path in member.klass.attributes.get(node.attr, ()):
            yield Spot(value, Where(member.source, scope), None, (*path, *spot.path))


def _element(project: Project, node: ast.expr, spot: Spot) -> list[Spot] | None:
    """The one element or branch that is meant of something written out; None where it is the whole."""
    if isinstance(node, ast.IfExp):
        return [spot.at(part) for part in chosen(project, spot)]
    key = spot.path[0] if spot.path else None
    if isinstance(node, ast.Dict) and isinstance(key, str):
        pairs = zip(node.keys, node.values, strict=True)
        return [
            spot.at(value, spot.path[1:])
            for one, value in pairs
            if not isinstance(one, ast.Constant) or one.value == key
        ]
    if isinstance(node, ast.Tuple | ast.List) and isinstance(key, int):
        place = key + len(node.elts) if key < 0 else key
        return [spot.at(e, spot.path[1:]) for e in node.elts[place : place + 1]]
    return None


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    for child in children(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.keyword):
            yield child.value
        elif isinstance(child, ast.comprehension):
            yield child.iter


def _name(project: Project, name: ast.Name, spot: Spot) -> Iterator[Spot]:
    home, bindings = project.reaching(name, spot.where)
    inside = spot._replace(where=home)
    for bound in possible(project, spot, home, bindings):
        if bound.how == "parameter":
            yield from _parameter(project, name.id, inside)
        elif bound.how == "augment":
            yield inside.at(home.source.names.augmented(bound))
        elif bound.how == "loop" and bound.value is not None:
            yield inside.at(bound.value, ())
            yield from _from_loader(project, bound, inside)
        elif bound.value is not None:
            path = (*bound.path, *spot.path) if bound.how == "assign" else ()
            yield inside.at(bound.value, path)
    yield from _stored(name, inside)
    for call in inside.where.scope.calls_on(name.id, "append", "extend", "insert"):
        yield from (inside.at(given, ()) for given in call.args[-1:])


def _from_loader(project: Project, bound: Binding, spot: Spot) -> Iterator[Spot]:
    """What a loader's `collate_fn`, or its data set's items, hand to a loop over it."""
    over, path = bound.value, bound.path
    while (
        isinstance(over, ast.Call) and over.args and isinstance(over.func, ast.Name | ast.Attribute)
    ):
        name = ast.unparse(over.func)
        if name not in knowledge.WRAPPERS_OF_ITERABLES and not name.endswith("tqdm"):
            break
        path = path[1:] if name == "enumerate" else path
        over = over.args[0]
    loader = loading.loader_over(project, over, spot.where) if over is not None else None
    for maker in loading.makers_of_batches(loader) if loader is not None else ():
        for value in maker.scope.returns:
            yield Spot(value, maker, None, (*path, *spot.path))


def _stored(target: ast.expr, spot: Spot) -> Iterator[Spot]:
    """What `x[...] = value` puts into it on some way before, or `x.append(value)` where it is a list."""
    if isinstance(target, ast.Name):
        for call in spot.where.scope.calls_on(target.id, "append", "insert", "extend"):
            if call.args:
                yield spot.at(call.args[-1], ())
    stores: list[Binding] = spot.where.scope.stores.get(ast.unparse(target), [])
    if not stores:
        return
    names = spot.where.source.names
    at = names.point(target)
    ways = names.paths(spot.where.scope)
    for bound in stores:
        point = names.point(bound.node)
        if bound.value is not None and point is not at and ways.leads(point, at):
            yield spot.at(bound.value)


def _parameter(project: Project, name: str, spot: Spot) -> Iterator[Spot]:
    frame = spot.frame
    while frame is not None and frame.target.scope is not spot.where.scope:
        frame = frame.above
    sites = [frame.site] if frame is not None else project.callers(spot.where) or []
    for site in sites:
        given = argument(site, spot.where, name)
        if given is not None:
            yield Spot(given, site.where, frame.above if frame else None)


def _returned(project: Project, node: ast.Call, spot: Spot) -> Iterator[Spot]:
    target = call_of(project, node, spot.where).target
    depth = spot.frame.depth if spot.frame else 0
    if isinstance(target, Where) and depth < _FRAMES:
        frame = Frame(CallSite(node, spot.where), target, spot.frame)
        decides = conditions.passed(project, target, frame)
        for value in conditions.given_back(target, decides):
            yield Spot(value, target, frame, spot.path)
