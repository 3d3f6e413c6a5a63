"""The levels that a training loss will have with rows of a stretch: which of them concern anybody.

Nothing is told by them: they only say which rows must be shown to those that wait for the course.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labhand.watch.levels import FEW, STAYS
from labhand.watch.stretch import Column, Floats, Places, Stretch, first_of, joined

if TYPE_CHECKING:
    from labhand.watch.course import Course
    from labhand.watch.levels import Levels

MOST_UNASKED = 16
"""Levels that are shown to all, at most, before it is asked again whom they concern."""
Marks = NDArray[np.bool_]


class Ahead(NamedTuple):
    """For each coming level the row that makes it whole, what `lately` holds then, and how many blocks there are.

    Up to the level with which blocks are joined in pairs. `blocks` are those that are known and those to
    come; `whole` says which levels make one whole. `least` and `most` are of the latest three levels.
    """

    rows: Places
    least: Floats
    most: Floats
    whole: Marks
    blocks: Floats
    number: Places

    def block(self, back: int) -> Floats:
        """The block that is so many before the last, at each level; the first where there are fewer."""
        found: Floats = self.blocks[np.maximum(self.number - 1 - back, 0)]
        return found

    def middle(self) -> Floats:
        """The first block of the latter half, at each level."""
        return self.blocks[self.number // 2]

    def low(self, stays: int = 1) -> Floats:
        """The lowest level that stayed for so many blocks, before the latest ones, as `Levels.best` tells it."""
        stayed = self._windows(stays).max(axis=1)
        lowest = np.minimum.accumulate(np.concatenate([[np.inf], stayed]))
        return lowest[np.clip(self.number - 2 * stays + 1, 0, len(stayed))]

    def now(self, stays: int) -> Floats:
        """The level that it has not been below for so many blocks."""
        found: Floats = self._windows(stays).min(axis=1)[np.maximum(self.number - stays, 0)]
        return found

    def noise(self) -> Floats:
        """The deviation of a level about its trend, as `Levels.noise` tells it."""
        moves, until = np.abs(np.diff(self.blocks)), np.maximum(self.number - 1, 0)
        known = np.arange(len(moves)) < until[:, None]
        middle = np.sort(np.where(known, moves, np.inf), axis=1)[np.arange(len(until)), until // 2]
        return np.where(until > 1, 1.4826 * middle / np.sqrt(2), 0.0)

    def none(self) -> Marks:
        """No level of them."""
        return np.zeros(len(self.rows), bool)

    def every(self) -> Marks:
        """All of them."""
        return np.ones(len(self.rows), bool)

    def _windows(self, width: int) -> Floats:
        known = self.blocks
        if len(known) < width:
            known = np.concatenate([np.full(width - len(known), np.inf), known])
        return np.lib.stride_tricks.sliding_window_view(known, width)


def ahead(levels: "Levels", column: Column) -> Ahead:
    """What the values of a column, enough for a level, will make of levels that have blocks already."""
    waiting, coming = levels.ahead(column.values)
    rows = column.rows[waiting - 1 :: FEW][: len(coming)]
    parts, before = levels.width // FEW, levels.joining
    through = len(before) + 1 + np.arange(len(coming))
    made = joined(before, coming)
    made = made[: len(made) // parts * parts].reshape(-1, parts).mean(axis=1)
    kept = list(levels.lately)[1 - STAYS :]
    windows = np.lib.stride_tricks.sliding_window_view(joined(kept, coming), len(kept) + 1)
    return Ahead(
        rows, windows.min(axis=1), windows.max(axis=1), through % parts == 0,
        joined(levels.blocks, made), len(levels.blocks) + through // parts,
    )  # fmt: skip


class Stirring:
    """The rows of a stretch that must be shown to those that wait for the course, one after the other.

    Those that bring an evaluation or a reward, and those whose level `concerns` anybody.
    """

    def __init__(
        self, course: "Course", stretch: Stretch, concerns: Callable[[Ahead], Marks]
    ) -> None:
        self._course, self._concerns = course, concerns
        self._end = len(stretch)
        self._loss = stretch.column("" if course.loss is None else course.loss.name)
        held = [*course.held, *course.rewards]
        self._others = iter([*stretch.holding(held), self._end])
        self._other = next(self._others)
        self._rows: list[int] = []
        self._until, self._unasked = -1, 1

    def next(self, start: int, *, told: bool) -> int:
        """The first row from `start` on; `told`: something was told with the row before that."""
        while self._other < start:
            self._other = next(self._others)
        if told or start > self._until:
            self._ask(start)
        while self._rows and self._rows[0] < start:
            del self._rows[0]
        return min(self._other, self._rows[0] if self._rows else self._end)

    def _ask(self, start: int) -> None:
        """Finds the next level that concerns anybody; where that is the very next one, as often lately, some more."""
        column, levels = self._loss.since(start), self._course.levels
        self._rows, self._until = [], self._end
        if not levels.blocks:
            self._rows = column.rows[levels.missing() - 1 :][:1].tolist()
        elif len(column.rows) >= levels.missing():
            coming = ahead(levels, column)
            marks = self._concerns(coming)
            marks[levels.until_joined() - 1 :] = True
            first = first_of(marks)
            self._unasked = min(MOST_UNASKED, 2 * self._unasked) if not first else 1
            self._rows = coming.rows[first : first + self._unasked].tolist()
        self._until = self._rows[-1] if self._rows else self._end
