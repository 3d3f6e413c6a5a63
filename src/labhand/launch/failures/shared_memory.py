"""Shared memory that does not suffice."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import called, said

_TEXT = re.compile(
    r"insufficient shared memory|out of shared memory|unable to (?:mmap|open|allocate) shared memory"
    r"|[Bb]us error[^\n]*(?:worker|shm|shared)|worker[^\n]*[Bb]us error"
    r"|(?:Errno 28|No space left on device)[^\n]*(?:/dev/shm|/torch_\d+|/psm_|/loky|joblib_memmapping)"
    r"|unable to (?:resize|write to) file </?(?:dev/shm/)?torch_|shm_open|_posixshmem"
    r"|/dev/shm[^\n]*(?:too small|full|insufficient|is less than)|object store[^\n]*/dev/shm"
)
_SPACE = re.compile(r"No space left on device|Errno 28")
_SHARERS = ("SemLock", "shared_memory.py", "_posixshmem", "joblib", "loky", "torch/storage")


class Failure:
    """The shared memory (/dev/shm) does not suffice.

    ## What it does
    Recognises bus errors of DataLoader workers, and shared memory or semaphores that cannot be
    made.

    ## Known problems
    A bus error without a word of shared memory can have another reason and stays `killed`.

    ## Example
    `RuntimeError: DataLoader worker (pid 42) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory.`

    ## References
    PyTorch, "Multiprocessing best practices", on sharing strategies.
    """

    order = 28

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            space = said(evidence, _SPACE)
            if space is None or not called(space.error, *_SHARERS):
                return None
            found = space
        advice = (
            "give it more room (`docker run --shm-size=8g`), or let workers hand over less at once"
        )
        message = "the shared memory (/dev/shm) does not suffice for what the processes exchange"
        joblib = "joblib" in found.text or called(found.error, "joblib", "loky")
        return run.Failure(
            "shared-memory", message, {**found.facts, "joblib": joblib, "advice": advice}
        )
