"""Groups of rows, and days, that are measured by another clock or scale than the rest."""

import re
from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors._cells import counted, shown
from labhand.scan.detectors._order import is_day, seconds
from labhand.scan.detectors._rows import grouped
from labhand.scan.detectors.disguised_missing import NO_DAYS

GROUPS, KEYS, LEAST = 30, 3, 30
FACTORS = (2.2046, 2.54, 3.2808, 1.6093, 10, 12, 24, 60, 100, 1000, 3600, 1024, 4.184, 14.504, 18.016, 38.67, 88.42,
           1e6)  # fmt: skip
CLOSE = 0.06
"""How far the factor between a group and the others may lie from one between units."""
AGREE = 1.25
"""How far the quartiles of the other groups may lie apart, and the factors of the three quartiles."""
MUCH, CLOSELY, SEVERAL = 3.0, 1.12, 3
"""A factor below which groups must agree more closely, and how many others there must be."""
MOST = 1_000_000
"""Rows up to which groups, and days that are written out, are looked at."""
GAP = 0.5
"""The gap between the cells of a group in two units, on a logarithmic scale."""
FEW_ROWS = 200_000
"""Rows up to which cells are compared with the others of their group."""
LEAST_PARTED = 8
"""Cells that a gap must part from the others of their group: a tail of a few is no other unit."""
ALONE = 3.0
"""How many times as wide as any other gap of the group it is."""
DAY = 86400.0
FAR, YEARS = 3.0, 5.0
"""Days that lie so many spans of all others away, and so many years, are slips of the pen."""
SLIPS = 0.005


def of_groups(data: Data, part: Part, column: Column) -> Iterator[Anomaly]:
    """A group whose quartiles are those of all other groups times one factor between units."""
    import numpy as np
    import polars as pl

    if column.unique < 20 or not column.q25 or column.filled < 4 * LEAST:
        return
    if part.rows > MOST:
        data.left_out(f"units of groups, in more than {MOST:,} rows")
        return
    apart = (data.role("label"), data.role("prediction"))
    for key in part.groupings(GROUPS, KEYS, apart):
        cell = number(column)
        asked = [cell.quantile(q).alias(n) for q, n in ((0.25, "a"), (0.5, "b"), (0.75, "c"))]
        each = (
            part.lazy.group_by(g=pl.col(key).cast(pl.String)).agg(cell.count().alias("n"), *asked)
            .filter(pl.col("n") >= LEAST).drop_nulls().collect()
        )  # fmt: skip
        quartiles = each.select("a", "b", "c").to_numpy()
        if len(each) < 3 or (quartiles <= 0).any():
            continue
        for at, one in enumerate(each.iter_rows(named=True)):
            others = np.delete(quartiles, at, axis=0)
            usual = np.median(others, axis=0)
            factors = quartiles[at] / usual
            by = float(factors[1])
            # what is half or twice as large may be so by itself, unless many other groups are all alike
            agree = AGREE if max(by, 1 / by) >= MUCH else CLOSELY
            many = len(others) >= (2 if agree == AGREE else SEVERAL)
            alike = many and (others.max(axis=0) <= agree * others.min(axis=0)).all()
            if alike and factors.max() <= agree * factors.min() and _between_units(by):
                yield _group(part, column, key, one["g"], by, usual.tolist())


def within_groups(data: Data, part: Part, column: Column) -> Iterator[Anomaly]:
    """Cells that a gap parts from the others of their group, and one factor between units takes among them."""
    import numpy as np

    if column.unique < 20 or column.filled < 4 * LEAST or part.rows > FEW_ROWS or not column.max:
        return
    if column.whole and re.search(
        r"(?:^|_)(?:id|no|nr|code|key|zip|year|index|idx|row_?names?|row|lat|lon|lng|day|month|hour|\w*num)$",
        column.name,
        re.I,
    ):
        return
    values, rows = part.numbers([column.name])[:, 0], part.row_numbers
    key, group = _nearest(data, part, values)
    if key is None:
        return
    found: dict[float, list[int]] = {}
    odd, size = 0, int(group.max()) + 1
    order = np.argsort(group, kind="stable")
    order = order[values[order] > 0]
    for here in np.split(order, np.searchsorted(group[order], np.arange(1, size))):
        parted = _parted(values[here]) if len(here) >= LEAST else None
        if parted is not None:
            odd += 1
            found.setdefault(parted[1], []).extend(rows[here[parted[0]]].tolist())
    if not found or odd > max(1, 0.3 * size):
        return
    factor, some = max(found.items(), key=lambda one: len(one[1]))
    if len(some) > 0.2 * column.filled:
        return
    by = f"times {factor:.4g}" if factor >= 1 else f"divided by {1 / factor:.4g}"
    yield Anomaly(
        part,
        f"{counted(len(some), 'cell')} of `{column.name}` {'is' if len(some) == 1 else 'are'} in another unit than the "
        f"others of the same `{key}`, as these when {by}; the first: row {min(some)}",
        "bring them into the unit of the others",
        0.8,
        made(sorted(some)),
        [column.name, key],
        "warning",
        normal=f"the cells of a `{key}` are in one unit",
        group="impossible-value unit",
    )


