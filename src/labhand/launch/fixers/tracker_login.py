"""Lets a tracker keep its record on this machine."""

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation

_OFFLINE = {
    "wandb": {"WANDB_MODE": "offline"},
    "neptune": {"NEPTUNE_MODE": "offline"},
    "clearml": {"CLEARML_OFFLINE_MODE": "1"},
}


class Fixer:
    """Lets a tracker keep its record on this machine.

    ## What it does
    Sets the tracker's own switch for working without an account; what is logged stays in its folder
    and can be sent later.

    ## Known problems
    Comet and MLflow have no such switch by the environment; a script that names a mode itself keeps
    it.

    ## Example
    `WANDB_MODE=offline`

    ## Fix safety
    Neutral: the training computes the same; only where its record goes changes, and that is told.

    ## References
    Weights & Biases, "Environment variables": WANDB_MODE.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The tracker's own switch; None for a tracker without one."""
        values = _OFFLINE.get(str(failure.evidence.get("tracker")), {})
        if not values or all(situation.job.env.get(k) == v for k, v in values.items()):
            return None
        tracker = failure.evidence["tracker"]
        summary = f"let {tracker} keep its record on this machine"
        return change.variables(failure, situation, summary, values)
