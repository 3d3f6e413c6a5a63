"""Gradients that are clipped once the step has used them."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.paths import Point
from labhand.kit.code.training import proves_optimizer, stepped

_CLIPS = tuple(f"torch.nn.utils.clip_grad_{how}" for how in ("norm_", "value_", "norm"))
_NO_STEP = re.compile(r"sched|warm|prof|env|timer|bar|ema|meter|writer|logger", re.I)


class Rule:
    """Gradients that are clipped once the step has used them.

    ## What it does
    Reports `clip_grad_norm_` and `clip_grad_value_` that run between an optimizer's step and the clearing
    of its gradients, with no `backward()` between and no further step that would use what is left.

    ## Why is this bad
    The step has used the gradients as they were, and `zero_grad()` throws away what was clipped: the
    training runs without any clipping. A single large gradient can ruin it, and no error is raised.

    ## Known problems
    Silent where the limit is infinite (the norm is only measured), where another step follows before the
    gradients are cleared, and where the step is not surely that of an optimizer.

    ## Example
    ```python
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    ```

    ## Use instead
    ```python
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    ```

    ## Fix safety
    Scientific: the fix moves the clipping before the step, and the gradients begin to be clipped.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
    - Real cases: https://github.com/awslabs/graphstorm/issues/1366,
      https://github.com/VGraphRNN/VGRNN/issues/4,
      https://github.com/jongwook/onsets-and-frames/issues/24.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The clippings of one file that come after the step they were meant for."""
        if not code.mentions("clip_grad_") or not code.mentions(".step("):
            return
        for clip in code.calls(*_CLIPS):
            limit = clip.arg(1, "max_norm", "clip_value")
            if limit is not None and re.search(r"\binf\b", ast.unparse(limit)):
                continue
            step = next((s for s in code.calls(".step") if _is_too_late(code, s, clip)), None)
            if step is not None and not _is_used(code, clip):
                yield _claim(code, clip, step)


def _is_too_late(code: Code, step: Call, clip: Call) -> bool:
    """Whether an optimizer's step leads straight to a clipping."""
    if step.where.scope is not clip.where.scope:
        return False
    optimizer = stepped(step.node, code.project, step.where)
    if optimizer is None or _NO_STEP.search(ast.unparse(optimizer)):
        return False
    if not proves_optimizer(code.project, optimizer, step.where):
        return False
    anew = code.does("backward", "zero_grad", where=clip.where)
    return code.leads(step.node, clip.node, avoiding=anew)


def _is_used(code: Code, clip: Call) -> bool:
    """Whether a step can follow before the gradients are cleared."""
    ways, at = code.paths(clip.node), code.point(clip.node)
    clears = code.does("zero_grad", where=clip.where)

    def steps(point: Point) -> bool:
        return any(
            h.call.method in ("step", "train_step", "minimize")
            and not _NO_STEP.search(ast.unparse(h.call.node.func))
            for h in code.doing(point, clip.where)
        )

    after = [p for p in ways.after if steps(p)]
    return any(ways.leads(at, p, lambda q: clears(q) and not steps(q)) for p in after)


def _claim(code: Code, clip: Call, step: Call) -> Claim:
    return code.claim(
        clip.node,
        f"`{clip.method}` comes after the step at line {code.line(step.node)}, which has used the "
        "gradients unclipped, and they are cleared before the next one: nothing is ever clipped",
        "clip between `backward()` and the step",
        because=[code.step("the gradients are used here", step.node)],
        confidence=0.96,
        change=_change(code, clip, step),
    )


def _change(code: Code, clip: Call, step: Call) -> Change | None:
    """The clipping goes before the step, where both stand alone in one block."""
    statement, used = code.source.index.statement(clip.node), code.source.index.statement(step.node)
    alone = isinstance(statement, ast.Expr) and statement.value is clip.node
    if not alone or statement not in code.source.index.block(used):
        return None
    moved = [code.before(used, code.text(statement)), code.drop(statement)]
    return Change("scientific", "Clip before the step", moved)
