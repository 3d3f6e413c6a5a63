"""Rows one after the other as columns: what is calm in them is passed over many rows at a time.

Nothing is decided by a later row: a detector tells the first row of a stretch that it must be shown, and
takes note of those before it as if it had been shown each.
"""

import itertools
import math
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labhand.watch.rows import Row

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

LEAST = 64
"""Fewer rows are not worth being passed over together."""


class Column(NamedTuple):
    """The values of one metric, and the rows in which they stand, in rising order."""

    rows: Places
    values: Floats

    def between(self, start: int, stop: int) -> "Column":
        """What stands in the rows from `start` to before `stop`."""
        rows = self.rows
        if not len(rows):
            return self
        begin, end = int(rows[0]), int(rows[-1])
        if begin >= start and end < stop:
            return self
        if end - begin == len(rows) - 1:  # no row between them is without it
            low, high = max(0, start - begin), max(0, stop - begin)
        else:
            low, high = int(rows.searchsorted(start)), int(rows.searchsorted(stop))
        return Column(rows[low:high], self.values[low:high])

    def since(self, start: int) -> "Column":
        """What stands in the rows from `start` on."""
        low = int(self.rows.searchsorted(start)) if start else 0
        return Column(self.rows[low:], self.values[low:]) if low else self

    def at(self, row: int) -> float | None:
        """What stands in a row; None where nothing does."""
        rows = self.rows
        low = row - int(rows[0])
        if not 0 <= low < len(rows) or rows[low] != row:
            low = int(rows.searchsorted(row))
        return float(self.values[low]) if low < len(rows) and rows[low] == row else None

    def highest_before(self, first: float) -> Floats:
        """For each value the highest of those before it, or `first` where that is higher."""
        found: Floats = np.maximum.accumulate(np.concatenate([[first], self.values[:-1]]))
        return found

    def logs(self) -> Floats:
        """The logarithms of its values; of what is not positive they are no numbers."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(self.values)


NOTHING = Column(np.empty(0, np.int64), np.empty(0))


class Stretch:
    """Rows of one source: `steps`, `times` (unix seconds, NaN where unknown), and a column a metric.

    `columns` stand in the order in which a row names its metrics. All rows are of one rank, `rank`.
    """

    def __init__(
        self, source: str, steps: Places, times: Floats, columns: dict[str, Column], rank: int | None = None
    ) -> None:  # fmt: skip
        self.source, self.steps, self.times, self.columns = source, steps, times, columns
        self.rank = rank

    @classmethod
    def of(
        cls, steps: "Places | range", times: Floats | None, columns: dict[str, Column]
    ) -> "Stretch":
        """Rows of a log whose source is not told yet."""
        known = np.full(len(steps), math.nan) if times is None else times
        return cls("", np.asarray(steps, np.int64), known, columns)

    @classmethod
    def of_rows(cls, source: str, rows: Sequence[Row]) -> "Stretch":
        """Rows as columns; the first names of all come first."""
        kept: dict[str, tuple[list[int], list[float]]] = {}
        for place, row in enumerate(rows):
            for name, value in row.values.items():
                places, values = kept.setdefault(name, ([], []))
                places.append(place)
                values.append(value)
        columns = {
            name: Column(np.asarray(places, np.int64), np.asarray(values, np.float64))
            for name, (places, values) in kept.items()
        }
        times = [math.nan if row.time is None else row.time for row in rows]
        steps = np.asarray([row.step for row in rows], np.int64)
        return cls(source, steps, np.asarray(times, np.float64), columns)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Row]:
        values: list[dict[str, float]] = [{} for _ in range(len(self))]
        for name, column in self.columns.items():
            for place, value in zip(column.rows.tolist(), column.values.tolist(), strict=True):
                values[place][name] = value
        times = [None if time != time else time for time in self.times.tolist()]
        return map(Row, self.steps.tolist(), times, values)

    def row(self, place: int) -> Row:
        """One of its rows."""
        cells = ((name, column.at(place)) for name, column in self.columns.items())
        values = {name: value for name, value in cells if value is not None}
        time = float(self.times[place])
        return Row(int(self.steps[place]), None if math.isnan(time) else time, values)

    def part(self, start: int, stop: int) -> "Stretch":
        """The rows from `start` to before `stop`."""
        columns = {}
        for name, column in self.columns.items():
            inside = column.between(start, stop)
            if len(inside.rows):
                columns[name] = Column(inside.rows - start, inside.values)
        steps, times = self.steps[start:stop], self.times[start:stop]
        return Stretch(self.source, steps, times, columns, self.rank)

    def column(self, name: str) -> Column:
        """The column of a metric; one without rows where there is none."""
        return self.columns.get(name, NOTHING)

    def before(self, steps: Places, first: int) -> Places:
        """What stood before each of the steps, `first` before the first."""
        return np.concatenate([[first], steps[:-1]])

    def moves(self, times: Floats, last: float) -> Floats:
        """The seconds from each time to the next, from `last` to the first."""
        return np.diff(times, prepend=last)

    def outside(self, names: "Container[str]", start: int) -> "NDArray[np.bool_]":
        """For each row from `start` on, whether it holds a metric that is none of these."""
        found = np.zeros(len(self) - start, bool)
        for name, column in self.columns.items():
            if name not in names:
                found[column.since(start).rows - start] = True
        return found

    def gaps(self, missing: "NDArray[np.bool_]", rows: Places, first: int) -> Places:
        """How many rows were missing before each of the rows and since the one before; `first` before all."""
        total = np.concatenate([[0], np.cumsum(missing)])[rows]
        return np.diff(total, prepend=-first)

    def ends(self, rows: Places, start: int) -> Places:
        """The rows, and the end of the stretch, each counted from `start`."""
        return np.append(rows, len(self) - start)

    def longest(self, gaps: Places, first: int) -> Places:
        """The longest gap before each one, or `first` where that is longer."""
        found: Places = np.maximum.accumulate(np.concatenate([[first], gaps[:-1]]))
        return found

    def any_until(self, rows: "list[Places]", marks: Places) -> "NDArray[np.bool_]":
        """For each mark, whether any of the rows lies after the mark before, up to itself."""
        found = np.zeros(len(marks), bool)
        for places in rows:
            at = np.searchsorted(marks, places)
            found[at[at < len(marks)]] = True
        return found

    def first(self, names: "Iterator[str] | list[str]", start: int) -> int:
        """The first row from `start` on in which one of the metrics stands; its length where none does."""
        found = len(self)
        for name in names:
            rest = self.column(name).since(start)
            if len(rest.rows):
                found = min(found, int(rest.rows[0]))
        return found

    def holding(self, names: "list[str]") -> list[int]:
        """The rows in which any of the metrics stands, in order."""
        rows = [self.column(name).rows for name in names]
        return np.unique(np.concatenate(rows)).tolist() if rows else []

    def calm(self, gap_s: float, step: int, time: float) -> list[tuple[int, int, bool]]:
        """Its rows in runs `(start, stop, calm)`; `step` and `time` are those of the row before.

        In a calm one all values are finite, steps do not go back, and times go on by at most `gap_s`.
        """
        odd = np.zeros(len(self), bool)
        gone = self.times[0] - time
        odd[0] = (
            self.steps[0] < step or gone > gap_s or gone < 0 or (gone != gone) != (time != time)
        )
        for column in self.columns.values():
            odd[column.rows[~np.isfinite(column.values)]] = True
        odd[1:] |= self.steps[1:] < self.steps[:-1]
        with np.errstate(invalid="ignore"):
            move = np.diff(self.times)
            odd[1:] |= (move > gap_s) | (move < 0)
        odd[1:] |= np.isnan(self.times[1:]) != np.isnan(self.times[:-1])
        edges = [0, *(np.flatnonzero(np.diff(odd)) + 1).tolist(), len(self)]
        runs = [(a, b, not odd[a] and b - a >= LEAST) for a, b in itertools.pairwise(edges)]
        return [run for run in runs if run[0] < run[1]]


def whole_steps(column: Column, rows: int) -> Places | None:
    """The steps of all rows; None where one has none, or no whole number that a float holds exactly."""
    values = column.values
    if (
        len(values) < rows
        or not (np.abs(values) < 2.0**53).all()
        or (values != np.floor(values)).any()
    ):
        return None
    return values.astype(np.int64)


def moments(column: Column, clock: tuple[float, float], rows: int) -> Floats | None:
    """Unix seconds of all rows; nothing where the values are no times of a clock, None where only some are."""
    low, high = clock
    for unit in (1.0, 1000.0):
        values = column.values / unit
        inside = (values > low) & (values < high)
        if inside.all() and len(values) == rows:
            return values
        if inside.any():
            return None
    return column.values[:0]


def first_of(mask: "NDArray[np.bool_]") -> int:
    """The place of the first that is true; the length where none is."""
    at = int(mask.argmax()) if len(mask) else 0
    return at if len(mask) and mask[at] else len(mask)


def before_each(kept: list[float], values: Floats, width: int, *, low: bool = False) -> Floats:
    """The largest (`low`: the smallest) of the `width` values before each; `kept` are those before the first."""
    lead = np.full(width, math.inf if low else -math.inf)
    if kept:
        lead[-min(width, len(kept)) :] = kept[-width:]
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([lead, values[:-1]]), width)
    found: Floats = windows.min(axis=1) if low else windows.max(axis=1)
    return found


def middle_before(kept: list[float], column: Column) -> Column:
    """For each value the median of as many before it as are `kept`: those before the first."""
    values = np.concatenate([kept, column.values[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(values, len(kept))
    return Column(column.rows, np.sort(windows, axis=1)[:, len(kept) // 2])


def middles(values: Floats, width: int) -> Floats:
    """The upper median of each `width` values; what is left over at the end is not looked at."""
    whole = values[: len(values) // width * width].reshape(-1, width)
    found: Floats = np.sort(whole, axis=1)[:, width // 2]
    return found


def joined(first: list[float], then: Floats) -> Floats:
    """Both, one after the other."""
    return np.concatenate([np.asarray(first, np.float64), then])


def in_logs(values: Floats, floor: float) -> Floats:
    """The logarithms of values, none below that of the floor."""
    found: Floats = np.log(np.maximum(values, floor))
    return found
