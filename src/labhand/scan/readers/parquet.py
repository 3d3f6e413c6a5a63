"""Parquet, read lazily: what a detector does not ask for is never loaded."""

from collections.abc import Iterator
from pathlib import Path

from labhand.core.errors import InputError
from labhand.scan.readers import Table


class Reader:
    """Reads one Parquet file."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as Parquet does, or is named so."""
        return head.startswith(b"PAR1") or (bool(head) and path.suffix.lower() == ".parquet")

    def tables(self, path: Path) -> Iterator[Table]:
        """The one table in the file."""
        import polars as pl

        try:
            frame = pl.scan_parquet(path, glob=False)
            frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            told = str(error).split("\n")[0]
            raise InputError(
                f"{path} is a damaged Parquet file: {told}; write or copy it anew"
            ) from error
        yield Table(frame)
