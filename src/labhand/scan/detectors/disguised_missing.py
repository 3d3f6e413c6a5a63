"""Cells that hold a word or a number that stands for nothing."""

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labhand.core.finding import Severity
from labhand.scan.anomaly import Anomaly, Repair, edits
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors._cells import MAY_MEAN_IT, NOTHING, counted, share, shown
from labhand.scan.outputs import bookkeeping
from labhand.scan.texts import ROLES

if TYPE_CHECKING:
    import polars as pl

SENTINELS = tuple(
    float(v) for v in "-1 -8 -9 -88 -99 -888 -999 -9999 -99999 99 999 9999 99999".split()
)
NEVER_ZERO = re.compile(
    r"(^|_)(glucose|pressure|bp|bmi|insulin|thickness|height|weight|mass|age|year|price|close|bid|ask|cost|area|size"
    r"|length|width|depth|horsepower|displacement|mpg|population|temperature|rate|volume|distance)(_|$)"
)
"""Quantities of which there is always some."""
KNOWN = frozenset({"NA", "NaN", "nan"})
"""What programs write themselves where a number is missing."""
NO_DAYS = [
    "1900-01-01", "1899-12-30", "1899-12-31", "1970-01-01", "1753-01-01", "0001-01-01", "1111-11-11",
    "9999-12-31", "9999-01-01", "9999-09-09", "2999-12-31", "2099-12-31", "1904-01-01", "1800-01-01",
]  # fmt: skip
"""The first and the last days of calendars of programs, as ISO writes them."""
YEARS, MANY_DAYS = 5, 100_000
FEWEST, FILLED, LONG, TIMES = 20, 0.01, 0.8, 10
"""Cells with the mean of the others, their share, and how much commoner than the next it is."""
SOME = 50_000
"""Rows that tell whether any number may be there so often."""
LEAST = 3
"""Times that a number must occur to be taken for a sentinel."""


class Detector:
    """Cells that hold a word or a number that stands for nothing.

    ## What it does
    Finds `?`, `N/A`, `-` and their like, in columns of words where they are rare, in columns of
    numbers always; numbers such as -1, 999 or 0 that come again and again, far from all others; days such
    as 1900-01-01, years from all others; and the mean of a column where cells were filled with it.

    ## Why is this bad
    A mean over -999 is wrong, and `?` becomes a category that a model learns.

    ## Known problems
    A real 0 or -1 far from the other values looks the same. A category that is called `none` on
    purpose is left alone where it is common.

    ## Example
    `23, 31, -999, 44, -999`

    ## Use instead
    Make them empty when the file is read: `null_values=["?", "-999"]`.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column and kind."""
        import polars as pl

        for part in data.parts:
            apart = bookkeeping(data, part)
            for column in part.columns.values():
                if column.name in apart:
                    continue
                # what texts lack is told by `empty-text`
                holds_text = column.name in [data.role(r) for r in ROLES]
                if column.dtype == pl.String and not holds_text:
                    yield from _words(part, column)
                if column.dtype in (pl.String, pl.Date, pl.Datetime):
                    yield from _days(part, column)
                if column.kind == "number" and column.name != data.role("label"):
                    yield from _numbers(part, column)
                    yield from _filled_in(part, column)


def _words(part: Part, column: Column) -> Iterable[Anomaly]:
    import polars as pl

    cell = pl.col(column.name)
    plain = cell.str.strip_chars().str.to_lowercase()
    counts = part.counts(column.name)
    if (
        counts is not None
        and not counts.select(
            pl.col("value").str.strip_chars().str.to_lowercase().is_in(list(NOTHING)).any()
        ).item()
    ):
        return
    words = NOTHING if column.kind == "number" else NOTHING - MAY_MEAN_IT
    found = _cells(part, column, plain.is_in(list(words)))
    if column.kind in ("category", "text") and column.unique > 3:
        maybe = _cells(part, column, plain.is_in(list(MAY_MEAN_IT)))
        if len(maybe) <= 0.02 * column.filled:
            found = pl.concat([found, maybe]).sort("row")
    if not len(found):
        return
    kinds = found["value"].unique().sort().to_list()
    if column.kind == "number" and {str(k).strip() for k in kinds} <= KNOWN:
        one = _anomaly(part, column, found, f"hold {shown(kinds[0])}", 0.45)
        yield one._replace(
            message=f"{one.message}, which R and pandas read as missing, and others as a word"
        )
        return
    named = ", ".join(shown(kind) for kind in kinds[:4])
    yield _anomaly(part, column, found, f"hold {named}, which stands for no value", 0.9)


