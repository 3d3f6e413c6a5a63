"""A learning-rate schedule that steps at the wrong time."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.contexts import Loop
from labhand.kit.code.facts import Spot
from labhand.kit.code.project import Known
from labhand.kit.code.training import events

_GUARD = re.compile(r"%|epoch|step|iter|len\(|accum|sync", re.I)


class Rule:
    """A learning-rate schedule that steps at the wrong time.

    ## What it does
    Reports `scheduler.step()` that comes before `optimizer.step()` in each pass of a loop, a schedule
    whose length counts epochs but which steps with every batch, one whose length counts batches but
    which steps once an epoch, and a schedule of batches that Lightning is not told to step by batch.

    ## Why is this bad
    Stepped first, the schedule skips its first value. Counted in the wrong unit, the learning rate is
    through after a few batches and rises again, or hardly leaves its start.

    ## Known problems
    Silent for steps that are given the epoch, schedules that the project defines, lengths that are plain
    numbers, and steps under a condition that counts.

    ## Example
    ```python
    scheduler = CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(epochs):
        for x, y in loader:
            train_step(x, y)
            scheduler.step()
    ```

    ## Use instead
    ```python
    scheduler = CosineAnnealingLR(optimizer, T_max=epochs)
    for epoch in range(epochs):
        for x, y in loader:
            train_step(x, y)
        scheduler.step()
    ```

    ## Fix safety
    There is no automatic fix: the length or the place of the step may be what is meant.

    ## References
    - https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
    - Real cases: https://github.com/ivadomed/ivadomed/issues/55,
      https://github.com/meta-llama/llama-cookbook/pull/28, https://github.com/espnet/espnet/issues/3319.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The schedules of one file that step too early, too often or too rarely."""
        if not code.mentions(
            "lr_scheduler", "scheduler", "Scheduler", "schedule_with_warmup", "LR("
        ):
            return
        told: set[ast.AST] = set()
        for call in code.calls(".step"):
            made = _schedule(code, call)
            if made is None or call.node in told:
                continue
            claim = _early(code, call) or _unit(code, call, made)
            if claim is not None:
                told.add(call.node)
                yield claim
        if code.mentions("configure_optimizers"):
            yield from _lightning(code)


def _schedule(code: Code, call: Call) -> Call | None:
    """The call that made the schedule which steps here."""
    if call.receiver is None or call.node.args or call.node.keywords:
        return None
    made = code.scheduler(call.receiver)
    known = made is not None and (
        made.entry("schedulers") is not None
        or (made.name or "").startswith("torch.optim.lr_scheduler.")
    )
    plateau = made is not None and (made.name or "").endswith("ReduceLROnPlateau")
    return made if known and not plateau else None


def _early(code: Code, call: Call) -> Claim | None:
    """A step of the schedule before that of the optimizer, in every pass."""
    loops = code.loops(call.node)
    if not loops or any(_GUARD.search(ast.unparse(test)) for test, _ in code.guards(call.node)):
        return None
    loop = loops[0]
    mine = _position(code, loop, call.node)
    steps = [
        i
        for i, statement in enumerate(loop.node.body)
        if any(
            e.kind == "step" and e.node is not call.node and not _of_schedule(e.node)
            for e in events(code.project, [statement], loop.where)
        )
    ]
    if mine is None or not steps or min(steps) <= mine:
        return None
    step = loop.node.body[min(steps)]
    return code.claim(
        call.node,
        f"`{ast.unparse(call.node)}` comes before the optimizer's step in each pass: the schedule skips its "
        "first value",
        "step the schedule after the optimizer",
        because=[code.step("the optimizer steps after it", step)],
        confidence=0.93,
    )


def _of_schedule(step: ast.AST) -> bool:
    """Whether what steps is called a schedule."""
    function = step.func if isinstance(step, ast.Call) else None
    return isinstance(function, ast.Attribute) and "sched" in ast.unparse(function.value).lower()


