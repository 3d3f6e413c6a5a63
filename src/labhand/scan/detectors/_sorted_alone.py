"""Columns that were sorted by themselves within a group, and no longer belong to their rows."""

from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import shown
from labhand.scan.detectors._rows import grouped

LEAST = 40
VALUES = 15
GROUPS, KEYS, COLUMNS = 200, 3, 20
MOST = 1_000_000
SLIPS = 0.01
"""The share of steps of a sorted group that may go the other way."""
LOOSE = 0.25
"""The share of steps the other way up to which the other rows are sorted as well."""
BOUND, LOST = 0.35, 0.4
"""The correlation with another column elsewhere, and the share of it that is left in the group."""


def may_be(part: Part) -> bool:
    """Whether the part has groups and columns to look at."""
    return bool(part.groupings(GROUPS, KEYS)) and part.rows <= MOST


def columns(data: Data, part: Part) -> Iterator[Anomaly]:
    """One anomaly a group and column: the rows are those of the group."""
    if not may_be(part) or part.rows < 2 * LEAST:
        return
    apart = {data.role("id"), data.role("time"), data.role("prediction")}
    names = [
        c.name for c in part.columns.values()
        if c.kind == "number" and c.unique >= VALUES and c.name not in apart and not c.is_id
    ][:COLUMNS]  # fmt: skip
    if len(names) < 2:
        return
    values = part.numbers(names)
    for key in part.groupings(GROUPS, KEYS):
        groups, called = grouped(data, part, key)
        for code, group in enumerate(called):
            here = groups == code
            if not LEAST <= here.sum() <= 0.7 * part.rows:
                continue
            for at, name in enumerate(names):
                if _is_sorted(values[here, at]) and not _is_sorted(values[~here, at], LOOSE):
                    yield from _lost(part, values, here, at, names, key, group, name)


def _is_sorted(cells: Any, slips: float = SLIPS) -> bool:
    import numpy as np

    known = cells[np.isfinite(cells)]
    if len(known) < LEAST:
        return False
    steps = np.diff(known)
    if min((steps < 0).mean(), (steps > 0).mean()) > slips:
        return False
    return len(np.unique(known)) >= VALUES


def _lost(
    part: Part, values: Any, here: Any, at: int, names: list[str], key: str, group: str, name: str
) -> Iterator[Anomaly]:
    """The anomaly, where a column that goes along with this one elsewhere does not do so here."""
    import numpy as np

    told = []
    for other in range(len(names)):
        if other == at:
            continue
        elsewhere, inside = (_correlation(values[k, at], values[k, other]) for k in (~here, here))
        if abs(elsewhere) >= BOUND:
            told.append((abs(elsewhere), elsewhere, inside, names[other]))
    if not told:
        return
    _, elsewhere, inside, other_name = max(told)
    if abs(inside) > LOST * abs(elsewhere):
        return
    rows = part.row_numbers[here]
    yield Anomaly(
        part,
        f"where `{key}` is {shown(group)}, `{name}` was sorted by itself and no longer belongs to its rows: it rises or "
        f"falls over all {len(rows):,} of them, and its correlation with `{other_name}` is {inside:.2f} there, "
        f"{elsewhere:.2f} elsewhere",
        f"join `{name}` to these rows anew, by a key",
        0.9,
        made(np.asarray(rows).tolist()),
        [name, key],
        "error",
        normal=f"`{name}` goes along with `{other_name}`",
        group="ordered-rows alone",
    )


def _correlation(x: Any, y: Any) -> float:
    import numpy as np

    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < LEAST or not x[known].std() or not y[known].std():
        return 0.0
    return float(np.corrcoef(x[known], y[known])[0, 1])
