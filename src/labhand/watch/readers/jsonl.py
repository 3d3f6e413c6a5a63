"""Reads lines of JSON objects, nested names joined by `/`.

## What it does
Python's bare `NaN` and `Infinity` are numbers, `null` is no value; a line that is no object is
passed over.

## References
JSON Lines, jsonlines.org.
"""

from collections.abc import Iterator
from pathlib import Path

from labhand.watch.readers import Stream, streamed
from labhand.watch.rows import Numbered, Part, Row, flat, loose_json, number

_LONGEST = 1 << 24


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the first whole line is a JSON object with a number in it."""
        line = next((line for line in head.splitlines() if line.strip()), b"")
        if not line.lstrip().startswith(b"{"):
            return False
        entry = _entry(line)
        whole = path.suffix == ".json" and head.count(b"\n") < 2
        return (
            entry is not None
            and not whole
            and any(number(v) is not None for v in flat(entry).values())
        )

    def parts(self, path: Path) -> Iterator[Part]:
        """The one run in the file."""
        yield None, streamed(path, Objects())

    def stream(self) -> Stream:
        """The rows as the file grows."""
        return Objects()


class Objects:
    """Makes rows of the bytes of a JSONL file; a line that is no object is passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._numbered = Numbered()

    def feed(self, data: bytes) -> list[Row]:
        """The rows that are whole by now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST:
            self._rest = b""
        found: list[Row] = []
        for line in lines:
            entry = _entry(line)
            if entry is None:
                continue
            cells = {k: v for k, v in flat(entry).items() if v is not None}
            if cells:
                found += self._numbered.rows(cells)
        return found

    def close(self) -> list[Row]:
        """What an unfinished last line and a waiting first row hold."""
        return [*(self.feed(b"\n") if self._rest else []), *self._numbered.close()]


def _entry(line: bytes) -> dict[str, object] | None:
    try:
        entry = loose_json(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
