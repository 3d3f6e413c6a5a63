"""Rows far from all others in several columns together."""

from collections.abc import Iterable
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors import _other_space
from labhand.scan.detectors._cells import share
from labhand.scan.outliers import FIT, Outlierness, outlierness

LEAST = 30
"""Rows below which nobody knows what is usual."""
MOST = 0.02
FENCE = 2.0
"""Interquartile ranges above the upper quartile of how far rows lie, on a logarithmic scale."""
TOP = 3
SKEWED = 3.0
"""How much farther the upper twentieth lies from the middle than the lower one in a long tail."""
ALONE = 0.97


class Detector:
    """Rows far from all others in several columns together.

    ## What it does
    Scores every row by four views that need no labels (`--scores` writes them all), and finds those
    that lie apart from the rest by more than the rest spreads. Names the columns that count most. Of vectors it
    finds a batch, or several far off, that go in directions in which the others hardly do.

    ## Why is this bad
    Such rows are often mistakes of measuring or joining, and pull means and fits towards them.

    ## Known problems
    What is rare is not wrong: of data with a long tail, the tail is found. Gaps in a row count as the
    middle of their column.

    ## Example
    A flower with the petals of one species and the sepals of another

    ## Use instead
    Look at the rows; keep what is real.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part, and one a column of vectors."""
        elsewhere = [] if data.lacks("vectors") else list(_other_space.other_space(data))
        yield from elsewhere
        if (why := data.lacks("numbers")) is not None:
            if data.lacks("vectors"):
                raise CannotLook(why)
            return
        small = 0
        for part in data.parts:
            told = outlierness(data, part) if part.rows >= LEAST else None
            if told is None:
                small += 1
            else:
                yield from _look(part, told)
        if small == len(data.parts) and not elsewhere:
            raise CannotLook(f"fewer than {LEAST} rows, or no numbers that vary")


def _look(part: Part, told: Outlierness) -> Iterable[Anomaly]:
    import numpy as np

    low, high = np.quantile(_distance(_squares(told.usual, told.usual)), [0.25, 0.75])
    if high <= low:
        return
    fence = high + FENCE * (high - low)
    # by the score alone there is always a strangest row: it must also lie apart
    least = np.quantile(told.scores, 1 - MOST)
    deviations = _squares(told.matrix, told.usual)
    away = _distance(deviations)
    odd = np.flatnonzero((away > fence) & (told.scores[told.places] >= least))
    squares = deviations[odd]
    # one cell alone is what impossible-value looks at
    alone = squares.max(axis=1, initial=0) > ALONE * squares.sum(axis=1)
    odd = odd[~alone] if len(told.columns) > 1 else odd
    if not 0 < len(odd) <= MOST * part.rows + 1:
        return
    rows = part.row_numbers[told.places[odd]]
    strange = told.scores[told.places[odd]]
    columns, shares = _blamed(told, odd)
    found = made(rows, strange, column=columns)
    first = found.row(0, named=True)
    strongest = int(np.argmax(strange))
    yield Anomaly(
        part,
        f"{len(odd):,} of {part.rows:,} rows ({share(len(odd), part.rows)}) lie far from all others; the "
        f"farthest: row {first['row']}, mostly by {shares[strongest]}",
        "look at these rows; mend or leave out what is a mistake",
        0.6,
        found.drop("column"),
        sorted(set(columns)),
        "note",
        normal=f"three quarters of the rows lie within {np.exp(high):.2f} deviations of the middle",
        evidence={
            "contributions": dict(zip(map(int, rows[:50]), shares[:50], strict=True)),
            "neighbours_among": min(len(told.usual), FIT),
            "rows_looked_at_by_every_view": len(told.places),
            "views_dropped": told.dropped,
        },
        group="",
    )


def _squares(lines: Any, usual: Any) -> Any:
    """The squares of the robust deviations of each cell from the usual ones of its column."""
    import numpy as np

    lines, usual = np.array(lines, dtype=np.float64), np.array(usual, dtype=np.float64)
    # by quantiles: the rows that are looked for must not make a tail of themselves
    below, middle, above = np.quantile(usual, [0.05, 0.5, 0.95], axis=0)
    for at in np.flatnonzero(above - middle > SKEWED * (middle - below)):
        # a long tail is looked at on a logarithmic scale
        low = min(lines[:, at].min(), usual[:, at].min())
        base = max(float(np.median(usual[:, at])) - low, 1e-3)
        for some in (lines, usual):
            some[:, at] = np.log(some[:, at] - low + base)
    middle = np.median(usual, axis=0)
    spread = np.median(np.abs(usual - middle), axis=0) * 1.4826
    return np.minimum(((lines - middle) / np.where(spread > 0.02, spread, 1.0)) ** 2, 1e12)


def _distance(squares: Any) -> Any:
    """The log of the root mean square of the deviations of each line."""
    import numpy as np

    return 0.5 * np.log(squares.mean(axis=1) + 1e-3)


def _blamed(told: Outlierness, odd: Any) -> tuple[list[str], list[str]]:
    """Of each odd row the column that counts most, and the few that do with their share."""
    import numpy as np

    cells = told.matrix[odd]
    squares = np.asarray(cells, dtype=np.float64) ** 2
    shares = squares / np.maximum(squares.sum(axis=1, keepdims=True), 1e-12)
    order = np.argsort(-shares, axis=1)[:, :TOP]
    columns, texts = [], []
    for line, places in enumerate(order):
        columns.append(told.columns[places[0]])
        few = [p for p in places if shares[line, p] >= 0.1]
        texts.append(
            ", ".join(f"`{told.columns[p]}` ({cells[line, p]:+.1f} deviations)" for p in few)
        )
    return columns, texts
