"""A validation score that only ever got worse while the training loss fell, as where it is minimised itself."""

from collections.abc import Iterable

from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Points
from labhand.watch.view import View

SINKS, SOON = 6, 2
"""Evaluations of a score that only gets worse, and those among which its best must be."""
LEAST = 0.05
"""A score whose first value is below this share of its range has nothing to lose."""
HARDLY = 0.3
"""The loss must have fallen by more, in its logarithm."""


class Sinks:
    """Watches the scores beside the loss; tells once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._told = False

    def see(self, row: Points) -> Iterable[Claim]:
        """The score that this row proves to sink."""
        course = self._view.course
        if self._told or not course.evaluated or course.loss is None or not course.levels.blocks:
            return
        for held in course.held.values():
            if held.role != "validation-score" or held.count < SINKS or held.name not in row.values:
                continue
            first, levels, twin = -held.first, course.levels, course.twin(held)
            if first <= LEAST * held.span or held.best_count > SOON or -held.level >= first / 2:
                continue
            if twin is not None and twin.best < twin.first - 4 * twin.noise:
                continue  # the training's own rises: the score is none of what is minimised
            now, fell = -held.level, levels.start - levels.blocks[-1]
            if fell > max(HARDLY, 4 * levels.noise) and first - now > 4 * held.noise:
                self._told = True
                yield self._claim(held.name, first, now, held.count, row)

    def _claim(self, name: str, first: float, now: float, count: int, row: Points) -> Claim:
        """What is told of a score that sinks with the loss."""
        levels, loss = self._view.course.levels, self._view.course.loss
        assert loss is not None
        begun, level = levels.plain(levels.start), levels.plain(levels.blocks[-1])
        same = abs(begun - first) < first / 2 and abs(level - now) < first / 4
        return Claim(
            key="score",
            state="confirmed",
            severity="error",
            confidence=0.85,
            message=f"`{name}` fell from {first:.4g} to {now:.4g} in {count} evaluations and was never better than at "
            f"first, while `{loss.name}` came down from {begun:.4g} to {level:.4g}",
            advice="Look at the sign of what is minimised: of a score, minimise one minus it or its negative.",
            step=row.step,
            opened=loss.first_step,
            time=row.time,
            alarm=True,
            metric=name,
            causes=[
                Cause(
                    "the score itself is minimised",
                    0.9,
                    "the loss has about the values of the score",
                )
                if same
                else Cause(
                    "a loss whose sign is wrong", 0.6, "the better the loss, the worse the score"
                ),
                Cause(
                    "a score that is better when lower, for all that its name says", 0.1, "its name"
                ),
            ],
        )
