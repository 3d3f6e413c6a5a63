"""Times that come in equal steps, and where they do not: a gap, the same time twice, a step back."""

from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import counted, shown
from labhand.scan.detectors._order import is_day, seconds
from labhand.scan.detectors._rows import grouped

LEAST = 50
STEADY = 0.9
"""The share of steps that must be equal."""
MOST = 0.03
"""The share of steps up to which others are accidents."""
GROUPS, KEYS = 500, 3
LARGEST = 5_000_000


def stumbles(data: Data, part: Part) -> Iterator[Anomaly]:
    """At most one claim of each kind for the first column of times in equal steps: gaps, and no step forward."""
    if not LEAST <= part.rows <= LARGEST or part.broken:
        return
    columns = [c for c in part.columns.values() if is_day(part, c)]
    for column in columns[:3]:
        at = part.select(s=seconds(column))["s"].to_numpy()
        for key in (None, *part.groupings(GROUPS, KEYS, (data.role("label"),))):
            told = _steps(data, part, at, key)
            if told is not None:
                yield from _told(part, column.name, key, *told)
                return


def _steps(data: Data, part: Part, at: Any, key: str | None) -> tuple[Any, Any, float] | None:
    """The rows and the step before each, within the rows of one group, and the usual step; None without one."""
    import numpy as np

    rows = np.arange(len(at))
    group = np.zeros(len(at), dtype=np.int64)
    if key is not None:
        group = grouped(data, part, key)[0]
        rows = np.argsort(group, kind="stable")
    same = group[rows][1:] == group[rows][:-1]
    steps = np.diff(at[rows])
    known = same & np.isfinite(steps)
    if known.sum() < LEAST:
        return None
    values, times = np.unique(steps[known], return_counts=True)
    usual = float(values[times.argmax()])
    if usual <= 0 or times.max() < STEADY * known.sum():
        return None
    return rows[1:][known], steps[known], usual


def _told(
    part: Part, name: str, key: str | None, rows: Any, steps: Any, usual: float
) -> Iterator[Anomaly]:
    gaps, stands = steps > 1.5 * usual, steps <= 0
    beside = f" of a `{key}`" if key else ""
    for odd, what, advice in (
        (gaps, "a gap comes before", "fetch what is missing, or do not take the rows for neighbours"),
        (stands, "the time does not go forward to", "put the rows in order, and keep one of each time"),
    ):  # fmt: skip
        number = int(odd.sum())
        if not 0 < number <= max(1, MOST * len(steps)):
            continue
        places, away = part.row_numbers[rows[odd]].tolist(), steps[odd]
        first = int(abs(away).argmax()) if what.startswith("a gap") else 0
        missing = int((away / usual - 1).round().clip(0).sum())
        lost = f", {missing:,} steps in all" if missing else ""
        yield Anomaly(
            part,
            f"`{name}` goes on in steps of {_lasts(usual)}{beside}, but {what} {counted(number, 'row')}{lost}, as row "
            f"{places[first]} after {shown(_lasts(float(away[first])))}",
            advice,
            0.85,
            made(places, abs(away / usual).tolist()),
            [name],
            "warning",
            normal=f"a row comes {_lasts(usual)} after the one before",
            group=f"clock {what}",
        )


def _lasts(length: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if abs(length) >= 2 * size or (abs(length) >= size and length % size == 0):
            return f"{length / size:.4g} {unit}"
    return f"{length:.4g} seconds"
