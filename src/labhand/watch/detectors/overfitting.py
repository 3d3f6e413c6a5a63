"""A validation metric that gets worse while the training loss goes on falling.

## What it does
Compares the latest evaluations with the best: tells when, for at least five evaluations, a share of
what validation had won is lost that is rare among healthy runs, while the training loss has fallen
further. Metrics are judged together: a validation loss that rises beside a score that holds counts
half. Never an alarm: the best checkpoint is not lost by it.

## Why it is bad
From the best evaluation on, the run only makes the model worse; and whoever keeps the last checkpoint
and not the best keeps the worse one.

## Known problems
Validation may get better again much later (double descent); the incident then recovers.

## Example
`loss 0.4, 0.2, 0.1, 0.05` while `val_loss 0.61, 0.66, 0.74, 0.83`

## Use instead
The checkpoint of the best evaluation; early stopping, weight decay, dropout, augmentation, or more data.

## References
L. Prechelt, *Early Stopping - But When?*, 1998: the generalisation loss GL.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.course import Evaluated
from labhand.watch.detectors import Wants
from labhand.watch.incidents import Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.ahead import Ahead, Marks

LEAST_SINCE = 5
"""Evaluations since the best one."""
LEAST = 0.08
"""Of what was won: a loss of less is told to nobody."""
FALLEN = 0.03
"""What the training loss must have fallen since, in its logarithm."""


class Detector:
    """Watches every validation metric beside the training loss."""

    waits = True
    wants: Wants = ("train-loss", "validation-loss", "validation-score", "validation-error")
    explained_by = ("non-finite", "diverged", "validation-at-chance", "not-learning")

    def __init__(self, view: View) -> None:
        self._view = view
        self._told = 0.0
        self._lead = ""
        self._best = math.nan
        self.peak = 0.0

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The overfitting that this evaluation proves, makes worse or ends."""
        course = self._view.course
        if not course.evaluated or not isinstance(signal, Points):
            return ()
        lead, score = self._worse()
        self.peak = max(self.peak, score)
        if self._told and (held := course.held[self._lead]).best < self._best:
            told, self._told = self._told, 0.0
            return [self._claim(held, told, signal, passed=True)]
        if lead is None or score < max(LEAST, 1.25 * self._told):
            return ()
        if not self._told:
            self._lead, self._best = lead.name, lead.best
        self._told = score
        return [self._claim(course.held[self._lead], score, signal)]

    def concern(self, coming: "Ahead") -> "Marks":
        """No level of the loss: it judges evaluations alone."""
        return coming.none()

    def blind(self) -> str | None:
        """Why there was nothing to judge by."""
        course = self._view.course
        if course.loss is None or not course.held:
            return "it needs a training loss and a validation metric"
        return None

    def _worse(self) -> tuple[Evaluated | None, float]:
        """The metric that has lost most since its best evaluation, and what all have lost on average."""
        course = self._view.course
        held = [e for e in course.held.values() if e.lost == e.lost]
        if not held or course.levels.raw:
            return None, 0.0
        losing = [
            e for e in held if e.count - e.best_count >= LEAST_SINCE and self._beyond_noise(e)
        ]
        losing = [e for e in losing if self._train_fell(e)]
        if not losing:
            return None, 0.0
        lost = sum(min(1.0, e.lost) for e in losing) / len(held)
        return max(losing, key=lambda e: e.lost), lost

    def _beyond_noise(self, held: Evaluated) -> bool:
        return held.level - held.best > 3 * held.noise

    def _train_fell(self, held: Evaluated) -> bool:
        """Whether the training loss has fallen further since the best evaluation."""
        levels = self._view.course.levels
        place = held.best_at // levels.width
        if place > len(levels.blocks) - 3:
            return False
        fell = min(levels.blocks[max(0, place - 1) : place + 1]) - max(levels.blocks[-2:])
        return fell > max(FALLEN, 2 * levels.noise)

    def _claim(self, held: Evaluated, score: float, row: Points, *, passed: bool = False) -> Claim:
        course = self._view.course
        assert course.loss is not None
        since = held.count - held.best_count
        message = f"`{held.name}` was best at step {held.best_step}"
        if passed:
            message = f"`{held.name}` is better than ever: {held.plain:.4g}"
        else:
            lost = round(100 * min(1.0, held.lost))
            message += f" and has lost {lost} % of what it had won in the {since} evaluations since"
            message += f", while `{course.loss.name}` went on falling to {course.loss.last:.4g}"
        return Claim(
            key="validation",
            state="recovered" if passed else "confirmed",
            severity="note" if passed else "warning",
            confidence=0.8,
            message=message,
            advice=f"Keep the checkpoint of step {held.best_step}; then early stopping, stronger "
            "regularisation or more data.",
            step=row.step,
            opened=held.best_step,
            time=row.time,
            metric=held.name,
            evidence={
                "best_step": held.best_step,
                "evaluations_since": since,
                "lost": {
                    e.name: round(e.lost, 3) for e in course.held.values() if e.lost == e.lost
                },
            },
            score=score,
        )
