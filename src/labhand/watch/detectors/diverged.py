"""A training loss that has left the level it had reached, and validation that does not contradict it.

## What it does
Compares the level of the training loss now with the lowest level that it had kept. Where validation
metrics were evaluated since, what counts is how much of what was won both have lost: a loss that rises
while validation gets better is no divergence. Where they were not, the loss alone must have lost more.
After a restart of the learning rate the loss is compared with what it was at a rate as high; after a jump
of it to five times what it ever was, with its lowest level, however short that lasted.
A policy's losses say nothing of how good it is: where a reward is logged, it alone is asked, and must lose
most of what it had won; of the loss beside it only that is told, that it climbs on and on. So must validation scores where no training loss is logged.
A loss over classes (by the probe) that only ever rose from the cost of guessing has diverged from the start.
Tells when that is rarer among healthy runs than the budget of alarms allows.

## Why it is bad
The rest of the run is spent on weights that are worse than those of an hour ago, and it seldom
comes back by itself.

## Known problems
A run that is started anew from its first weights while its steps go on looks the same, and is told: all
that was learned is lost. Without any validation metric a new, harder part of a curriculum looks like a
small divergence; it must cost almost half of what was won before it is told.

## Example
`loss 32, 14, 9.3, 9.1, 17, 25, 76, 98`, and at the next evaluation `val_loss 3357` after `30`

## Use instead
The last checkpoint before the step at which it began, with a lower learning rate, a longer warm-up or
clipped gradients.

## References
S. Bekman, *ML Engineering*, training loss patterns; S. Takase et al., *Spike No More*, 2023.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from labhand.watch.causes import OTHER_DATA, causes_of, moved_most
from labhand.watch.course import SUSPICIOUS, Evaluated
from labhand.watch.detectors import Wants
from labhand.watch.detectors._collapse import (
    MILD,
    Collapse,
    climbs,
    of_rewards,
    of_scores,
    of_worse,
)
from labhand.watch.incidents import Cause, Claim
from labhand.watch.levels import FEW, STAYS
from labhand.watch.signals import Ended, Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.ahead import Ahead, Marks
    from labhand.watch.stretch import Floats

SURELY = 1e-9
"""By so much a level may be off that was reckoned for many rows at once."""
LEAST_BLOCKS = 6
LEAST = 0.3
"""A score below is nothing that anybody should hear of: 15 % of what was won, 0.12 in the logarithm."""
RISE, SHARE = 0.4, 0.5
"""The rise of the logarithm of the loss, and the share of what was won, that make a score of 1."""
LEAST_WON = 0.25
"""In the logarithm of the loss."""
ALONE = 0.6
"""What the loss is worth where no validation metric was evaluated since."""
ALONE_RISE = 0.8
FAR_BELOW = 1e4
"""No loss that is meant falls so many times below zero what it began with, and at least this."""
JUMPED = 5.0
"""A learning rate so many times the highest one before has jumped: what follows is its doing."""
RESTARTED = 2.0
"""A learning rate so many times that of the best level has been restarted, where it was as high before."""
BACK = 0.3
"""It has recovered once less than this share of the largest rise is left."""


class _Rise(NamedTuple):
    """`low` and `now` are levels of the loss, the one left at `onset_step`; `lost` what validation has lost."""

    score: float
    low: float
    now: float
    onset_step: int
    lost: float
    validation: tuple[Evaluated, ...]


class _Early(NamedTuple):
    """What was found when the loss had only begun to rise, at `step`, from the level `low` to `high`."""

    step: int
    low: float
    high: float
    causes: list[Cause]
    unchecked: list[str]


class Detector:
    """Watches the training loss of a run together with its validation metrics."""

    waits = True
    wants: Wants = (
        "train-loss", "validation-loss", "validation-score", "validation-error", "reward", Ended,
    )  # fmt: skip
    explained_by = ("non-finite", "not-learning")

    def __init__(self, view: View) -> None:
        self._view = view
        self._told = 0.0
        self._onset_step = 0
        self._back = -math.inf
        self._low = math.nan
        self._largest = 0.0
        self._layer: str | None = None
        self._early: _Early | None = None
        self._climbed = False
        self.peak = 0.0

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The divergence that this row proves, makes worse or ends."""
        course = self._view.course
        levels = course.levels
        if isinstance(signal, Ended) and not self._told and (worse := of_worse(course)):
            return (self._worse(worse, signal),)
        if not isinstance(signal, Points):
            return ()
        if course.rewards or course.loss is None:
            return self._collapsed(signal)
        if levels.count % FEW == 0 and len(levels.blocks) >= LEAST_BLOCKS:
            self._suspect()
        if not (course.block or course.evaluated) or len(levels.blocks) < LEAST_BLOCKS:
            return ()
        if not (self._told or levels.raw) and levels.now(2) <= self._best(1)[0]:
            return ()  # no rise, however it is reckoned
        rise = self._rise()
        self.peak = max(self.peak, rise.score)
        if self._told:
            return self._follow(rise, signal)
        if self._is_bottomless():
            self._told = math.inf
            return (self._bottomless(signal),)
        if rise.score < LEAST or self._is_over(rise):
            return ()
        self._low, self._largest = rise.low, 0.0
        left = self._left((rise.low + rise.now) / 2) if self._early is None else self._early.step
        self._onset_step = rise.onset_step if left is None else left
        return self._follow(rise, signal)

    def concern(self, coming: "Ahead") -> "Marks":
        """The levels by which a rise may be suspected, proven or over, or the peak be higher."""
        course = self._view.course
        levels, told = course.levels, coming.number >= LEAST_BLOCKS
        if course.rewards and not self._climbed:
            return coming.whole
        if course.rewards or course.loss is None:
            return coming.none()
        if levels.raw:
            return told
        low, whole = coming.low(), coming.whole
        if self._view.classes > 1:
            low = low.clip(max=levels.scaled(levels.first))
        if not self._told:
            whole = whole & (self._score_at_most(coming, low) > self.peak - SURELY)
        if self._early is None:
            return told & (whole | (coming.least > low + SUSPICIOUS - SURELY))
        return told & (whole | ((coming.most < self._middle + SURELY) & (not self._told)))

    def _score_at_most(self, coming: "Ahead", low: "Floats") -> "Floats":
        """What the score of a rise at each level cannot be above."""
        noise, jumps = coming.noise(), bool(self._view.named("learning-rate"))
        now, best = (coming.now(2), low) if jumps else (coming.now(STAYS), coming.low(STAYS))
        score = ALONE * (now - best - noise) / ALONE_RISE
        if self._view.course.held:
            score = score.clip(min=(coming.now(2) - low - 2 * noise) / RISE)
        return score

    def blind(self) -> str | None:
        """Why there was nothing to judge by."""
        course = self._view.course
        if course.loss is None and not course.rewards:
            scores = any(e.role != "validation-loss" for e in course.held.values())
            return None if scores else "there is no training loss"
        if not course.rewards and len(self._view.course.levels.blocks) < LEAST_BLOCKS:
            return "the training loss has too few values for a level"
        return None

    def _suspect(self) -> None:
        """Looks for causes while what was logged at that time is still kept, long before it is sure."""
        levels, loss = self._view.course.levels, self._view.course.loss
        low, _ = levels.best(1)
        least, most = min(levels.lately), max(levels.lately)
        if self._early is not None:
            if not self._told and most < self._middle:
                self._early = None
        elif loss is not None and least > low and least > self._view.course.bar:
            step = self._left((low + least) / 2)
            if step is not None:
                self._early = _Early(step, low, least, *causes_of(self._view, step))

    def _left(self, level: float) -> int | None:
        """The step from which on the loss is above a level; None where that is no longer kept."""
        course = self._view.course
        middle = course.levels.plain(level)
        points = list(course.loss.recent) if course.loss is not None else []
        below = [i for i, (_, value) in enumerate(points) if value <= middle]
        after = points[below[-1] + 1 :] if below else []
        return after[0][0] if after else None

    @property
    def _middle(self) -> float:
        """The level below which what was found early is dropped."""
        return math.nan if self._early is None else (self._early.low + self._early.high) / 2

    def _causes(self, lost: float) -> tuple[list[Cause], list[str]]:
        """The candidates that were found early, and those that only time has shown."""
        late, unchecked = causes_of(self._view, self._onset_step)
        if self._early is None:
            return late, unchecked
        known = {cause.cause for cause in self._early.causes}
        early = self._early.causes
        if lost > 0.1:  # what validation told early, it tells no more
            early = [cause for cause in early if cause.cause != OTHER_DATA]
        new = [cause for cause in late if cause.cause not in known]
        both = sorted([*early, *new], key=lambda cause: -cause.confidence)
        return both, self._early.unchecked

    def _low_at_rate(self, low: float, at: int) -> float:
        """The level to compare with: where the rate was restarted, the lowest at a rate as high before."""
        blocks, rates = self._view.course.levels.blocks, self._view.course.rates
        if len(rates) != len(blocks) or not 0 <= at < len(rates):
            return low
        now, then = rates[-1], rates[at]
        if not now > RESTARTED * then:
            return low
        as_high = [b for b, rate in zip(blocks[:at], rates[:at], strict=True) if rate >= now / 2]
        return min(as_high, default=low)

    def _collapsed(self, row: Points) -> Iterable[Claim]:
        """Judges by rewards, or by scores alone; of a loss beside rewards only that it climbs without end."""
        course = self._view.course
        if course.block and not self._climbed and climbs(course):
            self._climbed = True
            yield self._climbs(row)
        if not (course.rewarded if course.rewards else course.evaluated):
            return
        found = of_rewards(course) if course.rewards else of_scores(course)
        if found is None:
            return
        self.peak = max(self.peak, found.score)
        if self._told and found.lost < MILD / 2:
            self._told = 0.0
            yield self._fell(found, row, passed=True)
        elif found.score >= max(LEAST, 1.2 * self._told):
            self._onset_step = self._onset_step if self._told else found.since
            self._told = found.score
            yield self._fell(found, row)

    def _is_bottomless(self) -> bool:
        """Whether a loss has fallen below zero to many thousand times all that it began with."""
        levels = self._view.course.levels
        most = FAR_BELOW * max(1.0, abs(levels.first))
        return levels.raw and max(levels.blocks[-STAYS:]) < -most

    def _bottomless(self, row: Points) -> Claim:
        """What is told of a loss that falls without end."""
        levels, loss = self._view.course.levels, self._view.course.loss
        assert loss is not None
        return Claim(
            key="bottomless",
            state="confirmed",
            severity="error",
            confidence=0.9,
            message=f"`{loss.name}` falls without end: it began at {levels.first:.4g} and is {loss.last:.4g}",
            advice="Look at the sign of each term of the loss: one that can fall without end is subtracted where it "
            "should be added, or nothing holds it.",
            step=row.step,
            opened=loss.first_step,
            time=row.time,
            metric=loss.name,
            evidence={"first": levels.first, "level": loss.last},
            causes=[
                Cause(
                    "a term of the loss whose sign is wrong",
                    0.7,
                    "it is far below zero and goes on falling",
                ),
                Cause("a critic or an energy without a bound", 0.2, "a loss below zero"),
            ],
        )

    def _worse(self, found: Collapse, end: Ended) -> Claim:
        """What is told at the end of a run whose reward was worse than at its start."""
        return Claim(
            key="reward",
            state="confirmed",
            severity="warning",
            confidence=0.7,
            message=f"`{found.name}` fell from {found.best:.4g} at the start to {found.now:.4g} at the end, and "
            "was never better than at first",
            advice="Look at the sign of the objective and of the advantages: what is minimised must be the "
            "negative of the return; then at the learning rate.",
            step=self._view.step,
            opened=found.since,
            time=end.time,
            metric=found.name,
            evidence={"first": found.best, "level": found.now},
            causes=[
                Cause(
                    "the objective has the wrong sign, so that the policy learns to avoid reward",
                    0.6,
                    "the reward gets steadily worse, not noisy about a level",
                ),
                Cause("updates that are too large for the policy", 0.3, "the reward is lost early"),
            ],
        )

    def _fell(self, found: Collapse, row: Points, *, passed: bool = False) -> Claim:
        since = f"`{found.name}` fell from {found.best:.4g} after step {self._onset_step}"
        causes, unchecked = causes_of(self._view, self._onset_step)
        return Claim(
            key="loss",
            state="recovered" if passed else "confirmed",
            severity="note" if passed else "error",
            confidence=0.85,
            message=f"{since} and has come back to {found.now:.4g}"
            if passed
            else f"{since} and stays at {found.now:.4g}: {100 * found.lost:.0f} % of what was won is lost",
            advice=f"Go back to the checkpoint of about step {self._onset_step}; then smaller updates: a "
            "lower learning rate, a tighter limit of how far one update may go.",
            step=row.step,
            opened=self._onset_step,
            time=row.time,
            alarm=not passed,
            metric=found.name,
            evidence={"best": found.best, "level": found.now, "share_lost": round(found.lost, 3)},
            score=max(found.score, self._told),
            causes=causes,
            unchecked=unchecked,
        )

    def _climbs(self, row: Points) -> Claim:
        """What is told of the loss of values that feed on themselves."""
        levels, loss = self._view.course.levels, self._view.course.loss
        assert loss is not None
        low, at = levels.best(1)
        rewards = ", ".join(f"`{name}`" for name in self._view.course.rewards)
        text = (
            f"`{loss.name}` has climbed from {levels.plain(low):.4g} to {levels.plain(levels.blocks[-1]):.4g} and climbs on, "
            f"while {rewards} does not get better"
        )
        cause = Cause(
            "values that feed on themselves: a discount of 1 or more, no mask where an episode ends, or no target network",
            0.7,
            "what values follow is bounded by the rewards, and so is their loss",
        )
        return Claim(
            key="values",
            state="confirmed",
            severity="warning",
            confidence=0.75,
            message=text,
            advice="Mask the value of what follows the end of an episode, take a discount below 1, and let the "
            "targets come from a network that is copied now and then.",
            step=row.step,
            opened=self._step_of(at),
            time=row.time,
            metric=loss.name,
            causes=[cause],
        )

    def _rise(self) -> _Rise:
        """How far the loss is above its best level, as a score."""
        course = self._view.course
        levels = course.levels
        low, at = self._best(1)
        onset = (at + 1) * levels.width
        step = self._step_of(at)
        low = self._low_at_rate(low, at)
        asked = [e for e in course.held.values() if e.at > onset and e.lost == e.lost]
        # a value that never moves says nothing good, nor one that was first taken when all was lost
        asked = [e for e in asked if e.began <= onset and (e.lost > 0 or e.same < 3)]
        if asked:
            now = levels.now(2) - 2 * levels.noise
            lost = sum(e.lost for e in asked) / len(asked)
            score = min((now - low) / RISE, self._share(low, now) / SHARE, lost)
            return _Rise(score, low, now, step, lost, tuple(asked))
        jumped = self._jumped(at)
        low, at = self._best(1 if jumped else STAYS)
        low = self._low_at_rate(low, at)
        now = levels.now(2 if jumped else STAYS)
        rise = (now - low - levels.noise) / ALONE_RISE
        if levels.raw:
            rise = (now - low) / (8 * levels.noise) if levels.noise > 0 else 0.0
        score = ALONE * min(rise, self._share(low, now))
        return _Rise(score, low, now, self._step_of(at), math.nan, ())

    def _best(self, stays: int) -> tuple[float, int]:
        """The lowest level that stayed, and its block; -1 for the first value, where classes are told apart.

        The cost of a guess among them is known, and so is what it means that the loss only rose from there.
        """
        levels = self._view.course.levels
        low, at = levels.best(stays)
        first = math.inf if levels.raw else levels.scaled(levels.first)
        only_rose = self._view.classes > 1 and first < min(levels.blocks) - ALONE_RISE
        return (first, -1) if only_rose else (low, at)

    def _step_of(self, at: int) -> int:
        loss, levels = self._view.course.loss, self._view.course.levels
        return levels.steps[at] if at >= 0 or loss is None else loss.first_step

    def _jumped(self, at: int) -> bool:
        """Whether the learning rate went far above all that it was before the best level, if for a moment only."""
        course = self._view.course
        rates = [rate for rate in course.rates[: max(0, at)] if rate == rate]
        known = len(course.rates) == len(course.levels.blocks)
        highest = max(
            (track.highest for track in self._view.having("learning-rate")[:1]), default=0.0
        )
        return known and bool(rates) and highest > JUMPED * max(rates) > 0

    def _share(self, low: float, now: float) -> float:
        """The share of what the loss had won that is lost; who has won nothing can lose nothing."""
        levels = self._view.course.levels
        won = max(levels.start - low, 8 * levels.noise if levels.raw else LEAST_WON)
        return (now - low) / won if won > 0 else 0.0

    def _is_over(self, rise: _Rise) -> bool:
        """Whether it is what is left of a rise that has been told to have come back, and no new one."""
        return rise.onset_step <= self._onset_step and rise.now <= self._back + RISE / 2

    def _follow(self, rise: _Rise, row: Points) -> Iterable[Claim]:
        height = rise.now - self._low
        self._largest = max(self._largest, height)
        if height < BACK * self._largest:
            told, self._told, self._back = self._told, 0.0, rise.now
            return [self._claim(rise, row, told, passed=True)]
        if rise.score < 1.2 * self._told or rise.score < LEAST:
            return ()
        self._told = rise.score
        return [self._claim(rise, row, rise.score)]

    def _claim(self, rise: _Rise, row: Points, score: float, *, passed: bool = False) -> Claim:
        levels, loss = self._view.course.levels, self._view.course.loss
        assert loss is not None
        low, now = levels.plain(self._low), levels.plain(rise.now)
        since = f" since about step {self._onset_step}"
        message = f"`{loss.name}` has risen from {low:.4g} to {now:.4g}{since} and stays there"
        if passed:
            message = f"`{loss.name}` rose above {low:.4g}{since} and has come back to {now:.4g}"
        elif rise.validation:
            worst = max(rise.validation, key=lambda e: e.lost)
            message += f"; `{worst.name}` has lost {_percent(worst.lost)}"
        causes, unchecked = self._causes(rise.lost)
        moved = moved_most(self._view, self._onset_step)
        self._layer = self._layer or (moved.layer if moved else None)
        if not rise.validation:
            unchecked = ["no validation metric has been evaluated since it began", *unchecked]
        return Claim(
            key="loss",
            state="recovered" if passed else "confirmed",
            severity="note" if passed else "error",
            confidence=min(0.99, 0.6 + 0.3 * min(1.0, score)),
            message=message,
            advice="Stop the run if it does not come back, and start again from the last checkpoint "
            f"before step {self._onset_step}, with a lower learning rate or clipped gradients.",
            step=row.step,
            opened=self._onset_step,
            time=row.time,
            alarm=not passed,
            metric=loss.name,
            layer=self._layer,
            evidence={
                "best_level": low,
                "level": now,
                "share_lost": round(self._share(self._low, rise.now), 3),
                "validation_lost": {e.name: round(e.lost, 3) for e in rise.validation},
            },
            score=score,
            causes=causes,
            unchecked=unchecked,
        )


def _percent(lost: float) -> str:
    if lost >= 1:
        return (
            "all that it had won, and is worse than at the start" if lost > 1 else "all it had won"
        )
    return f"{100 * lost:.0f} % of what it had won"
