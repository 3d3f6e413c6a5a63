"""DuckDB: each table of the database, where the duckdb package is installed."""

from collections.abc import Iterator
from pathlib import Path

from labhand.core.errors import InputError
from labhand.scan.readers import Table


class Reader:
    """Reads every table of a DuckDB database, opened for reading only."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is a DuckDB database."""
        return head[8:12] == b"DUCK"

    def tables(self, path: Path) -> Iterator[Table]:
        """The tables in the order of their names."""
        try:
            import duckdb
        except ImportError:
            raise InputError(
                f"{path} is a DuckDB database, and the package duckdb is not installed: "
                "pip install duckdb"
            ) from None
        try:
            with duckdb.connect(str(path), read_only=True) as base:
                names = sorted(name for (name,) in base.execute("SHOW TABLES").fetchall())
                for name in names:
                    quoted = name.replace('"', '""')
                    yield Table(base.execute(f'SELECT * FROM "{quoted}"').pl(), name=name)
        except duckdb.Error as error:
            raise InputError(f"{path} cannot be read: {error}") from error
