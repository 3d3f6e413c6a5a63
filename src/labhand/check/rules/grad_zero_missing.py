"""Gradients that pile up over the passes of a training loop."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code
from labhand.core.finding import Severity
from labhand.kit.code import flow
from labhand.kit.code.cycles import Cycle, uncleared
from labhand.kit.code.origins import origins
from labhand.kit.code.project import Where
from labhand.kit.code.training import events


class Rule:
    """Gradients that pile up over the passes of a training loop.

    ## What it does
    Looks at each loop that holds a `backward()` and an optimizer's `step()`, in its body or in
    functions it calls, and reports the step when nothing on the way round clears the gradients.

    ## Why is this bad
    `backward()` adds to `.grad`. Without `zero_grad()` each step uses the sum of all gradients since
    the start, old ones included: the effective learning rate and direction drift, training diverges
    or stays mysteriously poor. No error is raised.

    ## Known problems
    It stays silent where it cannot see everything: optimizers made outside the project, calls
    outside the project that are handed the optimizer, accelerate, DeepSpeed and Lightning engines.

    ## Example
    ```python
    for inputs, labels in loader:
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    ```

    ## Use instead
    ```python
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    ```

    ## Fix safety
    Scientific: the fix inserts `optimizer.zero_grad()` and so changes every result from then on.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
    - Real cases: https://stackoverflow.com/questions/60335387,
      https://github.com/snakers4/silero-vad/pull/699, https://github.com/wenet-e2e/wekws/pull/73,
      and `distributed/tensor_parallelism/` of https://github.com/pytorch/examples as of 2026.
    """

    severity: Severity = "error"
    level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The steps of one file whose gradients are never cleared, one for each optimizer and loop."""
        if not code.mentions(".step(") or code.is_test:
            return
        for found in uncleared(code.project, code.source):
            if found.outside is None:  # else it is misplaced, which another rule tells
                yield self._claim(code, found.step, found.optimizer, found.cycle, found.where)

    def _claim(
        self, code: Code, call: ast.Call, optimizer: ast.expr, cycle: Cycle, where: Where
    ) -> Claim:
        name = ast.unparse(optimizer)
        line, _ = cycle.where.source.place(cycle.loop.lineno)
        assert isinstance(cycle.backward.node, ast.expr)
        given = any(o.kind == "parameter" for o in origins(code.project, optimizer, where))
        return Claim(
            node=call,
            message=f"`{name}` steps on gradients that nothing clears: each pass of the loop at line "
            f"{line} adds its gradients to those of all passes before",
            advice=f"call `{name}.zero_grad()` once for each step, before the first `backward()`",
            function=where.scope.qualified,
            confidence=0.9 if given else 0.97,
            evidence={
                "optimizer": name,
                "loop": flow.loop_kind(code.project, cycle.loop, cycle.where),
            },
            related=[
                code.step("gradients are added here", cycle.backward.node, cycle.backward.where),
                code.step("the loop that comes round again", cycle.loop, cycle.where),
            ],
            change=_change(code, call, optimizer, where),
        )


def _change(code: Code, call: ast.Call, optimizer: ast.expr, where: Where) -> Change | None:
    """Clears before the first backward of this step, or after the step where that lies elsewhere."""
    index = code.source.index
    step = index.statement(call)
    block = index.block(step)
    text = f"{ast.unparse(optimizer)}.zero_grad()"
    before: ast.stmt | None = None
    for statement in block[: block.index(step)]:
        kinds = {e.kind for e in events(code.project, [statement], where)}
        if "step" in kinds:
            before = None
        elif "backward" in kinds and before is None:
            before = statement
    anchor, after = (before, False) if before is not None else _closure(code, call, where, step)
    edit = code.after(anchor, text) if after else code.before(anchor, text)
    return Change("scientific", f"Insert `{text}`", [edit])


def _closure(code: Code, call: ast.Call, where: Where, step: ast.stmt) -> tuple[ast.stmt, bool]:
    """Where to clear for `step(closure)`: at the start of the closure; else after the step."""
    given = [*call.args, *(k.value for k in call.keywords)]
    for expression in given:
        closure = code.project.definition(expression, where)
        if isinstance(closure, Where) and closure.source is code.source:
            node = closure.scope.node
            first = next((s for s in node.body if not _is_docstring(s)), None)
            if first is not None:
                return first, False
    return step, True


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
