"""SQLite: each table of the database, opened for reading only."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from labhand.core.errors import InputError
from labhand.scan.readers import Table
from labhand.scan.readers.json import framed

MOST = 200_000
"""Rows that are fetched at once."""


class Reader:
    """Reads every table of an SQLite database."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is an SQLite database."""
        return head.startswith(b"SQLite format 3\0")

    def tables(self, path: Path) -> Iterator[Table]:
        """The tables in the order of their names."""
        import polars as pl

        try:
            base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            with base:
                query = "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
                names = [name for (name,) in base.execute(query)]
                for name in names:
                    quoted = name.replace('"', '""')
                    rows = base.execute(f'SELECT * FROM "{quoted}"')
                    heads = [column[0] for column in rows.description]
                    pieces = []
                    while got := rows.fetchmany(MOST):
                        pieces.append(framed([dict(zip(heads, r, strict=True)) for r in got]))
                    empty = pl.DataFrame({head: [] for head in heads})
                    frame = pl.concat(pieces, how="vertical_relaxed") if pieces else empty
                    yield Table(frame, name=name)
            base.close()
        except sqlite3.Error as error:
            raise InputError(f"{path} is a damaged SQLite database: {error}") from error
        if not names:
            raise InputError(f"{path} is an SQLite database without a table; nothing is to scan")
