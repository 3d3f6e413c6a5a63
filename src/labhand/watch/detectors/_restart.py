"""A training that goes on where it was left, and whether its loss does: told by a log alone."""

import math
from collections import deque
from typing import TYPE_CHECKING, Literal, NamedTuple

from labhand.watch.levels import noise
from labhand.watch.signals import Points
from labhand.watch.tracks import RECENT, median
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Places, Stretch

MARKS = frozenset("resumed resume restart restarts restarted attempt session run_number".split())
"""Names of a column that changes where a training is resumed."""
NEAR = 0.25
"""A loss that has come back to within this share of what was won from its first value is as at first."""
WON = 0.5
"""What must have been won before, in the logarithm of the loss: who has won little loses little."""
HIGHER = math.exp((1 - NEAR) * WON) * (1 - 1e-9)
"""So many times the values before it a value is at least that is as at first."""
BEYOND_NOISE = 5.0
"""What was won must be so many times the deviation of a single value."""
VALUES = 5
"""Values before and after that the levels are medians of."""
GAP = 8
"""A step so many times further than usual leaves a gap, as of a log that goes on elsewhere."""
PATH, FALLS = 40, 0.2
"""Where nothing else marks a restart, so many values must go the way of the very first ones, which must have
won at least this share of all."""

Mark = Literal["the steps go back", "the steps leave a gap", "a column marks a restart", ""]


class Lost(NamedTuple):
    """What the loss `metric` was before `step`, what it was after, and at its very first."""

    metric: str
    step: int
    before: float
    after: float
    first: float
    mark: Mark


