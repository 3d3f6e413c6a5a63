"""Module mode: whether a module is in training or evaluation mode where code runs."""

import ast
import re
from collections.abc import Iterable

from labhand.kit.code import knowledge
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.contexts import calls_at
from labhand.kit.code.facts import UNKNOWN, Fact, Step
from labhand.kit.code.layers import is_module_base
from labhand.kit.code.origins import argument, origins
from labhand.kit.code.paths import Point
from labhand.kit.code.project import CallSite, Project, Where

_DEPTH = 5
_Seen = dict[object, list[Fact]]
"""What was found for each place that was asked about."""


def modes(project: Project, module: ast.expr, at: ast.AST, where: Where) -> list[Fact]:
    """The modes that a module can be in at a node: `train`, `eval`, or unknown, each with why."""
    point = where.source.names.point(at)
    found = _before(project, ast.unparse(module), point, where, at, _DEPTH, {})
    return [UNKNOWN if f.value == "unknown" else f for f in found] or [UNKNOWN]


def _before(
    project: Project,
    module: str,
    point: Point,
    where: Where,
    until: ast.AST | None,
    depth: int,
    seen: _Seen,
    up: bool = True,
) -> list[Fact]:
    """The last mode set on each way back from a statement, callers included (not with `up` False)."""
    key = (module, point, where.scope, until, up)
    if depth == 0 or key in seen:
        return [UNKNOWN] if depth == 0 else seen[key]
    seen[key] = []  # what leads back to itself adds nothing
    seen[key] = _found_before(project, module, point, where, until, depth, seen, up)
    return seen[key]


def _found_before(
    project: Project,
    module: str,
    point: Point,
    where: Where,
    until: ast.AST | None,
    depth: int,
    seen: _Seen,
    up: bool,
) -> list[Fact]:
    calls = calls_at(project, where)
    if until is not None:
        earlier = [c for c in calls.get(point, ()) if _is_before(c.node, until)]
        said = _said(project, earlier, module, depth, seen)
        if said:
            return said
    told: dict[Point, list[Fact]] = {}

    def says(at: Point) -> bool:
        if at not in told:
            told[at] = _said(project, calls.get(at, ()), module, depth, seen) or _bound(
                project, at, module, where
            )
        return bool(told[at])

    found, open_end = where.source.names.paths(where.scope).nearest_before(point, says)
    facts = [fact for at in found for fact in told[at]]
    if open_end:
        facts += _from_callers(project, module, where, depth, seen) if up else [UNKNOWN]
    return facts


def _said(
    project: Project, calls: Iterable[Call], module: str, depth: int, seen: _Seen
) -> list[Fact]:
    """What the last of some calls in one statement says of the mode; empty: nothing."""
    for call in reversed(list(calls)):
        if call.receiver is not None and call.method in ("eval", "train") and not _is_own(call):
            on = ast.unparse(_itself(call.receiver))
            if on == module or _holds(on, module):
                return [_set(call)]
            if call.method == "train" and _holds(module, on):
                return [Fact("unknown")]  # a part of it trains
        inside = _known_inside(call, module)
        if inside is not None:
            name, target = inside
            found = _before(project, name, None, target, None, depth - 1, seen, up=False)
            if any(found):
                return found  # on other ways, such as a loop without a pass, it may stay as it was
    return []


def _is_own(call: Call) -> bool:
    """Whether it runs a method of a class of the project that is no module: a trainer's `train(x, y)`."""
    if not isinstance(call.target, Where):
        return False
    owner = call.project.owner(call.target)
    return owner is not None and not any(
        is_module_base(base) for base in call.project.lineage(owner)[1]
    )


def _itself(receiver: ast.expr) -> ast.expr:
    """The module in `module.to(device)` and other calls that give it back."""
    while isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute):
        if receiver.func.attr not in knowledge.RETURNING_SELF:
            break
        receiver = receiver.func.value
    return receiver


def _set(call: Call) -> Fact:
    given = call.arg(0, "mode")
    if call.method == "train" and given is not None:
        if not isinstance(given, ast.Constant):
            return Fact("unknown")
        mode = "train" if given.value else "eval"
    else:
        mode = call.method
    step = Step(f"it is put into {mode} mode", call.where.source, call.node)
    return Fact(mode, (step,))


def _holds(outer: str, inner: str) -> bool:
    """Whether a module surely is part of another: `self.net` of `self`, `model.head` of `model`."""
    return inner.startswith(f"{outer}.")


