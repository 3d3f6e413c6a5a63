"""Reads the SQLite file of a trackio project, run by run.

## What it does
The rows come in the order in which they were logged; the database is opened for reading only.

## References
trackio, `sqlite_storage.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from labhand.watch.rows import Part, Row, flat, moment, number
from labhand.watch.sqlite import opened, tables


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it is SQLite with trackio's table of metrics."""
        if not head.startswith(b"SQLite format 3\0"):
            return False
        return {"run_name", "step", "metrics"} <= tables(path).get("metrics", set())

    def parts(self, path: Path) -> Iterator[Part]:
        """The runs of the project."""
        column = "run_id" if "run_id" in tables(path)["metrics"] else "run_name"
        with opened(path) as base:
            query = f"SELECT {column}, run_name FROM metrics GROUP BY {column} ORDER BY MIN(id)"
            runs = base.execute(query).fetchall()
        for key, name in runs:
            yield name, _rows(path, column, key)


def _rows(path: Path, column: str, key: str) -> Iterator[Row]:
    with opened(path) as base:
        query = f"SELECT step, timestamp, metrics FROM metrics WHERE {column} = ? ORDER BY id"
        for step, time, metrics in base.execute(query, (key,)):
            try:
                entry = msgspec.json.decode(metrics)
            except ValueError:
                continue
            if not isinstance(entry, dict):
                continue
            found = {n: v for n, c in flat(entry).items() if (v := number(c)) is not None}
            yield Row(int(step), moment(time), found)
