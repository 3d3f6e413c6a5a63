"""Rows in the order of their labels."""

import math
from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import ROW, CannotLook, Data, Part
from labhand.scan.detectors import _sorted_alone

LEAST = 40
DEVIATIONS = 8.0


class Detector:
    """Rows in the order of their labels.

    ## What it does
    Counts how often the label changes from one row to the next, and compares it with what shuffled
    rows would show (the test of runs, Wald and Wolfowitz 1940). Finds columns of numbers that are sorted
    by themselves within one group of rows, where they have lost what binds them to the other columns.

    ## Why is this bad
    Cut into splits without shuffling, a class is missing in one; trained in order, a model forgets
    each class over the next.

    ## Known problems
    Many files are sorted on purpose and shuffled when they are read: it is a note.

    ## Example
    50 rows of `setosa`, then 50 of `versicolor`, then 50 of `virginica`

    ## Use instead
    Shuffle before cutting, or stratify.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part for its label, one a column that was sorted by itself."""
        for part in data.parts:
            yield from _sorted_alone.columns(data, part)
        if why := data.lacks("label"):
            if not any(map(_sorted_alone.may_be, data.parts)):
                raise CannotLook(why)
            return
        for part in data.parts:
            if data.role("label") in part.names and part.rows >= LEAST:
                yield from _look(part, str(data.role("label")))


def _look(part: Part, label: str) -> Iterable[Anomaly]:
    import polars as pl

    column = part.columns[label]
    counts = part.counts(label)
    if counts is None or not 2 <= column.unique <= min(200, part.rows // 5):
        return
    cell = pl.col(label)
    whole = part.lazy.filter(~pl.col(ROW).is_in(part.broken)) if part.broken else part.lazy
    changes = int(whole.select((cell != cell.shift()).sum()).collect().item())
    rows = part.rows - len(part.broken)
    shares = [n / rows for n in counts.drop_nulls("value")["count"]]
    changing = 1 - sum(share * share for share in shares)
    expected = (rows - 1) * changing
    spread = math.sqrt(rows * changing * (1 - changing) + 1)
    if expected - changes < DEVIATIONS * spread or changes > 0.5 * expected:
        return
    yield Anomaly(
        part,
        f"`{label}` changes {changes:,} times from row to row, in shuffled rows it would about "
        f"{expected:,.0f} times: the rows are in its order",
        "shuffle before cutting into splits, or stratify",
        0.95,
        columns=[label],
        severity="note",
        normal=f"about {expected:,.0f} changes",
        evidence={"changes": changes, "expected": round(expected, 1)},
    )
