"""Validation that is at chance while the training has learned.

## What it does
Counts the evaluations at which a validation score is where guessing would put it (near the bottom of
its range, at 1/k of a known or usual number of classes, or an error rate near 1) although the training
has learned: the same metric on the training data has moved, or the training loss has fallen to a third
or far below the validation loss. One that is the same at every evaluation to its last digit is told too,
a validation loss among them: then it is not what is trained that is evaluated. So is a validation loss that
was never below its first value, and that three times what the untrained weights cost. Never an alarm.

## Why it is bad
Validation that knows nothing of what training has learned is more often a bug than a lack of data:
labels of the two in another order, another preparation of the inputs, the wrong mode or weights.

## Known problems
Small algorithmic tasks generalise long after they were learned by heart (grokking): the incident
recovers when they do.

## Example
`loss 0.02`, `train_acc 0.99`, `val_acc 0.101` with 10 classes

## Use instead
Evaluate on some of the training data by the validation code: what differs is the code, not the data.

## References
A. Power et al., *Grokking*, 2022, for the exception.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.chance import unmoved_guess
from labhand.watch.course import BETTER_HIGHER, Evaluated
from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.ahead import Ahead, Marks

LEAST = 8
"""Evaluations at chance since the training has learned."""
FROZEN, NEARLY_ALL = 4, 0.95
"""Evaluations with the very same value that make it one that never moves; a score near its most need not."""
FAR_ABOVE = math.log(3)
"""In the logarithm of a loss: so far above the first loss of the training is worse than not being trained."""
OFF = 4.0
"""A score within so many times its noise of its first value has not moved."""
_NOT_TRAINED = Cause(
    "what is evaluated is not what is trained: a copy, an average that is never updated, kept outputs",
    0.85,
    "weights that change move a metric at least in its last digits",
)


class Detector:
    """Watches validation scores and error rates beside the training."""

    waits = True
    wants: Wants = ("train-loss", "validation-loss", "validation-score", "validation-error")
    explained_by = ("non-finite", "diverged", "not-learning", "train-eval-mismatch")

    def __init__(self, view: View) -> None:
        self._view = view
        self._counts: dict[str, int] = {}
        self._begun: dict[str, int] = {}
        self._told: dict[str, float] = {}
        self.peak = 0.0

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The metrics that this evaluation finds at chance, or no longer so."""
        course = self._view.course
        if not course.evaluated or not isinstance(signal, Points):
            return ()
        claims: list[Claim] = []
        frozen = [e for e in course.held.values() if self._frozen(e)]
        rates = [
            e for e in course.held.values() if e.role != "validation-loss" and e not in frozen
        ] + frozen[:1]
        rates += [e for e in course.held.values() if e not in rates and self._worse(e)][:1]
        for held in rates:
            if held.name not in signal.values:
                continue
            if not self._at_chance(held):
                self._counts[held.name] = 0
                self._begun.pop(held.name, None)
                if self._told.pop(held.name, None) is not None:
                    claims.append(self._claim(held, 0.0, signal, passed=True))
                continue
            since = self._begun.setdefault(held.name, held.count - 1)
            count = self._counts[held.name] = held.count - since
            score = math.log2(max(1.0, count / len(rates)))
            self.peak = max(self.peak, score)
            told = self._told.get(held.name, -1.0)
            if count >= LEAST and score >= told + 0.5:
                self._told[held.name] = score
                claims.append(self._claim(held, score, signal))
        return claims

    def concern(self, coming: "Ahead") -> "Marks":
        """No level of the loss: it judges evaluations alone."""
        return coming.none()

    def blind(self) -> str | None:
        """Why there was nothing to judge by."""
        if all(e.role == "validation-loss" for e in self._view.course.held.values()):
            return "there is no validation score or error rate"
        return None

    def _at_chance(self, held: Evaluated) -> bool:
        """Whether validation knows nothing that training knows."""
        course = self._view.course
        twin = course.twin(held)
        if twin is not None and (twin.is_low(-held.best) or twin.lost_in_noise):
            return False
        learned = course.train_learned()
        if twin is not None:
            learned = twin.count > 2 and twin.first - twin.best > max(0.1, OFF * twin.noise)
        if not learned:
            return False
        if self._frozen(held) or self._worse(held):
            return True
        if held.is_low(0.0 if twin is None else -twin.best):
            return True
        if held.role not in BETTER_HIGHER or held.count < 3:
            return False
        return unmoved_guess(held, self._view) is not None

    def _frozen(self, held: Evaluated) -> bool:
        """Whether it is the very same at every evaluation, and no score that has nothing to gain."""
        same = held.same == held.count >= FROZEN and f"{held.plain:.2g}" != f"{held.plain:.4g}"
        return same and (held.role not in BETTER_HIGHER or held.plain < NEARLY_ALL * held.span)

    def _worse(self, held: Evaluated) -> bool:
        """Whether a loss was never below its first value, and that is far above what untrained weights cost."""
        levels = self._view.course.levels
        known = levels.blocks and not levels.raw and levels.first > 0
        if held.role != "validation-loss" or not known or held.count < FROZEN:
            return False
        untrained = levels.scaled(levels.first)
        return held.best_count == 1 and held.best > untrained + FAR_ABOVE

    def _claim(self, held: Evaluated, score: float, row: Points, *, passed: bool = False) -> Claim:
        course = self._view.course
        guess = unmoved_guess(held, self._view)
        message = f"`{held.name}` is {held.plain:.4g}"
        frozen = self._frozen(held)
        if passed:
            message += ": no longer at chance"
        else:
            message += (
                " to the last digit" if frozen
                else f", never below {held.plainly(held.best):.4g}, far above what the untrained weights cost" if self._worse(held)
                else f", as by guessing among {guess}" if guess
                else ", next to nothing"
            )  # fmt: skip
            times = held.count if frozen else self._counts[held.name]
            message += f", for {times} evaluations, although the training has learned"
            levels, twin = course.levels, course.twin(held)
            if twin is not None:
                message += f": `{twin.name}` came from {twin.plainly(twin.first):.4g} to {twin.plainly(twin.best):.4g}"
            elif course.loss is not None and levels.blocks:
                begun, best = levels.plain(levels.start), levels.plain(min(levels.blocks))
                message += f": `{course.loss.name}` came down from {begun:.4g} to {best:.4g}"
        return Claim(
            key=held.name,
            state="recovered" if passed else "confirmed",
            severity="note" if passed else "warning",
            confidence=0.7,
            message=message,
            advice="Run the validation code on some of the training data: if that is at chance too, the "
            "code is wrong; else compare labels and preparation of the two.",
            step=row.step,
            time=row.time,
            metric=held.name,
            evidence={"evaluations": self._counts[held.name]},
            score=None if passed else score,
            causes=[] if passed else [_NOT_TRAINED] if frozen else [
                Cause("labels of training and validation are numbered differently", 0.4, "usual"),
                Cause("inputs are prepared differently for validation", 0.35, "usual"),
            ],
            unchecked=[] if passed else ["the data themselves; `labhand scan` compares the parts"],
        )  # fmt: skip
