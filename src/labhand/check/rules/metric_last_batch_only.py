"""A score of a whole data set that comes from its last batch, or its first."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.contexts import Loop
from labhand.kit.code.facts import Step
from labhand.kit.code.model import Binding
from labhand.kit.code.project import Where
from labhand.kit.code.training import within

_SCORE = re.compile(
    r"loss|acc|correct|hits|score|total|err|f1|auc|mae|mse|iou|dice|perplex|metric|n_right|running",
    re.I,
)
_SHOWS_LAST = re.compile(
    r"last|batch|current|latest|final_?batch|smooth|ema|avg_|running_avg", re.I
)


class Rule:
    """A score of a whole data set that comes from its last batch, or its first.

    ## What it does
    Reports a metric that is computed after an evaluation loop from the variables of the loop, a total
    that starts at zero and is overwritten by each batch (`=` for `+=`) before it is divided or returned,
    a list of predictions that is made anew in each pass, and a `return` inside the loop.

    ## Why is this bad
    The number looks like a score of the data set and is one of a few rows: noisy, and off for good where
    the data is sorted.

    ## Known problems
    Silent for the loss of the last training batch that is only printed, where a loop is left on purpose,
    and for what is added up in any other way.

    ## Example
    ```python
    correct = 0
    for x, y in loader:
        correct = (model(x).argmax(1) == y).sum().item()
    accuracy = correct / len(loader.dataset)
    ```

    ## Use instead
    ```python
    correct = 0
    for x, y in loader:
        correct += (model(x).argmax(1) == y).sum().item()
    accuracy = correct / len(loader.dataset)
    ```

    ## Fix safety
    Scientific: the fix adds up where the total was overwritten.

    ## References
    - Real case: https://github.com/ManifoldRG/MultiNet/pull/767.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The scores of one file that come from one batch."""
        if code.is_test:
            return
        told: set[ast.AST] = set()
        for node in code.nodes(ast.For):
            loop = code.loop(node)
            found = (*_overwritten(code, loop), *_renewed(code, loop), *_returned(code, loop))
            for claim in (*found, *_after(code, loop)):
                if claim.node not in told:
                    told.add(claim.node)
                    yield claim


def _is_batches(code: Code, loop: Loop) -> bool:
    return loop.kind in ("batch", "inference") or code.evaluates(loop) is not None


def _assigned(loop: Loop) -> Iterator[tuple[str, ast.Assign]]:
    for statement in loop.node.body:
        for node in loop.where.source.index.acts(statement, loop.where.scope):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]):
                    yield name, node
                case ast.Assign(
                    targets=[ast.Tuple(elts=[ast.Name(id=name), *_])], value=ast.Tuple()
                ):
                    yield name, node


def _bindings(code: Code, loop: Loop, name: str) -> tuple[list[Binding], list[Binding]]:
    """The bindings of a name in its function: before the loop, and in it."""
    every = loop.where.scope.bindings.get(name, [])
    body, places = code.source.index.body(loop.node), code.source.index.places
    inside = [b for b in every if places[b.node] in body]
    return [b for b in every if b not in inside], inside


def _overwritten(code: Code, loop: Loop) -> Iterator[Claim]:
    """`total = x` in the loop, where the total starts at zero and is divided or returned after it."""
    for name, node in _assigned(loop):
        if not _SCORE.search(name) or _SHOWS_LAST.search(name):
            continue
        before, inside = _bindings(code, loop, name)
        zero = [b for b in before if _is_zero(b.value) and b.node in _siblings(code, loop)]
        once = len(inside) == 1 and inside[0].how == "assign" and node in loop.node.body
        mine = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
        if not zero or not once or name in mine or code.guards(node) or not _is_batches(code, loop):
            continue
        use = _whole_use(code, loop, name)
        if use is None or _read_inside(loop, name, node):
            continue
        plain = code.text(node.value)
        change = Change(
            "scientific", f"Add up `{name}`", [code.replace(node, f"{name} += {plain}")]
        )
        yield code.claim(
            node,
            f"`{name}` starts at zero and is overwritten by each batch: after the loop it is of the last "
            "batch alone",
            f"add up: `{name} += …`",
            because=[code.step("used here as if it were of all batches", use)],
            confidence=0.95,
            change=change,
        )


