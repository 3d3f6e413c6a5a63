"""Proposes the precision that the operation takes."""

import re
import shlex

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import offered, switched

_SWITCHES = (
    (re.compile(r"(?:use_)?(?:fp16|bf16|half|amp|mixed_precision_on)", re.I), "false"),
    (re.compile(r"(?:torch_)?d?type|precision|dtype", re.I), "float32"),
    (re.compile(r"precision", re.I), "32"),
    (re.compile(r"mixed_precision", re.I), "no"),
)


class Fixer:
    """Proposes the precision that the operation takes.

    ## What it does
    Where the script has a switch for half or mixed precision, proposes to switch it off.

    ## Known problems
    More memory and time are needed then.

    ## Example
    `--precision 32` in place of `--precision 16`

    ## Fix safety
    Scientific: precision changes results, so it is only proposed.

    ## References
    PyTorch, "Automatic Mixed Precision".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The proposal; None where the script has no such switch."""
        for pattern, value in _SWITCHES:
            for setting in offered(situation, pattern, flags=False):
                if setting.choices and value not in map(str, setting.choices):
                    continue
                job = switched(situation, {setting.name: value})
                if job is not None and job != situation.job:
                    summary = f"{setting.flag or setting.name} {value}"
                    patch = shlex.join(job.command)
                    return change.of_job(failure, summary, patch, job, safety="scientific")
        return None
