"""More open files than the process may have."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"[Tt]oo many open files|\[Errno 24\]|received \d+ items of ancdata|\bEMFILE\b|os error 24\b"
    r"|descriptor: out of pty devices"
)


class Failure:
    """The limit of open files is reached.

    ## What it does
    Recognises error 24 of the system and what PyTorch says of file descriptors that tensors are
    shared by.

    ## Known problems
    A script that leaves files open reaches any limit in time.

    ## Example
    `OSError: [Errno 24] Too many open files`

    ## References
    The Linux manual, getrlimit(2): RLIMIT_NOFILE.
    """

    order = 27

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        return run.Failure(
            "open-files",
            "the process reached its limit of open files",
            {**found.facts, "advice": "raise it by `ulimit -n`, and close what is no longer read"},
        )
