"""The gaps of a metric in a table, where a NaN is often written as an empty cell."""

from collections.abc import Mapping


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

    @property
    def gone(self) -> bool:
        """Whether the gap is longer than any gap that is usual for this metric."""
        return self._alive >= 3 and self.count >= max(3, 3 * self._longest + 1)
