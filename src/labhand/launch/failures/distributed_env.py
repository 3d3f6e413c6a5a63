"""A rank that was not told who it is."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import called, said

_NAMES = "RANK|WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE|NODE_RANK|MASTER_ADDR|MASTER_PORT"
_TEXT = re.compile(
    rf"environment variable (?P<name>{_NAMES}) expected, but not set"
    rf"|(?P<own>{_NAMES})\b[^\n]{{0,40}}(?:not set|missing|not found|unset|unbound variable|must be set)"
)
_KEY = re.compile(rf"^KeyError: '(?P<name>{_NAMES})'$")


class Failure:
    """A process of a distributed training was started without its rank.

    ## What it does
    Recognises what torch.distributed and scripts say when RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR
    or MASTER_PORT are not set.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `ValueError: Error initializing torch.distributed using env:// rendezvous: environment variable RANK expected, but not set`

    ## References
    PyTorch, "Distributed communication package", on env:// initialisation.
    """

    order = 25

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the variable that is missing."""
        found = said(evidence, _TEXT) or said(evidence, _KEY)
        if found is None:
            return None
        if found.match.re is _KEY and not called(found.error, "environ", "<frozen os>", "/os.py"):
            return None
        name = next(part for part in found.match.groups() if part)
        message = f"the training expects to be one rank of several, and {name} is not set"
        advice = (
            "start it by `torchrun --nproc-per-node=1 …`, which sets RANK, WORLD_SIZE and the like"
        )
        return run.Failure(
            "distributed-env", message, {**found.facts, "variable": name, "advice": advice}
        )