def _days(part: Part, column: Column) -> Iterable[Anomaly]:
    """Days that programs write where there is none, years away from all others."""
    import polars as pl

    if not 2 <= column.unique <= MANY_DAYS:
        return
    day = pl.col(column.name).cast(pl.String, strict=False).str.head(10)
    if not part.select(day.is_in(NO_DAYS).sum()).item():
        return
    others = day.filter(~day.is_in(NO_DAYS)).str.to_date("%Y-%m-%d", strict=False)
    told = part.select(
        low=others.min(), high=others.max(), known=others.is_not_null().sum(), n=others.len()
    ).row(0, named=True)
    if told["low"] is None or told["known"] < 0.5 * told["n"]:
        return
    for word in NO_DAYS:
        year = int(word[:4])
        away = max(told["low"].year - year, year - told["high"].year)
        found = _cells(part, column, day == word)
        if away >= YEARS and 2 <= len(found) <= 0.8 * column.filled:
            what = f"hold `{word}`, and all others lie from {told['low']} to {told['high']}"
            yield _anomaly(part, column, found, what, 0.9)


def _filled_in(part: Part, column: Column) -> Iterable[Anomaly]:
    """The mean of a column, where it stands in many cells and no cell could hold it by itself."""
    import polars as pl

    if column.unique < FEWEST or column.filled < 10 * FEWEST or not column.std:
        return
    cell = number(column)
    some = part.select(cell.gather_every(max(1, part.rows // SOME)).alias("v"))["v"].drop_nulls()
    if not len(some) or some.value_counts()["count"].max() < 0.5 * FILLED * len(some):  # type: ignore[operator]
        return
    often = part.select(cell.drop_nulls().value_counts(sort=True).head(2).struct.unnest())
    value, times = often.row(0)
    if len(often) < 2 or times < max(FEWEST, FILLED * column.filled) or not math.isfinite(value):
        return
    others = cell.filter(cell.is_finite() & (cell != value))
    mean, spread, finest = part.select(
        mean=others.mean(),
        spread=others.std(),
        finest=(cell.cast(pl.Float64).round(2) == cell).mean(),
    ).row(0)
    digits = len(f"{value:.10g}".partition(".")[2])
    near = abs(value - mean) <= 0.51 * 10.0**-digits + 1e-9 * abs(mean) + 0.002 * spread
    # among numbers of many decimals one that comes again, among short ones one that is longer
    alone = digits > 2 and (finest > LONG or times >= TIMES * often["count"][1])
    if near and alone:
        what = f"hold {value:.10g}, the mean of the others: they were filled in"
        yield _anomaly(part, column, _cells(part, column, cell == value), what, 0.85)


def _cells(part: Part, column: Column, odd: "pl.Expr") -> "pl.DataFrame":
    import polars as pl

    name = column.name
    return part.where(odd, column=pl.lit(name), value=pl.col(name).cast(pl.String, strict=False))


def _numbers(part: Part, column: Column) -> Iterable[Anomaly]:
    if column.unique < 4 or column.min is None or column.max is None:
        return
    for value in _candidates(part, column):
        cell = number(column)
        stats = _around(part, cell, value, column.whole)
        if stats["times"] < least(value, column) or not _stands_apart(value, stats, column):
            continue
        low, high = stats["low"], stats["high"]
        yield _anomaly(
            part,
            column,
            _cells(part, column, cell == value),
            f"hold {shown(value)}, and all others lie from {low:.4g} to {high:.4g}",
            _sureness(column, value),
        )


def _candidates(part: Part, column: Column) -> list[float]:
    """The numbers that may stand for nothing: the smallest or the largest, or all below zero."""
    assert column.min is not None and column.max is not None
    cell = number(column)
    below = codes_below(part, column)
    ends = [v for v in SENTINELS if v in (column.min, column.max) and v not in below]
    zero = [0.0] * (column.min == 0)
    some = [*below, *ends, *zero]
    if not some:
        return []
    times = part.select((cell == v).sum().alias(str(v)) for v in some).row(0)
    return [v for v, seen in zip(some, times, strict=True) if seen >= least(v, column)]


def codes_below(part: Part, column: Column) -> list[float]:
    """The values below zero of a column in which all of these are sentinels, and come again."""
    import polars as pl

    if column.min is None or column.min not in SENTINELS or column.min >= 0:
        return []
    cell = number(column)
    below = part.select(cell.filter(cell < 0).alias("v"))["v"].value_counts(name="times")
    if len(below) > len(SENTINELS) or not below["v"].is_in(SENTINELS).all():
        return []
    return below.filter(pl.col("times") >= LEAST)["v"].sort().to_list()


def least(value: float, column: Column) -> float:
    """How often a number must occur to be taken for a sentinel; a true 0 comes again by itself."""
    return max(LEAST, 0.002 * column.filled) if value == 0 else LEAST


def _sureness(column: Column, value: float) -> float:
    if value != 0:
        return 0.85
    name = re.sub(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])", "_", column.name).lower()
    return 0.75 if NEVER_ZERO.search(name) else 0.3


def _around(part: Part, cell: "pl.Expr", value: float, whole: bool) -> dict[str, Any]:
    """How often the value occurs, and how the others lie that are no sentinel below zero themselves.

    `low` is None where a 0 is one of them: beside whole numbers of 1 and 2, or others below.
    """
    codes = [v for v in SENTINELS if v < 0] if value < 0 else [value]
    others = cell.filter(cell.is_finite() & ~cell.is_in(codes))
    ends = part.select(times=(cell == value).sum(), low=others.min(), high=others.max())
    told = ends.row(0, named=True)
    if value == 0 and (told["low"] is None or told["low"] <= 0 or (whole and told["low"] <= 2)):
        return told | {"low": None}
    return told | part.select(
        q25=others.quantile(0.25),
        middle=others.median(),
        q75=others.quantile(0.75),
        unique=others.n_unique(),
    ).row(0, named=True)


def _stands_apart(value: float, told: dict[str, Any], column: Column) -> bool:
    """Whether the value lies outside the others by more than they spread, or is below zero alone."""
    times, low, high = told["times"], told["low"], told["high"]
    if low is None or told["unique"] < 5 or times > 0.8 * column.filled:
        return False
    spread = max(told["q75"] - told["q25"], (high - low) / 20, 1e-12)
    if value == 0.0:
        # prices of many things spread widely, and none of them is nothing
        price = re.search(r"(^|_)(price|close|bid|ask)(_|$)", column.name.lower())
        never = price is not None and not column.whole and low > 0.01 * told["middle"]
        return bool(never or (low > 0.1 * told["middle"] and low > 0.3 * spread))
    if value < 0:
        return bool(low >= 0 or low - value > max(2 * spread, 0.5 * abs(value)))
    return bool(
        high < value and value - high > max(2 * spread, 0.5 * value) and math.isfinite(high)
    )


def _anomaly(
    part: Part, column: Column, found: "pl.DataFrame", what: str, confidence: float
) -> Anomaly:
    rows = found["row"].to_list()
    severity: Severity = "warning" if confidence >= 0.5 else "note"
    return Anomaly(
        part,
        f"{counted(len(rows), 'cell')} of `{column.name}` ({share(len(rows), part.rows)}) {what}",
        "read them as missing",
        confidence,
        found,
        [column.name],
        severity,
        normal="a cell holds a value or nothing",
        repair=Repair(
            "scientific", f"empty {len(rows):,} cells", edits(rows, column.name, [None] * len(rows))
        ),
        group=f"disguised-missing {severity}",
    )
