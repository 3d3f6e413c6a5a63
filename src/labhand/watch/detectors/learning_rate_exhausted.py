"""A learning rate that has come to nothing while the run goes on.

## What it does
Tells when the learning rate has been below a ten-thousandth of its highest value for more than a tenth
of the steps so far, and for six rows at least; or below a five-hundredth for three quarters of them, where the
loss has hardly fallen since.

## Why it is bad
Nothing more is learned: the rest of the run is paid for and changes nothing.

## Known problems
A schedule that reaches zero at the planned end is near zero for the last steps only, and is not told.

## Example
`CosineAnnealingLR(optimizer, T_max=1000)` in a run of 10,000 steps without restarts

## Use instead
The length of the schedule in the unit in which it is stepped; a floor (`eta_min`).

## References
PyTorch, `torch.optim.lr_scheduler`, on `T_max` and `total_steps`.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

NOTHING, LITTLE = 1e-4, 2e-3
"""Of the highest rate."""
ROWS, SHARE, LONG = 6, 0.1, 0.75
FALLEN, LEAST_BLOCKS = 0.1, 2
"""What the loss may have fallen by, in its logarithm, at a rate that is little, and its levels by then."""
FULL, TENTH = 0.5, 0.25
"""A rate of this share of the highest so far is in full swing: a share of the rows before it became little."""


class Detector:
    """Watches every learning rate; those of several groups are one incident, once all are exhausted."""

    wants: Wants = ("learning-rate",)

    def __init__(self, view: View) -> None:
        self._view = view
        self._highest: dict[str, float] = {}
        self._rows: dict[str, int] = {}
        self._full: dict[str, int] = {}
        self._little: dict[str, tuple[int, int, float]] = {}
        self._low: dict[str, tuple[int, int]] = {}
        self._open: str | None = None
        self._first = 0

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The exhaustion that this row proves, and its end."""
        if not isinstance(signal, Points):
            return ()
        claims: list[Claim] = []
        for name in self._view.named("learning-rate"):
            value = signal.values.get(name)
            if value is not None and value - value == 0:
                claims += self._judged(name, value, signal)
        return claims

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: one with a rate near nothing, or no longer so."""
        from labhand.watch.stretch import first_of

        found = len(stretch)
        names = [
            n for n in self._view.named("learning-rate") if len(stretch.column(n).since(start).rows)
        ]
        for name in names:
            column = stretch.column(name).since(start)
            highest = max(self._highest.get(name, 0.0), float(column.values.max()))
            at = 0
            if highest > 0 and name in self._rows and name not in self._little:
                at = first_of(column.values <= LITTLE * highest)
            found = min(found, int(column.rows[at]) if at < len(column.rows) else found)
        for name in names:
            column = stretch.column(name).between(start, found)
            if len(column.values):
                highest_then = column.highest_before(self._highest[name]).clip(column.values)
                self._rows[name] += len(column.values)
                self._full[name] += int((column.values >= FULL * highest_then).sum())
                self._highest[name] = float(highest_then[-1])
        return found

    def _judged(self, name: str, value: float, row: Points) -> Iterable[Claim]:
        if not self._rows:
            self._first = row.step
        rows = self._rows[name] = self._rows.get(name, 0) + 1
        highest = self._highest[name] = max(self._highest.get(name, 0.0), value)
        self._full[name] = self._full.get(name, 0) + (value >= FULL * highest)
        if highest <= 0 or value > LITTLE * highest:
            self._low.pop(name, None)
            self._little.pop(name, None)
            if self._open == name:
                self._open = None
                yield self._claim(name, value, row.step, row, passed=True)
            return
        self._little.setdefault(name, (row.step, rows, self._level()))
        if value <= NOTHING * highest:
            self._low.setdefault(name, (row.step, rows))
        else:
            self._low.pop(name, None)
        if self._open is None and (since := self._since(name, row.step)) is not None:
            self._open = name
            yield self._claim(name, value, since, row)

    def _since(self, name: str, step: int) -> int | None:
        """The step since which nothing more is learned by this rate and all others; None where it is not so."""
        rows, passed = self._rows[name], step - self._first
        if name in self._low and len(self._low) == len(self._highest):
            since, at = self._low[name]
            if rows - at >= ROWS and step - since > SHARE * passed:
                return since
        if len(self._little) < len(self._highest):
            return None
        since, at, level = self._little[name]
        full = self._full[name] >= max(ROWS, TENTH * at)
        long = rows - at >= ROWS and step - since > LONG * passed
        return since if full and long and level - self._level() < FALLEN else None

    def _level(self) -> float:
        """The latest level of the loss, in its logarithm; no number where there are too few."""
        levels = self._view.course.levels
        if len(levels.blocks) < LEAST_BLOCKS or levels.raw:
            return math.nan
        return levels.blocks[-1]

    def _claim(
        self, name: str, value: float, since: int, row: Points, *, passed: bool = False
    ) -> Claim:  # fmt: skip
        highest = self._highest[name]
        message = f"`{name}` is {value:.2g} since step {since}, of {highest:.3g} at its highest"
        if passed:
            message = f"`{name}` is {value:.2g} again from step {row.step} on"
        return Claim(
            key="rate",
            state="recovered" if passed else "confirmed",
            severity="note" if passed else "warning",
            confidence=0.85,
            message=message,
            advice="Stop the run, or give the schedule the length of the run in the unit in which it is "
            "stepped (steps or epochs), or a floor.",
            step=row.step,
            opened=since,
            time=row.time,
            metric=name,
            evidence={"highest": highest, "now": value},
            causes=[]
            if passed
            else [
                Cause(
                    "a schedule that is shorter than the run, or stepped more often than it expects",
                    0.8,
                    f"it reached {value:.2g} at step {since} and the run is at step {row.step}",
                )
            ],
        )
