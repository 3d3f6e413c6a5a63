"""Columns that say the same as another one."""

from collections.abc import Iterable, Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors import _blocks
from labhand.scan.detectors._cells import shown
from labhand.scan.outputs import bookkeeping

LEAST = 10
MOST = 400
"""Columns of numbers whose correlations are all computed."""
SOME = 200_000
"""Rows that correlations are first computed on; what is found is verified on all."""
SAME = 0.99999
"""The correlation from which on columns may be multiples of each other, up to rounding."""
FINE = 0.02
"""Deviations that the last digit of a column may be worth for rounding to explain a difference."""


class Detector:
    """Columns that say the same as another one.

    ## What it does
    Finds columns that are equal cell by cell, columns of words each value of which has one counterpart
    in another, columns of numbers that are a multiple of another plus a constant, and columns that are
    equal over a block of rows alone.

    ## Why is this bad
    The column counts twice in distances and regularisation, and importance is shared at random.

    ## Known problems
    A code beside its name is redundant on purpose; that is why it is a note, unless the columns are
    equal.

    ## Example
    `class: 1, 3, 2` beside `pclass: First, Third, Second`

    ## Use instead
    Keep one of them.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        for part in data.parts:
            if part.rows < LEAST:
                continue
            apart = {data.role("label"), data.role("prediction"), *bookkeeping(data, part)}
            seen: set[str] = set()
            for name, other, how in (*_equal(part), *_straight(part), *_named(part)):
                if name in seen or {name, other} & apart:
                    continue
                seen.add(name)
                yield _anomaly(part, name, other, how)
            yield from _blocks.copied(data, part)


def _anomaly(part: Part, name: str, other: str, how: str) -> Anomaly:
    # numbers of the rows stand twice in many a table, and no model learns from them
    sure = how == "they are equal" and not part.columns[name].is_id
    return Anomaly(
        part,
        f"`{name}` says the same as `{other}` in all {part.rows:,} rows: {how}",
        f"keep `{other}` alone",
        0.95,
        columns=[name, other],
        severity="warning" if sure else "note",
        normal="each column says something of its own",
        group=f"redundant-column {sure}",
    )


def _equal(part: Part) -> Iterator[tuple[str, str, str]]:
    import polars as pl

    names = [c.name for c in part.columns.values() if c.unique > 1 and c.kind != "other"]
    if not names:
        return
    hashes = part.select(pl.col(n).hash().sum().alias(n) for n in names).row(0)
    first: dict[tuple[int, str], str] = {}
    for name, told in zip(names, hashes, strict=True):
        other = first.setdefault((told, str(part.columns[name].dtype)), name)
        if other != name:
            same = pl.col(name).eq_missing(pl.col(other)).all()
            if part.select(same).item():
                yield name, other, "they are equal"


def _straight(part: Part) -> Iterator[tuple[str, str, str]]:
    import numpy as np

    names = [
        c.name
        for c in part.columns.values()
        if c.kind == "number" and c.std and c.unique > 4 and not c.nulls and not c.odd
    ]
    if not 2 <= len(names) <= MOST:
        return
    matrix = part.numbers(names)
    some = matrix[:: max(1, len(matrix) // SOME)]
    with np.errstate(all="ignore"):
        related = np.abs(np.corrcoef(some, rowvar=False))
    for late in range(1, len(names)):
        for early in np.flatnonzero(related[late, :late] > SAME):
            a, b = matrix[:, early], matrix[:, late]
            slope, base = np.polyfit(a - a.mean(), b, 1)
            away = np.abs(base + slope * (a - a.mean()) - b).max()
            rounding = abs(slope) * _digit(a) / 2 + _digit(b) / 2
            fine = max(_digit(b) / b.std(), _digit(a) / a.std()) < FINE
            if away <= max(1e-4 * b.std(), 1.05 * rounding * fine):
                yield (
                    names[late],
                    names[early],
                    f"it is {shown(float(slope))} times as large, plus a constant",
                )
                break


def _digit(numbers: Any) -> float:
    """What the last decimal that numbers are written with is worth; 0 for more than six decimals."""
    import numpy as np

    for places in range(7):
        if np.array_equal(np.round(numbers, places), numbers):
            return float(10.0**-places)
    return 0.0


def _named(part: Part) -> Iterator[tuple[str, str, str]]:
    """Columns of few values, each of which goes with one value of the other, and back."""
    import polars as pl

    few = [
        c
        for c in part.columns.values()
        if c.kind in ("category", "flag", "number") and 2 <= c.unique <= 200
        and c.filled > 5 * c.unique and (c.kind != "number" or c.whole)
    ]  # fmt: skip
    for place, late in enumerate(few[:80]):
        for early in few[:place]:
            if early.unique != late.unique or early.dtype == late.dtype == pl.Boolean:
                continue
            if early.kind == late.kind == "number":
                continue
            pairs = part.select(pl.struct(early.name, late.name).drop_nulls().n_unique()).item()
            if pairs == early.unique and early.nulls == late.nulls == 0:
                yield late.name, early.name, f"each of its {late.unique} values goes with one there"
                break
