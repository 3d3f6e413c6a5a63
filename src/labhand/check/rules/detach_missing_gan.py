"""A discriminator's step whose gradients reach the generator and stay there."""

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import knowledge
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot
from labhand.kit.code.graph import runs_module
from labhand.kit.code.origins import origins
from labhand.kit.code.paths import Point
from labhand.kit.code.training import made_from, stepped


class _Step(NamedTuple):
    """An optimizer's step: the call, the optimizer as written, the modules that it was built from."""

    call: Call
    optimizer: str
    modules: frozenset[str]


class _Judged(NamedTuple):
    """A call of the discriminator on what the generator made, with gradients, and its backward."""

    call: Call
    given: ast.expr
    judge: str
    maker: str
    backward: Call


class Rule:
    """A discriminator's step whose gradients reach the generator and stay there.

    ## What it does
    Looks at the discriminator's step of a GAN. Reports what the generator made and was not detached,
    where the generator then steps on gradients that nobody cleared in between, or where the same
    output is judged again for the generator after `backward()` has freed its graph.

    ## Why is this bad
    The discriminator's loss pulls the generator the other way: towards images that are easy to tell
    apart. Its gradients add to those of the generator's own loss. Where the graph is used twice, the
    second `backward()` fails.

    ## Known problems
    Where the generator's gradients are cleared before its own `backward()`, not detaching only costs
    time and memory, and nothing is said. Steps that lie in two methods are not brought together.

    ## Example
    ```python
    fake = G(z)
    d_loss = bce(D(real), ones) + bce(D(fake), zeros)
    d_loss.backward()
    d_optimizer.step()
    g_loss = bce(D(fake), ones)
    g_loss.backward()
    g_optimizer.step()
    ```

    ## Use instead
    ```python
    d_loss = bce(D(real), ones) + bce(D(fake.detach()), zeros)
    ```

    ## Fix safety
    Scientific: the fix adds `.detach()`, and the generator's gradients change.

    ## References
    - https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html
    - A real case: `implementations/softmax_gan/softmax_gan.py` of
      https://github.com/eriklindernoren/PyTorch-GAN as of 2026.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The outputs of one file's generators that should have been detached."""
        if code.source.text.count(".backward(") < 2 or code.source.text.count(".step(") < 2:
            return
        steps = _steps(code)
        every = list(_judged(code, steps))
        for judged in every:
            phase = _next_step(code, judged, steps)
            if phase is None or judged.judge not in phase.modules or judged.maker in phase.modules:
                continue
            why = _used_again(code, judged, every) or _uncleared(code, judged, phase, steps)
            if why is not None:
                yield _claim(code, judged, *why)


def _steps(code: Code) -> list[_Step]:
    found = []
    for call in code.calls(".step"):
        optimizer = stepped(call.node, code.project, call.where)
        if optimizer is None:
            continue
        parts = [made_from(o) for o in origins(code.project, optimizer, call.where)]
        if parts and all(parts):
            modules = frozenset(p for part in parts if part for p in part)
            found.append(_Step(call, ast.unparse(optimizer), modules))
    return found


def _judged(code: Code, steps: list[_Step]) -> Iterator[_Judged]:
    trained = {module for step in steps for module in step.modules}
    scopes = {step.call.where.scope for step in steps}
    for scope in scopes:
        where = next(s.call.where for s in steps if s.call.where.scope is scope)
        backwards = [c for c in code.calls(".backward") if c.where.scope is scope]
        flows = [set(code.behind(c.receiver)) for c in backwards if c.receiver is not None]
        for node in scope.calls:
            judge = ast.unparse(node.func)
            if judge not in trained or not node.args or isinstance(node.args[0], ast.Starred):
                continue
            maker = _maker(code, node.args[0], judge, trained)
            if maker is None or code.graph(node.args[0]).value != "attached":
                continue
            for backward, flow in zip(backwards, flows, strict=True):
                if node in flow and code.leads(node, backward.node):
                    call = code.call(node, where)
                    yield _Judged(call, node.args[0], judge, maker, backward)
                    break