def _is_zero(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value in (0, 0.0) and value.value is not False


def _siblings(code: Code, loop: Loop) -> list[ast.stmt]:
    """The statements of the block that the loop stands in, and of the blocks right around it."""
    found = list(code.source.index.block(loop.node))
    above = code.source.index.parents.get(loop.node)
    while isinstance(above, ast.With):
        found += code.source.index.block(above)
        above = code.source.index.parents.get(above)
    return found


def _read_inside(loop: Loop, name: str, node: ast.Assign) -> bool:
    """Whether the pass itself reads it after it is set: a value for each batch."""
    later = loop.node.body[loop.node.body.index(node) + 1 :]
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
        for s in later
        for n in within(s)
    )


def _whole_use(code: Code, loop: Loop, name: str) -> ast.expr | None:
    """Where the value is divided or returned after the loop."""
    for read in _reads_after(code, loop, name):
        above = code.source.index.parents.get(read)
        while isinstance(above, ast.Call | ast.Attribute | ast.Tuple | ast.keyword) or (
            isinstance(above, ast.BinOp) and isinstance(above.op, ast.Mult)
        ):
            above = code.source.index.parents.get(above)
        divided = isinstance(above, ast.BinOp) and isinstance(above.op, ast.Div)
        if divided or isinstance(above, ast.Return):
            return read
        if isinstance(above, ast.AugAssign) and isinstance(above.op, ast.Div):
            return read
    for node in loop.where.scope.bindings.get(name, ()):
        own = node.node
        match own:
            case ast.AugAssign(op=ast.Div(), target=target) if code.leads(loop.node, own):
                return target
    return None


def _reads_after(code: Code, loop: Loop, name: str) -> Iterator[ast.Name]:
    end = loop.node.end_lineno or 0
    for node in code.nodes(ast.Name):
        later = node.id == name and isinstance(node.ctx, ast.Load) and node.lineno > end
        if later and code.where(node).scope is loop.where.scope:
            yield node


def _renewed(code: Code, loop: Loop) -> Iterator[Claim]:
    """A list that is made anew in each pass, filled in it, and scored after the loop."""
    for name, node in _assigned(loop):
        made = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
        if node not in loop.node.body or not isinstance(made, ast.List) or made.elts:
            continue
        before, inside = _bindings(code, loop, name)
        if len(inside) != 1 or before or not _is_batches(code, loop):
            continue
        index = loop.node.body.index(node)
        later = loop.node.body[index + 1 :]
        filled = [s for s in later if _fills(s, name)]
        others = [
            n
            for s in later
            if s not in filled
            for n in within(s)
            if isinstance(n, ast.Name) and n.id == name
        ]
        uses = list(_reads_after(code, loop, name))
        if filled and not others and uses:
            yield code.claim(
                node,
                f"`{name}` is made anew for each batch: after the loop it holds the last batch alone",
                f"make `{name}` before the loop",
                because=[code.step("used here as if it were of all batches", uses[0])],
                confidence=0.95,
            )


def _fills(statement: ast.stmt, name: str) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(statement, ast.AugAssign):
        return ast.unparse(statement.target) == name
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    return value.func.attr in ("append", "extend") and ast.unparse(value.func.value) == name


def _returned(code: Code, loop: Loop) -> Iterator[Claim]:
    """A `return` of a total at the end of the loop's body: one level too deep."""
    last = loop.node.body[-1]
    if not isinstance(last, ast.Return) or last.value is None or len(loop.node.body) < 2:
        return
    adds = {
        ast.unparse(n.target)
        for s in loop.node.body
        for n in within(s)
        if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Add)
    }
    names = {n.id for n in ast.walk(last.value) if isinstance(n, ast.Name)}
    if adds & names and _is_batches(code, loop) and len(code.loops(last)) == 1:
        yield code.claim(
            last,
            "this `return` stands inside the loop: the function ends after its first batch",
            "move the `return` out of the loop",
            because=[code.step("the loop that ends in its first pass", loop.node)],
            confidence=0.96,
        )


