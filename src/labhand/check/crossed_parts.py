"""What is summed over one part of the data and counted by another, or gone over under another's name."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.claim import Code
from labhand.check.labelled import exchange
from labhand.kit.code.facts import Step
from labhand.kit.code.model import LoopNode
from labhand.kit.code.splits import part_in
from labhand.kit.code.training import within

_HELD_OUT = ("validation", "test")
_WRAPS = frozenset({"enumerate", "tqdm", "iter", "list", "trange"})


class Crossed(NamedTuple):
    """An expression of another part than what it is used for, and the one that was surely meant."""

    node: ast.expr
    message: str
    meant: str
    because: list[Step]


def crossed(code: Code) -> Iterator[Crossed]:
    """The places of a file where a loader or data set of the wrong part stands."""
    if code.mentions("train") and code.mentions("val", "test"):
        yield from _counted(code)
        yield from _gone_over(code)
        yield from _guarded(code)


def _counted(code: Code) -> Iterator[Crossed]:
    """Sums over the batches of one loader that are divided by the length of another."""
    for node in code.operations(ast.Div):
        given = _length_of(node.right)
        summed = _plain(node.left)
        if given is None or not isinstance(summed, ast.Name) or not hasattr(given, "lineno"):
            continue
        over = _summed_over(code, summed)
        if over is None:
            continue
        parts = part_in(_last(over)), part_in(_last(given))
        told = (
            f"`{summed.id}` is summed over `{ast.unparse(over)}`, and divided by the length of "
            f"`{ast.unparse(given)}`"
        )
        if _contradict(*parts):
            yield Crossed(given, told, ast.unparse(over), [code.step("summed over this", over)])
        elif parts[0] is None and parts[1] in _HELD_OUT and _ends_alike(_last(over), _last(given)):
            loop = code.source.index.ancestors(over)
            inner = next(n for n in loop if isinstance(n, ast.For))
            if isinstance(over, ast.Name) and _is_trained_on(code, over, inner):
                yield Crossed(over, told, ast.unparse(given), [code.step("counted here", given)])


def _contradict(one: str | None, other: str | None) -> bool:
    return (one == "train" and other in _HELD_OUT) or (other == "train" and one in _HELD_OUT)


def _length_of(node: ast.expr) -> ast.expr | None:
    """What is counted in `len(x)`, `float(len(x))`, `len(x.dataset)`."""
    while isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.func, ast.Name):
        if node.func.id == "len":
            counted = node.args[0]
            whole = isinstance(counted, ast.Attribute) and counted.attr == "dataset"
            return counted.value if whole and isinstance(counted, ast.Attribute) else counted
        node = node.args[0]
    return None


def _plain(node: ast.expr) -> ast.expr:
    """A value without a factor, `.item()` and the like."""
    while True:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            node = node.right if isinstance(node.left, ast.Constant) else node.left
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
            node = node.func.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
            node = node.args[0]
        else:
            return node


def _summed_over(code: Code, name: ast.Name) -> ast.expr | None:
    """What the one loop goes over in which a name is added to."""
    bindings = code.project.reaching(name, code.where(name))[1]
    found: dict[str, ast.expr] = {}
    for bound in bindings:
        match bound.value:
            case ast.Call(
                func=ast.Name(id="sum"), args=[ast.GeneratorExp() | ast.ListComp() as each]
            ):
                over = _iterated(each.generators[0].iter)
                found[ast.unparse(over)] = over
        if bound.how == "augment":
            loops = code.source.index.loops(bound.node)
            if not loops or not isinstance(loops[0], ast.For):
                return None
            over = _iterated(loops[0].iter)
            found[ast.unparse(over)] = over
    return next(iter(found.values())) if len(found) == 1 else None


def _iterated(over: ast.expr) -> ast.expr:
    while isinstance(over, ast.Call) and over.args:
        if ast.unparse(over.func).rpartition(".")[2] not in _WRAPS:
            break
        over = over.args[0]
    return over


def _gone_over(code: Code) -> Iterator[Crossed]:
    """Iterators that are named after another part than the one that they go over."""
    for node in code.nodes(ast.Assign):
        target, value = node.targets[0], node.value
        over: ast.expr | None = None
        match value:
            case ast.Call(func=ast.Name(id="iter"), args=[inner]):
                over = inner
            case ast.Call(func=ast.Attribute(value=inner, attr="__iter__"), args=[]):
                over = inner
        if over is None or not isinstance(over, ast.Name | ast.Attribute):
            continue
        named = part_in(_last(target))
        meant = _counterpart(code, over, named)
        if _contradict(named, part_in(_last(over))) and meant is not None:
            yield Crossed(
                over,
                f"`{ast.unparse(target)}` goes over `{ast.unparse(over)}`, though `{meant}` is there",
                meant,
                [],
            )


def _counterpart(code: Code, of: ast.expr, part: str | None) -> str | None:
    """The same name with the words of a part, where the file has it."""
    text, own = ast.unparse(of), part_in(_last(of))
    if part is None or own is None:
        return None
    for old in sorted(code.words("splits", "names", own)):
        for new in sorted(code.words("splits", "names", part)):
            meant = exchange(text, old, new)
            there = meant is not None and meant != text
            if (
                there
                and meant is not None
                and any(
                    ast.unparse(n) == meant
                    for kind in (ast.Name, ast.Attribute)
                    for n in code.nodes(kind)
                    if _last(n) == meant.rpartition(".")[2]
                )
            ):
                return meant
    return None


def _guarded(code: Code) -> Iterator[Crossed]:
    """Loops over what is trained on, under the condition that there is held-out data, which goes unread."""
    for node in code.nodes(ast.If):
        test = node.test
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.IsNot):
            test = test.left
        if not isinstance(test, ast.Name) or part_in(test.id) not in _HELD_OUT:
            continue
        read = {n.id for s in node.body for n in ast.walk(s) if isinstance(n, ast.Name)}
        loops = [n for s in node.body for n in within(s) if isinstance(n, ast.For)]
        if test.id in read or not loops:
            continue
        over = _iterated(loops[0].iter)
        if not isinstance(over, ast.Name) or part_in(over.id) in _HELD_OUT:
            continue
        if _ends_alike(over.id, test.id) and _is_trained_on(code, over, node):
            yield Crossed(
                over,
                f"this runs where `{test.id}` is given, which it never reads: it goes over `{over.id}`",
                test.id,
                [code.step("the condition", test)],
            )


def _ends_alike(one: str, other: str) -> bool:
    """Whether two names are of the same kind: `dataset` and `val_dataset`, `loader` and `test_loader`."""
    return one.rpartition("_")[2] == other.rpartition("_")[2]


def _is_trained_on(code: Code, over: ast.Name, apart: ast.If | ast.For) -> bool:
    """Whether another loop of the function goes over the same and takes steps, as this one does not."""
    inside = set(ast.walk(apart))
    if any(h.call.method in ("backward", "step") for h in code.running(apart)):
        return False
    scope = code.where(apart).scope
    for loop in code.nodes(ast.For):
        if loop in inside or code.where(loop).scope is not scope:
            continue
        if ast.unparse(_iterated(loop.iter)) == over.id and _steps(code, loop):
            return True
    return False


def _steps(code: Code, loop: LoopNode) -> bool:
    return any(h.call.method in ("backward", "step") for h in code.running(loop))


def _last(node: ast.expr) -> str:
    """The last part of a name; of anything else, a key or a call, all that is written."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ast.unparse(node)