def _known_inside(call: Call, module: str) -> tuple[str, Where] | None:
    """What the module is called in the project's function that a call runs; None: not handed on."""
    target = call.target
    if not isinstance(target, Where):
        return None
    base = ast.unparse(call.receiver) if call.receiver is not None else ""
    if base and module.startswith(f"{base}."):
        return "self" + module[len(base) :], target
    for name in target.scope.parameters:
        given = argument(CallSite(call.node, call.where), target, name)
        if given is not None and ast.unparse(given) == module:
            return name, target
    if call.receiver is not None and ast.unparse(call.receiver) == module:
        return "self", target
    bound_here = module.partition(".")[0] in target.scope.bindings
    same_file = target.source is call.where.source
    is_global = module.partition(".")[0] in call.where.source.index.module.bindings
    return (module, target) if same_file and is_global and not bound_here else None


def _bound(project: Project, at: Point, module: str, where: Where) -> list[Fact]:
    """What a statement that makes or rebinds the module says."""
    if not isinstance(at, ast.Assign | ast.AnnAssign) or at.value is None:
        return []
    targets = at.targets if isinstance(at, ast.Assign) else [at.target]
    if module not in [ast.unparse(t) for t in targets]:
        return []
    value = at.value
    if isinstance(value, ast.Call):
        function = value.func
        if isinstance(function, ast.Attribute) and function.attr in knowledge.RETURNING_SELF:
            if ast.unparse(function.value) == module:
                return []
            if function.attr in ("eval", "train"):
                return [_set(call_of(project, value, where))]
    if isinstance(value, ast.Subscript | ast.Attribute):
        return [Fact("unknown")]  # it was made, and perhaps switched, before
    found = origins(project, value, where)
    return [_new(o.name, o.kind, at, where) for o in found] or [Fact("unknown")]


def _new(name: str, kind: str, at: ast.stmt, where: Where) -> Fact:
    last = name.rpartition(".")[2]
    if last in knowledge.MAKING_METHODS and "transformers" in name:
        return Fact("eval", (Step("`from_pretrained` gives it in eval mode", where.source, at),))
    if kind in ("made", "instance"):
        return Fact("train", (Step("it is new, so in train mode", where.source, at),))
    return Fact("unknown")


def _from_callers(
    project: Project, module: str, where: Where, depth: int, seen: _Seen
) -> list[Fact]:
    head, _, rest = module.partition(".")
    fresh = _never_switched(project, rest, where) if head == "self" else None
    if fresh is not None:
        return [fresh]
    by_site = [
        _at_site(project, module, s, where, depth, seen) for s in project.callers(where) or ()
    ]
    return [fact for facts in by_site for fact in facts] or [UNKNOWN]


def by_caller(project: Project, module: ast.expr, at: ast.AST, where: Where) -> list[list[Fact]]:
    """The modes of a module at a node for each call of its function, where only its callers set them."""
    written, point = ast.unparse(module), where.source.names.point(at)
    if any(_before(project, written, point, where, at, _DEPTH, {}, up=False)):
        return []
    sites = project.callers(where) or ()
    return [_at_site(project, written, site, where, _DEPTH, {}) for site in sites]


def _at_site(
    project: Project, module: str, site: CallSite, where: Where, depth: int, seen: _Seen
) -> list[Fact]:
    """The modes of a module of a function where one call runs it, by the name that it has there."""
    head, dot, rest = module.partition(".")
    outer = module
    if head == "self":
        function = site.call.func
        outer = ast.unparse(function.value) if isinstance(function, ast.Attribute) else "?"
        outer += dot + rest
    elif head in where.scope.parameters:
        given = argument(site, where, head)
        if given is None:
            return [UNKNOWN]
        outer = ast.unparse(given) + dot + rest
    point = site.where.source.names.point(site.call)
    return _before(project, outer, point, site.where, site.call, depth - 1, seen)


def _never_switched(project: Project, attribute: str, where: Where) -> Fact | None:
    """A module that a plain class makes for itself, in files in which nothing is ever put into a mode."""
    owner = project.owner(where)
    line, outside = project.lineage(owner) if owner is not None else ([], set())
    if (
        not line
        or outside - knowledge.PLAIN_BASES
        or any(
            re.search(r"\.(eval|train)\(|from_pretrained", s.text)
            for s in project.component(where.source)
        )
    ):
        return None
    made = [v for m in line for v, _, path in m.klass.attributes.get(attribute, ()) if not path]
    if len(made) != 1 or not isinstance(made[0], ast.Call):
        return None
    found = origins(project, made[0], where)
    at = where.source.index.statement(made[0]) if made[0] in where.source.index.parents else None
    plain = at is not None and all(o.kind in ("made", "instance") for o in found)
    return _new(found[0].name, found[0].kind, at, where) if plain and at is not None else None


def _is_before(one: ast.expr, other: ast.AST) -> bool:
    assert isinstance(other, ast.expr | ast.stmt)
    return (one.end_lineno or 0, one.end_col_offset or 0) <= (other.lineno, other.col_offset)
