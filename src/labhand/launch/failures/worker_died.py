"""A worker process that ended before its time."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) (?:exited unexpectedly|is killed by signal: (?P<signal>\w+))"
    r"|process in the process pool was terminated abruptly|BrokenProcessPool|TerminatedWorkerError"
    r"|worker process managed by the executor was unexpectedly terminated|WorkerCrashedError|WorkerLostError"
    r"|[Ww]orker (?:process )?\S* ?(?:died|was killed|has died) unexpectedly|worker died unexpectedly"
    r"|ProcessExitedException: process \d+ terminated with signal"
)


class Failure:
    """A worker process ended without a word.

    ## What it does
    Recognises how DataLoader, concurrent.futures, joblib and Ray say that a worker is gone, and
    asks the control group whether the kernel killed for memory.

    ## Known problems
    What the worker died of is seldom told; the number of workers can change random augmentations,
    so that it is never changed unasked.

    ## Example
    `RuntimeError: DataLoader worker (pid(s) 4242) exited unexpectedly`

    ## References
    PyTorch, `torch.utils.data`, "Multi-process data loading".
    """

    order = 44

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with whether memory was the reason."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        message = "a worker process ended without a word"
        advice = "run once with `num_workers=0`: then the true error is shown"
        if "process pool" in found.text or "ProcessPool" in found.text:
            advice = "call the function once without the pool: then the true error is shown"
        memory = bool(evidence.oom_kills) or found.match.groupdict().get("signal") == "Killed"
        if memory:
            message = "a worker process was killed, most likely for memory"
            advice = "use fewer workers or a smaller `prefetch_factor`; the number can change augmentations"
        return run.Failure(
            "worker-died", message, {**found.facts, "oom_kill": memory, "advice": advice}
        )
