"""The readers of data, one format a file: a file or folder → tables.

A reader module defines `class Reader` with `accepts` and `tables`; `fallback = True` marks one that
is asked last. A cell that cannot be read, a line that is cut: one sentence in `Table.troubles`, and
the rest is read all the same.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import polars as pl


class Table(NamedTuple):
    """One table that a file or folder holds.

    `frame` is lazy or not; a column `__row__` (`data.ROW`) numbers its rows where some could not be
    read, else rows count from 0. `name` is what the table is called in a file that holds several;
    `split` is set where the format itself says which split it is. `troubles` are sentences about
    what could not be read. `facts` is what a detector may want to know of the file, by names that
    the reader's docstring lists.
    """

    frame: "pl.LazyFrame | pl.DataFrame"
    name: str | None = None
    split: str | None = None
    troubles: tuple[str, ...] = ()
    facts: dict[str, Any] = {}  # noqa: RUF012  a NamedTuple's default is never changed


class ReaderProtocol(Protocol):
    """What every reader is."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is of this format, by its first 64 kB; `head` is empty for a folder."""
        ...

    def tables(self, path: Path) -> Iterator[Table]:
        """The tables in the file or folder.

        Raises:
            LabhandError: nothing of it can be read; one sentence with cause and remedy.
        """
        ...
