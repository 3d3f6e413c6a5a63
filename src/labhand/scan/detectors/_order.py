"""Columns of which one is never above the other, but in a few rows: dates in their order, low and high."""

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors._cells import shown

if TYPE_CHECKING:
    import polars as pl

LEAST = 100
MOST = 0.03
"""The share of rows up to which those that break the order are the mistakes."""
SHALLOW = 0.25
"""Of the usual distance, up to which a row lies beside the edge, where a tail would have most rows."""
COLUMNS = 12
SOME = 50_000
ALIKE, UNIT = 0.5, 3.0
"""The correlation, and the factor between their medians, of two columns that measure one thing."""
UNITS = (
    ("seconds", 1.0), ("minutes", 60.0), ("hours", 3600.0), ("days", 86400.0), ("years", 365.2425 * 86400),
)  # fmt: skip
LASTING = 0.9
"""The share of rows in which a column must be the time between two others."""
STEPS = 40
"""Different values below which a column of numbers is of counts, of which any may be the larger."""
FEW = 8
"""Rows that must break the order of two columns of numbers whose names do not say it."""
NAMES = (
    (r"low(er|est)?", r"high(er|est)?|upper"), (r"min(imum)?", r"max(imum)?"), (r"lower", r"upper"),
    (r"start|begin", r"end|stop"), (r"first", r"last"), (r"from", r"to"), (r"dia(stolic)?", r"sys(tolic)?"),
)  # fmt: skip
ISO = r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$"


def broken(data: Data, part: Part) -> Iterator[Anomaly]:
    """One anomaly for each group of rows in which two columns have changed their order."""
    if part.rows < LEAST:
        return
    told: list[tuple[int, Column, Column, Any]] = []
    apart = {data.role("id"), data.role("label"), data.role("prediction")}
    days = [c for c in part.columns.values() if is_day(part, c)][:COLUMNS]
    many = [
        c for c in part.columns.values()
        if c.kind == "number" and c.unique >= STEPS and c.std and not c.is_id and c.name not in apart
    ]  # fmt: skip
    for columns, cells in ((days, _days), (many[:COLUMNS], _numbers)):
        if len(columns) < 2:
            continue
        values = cells(part, columns)
        ranks = values.argsort(axis=0).argsort(axis=0)
        for a, b in itertools.combinations(range(len(columns)), 2):
            alike = cells is _days or _measure_one_thing(values, ranks, a, b)
            for under, over in ((a, b), (b, a)) if alike else ():
                odd = _slips(values[:, over] - values[:, under])
                enough = (
                    cells is _days or len(odd) >= FEW or _called_so(columns[under], columns[over])
                )
                if len(odd) and enough:
                    told.append((len(odd), columns[under], columns[over], cells is _days))
    seen: set[int] = set()
    for _, low, high, of_days in sorted(told, key=lambda one: -one[0]):
        found = _rows(part, low, high, of_days)
        new = set(found["row"]) - seen
        # one wrong cell breaks the order with several others
        if 2 <= len(found) <= MOST * part.rows and len(new) > len(found) / 2:
            seen |= new
            yield _anomaly(part, low, high, found)


def lasting(part: Part) -> Iterator[Anomaly]:
    """One anomaly a column that holds how long it is between two times, where it does not in some rows."""
    import numpy as np
    import polars as pl

    times = [c for c in part.columns.values() if is_day(part, c)][:4]
    spans = [c for c in part.columns.values() if c.kind == "number" and c.unique > 5 and c.std][
        :COLUMNS
    ]
    if len(times) < 2 or not spans or part.rows < LEAST:
        return
    at, last = _sampled(part, [seconds(c) for c in times]), _numbers(part, spans)
    for a, b in itertools.permutations(range(len(times)), 2):
        for k, (name, unit) in itertools.product(range(len(spans)), UNITS):
            if name == "years" and (spans[k].median or 0) < 2:
                continue  # what is near nothing is near no time at all
            # who is 34 is so until the day before turning 35
            full = 0.5 if name == "years" and spans[k].whole else 0.0
            away = np.abs((at[:, b] - at[:, a]) / unit - full - last[:, k])
            known = np.isfinite(away) & (last[:, k] > 0)
            near = 0.51 if spans[k].whole else 0.051
            if known.sum() < LEAST or (away[known] <= near).mean() < LASTING:
                continue
            told = (seconds(times[b]) - seconds(times[a])) / unit - full
            off = (told - number(spans[k])).abs()
            cell = number(spans[k]).cast(pl.String)
            found = part.where(
                off > 1.2 * near,
                off,
                column=pl.lit(spans[k].name),
                value=cell,
                right=told.round(0 if full else 2),
            )
            if 0 < len(found) <= (1 - LASTING) * part.rows:
                yield _lasts(part, spans[k], times[a], times[b], name, found)
            return


