"""The readers of logs, one format a file: a log → rows of metrics.

A reader module defines `class Reader` with `accepts` and `parts`; one whose files grow line by line
or record by record also has `stream`, which live following uses. `fallback = True` marks a reader
that is asked last.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from labhand.watch.rows import Part, Pieces, Row, chunks

LEAD = 4096
"""Bytes."""


class Stream(Protocol):
    """Makes rows of a file's bytes as they come."""

    def feed(self, data: bytes) -> list[Row]:
        """The rows that are whole by now."""

    def close(self) -> list[Row]:
        """What was left, once no more will come."""


class ReaderProtocol(Protocol):
    """What every reader is."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is of this format, by its first 64 kB; `head` is empty for a folder."""

    def parts(self, path: Path) -> Iterator[Part]:
        """The runs in the log, each with its rows in the order of the file."""


def streamed(path: Path, stream: Stream) -> Pieces:
    """The rows of a whole file, by the stream that following it uses; many at a time where it can."""
    columns = getattr(stream, "columns", None)
    for place, piece in enumerate(chunks(path)):
        if not place and columns is not None:  # by its beginning a stream knows what is in the rest
            yield from stream.feed(piece[:LEAD])
            piece = piece[LEAD:]
        many = columns(piece) if columns is not None else None
        if many is None:
            yield from stream.feed(piece)
        else:
            yield many
    yield from stream.close()
