"""Takes another way between ranks."""

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation

_HERE = ("localhost", "127.0.0.1", "::1")


class Fixer:
    """Takes another way between ranks.

    ## What it does
    Switches off the transport that failed: InfiniBand, or direct access between GPUs; for Gloo
    names the loopback interface where all ranks are here.

    ## Known problems
    A switch that turns out to help is worth a word to whoever keeps the cluster.

    ## Example
    `NCCL_IB_DISABLE=1`

    ## Fix safety
    Neutral: the same numbers travel another way, slower.

    ## References
    NCCL documentation, "Environment Variables".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The variables of NCCL or Gloo that avoid what failed."""
        text = str(failure.evidence.get("text"))
        env = situation.job.env
        if "gloo" in text.lower() or "resolve hostname" in text or "find address" in text:
            values = (
                {"GLOO_SOCKET_IFNAME": "lo"} if env.get("MASTER_ADDR", "localhost") in _HERE else {}
            )
        elif "remote process exited" in text or "ncclRemoteError" in text:
            values = {}  # the reason is in the output of the peer
        else:
            values = {"NCCL_P2P_DISABLE": "1", "NCCL_IB_DISABLE": "1"}
        values = {name: value for name, value in values.items() if name not in env}
        if not values:
            return None
        return change.variables(failure, situation, "takes a slower way between the ranks", values)
