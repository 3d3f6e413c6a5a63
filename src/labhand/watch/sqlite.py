"""SQLite files of other tools, opened so that nothing about them changes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from labhand.core.errors import InputError


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database for reading only. It may be in use by its writer.

    Raises:
        InputError: it is damaged or locked.
    """
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2)
        ) as base:
            yield base
    except sqlite3.Error as error:
        raise InputError(f"the database {path} cannot be read: {error}") from error


def tables(path: Path) -> dict[str, set[str]]:
    """The names of the columns of each table."""
    with opened(path) as base:
        names = [
            row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        return {
            name: {row[1] for row in base.execute(f"PRAGMA table_info({_quoted(name)})")}
            for name in names
        }


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
