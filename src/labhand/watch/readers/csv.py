"""Reads a table of text with a line of names on top: CSV, TSV and their like.

## What it does
Finds the delimiter. Sparse columns, a changed header and several runs in a column `run` are fine;
a blank cell is no value. The step is found by its name, else it is the first column that counts up,
else the number of the row.

## References
RFC 4180; Lightning's `CSVLogger`.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labhand.watch.readers import Stream, streamed
from labhand.watch.rows import RUNS, Numbered, Part, Row, chunks, head, is_step, number

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

_DELIMITERS = ",\t;|"
_COMMA = re.compile(r"^([-+]?\d+),(\d+(?:[eE][-+]?\d+)?%?)$")
"""A number as it is written where the comma is no delimiter."""


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the first lines are names over numbers with one delimiter."""
        lines, table = _lines(head), path.suffix.lower() in (".csv", ".tsv")
        # a file that calls itself a table may have one column
        delimiter = (_delimiter(lines[0]) or ("," if table else None)) if len(lines) > 1 else None
        if delimiter is None:
            return False
        names, cells = _split(lines[0], delimiter), _split(lines[1], delimiter)
        if not _is_header(names) or abs(len(names) - len(cells)) > 1:
            return False
        known = table or any(is_step(n) for n in names)
        return known and any(number(cell) is not None for cell in cells)

    def parts(self, path: Path) -> Iterator[Part]:
        """The run in the table, or those that its column `run` names."""
        lines = _lines(head(path, 1 << 20))
        delimiter = _delimiter(lines[0]) if lines else None
        names = _split(lines[0], delimiter or ",") if lines else []
        column = next((names.index(n) for n in RUNS if n in names), None)
        if column is None:
            yield None, streamed(path, Table())
            return
        seen: dict[str, None] = {}
        table = Table()
        for piece in chunks(path):
            seen |= dict.fromkeys(c[column] for c in table.cells(piece) if len(c) > column)
        for name in seen:
            yield name, streamed(path, Table(column, name))

    def stream(self) -> Stream:
        """The rows as the file grows."""
        return Table()


class Table:
    """Makes rows of a table's bytes. Of several runs it takes the one that `column` names `run`."""

    def __init__(self, column: int | None = None, run: str = "") -> None:
        self._column = column
        self._run = run
        self._rest = b""
        self._delimiter: str | None = None
        self._names: list[str] = []
        self._texts: set[str] = set()
        self._numbered = Numbered()

    def feed(self, data: bytes) -> list[Row]:
        """The rows that are whole by now."""
        found: list[Row] = []
        for cells in self.cells(data):
            if self._column is None:
                found += self._numbered.rows(self._named(cells))
            elif len(cells) > self._column and cells[self._column] == self._run:
                entry = self._named(cells)
                entry.pop(self._names[self._column], None)
                found += self._numbered.rows(entry)
        return found

    def columns(self, data: bytes) -> "Stretch | None":
        """The whole rows in `data` as columns, where all of them are plain numbers below known names.

        None, with nothing taken, where they are not: then `feed` takes it.
        """
        from labhand.watch.readers._plain import plain_columns

        end = data.rfind(b"\n") + 1
        body = self._rest + data[:end]
        if (
            not self._names
            or self._column is not None
            or not end
            or self._delimiter not in (",", "\t")
        ):
            return None
        known = plain_columns(body, self._names, self._delimiter, self._texts)
        found = None if known is None else self._numbered.stretch(*known)
        if found is not None:
            self._rest = data[end:]
        return found

    def close(self) -> list[Row]:
        """What an unfinished last line and a waiting first row hold."""
        return [*(self.feed(b"\n") if self._rest else []), *self._numbered.close()]

    def cells(self, data: bytes) -> Iterator[list[str]]:
        """The cells of the rows below the names; a new line of names counts from there on."""
        *lines, self._rest = re.split(rb"\r\n|\n|\r(?!$)", self._rest + data)
        for line in lines:
            text = line.decode("utf-8-sig", "replace").rstrip("\r")
            if not text.strip() or text.startswith("#"):
                continue
            if self._delimiter is None:
                self._delimiter = _delimiter(text) or ","
            cells = _split(text, self._delimiter)
            if self._delimiter == ";":
                cells = [_COMMA.sub(r"\1.\2", cell) for cell in cells]
            if not self._names or (len(cells) > 1 and _is_header(cells) and _changed(cells)):
                self._names = cells
                continue
            yield cells

    def _named(self, cells: list[str]) -> dict[str, object]:
        pairs = zip(self._names, cells, strict=False)
        return {name or "index": cell for name, cell in pairs if cell.strip() != ""}


def _lines(head: bytes) -> list[str]:
    text = head.decode("utf-8-sig", "replace")
    lines = [line for line in text.splitlines()[:50] if line.strip()]
    return [line for line in lines if not line.startswith("#")]


def _delimiter(line: str) -> str | None:
    """The delimiter that the line holds most of; None where it holds none."""
    most = max(_DELIMITERS, key=line.count)
    return most if most in line else None


def _split(line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _is_header(cells: list[str]) -> bool:
    """Whether no cell is a number and most are names."""
    named = [cell for cell in cells if cell]
    return bool(named) and not any(number(cell) is not None for cell in named)


def _changed(cells: list[str]) -> bool:
    """Whether a later line without numbers is a new header, and no row of text."""
    return any(is_step(cell) for cell in cells)
