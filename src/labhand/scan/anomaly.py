"""What a detector answers: an anomaly, with the rows it found."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.core.finding import Safety, Severity

if TYPE_CHECKING:
    import polars as pl

    from labhand.scan.data import Part


class Repair(NamedTuple):
    """What would settle an anomaly, as operations on rows.

    `operations` has the columns `row` and `op` (`drop`, `edit` or `merge`), and for an edit `column`
    and `value` (a string as the file would hold it; null empties the cell), for a merge `into`.
    """

    safety: Safety
    summary: str
    operations: "pl.DataFrame"


class Anomaly(NamedTuple):
    """Something is off in one part of the data.

    `found` has one line a row: `row` and `score` (higher is stranger), strongest first, and may have
    `column` and `value` (a cell), `column`, `start` and `end` (a span of characters), `partner` and
    `partner_part` (what the row is compared with: a row number and a part's name), `suggested`,
    `confidence` (of that row alone). It is None where whole columns or the whole part are meant.

    `confidence` is the share of such claims that are true; `normal` says what it usually looks like;
    anomalies with the same `group` are told as one where they are many.
    """

    part: "Part"
    message: str
    advice: str
    confidence: float
    found: "pl.DataFrame | None" = None
    columns: Sequence[str] = ()
    severity: Severity = "warning"
    normal: str = ""
    evidence: dict[str, Any] = {}  # noqa: RUF012  a NamedTuple's default is never changed
    repair: Repair | None = None
    group: str = ""


def found(
    rows: Iterable[int], scores: Iterable[float] | None = None, **columns: Iterable[Any]
) -> "pl.DataFrame":
    """The `found` of an anomaly from plain lists, strongest first; without scores all are 1."""
    import polars as pl

    row = pl.Series("row", list(rows), dtype=pl.Int64)
    score = [1.0] * len(row) if scores is None else list(scores)
    frame = pl.DataFrame([row, pl.Series("score", score, dtype=pl.Float64)])
    frame = frame.with_columns(**{name: pl.Series(list(v)) for name, v in columns.items()})
    return frame.sort("score", descending=True, maintain_order=True)


def drops(rows: "pl.Series | Iterable[int]") -> "pl.DataFrame":
    """The operations that drop these rows."""
    import polars as pl

    return pl.DataFrame({"row": pl.Series("row", rows, dtype=pl.Int64)}).with_columns(
        op=pl.lit("drop")
    )


def edits(rows: Iterable[int], column: str, values: Iterable[str | None]) -> "pl.DataFrame":
    """The operations that put these values into one column of these rows."""
    import polars as pl

    frame = pl.DataFrame(
        [pl.Series("row", rows, dtype=pl.Int64), pl.Series("value", values, dtype=pl.String)]
    )
    return frame.with_columns(op=pl.lit("edit"), column=pl.lit(column))
