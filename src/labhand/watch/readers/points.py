"""Reads labhand's own points files.

## What it does
Records that are cut or whose checksum is wrong are passed over.

## References
docs/design/001-the-house.md.
"""

from collections.abc import Iterator
from pathlib import Path

from labhand.kit.records import Reader as Records
from labhand.kit.records import Record
from labhand.probe.points import MARK, ROW_HEAD
from labhand.watch.rows import Part, Row

_HEADER = b"labhand.points/1"


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it begins with a header of labhand's points."""
        return head[:1] == bytes([MARK]) and _HEADER in head[:256]

    def parts(self, path: Path) -> Iterator[Part]:
        """The one source in the file."""
        yield None, _rows(path)


def _rows(path: Path) -> Iterator[Row]:
    import struct

    data, records, at = path.read_bytes(), Records(path), 0
    while isinstance(record := records.next(data, at, len(data)), Record):
        names = records.names[record.number]
        begin = record.at + 8
        step, time = ROW_HEAD.unpack_from(data, begin)
        values = struct.unpack_from(f"<{len(names)}d", data, begin + ROW_HEAD.size)
        yield Row(step, time, dict(zip(names, values, strict=True)))
        at = record.end
