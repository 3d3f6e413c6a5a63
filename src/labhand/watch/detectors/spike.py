"""A sudden rise of the training loss.

## What it does
Notes where the training loss jumps far above what it has lately been, and whether and when it came
back: a fast recovery, a slow one, or none. Always a note, never an alarm: most spikes pass by.

## Why it is bad
Spikes that grow or stay are how divergence begins; several runs that spike at the same step have met
the same data.

## Known problems
A loss of single small batches is noisy; the scale is learned from the loss's own differences, so that
such a run shows few spikes rather than many.

## Example
`2.31 2.30 2.28 4.90 2.40 2.29`

## Use instead
Clipped gradients, a longer warm-up, a lower learning rate, or leaving out the batch, if spikes stay.

## References
S. Bekman, *ML Engineering*, training loss patterns.
"""

import itertools
import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.incidents import Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Floats, Stretch

WINDOW = 40
"""Moves from point to point that the scale is learned from."""
LATELY = 11
"""Points that the usual level is the median of."""
LEAST = 12
"""Points before there is a scale."""
DEVIATIONS = 10.0
RISE = 0.25
"""No spike is smaller: a quarter of the loss, in its logarithm."""
SURELY = 1e-9
"""By so much a level may be off that was reckoned for many rows at once."""
SLOW = 5
LASTING = 50
"""Points above after which it is a new level, and no spike any more."""
MOST = 20
"""Spikes told one by one; any more are only counted."""


class Detector:
    """Watches the first metric that is a training loss."""

    explained_by = ("non-finite", "diverged")

    def __init__(self, view: View) -> None:
        self._view, self._roles = view, view.roles
        self._metric: str | None = None
        self._raw = False
        self._recent: deque[float] = deque(maxlen=LATELY)
        self._sorted: list[float] = []
        self._moves: deque[float] = deque(maxlen=WINDOW)
        self._above = 0
        self._spike = (0, 0.0, 0.0)
        self._count = 0

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The spike that this row opens, follows or ends."""
        if not isinstance(signal, Points):
            return ()
        if self._metric is None:
            names = (n for n in signal.values if self._roles.of(n) == "train-loss")
            self._metric = next(names, None)
        value = None if self._metric is None else signal.values.get(self._metric)
        if value is None or value - value != 0.0:
            return ()
        return self._point(value, signal.step, signal.time)

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: one far above the latest, or any while it is above."""
        from labhand.watch import stretch as columns

        if self._metric is None:
            return stretch.first(list(self._view.named("train-loss")), start)
        column = stretch.column(self._metric).since(start)
        if not len(column.rows):
            return len(stretch)
        if self._above or len(self._moves) < LEAST:
            return int(column.rows[0])
        levels = column.values if self._raw else column.logs()
        usual = columns.before_each(list(self._recent), levels, LATELY)
        odd = ~(levels <= usual + (0.0 if self._raw else RISE) - SURELY)
        odd |= (column.values <= 0) & (not self._raw)
        done = 0
        for place in odd.nonzero()[0].tolist():
            self._learn_all(column.values[done:place])
            done = place
            value = float(column.values[place])
            if (value <= 0 and not self._raw) or self._level(value) > self._limits()[1]:
                return int(column.rows[place])
        self._learn_all(column.values[done:])
        return len(stretch)

    def _level(self, value: float) -> float:
        return value if self._raw else math.log(value)

    def _learn_all(self, values: "Floats") -> None:
        """Learns values that are no spikes, as if one by one."""
        if len(values) <= 2:
            for value in values.tolist():
                self._learn(self._level(value))
            return
        levels = [self._level(value) for value in values[-WINDOW - 1 :].tolist()]
        if len(values) <= WINDOW and self._recent:
            levels.insert(0, self._recent[-1])
        self._moves.extend(abs(b - a) for a, b in itertools.pairwise(levels))
        self._recent.extend(levels[-min(LATELY, len(values)) :])
        self._sorted = sorted(self._moves)

    def _point(self, value: float, step: int, time: float) -> Iterable[Claim]:
        if value <= 0 and not self._raw:
            self._forget()
        level = value if self._raw else math.log(value)
        usual, limit = self._limits()
        if level <= limit:
            claims = self._back(step, time) if self._above else ()
            self._learn(level)
            return claims
        if self._above == 0:
            self._count += 1
            self._spike = (step, value, usual)
        self._above += 1
        peak = max(self._spike[1], value)
        self._spike = (self._spike[0], peak, self._spike[2])
        if self._above >= LASTING:
            return self._stays(level, step, time)
        return (self._claim("confirmed", step, time),) if self._told else ()

    @property
    def _told(self) -> bool:
        return self._count <= MOST

    def _limits(self) -> tuple[float, float]:
        """The usual level, and the level above which a point is a spike."""
        if len(self._moves) < LEAST:
            return 0.0, math.inf
        lately = sorted(self._recent)
        usual = lately[len(lately) // 2]
        scale = 1.4826 * self._sorted[len(self._sorted) // 2]
        least = RISE if not self._raw else 0.0
        return usual, max(usual + DEVIATIONS * scale, lately[-1] + least)

    def _learn(self, level: float) -> None:
        if self._recent:
            move = abs(level - self._recent[-1])
            if len(self._moves) == WINDOW:
                del self._sorted[bisect_left(self._sorted, self._moves[0])]
            self._moves.append(move)
            insort(self._sorted, move)
        self._recent.append(level)

    def _forget(self) -> None:
        """Starts again on the raw scale: a loss that is not positive has no logarithm."""
        self._raw = True
        self._recent.clear()
        self._sorted.clear()
        self._moves.clear()
        self._above = 0

    def _back(self, step: int, time: float) -> Iterable[Claim]:
        claim = self._claim("recovered", step, time)
        self._above = 0
        return (claim,) if self._told else ()

    def _stays(self, level: float, step: int, time: float) -> Iterable[Claim]:
        claim = self._claim("closed", step, time)
        self._above = 0
        self._recent.clear()
        self._sorted.clear()
        self._moves.clear()
        self._learn(level)
        return (claim,) if self._told else ()

    def _claim(self, state: str, step: int, time: float) -> Claim:
        opened, peak, usual = self._spike
        normal = usual if self._raw else math.exp(usual)
        after = {
            "confirmed": "",
            "recovered": f"; it came back at step {step}",
            "closed": f"; it has stayed above for {LASTING} points",
        }[state]
        if state == "recovered" and self._above > SLOW:
            after += ", slowly"
        return Claim(
            key=self._metric or "",
            state=state,  # type: ignore[arg-type]
            severity="note",
            confidence=0.8,
            message=f"`{self._metric}` rose from about {normal:.4g} to {peak:.4g} at step {opened}{after}",
            advice="Nothing by itself. If spikes grow or stay: clip gradients, warm up longer, or look "
            "at the batch of that step; other runs that spike at this step have met the same data.",
            step=step,
            opened=opened,
            time=time,
            metric=self._metric,
            evidence={"peak": peak, "usual": normal, "points_above": self._above},
        )