def _nearest(data: Data, part: Part, values: Any) -> tuple[str | None, Any]:
    """The grouping within which the cells of a column are most alike, and the group of each row."""
    import numpy as np
    import polars as pl

    best: tuple[float, str | None, Any] = (np.inf, None, None)
    known = values > 0
    for key in part.groupings(10 * GROUPS, 2 * KEYS, (data.role("prediction"),)):
        group, _ = grouped(data, part, key)
        logs = pl.DataFrame({"g": group[known], "v": np.log(values[known])})
        wide = pl.col("v").quantile(0.75) - pl.col("v").quantile(0.25)
        spread = logs.group_by("g").agg(n=pl.len(), s=wide)
        if not len(spread):
            continue
        sizes, spreads = spread["n"].to_numpy(), spread["s"].to_numpy()
        within = float((sizes * spreads).sum() / sizes.sum())
        if within < best[0]:
            best = (within, key, group)
    return best[1], best[2]


def _parted(values: Any) -> tuple[Any, float] | None:
    """The places of the cells beyond the widest gap, fewer than half, and the factor that takes them among the rest."""
    import numpy as np

    order = np.argsort(values)
    logs = np.log(values[order])
    steps = np.diff(logs)
    at = int(steps.argmax())
    if steps[at] < max(GAP, ALONE * np.delete(steps, at).max()):
        return None
    low, high = order[: at + 1], order[at + 1 :]
    few, rest = (low, high) if len(low) < len(high) else (high, low)
    least_many = max(LEAST_PARTED, 0.01 * len(values))
    if not least_many <= len(few) < 0.5 * len(values) or len(np.unique(values[few])) < 3:
        return None
    least, most = np.quantile(values[rest], [0.0, 1.0])
    beside = 0.15 * (most - least)
    fits = []
    for factor in (1 / one if few is high else one for one in FACTORS):
        as_others = values[few] * factor
        middle = float(np.median(as_others) / np.median(values[rest]))
        inside = (as_others >= least - beside) & (as_others <= most + beside)
        if inside.mean() > 0.95 and 0.7 <= middle <= 1.4:
            fits.append((abs(np.log(middle)), factor))
    return (few, min(fits)[1]) if fits else None


def _between_units(by: float) -> bool:
    by = max(by, 1 / by)
    return any(abs(by / factor - 1) <= CLOSE for factor in FACTORS)


def _group(
    part: Part, column: Column, key: str, group: str, by: float, usual: list[float]
) -> Anomaly:
    import polars as pl

    there = (pl.col(key).cast(pl.String) == group) & number(column).is_not_null()
    value = pl.col(column.name).cast(pl.String, strict=False)
    found = part.where(there, column=pl.lit(column.name), value=value)
    times = f"{by:.4g} times as large" if by > 1 else f"{1 / by:.4g} times as small"
    return Anomaly(
        part,
        f"where `{key}` is {shown(group)}, `{column.name}` is {times} as elsewhere, in all its quartiles: it is in "
        f"another unit in these {len(found):,} rows",
        "bring them into the unit of the others",
        0.8,
        found,
        [column.name, key],
        "warning",
        normal=f"half of the cells of the other groups lie from {usual[0]:.4g} to {usual[2]:.4g}",
        group="impossible-value unit",
    )


def days(part: Part, column: Column) -> Iterator[Anomaly]:
    """A few days that lie years away from all others, as 2204 for 2024."""
    import polars as pl

    if not is_day(part, column) or (part.rows > MOST and column.kind != "time"):
        return
    day = seconds(column) / DAY
    told = part.select(low=day.quantile(0.01), high=day.quantile(0.99)).row(0)
    if None in told:
        return
    low, high = told
    room = max(FAR * (high - low), YEARS * 365)
    away: Any = pl.max_horizontal(low - day, day - high)
    cell = pl.col(column.name).cast(pl.String)
    known = cell.str.head(10).is_in(NO_DAYS)  # told as what stands for no day
    found = part.where((away > room) & ~known, away, column=pl.lit(column.name), value=cell)
    if not 0 < len(found) <= max(1, SLIPS * part.rows):
        return
    few = ", ".join(shown(v) for v in found["value"].unique(maintain_order=True)[:3])
    yield Anomaly(
        part,
        f"{counted(len(found), 'cell')} of `{column.name}` {'lies' if len(found) == 1 else 'lie'} years away from all "
        f"others: {few}",
        "mend the year, or make the cells empty",
        0.85,
        found,
        [column.name],
        "warning",
        normal=f"98 % of the days lie within {max(1, round(high - low)):,} days",
        group="impossible-value day",
    )