class Restart:
    """Watches the training loss for a jump from what was won to where it began, in one row."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._early: list[float] = []
        self._lately: deque[float] = deque(maxlen=VALUES)
        self._moves: deque[int] = deque(maxlen=VALUES)
        self._marks: dict[str, float] = {}
        self._plain: set[str] = set()
        self._mark: Mark = ""
        self._step: int | None = None
        self._first_step = math.inf
        self._jump: tuple[int, float, Mark, list[float]] | None = None

    @property
    def looked(self) -> bool:
        """Whether there was a training loss to look at."""
        return bool(self._early)

    def see(self, row: Points) -> Lost | None:
        """What the row proves to be lost; None where nothing is."""
        if row.source == "probe":
            return None  # its steps are sampled, and it knows what is loaded
        self._marked(row)
        course = self._view.course
        loss = course.loss
        value = None if loss is None else row.values.get(loss.name)
        if course.rewards or loss is None or value is None or not value > 0 or math.isinf(value):
            return None
        mark, self._mark = self._mark, ""
        if len(self._early) < PATH:
            self._early.append(value)
        if self._jump is not None:
            return self._after(loss.name, value)
        if len(self._lately) == VALUES and self._is_as_first(value):
            self._jump = row.step, median(list(self._lately)), mark, [value]
            return None
        self._lately.append(value)
        return None

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown; those before it are taken note of."""
        loss = self._view.course.loss
        if loss is None or self._view.course.rewards or start == len(stretch):
            return len(stretch)
        column = stretch.column(loss.name).since(start)
        new = len(self._early) < PATH or len(self._lately) < VALUES or len(self._moves) < VALUES
        marked = any(name.lower() in MARKS for name in stretch.columns)
        if new or marked or self._mark or self._jump is not None or self._step is None:
            return start
        moves = stretch.steps[start:] - stretch.before(stretch.steps[start:], self._step)
        if moves[0] < 0:
            return start
        found = self._leap(moves, start, len(stretch))
        first = math.log(median(self._early[:VALUES]))
        if len(column.rows) and float(column.values.min()) <= 0:
            return start
        if len(column.rows):
            found = min(found, self._as_first(stretch, start, first))
        taken = column.between(start, found).values
        self._lately.extend(taken[-VALUES:].tolist())
        if found > start:
            passed = moves[: found - start]
            self._moves.extend(passed[passed > 0][-VALUES:].tolist())
            self._step = int(stretch.steps[found - 1])
        return found

    def _leap(self, moves: "Places", start: int, end: int) -> int:
        """The first row from `start` on that the steps leave a gap before, or `end`."""
        from labhand.watch import stretch as columns

        on = (moves > 0).nonzero()[0]
        if not len(on) or not (moves[on] > GAP).any():
            return end
        forth = columns.Column(on, moves[on].astype(float))
        usual = columns.middle_before([float(move) for move in self._moves], forth).values
        far = on[forth.values > GAP * usual.clip(1.0)]
        return start + int(far[0]) if len(far) else end

    def _as_first(self, stretch: "Stretch", start: int, first: float) -> int:
        """The first row whose loss is about the first one, `first`, as far as one can say."""
        from labhand.watch import stretch as columns

        assert self._view.course.loss is not None
        whole = stretch.column(self._view.course.loss.name)
        column = whole.since(start)
        lowest = math.log(min(float(column.values.min()), *self._lately))
        if first - lowest <= WON:
            return len(stretch)
        won = first - columns.middle_before(list(self._lately), column).logs()
        high = (column.logs() > first - NEAR * won - 1e-9) & (won > WON - 1e-9)
        for row, passed in zip(column.rows[high].tolist(), won[high].tolist(), strict=True):
            place = int(whole.rows.searchsorted(row)) + 1
            usual = noise(
                [math.log(v) for v in whole.values[max(0, place - RECENT) : place].tolist()]
            )
            if place < RECENT or passed > BEYOND_NOISE * usual - 1e-9:
                return int(row)
        return len(stretch)

    def _marked(self, row: Points) -> None:
        """Notes whether something in the row tells that the training was begun again."""
        if not self._plain.issuperset(row.values):
            for name, value in row.values.items():
                if name.lower() not in MARKS:
                    self._plain.add(name)
                    continue
                if self._marks.get(name, value) != value:
                    self._mark = "a column marks a restart"
                self._marks[name] = value
        if self._step is not None and row.source != "system":
            move = row.step - self._step
            if move < 0 and row.rank is None and row.step > self._first_step:
                self._mark = "the steps go back"  # to the first one goes another training, or fold
            elif move > GAP and len(self._moves) == VALUES:
                usual = median([float(m) for m in self._moves])
                if move > GAP * max(usual, 1.0):
                    self._mark = "the steps leave a gap"
            if move > 0:
                self._moves.append(move)
        self._step = row.step
        self._first_step = min(self._first_step, row.step)

    def _is_as_first(self, value: float) -> bool:
        """Whether a value is about what the first ones were, although much had been won since."""
        if value < HIGHER * min(self._lately):
            return False
        first, before = math.log(median(self._early[:VALUES])), math.log(median(list(self._lately)))
        won, now = first - before, math.log(value)
        if won <= WON or not first - NEAR * won < now < first + won:
            return False
        assert self._view.course.loss is not None
        usual = noise([math.log(v) for _, v in self._view.course.loss.recent if v > 0])
        return won > BEYOND_NOISE * usual

    def _after(self, name: str, value: float) -> Lost | None:
        assert self._jump is not None
        step, before, mark, values = self._jump
        values.append(value)
        if len(values) < VALUES:
            return None
        first = median(self._early[:VALUES])
        won = math.log(first) - math.log(before)
        if mark:
            self._forget(values)
            kept = median(values) > first * math.exp(-2 * NEAR * won)
            return Lost(name, step, before, median(values), first, mark) if kept else None
        if not self._again(values, won):
            self._forget(values)  # bad batches, or a divergence
        elif len(values) == PATH:
            self._forget(values)
            return Lost(name, step, before, median(values[:VALUES]), first, mark)
        return None

    def _again(self, values: list[float], won: float) -> bool:
        """Whether the loss goes the way that it went at first, and that was downwards."""
        places = range(0, len(values) - VALUES + 1, VALUES)
        now, then = (
            [median(path[i : i + VALUES]) for i in places] for path in (values, self._early)
        )
        fell = len(values) < PATH or math.log(then[0] / then[-1]) > FALLS * won
        return (
            fell and max(abs(math.log(a / b)) for a, b in zip(now, then, strict=True)) < NEAR * won
        )

    def _forget(self, values: list[float]) -> None:
        self._jump = None
        self._lately.clear()
        self._lately.extend(values[-VALUES:])
