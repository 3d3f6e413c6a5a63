"""The gaps of a metric in a table, where a NaN is often written as an empty cell."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch


class Blank:
    """Counts the rows in which a metric should have stood and does not.

    A row counts where all it holds are names that came with the metric while it lived: a row of
    other names (an evaluation between the training steps) says nothing. An empty row counts too.
    """

    def __init__(self) -> None:
        self._beside: set[str] = set()
        self._alive = 0
        self._longest = 0
        self.always = True
        self.count = 0
        self.first_step: int | None = None

    def alive(self, row: Mapping[str, float]) -> None:
        """The metric stands in this row."""
        self._alive += 1
        self.always = self.always and self.count == 0
        self._longest = max(self._longest, self.count)
        self.count, self.first_step = 0, None
        if len(row) != len(self._beside) or not self._beside.issuperset(row):
            self._beside.update(k for k, v in row.items() if v - v == 0.0)

    def missing(self, row: Mapping[str, float], step: int) -> None:
        """The metric does not stand in this row, or is NaN in it."""
        if all(k in self._beside or v != v for k, v in row.items()):
            self.count += 1
            if self.first_step is None:
                self.first_step = step
        else:
            self.always = False

    def skim(self, stretch: "Stretch", name: str, start: int, *, tells: bool) -> int:
        """The first row of a stretch by which more is known of what stands beside it, or it may be `gone`.

        The latter only where that `tells` something.
        """
        column, outside = stretch.column(name).since(start), stretch.outside(self._beside, start)
        rows = column.rows - start
        new = rows[outside[rows]]
        found = start + int(new[0]) if len(new) else len(stretch)
        if tells and len(rows) < len(outside):
            missing = ~outside
            missing[rows] = False
            gaps = stretch.gaps(missing, stretch.ends(rows, start), self.count)
            longest = stretch.longest(gaps, self._longest)
            gone = (gaps >= 3) & (gaps > 3 * longest)
            if gone.any():
                first = int(gone.argmax())
                found = min(found, start + (int(rows[first - 1]) + 1 if first else 0))
        return found

    def pass_over(self, stretch: "Stretch", name: str, start: int, stop: int) -> None:
        """Counts the rows from `start` to before `stop`, as if one by one."""
        rows = stretch.column(name).between(start, stop).rows - start
        if stop <= start:
            return
        if len(rows) == stop - start:
            self.always = self.always and self.count == 0
            self._longest = max(self._longest, self.count)
            self._alive += len(rows)
            self.count, self.first_step = 0, None
            return
        missing = ~stretch.outside(self._beside, start)[: stop - start]
        self.always = self.always and int(missing.sum()) >= stop - start - len(rows)
        missing[rows] = False
        last = -1
        if len(rows):
            gaps = stretch.gaps(missing, rows, self.count)
            self.always = self.always and not gaps.any()
            self._longest = max(self._longest, int(gaps.max()))
            self._alive += len(rows)
            self.count, self.first_step = 0, None
            last = int(rows[-1])
        tail = missing[last + 1 :].nonzero()[0]
        if len(tail):
            self.count += len(tail)
            if self.first_step is None:
                self.first_step = int(stretch.steps[start + last + 1 + int(tail[0])])

    @property
    def gone(self) -> bool:
        """Whether the gap is longer than any gap that is usual for this metric."""
        return self._alive >= 3 and self.count >= max(3, 3 * self._longest + 1)
