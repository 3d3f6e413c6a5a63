"""Goes on from the newest whole checkpoint."""

from labhand.core import run
from labhand.launch.job import Mending, Situation
from labhand.launch.resuming import resumed


class Fixer:
    """Goes on from the newest whole checkpoint.

    ## What it does
    Starts all ranks again from the newest checkpoint that can be read to its end, where the script
    has a switch for it or looks for it itself.

    ## Known problems
    A rank that is slow for a reason will be slow again; then the failure comes back and the run
    stops.

    ## Example
    `torchrun train.py --resume last.ckpt`

    ## Fix safety
    Neutral: the training goes on from what it saved itself.

    ## References
    PyTorch, "torchrun (Elastic Launch)".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The command that resumes; None where the script cannot."""
        return resumed(failure, situation)
