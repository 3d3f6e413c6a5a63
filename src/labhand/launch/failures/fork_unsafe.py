"""A process that was forked after threads or a device were in use."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"Cannot re-initialize (?:CUDA|XPU|HIP) in forked subprocess"
    r"|huggingface/tokenizers: The current process just got forked|os\.fork\(\) is incompatible with"
    r"|crashed on child side of fork|may have been in progress in another thread when fork\(\) was called"
    r"|multi-threaded, use of fork\(\) may lead to deadlocks|Forking a process while a parallel region"
    r"|Terminating: fork\(\) called from a process already using GNU OpenMP"
)


class Failure:
    """A process was forked where that is not safe.

    ## What it does
    Recognises CUDA in a forked child, tokenizers that were forked after use, and forks of a process
    with threads.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `RuntimeError: Cannot re-initialize CUDA in forked subprocess.`

    ## References
    The Python documentation, multiprocessing, "Contexts and start methods".
    """

    order = 33

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        return run.Failure(
            "fork-unsafe",
            "a process was forked after its threads, or its GPU, were in use",
            {
                **found.facts,
                "advice": 'start workers by `multiprocessing.set_start_method("spawn")`, and set TOKENIZERS_PARALLELISM=false',
            },
        )
