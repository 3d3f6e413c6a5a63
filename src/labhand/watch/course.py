"""How the training goes: its loss and what is measured on held-out data, kept once for all detectors."""

import math
import re
from collections import deque
from typing import TYPE_CHECKING

from labhand.kit.metric_names import HELD_OUT, TRAIN
from labhand.watch.levels import FEW, FLOOR, Levels, Moves
from labhand.watch.roles import Role
from labhand.watch.signals import Points
from labhand.watch.tracks import Track, median

if TYPE_CHECKING:
    from labhand.watch.stretch import Floats, Places, Stretch

LATELY = 24
"""The latest evaluations that are kept one by one."""
SELDOM = 3
"""Values that a level of a reward is the median of: it is often logged once an iteration or an evaluation."""
OFTENER = 1.5
"""A training loss with so many times the values of the one that is followed is followed in its place."""
AT_ONCE = 3
"""Evaluations in a row that make a level one that stays."""
ALIKE = 1.5
"""Two losses are of one size where the one is at most so many times the other."""
ANEW = 0.25
"""A loss that has come back to within this share of what was won from its first value is as at first."""
SUSPICIOUS = 0.12
"""Levels that are not so far above the lowest one, in the logarithm, concern nobody between two blocks."""
AROUND = 5
"""Evaluations whose median is the level of a metric."""
LOW_SHARE, POOR_SHARE = 0.05, 0.25
"""Of the range of a score: below the one it is as good as nothing, above the other it has learned."""
LOW_ERROR, HIGH_ERROR = 0.85, 3.0
"""Between these an error rate says that next to nothing is right (more insertions than words: above 1)."""
LEARNED = math.log(3)
"""A training loss that fell to a third has learned, whatever validation says."""
BEHIND = 0.3
"""A validation loss so far above that of the training, in its logarithm, is left behind."""
HARDLY_WON = 0.08
"""Whoever has won less can lose no more than this."""
WORST = 2.0
"""Twice of what was won: more than that is not worse."""
BETTER_HIGHER = frozenset(("validation-score", "train-score"))
_WHOLE = TRAIN | frozenset("loss losses total batch step epoch avg mean probe".split())
RAN: tuple[Role, ...] = ("validation-loss", "validation-score", "validation-error")
BESIDE = ("train-score", "train-error")


