"""Starts processes in a way that is safe."""

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import script


class Fixer:
    """Starts processes in a way that is safe.

    ## What it does
    Sets TOKENIZERS_PARALLELISM=false after the warning of tokenizers; for a GPU that a forked child
    cannot use lets the main script start its processes by spawn.

    ## Known problems
    Under spawn a script needs a main guard; without one nothing is changed.

    ## Example
    `TOKENIZERS_PARALLELISM=false`

    ## Fix safety
    Neutral: the same work in the same processes, started otherwise.

    ## References
    The Python documentation, multiprocessing, "Contexts and start methods".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The variable, or the main script with another start method."""
        if "tokenizers" in str(failure.evidence.get("text")):
            if situation.job.env.get("TOKENIZERS_PARALLELISM") == "false":
                return None
            values = {"TOKENIZERS_PARALLELISM": "false"}
            return change.variables(failure, situation, "tokenizes without threads", values)
        main = script(situation)
        text = change.text_of(situation.job, str(main)) if main else None
        if main is None or text is None or "set_start_method" in text or "__main__" not in text:
            return None
        start = 'import multiprocessing as _multiprocessing\n_multiprocessing.set_start_method("spawn", force=True)'
        changed = change.begun(text, start)
        return change.code(failure, situation, "starts processes by spawn", {str(main): changed})
