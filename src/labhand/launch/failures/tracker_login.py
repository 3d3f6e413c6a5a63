"""A tracker that wants to know who you are."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TRACKERS = {
    "wandb": r"wandb|api_key not configured|No API key configured|WANDB_API_KEY",
    "neptune": r"[Nn]eptune|NEPTUNE_API_TOKEN",
    "comet": r"[Cc]omet|COMET_API_KEY",
    "clearml": r"[Cc]lear[Mm][Ll]|trains",
    "mlflow": r"[Mm][Ll]flow|MLFLOW_TRACKING",
}
_TEXT = re.compile(
    r"api_key not configured|No API key configured|API key (?:must be|is (?:not|missing|invalid))|NeptuneMissingApiToken"
    r"|(?i:wandb|neptune|comet|clearml|mlflow)[^\n]{0,80}(?i:not logged in|log ?in\b|api[ _]?(?:key|token)|credentials"
    r"|unauthori[sz]ed|unauthenticated|\b401\b|permission denied|authentication)"
    r"|(?i:api[ _]?(?:key|token)|credentials|not logged in)[^\n]{0,60}(?i:wandb|neptune|comet|clearml|mlflow)"
)


class Failure:
    """The tracker of experiments is not logged in.

    ## What it does
    Recognises what wandb, Neptune, Comet, ClearML and MLflow say without a key or with a wrong one.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `wandb.errors.UsageError: api_key not configured (no-tty). call wandb.login(key=[your_api_key])`

    ## References
    Weights & Biases, "Environment variables": WANDB_MODE.
    """

    order = 23

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the tracker it is about."""
        found = said(evidence, _TEXT)
        if found is None or (found.error is not None and found.error.type == "KeyError"):
            return None  # the script itself reads the key
        places = " ".join(f.file + f.code for f in found.error.frames) if found.error else ""
        about = f"{found.text} {places}"
        tracker = next(
            (n for n, words in _TRACKERS.items() if re.search(words, about)), "the tracker"
        )
        message = f"{tracker} is not logged in"
        advice = (
            f"log in to {tracker}, or let it keep its record here (WANDB_MODE=offline and the like)"
        )
        return run.Failure(
            "tracker-login", message, {**found.facts, "tracker": tracker, "advice": advice}
        )
