"""Persons who gave the same answer to all questions."""

from collections import defaultdict
from collections.abc import Iterator

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share

QUESTIONS = 6
"""Questions of one scale below which all the same is no wonder."""
SCALE = (3, 11)
"""Steps of a scale."""
LEAST = 50
MOST = 0.15
"""The share of rows up to which those who answer so are few."""
CHANCE = 0.2
"""How many of the rows that are told may be there by chance, at most."""
MANY = 2_000_000


def lined(data: Data, part: Part) -> Iterator[Anomaly]:
    """A claim for each set of questions on one scale which some rows answer with one and the same step."""
    if not LEAST <= part.rows <= MANY:
        return
    apart = {data.role("label"), data.role("id"), data.role("prediction")}
    scales: dict[tuple[float, float], list[Column]] = defaultdict(list)
    for column in part.columns.values():
        if column.kind == "number" and column.whole and column.name not in apart and column.min is not None:  # fmt: skip
            steps = (column.max or 0) - column.min + 1
            if SCALE[0] <= steps <= SCALE[1] and column.unique >= SCALE[0]:
                scales[column.min, column.max or 0].append(column)
    for columns in scales.values():
        if len(columns) >= QUESTIONS:
            yield from _told(part, columns)


def _told(part: Part, columns: list[Column]) -> Iterator[Anomaly]:
    import numpy as np

    names = [column.name for column in columns]
    values = part.numbers(names)
    known = np.isfinite(values).all(axis=1)
    straight = known & (values.max(axis=1) == values.min(axis=1))
    number = int(straight.sum())
    if not 0 < number <= MOST * known.sum():
        return
    # who answers all but one alike tells how often people who read the questions come to one answer
    middle = np.median(values, axis=1)[:, None]
    nearly = int((known & ((values != middle).sum(axis=1) == 1)).sum())
    if nearly / len(names) > CHANCE * number or number < 2:
        return
    rows = part.row_numbers[straight].tolist()
    yield Anomaly(
        part,
        f"{number:,} of {part.rows:,} rows ({share(number, part.rows)}) have one and the same step in all {len(names)} columns "
        f"from `{names[0]}` to `{names[-1]}`, as row {rows[0]}; {nearly:,} have it in all but one",
        "leave these rows out: they were filled in without reading",
        0.85,
        made(rows),
        names,
        "warning",
        normal="rows have several steps of the scale",
        group="stuck-value straight",
    )
