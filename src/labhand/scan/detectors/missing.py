"""Cells without a value."""

from collections.abc import Iterable

from labhand.core.finding import Severity
from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part
from labhand.scan.detectors import _clock
from labhand.scan.detectors._cells import share

MUCH = 0.5
"""From this share on a column says more by its gaps than by its values."""


class Detector:
    """Cells without a value.

    ## What it does
    Counts nulls, and NaN in columns of numbers, of every column. Where times go on in equal steps, in the file
    or in each group, it tells where steps are missing, and where the time stands still or goes back.

    ## Why is this bad
    Many models and losses cannot take them, and what fills them quietly becomes part of the result. A
    row without a label cannot be learned from.

    ## Known problems
    A gap may be meant, as the end of what has not ended. Unless the label or half of a column is
    missing, it is a note.

    ## Example
    `,` with nothing between two commas

    ## Use instead
    Impute on the training split, add a column that says where there was no value, or drop the rows.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column that lacks values, and one for rows that a clock in equal steps lacks or has twice."""
        for part in data.parts:
            yield from _clock.stumbles(data, part)
            for column in part.columns.values():
                if column.name == data.role("context"):
                    continue  # what goes with a prompt may be absent
                if column.nulls or (column.odd and column.dtype.is_float()):
                    yield from _look(data, part, column)


def _look(data: Data, part: Part, column: Column) -> Iterable[Anomaly]:
    import polars as pl

    cell = pl.col(column.name)
    empty = cell.is_null() | cell.is_nan() if column.dtype.is_float() else cell.is_null()
    found = part.where(empty, column=pl.lit(column.name), value=pl.lit(None, dtype=pl.String))
    lacking = len(found)
    if not lacking:
        return
    is_label = column.name == data.role("label") and "label" not in data.guessed
    # beside one value alone, an empty cell is the other one
    much = lacking >= MUCH * part.rows and column.unique != 1
    severity: Severity = "warning" if is_label or much else "note"
    yield Anomaly(
        part,
        f"`{column.name}` has no value in {lacking:,} of {part.rows:,} rows "
        f"({share(lacking, part.rows)})",
        "leave out the rows without a label"
        if is_label
        else "impute, flag or drop them on purpose",
        0.99,
        found,
        [column.name],
        severity,
        normal="every cell has a value",
        group=f"missing {severity}",
    )
