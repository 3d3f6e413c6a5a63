"""A learning rate that has come to nothing while the run goes on.

## What it does
Tells when the learning rate has been below a ten-thousandth of its highest value for more than a tenth
of the steps so far, and for six rows at least.

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

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

NOTHING = 1e-4
"""Of the highest rate."""
ROWS, SHARE = 6, 0.1


class Detector:
    """Watches every learning rate; those of several groups are one incident, once all are exhausted."""

    wants: Wants = ("learning-rate",)

    def __init__(self, view: View) -> None:
        self._view = view
        self._highest: dict[str, float] = {}
        self._rows: dict[str, int] = {}
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
        found = len(stretch)
        names = [
            n for n in self._view.named("learning-rate") if len(stretch.column(n).since(start).rows)
        ]
        for name in names:
            column = stretch.column(name).since(start)
            highest = max(self._highest.get(name, 0.0), float(column.values[0]))
            if highest <= 0 or name not in self._rows:
                low = column.values == column.values
            elif name in self._low and (
                self._open is not None or self._rows[name] - self._low[name][1] >= ROWS
            ):
                since = self._low[name][0]
                lasts = stretch.steps[column.rows] - since > SHARE * (
                    stretch.steps[column.rows] - self._first
                )
                low = (column.values > NOTHING * highest) | (lasts & (self._open is None))
            else:
                low = column.values <= NOTHING * max(highest, float(column.values.max()))
            rows = column.rows[low]
            found = min(found, int(rows[0]) if len(rows) else found)
        for name in names:
            values = stretch.column(name).between(start, found).values
            if len(values):
                self._rows[name] += len(values)
                self._highest[name] = max(self._highest[name], float(values.max()))
                if float(values[-1]) > NOTHING * self._highest[name]:
                    self._low.pop(name, None)
        return found

    def _judged(self, name: str, value: float, row: Points) -> Iterable[Claim]:
        if not self._rows:
            self._first = row.step
        rows = self._rows[name] = self._rows.get(name, 0) + 1
        highest = self._highest[name] = max(self._highest.get(name, 0.0), value)
        if highest <= 0 or value > NOTHING * highest:
            self._low.pop(name, None)
            if self._open == name:
                self._open = None
                yield self._claim(name, value, row.step, row, passed=True)
            return
        since, at = self._low.setdefault(name, (row.step, rows))
        low = rows - at
        lasts = row.step - since > SHARE * (row.step - self._first)
        if self._open is None and low >= ROWS and lasts and self._all_low():
            self._open = name
            yield self._claim(name, value, since, row)

    def _all_low(self) -> bool:
        return len(self._low) == len(self._highest)

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
