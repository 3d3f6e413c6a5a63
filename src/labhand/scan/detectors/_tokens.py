"""Lists of tokens: numbers beyond the vocabulary of all others."""

from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import ROW, Part
from labhand.scan.detectors._cells import counted, shown

LEAST = 50
MOST = 0.03
"""The share of rows up to which numbers beyond those of all others are mistakes."""
SEVERAL = 200
"""Different numbers below which a list holds labels and no tokens."""
BESIDE, GAP = 50, 12.0
"""How many of the largest others tell how densely numbers lie there, and how many times as wide the gap is."""
MOST_ITEMS = 20_000_000


def beyond(part: Part) -> Iterator[Anomaly]:
    """A claim a column of lists of whole numbers: rows with numbers below zero, or a gap above all others'."""
    import polars as pl

    if part.rows < LEAST or part.broken:
        return
    for name in part.names:
        dtype: Any = part.columns[name].dtype
        if not isinstance(dtype, pl.List) or dtype.inner is None or not dtype.inner.is_integer():
            continue
        cell = pl.col(name)
        if int(part.select(cell.list.len().sum()).item() or 0) > MOST_ITEMS:
            continue
        values = part.select(cell.explode().drop_nulls().unique().sort())[name].to_numpy()
        if len(values) < SEVERAL:
            continue
        ends = part.select(row=pl.col(ROW), most=cell.list.max(), least=cell.list.min())
        limit = _limit(values)
        ignored = values[0] if values[0] < 0 and (ends["least"] == values[0]).mean() > MOST else 0
        odd = ends.filter((pl.col("most") > limit) | ((pl.col("least") < 0) & (pl.col("least") != ignored)))  # fmt: skip
        if 0 < len(odd) <= max(1, MOST * part.rows):
            yield _told(part, name, odd.sort("row"), values, limit)


def _limit(values: Any) -> float:
    """The largest number before a gap that others, which lie densely, do not have; else the largest of all."""
    import numpy as np

    top = values[-(3 * BESIDE) :].astype(float)
    steps = np.diff(top)
    for at in range(max(0, len(steps) - BESIDE), len(steps)):
        before = steps[max(0, at - BESIDE) : at]
        if len(before) >= BESIDE / 2 and steps[at] > GAP * max(1.0, before.mean()):
            return float(top[at])
    return float(values[-1])


def _told(part: Part, name: str, odd: Any, values: Any, limit: float) -> Anomaly:
    import polars as pl

    first = odd.row(0, named=True)
    value = first["most"] if first["most"] > limit else first["least"]
    found = odd.select("row", score=pl.lit(1.0), column=pl.lit(name), value=pl.lit(str(value)))
    return Anomaly(
        part,
        f"{counted(len(odd), 'row')} of `{name}` {'holds' if len(odd) == 1 else 'hold'} numbers beyond those of all others, "
        f"as row {first['row']} {shown(value)}; the others go from {max(0, int(values[0])):,} to {limit:,.0f} without a gap",
        "make the tokens again with the tokenizer of the others, or drop the rows",
        0.85,
        found,
        [name],
        "warning",
        normal=f"tokens lie from 0 to {limit:,.0f}",
        group="impossible-value token",
    )
