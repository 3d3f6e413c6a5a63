"""Reads the metrics that a script printed, from any text; asked last.

## What it does
Well-known formats are read exactly, other lines under guards. A value printed without a step takes
the last step that was told.

## References
`labhand.kit.lines`.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

from labhand.kit.lines import Lines, Numbering, Printed
from labhand.watch.readers import Stream, streamed
from labhand.watch.rows import Part, Row


class Reader:
    """The reader of this format."""

    fallback = True

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it is text."""
        if not head or b"\0" in head:
            return False
        return head.count(b"\xef\xbf\xbd") + _odd(head) < len(head) // 10 + 8

    def parts(self, path: Path) -> Iterator[Part]:
        """The one run whose output it is."""
        yield None, streamed(path, Text())

    def stream(self) -> Stream:
        """The rows as the file grows."""
        return Text()


class Text:
    """Makes rows of what was printed. No state of a progress bar is left out."""

    def __init__(self) -> None:
        seconds = itertools.count()
        self._lines = Lines(clock=lambda: float(next(seconds)))
        self._numbering = Numbering()

    def feed(self, data: bytes) -> list[Row]:
        """The rows that are whole by now."""
        return self._rows(self._lines.feed(data))

    def close(self) -> list[Row]:
        """What the unfinished last line says."""
        return self._rows(self._lines.close())

    def _rows(self, told: list[Printed]) -> list[Row]:
        rows = (self._numbering.row(printed) for printed in told)
        return [Row(step, None, values) for step, values in rows if values]


def _odd(head: bytes) -> int:
    """How many bytes are control characters that text does not hold."""
    return sum(head.count(bytes([code])) for code in (*range(1, 7), *range(14, 27)))