def _lasts(
    part: Part, span: Column, start: Column, end: Column, unit: str, found: "pl.DataFrame"
) -> Anomaly:
    first = found.row(0, named=True)
    return Anomaly(
        part,
        f"`{span.name}` is the {unit} from `{start.name}` to `{end.name}` in all but {len(found):,} of {part.rows:,} "
        f"rows, as row {first['row']}: {shown(first['value'])} where it is {shown(first['right'])}",
        "look which of the three is wrong in these rows: a time of another zone is hours off",
        0.85,
        found.drop("right"),
        [span.name, start.name, end.name],
        "warning",
        normal=f"`{span.name}` = `{end.name}` − `{start.name}`",
        group="dependency-violation lasting",
    )


def is_day(part: Part, column: Column) -> bool:
    """Whether a column holds days or times as ISO writes them."""
    import polars as pl

    if column.kind == "time":
        return True
    if column.dtype != pl.String or column.kind == "number" or column.unique < 10:
        return False
    head = part.lazy.select(pl.col(column.name)).drop_nulls().head(200).collect().to_series()
    return len(head) > 0 and bool(head.str.contains(ISO).mean() > 0.95)  # type: ignore[operator]


def seconds(column: Column) -> "pl.Expr":
    """The cells of such a column as seconds since 1970."""
    import polars as pl

    cell = pl.col(column.name)
    if column.dtype == pl.String:
        day = cell.str.head(10).str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("ms"))
        time = cell.str.slice(11, 8).str.extract_groups(r"(\d\d):(\d\d):?(\d\d)?")
        parts = [time.struct.field(n).cast(pl.Float64, strict=False).fill_null(0) for n in "123"]
        return day.dt.epoch("s").cast(pl.Float64) + parts[0] * 3600 + parts[1] * 60 + parts[2]
    return cell.cast(pl.Datetime("ms"), strict=False).dt.epoch("s").cast(pl.Float64)


def _sampled(part: Part, cells: "list[pl.Expr]") -> Any:
    every = max(1, part.rows // SOME)
    named = [cell.gather_every(every).alias(f"c{i}") for i, cell in enumerate(cells)]
    return part.select(*named).to_numpy()


def _days(part: Part, columns: list[Column]) -> Any:
    import numpy as np

    return np.floor(_sampled(part, [seconds(c) for c in columns]) / 86400)


def _numbers(part: Part, columns: list[Column]) -> Any:
    return part.numbers([c.name for c in columns], max(1, part.rows // SOME))


def _measure_one_thing(values: Any, ranks: Any, a: int, b: int) -> bool:
    import numpy as np

    known = np.isfinite(values[:, a]) & np.isfinite(values[:, b])
    if known.sum() < LEAST:
        return False
    first, second = np.median(values[known][:, [a, b]], axis=0)
    if not first * second > 0 or not 1 / UNIT <= first / second <= UNIT:
        return False
    return bool(np.corrcoef(ranks[known, a], ranks[known, b])[0, 1] > ALIKE)


def _called_so(low: Column, high: Column) -> bool:
    """Whether the names say which of the two comes first, as `low` and `high` do."""
    return any(
        re.search(first, low.name.lower())
        and re.sub(first, "", low.name.lower()) == re.sub(second, "", high.name.lower())
        for first, second in NAMES
    )


def _slips(distance: Any) -> Any:
    """The distances below zero, where these are a few by themselves and no tail that leads there; else none."""
    import numpy as np

    known = distance[np.isfinite(distance)]
    below, above = known[known < 0], known[known > 0]
    if (
        len(known) < LEAST
        or not 2 <= len(below) <= MOST * len(known)
        or len(above) < 0.3 * len(known)
    ):
        return known[:0]
    edge = SHALLOW * float(np.median(above))
    deep, shallow = int((below <= -edge).sum()), int((below > -edge).sum())
    beside = int((above < edge).sum() + (known == 0).sum())
    return below if deep >= max(2, shallow) and 4 * shallow <= beside + 1 else known[:0]


def _rows(part: Part, low: Column, high: Column, of_days: bool) -> "pl.DataFrame":
    import polars as pl

    if of_days:
        away = (seconds(low) / 86400).floor() - (seconds(high) / 86400).floor()
    else:
        away = number(low) - number(high)
    cell = pl.col(high.name).cast(pl.String)
    return part.where(
        away > 0, away, column=pl.lit(high.name), value=cell, other=pl.col(low.name).cast(pl.String)
    )


def _anomaly(part: Part, low: Column, high: Column, found: "pl.DataFrame") -> Anomaly:
    first = found.row(0, named=True)
    of_days = is_day(part, low)
    never, other = ("after", "before") if of_days else ("above", "below")
    return Anomaly(
        part,
        f"`{low.name}` is never {never} `{high.name}` but in {len(found):,} of {part.rows:,} rows, as row "
        f"{first['row']}: `{high.name}` {shown(first['value'])} lies {other} {shown(first['other'])}",
        "look whether the two were exchanged, or which of them is wrong",
        0.8,
        found.drop("other"),
        [low.name, high.name],
        "warning",
        normal=f"`{low.name}` ≤ `{high.name}`",
        group="dependency-violation order",
    )
