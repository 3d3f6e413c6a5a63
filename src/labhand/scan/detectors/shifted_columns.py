"""Rows whose cells stand in the wrong columns."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly, found
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors._cells import NOTHING, counted

LEAST = 2
"""Cells of a row that must be of the wrong kind."""


class Detector:
    """Rows whose cells stand in the wrong columns.

    ## What it does
    Finds lines before the table, lines with too few or too many fields, and rows in which words stand where all others have
    numbers and numbers where all others have words.

    ## Why is this bad
    Every cell after the shift is in the wrong column, and most still look like values.

    ## Known problems
    A shift among columns of one kind cannot be told from its cells.

    ## Example
    `Oslo,59.9,10.7` and, after a comma too many, `Oslo,,59.9,10.7`

    ## Use instead
    Mend the lines: quote what holds a delimiter.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One or two anomalies a part."""
        for part in data.parts:
            yield from _preamble(part)
            yield from _ragged(part)
            yield from _mixed(part)


def _ragged(part: Part) -> Iterable[Anomaly]:
    apart = set(part.facts.get("odd_delimiter", []))
    for name, what in (("short", "few"), ("long", "many")):
        rows = [row for row in part.facts.get(name, []) if row not in apart]
        if rows:
            yield Anomaly(
                part,
                f"{len(rows):,} of {part.rows:,} rows have too {what} fields for the {len(part.names)} "
                f"columns; the first: row {rows[0]}",
                "mend these lines; quote what holds a delimiter",
                0.97,
                found(rows),
                severity="error",
                normal=f"each row has {len(part.names)} fields",
            )


def _preamble(part: Part) -> Iterable[Anomaly]:
    if before := part.facts.get("preamble"):
        yield Anomaly(
            part,
            f"{counted(before, 'line')} before the table {'is' if before == 1 else 'are'} no part of it: "
            "who takes the first line for the header reads every column wrong",
            f"skip {before} when reading, or remove them",
            0.9,
            severity="warning",
            normal="the first line names the columns",
        )


def _mixed(part: Part) -> Iterable[Anomaly]:
    import polars as pl

    odd = []
    for column in part.columns.values():
        if column.dtype != pl.String or column.filled < 10:
            continue
        cell = pl.col(column.name)
        nothing = cell.str.strip_chars().str.to_lowercase().is_in(list(NOTHING))
        if column.kind == "number" and column.numeric < 1:
            odd.append((cell.is_not_null() & number(column).is_null() & ~nothing, "word"))
        elif column.kind == "category" and 0 < column.numeric <= 0.1:
            odd.append((number(column).is_not_null(), "number"))
    kinds = {kind for _, kind in odd}
    if len(kinds) < 2:
        return
    wrong = pl.sum_horizontal(e.fill_null(False).cast(pl.Int32) for e, _ in odd)
    told = part.where(wrong >= LEAST, wrong.cast(pl.Float64))
    if len(told):
        yield Anomaly(
            part,
            f"{len(told):,} of {part.rows:,} rows hold words in columns of numbers and numbers in columns "
            f"of words, as row {told['row'][0]}: their cells are shifted",
            "mend these lines",
            0.85,
            told,
            severity="error",
            normal="each column holds one kind of value",
        )
