"""Ranks of one training that hold different weights.

## What it does
Compares a sum over the weights that each rank tells at the same steps. Needs the probe in every rank; or a
log in which each rank has rows (a column `rank`) or columns (`rank0/param_norm`) of its own: sizes of the
weights must agree, and no rank's loss may stay far above the others'.
Training that shards its weights (FSDP, DeepSpeed, tensor parallelism) is left out.

## Why it is bad
Each rank trains a model of its own on its share of the data; the checkpoint holds one of them.

## Known problems
Methods that average the weights only now and then (local SGD) differ in between, on purpose.

## Example
`torch.distributed.init_process_group("gloo")` and then `model(x)`, not `DistributedDataParallel(model)(x)`

## Use instead
`DistributedDataParallel`, made after the weights are there; the wrapped model is the one to call.

## References
PyTorch, *Distributed Data Parallel*, on the broadcast of the state at construction.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.detectors import Wants
from labhand.watch.detectors._ranks import Apart, Ranks
from labhand.watch.incidents import Cause, Claim
from labhand.watch.measures import rank_in
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

WEIGHTS, SIZE = "rank/weights", "rank/size"
PROBED = ("probe", "system")
CLOSE = 1e-5
"""Sums that are nearer are the same: ranks round differently."""
STEPS = 2
KEPT = 16


class Detector:
    """Watches the sums of all ranks."""

    wants: Wants = ("rank/", "weight-norm", "train-loss")

    def __init__(self, view: View) -> None:
        self._ranks = Ranks()
        self._plain: set[str] = set()
        self._sums: dict[int, dict[int, tuple[float, float]]] = {}
        self._differ: list[int] = []
        self._told = False
        self._compared = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The difference that this row proves."""
        if not isinstance(signal, Points) or self._told:
            return ()
        if WEIGHTS not in signal.values and signal.source not in PROBED:
            if signal.rank is None and self._plain.issuperset(signal.values):
                return ()
            self._plain.update(name for name in signal.values if rank_in(name) is None)
            apart = self._ranks.see(signal)
            self._told = apart is not None
            return () if apart is None else (_apart(apart, signal),)
        if signal.rank is None:
            return ()
        weights, size = signal.values.get(WEIGHTS), signal.values.get(SIZE)
        if weights is None or size is None or weights - weights != 0:
            return ()
        of_step = self._sums.setdefault(signal.step, {})
        of_step[signal.rank] = (size, weights)
        if len(self._sums) > KEPT:
            del self._sums[next(iter(self._sums))]
        alike = [sums for sums in of_step.items() if sums[1][0] == size]
        self._compared = self._compared or len(alike) > 1
        far = [
            rank
            for rank, (_, other) in alike
            if abs(other - weights) > CLOSE * (abs(weights) + 1e-12)
        ]
        if not far or signal.step in self._differ:
            return ()
        self._differ.append(signal.step)
        if len(self._differ) < STEPS:
            return ()
        self._told = True
        return (self._claim(signal.rank, far[0], weights, of_step[far[0]][1], signal),)

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: none of a training without ranks."""
        ranked = stretch.rank is not None or any(rank_in(name) for name in stretch.columns)
        probed = any(name.startswith("rank/") for name in stretch.columns)
        return start if (ranked or probed) and not self._told else len(stretch)

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._compared or self._ranks.compared:
            return None
        return "it needs several ranks with the probe in each (PyTorch), or a log of each rank"

    def _claim(self, rank: int, other: int, mine: float, its: float, row: Points) -> Claim:
        first = self._differ[0]
        return Claim(
            key="ranks",
            state="confirmed",
            severity="error",
            confidence=0.9,
            message=f"Ranks {min(rank, other)} and {max(rank, other)} hold different weights since "
            f"step {first}: their sums differ by {abs(mine - its) / max(abs(mine), 1e-12):.1%}",
            advice="Wrap the model in `DistributedDataParallel` and call the wrapped one; seed all "
            "ranks alike before the model is made.",
            step=row.step,
            opened=first,
            time=row.time,
            rank=max(rank, other),
            evidence={"sums": {str(rank): mine, str(other): its}},
            causes=[
                Cause(
                    "gradients that are not averaged over the ranks, or weights that were not sent to "
                    "them at the start",
                    0.85,
                    f"the sums differ at steps {', '.join(map(str, self._differ))}",
                )
            ],
        )


def _apart(apart: Apart, row: Points) -> Claim:
    """What the ranks' own logs prove."""
    (one, other), (mine, its) = apart.ranks, apart.values
    message = (
        f"`{apart.metric}` of ranks {one} and {other} differs since step {apart.since}: {mine:.6g} and {its:.6g}"
        if apart.weights
        else f"`{apart.metric}` of rank {one} is {mine:.4g}, that of rank {other} {its:.4g}, and stays apart"
    )
    return Claim(
        key="ranks",
        state="confirmed",
        severity="error" if apart.weights else "warning",
        confidence=0.8 if apart.weights else 0.65,
        message=message,
        advice="Wrap the model in `DistributedDataParallel` and call the wrapped one; seed all "
        "ranks alike before the model is made.",
        step=row.step,
        opened=apart.since,
        time=row.time,
        rank=other if apart.weights else one,
        metric=apart.metric,
        evidence={"values": {str(one): mine, str(other): its}},
        causes=[
            Cause(
                "gradients that are not averaged over the ranks, or other weights at the start",
                0.7,
                message,
            ),
            Cause(
                "another part of the data, or weights that are sharded on purpose",
                0.25,
                "the log alone",
            ),
        ],
        unchecked=["whether the weights are sharded on purpose"],
    )
