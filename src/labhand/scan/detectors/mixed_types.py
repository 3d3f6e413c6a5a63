"""Cells of another type than the rest of their column."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors import _formats
from labhand.scan.detectors._cells import NOTHING, counted, displaced, shown
from labhand.scan.detectors._order import is_day

if TYPE_CHECKING:
    import polars as pl

MOST = 0.1
"""The share of cells up to which they are the odd ones, and the rest is the rule."""
MAIN = 0.6
"""The share of cells from which on one form of dates is the rule."""
OFTEN = 0.02
"""The share of cells from which on a form of dates is one of several."""
LONG_CODE = 4
"""Digits of a code from which on a shorter one may have lost a zero."""
FEWER = 0.35
"""The share of codes up to which those that are shorter have lost their zeros."""
_AS_DATE = r"^(?:\d{1,2}-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{1,2}|\d{4}-\d\d-\d\d(?:[ T]00:00:00)?|\d{1,2}[./]\d{1,2}[./]\d{2,4})$"
_AS_POWER = r"^\d(?:[.,]\d+)?[eE]\+\d{1,3}$"
_DATE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?$|^\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}$|^[A-Za-z]{3,9} \d{1,2},? \d{4}$"


class Detector:
    """Cells of another type than the rest of their column.

    ## What it does
    Finds words among numbers, numbers among words, dates in another form than most of theirs, names that a
    spreadsheet took for dates or for large numbers, codes that have lost the zeros in front, and cells that are
    not of the form of nearly all others: addresses, numbers of things, codes of countries, brackets left open.

    ## Why is this bad
    One word turns a column of numbers into text, or the cell into nothing when the column is cast. A
    date read in the wrong order is another day.

    ## Known problems
    A column of codes may hold numbers and words on purpose: numbers are odd only where no other cell
    holds a digit.

    ## Example
    `41, 38, forty, 52`

    ## Use instead
    Mend the cells, or cast with an explicit rule for what cannot be cast.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column and kind."""
        import polars as pl

        for part in data.parts:
            for column in part.columns.values():
                if column.dtype != pl.String or column.filled < 5:
                    continue
                if column.kind == "number":
                    yield from _words_among_numbers(part, column)
                elif column.kind == "category":
                    yield from _numbers_among_words(part, column)
                if column.kind in ("category", "text", "number"):
                    yield from _dates(part, column)
                if column.kind in ("category", "text") and not is_day(part, column):
                    told = [*_of_a_spreadsheet(part, column)]
                    yield from told or _formats.odd(part, column)
                yield from _lost_zeros(part, column)


def _of_a_spreadsheet(part: Part, column: Column) -> Iterable[Anomaly]:
    """Dates and powers of ten among names of another form: `2-Sep` for SEPT2, `2.31E+19` for 2310009E13."""
    import polars as pl

    cell = pl.col(column.name).str.strip_chars()
    for form, what in (
        (_AS_DATE, "dates, as a spreadsheet makes of names"),
        (_AS_POWER, "powers of ten"),
    ):
        odd = cell.str.contains(form)
        found = _found(part, column, odd)
        # where all are written so, it is how the column is
        if 0 < len(found) <= MOST * column.filled:
            yield _anomaly(part, column, found, what, "other names", 0.85)


def _lost_zeros(part: Part, column: Column) -> Iterable[Anomaly]:
    """Codes of digits that are shorter than the others, of which some begin with zeros."""
    import polars as pl

    if column.numeric < 1 - MOST or column.letters < LONG_CODE - 1:
        return
    cell = pl.col(column.name).str.strip_chars()
    digits = cell.str.contains(r"^\d+$")
    lengths = (
        part.lazy.filter(digits)
        .group_by(n=cell.str.len_chars())
        .agg(times=pl.len(), padded=cell.str.starts_with("0").sum())
    )
    told = lengths.sort("times").collect(engine="streaming").rows()
    if len(told) < 2:
        return
    usual, times, padded = told[-1]
    if usual < LONG_CODE or padded < 3 or times < (1 - FEWER) * column.filled:
        return
    found = _found(part, column, digits & (cell.str.len_chars() < usual))
    if len(found):
        yield _anomaly(
            part,
            column,
            found,
            f"codes of fewer than {usual} digits, without the zeros in front",
            f"of {usual} digits",
            0.85,
        )


def _found(part: Part, column: Column, odd: "pl.Expr") -> "pl.DataFrame":
    """Those cells, without those of rows that `shifted-columns` tells."""
    import polars as pl

    if not part.has(column.name, odd):
        odd = pl.lit(False)
    found = part.where(odd, column=pl.lit(column.name), value=pl.col(column.name))
    return found.join(displaced(part), on="row", how="anti") if len(found) else found


def _words_among_numbers(part: Part, column: Column) -> Iterable[Anomaly]:
    import polars as pl

    cell = pl.col(column.name)
    nothing = cell.str.strip_chars().str.to_lowercase().is_in(list(NOTHING))
    found = _found(part, column, cell.is_not_null() & number(column).is_null() & ~nothing)
    if 0 < len(found) <= 0.25 * column.filled:
        yield _anomaly(part, column, found, "no numbers", "numbers", 0.9)


def _numbers_among_words(part: Part, column: Column) -> Iterable[Anomaly]:
    import polars as pl

    if not 0 < column.numeric <= MOST:
        return
    digits = pl.col(column.name).str.contains(r"\d")
    with_digits = part.select(digits.sum()).item()
    if with_digits > column.numeric * column.filled + 0.5:
        return
    found = _found(part, column, number(column).is_not_null())
    if len(found):
        yield _anomaly(part, column, found, "numbers", "words", 0.8)


def _dates(part: Part, column: Column) -> Iterable[Anomaly]:
    import polars as pl

    cell = pl.col(column.name).str.strip_chars()
    is_date = cell.str.contains(_DATE)
    head = part.lazy.select(is_date.alias("d")).drop_nulls().head(200).collect()["d"]
    if not len(head) or head.mean() < 0.7:  # type: ignore[operator]
        return
    shape = cell.str.replace(r"[T ]\d{1,2}:.*$", " time").str.replace_all(r"\d", "9")
    shape = shape.str.replace_all(r"[A-Za-z]+", "a").str.replace_all(r"\b99?\b", "9")
    dates = part.lazy.filter(is_date).select(s=shape, v=cell)
    shapes = dates.group_by("s").agg(pl.len(), v=pl.col("v").first()).sort("len").collect()
    if not len(shapes):
        return
    usual, times, _ = shapes.row(-1)
    nothing = cell.str.to_lowercase().is_in(list(NOTHING))
    found = _found(part, column, cell.is_not_null() & (shape != usual) & ~nothing)
    if not len(found):
        return
    if times >= MAIN * column.filled:
        yield _anomaly(part, column, found, "dates of another form", f"of the form `{usual}`", 0.85)
    elif len(often := shapes.filter(pl.col("len") >= OFTEN * column.filled)) > 1:
        forms = ", ".join(f"{shown(v)} in {n:,}" for _, n, v in reversed(often.rows()))
        one = _anomaly(part, column, found, "dates of another form", f"of the form `{usual}`", 0.9)
        yield one._replace(
            message=f"the dates of `{column.name}` are written in {len(often)} forms: as {forms}",
            advice="read each form by its own rule; of 03/04 nobody can tell the day from the month",
        )


def _anomaly(
    part: Part, column: Column, found: "pl.DataFrame", what: str, others: str, confidence: float
) -> Anomaly:
    few = ", ".join(shown(v) for v in found["value"].unique(maintain_order=True)[:3])
    return Anomaly(
        part,
        f"{counted(len(found), 'cell')} of `{column.name}` are {what} ({few}), the other "
        f"{column.filled - len(found):,} are {others}",
        "mend these cells, or read the column by an explicit rule",
        confidence,
        found,
        [column.name],
        "warning",
        normal=f"the cells of `{column.name}` are {others}",
        group="mixed-types",
    )