class Evaluated:
    """A metric that is evaluated from time to time, as something that should fall.

    `first`, `latest` and `best` are on that scale: the logarithm of a loss or an error where it is
    positive, the negative of a score. `count` is the number of evaluations, `same` how many of the
    latest have the very same value, `at` how many values the training loss had at the latest, `began` at the first, `since`
    the number of the evaluation at which its level was last better than all before by more than noise.
    """

    __slots__ = (
        "_before",
        "_floor",
        "_follows",
        "_level",
        "_log",
        "_lost",
        "_middle",
        "_moves",
        "_noise",
        "at",
        "bare",
        "began",
        "best",
        "best_at",
        "best_count",
        "best_step",
        "count",
        "first",
        "latest",
        "name",
        "plain",
        "recent",
        "role",
        "same",
        "since",
        "step",
    )

    def __init__(self, name: str, role: Role, *, follows: bool = True) -> None:
        self.name, self.role, self.bare = name, role, _bare(name)
        self._follows = follows
        self.count = self.same = self.at = self.began = self.step = 0
        self.best_count = self.best_step = self.best_at = self.since = 0
        self.first = self.latest = self.best = self.plain = math.nan
        self._noise = self._lost = self._middle = (0, 0.0)
        self._moves = Moves(LATELY - 1)
        self.recent: deque[float] = deque(maxlen=LATELY)
        self._before: deque[float] = deque(maxlen=AT_ONCE)
        self._floor = self._level = math.nan
        self._log = role not in BETTER_HIGHER

    def add(self, step: int, value: float, at: int) -> None:
        """Takes the finite value of an evaluation."""
        if not self.count:
            self._floor = FLOOR * abs(value) or 1e-300
            self._log = self._log and value > 0
        scaled = self._scaled(value)
        self.count += 1
        self.same = self.same + 1 if value == self.plain else 1
        self.plain, self.step, self.at = value, step, at
        if self.count == 1:
            self.first, self.best, self.began = scaled, scaled, at
        self._before.append(self.best)
        if scaled < self.best:
            self.best, self.best_count, self.best_step = scaled, self.count, step
            self.best_at = at
        if self.count > 1:
            self._moves.add(abs(scaled - self.latest))
        self.latest = scaled
        self.recent.append(scaled)
        if self.count == 1:
            self._level, self.since = scaled, 1
        elif self._follows and scaled < self._level:
            level = self.level
            if level < self._level - max(2 * self.noise, 1e-12):
                self._level, self.since = level, self.count

    def extend(self, steps: "Places", values: "Floats", at: "Places") -> None:
        """Takes finite values as if one by one; not where it `follows` its level."""
        if not self.count:
            self.add(int(steps[0]), float(values[0]), int(at[0]))
            steps, values, at = steps[1:], values[1:], at[1:]
            if not len(values):
                return
        falls = values if self.role not in BETTER_HIGHER else -values
        lately, place = falls[:-1].tolist(), int(falls.argmin())
        best = self.best
        for value in lately[:-AT_ONCE] and [min(lately[:-AT_ONCE])]:
            best = min(best, self._scaled(self._as_it_was(value)))
        self._before.append(best if len(values) > AT_ONCE else self.best)
        for value in lately[-AT_ONCE:]:
            best = min(best, self._scaled(self._as_it_was(value)))
            self._before.append(best)
        last = float(values[-1])
        steady = (
            len(values) - 1 - int((values[::-1] != last).argmax()) if (values != last).any() else -1
        )
        self.same = (
            len(values) - 1 - steady
            if steady >= 0
            else len(values) + self.same * (last == self.plain)
        )
        if (scaled := self._scaled(float(values[place]))) < self.best:
            self.best, self.best_count = scaled, self.count + place + 1
            self.best_step, self.best_at = int(steps[place]), int(at[place])
        self.count += len(values)
        self.plain, self.step, self.at = last, int(steps[-1]), int(at[-1])
        for value in values[-LATELY:].tolist():
            self.recent.append(self._scaled(value))
        self._moves = Moves(LATELY - 1, self.recent)
        self.latest = self.recent[-1]

    def _as_it_was(self, falling: float) -> float:
        return -falling if self.role in BETTER_HIGHER else falling

    def _scaled(self, value: float) -> float:
        if self.role in BETTER_HIGHER:
            return max(-1e150, min(1e150, -value))
        return math.log(max(value, self._floor)) if self._log else max(-1e150, min(1e150, value))

    def plainly(self, scaled: float) -> float:
        """A value of its scale as the metric itself."""
        if self.role in BETTER_HIGHER:
            return -scaled
        return math.exp(scaled) if self._log else scaled

    @property
    def lost(self) -> float:
        """How much of what was won is lost, at each of the latest three evaluations; at most `WORST`.

        0 where it is as good as ever, 1 where it is back at its first value. NaN before there are four.
        """
        if self.count <= AT_ONCE:
            return math.nan
        if self._lost[0] != self.count:
            self._lost = self.count, self._lately_lost()
        return self._lost[1]

    def _lately_lost(self) -> float:
        best, recent = self._before[0], self.recent
        now = min(recent[-1], recent[-2], recent[-3])
        if now <= best:
            return 0.0
        return min(WORST, (now - best) / max(self.first - best, HARDLY_WON, 4 * self.noise))

    @property
    def level(self) -> float:
        """The median of the latest five evaluations."""
        if self._middle[0] != self.count:
            self._middle = self.count, median(list(self.recent)[-AROUND:])
        return self._middle[1]

    def is_low(self, highest: float = 0.0) -> bool:
        """Whether the values say by themselves that next to nothing has been learned, now or before.

        For a score by its range, 0 to 1 or, where it or its fellow has been up to `highest`, 0 to 100,
        or because its level is lost in its noise; for an error where it is one of a rate. False where
        nobody can say.
        """
        if self.count < AT_ONCE:
            return False
        if self.role not in BETTER_HIGHER:
            rate = self.role in ("validation-error", "train-error") and self._log
            return rate and all(
                LOW_ERROR <= math.exp(level) <= HIGH_ERROR for level in (self.best, self.level)
            )
        span = max(1.0 if highest <= 1 else 100.0, self.span)
        if -self.best > POOR_SHARE * span or (level := -self.level) < 0:
            return False
        return level < LOW_SHARE * span or self.lost_in_noise

    @property
    def span(self) -> float:
        """The range of a score: 100 where it has been above 1."""
        return 1.0 if -self.best <= 1 else 100.0

    @property
    def lost_in_noise(self) -> bool:
        """Whether a score is no further from 0 than its own noise reaches."""
        return self.role in BETTER_HIGHER and abs(self.level) < 4 * self.noise

    @property
    def noise(self) -> float:
        """The deviation of an evaluation about its trend."""
        if self._noise[0] != self.count:
            self._noise = self.count, self._moves.deviation
        return self._noise[1]


