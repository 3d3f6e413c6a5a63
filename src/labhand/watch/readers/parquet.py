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
from labhand.watch.roles import role
from labhand.watch.rows import RUNS, TIMES, Numbered, Part, Pieces, Row

if TYPE_CHECKING:
    import polars as pl

    from labhand.watch.stretch import Column

LEAD = 8
"""Rows by which it is found what the step is."""


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


def _rows(frame: "pl.DataFrame") -> Pieces:
    names = [
        column
        for column, kind in frame.schema.items()
        if frame[column].null_count() < frame.height and not kind.is_nested()
    ]
    frame, numbered = frame.select(names), Numbered()
    yield from _by_row(frame[:LEAD], numbered)
    rest = frame[LEAD:]
    many = _columns(rest)
    whole = None if many is None else numbered.stretch(many, rest.height)
    if whole is not None:
        yield whole
    else:
        yield from _by_row(rest, numbered)
    yield from numbered.close()


def _by_row(frame: "pl.DataFrame", numbered: Numbered) -> Iterator[Row]:
    for cells in frame.iter_rows():
        entry: dict[str, object] = {}
        for name, cell in zip(frame.columns, cells, strict=True):
            if cell is not None:
                entry[name] = cell.isoformat() if hasattr(cell, "isoformat") else cell
        yield from numbered.rows(entry)


def _columns(frame: "pl.DataFrame") -> "dict[str, Column] | None":
    """The columns, those of text alone left out; None where one is of something else."""
    import polars as pl

    from labhand.watch.readers._plain import column

    found = {}
    for name in frame.columns if frame.height else ():
        cells = frame[name]
        if (
            cells.dtype == pl.String
            and name.lower() not in TIMES
            and role(name) != "batch-identity"
        ):
            cells = cells.cast(pl.Float64, strict=False)
            if cells.null_count() not in (frame.height, frame[name].null_count()):
                return None
        if not cells.dtype.is_numeric():
            return None
        if cells.null_count() < frame.height:
            found[name] = column(cells)
    return found or None
