"""Lines that another delimiter than the file's splits."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly, found
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import shown

NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


class Detector:
    """Lines that another delimiter than the file's splits.

    ## What it does
    Finds rows with too few fields that another delimiter would split into as many as the others have,
    and tables whose only column holds a delimiter in every cell.

    ## Why is this bad
    All of the row stands in its first cell, and the other cells are empty.

    ## Known problems
    A text with commas in a table of one column looks alike; the number of delimiters must be the same
    in every cell.

    ## Example
    `1;2;3` among `4,5,6`

    ## Use instead
    Write the file anew with one delimiter.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        for part in data.parts:
            yield from _rows(part)
            yield from _whole(part)


def _rows(part: Part) -> Iterable[Anomaly]:
    rows = part.facts.get("odd_delimiter", [])
    if not rows:
        return
    usual, other = (NAMES.get(part.facts[k], "another sign") for k in ("delimiter", "other"))
    yield Anomaly(
        part,
        f"{len(rows):,} of {part.rows:,} rows are split by {other}, the rest by {usual}; the first: row "
        f"{rows[0]}",
        f"write these lines with {usual}",
        0.95,
        found(rows),
        severity="error",
        normal=f"{usual} splits every row into {len(part.names)} cells",
    )


def _whole(part: Part) -> Iterable[Anomaly]:
    import polars as pl

    if len(part.names) != 1 or part.rows < 3 or "delimiter" not in part.facts:
        return
    (name,) = part.names
    for sign in (*NAMES, ":"):
        if name.count(sign) == 0 or part.columns[name].dtype != pl.String:
            continue
        alike = pl.col(name).str.count_matches(sign, literal=True) == name.count(sign)
        if part.select(alike.mean()).item() > 0.9:
            yield Anomaly(
                part,
                f"the only column {shown(name)} holds {shown(sign)} {name.count(sign)} times in nearly "
                "every cell: the table was split by another sign",
                f"read the table with {shown(sign)} as its delimiter",
                0.9,
                columns=[name],
                severity="error",
                normal="a cell holds one value",
            )
