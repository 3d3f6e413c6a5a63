"""The points of a run that has few, in plain Python: to load numpy would take longer than all else.

What is shown, of which source and of which rank, is as `kit.points` tells it; the tests hold both
to the same answers.
"""

import math
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from labhand.core.run import Metric
from labhand.kit import packed, points
from labhand.kit.points import Curve

MOST_BYTES = 16 * 1024
"""Points files of a run with more than this are read by numpy."""


class _Column(NamedTuple):
    source: str
    rank: int | None
    rows: list[tuple[int, float, float]]


class _Point(NamedTuple):
    attempt: int
    shown: bool
    step: int
    time: float
    value: float


def metrics(run_dir: Path) -> dict[str, Metric] | None:
    """Every metric in short, by name; None where the points are not few."""
    found = _read(run_dir, None)
    if found is None:
        return None
    return {name: _metric(told) for name, (_, told) in sorted(found.items())}


def curves(run_dir: Path, wanted: Collection[str], most: int) -> dict[str, Curve] | None:
    """The curves of the `wanted` metrics, each of all its points; None where they are not few."""
    found = _read(run_dir, frozenset(wanted))
    if found is None or any(len(told) > most for _, told in found.values()):
        return None
    return {name: _curve(name, *told) for name, told in found.items()}


def _read(
    run_dir: Path, wanted: Collection[str] | None
) -> dict[str, tuple[str, list[_Point]]] | None:
    """By name the source and the points, attempt after attempt, each in the order of logging."""
    files = points.raw_files(run_dir)
    try:
        size = sum(path.stat().st_size for _, path in files)
    except FileNotFoundError:  # packed while we were looking
        return None
    if size > MOST_BYTES or (run_dir / packed.NAME).exists():
        return None
    columns: dict[str, dict[int, list[_Column]]] = {}
    for number, path in files:
        of_file: dict[str, _Column] = {}
        for row in points.rows(path):
            for name, value in zip(row.names, row.values, strict=True):
                if wanted is None or name in wanted:
                    column = of_file.setdefault(name, _Column(row.source, row.rank, []))
                    column.rows.append((row.step, row.time, value))
        for name, column in of_file.items():
            columns.setdefault(name, {}).setdefault(number, []).append(column)
    return {name: _shown(attempts) for name, attempts in columns.items()}


def _shown(attempts: dict[int, list[_Column]]) -> tuple[str, list[_Point]]:
    told: list[list[_Point]] = []
    first, source = math.inf, ""
    for number in sorted(attempts, reverse=True):
        columns = attempts[number]
        heard = points.trusted([(column.source, column.rank) for column in columns], None)
        source = source or columns[heard[0]].source
        rows = [row for i in heard for row in columns[i].rows]
        if len(heard) > 1:
            rows.sort(key=lambda row: row[1])
        told.append([_Point(number, step < first, step, at, value) for step, at, value in rows])
        first = min(first, *(row[0] for row in rows))
    return source, [point for attempt in reversed(told) for point in attempt]


def _metric(told: list[_Point]) -> Metric:
    shown = [point for point in told if point.shown]
    finite = [point for point in shown if math.isfinite(point.value)]
    values = [point.value for point in finite]
    # Steps may go back, as in a last line on the best iteration: the latest of the last step.
    last = max(reversed(finite), key=lambda point: point.step, default=None)
    return Metric(
        points=len(shown),
        first=values[0] if values else None,
        last=last.value if last else None,
        min=min(values, default=None),
        max=max(values, default=None),
        last_step=max(point.step for point in shown),
        non_finite=len(shown) - len(finite),
    )


def _curve(name: str, source: str, told: list[_Point]) -> Curve:
    drawn = sorted(told, key=lambda p: (p.shown, 0 if p.shown else p.attempt, p.step))
    return Curve(
        name,
        source,
        [point.step for point in drawn],
        [point.time for point in drawn],
        [point.value for point in drawn],
        [point.attempt for point in drawn],
        [point.shown for point in drawn],
        len(drawn),
    )