def _after(code: Code, loop: Loop) -> Iterator[Claim]:
    """A metric after an evaluation loop, computed from what only the last pass left."""
    evaluation = code.evaluates(loop)
    if evaluation is None or any(
        isinstance(n, ast.Break) for s in loop.node.body for n in within(s)
    ):
        return
    yield from _left_hits(code, loop, evaluation)
    metrics = {c.node for c, _ in (*code.known("metrics"), *code.known("losses"))}
    end = loop.node.end_lineno or 0
    for node in loop.where.scope.calls:
        if node not in metrics or node.lineno <= end or code.loops(node) != code.loops(loop.node):
            continue
        given = [a for a in node.args[:2] if isinstance(a, ast.Name)]
        if len(given) == 2 and all(_left(code, loop, a) for a in given):
            yield code.claim(
                node,
                f"`{ast.unparse(node.func)}` is computed after the loop from `{given[0].id}` and "
                f"`{given[1].id}`, which are of the last batch alone",
                "collect all batches in the loop, and score them after it",
                because=[*evaluation, code.step("the loop whose last pass left them", loop.node)],
                confidence=0.95,
            )
    yield from _left_loss(code, loop, loop.where)


def _left_hits(code: Code, loop: Loop, evaluation: list[Step]) -> Iterator[Claim]:
    """`(prediction == y).float().mean()` after an evaluation loop that bound both."""
    end = loop.node.end_lineno or 0
    for node in code.nodes(ast.Compare):
        sides = [node.left, *node.comparators]
        same = len(sides) == 2 and isinstance(node.ops[0], ast.Eq)
        if not same or node.lineno <= end or code.where(node).scope is not loop.where.scope:
            continue
        above = code.source.index.parents.get(node)
        counted = isinstance(above, ast.Attribute) and above.attr in ("sum", "mean", "float")
        names = [s for s in sides if isinstance(s, ast.Name) and _left(code, loop, s)]
        if counted and len(names) == 2 and code.loops(node) == code.loops(loop.node):
            yield code.claim(
                node,
                f"`{names[0].id}` and `{names[1].id}` are compared after the loop, and are of the last batch alone",
                "count in the loop, and divide after it",
                because=[*evaluation, code.step("the loop whose last pass left them", loop.node)],
                confidence=0.93,
            )


def _left(code: Code, loop: Loop, name: ast.Name) -> bool:
    """Whether a name surely holds what the last pass put there, and gathers nothing."""
    bindings = code.project.reaching(name, loop.where)[1]
    body, places = code.source.index.body(loop.node), code.source.index.places
    for bound in bindings:
        target = bound.node is loop.node or places.get(bound.node, -1) in body
        gathers = bound.how == "augment" or (
            bound.value is not None
            and bound.how == "assign"
            and name.id in {n.id for n in ast.walk(bound.value) if isinstance(n, ast.Name)}
            and not _moved(bound.value, name.id)
        )
        if not target or gathers or isinstance(bound.value, ast.List):
            return False
    grown = loop.where.scope.calls_on(name.id, "append", "extend", "update")
    return bool(bindings) and not grown


def _moved(value: ast.expr, name: str) -> bool:
    """`x = x.to(device)`: the same value, elsewhere."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        value = value.func.value
    return isinstance(value, ast.Name) and value.id == name


def _left_loss(code: Code, loop: Loop, where: Where) -> Iterator[Claim]:
    """`return loss.item()` after an evaluation loop: the loss of its last batch."""
    for value in where.scope.returns:
        if value.lineno <= (loop.node.end_lineno or 0) or code.loops(value) != code.loops(
            loop.node
        ):
            continue
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        for part in parts:
            inner = _of_item(part)
            if not isinstance(inner, ast.Name) or not _left(code, loop, inner):
                continue
            if code.unit(inner).value in ("mean", "sum") and not _SHOWS_LAST.search(inner.id):
                yield code.claim(
                    part,
                    f"`{inner.id}` is of the last batch alone, and is given back as the score of all",
                    "add up over the batches, and divide after the loop",
                    because=[code.step("the loop whose last pass left it", loop.node)],
                    confidence=0.93,
                )


def _of_item(node: ast.expr) -> ast.expr:
    """What `.item()` is called on; else the value itself."""
    match node:
        case ast.Call(func=ast.Attribute(attr="item" | "detach" | "cpu", value=value)):
            return value
    return node
