"""Reads numeric columns of a Parquet file, rows in the order of the file.

## What it does
A column `run` makes several runs of it; a null is no value, a NaN is one.

## References
Apache Parquet.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labhand.core.errors import InputError
from labhand.watch.rows import RUNS, Numbered, Part, Row

if TYPE_CHECKING:
    import polars as pl


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it begins with Parquet's mark."""
        return head.startswith(b"PAR1")

    def parts(self, path: Path) -> Iterator[Part]:
        """The runs, in the order in which they first appear."""
        import polars as pl
        from polars.exceptions import PolarsError

        try:
            frame = pl.read_parquet(path)
        except (PolarsError, OSError) as error:
            raise InputError(f"the Parquet file {path} cannot be read: {error}") from error
        named = next((c for c in RUNS if c in frame.columns), None)
        if named is None:
            yield None, _rows(frame)
            return
        for (run,), part in frame.group_by(named, maintain_order=True):
            yield str(run), _rows(part.drop(named))


def _rows(frame: "pl.DataFrame") -> Iterator[Row]:
    names = [
        column
        for column, kind in frame.schema.items()
        if frame[column].null_count() < frame.height and not kind.is_nested()
    ]
    numbered = Numbered()
    for cells in frame.select(names).iter_rows():
        entry: dict[str, object] = {}
        for name, cell in zip(names, cells, strict=True):
            if cell is not None:
                entry[name] = cell.isoformat() if hasattr(cell, "isoformat") else cell
        yield from numbered.rows(entry)
    yield from numbered.close()
