"""Faults in schedules and in training on several ranks."""

import ast
from collections.abc import Iterator

from labhand.check.fault import fault
from labhand.check.planting import Planted, Program, last_name, receiver

_SCHEDULES = (
    "CosineAnnealingLR",
    "StepLR",
    "ExponentialLR",
    "LambdaLR",
    "MultiStepLR",
    "OneCycleLR",
    "LinearLR",
)


def _steps(p: Program, *kinds: str) -> Iterator[tuple[ast.Call, ast.Expr]]:
    """Steps of schedules that the file makes."""
    made = {p.target(c).rpartition(".")[2] for c in p.calls(*kinds)} - {""}
    for call in p.calls("step"):
        statement = p.alone(call)
        if statement is not None and receiver(call).rpartition(".")[2] in made and p.loops(call):
            yield call, statement


@fault("sched-order", "before the optimizer's step")
def too_early(p: Program) -> Iterator[Planted]:
    """The schedule steps first in each pass."""
    for _, statement in _steps(p, *_SCHEDULES):
        block = p.block(statement)
        for earlier in block[: block.index(statement)]:
            if any(p.alone(c) is earlier for c in p.calls("step")) or (
                isinstance(earlier, ast.For) and p.calls("step", within=earlier)
            ):
                moved = p.before(earlier, p.src(statement))
                yield Planted([moved, p.drop(statement)], [moved])
                break


@fault("sched-order", "a schedule of epochs steps with every batch")
def too_often(p: Program) -> Iterator[Planted]:
    """A schedule whose length counts epochs moves into the loop over batches."""
    cosine = [
        c
        for c in p.calls("CosineAnnealingLR")
        if "epoch" in p.src(c).lower() and "len(" not in p.src(c)
    ]
    for _, statement in _steps(p, "CosineAnnealingLR"):
        for loop in p.block(statement):
            if cosine and isinstance(loop, ast.For) and p.calls("backward", within=loop):
                moved = p.after(loop.body[-1], p.src(statement))
                yield Planted([moved, p.drop(statement)], [moved])


@fault("sched-order", "a schedule of batches steps once an epoch")
def too_rarely(p: Program) -> Iterator[Planted]:
    """A schedule whose length counts batches moves out of the loop over them."""
    for call, statement in _steps(p, "OneCycleLR", "CosineAnnealingLR"):
        loop = p.loops(call)[0]
        made = [
            c
            for c in p.calls("OneCycleLR", "CosineAnnealingLR")
            if "len(" in p.src(c) or "steps" in p.src(c)
        ]
        if made and len(p.loops(call)) > 1 and isinstance(loop, ast.For) and statement in loop.body:
            moved = p.after(loop, p.src(statement))
            yield Planted([moved, p.drop(statement)], [moved])


@fault("sched-plateau-no-metric", "stepped without a metric")
def no_metric(p: Program) -> Iterator[Planted]:
    """A plateau schedule is given nothing to watch."""
    for call, _ in _steps(p, "ReduceLROnPlateau"):
        if len(call.args) == 1:
            yield Planted([p.put(call.args[0], "")], [call])


@fault("sched-plateau-no-metric", "stepped with the number of the epoch")
def epoch_for_metric(p: Program) -> Iterator[Planted]:
    """A plateau schedule watches the count of epochs."""
    for call, _ in _steps(p, "ReduceLROnPlateau"):
        loop = p.loops(call)[-1]
        counted = isinstance(loop, ast.For) and isinstance(loop.target, ast.Name)
        if len(call.args) == 1 and counted and "range" in p.src(loop.iter):  # type: ignore[union-attr]
            yield Planted([p.put(call.args[0], loop.target.id)], [call])  # type: ignore[union-attr]


@fault("ddp-set-epoch", "set_epoch taken out")
def same_order(p: Program) -> Iterator[Planted]:
    """A distributed sampler shuffles in the same way in every epoch."""
    samplers = [c for c in p.calls("DistributedSampler") if "shuffle=False" not in p.src(c)]
    sets = p.calls("set_epoch")
    drops = [p.drop(s) for c in sets if (s := p.alone(c)) is not None]
    if samplers and drops and len(drops) == len(sets):
        yield Planted(drops, samplers)


@fault("ddp-bypass-wrapper", "the module inside the wrapper is called")
def past_wrapper(p: Program) -> Iterator[Planted]:
    """A training loop calls what the wrapper holds."""
    wrapped = {p.target(c) for c in p.calls("DistributedDataParallel", "DDP")} - {""}
    for call in [n for n in p.nodes if isinstance(n, ast.Call)]:
        if (
            ast.unparse(call.func) in wrapped
            and p.calls("backward", within=p.function(call))
            and p.loops(call)
            and p.calls("backward", within=p.loops(call)[0])
        ):
            yield Planted([p.put(call.func, f"{p.src(call.func)}.module")], [call])


@fault("rl-truncation-as-termination", "a cut counts as the end")
def cut_is_end(p: Program) -> Iterator[Planted]:
    """What is remembered as the end is also set where the episode was cut off."""
    for node in p.nodes:
        cut = isinstance(node, ast.Name) and node.id in ("terminated", "terminations")
        above = p.parents.get(node)
        held = isinstance(above, ast.Call) and last_name(above.func) in (
            "append",
            "push",
            "add",
            "store",
        )
        paired = isinstance(above, ast.Tuple) and isinstance(p.parents[above], ast.Call)
        if (
            cut
            and isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and (held or paired)
        ):
            other = node.id.replace("terminat", "truncat")
            if other in p.text:
                yield Planted([p.put(node, f"{node.id} or {other}")], [node, p.statement(node)])


@fault("rl-old-gym-api", "reset gives an observation alone")
def old_reset(p: Program) -> Iterator[Planted]:
    """`obs, info = env.reset()` is taken as the observation."""
    for call in p.calls("reset"):
        statement = p.statement(call)
        pair = (
            statement.targets[0]
            if isinstance(statement, ast.Assign) and statement.value is call
            else None
        )
        if isinstance(pair, ast.Tuple) and len(pair.elts) == 2 and "gymnasium" in p.text:
            yield Planted([p.put(pair, p.src(pair.elts[0]))], [call])


@fault("rl-old-gym-api", "a step gives four things")
def old_step(p: Program) -> Iterator[Planted]:
    """The cut is left out of what a step gives."""
    for call in p.calls("step"):
        statement = p.statement(call)
        five = (
            statement.targets[0]
            if isinstance(statement, ast.Assign) and statement.value is call
            else None
        )
        if isinstance(five, ast.Tuple) and len(five.elts) == 5 and "gymnasium" in p.text:
            kept = [p.src(e) for i, e in enumerate(five.elts) if i != 3]
            yield Planted([p.put(five, ", ".join(kept))], [call])
