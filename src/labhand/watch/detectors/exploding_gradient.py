"""A gradient norm far above its usual: together with a loss that rises, or beyond all measure.

## What it does
Tells when the level of the gradient norm is more than ten times the largest level that it had kept in
the first half of the run, for ten values, and the training loss has left its best level at the same time. By itself a
gradient norm is told from a hundred times on, and is no alarm: most of its spikes pass by and harm
nothing (of 504 healthy AlgoPerf runs one kept such a level).

## Why it is bad
Updates of that size undo what was learned; often a loss that is not a number is next.

## Known problems
Norms after clipping tell nothing: log the norm before it is clipped.

## Example
`grad_norm 0.9, 1.1, 1.0, 40, 85, 210, …` while `loss` rises from 1.9 to 3.4

## Use instead
Clipped gradients, a lower learning rate, a longer warm-up.

## References
R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural networks*, 2013.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Claim
from labhand.watch.levels import FEW, Levels
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

FACTOR = math.log(10)
ALONE = math.log(100)
"""How far above its largest level it is told although the loss does not show it."""
RISEN = 0.25
"""What the loss must have risen above its best level, in its logarithm."""
BACK = math.log(3)
LEAST_BLOCKS = 4


class Detector:
    """Watches the first gradient norm beside the training loss."""

    wants: Wants = ("gradient-norm",)
    explained_by = ("non-finite", "diverged")

    def __init__(self, view: View) -> None:
        self._view = view
        self._name = ""
        self._levels = Levels()
        self._usual = math.nan

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The explosion that this row proves, or that is over."""
        if not isinstance(signal, Points):
            return ()
        if not self._name:
            self._name = next(
                (n for n in signal.values if self._view.roles.of(n) == "gradient-norm"), ""
            )
        value = signal.values.get(self._name)
        if value is None or value - value != 0.0:
            return ()
        levels = self._levels
        levels.add(value, signal.step)
        if levels.count % FEW or len(levels.blocks) < LEAST_BLOCKS:
            return ()
        return self._judged(signal)

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: one that makes a block whole, or a level far above all before."""
        import numpy as np

        from labhand.watch import stretch as columns

        column = stretch.column(self._name).since(start)
        if not self._name:
            return stretch.first(list(self._view.named("gradient-norm")), start)
        if not len(column.rows):
            return len(stretch)
        levels, found = self._levels, len(stretch)
        if (not levels.raw and float(column.values.min()) < 0) or not levels.blocks:
            return int(column.rows[0])
        waiting, ahead = levels.ahead(column.values)
        # between two times that blocks are joined, the largest level of the first half only grows
        bar = self._largest() + FACTOR - 1e-9 if len(levels.blocks) > 1 else -math.inf
        least = np.minimum(ahead, columns.joined(list(levels.lately)[-1:], ahead)[: len(ahead)])
        odd = least > bar if self._usual != self._usual else ahead == ahead
        odd[levels.until_joined() - 1 :] = True
        rows = odd.nonzero()[0]
        if len(rows):
            found = int(column.rows[waiting - 1 + int(rows[0]) * FEW])
        part = column.between(start, found)
        levels.extend(part.values, stretch.steps[part.rows])
        return found

    def blind(self) -> str | None:
        """Why there was nothing to judge by."""
        return None if self._name else "no gradient norm is logged"

    def _judged(self, row: Points) -> Iterable[Claim]:
        least = min(list(self._levels.lately)[-2:])
        if self._usual == self._usual:
            if least > self._usual + BACK:
                return ()
            usual, self._usual = self._usual, math.nan
            return [self._claim(usual, row, passed=True)]
        usual = self._largest()
        rises = self._loss_rises()
        if least < usual + (FACTOR if rises else ALONE):
            return ()
        self._usual = usual
        return [self._claim(usual, row, rises=rises)]

    def _largest(self) -> float:
        """The largest level of the first half: what grows slowly is far above that one only."""
        return max(self._levels.blocks[: len(self._levels.blocks) // 2], default=math.inf)

    def _loss_rises(self) -> bool:
        levels = self._view.course.levels
        if len(levels.blocks) < LEAST_BLOCKS or not levels.lately:
            return False
        low, _ = levels.best(1)
        return min(list(levels.lately)[-2:]) - low > max(RISEN, 3 * levels.noise)

    def _claim(self, usual: float, row: Points, *, passed: bool = False, rises: bool = False
    ) -> Claim:  # fmt: skip
        levels, loss = self._levels, self._view.course.loss
        now, largest = levels.plain(levels.lately[-1]), levels.plain(usual)
        message = (
            f"`{self._name}` is {now:.4g}, and never stayed above {largest:.4g} in the first half"
        )
        if passed:
            message = f"`{self._name}` has come back to {now:.4g}"
        elif loss is not None and rises:
            message += f"; `{loss.name}` has risen to {loss.last:.4g}"
        elif loss is not None:
            message += f"; `{loss.name}` does not show it, as where gradients are clipped"
        return Claim(
            key=self._name,
            state="recovered" if passed else "confirmed",
            severity="note" if passed else "warning",
            confidence=0.7,
            message=message,
            advice="Clip the gradients or lower the learning rate; look at which layer grows first.",
            step=row.step,
            time=row.time,
            metric=self._name,
            evidence={"usual_at_most": largest, "level": now},
        )
