"""DuckDB: each table of the database, where the duckdb package is installed."""

from collections.abc import Iterator
from pathlib import Path

from labhand.core.errors import InputError
from labhand.scan.readers import Table

_TABLES = (
    "SELECT table_schema, table_name FROM information_schema.tables "
    "WHERE table_type = 'BASE TABLE' ORDER BY ALL"
)


class Reader:
    """Reads every table of a DuckDB database, opened for reading only."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is a DuckDB database."""
        return head[8:12] == b"DUCK"

    def tables(self, path: Path) -> Iterator[Table]:
        """The tables in the order of their names."""
        import polars as pl

        try:
            import duckdb
        except ImportError:
            raise InputError(
                f"{path} is a DuckDB database, and the package duckdb is not installed: "
                "pip install duckdb"
            ) from None
        try:
            with duckdb.connect(str(path), read_only=True) as base:
                for schema, name in base.execute(_TABLES).fetchall():
                    quoted = ".".join(
                        f'"{part.replace(chr(34), 2 * chr(34))}"' for part in (schema, name)
                    )
                    told = name if schema == "main" else f"{schema}.{name}"
                    yield Table(pl.DataFrame(base.sql(f"SELECT * FROM {quoted}")), name=told)
        except duckdb.Error as error:
            told = str(error).split("\n")[0]
            raise InputError(
                f"{path} is a damaged DuckDB database, or one in use: {told}"
            ) from error
