"""Gradients that are cleared at the wrong place: before they are used, or once for a whole loop."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.cycles import Uncleared, uncleared
from labhand.kit.code.paths import Point
from labhand.kit.code.training import events, stepped


class Rule:
    """Gradients that are cleared at the wrong place: before they are used, or once for a whole loop.

    ## What it does
    Reports a `zero_grad()` that stands on every way between `backward()` and the `step()` of the same
    optimizer, and one that stands before a loop whose passes all add to the gradients and step on them.

    ## Why is this bad
    Cleared between `backward()` and `step()`, the optimizer steps on nothing: weights stay as they are, or
    move by weight decay and momentum only. Cleared once before a loop, each step uses the sum of all
    gradients since. No error is raised.

    ## Known problems
    Silent where the backward pass and the step are both in functions that cannot be seen.

    ## Example
    ```python
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
    ```

    ## Use instead
    ```python
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    ```

    ## Fix safety
    Scientific: the fix moves `zero_grad()` before the backward pass, and the model learns from then on.

    ## References
    - https://docs.pytorch.org/tutorials/recipes/recipes/zeroing_out_gradients.html
    - Real cases: https://github.com/cloneofsimo/lora/issues/263 and
      https://github.com/sacmehta/EdgeNets/issues/14.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The clearings of one file that come at the wrong time."""
        if not code.mentions("zero_grad") or code.is_test:
            return
        told: set[ast.AST] = set()
        for found in uncleared(code.project, code.source):
            outside = found.outside
            here = outside is not None and found.cycle.where.source is code.source
            if here and outside is not None and outside not in told:
                told.add(outside)
                yield self._once(code, found, outside)
        for node, scope in code.source.index.called.get("step", ()):
            if any(
                isinstance(c.func, ast.Attribute) and c.func.attr == "zero_grad"
                for c in scope.calls
            ):
                yield from _between(code, code.call(node), told)

    def _once(self, code: Code, found: Uncleared, outside: ast.Call) -> Claim:
        name = ast.unparse(found.optimizer)
        return code.claim(
            outside,
            f"gradients are cleared once, before the loop at line {code.line(found.cycle.loop)}: each of its "
            "passes adds its gradients to those of all passes before, and steps on the sum",
            f"call `{name}.zero_grad()` inside the loop, before `backward()`",
            because=[
                code.step("gradients are added here", _shown(found.cycle.backward.node)),
                code.step("and used here", found.step, found.where),
            ],
            confidence=0.96,
            change=_inwards(code, found, outside, name),
            optimizer=name,
        )


def _shown(node: ast.AST) -> ast.expr | ast.stmt:
    assert isinstance(node, ast.expr | ast.stmt)
    return node


def _between(code: Code, step: Call, told: set[ast.AST]) -> Iterator[Claim]:
    optimizer = stepped(step.node, code.project, step.where)
    if optimizer is None:
        return
    name = ast.unparse(optimizer)
    kinds: dict[Point, set[str]] = {}

    def happens(point: Point) -> set[str]:
        if point not in kinds:
            kinds[point] = _kinds(code, point, step, name)
        return kinds[point]

    ways = code.paths(step.node)
    nearest, open_end = ways.nearest_before(code.point(step.node), happens)
    clears = [p for p in nearest if happens(p) == {"clear"}]
    if not nearest or open_end or len(clears) != len(nearest):
        return
    for clear in clears:
        before, _ = ways.nearest_before(clear, happens)
        backwards = [p for p in before if "backward" in happens(p) and "clear" not in happens(p)]
        direct = before and len(backwards) == len(before)
        if direct and clear not in told and isinstance(clear, ast.stmt):
            told.add(clear)
            backward = backwards[0]
            assert isinstance(backward, ast.stmt)
            yield _claim(code, clear, backward, step, name)


def _kinds(code: Code, point: Point, step: Call, name: str) -> set[str]:
    """What a statement does to the gradients of one optimizer: add to them, clear them, or not known."""
    if not isinstance(point, ast.stmt) or isinstance(point, ast.FunctionDef | ast.ClassDef):
        return set()
    compound = ast.For | ast.AsyncFor | ast.While | ast.If | ast.With | ast.AsyncWith | ast.Try
    nodes: list[ast.AST] = [point]
    if isinstance(point, compound):
        nodes = [n for n in (getattr(point, f, None) for f in ("iter", "test")) if n is not None]
    found: set[str] = set()
    for event in events(code.project, nodes, step.where):
        subject = ast.unparse(event.subject) if event.subject is not None else ""
        if event.kind == "backward":
            found.add("backward")
        elif event.kind == "clear" and event.where.scope is not step.where.scope:
            found.add("unknown")
        elif event.kind == "clear" and subject == name:
            found.add("clear")
        elif event.kind == "opaque" and subject == name:
            found.add("unknown")
    return found


def _claim(code: Code, clear: ast.stmt, backward: ast.stmt, step: Call, name: str) -> Claim:
    return code.claim(
        clear,
        f"gradients are cleared between `backward()` and `{name}.step()`: the step uses none of them",
        f"call `{name}.zero_grad()` before `backward()` or after `step()`",
        because=[
            code.step("the gradients are made here", backward),
            code.step("and used here", step.node),
        ],
        confidence=0.97,
        change=_moved(code, clear, backward),
        optimizer=name,
    )


def _moved(code: Code, clear: ast.stmt, backward: ast.stmt) -> Change | None:
    block = code.source.index.block(clear)
    if backward not in block or not isinstance(clear, ast.Expr):
        return None
    text = code.text(clear)
    edits = [code.before(backward, text), code.drop(clear)]
    return Change("scientific", f"Move `{text}` before the backward pass", edits)


def _inwards(code: Code, found: Uncleared, outside: ast.Call, name: str) -> Change | None:
    """Moves a clearing into the loop, where the loop itself holds the backward pass."""
    backward = code.source.index.statement(found.cycle.backward.root)
    statement = code.source.index.statement(outside)
    if found.cycle.loop not in code.source.index.loops(backward) or not isinstance(
        statement, ast.Expr
    ):
        return None
    text = f"{name}.zero_grad()"
    edits = [code.drop(statement), code.before(found.cycle.loop.body[0], text)]
    return Change("scientific", f"Move `{text}` into the loop", edits)
