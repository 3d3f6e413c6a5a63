"""Tells a single process that it is the only rank."""

import msgspec

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Job, Mending, Situation
from labhand.launch.ports import free_port

_ALONE = {
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
    "LOCAL_WORLD_SIZE": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "<free port>",
}


class Fixer:
    """Tells a single process that it is the only rank.

    ## What it does
    Sets RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT for a world of one process, as
    `torchrun --nproc-per-node=1` does. What is set already stays.

    ## Known problems
    A training that needs several ranks, because of its effective batch size, says nothing of it.

    ## Example
    `RANK=0 WORLD_SIZE=1 …`

    ## Fix safety
    Neutral: one process was started, and one it stays; the world size of 1 is told.

    ## References
    PyTorch, "torchrun (Elastic Launch)", environment variables.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The variables that are missing."""
        env = situation.job.env
        values = {name: value for name, value in _ALONE.items() if not env.get(name)}
        if int(env.get("WORLD_SIZE") or 1) != 1 or not values:
            failure.evidence["advice"] = "set the rank of each process, or start them by torchrun"
            return None
        summary = "told the process that it is the only rank (world size 1)"
        mending = change.variables(failure, situation, summary, values)

        def apply() -> Job:
            job = mending.apply()
            port = {"MASTER_PORT": str(free_port())} if "MASTER_PORT" in values else {}
            return msgspec.structs.replace(job, env=job.env | port)

        return mending._replace(apply=apply)