def _maker(code: Code, given: ast.expr, judge: str, trained: set[str]) -> str | None:
    """The other module that is trained and makes a value."""
    for node, spot in code.behind(given).items():
        if isinstance(node, ast.Call):
            written = ast.unparse(node.func)
            if written in trained and written != judge and _runs(code, node, spot):
                return written
    return None


def _runs(code: Code, node: ast.Call, spot: Spot) -> bool:
    return runs_module(code.call(node, spot.where), spot)


def _next_step(code: Code, judged: _Judged, steps: list[_Step]) -> _Step | None:
    """The step that surely comes first after the backward."""
    mine = [s for s in steps if s.call.where.scope is judged.call.where.scope]
    points = {code.point(s.call.node) for s in mine}
    first = [
        s
        for s in mine
        if code.leads(judged.backward.node, s.call.node, avoiding=points.__contains__)
    ]
    return first[0] if len({s.optimizer for s in first}) == 1 else None


def _used_again(code: Code, judged: _Judged, every: list[_Judged]) -> tuple[str, ast.expr] | None:
    """Another backward through the same output of the generator; one of the two finds no graph."""
    if not isinstance(judged.given, ast.Name):
        return None
    kept = ("retain_graph", "create_graph")
    if any(judged.backward.arg(None, k) is not None for k in kept):
        return None
    mine = _bindings(code, judged.given)
    for other in every:
        same = isinstance(other.given, ast.Name) and _bindings(code, other.given) == mine
        if not same or other.call is judged.call or other.backward is judged.backward:
            continue
        if any(other.backward.arg(None, k) is not None for k in kept):
            continue
        if not code.leads(judged.backward.node, other.call.node, _binding_of(mine, code)) and not (
            code.leads(other.backward.node, judged.call.node, _binding_of(mine, code))
        ):
            continue
        return (
            "and the same output is propagated back a second time, though `backward()` frees the graph",
            other.backward.node,
        )
    return None


def _bindings(code: Code, name: ast.Name) -> set[int]:
    return {id(b.node) for b in code.project.reaching(name, code.where(name))[1]}


def _binding_of(nodes: set[int], code: Code) -> Callable[[Point], bool]:
    return lambda point: id(point) in nodes


def _uncleared(
    code: Code, judged: _Judged, phase: _Step, steps: list[_Step]
) -> tuple[str, ast.expr] | None:
    """The generator's step that this backward's gradients reach."""
    where = judged.call.where

    def clears(point: Point) -> bool:
        for happening in code.doing(point, where):
            call = happening.call
            written = ast.unparse(call.receiver) if call.receiver is not None else ""
            if knowledge.ZEROING.search(call.method) and written not in (
                judged.judge,
                phase.optimizer,
            ):
                return True
        return False

    theirs = [s for s in steps if s.call.where.scope is where.scope and judged.maker in s.modules]
    others = {code.point(b.node) for b in code.calls(".backward") if b.where.scope is where.scope}
    others.discard(code.point(judged.backward.node))
    for step in theirs:
        if code.leads(judged.backward.node, step.call.node, avoiding=others.__contains__):
            continue  # one loss trains both
        if code.leads(judged.backward.node, step.call.node, avoiding=clears):
            return (f"and nothing clears them before `{step.optimizer}` steps", step.call.node)
    return None


def _claim(code: Code, judged: _Judged, why: str, at: ast.expr) -> Claim:
    given = code.text(judged.given)
    return code.claim(
        judged.call.node,
        f"`{judged.judge}` judges `{given}` in its own step with the graph of `{judged.maker}`: its "
        f"gradients reach `{judged.maker}`, {why}",
        f"use `{given}.detach()` in the step of `{judged.judge}`",
        because=[
            code.step("gradients flow back here", judged.backward.node),
            code.step("and matter here", at),
        ],
        confidence=0.92,
        change=Change(
            "scientific", "Add `.detach()`", [code.replace(judged.given, f"{given}.detach()")]
        ),
        generator=judged.maker,
    )
