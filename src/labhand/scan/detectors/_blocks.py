"""Columns that are equal over a block of rows, and not elsewhere: a copy that slipped in."""

import itertools
from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import counted, share
from labhand.scan.detectors._rows import grouped

LEAST = 20
"""Rows one after the other in which both are equal."""
VALUES, COLUMNS, GROUPS, KEYS = 30, 14, 200, 3
SELDOM = 0.1
"""The share of all other rows in which they may be equal."""
CHANCE = 1e-12
MOST = 1_000_000


def copied(data: Data, part: Part) -> Iterator[Anomaly]:
    """One anomaly a pair of columns of numbers: the rows of runs in which one is the other."""
    import numpy as np

    names = [
        c.name for c in part.columns.values() if c.kind == "number" and c.unique >= VALUES and not c.is_id
    ][:COLUMNS]  # fmt: skip
    if part.rows > MOST or part.rows < 4 * LEAST or len(names) < 2:
        return
    values = part.numbers(names)
    orders: list[Any] = [None]
    for key in part.groupings(GROUPS, KEYS):
        group, _ = grouped(data, part, key)
        orders.append((np.argsort(group, kind="stable"), np.sort(group, kind="stable")))
    for a, b in itertools.combinations(range(len(names)), 2):
        same = (values[:, a] == values[:, b]) & (values[:, a] != 0)
        if not LEAST <= same.sum() <= 0.5 * part.rows:
            continue
        found = max((_runs(same, order) for order in orders), key=len)
        rest = (same.sum() - len(found)) / max(1, part.rows - len(found))
        if len(found) >= LEAST and rest <= SELDOM and max(rest, 1e-3) ** LEAST * part.rows < CHANCE:
            yield _anomaly(part, names[a], names[b], part.row_numbers[np.sort(found)], float(rest))


def _runs(same: Any, order: Any) -> Any:
    """The places of rows in runs of equal pairs, in the order of the file or of a group."""
    import numpy as np

    place = np.arange(len(same)) if order is None else order[0]
    cells = same[place]
    breaks = cells[1:] != cells[:-1]
    if order is not None:
        breaks |= order[1][1:] != order[1][:-1]
    begins = np.flatnonzero(np.r_[True, breaks])
    lengths = np.diff(np.r_[begins, len(cells)])
    long = [(s, n) for s, n in zip(begins, lengths, strict=True) if n >= LEAST and cells[s]]
    return (
        np.concatenate([place[s : s + n] for s, n in long]) if long else np.empty(0, dtype=np.int64)
    )


def _anomaly(part: Part, one: str, other: str, rows: Any, rest: float) -> Anomaly:
    return Anomaly(
        part,
        f"`{one}` is `{other}` to the last digit in {counted(len(rows), 'row')} one after the other, from row "
        f"{int(rows[0])} on, and elsewhere in {share(rest, 1)} of the rows: one was copied into the other",
        f"make `{one}` or `{other}` anew for these rows",
        0.85,
        made(rows.tolist()),
        [one, other],
        "warning",
        normal="the two differ from row to row",
        group="redundant-column block",
    )
