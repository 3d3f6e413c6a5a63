"""Goes on from the newest whole checkpoint."""

from labhand.core import run
from labhand.launch.job import Mending, Situation
from labhand.launch.resuming import resumed

_FROM_OUTSIDE = ("SIGTERM", "SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")


class Fixer:
    """Goes on from the newest whole checkpoint.

    ## What it does
    After a preemption, a time limit or a kill from outside starts the command again: with the
    script's own switch for resuming and the newest checkpoint that can be read to its end, or as it
    was where the script looks for that checkpoint itself.

    ## Known problems
    A script that saves no state of its random numbers draws others after the resume. Memory that
    ran out would run out again: that is left to the person.

    ## Example
    `python train.py --resume checkpoints/step-400.pt`

    ## Fix safety
    Neutral: the training goes on from what it saved itself; the step it goes on from is told.

    ## References
    Slurm, "sbatch", --signal and --requeue.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The command that resumes; None where the script cannot, or crashed by itself."""
        if failure.evidence.get("signal") not in _FROM_OUTSIDE or failure.evidence.get("oom_kill"):
            return None
        return resumed(failure, situation)
