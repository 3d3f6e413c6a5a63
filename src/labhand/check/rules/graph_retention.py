"""Losses that are kept over the passes of a loop with all that computed them."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.contexts import Loop
from labhand.kit.code.facts import Fact
from labhand.kit.code.graph import unscaled
from labhand.kit.code.project import Where
from labhand.kit.code.training import within

_STEPS = re.compile(r"step|iter|epoch|batch|len\(|update|max|episode|train|total|\d{3}", re.I)


class Rule:
    """Losses that are kept over the passes of a loop with all that computed them.

    ## What it does
    Reports `total += loss` and `losses.append(loss)` in a loop, where the loss hangs on the graph of its
    gradients and was already propagated back in the same pass: it is kept for show, with its whole graph.
    So it is where a method of the project adds it up (`meter.update(loss)`), or where the last element of
    a list is propagated back.

    ## Why is this bad
    Each kept loss holds on to the graph that made it. Memory grows with every batch until the run dies,
    often hours later and far from the cause.

    ## Known problems
    Only losses that `backward()` is called on are looked at, so that a sum which is propagated back
    itself is never reported. Silent where the kept values are cleared within the loop.

    ## Example
    ```python
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        total += loss
    ```

    ## Use instead
    ```python
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        total += loss.detach()
    ```

    ## Fix safety
    Neutral: the fix adds `.detach()`; the numbers stay the same.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/faq.html#my-model-reports-cuda-runtime-error-2-out-of-memory
    - Real cases: https://github.com/horovod/horovod/issues/641,
      https://github.com/ray-project/ray/issues/40940.
    """

    severity: Severity = "warning"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The losses of one file that are kept with their graph."""
        if not code.mentions(".backward("):
            return
        for node in code.nodes(ast.AugAssign):
            if isinstance(node.op, ast.Add):
                yield from _kept(code, node, node.target, node.value)
        for call in code.calls(".append"):
            statement = code.source.index.parents.get(call.node)
            if isinstance(statement, ast.Expr) and call.receiver is not None and call.node.args:
                yield from _kept(code, statement, call.receiver, call.node.args[0])
                yield from _listed(code, statement, call.receiver, call.node.args[0])
        yield from _handed_on(code)


def _kept(code: Code, statement: ast.stmt, into: ast.expr, value: ast.expr) -> Iterator[Claim]:
    losses = [n for n in _parts(value) if isinstance(n, ast.Name)]
    loops = [loop for loop in code.loops(statement) if not _is_short(loop)] if losses else []
    epochs = [loop for loop in loops if loop.kind == "epoch"]  # the outermost of several is one
    passes = [loop for loop in loops if loop not in epochs[-1:]] or loops[:1]
    if not loops or any(_bound_in(code, p.node, into) for p in passes) or _flows_back(code, into):
        return
    for loss in losses:
        state = code.graph(value)
        back = _already_back(code, loss, statement)
        if state.value != "attached" or back is None:
            continue
        yield _claim(code, statement, into, value, state, back)
        return


def _listed(code: Code, statement: ast.stmt, into: ast.expr, value: ast.expr) -> Iterator[Claim]:
    """A list whose last element is propagated back in each pass: all before are kept as they are."""
    loops = code.loops(statement)
    last = f"{ast.unparse(into)}[-1]"
    for call in code.calls(".backward") if loops else ():
        of = unscaled(call.receiver)
        same = call.where.scope is code.where(statement).scope and of is not None
        inside = same and loops[0].node in [loop.node for loop in code.loops(call.node)]
        if inside and of is not None and ast.unparse(of) == last:
            if not any(_bound_in(code, loop.node, into) for loop in loops):
                found = _claim(code, statement, into, value, Fact("attached"), call.node)
                advice = "propagate the loss back before it is appended, and append `.item()` of it"
                yield found._replace(advice=advice, change=None)
            return


def _handed_on(code: Code) -> Iterator[Claim]:
    """Losses that were propagated back and are handed to a function of the project that adds them up."""
    for back in code.calls(".backward"):
        of = unscaled(back.receiver)
        key = isinstance(of, ast.Subscript)
        of = of.value if isinstance(of, ast.Subscript) else of
        loop = next(iter(code.loops(back.node)), None)
        if not isinstance(of, ast.Name) or loop is None:
            continue
        for node in within(loop.node):
            if not isinstance(node, ast.Call):
                continue
            call = code.call(node)
            target = call.target
            named = [a for a in call.node.args if isinstance(a, ast.Name) and a.id == of.id]
            if not isinstance(target, Where) or not named or target.scope.owner is None:
                continue
            place = call.node.args.index(named[0]) + 1
            names = target.scope.parameters
            found = _adds_up(target, names[place], key) if place < len(names) else None
            if found is not None and _same_value(code, named[0], of):
                yield _handed_claim(code, call, named[0], found, back)


