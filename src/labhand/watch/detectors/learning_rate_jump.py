"""A learning rate that jumps far above anything it was before.

## What it does
Tells when the learning rate has been level or falling for a while and is then, from one row to the
next, five times higher than it ever was. What the loss does with it is told by `diverged`, which names
the jump as its cause.

## Why it is bad
Such a step throws the weights out of where they were; it is nearly always a mistake: a scheduler that
is stepped twice, a scheduler that was not restored with the checkpoint, a wrong unit.

## Known problems
Warm-up rises from the start and is not meant, nor are warm restarts, which go back to where they were.

## Example
`lr 1e-3`, `lr 1e-3`, `lr 1.0`

## Use instead
The scheduler's state in the checkpoint; one place that sets the rate; a warm-up after a restart.

## References
I. Loshchilov and F. Hutter, *SGDR*, 2017, on restarts that are meant.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Floats, Stretch

FACTOR = 5.0
SETTLED = 6
"""Rows without a rise after which the warm-up is over."""
RISE, BACK = 1.02, 1.5


class Detector:
    """Watches every learning rate."""

    wants: Wants = ("learning-rate",)

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[str, _Rate] = {}
        self._lead = ""

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The jump in this row, and its end."""
        if not isinstance(signal, Points):
            return ()
        claims = []
        for name in self._view.named("learning-rate"):
            value = signal.values.get(name, -1.0)
            if 0 <= value < 1e6:
                rate = self._known.get(name)
                if rate is None:
                    rate = self._known[name] = _Rate()
                if claim := self._judged(name, rate, value, signal):
                    claims.append(claim)
        return claims

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: one with a rate far above all before, or in a jump."""
        found = len(stretch)
        names = [
            n for n in self._view.named("learning-rate") if len(stretch.column(n).since(start).rows)
        ]
        for name in names:
            column, rate = stretch.column(name).since(start), self._known.get(name)
            if (
                rate is None
                or not float(column.values.min()) >= 0
                or float(column.values.max()) >= 1e6
            ):
                found = min(found, int(column.rows[0]))
                continue
            if rate.usual:
                odd = column.values <= BACK * rate.usual
            else:
                odd = column.values > FACTOR * column.highest_before(rate.highest)
            found = min(found, int(column.rows[odd][0]) if odd.any() else found)
        for name in names:
            values = stretch.column(name).between(start, found).values
            if len(values):
                self._known[name].extend(values)
        return found

    def _judged(self, name: str, rate: "_Rate", value: float, row: Points) -> Claim | None:
        before, highest, calm = rate.last, rate.highest, rate.calm
        rate.take(value)
        if rate.usual:
            if value > BACK * rate.usual:
                return None
            claim = self._claim(name, rate, value, row, passed=True)
            rate.usual = 0.0
            return claim if name == self._lead else None
        if calm < SETTLED or not 0 < highest * FACTOR < value or rate.told:
            return None
        rate.usual, rate.opened, rate.peak, rate.told = highest, row.step, value, True
        # the groups of an optimizer, and what the script prints of it, jump together: one incident
        if self._lead and self._known[self._lead].told:
            return None
        self._lead = name
        return self._claim(name, rate, before, row)

    def _claim(
        self, name: str, rate: "_Rate", other: float, row: Points, *, passed: bool = False
    ) -> Claim:  # fmt: skip
        message = f"`{name}` jumped from {other:.3g} to {rate.peak:.3g} at step {rate.opened}"
        if passed:
            message = (
                f"`{name}` jumped to {rate.peak:.3g} at step {rate.opened} and is {other:.3g} again"
            )
        return Claim(
            key="rate",
            state="recovered" if passed else "confirmed",
            severity="warning",
            confidence=0.85,
            message=message,
            advice="Look at what sets the learning rate at that step: a scheduler stepped twice or not "
            "restored from the checkpoint, a unit that is wrong.",
            step=row.step,
            opened=rate.opened,
            time=row.time,
            metric=name,
            evidence={"highest_before": rate.usual, "to": rate.peak},
        )


class _Rate:
    """What is known of one learning rate."""

    def __init__(self) -> None:
        self.last = self.highest = self.usual = self.peak = 0.0
        self.calm = self.opened = 0
        self.told = False

    def take(self, value: float) -> None:
        """Notes the value; how many rows there were without a rise."""
        self.calm = self.calm + 1 if value <= RISE * self.last else 0
        self.last = value
        if not self.usual:
            self.highest = max(self.highest, value)

    def extend(self, values: "Floats") -> None:
        """Notes values in none of which it is at a peak, as if one by one."""
        self.take(float(values[0]))
        rises = (values[1:] > RISE * values[:-1]).nonzero()[0]
        self.calm = len(values) - 2 - int(rises[-1]) if len(rises) else self.calm + len(values) - 1
        self.last = float(values[-1])
        if not self.usual:
            self.highest = max(self.highest, float(values.max()))
