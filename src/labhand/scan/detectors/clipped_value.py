"""Values that were cut off at a limit."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors.disguised_missing import SENTINELS

if TYPE_CHECKING:
    import polars as pl

LEAST = 10
SHARE = 0.008
TIMES = 8.0
"""How much commoner the limit must be than the values beside it."""
BESIDE = 20
LONE = 3.0
"""How much commoner than any value beside it a limit is that needs to be only half of `TIMES`."""
GROUPS, KEYS = 200, 4
MOST = 1_000_000
"""Rows up to which groups are looked at one by one."""
WITHIN = 0.02
"""The share of the rows of a group that hold its limit."""
ENDS = (1.0, -1.0, 4.0, 5.0, 10.0, 100.0, -100.0)
"""Where scales of shares, grades, marks and points end by themselves."""


class Detector:
    """Values that were cut off at a limit.

    ## What it does
    Finds columns of many different numbers whose largest (or smallest) one occurs far more often than
    those next to it, over all rows or within one group of them, as of one sensor that saturates.

    ## Why is this bad
    What lies beyond is unknown; a regression on it learns the limit.

    ## Known problems
    Scores out of 100 pile up at 100 without being cut: at the end of such a scale it is a note. A
    smallest value of 0 is taken for a true one. Where another value is as common as the largest, as among
    loans and recipes, the largest may be chosen as well: a note.

    ## Example
    Prices of houses: 965 of 20,640 are exactly 500,001

    ## Use instead
    Treat the rows as censored, or leave them out and say so.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column and end."""
        for part in data.parts:
            for column in part.columns.values():
                enough = column.kind == "number" and column.unique >= 50 and column.filled >= 200
                if enough and column.name != data.role("id"):
                    whole = list(_look(part, column))
                    yield from whole or _within(data, part, column)


def _look(part: Part, column: Column) -> Iterable[Anomaly]:
    import polars as pl

    cell = number(column)
    for limit, largest in ((column.max, True), (column.min, False)):
        if limit is None or limit == 0 or limit in SENTINELS:
            continue
        times = int(part.select((cell == limit).sum()).item())
        if times < max(LEAST, SHARE * column.filled) or times > 0.5 * column.filled:
            continue
        others = part.lazy.select(v=cell).filter(pl.col("v").is_finite() & (pl.col("v") != limit))
        near = others.group_by("v").len("n").sort("v", descending=largest).head(BESIDE)
        beside = near.collect(engine="streaming")["n"].to_numpy()
        usual = max(1.0, float(beside.mean()))
        # counts have most of their values at the smallest by themselves
        alone = times >= LONE * beside.max() and (largest or not column.whole)
        if times < TIMES * usual / (1 + alone) or times <= beside.max():
            continue
        value = pl.col(column.name).cast(pl.String, strict=False)
        found = part.where(cell == limit, column=pl.lit(column.name), value=value)
        end = "largest" if largest else "smallest"
        # shares, marks and points have an end of their own; numbers that people choose come again and again
        ends = limit in ENDS or _chosen(others, times) or _rounded(part, cell, limit)
        yield Anomaly(
            part,
            f"{times:,} of {column.filled:,} cells of `{column.name}` ({share(times, column.filled)}) are "
            f"exactly {shown(limit)}, the {end}; each of the values next to it is there {usual:.1f} times",
            "treat them as cut off: what lies beyond is unknown",
            0.3 if ends else 0.85,
            found,
            [column.name],
            "note" if ends else "warning",
            normal=f"the {BESIDE} values next to the {end} are there {usual:.1f} times each",
            group=f"clipped-value {ends}",
        )


def _rounded(part: Part, cell: "pl.Expr", limit: float) -> bool:
    """Whether a round limit ends a column of round numbers, as the most that is lent does."""
    if limit % 1000:
        return False
    round_ = part.select((cell % 100 == 0).mean()).item()
    return bool(round_ is not None and round_ > 0.98)


def _within(data: Data, part: Part, column: Column) -> Iterable[Anomaly]:
    """Groups of rows of which many hold their largest (or smallest) number, as those of no other group do."""
    import polars as pl

    if part.rows > MOST:
        data.left_out(f"limits within groups, in more than {MOST:,} rows")
        return
    if (part.select(number(column).unique_counts().max()).item() or 0) < LEAST:
        return
    apart = (data.role("label"), data.role("prediction"), column.name)
    cell = number(column)
    for key in part.groupings(GROUPS, KEYS, apart):
        frame = part.select(g=pl.col(key).cast(pl.String), v=cell).filter(pl.col("v").is_finite())
        for end in ("largest", "smallest"):
            value = pl.col("v")
            limit = (value.max() if end == "largest" else value.min()).over("g")
            each = frame.group_by("g").agg(
                n=pl.len(),
                limit=value.max() if end == "largest" else value.min(),
                values=value.n_unique(),
                commonest=value.filter(value != limit).unique_counts().max(),
                times=(value == limit).sum(),
            )
            # an end that other groups reach as well is the column's own
            most = part.select(number(column).quantile(0.99 if end == "largest" else 0.01)).item()
            own = pl.col("limit") < most if end == "largest" else pl.col("limit") > most
            odd = each.filter(
                own
                & (pl.col("times") >= pl.max_horizontal(pl.lit(LEAST), WITHIN * pl.col("n")))
                & (pl.col("times") >= 2.5 * pl.col("commonest"))
                & (pl.col("times") >= TIMES * pl.col("n") / pl.col("values"))
                & (pl.col("values") >= 20)
                & (pl.col("limit") != 0)
            ).drop_nulls("g")
            if 0 < len(odd) <= max(1, len(each) // 5):
                for one in odd.sort("times", descending=True).iter_rows(named=True):
                    yield _clipped(part, column, key, end, one)
                return


def _clipped(part: Part, column: Column, key: str, end: str, one: dict[str, Any]) -> Anomaly:
    import polars as pl

    is_there = (pl.col(key).cast(pl.String) == one["g"]) & (number(column) == one["limit"])
    value = pl.col(column.name).cast(pl.String, strict=False)
    return Anomaly(
        part,
        f"where `{key}` is {shown(one['g'])}, {one['times']:,} of {one['n']:,} cells of `{column.name}` "
        f"({share(one['times'], one['n'])}) are exactly {shown(one['limit'])}, the {end} there: they are cut off; no "
        f"other value is there more than {one['commonest']:,} times",
        "treat them as cut off: what lies beyond is unknown",
        0.8,
        part.where(is_there, column=pl.lit(column.name), value=value),
        [column.name, key],
        "warning",
        normal=f"the {end} value of a group is there about as often as those next to it",
        group="clipped-value within",
    )


def _chosen(others: "pl.LazyFrame", times: int) -> bool:
    """Whether another value is there as often as the limit."""
    often = others.group_by("v").len("n").select("n").max().collect(engine="streaming").item()
    return bool(often is not None and often >= times)