def _position(code: Code, loop: Loop, node: ast.AST) -> int | None:
    above: ast.AST | None = node
    while above is not None and above not in loop.node.body:
        above = code.source.index.parents.get(above)
    return loop.node.body.index(above) if isinstance(above, ast.stmt) else None


def _per_batch(made: Call) -> bool:
    """Whether a schedule is told how many steps an epoch has; one is a step each epoch."""
    given = made.arg(None, "steps_per_epoch")
    return given is not None and getattr(given, "value", None) != 1


def _unit(code: Code, call: Call, made: Call) -> Claim | None:
    """A length in one unit, and steps in the other."""
    entry = made.entry("schedulers") or {}
    length = made.arg(*entry["length"]) if "length" in entry else None
    unit = code.unit(Spot(length, made.where)) if length is not None else None
    counts = unit.value if unit is not None else None
    if _per_batch(made):
        counts = "steps"
    if any(_GUARD.search(ast.unparse(test)) for test, _ in code.guards(call.node)):
        return None
    often = _how_often(code, call)
    chain = [code.step("the schedule is made here", made.node, made.where)]
    chain += list(unit.chain) if unit is not None else []
    if counts == "epochs" and often == "batch":
        return code.claim(
            call.node,
            f"the schedule's length `{ast.unparse(length) if length else ''}` counts epochs, but it steps "
            "with every batch",
            "step once an epoch, or give the length in batches",
            because=chain,
            confidence=0.92,
        )
    if counts in ("steps", "batches") and often == "epoch":
        return code.claim(
            call.node,
            "the schedule's length counts batches, but it steps once an epoch: the learning rate hardly moves",
            "step with every batch, or give the length in epochs",
            because=chain,
            confidence=0.92,
        )
    return None


def _how_often(code: Code, call: Call) -> str | None:
    """Whether a step runs with every batch or once an epoch."""
    loops = code.loops(call.node, up=2)
    if not loops:
        return None
    first = loops[0]
    around = {loop.kind for loop in loops[1:]}
    if first.kind in ("batch", "inference") and ("epoch" in around or len(loops) > 1):
        return "batch"
    if first.kind == "epoch" and _holds_batches(code, first):
        return "epoch"
    return None


def _holds_batches(code: Code, loop: Loop) -> bool:
    """Whether an epoch goes over batches that train, in its body or in functions it calls."""
    for happening in code.running(loop.node) if loop.where.source is code.source else ():
        if happening.call.method == "backward":
            inner = happening.call.where.source.index.loops(happening.call.node)
            return bool(inner) and inner[0] is not loop.node
    return False


def _lightning(code: Code) -> Iterator[Claim]:
    for where in code.functions:
        if where.scope.name != "configure_optimizers" or where.scope.owner is None:
            continue
        text = ast.unparse(where.scope.node)
        if re.search(r"interval|'step'|lr_scheduler_step", text):
            continue
        for node in where.scope.calls:
            made = code.call(node, where)
            entry = made.entry("schedulers") or {}
            length = made.arg(*entry["length"]) if "length" in entry else None
            told = ast.unparse(length) if length is not None else ""
            given = [length] if length is not None else _of_own(code, made)
            per_batch = "estimated_stepping_batches" in told or _per_batch(made)
            if per_batch or any(code.unit(Spot(g, where)).value == "steps" for g in given):
                yield code.claim(
                    node,
                    "the schedule's length counts batches, but Lightning steps it once an epoch unless it "
                    'is told `"interval": "step"`',
                    'return `{"scheduler": scheduler, "interval": "step"}`',
                    confidence=0.93,
                )


def _of_own(code: Code, made: Call) -> list[ast.expr]:
    """What a schedule of the project's own is given besides its optimizer."""
    owner = made.target
    bases = code.project.lineage(owner)[1] if isinstance(owner, Known) else set()
    if not any(b.startswith("torch.optim.lr_scheduler.") for b in bases):
        return []
    return [*made.node.args[1:], *(k.value for k in made.node.keywords if k.arg)]
