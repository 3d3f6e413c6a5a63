"""A connection between ranks that failed."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"ncclUnhandledCudaError|unhandled system error|ncclInternalError|ncclRemoteError|ncclSystemError"
    r"|unhandled cuda error.*NCCL|NCCL error in|NCCL (?:communicator was aborted|WARN .*[Ee]rror)"
    r"|Gloo connectFullMesh failed|gloo/transport/\S+.*(?:closed|reset|refused|[Tt]imed)"
    r"|Unable to (?:find address for|resolve hostname)|ibv_\w+ failed|Bootstrap : no socket interface"
)


class Failure:
    """The way by which ranks exchange tensors failed.

    ## What it does
    Recognises the errors of NCCL and Gloo that speak of the system, the network or a peer that went
    away.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `torch.distributed.DistBackendError: NCCL error … ncclSystemError: System call (e.g. socket, malloc) failed`

    ## References
    NCCL documentation, "Troubleshooting".
    """

    order = 37

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        return run.Failure(
            "collective-transport",
            "the way by which the ranks exchange tensors failed",
            {
                **found.facts,
                "advice": "NCCL_DEBUG=INFO tells which transport it was; a peer that went away has its own reason in its own output",
            },
        )
