"""A training that waits for its data.

## What it does
Tells when, over the last hundreds of steps, most of the time of a step went into waiting for the next
batch. Needs the probe, which splits the time of a step, or a log of that time, or of its share.

## Why it is bad
The GPU, or the cores that should train, stand still meanwhile: more workers make the same run faster
without changing its result.

## Known problems
Where batches are made in the training's own process on purpose (tiny models, data in memory) nothing
is gained by a worker: below 2 ms of waiting a step it is not told.

## Example
`probe/step_s 0.120`, `probe/data_s 0.095`

## Use instead
`num_workers`, `persistent_workers`, `pin_memory` and `prefetch_factor` of the `DataLoader`; decoding
and resizing once instead of in every epoch.

## References
PyTorch, *Performance Tuning Guide*, on asynchronous data loading.
"""

import itertools
import math
import re
from collections.abc import Iterable

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.measures import is_share
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

WINDOW = 30
"""Measured steps that are looked at together."""
SHARE, CALM = 0.5, 0.35
"""The share of waiting from which on it is told, and below which it has passed by."""
PROBED, PROBED_STEP = "probe/data_s", "probe/step_s"
LEAST_S = 0.002
LASTS_S = 1.0
"""Seconds of training that the window spans at least."""


class Detector:
    """Watches the share of a step that is spent waiting."""

    wants: Wants = ("data-time", Fact)

    def __init__(self, view: View) -> None:
        self._view = view
        self._name = ""
        self._spent = 0.0
        self._rows: list[tuple[float, float]] = []
        self._since = (0, math.nan)
        self._open = False
        self._measured = self._loads = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The waiting that this row proves, or that has ended."""
        if not isinstance(signal, Points):
            self._loads = self._loads or (isinstance(signal, Fact) and signal.kind == "loader")
            return ()
        told = self._told(signal)
        if told is None:
            return ()
        waited, took = told
        self._measured = True
        if not self._rows:
            self._since, self._spent = (signal.step, signal.time), 0.0
        self._rows.append((waited / took, waited))
        self._spent += took
        lasted = signal.time - self._since[1]
        lasted = self._spent if lasted != lasted else lasted
        if len(self._rows) < WINDOW or not lasted >= LASTS_S:
            if len(self._rows) > 100 * WINDOW:
                self._rows.clear()
            return ()
        share, seconds = median([s for s, _ in self._rows]), median([w for _, w in self._rows])
        self._rows.clear()
        return self._judged(share, seconds, signal)

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._measured:
            return None
        return "it needs the probe's split of the step time (PyTorch), or a log of it"

    def _told(self, row: Points) -> tuple[float, float] | None:
        """Seconds of waiting and seconds of the step, of a row that tells both."""
        values, named = row.values, self._view.named
        waiting = (
            PROBED
            if PROBED in values
            else next((n for n in named("data-time") if n in values), None)
        )
        if waiting is None:
            return None
        waited = values[waiting]
        if waited != waited or waited < 0:
            return None
        self._name = waiting
        if is_share(waiting):
            share = waited / 100 if self._view.tracks[waiting].highest > 1 else waited
            return (share, 1.0) if share <= 1 else None
        beside = (
            PROBED_STEP
            if waiting == PROBED
            else next((n for n in named("step-time") if n in values), "time")
        )
        took = values.get(beside, math.nan) * _unit(beside) / _unit(waiting)
        if not took > 0 or (beside == "time" and self._is_clock()):
            return None
        if waited > took:  # the time of a step without its data
            took += waited
        return waited * _unit(waiting), took * _unit(waiting)

    def _is_clock(self) -> bool:
        """Whether the column `time` goes on and on, and so is not that of a step."""
        points = [value for _, value in self._view.tracks["time"].recent][-8:]
        return len(points) < 3 or all(a < b for a, b in itertools.pairwise(points))

    def _judged(self, share: float, seconds: float, row: Points) -> Iterable[Claim]:
        bound = share >= SHARE and seconds >= LEAST_S
        if not bound and not (self._open and share < CALM):
            return ()
        was, self._open = self._open, bound
        if not (bound or was):
            return ()
        # without a loader all that the script does between two steps counts as data
        known = self._loads or self._name != PROBED
        what = (
            "waiting for data"
            if known
            else "what is done between two steps: data, logging, waiting"
        )
        cause = (
            "data that is made slower than it is used"
            if known
            else "the loop's own work between two steps"
        )
        return (
            Claim(
                key="data",
                state="confirmed" if bound else "recovered",
                severity="warning" if bound else "note",
                confidence=0.8,
                message=f"{share:.0%} of a step is {what}"
                + ("" if is_share(self._name) else f" ({seconds * 1000:.3g} ms)")
                if bound
                else f"Waiting for data takes {share:.0%} of a step now",
                advice="Give the `DataLoader` workers (`num_workers`, `persistent_workers=True`), and "
                "do once what is done for every sample each time: decoding, resizing, tokenising.",
                step=row.step,
                opened=self._since[0],
                time=row.time,
                metric=self._name,
                evidence={"share": round(share, 3), "wait_s": seconds},
                causes=[
                    Cause(
                        cause,
                        round(share, 2),
                        f"the median wait is {share:.0%} of the step",
                    )
                ]
                if bound
                else [],
            ),
        )


def _unit(name: str) -> float:
    """The seconds of a metric's unit."""
    return 1e-3 if "ms" in re.split(r"[^a-z]+", name.lower()) else 1.0
