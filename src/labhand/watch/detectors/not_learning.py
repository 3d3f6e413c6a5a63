"""A run whose validation stays where it was at the start, and whose training has not learned either.

## What it does
A run shows in four ways that it does not learn, and each has its part: what it measures *stays* where it began,
a score *sinks* as the loss falls, the outputs of all rows or the units of a layer are *alike*, or it is *over* and was never better than
guessing.

What stays: counts the evaluations since a validation metric was last better than all before by more than its noise,
while its values say that next to nothing has been learned: a score near the bottom of its range or lost
in its own noise, an error rate near 1, or a metric that has not left its first value while the training
loss has not left its own. What the training has learned is no matter for this rule, but for
`validation-at-chance`. A loss that stays at the logarithm of a number of classes is told too, one at the
entropy of the labels or the variance of the targets (where settings such as `class_counts`, `label_entropy`,
`target_std` or a column that never changes tell it, or the probe, batch by batch), and one alone that never leaves where it began. So is
one that begins at the cost of guessing, by the probe, and goes up, while validation never is clearly below that;
and, at once, one whose weight decay or dropout leaves nothing to learn by. Outputs are compared by the probe, in
several looks, where the inputs of the rows differ; and a loss that compares each output with the targets of all
rows is told from its graph.

## Why it is bad
It will not begin to learn by waiting: wrong labels, a learning rate of 0 or far too large, parameters
that are not in the optimizer.

## Known problems
Tasks whose score begins to rise very late (recognition of speech, sparse rewards) look the same for
their first evaluations: it takes more of these than any healthy run of the calibration had. The range
of a score is guessed to be 0 to 1 until a value is larger.

## Example
`val_acc 0.001, 0.001, 0.001, …` over 20 evaluations, while `loss` went from 6.9 to 7.2

## Use instead
Overfit a single batch first: a model that cannot do that has a bug. Then look at the labels, at what
the optimizer holds, and at the learning rate.

## References
A. Karpathy, *A Recipe for Training Neural Networks*, 2019.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from labhand.watch.causes import causes_of
from labhand.watch.chance import SPREAD, Guessing, at_guessing, guessed, unexplained, unmoved_guess
from labhand.watch.course import BETTER_HIGHER, Evaluated
from labhand.watch.detectors import Wants
from labhand.watch.detectors._alike import OUTPUTS, TARGETS, UNITS, Alike
from labhand.watch.detectors._sinks import Sinks
from labhand.watch.incidents import Claim
from labhand.watch.never import NEVER_WORKED, WENT_UP
from labhand.watch.signals import Ended, Fact, Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.ahead import Ahead, Marks

LEAST = 8
"""Evaluations, weighted, below which nobody hears of it."""
UNMOVED, STILL = 0.03, 0.001
"""A validation metric within so much of its first value, in its logarithm, has not moved: the first where
that is its noise, the second in any case."""
HARDLY = 0.3
"""Nor has a training loss that has fallen by less than this, where validation has not moved."""
LEAST_BLOCKS = 4
"""Levels of the training loss before one can say that it does not move."""
FLAT, FLAT_ROWS = 0.03, 64
"""A loss alone that has never moved by more, in its logarithm; its values that count as one evaluation."""
FEW_ANSWERS = 2
HARDLY_BELOW = 0.1
"""A validation loss is no better than guessing where it was never further below that, in its logarithm."""
ENDED_STEPS = 100
"""Steps after which a run that ended at the level of guessing, which the probe knows, is told of."""
ENDED_ROWS = 40
"""Values of a loss that was at the level of guessing all along, after which the end of a run is told of."""
SOME = 4
"""Evaluations of a loss that has hardly won anything where something leaves a training nothing to learn by."""
UNSURE = 0.5
"""What an evaluation counts where the metric has no scale by which its values are poor."""
KNOWN_STEPS = 64
"""Steps of a training at the level of guessing that count as one evaluation, where the probe knows that level."""
ROWS, KNOWN_ROWS = 64, 32
"""Values of a loss at the level of guessing that count as one evaluation; where it is known to be that."""


class Detector:
    """Watches every validation metric, and the training loss."""

    waits = True
    wants: Wants = (
        "train-loss", "validation-loss", "validation-score", "validation-error", Fact, Ended
    )  # fmt: skip
    explained_by = ("non-finite", "diverged", "weights-unchanged")

    def __init__(self, view: View) -> None:
        self._view = view
        self._told = -math.inf
        self._metric = ""
        self._guessing = self._known = False
        self._alike = Alike()
        self._sinks = Sinks(view)
        self.peak = 0.0

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The run that this row proves not to learn, or that has begun to."""
        if not isinstance(signal, Points):
            return [*self._alike.see(signal), *self._over(signal)]
        course = self._view.course
        if not (course.block or course.evaluated):
            return ()
        return [*self._stays(signal), *self._sinks.see(signal)]

    def _stays(self, signal: Points) -> Iterable[Claim]:
        """What has stayed where it was for as many evaluations, or as many values as count for some."""
        course = self._view.course
        if course.held and not course.evaluated:
            return ()
        guessing = at_guessing(self._view)
        # of two answers many a task is learned late
        measured = self._view.classes > FEW_ANSWERS or unexplained(self._view) is not None
        self._guessing = guessing is not None and guessing.known and measured
        if course.evaluated:
            stuck, count = self._stuck(guessing is not None and guessing.known)
        else:
            stuck, count = None, 0.0
        rows = course.levels.count / (KNOWN_ROWS if guessing.known else ROWS) if guessing else 0.0
        if self._guessing and not course.held:  # the probe writes down few of its many steps
            rows = max(rows, signal.step / KNOWN_STEPS)
        if not rows and stuck is None:
            rows = course.levels.count / FLAT_ROWS if self._flat() else self._only_rose()
        if stuck is None and not rows and not self._hindered():
            return self._moving(signal)
        score = math.log2(max(1.0, count, rows))
        self.peak = max(self.peak, score)
        if self._hindered():
            self._told, self._known = score, True
            return [
                msgspec.structs.replace(self._claim(stuck, guessing, score, signal), score=None)
            ]
        if score < max(math.log2(LEAST), self._told + 0.25):
            return ()
        self._told = score
        return [self._claim(stuck, guessing, score, signal)]

    def concern(self, coming: "Ahead") -> "Marks":
        """The levels by which a loss alone may stand still, or do so no longer."""
        view = self._view
        if view.course.held:
            return coming.none()
        if (
            self._told > -math.inf
            or view.classes
            or view.hindered
            or "batch/unexplained" in view.tracks
        ):
            return coming.whole
        last, before, middle = coming.block(0), coming.block(1), coming.middle()
        near = (abs(last - middle) <= SPREAD) & (abs(last - before) <= SPREAD)
        return coming.whole & (near | (coming.number < LEAST_BLOCKS))

    def blind(self) -> str | None:
        """Why there was nothing to judge by."""
        course = self._view.course
        if not course.held and course.loss is None:
            return "there is neither a training loss nor a validation metric"
        return None

    def _over(self, end: Signal) -> Iterable[Claim]:
        """What is told of a run that ended before one could be sure, and was never better than guessing by then."""
        if not isinstance(end, Ended):
            return
        view, course = self._view, self._view.course
        # what a script prints may count epochs, and come last
        steps = max(view.step or 0, 0 if course.loss is None else course.loss.step)
        share = unexplained(view)
        if (
            self._told > -math.inf
            or steps < ENDED_STEPS
            or course.rewards
            or not course.levels.blocks
        ):
            return
        guessing = at_guessing(view) if course.levels.count >= ENDED_ROWS else None
        known = guessing is not None and guessing.known and share is None
        if share is None and not known and not self._at_guess():
            return
        judged = list(course.held.values())
        if share is not None:  # a score moves with the class that all rows are told to be
            judged = [e for e in judged if e.role == "validation-loss"] or judged
        if not all(self._no_better(held, share is not None or known) for held in judged):
            return
        than = f"guessing among {view.classes} classes, ln {view.classes} = {math.log(max(2, view.classes)):.4g}"
        if share is not None:
            than = f"guessing, being {share:.3g} times {guessed(view)}"
        elif guessing is not None and known:
            than = f"guessing, {guessing.words}"
        message = f"The run ended at step {steps} and was never better than {than}: `{self._loss_name}` came from "
        message += (
            f"{course.levels.first:.4g} to {course.levels.plain(course.levels.blocks[-1]):.4g}"
        )
        claim = self._claim(None, None, 0.0, Points(end.time, "probe", steps, {}))
        yield msgspec.structs.replace(
            claim, message=message, score=None, severity="warning", confidence=0.75, alarm=False
        )

    @property
    def _loss_name(self) -> str:
        return "" if self._view.course.loss is None else self._view.course.loss.name

    def _at_guess(self) -> bool:
        """Whether the loss began at what guessing costs, by the probe, and has not come clearly below that."""
        levels, guess = self._view.course.levels, self._guess
        if guess is None or len(levels.blocks) < LEAST_BLOCKS:
            return False
        return min(levels.blocks) > guess - HARDLY_BELOW / 2

    def _no_better(self, held: Evaluated, stayed: bool) -> bool:
        """Whether a metric of held-out data is no better than guessing either, where the loss guesses.

        `stayed`: the loss has always been at what guessing costs.
        """
        blocks, guess = self._view.course.levels.blocks, self._guess
        if held.role == "validation-loss":
            if stayed:
                return held.best > median(blocks) - HARDLY_BELOW
            return guess is not None and held.best > guess - HARDLY_BELOW / 2
        if self._view.classes:
            return unmoved_guess(held, self._view) == self._view.classes
        return unmoved_guess(held, self._view) is not None

    def _hindered(self) -> bool:
        """Whether nothing was told yet of what leaves a training nothing to learn by: no need to wait."""
        known = self._view.hindered and len(self._view.course.levels.blocks) >= LEAST_BLOCKS
        return bool(known) and not self._known and self._told == -math.inf and self._hardly_won()

    def _hardly_won(self) -> bool:
        """Whether the training loss has hardly fallen, or that of validation has hardly won anything."""
        course = self._view.course
        if course.levels.raw:
            return False
        held = [e for e in course.held.values() if e.role == "validation-loss" and e.count >= SOME]
        return self._hardly_fell() or any(e.first - e.best < HARDLY_BELOW for e in held)

    def _stuck(self, guessed: bool) -> tuple[Evaluated | None, float]:
        """The metric that has been stuck for longest, and for how many evaluations, weighted.

        A metric that is stuck beside others that are not counts by their share; `guessed`: the loss is
        known to be that of guessing.
        """
        held = [e for e in self._view.course.held.values() if e.count > 1]
        rates = [e for e in held if e.role != "validation-loss"] or held
        stuck = [e for e in rates if self._is_stuck(e)]
        if not stuck:
            return None, 0.0
        longest = max(stuck, key=self._idle)
        known = guessed or self._ruined(longest) or self._view.course.nothing_learned(longest)
        return longest, (1.0 if known else UNSURE) * self._idle(longest) * len(stuck) / len(rates)

    def _idle(self, held: Evaluated) -> int:
        """Evaluations without progress: that of a ruined run is none, nor of one that guesses or that hardly moves.

        A rate that is far too small makes a loss better each time, by next to nothing.
        """
        creeps = held.role == "validation-loss" and held.count > held.same and self._creeps(held)
        none = creeps or self._ruined(held) or self._guesses(held)
        return held.count - (0 if none else held.since)

    def _creeps(self, held: Evaluated) -> bool:
        """Whether all that a validation loss has won is next to nothing, as is what the training loss has."""
        return held.first - held.best <= STILL and self._unmoved(held)

    def _guesses(self, held: Evaluated) -> bool:
        """Whether a metric beside a loss that the probe knows to be that of guessing was never better either."""
        if not self._guessing:
            return False
        if held.role == "validation-loss":
            blocks = self._view.course.levels.blocks
            return held.best > median(blocks[len(blocks) // 2 :]) - HARDLY_BELOW
        return unmoved_guess(held, self._view) is not None

    def _is_stuck(self, held: Evaluated) -> bool:
        learned_nothing = self._view.course.nothing_learned(held) or self._unmoved(held)
        return learned_nothing or self._ruined(held) or self._guesses(held)

    def _ruined(self, held: Evaluated) -> bool:
        """Whether the loss began at what guessing costs and went up, and validation was never clearly below that."""
        levels, guess = self._view.course.levels, self._guess
        if guess is None or held.role != "validation-loss" or len(levels.blocks) < LEAST_BLOCKS:
            return False
        return max(levels.blocks) > guess + WENT_UP and held.best > guess - WENT_UP / 2

    def _only_rose(self) -> float:
        """For how many evaluations a loss alone counts that went up from the cost of guessing: more, the higher it is."""
        levels, guess = self._view.course.levels, self._guess
        if guess is None or len(levels.blocks) < LEAST_BLOCKS:
            return 0.0
        if max(levels.blocks) < guess + WENT_UP or min(levels.blocks) < guess - WENT_UP / 2:
            return 0.0
        above = max(0.0, min(levels.blocks[len(levels.blocks) // 2 :]) - guess)
        return (1 + above) * levels.count / KNOWN_ROWS

    @property
    def _guess(self) -> float | None:
        """The logarithm of what guessing among the classes costs, where the probe knows them and the loss began there."""
        levels, classes = self._view.course.levels, self._view.classes
        if classes < 2 or levels.raw or not levels.count:
            return None
        guess = math.log(math.log(classes))
        return guess if abs(levels.scaled(levels.first) - guess) < WENT_UP / 2 else None

    def _unmoved(self, held: Evaluated) -> bool:
        """Whether neither the metric nor the training loss has left its first value.

        A score must be at the level of guessing, too: that of a good model need not move.
        """
        levels = self._view.course.levels
        if len(levels.blocks) < LEAST_BLOCKS or held.count < 4 or levels.raw:
            return False
        if held.role in BETTER_HIGHER:
            still = held.same == held.count or unmoved_guess(held, self._view) is not None
            return still and self._hardly_fell()
        near = max(STILL, min(UNMOVED, 4 * held.noise))
        return self._hardly_fell() and held.first - held.best <= near

    def _hardly_fell(self) -> bool:
        """Whether the training loss is about where it was at the start, or above its very first value."""
        levels = self._view.course.levels
        best = min(levels.blocks)
        return (
            self._at_guess()
            or levels.start - best < HARDLY
            or best > levels.scaled(levels.first) + levels.noise
        )

    def _flat(self) -> bool:
        """Whether the loss alone has never left the level that it began at."""
        course = self._view.course
        blocks = course.levels.blocks
        if course.held or course.rewards or course.levels.raw or len(blocks) < 4 * LEAST_BLOCKS:
            return False
        if course.loss is None or not course.loss.first > 0:
            return False
        return max(max(blocks), course.levels.start) - min(blocks) < FLAT

    def _moving(self, row: Points) -> Iterable[Claim]:
        """What was stuck and is no longer has recovered."""
        if self._told == -math.inf or (self._known and self._hardly_won()):
            return ()
        told, self._told = self._told, -math.inf
        return [
            Claim(
                key="run",
                state="recovered",
                severity="note",
                confidence=0.8,
                message=f"`{self._metric}` has begun to move",
                advice="Nothing: it learns now.",
                step=row.step,
                time=row.time,
                metric=self._metric,
                score=told,
            )
        ]

    def _claim(
        self, stuck: Evaluated | None, guessing: Guessing | None, score: float, row: Points
    ) -> Claim:  # fmt: skip
        course, evidence = self._view.course, {}
        if stuck is not None:
            self._metric = stuck.name
            evidence = {"evaluations": stuck.count, "without_progress": self._idle(stuck)}
        elif course.loss is not None:
            self._metric = course.loss.name
        message = self._of_metric(stuck, guessing) if stuck else self._of_loss(guessing)
        sure = stuck is not None or (guessing.known if guessing else self._only_rose() > 0)
        sure = sure or bool(self._view.hindered)
        first_step = 0 if course.loss is None else course.loss.first_step
        causes, unchecked = causes_of(self._view, first_step, NEVER_WORKED)
        if self._alike.cause is not None:
            causes = sorted([self._alike.cause, *causes], key=lambda cause: -cause.confidence)
        return Claim(
            key="run",
            state="confirmed",
            severity="error" if sure else "warning",
            confidence=min(0.95, 0.5 + 0.08 * score),
            message=message,
            advice="Stop it and let it overfit one single batch: what cannot is broken. Look at the "
            "labels, at what the optimizer holds and at the learning rate.",
            step=row.step,
            opened=first_step,
            time=row.time,
            alarm=sure,
            metric=self._metric,
            evidence=evidence,
            score=score,
            joined=(OUTPUTS, TARGETS, UNITS),
            causes=causes,
            unchecked=unchecked,
        )

    def _of_metric(self, stuck: Evaluated, guessing: Guessing | None) -> str:
        """What is said of a metric that is stuck, with the training loss beside it."""
        course, count = self._view.course, self._idle(stuck)
        message = (
            f"`{stuck.name}` is {stuck.plain:.4g} and has not got better for {count} evaluations"
        )
        if self._ruined(stuck):
            guess = math.log(self._view.classes)
            message = (
                f"`{stuck.name}` is {stuck.plain:.4g}, and in {count} evaluations was never clearly below "
                f"{guess:.4g}, the cost of guessing"
            )
        if course.loss is not None and course.levels.blocks:
            levels = course.levels
            first, now = levels.plain(levels.start), levels.plain(levels.blocks[-1])
            message += f"; `{course.loss.name}` went from {first:.4g} to {now:.4g}"
            message += f", and {guessing.words} is the level of guessing" if guessing else ""
        return message

    def _of_loss(self, guessing: Guessing | None) -> str:
        """What is said where the training loss alone tells."""
        levels = self._view.course.levels
        now = f"{levels.plain(levels.blocks[-1]):.4g}"
        if guessing:
            return f"`{self._metric}` has stayed at {guessing.words} for {levels.count} values"
        if self._view.hindered:
            return (
                f"`{self._metric}` came from {levels.first:.4g} to {now} in {levels.count} values"
            )
        if self._flat():
            return (
                f"`{self._metric}` has stayed where it began, at {now}, for {levels.count} values"
            )
        return (
            f"`{self._metric}` went up from {levels.first:.4g}, the cost of guessing, and is {now}"
        )
