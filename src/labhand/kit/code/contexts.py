"""What surrounds code when it runs: with-blocks, decorators, loops, guards, also through callers."""

import ast
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from labhand.kit.code import flow, knowledge
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.facts import UNKNOWN, Fact, Step
from labhand.kit.code.knowledge import tables
from labhand.kit.code.model import FunctionNode, LoopNode
from labhand.kit.code.paths import Point
from labhand.kit.code.project import Project, Where
from labhand.kit.code.training import inside

_CALLERS_UP = 6


class Loop(NamedTuple):
    """A loop around something. `root` is the node in its body that is it, or calls what holds it.

    `kind`: epoch, batch, accumulation, inference, unknown; `over` is what it goes over.
    """

    kind: flow.LoopKind
    node: LoopNode
    where: Where
    root: ast.AST

    @property
    def over(self) -> ast.expr | None:
        """What a `for` goes over, without `enumerate`, `tqdm` and their like."""
        if isinstance(self.node, ast.While):
            return None
        over = self.node.iter
        while isinstance(over, ast.Call) and over.args and _passes_on(over):
            over = over.args[0]
        return over


class Happening(NamedTuple):
    """A call that running some code leads to; `root` the node of that code which leads there."""

    call: Call
    root: ast.AST


def under(
    project: Project, node: ast.AST, where: Where, names: Collection[str], up: int = _CALLERS_UP
) -> bool | None:
    """Whether a node runs within one of these contexts: always, never, or (None) unknown or both."""
    own = list(_with_names(node, where))
    if any(project.canonical(_called(n), where) in names for n in own):
        return True
    if "torch.no_grad" in names:
        switched = {_switch(project, n, where) for n in own} - {True}
        if switched:
            return None if None in switched else True
    scope = where.scope
    if not isinstance(scope.node, FunctionNode):
        return False
    around = Where(where.source, scope.parent or scope)
    if any(project.canonical(_called(d), around) in names for d in scope.node.decorator_list):
        return True
    if up == 0:
        return None
    key = (scope, frozenset(names), up)
    if key not in project.around:
        project.around[key] = None  # a function that calls itself tells nothing
        answers = {under(project, call, at, names, up - 1) for call, at in _sites(project, where)}
        told = answers.pop() if len(answers) == 1 else False if not answers else None
        project.around[key] = told
    return project.around[key]


def _switch(project: Project, context: ast.expr, where: Where) -> bool | None:
    """Whether gradients stay on within a context: False of `set_grad_enabled(False)`; None: not known."""
    switches = tables.words("graph", "off", "switch")
    if not isinstance(context, ast.Call) or project.canonical(context.func, where) not in switches:
        return True
    given = context.args[0] if context.args else None
    return bool(given.value) if isinstance(given, ast.Constant) else None


def _sites(project: Project, where: Where) -> list[tuple[ast.Call, Where]]:
    """The calls that run a function; of `forward`, the calls of its module are among them."""
    return [(s.call, s.where) for s in project.callers(where) or ()]


def _with_names(node: ast.AST, where: Where) -> Iterator[ast.expr]:
    inner = node
    for above in where.source.index.ancestors(node):
        if isinstance(above, ast.With | ast.AsyncWith) and inner in above.body:
            for item in above.items:
                yield item.context_expr
        inner = above


def loops(project: Project, node: ast.AST, where: Where, up: int = 0) -> Iterator[Loop]:
    """The loops around a node, innermost first; then those around the calls of its function."""
    root = node
    for loop in where.source.index.loops(node):
        yield Loop(kind(project, loop, where), loop, where, root)
    if up > 0:
        for call, at in _sites(project, where):
            yield from loops(project, call, at, up - 1)


def as_loop(project: Project, loop: LoopNode, where: Where) -> Loop:
    """A loop as such."""
    return Loop(kind(project, loop, where), loop, where, loop)


