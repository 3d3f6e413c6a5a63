"""Reads MLflow's SQLite store or an `mlruns` folder, run by run.

## What it does
Points of one step that follow each other make a row. What MLflow stores for NaN and infinity is
read as these.

## References
MLflow, tracking stores.
"""

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from labhand.watch.rows import Part, Row, number
from labhand.watch.sqlite import opened, tables

_LARGEST = 1.7976931348623157e308
"""What MLflow writes into SQL for an infinity."""


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it is MLflow's database, an `mlruns` folder, or the folder of one of its runs."""
        if path.is_dir():
            return bool(_run_folders(path))
        if not head.startswith(b"SQLite format 3\0"):
            return False
        return {"key", "value", "run_uuid", "is_nan"} <= tables(path).get("metrics", set())

    def parts(self, path: Path) -> Iterator[Part]:
        """The runs of the store, in the order in which they began."""
        if path.is_dir():
            for folder in _run_folders(path):
                yield _name(folder), _merged(_file_points(folder))
            return
        with opened(path) as base:
            query = "SELECT run_uuid, name FROM runs ORDER BY start_time, rowid"
            runs = base.execute(query).fetchall()
        for key, name in runs:
            yield name or key, _merged(_sql_points(path, key))


_Point = tuple[int, float, str, float]
"""step, time, name, value"""


def _sql_points(path: Path, key: str) -> Iterator[_Point]:
    query = (
        "SELECT step, timestamp, key, value, is_nan FROM metrics WHERE run_uuid = ? "
        "ORDER BY timestamp, step, rowid"
    )
    with opened(path) as base:
        for step, time, name, value, is_nan in base.execute(query, (key,)):
            given = math.nan if is_nan else float(value)
            if abs(given) >= _LARGEST:
                given = math.copysign(math.inf, given)
            yield step, time / 1000, name, given


def _file_points(folder: Path) -> list[_Point]:
    points: list[_Point] = []
    root = folder / "metrics"
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = path.relative_to(root).as_posix()
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            parts = line.split()
            value = number(parts[1]) if len(parts) >= 2 else None
            if value is not None and parts[0].isdigit():
                step = int(parts[2]) if len(parts) > 2 else 0
                points.append((step, int(parts[0]) / 1000, name, value))
    return sorted(points, key=lambda point: (point[1], point[0]))


def _merged(points: Iterable[_Point]) -> Iterator[Row]:
    """Rows of the points that share a step and follow each other."""
    row: Row | None = None
    for step, time, name, value in points:
        if row is not None and row.step == step and name not in row.values:
            row.values[name] = value
            continue
        if row is not None:
            yield row
        row = Row(step, time, {name: value})
    if row is not None:
        yield row


def _run_folders(path: Path) -> list[Path]:
    """The folders of runs: `path` itself, or one or two levels below."""
    found = [
        meta.parent
        for pattern in ("meta.yaml", "*/meta.yaml", "*/*/meta.yaml")
        for meta in path.glob(pattern)
        if (meta.parent / "metrics").is_dir()
    ]
    return sorted(found, key=lambda folder: (_started(folder), folder.name))


def _started(folder: Path) -> int:
    found = re.search(
        r"^start_time: (\d+)", (folder / "meta.yaml").read_text("utf-8"), re.MULTILINE
    )
    return int(found[1]) if found else 0


def _name(folder: Path) -> str:
    tag = folder / "tags" / "mlflow.runName"
    return (tag.read_text("utf-8").strip() if tag.is_file() else "") or folder.name
