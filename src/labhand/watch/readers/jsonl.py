"""Reads lines of JSON objects, nested names joined by `/`.

## What it does
Python's bare `NaN` and `Infinity` are numbers, `null` is no value; a line that is no object is
passed over.

## References
JSON Lines, jsonlines.org.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from labhand.watch.readers import Stream, streamed
from labhand.watch.rows import Numbered, Part, Row, flat, loose_json, number

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

_LONGEST = 1 << 24
_OBJECTS = msgspec.json.Decoder(list[dict[str, Any]])


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

    def columns(self, data: bytes) -> "Stretch | None":
        """The whole lines in `data` as columns, where all are flat objects of numbers.

        None, with nothing taken, where they are not: then `feed` takes it.
        """
        from labhand.watch.readers._plain import LEAST_BYTES, columns_of

        end = data.rfind(b"\n")
        if end < LEAST_BYTES or self._rest.startswith(b"\n"):
            return None
        lines = (self._rest + data[:end]).split(b"\n")
        try:
            entries = _OBJECTS.decode(b"[" + b",".join(lines) + b"]")
        except (ValueError, RecursionError):
            return None
        known = columns_of(entries)
        found = (
            None
            if known is None or not all(entries)
            else self._numbered.stretch(known, len(entries))
        )
        if found is not None:
            self._rest = data[end + 1 :]
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