def kind(project: Project, loop: LoopNode, where: Where) -> flow.LoopKind:
    """What kind of loop it is: by what it goes over, then by what happens in it."""
    known = project.loop_kinds.get(loop)
    if known is None:
        known = flow.loop_kind(project, loop, where)
        if known == "unknown":
            known = _by_generator(project, loop, where) or _by_content(project, loop, where)
        project.loop_kinds[loop] = known
    return known


def _by_generator(project: Project, loop: LoopNode, where: Where) -> flow.LoopKind | None:
    """The kind of the loop that hands out what this one goes over: `for out, y in self.infer(loader)`."""
    kinds = {kind(project, inner, target) for inner, target in _handing_out(project, loop, where)}
    found = kinds.pop() if len(kinds) == 1 else "unknown"
    return found if found in ("batch", "inference") else None


def _handing_out(project: Project, loop: LoopNode, where: Where) -> list[tuple[LoopNode, Where]]:
    """The loops of a generator of the project that hand out what a loop goes over, each where it stands."""
    over = loop.iter if isinstance(loop, ast.For | ast.AsyncFor) else None
    target = call_of(project, over, where).target if isinstance(over, ast.Call) else None
    if not isinstance(target, Where) or target.scope is where.scope:
        return []
    index = target.source.index
    yields = [v for v in target.scope.returns if isinstance(index.parents.get(v), ast.Yield)]
    around = [index.loops(v) for v in yields]
    return [(found[0], target) for found in around] if all(around) else []


def _by_content(project: Project, loop: LoopNode, where: Where) -> flow.LoopKind:
    if isinstance(loop, ast.For) and _gives_to_module(project, loop, where):
        return "inference"
    happening = list(running(project, inside(loop), where, 1))
    methods = {h.call.method for h in happening}
    inner = any(isinstance(n, LoopNode) for s in loop.body for n in ast.walk(s))
    inner = inner or any(
        h.call.method == "backward" and h.root is not h.call.node and _is_looped(h.call)
        for h in happening
    )
    if "backward" in methods and "step" in methods and not inner:
        return "batch"
    if "backward" in methods and not inner:
        return "accumulation" if "step" not in methods else "batch"
    if "backward" in methods and inner:
        return "epoch"
    return "unknown"


def _is_looped(call: Call) -> bool:
    return bool([*call.where.source.index.loops(call.node)])


def _gives_to_module(project: Project, loop: ast.For, where: Where) -> bool:
    """Whether a loop takes pairs apart, and hands the first of each to a module without gradients."""
    pair = loop.target
    if isinstance(pair, ast.Tuple) and _numbers(loop):
        pair = pair.elts[-1]
    if not isinstance(pair, ast.Tuple) or not isinstance(pair.elts[0], ast.Name):
        return False
    calls = [n for s in loop.body for n in ast.walk(s) if isinstance(n, ast.Call) and n.args]
    first = pair.elts[0].id
    fed = [
        c
        for c in calls
        if any(isinstance(n, ast.Name) and n.id == first for n in ast.walk(c.args[0]))
    ]
    off = tables.words("graph", "off", "context")
    return any(
        isinstance(c.func, ast.Name | ast.Attribute)
        and (_switched(c.func, where) or knowledge.MODELS.search(ast.unparse(c.func)))
        and under(project, c, where, off) is True
        for c in fed
    )


def _numbers(loop: ast.For) -> bool:
    over = loop.iter
    return isinstance(over, ast.Call) and ast.unparse(over.func) == "enumerate"


def _switched(module: ast.expr, where: Where) -> bool:
    """Whether something in the file puts what is called into a mode: it is a module."""
    text = ast.unparse(module)
    called = where.source.index.called
    return any(
        isinstance(c.func, ast.Attribute) and ast.unparse(c.func.value) == text
        for mode in ("eval", "train")
        for c, _ in called.get(mode, ())
    )


def running(
    project: Project, nodes: list[ast.AST], where: Where, depth: int = 3
) -> Iterator[Happening]:
    """Every call that running these nodes makes, in order, calls within the project followed."""
    yield from _running(project, nodes, where, None, depth, set())


