"""Proposes a smaller micro-batch with as much accumulation."""

import re
import shlex

from labhand.core import run
from labhand.kit.settings import Setting
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import offered, switched

_FRAGMENTED = re.compile(
    r"reserved (?:by PyTorch )?but unallocated|max_split_size_mb|expandable_segments"
)
_BATCH = re.compile(
    r"(?:per_device_|per_gpu_)?(?:train_)?(?:micro_)?batch_?size|bs|BATCH_SIZE|batch", re.I
)
_STEPS = re.compile(
    r"(?:gradient_|grad_)?accum(?:ulat(?:e|ion))?(?:_steps|_iter|_grad_batches|_grad)?|gradient_accumulation_steps|accumulate",
    re.I,
)


class Fixer:
    """Proposes a smaller micro-batch with as much accumulation.

    ## What it does
    For a GPU whose memory is in pieces first lets PyTorch use it in segments that grow. Then
    proposes half the batch and twice the accumulation, where the script has a switch for both: the
    effective batch stays.

    ## Known problems
    An accumulation that does not divide the loss by its steps changes the learning rate in effect.

    ## Example
    `--batch-size 16 --accumulate 2` in place of `--batch-size 32`

    ## Fix safety
    Neutral for the allocator. Scientific for the batch: batch norm, losses over the batch and the
    order of dropout change, so it is only proposed.

    ## References
    PyTorch, "CUDA semantics", PYTORCH_CUDA_ALLOC_CONF.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The allocator's variable, or a proposal; None where the script has no such switches."""
        text, env = str(failure.evidence.get("text")), situation.job.env
        pieces = _FRAGMENTED.search(text)
        if pieces and not {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"} & set(env):
            value = "expandable_segments:True"
            values = {"PYTORCH_CUDA_ALLOC_CONF": value, "PYTORCH_ALLOC_CONF": value}
            return change.variables(
                failure, situation, "lets the GPU's memory grow in segments", values
            )
        batch = next(iter(offered(situation, _BATCH, flags=False)), None)
        steps = next(iter(offered(situation, _STEPS, flags=False)), None)
        if batch is None or steps is None:
            return None
        size, times = _now(situation, batch), _now(situation, steps)
        if size is None or size < 2 or size % 2 or times is None:
            return None
        job = switched(situation, {batch.name: str(size // 2), steps.name: str(max(times, 1) * 2)})
        if job is None:
            return None
        summary = (
            f"{batch.name} {size // 2} with {steps.name} {max(times, 1) * 2} in place of {size} and {times}: "
            "the effective batch stays"
        )
        return change.of_job(failure, summary, shlex.join(job.command), job, safety="scientific")


def _now(situation: Situation, setting: Setting) -> int | None:
    """The value that the job gives it, else its default."""
    words = situation.job.command
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in setting.spellings or (setting.flag and name == setting.flag):
            given = value if equals else next(iter(words[place + 1 : place + 2]), "")
            return int(given) if given.isdigit() else None
    return setting.default if isinstance(setting.default, int) else None
