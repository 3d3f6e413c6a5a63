"""Processes that waited for each other in vain."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"[Ww]atchdog caught collective operation timeout|[Cc]ollective operation timeout"
    r"|Timed out waiting \d+ ?ms|wait timeout after \d+ ?ms|Timed out (?:initializing|waiting for) "
    r"(?:process group|clients)|\d+/\d+ clients joined|DistStoreError|Socket Timeout"
    r"|heartbeat monitor timed out|HeartbeatMonitor|monitoredBarrier: .*(?:timed out|[Tt]imeout|failed)"
    r"|store.*(?:wait|get).*[Tt]imeout|Horovod.*[Ss]talled ranks"
)


class Failure:
    """A rank waited for the others until its patience ended.

    ## What it does
    Recognises the timeouts of NCCL, Gloo and the store by which ranks find each other.

    ## Known problems
    Which rank was late only the logs of the others tell.

    ## Example
    `[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7, …)`

    ## References
    PyTorch, "Distributed communication package", on timeouts.
    """

    order = 36

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT, printed=True)
        if found is None:
            return None
        return run.Failure(
            "collective-timeout",
            "a rank waited for the others until the time limit of the collective",
            {
                **found.facts,
                "advice": "look for the rank with the lowest SeqNum: the others wait for it; a long part on rank 0 alone needs a longer `timeout` in init_process_group",
            },
        )
