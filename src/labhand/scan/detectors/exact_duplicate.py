"""Rows that are equal to an earlier row in every column but the id."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.data import ROW, Data, Part
from labhand.scan.detectors import _choices, _same_pictures
from labhand.scan.detectors._rows import by_chance, coincidence, compared, met, missed

if TYPE_CHECKING:
    import polars as pl

COMMON = 0.5
"""Where more of the rows repeat than this, repeating is what the data does, and no anomaly."""


class Detector:
    """Rows that are equal to an earlier row in every column but the id.

    ## What it does
    Compares whole rows by a hash of all columns but the id, and verifies each pair. The first of equal
    rows is the partner, the later ones are found. Images are compared pixel by pixel. Of items with
    choices it finds those that offer one choice twice.

    ## Why is this bad
    A row that is there twice counts twice in training, and where it falls into two splits the score is
    that of memory.

    ## Known problems
    Tables of few columns with few values, such as votes or counts, repeat by chance: where so many
    equal rows are to be expected from the columns alone, nothing is said; where pairs that differ in
    one column alone are so many that some must agree in it too, it is a note.

    ## Example
    `5.1,3.5,setosa` in row 4 and again in row 90

    ## Use instead
    Drop the later rows, or keep a count of them in a column.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        for part in data.parts:
            yield from _look(data, part)
        yield from _same_pictures.repeats(data, exact=True)
        yield from _choices.offered_twice(data)


def _look(data: Data, part: Part) -> Iterable[Anomaly]:
    import polars as pl

    names = compared(data, part)
    if not names or part.rows < 2 or all(part.columns[n].kind == "vector" for n in names):
        return  # vectors alone are what vector-duplicate looks at
    again = met(data, part, [pl.col(name) for name in names])
    if not len(again):
        return
    first = pl.col(ROW).min().over("key")
    pairs = again.with_columns(first=first).filter(pl.col(ROW) != first).drop("key")
    pairs = _verified(part, pairs, names)
    if not len(pairs) or len(pairs) > COMMON * part.rows:
        return
    if by_chance(len(pairs), coincidence(part, names) * part.rows**2 / 2):
        return
    expected = missed(part, names)
    usual = by_chance(len(pairs), expected)
    found = pairs.select(row=ROW, score=pl.lit(1.0), partner="first").sort("row")
    originals = pairs["first"].n_unique()
    yield Anomaly(
        part,
        f"{len(found):,} of {part.rows:,} rows repeat an earlier row exactly"
        + (f" ({originals:,} rows are there more than once)" if originals < len(found) else "")
        + ("; so coarse columns bring as many by chance" if usual else ""),
        "drop the later rows, or weigh them on purpose",
        0.4 if usual else 0.97,
        found,
        severity="note" if usual else "warning",
        normal="each row is there once",
        evidence={
            "rows_repeated": originals,
            "columns_compared": len(names),
            "expected_by_chance": round(expected, 2),
        },
        repair=Repair("scientific", f"drop {len(found):,} repeated rows", drops(found["row"])),
    )


def _verified(part: Part, pairs: "pl.DataFrame", names: list[str]) -> "pl.DataFrame":
    """The pairs whose rows hold something and are truly equal: hashes may meet."""
    import polars as pl

    left = part.at(pairs[ROW].to_list(), names).drop(ROW)
    right = part.at(pairs["first"].to_list(), names).drop(ROW)
    same = left.select(pl.struct(names).alias("l")).hstack(
        right.select(pl.struct(names).alias("r"))
    )
    kept = same.select(pl.col("l").eq_missing(pl.col("r"))).to_series()
    held = left.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    return pairs.filter(kept & held)
