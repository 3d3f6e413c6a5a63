"""Classes with hardly a row."""

import re
from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share, shown

TINY = 5
"""Rows of a class below which nothing can be learned of it, nor measured."""
RATIO = 20.0
LEAST = 50
CLASS = re.compile(r"label|class", re.I)
"""How columns of numbers are called that name classes and count nothing."""


class Detector:
    """Classes with hardly a row.

    ## What it does
    Counts the rows of each class. Classes of fewer than five rows are found with their rows; a largest
    class 20 times the smallest is a note.

    ## Why is this bad
    Accuracy rewards forgetting the small classes, and a split may leave one out altogether.

    ## Known problems
    Rare things are rare: of a target of numbers that may count something it is a note. A label with a
    value of its own in most rows is no class and left alone.

    ## Example
    9,900 rows of `ok`, 100 of `fraud`

    ## Use instead
    Stratify, weigh, and report a score of each class.
    """

    needs = ("label",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One or two anomalies a part."""
        for part in data.parts:
            if data.role("label") in part.names and part.rows >= LEAST:
                yield from _look(part, str(data.role("label")), "label" in data.guessed)


def _look(part: Part, label: str, guessed: bool) -> Iterable[Anomaly]:
    import polars as pl

    column = part.columns[label]
    counts = part.counts(label)
    numbers = column.kind == "number" and (not column.whole or column.unique > 50)
    if counts is None or numbers or not 2 <= column.unique <= min(1000, 0.1 * part.rows):
        return
    # a target of several numbers, the larger the rarer, may count something
    counted = column.kind == "number" and column.unique > 2 and not CLASS.search(label)
    known = counts.drop_nulls("value")
    tiny = known.filter(pl.col("count") < TINY)
    (most, large), (least, small) = known.row(0), known.row(-1)
    value = pl.col(label).cast(pl.String, strict=False)
    if len(tiny):
        odd = pl.col(label).is_in(tiny["value"].implode())
        found = part.where(odd, column=pl.lit(label), value=value)
        if not len(found):  # the pieces of broken lines alone
            return
        yield Anomaly(
            part,
            f"{len(tiny)} of {len(known)} classes of `{label}` have fewer than {TINY} rows, as "
            f"{shown(least)} with {small}; {shown(most)} has {large:,}",
            "collect more of them, merge them, or leave them out and say so",
            0.9,
            found,
            [label],
            "note" if guessed or counted else "warning",
            normal=f"the middle class has {int(known['count'].median() or 0):,} rows",  # type: ignore[arg-type]
        )
    elif large >= RATIO * small:
        odd = pl.col(label) == pl.lit(least)
        yield Anomaly(
            part,
            f"class {shown(least)} of `{label}` has {small:,} of {part.rows:,} rows "
            f"({share(small, part.rows)}), {shown(most)} has {large / small:.0f} times as many",
            "stratify the splits, weigh the classes, and report the score of each",
            0.9,
            part.where(odd, column=pl.lit(label), value=value),
            [label],
            "note",
            normal="classes are within a factor of 20",
        )