def _running(
    project: Project,
    nodes: list[ast.AST],
    where: Where,
    root: ast.AST | None,
    depth: int,
    entered: set[ast.AST],
) -> Iterator[Happening]:
    for start in nodes:
        for node in where.source.index.acts(start, where.scope):
            if isinstance(node, ast.Call):
                call = call_of(project, node, where)
                yield Happening(call, root or node)
                target = call.target if depth > 0 else None
                if isinstance(target, Where) and target.scope.node not in entered:
                    entered.add(target.scope.node)
                    body: list[ast.AST] = [*target.scope.node.body]
                    yield from _running(project, body, target, root or node, depth - 1, entered)


def doing(project: Project, point: Point, where: Where, depth: int = 3) -> list[Happening]:
    """Every call that one statement makes (of a compound one, its header), followed into the project."""
    key = (where.scope, point)
    known = project.doing.get(key)
    if known is None:
        calls = calls_at(project, where).get(point, ())
        nodes: list[ast.AST] = [c.node for c in calls]
        inner = {n for c in nodes for n in ast.walk(c) if n is not c}
        outer = [n for n in nodes if n not in inner]
        known = project.doing[key] = list(running(project, outer, where, depth))
    return known


def calls_at(project: Project, where: Where) -> dict[Point, list[Call]]:
    """The calls of a function by the statement that makes them."""
    known = project.calls_at.get(where.scope)
    if known is None:
        known = project.calls_at[where.scope] = {}
        for node in where.scope.calls:
            point = where.source.names.point(node)
            known.setdefault(point, []).append(call_of(project, node, where))
    return known


def evaluates(project: Project, loop: Loop, split: Callable[[ast.expr], Fact]) -> list[Step] | None:
    """What shows that a loop goes over held-out data, or stands in a function that evaluates.

    None where neither does, and where the loop trains.
    """
    scope = loop.where.scope
    said: list[Step] | None = None
    part = split(loop.over) if loop.over is not None else UNKNOWN
    if part.value == "train" or knowledge.ODD_EVALUATION.search(scope.name):
        return None
    if part.value in ("test", "validation", "held-out"):
        said = list(part.chain)
    elif knowledge.EVALUATES.search(scope.name) and loop.over is not None:
        known = knowledge.BATCHES.search(ast.unparse(loop.over).rstrip("()"))
        said = [] if known or loop.kind in ("batch", "inference") else None
    elif loop.over is not None and loop.kind in ("batch", "inference") and _infers(project, loop):
        said = []
    if said is None or any(
        h.call.method in knowledge.TRAINS
        for h in running(project, list(loop.node.body), loop.where, 2)
    ):
        return None
    return said


def _infers(project: Project, loop: Loop) -> bool:
    """Whether a loop surely runs without gradients, or calls what its function has put into evaluation mode."""
    off = tables.words("graph", "off", "context")
    inner = _handing_out(project, loop.node, loop.where)
    if under(project, loop.node, loop.where, off) is True or (
        inner and all(under(project, node, at, off) is True for node, at in inner)
    ):
        return True
    switched = {
        ast.unparse(c.func.value)
        for c in loop.where.scope.calls
        if isinstance(c.func, ast.Attribute) and c.func.attr == "eval" and not c.args
    }
    return bool(switched) and any(
        isinstance(n, ast.Call) and ast.unparse(n.func) in switched
        for s in loop.node.body
        for n in loop.where.source.index.acts(s, loop.where.scope)
    )


def guards(node: ast.AST, where: Where) -> list[tuple[ast.expr, bool]]:
    """The conditions that must hold for a node to run within its function, innermost first."""
    found: list[tuple[ast.expr, bool]] = []
    inner = node
    for above in where.source.index.ancestors(node):
        if isinstance(above, ast.If) and inner is not above.test:
            found.append((above.test, inner in above.body))
        elif isinstance(above, ast.IfExp) and inner is not above.test:
            found.append((above.test, inner is above.body))
        inner = above
    return found


def _called(expression: ast.expr) -> ast.expr:
    return expression.func if isinstance(expression, ast.Call) else expression


def _passes_on(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    return name in knowledge.WRAPPERS_OF_ITERABLES or name.endswith("tqdm")
