"""Proposes to load in the main process."""

import re
import shlex

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import offered, switched

_WORKERS = re.compile(r"(?:dataloader_|data_|loader_)?(?:num_|n_)?workers|n_jobs|num_proc", re.I)


class Fixer:
    """Proposes to load in the main process.

    ## What it does
    Where the script has a switch for the number of workers, proposes none: then the true error is
    shown, and memory is used once.

    ## Known problems
    Loading is slower then.

    ## Example
    `--num-workers 0`

    ## Fix safety
    Scientific: random augmentations are drawn in another order, so it is only proposed.

    ## References
    PyTorch, `torch.utils.data.DataLoader`, num_workers.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The proposal; None where the script has no such switch."""
        setting = next(iter(offered(situation, _WORKERS, flags=False)), None)
        job = switched(situation, {setting.name: "0"}) if setting is not None else None
        if setting is None or job is None or job == situation.job:
            return None
        summary = f"{setting.flag or setting.name} 0: loads in the main process, which shows the true error"
        return change.of_job(failure, summary, shlex.join(job.command), job, safety="scientific")
