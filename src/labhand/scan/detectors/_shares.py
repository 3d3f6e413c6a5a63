"""Columns that are shares of one whole, as probabilities and codes of one class are, and rows in which they are not."""

import re
from collections import defaultdict
from collections.abc import Iterator

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.columns import Column
from labhand.scan.data import Part
from labhand.scan.detectors._cells import counted, shown

LEAST = 50
KEEP = 0.9
"""The share of rows whose columns must sum up to the whole for the others to be wrong."""
CODED, BOTH = 0.8, 0.97
"""The share of rows with just one of several flags, and of two, from which on flags are codes of one class."""
ALL = 60
"""Columns up to which their sum is looked at."""
LOOSE = 0.02
MANY = 2_000_000


def broken(part: Part) -> Iterator[Anomaly]:
    """A claim for each set of columns of like names that sum up to 1 or 100 in nearly all rows."""
    if not LEAST <= part.rows <= MANY:
        return
    sets: dict[tuple[float, str], list[Column]] = defaultdict(list)
    for column in part.columns.values():
        if column.kind == "number" and column.min is not None and column.max is not None:
            whole = 1.0 if column.max <= 2 else 100.0
            if column.min >= 0 and column.max <= 2 * whole and not column.nulls:
                met = re.match(r"(?:.*?(?=\d+$)|.*[_.\- ]|[a-z]+(?=[A-Z]))", column.name)
                sets[whole, met[0] if met else ""].append(column)
    for (whole, stem), columns in sets.items():
        if (2 if stem else 3) <= len(columns) <= ALL:
            yield from _told(part, columns, whole)


def _told(part: Part, columns: list[Column], whole: float) -> Iterator[Anomaly]:
    import numpy as np

    names = [column.name for column in columns]
    values = part.numbers(names)
    sums = values.sum(axis=1)
    near = np.abs(sums - whole) <= LOOSE * whole
    # two columns that are the same, or of which one is the rest, say nothing of the others
    spread = values.std(axis=0)
    if set(np.unique(values)) <= {0.0, 1.0}:
        if (len(names) == 2 and near.mean() < BOTH) or near.mean() < CODED:
            return
        near |= sums == 0  # of what no column stands for, as of the class that codes leave out
    odd = np.flatnonzero(~near)
    if not 0 < len(odd) <= (1 - KEEP) * part.rows or (spread == 0).any():
        return
    odd = odd[np.argsort(-np.abs(sums[odd] - whole), kind="stable")]
    rows = part.row_numbers[odd].tolist()
    yield Anomaly(
        part,
        f"{counted(len(names), 'column')} from `{names[0]}` to `{names[-1]}` sum up to {whole:.0f} in all but "
        f"{counted(len(rows), 'row')} of {part.rows:,}, as row {rows[0]}: {shown(float(sums[odd[0]]))}",
        "look which of the cells is wrong, or make the shares anew",
        0.85,
        made(rows, np.abs(sums[odd] - whole).tolist()),
        names,
        "warning",
        normal=f"they are shares of {whole:.0f}",
        group="dependency-violation shares",
    )
