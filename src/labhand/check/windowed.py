"""Rows that are windows of one series, each sharing most of its values with the next."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Code
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot
from labhand.kit.code.loading import dataset_of, item_methods
from labhand.kit.code.project import Where

_DEEPEST = 3


def overlapping(code: Code, rows: ast.expr | Spot) -> Spot | None:
    """What cuts overlapping windows that flow into rows: `data[i : i + n]` for each `i` of a range."""
    for node, spot in code.behind(rows).items():
        if isinstance(node, ast.Subscript) and _is_window(node, spot.where):
            return spot
    return None


def items_overlap(loader: Call) -> Spot | None:
    """What cuts overlapping windows in the data set that a loader or a random split is given."""
    known = dataset_of(loader)
    for method in item_methods(known) if known is not None else ():
        names = method.scope.parameters
        for node in ast.walk(method.scope.node) if len(names) > 1 else ():
            if isinstance(node, ast.Subscript) and _starts_at(node, names[1], method):
                return Spot(node, method)
    return None


def _is_window(node: ast.Subscript, where: Where) -> bool:
    return any(_starts_at(node, name, where) for name in _counted(node, where))


def _counted(node: ast.Subscript, where: Where) -> Iterator[str]:
    """The names that count up by one around a node."""
    for above in where.source.index.ancestors(node):
        loops: list[ast.For | ast.comprehension] = []
        if isinstance(above, ast.For):
            loops = [above]
        elif isinstance(above, ast.ListComp | ast.GeneratorExp):
            loops = list(above.generators)
        for loop in loops:
            over = loop.iter
            plain = isinstance(over, ast.Call) and ast.unparse(over.func) in ("range", "trange")
            if plain and isinstance(over, ast.Call) and isinstance(loop.target, ast.Name):
                step = over.args[2] if len(over.args) == 3 else None
                if step is None or (isinstance(step, ast.Constant) and step.value == 1):
                    yield loop.target.id


def _starts_at(node: ast.Subscript, name: str, where: Where) -> bool:
    """Whether a slice begins at a name and ends a number of rows after it."""
    cut = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
    if not isinstance(cut, ast.Slice) or cut.lower is None or cut.upper is None or cut.step:
        return False
    low, high = _written(cut.lower, where), _written(cut.upper, where)
    begins = isinstance(low, ast.Name) and low.id == name
    if not begins or not isinstance(high, ast.BinOp) or not isinstance(high.op, ast.Add):
        return False
    added = [_written(part, where) for part in _terms(high)]
    one = [p for p in added if isinstance(p, ast.Constant) and p.value == 1]
    return any(isinstance(p, ast.Name) and p.id == name for p in added) and len(one) + 1 < len(
        added
    )


def _terms(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _terms(node.left)
        yield from _terms(node.right)
    else:
        yield node


def _written(node: ast.expr, where: Where, depth: int = _DEEPEST) -> ast.expr:
    """An expression that is kept in a local name, as it is computed."""
    while isinstance(node, ast.Name) and depth:
        bindings = where.scope.bindings.get(node.id, [])
        if len(bindings) != 1 or bindings[0].how != "assign" or bindings[0].value is None:
            break
        if bindings[0].path or not isinstance(bindings[0].value, ast.Name | ast.BinOp):
            break
        node, depth = bindings[0].value, depth - 1
    return node
