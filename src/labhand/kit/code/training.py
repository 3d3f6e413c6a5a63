"""What training code does to gradients: backward, step and clearing, followed through calls."""

import ast
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from labhand.kit.code import knowledge
from labhand.kit.code.calls import call_of
from labhand.kit.code.model import FunctionNode, LoopNode, children
from labhand.kit.code.origins import Origin, origins
from labhand.kit.code.project import Project, Where

DEPTH = 4


class Event(NamedTuple):
    """One thing that happens to gradients.

    `clear` is anything that may empty them; `opaque` a call outside the project that is handed
    `subject` and could do so. `root` is the node in the code that was asked about which leads here.
    """

    kind: Literal["backward", "step", "clear", "opaque"]
    node: ast.AST
    where: Where
    root: ast.AST
    subject: ast.expr | None = None


def events(project: Project, nodes: Iterable[ast.AST], where: Where) -> list[Event]:
    """What running these nodes does to gradients, calls within the project followed."""
    return list(_Follow(project).nodes(nodes, where, None, DEPTH))


def inside(loop: LoopNode) -> list[ast.AST]:
    """The nodes that run on each pass of a loop."""
    header = loop.test if isinstance(loop, ast.While) else loop.iter
    return [header, *loop.body]


def within(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is below it, in order, without the bodies of functions defined there."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        if isinstance(current, FunctionNode | ast.ClassDef):
            continue
        pending += reversed(children(current))


def stepped(call: ast.Call, project: Project, where: Where) -> ast.expr | None:
    """The optimizer that a call steps: `o.step()`, `o.step(closure)` or `scaler.step(o)`."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr != "step":
        return None
    if not call.args:
        only_closure = all(k.arg in ("closure", None) for k in call.keywords)
        return function.value if only_closure else None
    first = call.args[0]
    if isinstance(first, ast.Lambda):
        return function.value
    if isinstance(project.definition(first, where), Where):
        return function.value
    if isinstance(first, ast.Name | ast.Attribute | ast.Subscript) and len(call.args) == 1:
        return first if proves_optimizer(project, first, where) else None
    return None


def proves_optimizer(project: Project, expression: ast.expr, where: Where) -> bool:
    """Whether an expression is surely an optimizer that leaves gradients alone when it steps."""
    written = ast.unparse(expression).rpartition(".")[2]
    found = (o if o.name else o._replace(name=written) for o in origins(project, expression, where))
    return all(_is_optimizer(project, o, where) for o in found)


def _is_optimizer(project: Project, origin: Origin, where: Where) -> bool:
    if origin.kind == "made":
        return knowledge.is_optimizer(origin.name)
    if origin.kind == "instance" and origin.known is not None:
        _, outside = project.lineage(origin.known)
        return any(knowledge.is_optimizer(name) for name in outside)
    if origin.kind in ("parameter", "unknown"):
        modules = {name.partition(".")[0] for name, _, _ in where.source.index.imports}
        named = knowledge.OPTIMIZER_NAME.match(origin.name)
        return bool(named) and "sched" not in origin.name and "torch" in modules
    return False


class _Follow:
    def __init__(self, project: Project) -> None:
        self.project = project
        self.entered: set[ast.AST] = set()

    def nodes(
        self, nodes: Iterable[ast.AST], where: Where, root: ast.AST | None, depth: int
    ) -> Iterator[Event]:
        for start in nodes:
            for node in where.source.index.acts(start, where.scope):
                for step in self.steps(node, where):
                    if isinstance(step, Event):
                        yield step if root is None else step._replace(root=root)
                    else:
                        yield from self.function(step, root or node, depth)

    def steps(self, node: ast.AST, where: Where) -> list[Event | Where]:
        """What one node does itself, and the functions that it enters; found out once."""
        known = self.project.steps.get(node)
        if known is None:
            known = self.project.steps[node] = list(self.found(node, where))
        return known

    def found(self, node: ast.AST, where: Where) -> Iterator[Event | Where]:
        if isinstance(node, ast.Call):
            yield from self.call(node, where)
        elif any(isinstance(t, ast.Attribute) and t.attr == "grad" for t in _written(node)) or (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and knowledge.ZEROING.fullmatch(node.value)
        ):
            yield Event("clear", node, where, node)

    def call(self, call: ast.Call, where: Where) -> Iterator[Event | Where]:
        own = self.named(call, where, call)
        if own is not None:
            yield own
        target = call_of(self.project, call, where).target
        if isinstance(target, Where):
            yield target
        elif target is None and (own is None or own.kind != "clear"):
            yield from self.opaque(call, where, call)
        for given in (*call.args, *(k.value for k in call.keywords)):
            if isinstance(given, ast.Name | ast.Attribute):
                handed = self.project.definition(given, where)
                if isinstance(handed, Where):
                    yield handed

    def function(self, target: Where, root: ast.AST, depth: int) -> Iterator[Event]:
        node = target.scope.node
        if depth == 0 or node in self.entered or isinstance(node, ast.Module):
            return
        self.entered.add(node)
        yield from self.nodes(node.body, target, root, depth - 1)
        for decorator in node.decorator_list:
            if knowledge.ZEROING.search(ast.unparse(decorator)):
                yield Event("clear", decorator, target, root)
            known = self.project.definition(decorator, target)
            if isinstance(known, Where):
                yield from self.function(known, root, depth - 1)
                for inner in known.scope.inner:
                    yield from self.function(Where(known.source, inner), root, depth - 1)

    def named(self, call: ast.Call, where: Where, root: ast.AST) -> Event | None:
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else ""
        name = function.id if isinstance(function, ast.Name) else name
        subject = function.value if isinstance(function, ast.Attribute) else None
        if knowledge.ZEROING.search(name) or _on_grad(function):
            return Event("clear", call, where, root, subject)
        canonical = self.project.canonical(function, where)
        if canonical is not None and knowledge.is_optimizer(canonical):
            return Event("clear", call, where, root)
        if name == "backward" and _plain_backward(call, canonical):
            return Event("backward", call, where, root)
        optimizer = stepped(call, self.project, where)
        return Event("step", call, where, root, optimizer) if optimizer is not None else None

    def opaque(self, call: ast.Call, where: Where, root: ast.AST) -> Iterator[Event]:
        function = call.func
        if isinstance(function, ast.Attribute):
            if function.attr in knowledge.HARMLESS_METHODS:
                return
            if isinstance(function.value, ast.Name) and function.value.id == "self":
                if self.inherited(function.attr, where):
                    yield Event("opaque", call, where, root)
                return
        canonical = self.project.canonical(function, where) or ""
        if canonical in knowledge.HARMLESS or canonical.startswith(knowledge.HARMLESS_PACKAGES):
            return
        for given in (*call.args, *(k.value for k in call.keywords)):
            for part in given.elts if isinstance(given, ast.List | ast.Tuple) else [given]:
                if isinstance(part, ast.Name | ast.Attribute | ast.Starred):
                    yield Event("opaque", call, where, root, part)

    def inherited(self, name: str, where: Where) -> bool:
        """Whether `self.name()` may be a method of a base outside the project that is not known."""
        owner = self.project.owner(where)
        if owner is None:
            return True
        line, outside = self.project.lineage(owner)
        if any(name in member.klass.attributes for member in line):
            return False
        return any(b not in knowledge.MODULE_BASES and not b.startswith("torch.") for b in outside)


def _written(node: ast.AST) -> list[ast.expr]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign | ast.Delete):
        targets = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    for target in targets:
        if isinstance(target, ast.Tuple | ast.List):
            targets.extend(target.elts)
    return targets


def _on_grad(function: ast.expr) -> bool:
    """Whether something is done in place to a `.grad`: `p.grad.zero_()`, `x.grad.data.fill_(0)`."""
    if not isinstance(function, ast.Attribute) or not function.attr.endswith("_"):
        return False
    base = function.value
    while isinstance(base, ast.Attribute | ast.Call):
        if isinstance(base, ast.Attribute) and base.attr == "grad":
            return function.attr in ("zero_", "fill_", "copy_", "detach_", "set_")
        base = base.func if isinstance(base, ast.Call) else base.value
    return False


def _plain_backward(call: ast.Call, canonical: str | None) -> bool:
    """Whether `backward` is autograd's own and not an engine's that may clear gradients itself."""
    if canonical is not None:
        return canonical == "torch.autograd.backward"
    if not isinstance(call.func, ast.Attribute):
        return False
    if not call.args:
        return True
    receiver = ast.unparse(call.func.value).rpartition(".")[2]
    handed = ast.unparse(call.args[0])
    return (
        len(call.args) == 1
        and "loss" not in handed.lower()
        and bool(knowledge.LOSS_NAME.search(receiver))
    )


def made_from(origin: Origin) -> set[str] | None:
    """What an optimizer was surely built from, as written: modules and tensors; None: not known."""
    call = origin.expression
    if not isinstance(call, ast.Call) or not call.args:
        return None
    return _parts(call.args[0])


def _parts(given: ast.expr) -> set[str] | None:
    match given:
        case ast.Call(func=ast.Attribute(value=module, attr="parameters"), args=[]):
            return {ast.unparse(module)}
        case ast.List(elts=parts) | ast.Tuple(elts=parts) if all(
            isinstance(p, ast.Name | ast.Attribute) for p in parts
        ):
            return {ast.unparse(p) for p in parts}
    inner = _gathered(given)
    found = [_parts(part) for part in inner]
    known = [part for part in found if part is not None]
    return set().union(*known) if known and len(known) == len(found) else None


def _gathered(given: ast.expr) -> list[ast.expr]:
    """What a collection of parameters is put together from; empty where that is not plain."""
    match given:
        case ast.Call(func=ast.Name(id="list" | "chain"), args=parts):
            return parts
        case ast.Call(func=ast.Attribute(attr="chain"), args=parts):
            return parts
        case ast.Call(func=ast.Name(id="filter"), args=[_, inner]):
            return [inner]
        case ast.ListComp(generators=[ast.comprehension(iter=inner)]):
            return [inner]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [left, right]
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return parts if all(isinstance(p, ast.Dict) for p in parts) else []
        case ast.Dict(keys=keys, values=values):
            named = [k.value if isinstance(k, ast.Constant) else None for k in keys]
            return [values[named.index("params")]] if "params" in named else []
    return []


def surely_apart(project: Project, one: Event, other: ast.expr, other_where: Where) -> bool:
    """Whether clearing the optimizer of `one` surely leaves the gradients of `other` alone."""
    if one.subject is None:
        return False
    mine = [made_from(o) for o in origins(project, one.subject, one.where)]
    theirs = [made_from(o) for o in origins(project, other, other_where)]
    first = {part for parts in mine if parts is not None for part in parts}
    second = {part for parts in theirs if parts is not None for part in parts}
    if None in mine or None in theirs or not first or not second:
        return False
    if all(any(a.startswith(f"{b}.") for b in second) for a in first):
        return True  # one part of what steps: the rest stays as it is
    return not any(
        f"{a}.".startswith(f"{b}.") or f"{b}.".startswith(f"{a}.") for a in first for b in second
    )