class Course:
    """The training as its loss and its evaluations tell it. Brought up to date row by row.

    `loss` is the first metric that is a training loss, or one that comes oftener; `block` and
    `evaluated` say whether the latest row completed a block of its levels, or brought an evaluation on
    held-out data that is worth a look: one in five, where each row has one. `went_back` is the latest
    pair of steps between which the loss went back, as it does after a restart. `rewards` are the levels of
    the negative of each reward; `rewarded` says whether the latest row completed a block of one.
    `stirred`: any of these, or five more values of the loss. `rates` are the learning rates at the blocks of
    the loss, NaN where unknown. `began_anew`: with the latest row another training began, as in a log that is
    appended to, or for the next fold.
    """

    def __init__(self) -> None:
        self.loss: Track | None = None
        self.levels = Levels()
        self.held: dict[str, Evaluated] = {}
        self.beside: dict[str, Evaluated] = {}
        self.rewards: dict[str, Levels] = {}
        self.block = self.evaluated = self.rewarded = self.stirred = False
        self.went_back: tuple[int, int] | None = None
        self.began_anew = False
        self.rates: list[float] = []
        self._rate: Track | None = None
        self._step = 0
        self._losses: list[Track] = []
        self._known = self._judged = self._unjudged = 0
        self._looked_at: list[tuple[str, Evaluated, bool]] = []
        self._name = ""
        self._twins: dict[str, Evaluated | None] = {}

    def take(self, row: Points, tracks: dict[str, Track]) -> None:
        """Brings it up to date with a row."""
        if len(tracks) != self._known:
            self._meet(tracks)
        self.block = self.evaluated = self.rewarded = self.stirred = False
        values = row.values
        value = values.get(self._name)
        if value is None:
            self._lead(row)
        elif value - value == 0.0:
            self._follow(value, row.step)
        count, came = self.levels.count, False
        for name, evaluated, held in self._looked_at:
            value = values.get(name)
            if value is not None and value - value == 0.0:
                evaluated.add(row.step, value, count)
                came = came or held
        for name, levels in self.rewards.items():
            value = values.get(name)
            if value is not None and value - value == 0.0:
                self.rewarded = levels.add(-value, row.step) or self.rewarded
        self._unjudged += came
        # the probe samples the loss: there may be fewer values of it than evaluations
        if came and (self._unjudged >= FEW or not 0 < count - self._judged < FEW):
            self.evaluated, self._judged, self._unjudged = True, count, 0
        self.stirred = self.stirred or self.evaluated or self.rewarded

    def _follow(self, value: float, step: int) -> None:
        """Takes a finite value of the loss that is followed."""
        self.block = self.levels.add(value, step)
        self.stirred = self.levels.count % FEW == 0
        if self.block:
            self._note_rate(math.nan if self._rate is None else self._rate.last)
        if step < self._step:
            self.went_back = self._step, step
            self.began_anew = self._is_anew(value)
        self._step = step

    def can_pass(self, stretch: "Stretch") -> bool:
        """Whether the rows of a calm stretch can be passed over as `pass_over` does it."""
        column = stretch.column(self._name)
        if any(self._comes_oftener(track, stretch) for track in self._losses):
            return False
        if not len(column.rows):
            return True
        falls = not self.levels.raw and float(column.values.min()) < 0
        return not falls and int(stretch.steps[0]) >= self._step

    def _comes_oftener(self, track: Track, stretch: "Stretch") -> bool:
        """Whether another loss may come to be followed within a stretch."""
        import numpy as np

        if track is self.loss or self.loss is None:
            return False
        rows = stretch.column(track.name).rows
        followed = self.loss.count + stretch.column(self._name).rows.searchsorted(rows)
        counts = track.count + np.arange(1, len(rows) + 1)
        return bool((counts > OFTENER * followed + FEW).any())

    @property
    def bar(self) -> float:
        """The level that the loss must keep above to be suspected, between two blocks."""
        return self.levels.best(1)[0] + max(SUSPICIOUS, 4 * self.levels.noise)

    def pass_over(self, stretch: "Stretch", start: int, stop: int) -> None:
        """Takes note of rows before the next one that must be shown."""
        self.block = self.evaluated = self.rewarded = self.stirred = False
        column = stretch.column(self._name).between(start, stop)
        before = self.levels.count
        if len(column.rows):
            steps = stretch.steps[column.rows]
            for place in self.levels.extend(column.values, steps):
                self._note_rate(self._rate_at(stretch, start, int(column.rows[place])))
            self._step = int(steps[-1])
        for name, evaluated, _ in self._looked_at:
            part = stretch.column(name).between(start, stop)
            if len(part.rows):
                counts = before + column.rows.searchsorted(part.rows, side="right")
                evaluated.extend(stretch.steps[part.rows], part.values, counts)

    def _rate_at(self, stretch: "Stretch", start: int, row: int) -> float:
        """The learning rate at a row of those that are passed over from `start` on."""
        if self._rate is None:
            return math.nan
        known = stretch.column(self._rate.name).between(start, row + 1).values
        return float(known[-1]) if len(known) else self._rate.last

    def _note_rate(self, rate: float) -> None:
        """Keeps the learning rate of a block that has become whole."""
        if len(self.rates) >= len(self.levels.blocks):
            self.rates = self.rates[1::2]
        self.rates.append(rate)

    def _is_anew(self, value: float) -> bool:
        """Whether a loss whose steps went back to the first one is what it was there: another training."""
        loss, levels = self.loss, self.levels
        if loss is None or self.went_back is None or len(levels.blocks) < 2 or levels.raw:
            return False
        if self.went_back[1] > loss.first_step:
            return False
        won = levels.start - min(levels.blocks)
        return won > ANEW and levels.start - levels.scaled(value) < ANEW * won

    def _meet(self, tracks: dict[str, Track]) -> None:
        for track in list(tracks.values())[self._known :]:
            if track.role == "train-loss":
                self._losses.append(track)
                if self.loss is None or (
                    self.loss.count <= 1 and _is_whole(track.name) > _is_whole(self._name)
                ):
                    self.loss, self._name = track, track.name
            elif track.role == "learning-rate":
                self._rate = self._rate or track
            elif track.role == "reward":
                self.rewards[track.name] = Levels(raw=True, few=SELDOM)
            elif track.role in RAN or track.role in BESIDE:
                held = track.role in RAN
                made = Evaluated(track.name, track.role, follows=held)
                (self.held if held else self.beside)[track.name] = made
                self._looked_at.append((track.name, made, held))
        self._known = len(tracks)
        self._twins.clear()

    def nothing_learned(self, held: Evaluated) -> bool:
        """Whether a metric says by its values that nothing is learned, on the training data neither.

        Where the metric is not told of the training data, a loss that fell to a third has learned, or
        one that has left that of validation behind.
        """
        twin = self.twin(held)
        if twin is not None:
            return held.is_low(-twin.best) and (twin.is_low(-held.best) or twin.lost_in_noise)
        return held.is_low() and not self.train_learned()

    def train_learned(self) -> bool:
        """Whether the training loss has fallen to a third of its first value, or far below that of validation."""
        blocks = self.levels.blocks
        if not blocks or self.levels.raw:
            return False
        # what only comes down from where it first went up to has learned nothing
        fallen = self.levels.scaled(self.levels.first) - min(blocks)
        losses = [e.latest for e in self.held.values() if e.role == "validation-loss"]
        behind = bool(losses) and min(losses) - blocks[-1] > BEHIND
        return fallen > LEARNED or (behind and fallen > BEHIND)

    def _lead(self, row: Points) -> None:
        """Follows another training loss, where one comes oftener than the first that was seen."""
        for track in self._losses if len(self._losses) > 1 else ():
            if (
                self.loss
                and track.name in row.values
                and track.count > OFTENER * self.loss.count + FEW
            ):
                sooner = self.loss.first_step <= track.first_step and _like(self.loss, track)
                first = self.levels.first
                self.loss, self._name, self.levels = track, track.name, Levels()
                self.rates = []
                for step, value in track.recent:
                    self.levels.add(value, step)
                self.levels.first = first if sooner else track.first
                return

    def twin(self, held: Evaluated) -> Evaluated | None:
        """The same metric on the training data; None where there is none."""
        if held.name not in self._twins:
            found = next((e for e in self.beside.values() if e.bare == held.bare), None)
            self._twins[held.name] = found
        return self._twins[held.name]


def _like(one: Track, other: Track) -> bool:
    """Whether two losses are of one size: that of a part of a batch may be divided by the number of parts."""
    a, b = (median([value for _, value in track.recent]) for track in (one, other))
    return a == b or (a > 0 and b > 0 and max(a, b) < ALIKE * min(a, b))


def _is_whole(name: str) -> bool:
    """Whether a name is that of the loss, and not of one of its parts."""
    return {word.lower() for word in re.findall(r"[A-Za-z]+", name)} <= _WHOLE


def _bare(name: str) -> tuple[str, ...]:
    """The words of a name without those that tell the data."""
    words = re.findall(r"[A-Za-z]+|\d+", name.lower())
    return tuple(word for word in words if word not in HELD_OUT and word not in TRAIN)