def _same_value(code: Code, one: ast.Name, other: ast.Name) -> bool:
    where = code.where(one)
    first, second = (code.project.reaching(n, where)[1] for n in (one, other))
    return set(map(id, first)) == set(map(id, second))


def _adds_up(target: Where, parameter: str, key: bool) -> ast.AugAssign | None:
    """Whether a method adds a parameter (an element of it) to an attribute as it is."""
    for node in ast.walk(target.scope.node):
        if not isinstance(node, ast.AugAssign) or not isinstance(node.op, ast.Add):
            continue
        held = node.target.value if isinstance(node.target, ast.Subscript) else node.target
        if not ast.unparse(held).startswith("self."):
            continue
        for part in _parts(node.value):
            part = part.value if key and isinstance(part, ast.Subscript) else part
            if isinstance(part, ast.Name) and part.id == parameter:
                return node if len(target.scope.bindings.get(parameter, ())) == 1 else None
    return None


def _handed_claim(
    code: Code, call: Call, given: ast.Name, found: ast.AugAssign, back: Call
) -> Claim:
    assert isinstance(call.target, Where)
    name = ast.unparse(call.node.func)
    plain = isinstance(unscaled(back.receiver), ast.Name)
    text = f"{given.id}.detach()"
    return code.claim(
        call.node,
        f"`{name}` adds up `{given.id}` with the graph that computed it, one more each pass: "
        "memory grows until it runs out",
        f"hand over `{given.id}.item()`" if plain else "add up `.item()` of each",
        because=[
            code.step("its gradients are taken here already", back.node),
            code.step("it is added up here", found, call.target),
        ],
        confidence=0.93,
        change=Change("neutral", "Add `.detach()`", [code.replace(given, text)]) if plain else None,
    )


def _is_short(loop: Loop) -> bool:
    """Whether a loop has a few passes: over what is written out, or a range that counts no steps."""
    over = loop.over
    if isinstance(over, ast.List | ast.Tuple):
        return True
    counts = isinstance(over, ast.Call) and ast.unparse(over.func) == "range"
    if not counts or over is None or isinstance(loop.node, ast.While):
        return False
    return not _STEPS.search(f"{ast.unparse(loop.node.target)} {ast.unparse(over)}")


def _parts(value: ast.expr) -> Iterator[ast.expr]:
    """The names that a value is made of by arithmetic alone."""
    if isinstance(value, ast.BinOp):
        yield from _parts(value.left)
        yield from _parts(value.right)
    else:
        yield value


def _already_back(code: Code, loss: ast.Name, statement: ast.stmt) -> ast.expr | None:
    """The plain `backward()` on the same loss that comes before or after in the same pass."""
    where = code.where(statement)
    mine = code.project.reaching(loss, where)[1]
    for call in code.calls(".backward"):
        of = unscaled(call.receiver)
        if call.where.scope is not where.scope or not isinstance(of, ast.Name) or of.id != loss.id:
            continue
        keeps = (
            call.arg(None, "retain_graph") is not None or call.arg(None, "create_graph") is not None
        )
        theirs = code.project.reaching(of, where)[1]
        if not keeps and set(map(id, mine)) == set(map(id, theirs)):
            return call.node
    return None


def _bound_in(code: Code, loop: ast.stmt, into: ast.expr) -> bool:
    """Whether the loop sets what is added to anew, or empties it, in each pass."""
    written = ast.unparse(into)
    for inner in ast.walk(loop):
        targets = inner.targets if isinstance(inner, ast.Assign | ast.Delete) else []
        if any(ast.unparse(t).partition("[")[0] == written for t in targets):
            return True
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) in (
            f"{written}.clear",
            f"{written}.pop",
        ):
            return True
    return False


def _flows_back(code: Code, into: ast.expr) -> bool:
    """Whether the sum is propagated back itself somewhere."""
    written = ast.unparse(into)
    backs = [c.receiver for c in code.calls(".backward") if c.receiver is not None]
    return any(
        written in (ast.unparse(n) for n in ast.walk(b) if isinstance(n, ast.expr)) for b in backs
    )


def _claim(
    code: Code, statement: ast.stmt, into: ast.expr, value: ast.expr, state: Fact, back: ast.expr
) -> Claim:
    name = code.text(value)
    text = f"{name}.detach()" if isinstance(value, ast.Name) else f"({name}).detach()"
    return code.claim(
        statement,
        f"`{ast.unparse(into)}` keeps `{name}` with the graph that computed it, one more each pass: "
        "memory grows until it runs out",
        f"keep `{text}` or `{text.replace('detach', 'item')}`",
        because=[*state.chain, code.step("its gradients are taken here already", back)],
        confidence=0.95,
        change=Change("neutral", "Add `.detach()`", [code.replace(value, text)]),
    )
