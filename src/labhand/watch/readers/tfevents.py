"""Reads TensorBoard's event files: scalars, as `simple_value` or as a tensor of one number.

## What it does
Frames are read one by one, their checksums passed over; a torn tail waits for its rest. Images,
histograms and texts are left out.

## References
TensorFlow, `event.proto`, `summary.proto`, `tensor.proto`; the TFRecord format.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from labhand.watch.protobuf import fields, first
from labhand.watch.readers import Stream, streamed
from labhand.watch.rows import Part, Row

_HEADER = struct.Struct("<QI")
_LARGEST = 1 << 30


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it begins as a TFRecord whose first event names its version, or by its name."""
        return b"brain.Event:" in head[:64] or ("tfevents" in path.name and bool(head))

    def parts(self, path: Path) -> Iterator[Part]:
        """The one run in the file."""
        yield None, streamed(path, Events())

    def stream(self) -> Stream:
        """The rows as the file grows."""
        return Events()


class Events:
    """Makes rows of an event file's bytes: scalars of one step that follow each other are one row.

    A torn tail waits for its rest. Lengths are trusted only where their own frame is plausible.
    """

    def __init__(self) -> None:
        self._data = b""
        self._row: Row | None = None

    def feed(self, data: bytes) -> list[Row]:
        """The rows that are whole by now."""
        data, at = self._data + data, 0
        found: list[Row] = []
        while at + 12 <= len(data):
            length, _ = _HEADER.unpack_from(data, at)
            if length > _LARGEST:
                at = len(data)  # no frame: what follows cannot be trusted
                break
            if at + 16 + length > len(data):
                break
            self._take(data[at + 12 : at + 12 + length], found)
            at += 16 + length
        self._data = data[at:]
        if self._row is not None:
            found.append(self._row)
            self._row = None
        return found

    def close(self) -> list[Row]:
        """Nothing: what is left is torn."""
        return []

    def _take(self, event: bytes, found: list[Row]) -> None:
        try:
            time, step, values = _event(event)
        except (ValueError, struct.error, IndexError):
            return
        if not values:
            return
        row = self._row
        if row is not None and row.step == step and not row.values.keys() & values.keys():
            row.values.update(values)
            return
        if row is not None:
            found.append(row)
        self._row = Row(step, time, values)


def _event(event: bytes) -> tuple[float, int, dict[str, float]]:
    """The time, the step and the scalars of an `Event` message."""
    time, step = 0.0, 0
    values: dict[str, float] = {}
    for number, content in fields(event):
        if number == 1 and isinstance(content, bytes):
            (time,) = struct.unpack("<d", content)
        elif number == 2 and isinstance(content, int):
            step = content - (1 << 64) if content >> 63 else content
        elif number == 5 and isinstance(content, bytes):
            for inner, value in fields(content):
                if inner == 1 and isinstance(value, bytes):
                    values |= _value(value)
    return time, step, values


def _value(message: bytes) -> dict[str, float]:
    """The scalar of a `Summary.Value`; nothing for an image, a histogram or a text."""
    tag, found = "", None
    for number, content in fields(message):
        if number == 1 and isinstance(content, bytes):
            tag = content.decode("utf-8", "replace")
        elif number == 2 and isinstance(content, bytes):
            (found,) = struct.unpack("<f", content)
        elif number == 8 and isinstance(content, bytes):
            found = _tensor(content)
    return {} if found is None or not tag else {tag: found}


_TYPES = {1: "<f", 2: "<d", 3: "<i", 9: "<q", 19: "<e"}
"""DataType of a TensorProto: float, double, int32, int64, half."""


def _tensor(message: bytes) -> float | None:
    """The number of a `TensorProto` that holds exactly one."""
    kind, raw, listed = 0, b"", None
    for number, content in fields(message):
        if number == 1 and isinstance(content, int):
            kind = content
        elif number == 2 and isinstance(content, bytes) and _elements(content) != 1:
            return None
        elif number == 4 and isinstance(content, bytes):
            raw = content
        elif number in (5, 6, 7, 10, 13):
            listed = content
    form = _TYPES.get(kind)
    if form is None:
        return None
    if isinstance(listed, bytes) and kind in (1, 2):
        raw = raw or listed
    if raw:
        return float(struct.unpack(form, raw)[0]) if len(raw) == struct.calcsize(form) else None
    return None if listed is None else _whole(kind, listed)


def _whole(kind: int, listed: int | bytes) -> float:
    """The number that a varint of a `TensorProto` says: a half by its bits, an integer by its value."""
    value = listed if isinstance(listed, int) else first(listed)
    if kind == 19:
        return float(struct.unpack("<e", struct.pack("<H", value & 0xFFFF))[0])
    return float(value - (1 << 64) if value >> 63 else value)


def _elements(shape: bytes) -> int:
    """The number of elements of a `TensorShapeProto`."""
    count = 1
    for number, dimension in fields(shape):
        if number == 2 and isinstance(dimension, bytes):
            count *= next((s for n, s in fields(dimension) if n == 1 and isinstance(s, int)), 0)
    return count
