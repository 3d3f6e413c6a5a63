"""Values that differ in case, blanks or punctuation alone."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly, Repair, edits
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import counted, shown

if TYPE_CHECKING:
    import polars as pl

MOST = 20_000
"""Different values of a column that are compared."""


class Detector:
    """Values that differ in case, blanks or punctuation alone.

    ## What it does
    Compares the values of a column of words as they are in lower case, without accents, blanks,
    full stops and hyphens within; of those that are then the same, the rarer ones are found.

    ## Why is this bad
    One category becomes two, each with fewer rows, and a model must learn both.

    ## Known problems
    Codes in which case or a hyphen has a meaning.

    ## Example
    `OK`, `Ok`, `OK `

    ## Use instead
    Write each value in one way; the patch does.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        import polars as pl

        for part in data.parts:
            for column in part.columns.values():
                if column.kind == "category" and column.dtype == pl.String and not column.is_id:
                    yield from _look(part, column)


def _look(part: Part, column: Column) -> Iterable[Anomaly]:
    import polars as pl

    counts = part.counts(column.name) if column.unique <= MOST else None
    if counts is None or len(counts) > 0.5 * column.filled:
        return
    plain = pl.col("value").str.normalize("NFKD").str.to_lowercase()
    plain = plain.str.replace_all(r"[\s_.\p{M}]+", "")
    # a sign before a number or after a letter has a meaning: `-1`, `A-`
    plain = plain.str.replace(r"^-", "−").str.replace_all(r"-+([^-])", "$1")
    alike = counts.drop_nulls().with_columns(key=plain).filter(pl.col("key") != "")
    # signs may be all that tells two values apart: `+` and `-`, `a-` and `a+`
    usual = alike.group_by("key", maintain_order=True).agg(usual=pl.col("value").first())
    odd = alike.join(usual, on="key").filter(pl.col("value") != pl.col("usual"))
    if not len(odd):
        return
    cell = pl.col(column.name)
    found = part.where(
        cell.is_in(odd["value"].implode()),
        column=pl.lit(column.name),
        value=cell,
        suggested=cell.replace_strict(odd["value"], odd["usual"], default=None),
    )
    yield _anomaly(part, column, odd, found)


def _anomaly(part: Part, column: Column, odd: "pl.DataFrame", found: "pl.DataFrame") -> Anomaly:
    pairs = [f"{shown(r['value'])} for {shown(r['usual'])}" for r in odd.head(3).to_dicts()]
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    return Anomaly(
        part,
        f"{counted(len(found), 'cell')} of `{column.name}` write a value in another way: "
        f"{', '.join(pairs)}{more}",
        "write each value in one way",
        0.92,
        found,
        [column.name],
        "warning",
        normal="a value is written in one way",
        repair=Repair(
            "scientific",
            f"write {counted(len(found), 'cell')} as most are written",
            edits(found["row"], column.name, found["suggested"]),
        ),
        group="category-variant",
    )
