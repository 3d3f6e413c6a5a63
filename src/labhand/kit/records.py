"""Reads points files: record by record where it must, many rows at once where their sizes repeat.

Every record that is handed out has been checked. One by one its crc is computed. In a stretch of
rows of equal size the crc of their XOR is compared with the XOR of their crcs, which is the same
thing since crc is linear: one damaged row is always found, and two only escape where their damage
cancels out, bit for bit. A stretch that fails is looked at row by row, and only what is damaged is
passed over.
"""

import struct
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import msgspec

from labhand.probe.points import HEADER, LENGTH, MARK, NAMES, PREFIX, ROW, ROW_HEAD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXT_MAX = 1 << 26
"""No header or list of names is longer; a length beyond it is damage."""
CHUNK = 1 << 22
PERIOD_MAX = 64
"""The longest pattern of row sizes that is recognised, in rows."""
TRIES = (8, 32, 64, 2 * PERIOD_MAX)
"""After how many rows in a row, read one by one, a pattern is looked for."""

_MARK = bytes([MARK])
_ROW_MARK = MARK | ROW << 8


class Origin(NamedTuple):
    """Who wrote a points file. `writer` is the file's name between `points.` and `.log`."""

    writer: str
    source: str
    rank: int | None
    pid: int


class Record(NamedTuple):
    """A whole record: its kind, its id and where its content lies."""

    kind: int
    number: int
    at: int
    end: int


class Reader:
    """What is known of one points file while it is read: who wrote it and what its ids mean.

    `damaged` counts the places where bytes had to be passed over.
    """

    def __init__(self, path: Path) -> None:
        self.names: dict[int, tuple[str, ...]] = {}
        self.sizes: dict[int, int] = {}
        self.damaged = 0
        writer = path.name.removeprefix("points.").removesuffix(".log")
        source, _, pid = writer.partition("-")
        digits = pid.partition("-")[0]
        self.origin = Origin(writer, source, None, int(digits) if digits.isdigit() else 0)

    def next(self, data: bytes | bytearray, at: int, end: int) -> Record | int:
        """The next whole row at or after `at`; where there is none yet, how far all has been read.

        Headers and names on the way are taken in, damage is passed over.
        """
        while at < end:
            stop = self._whole(data, at, end)
            if stop <= 0:
                whole = self._resync(data, at + 1, end)
                if whole < 0:
                    # Nothing whole follows: a record still being written, or damage up to here.
                    return at if stop == 0 else self._incomplete(data, at + 1, end)
                self.damaged += 1
                at = whole
                continue
            kind = data[at + 1]
            number = data[at + 2] | data[at + 3] << 8
            if kind == ROW:
                return Record(kind, number, at, stop)
            self._take(kind, number, bytes(data[at + PREFIX.size + LENGTH.size : stop]))
            at = stop
        return at

    def _whole(self, data: bytes | bytearray, at: int, end: int) -> int:
        """Where the whole record at `at` ends; 0: more bytes are needed; -1: there is none."""
        if data[at] != MARK:
            return -1
        if end - at < PREFIX.size + LENGTH.size:
            return 0
        _, kind, number, crc = PREFIX.unpack_from(data, at)
        if kind == ROW:
            size = self.sizes.get(number, 0)
            if not size:
                return -1
        elif kind in (HEADER, NAMES):
            (length,) = LENGTH.unpack_from(data, at + PREFIX.size)
            if length > TEXT_MAX:
                return -1
            size = PREFIX.size + LENGTH.size + length
        else:
            return -1
        stop = at + size
        if stop > end:
            return 0
        with memoryview(data) as view:
            good = crc32(view[at + 8 : stop], crc32(view[at : at + 4])) == crc
        return stop if good else -1

    def _resync(self, data: bytes | bytearray, at: int, end: int) -> int:
        while (at := data.find(_MARK, at, end)) >= 0:
            if self._whole(data, at, end) > 0:
                return at
            at += 1
        return -1

    def _incomplete(self, data: bytes | bytearray, at: int, end: int) -> int:
        while (at := data.find(_MARK, at, end)) >= 0:
            if self._whole(data, at, end) == 0:
                return at
            at += 1
        return end

    def _take(self, kind: int, number: int, text: bytes) -> None:
        try:
            if kind == NAMES:
                names = tuple(msgspec.json.decode(text, type=list[str]))
                self.names[number] = names
                self.sizes[number] = PREFIX.size + ROW_HEAD.size + 8 * len(names)
            else:
                head = msgspec.json.decode(text)
                source, rank, pid = str(head["source"]), head.get("rank"), int(head["pid"])
                self.origin = self.origin._replace(source=source, rank=rank, pid=pid)
        except (KeyError, ValueError, TypeError):
            self.damaged += 1


ONE_BY_ONE = 256
"""Fewer rows than this are checked one by one; more of them by the XOR of all, which is faster."""


class Block(NamedTuple):
    """Rows of one list of names. `order` is where in the file each lies; `values`: one array a name."""

    names: tuple[str, ...]
    order: "NDArray[np.int64]"
    steps: "NDArray[np.int64]"
    times: "NDArray[np.float64]"
    values: "list[NDArray[np.float64]]"


class Blocks:
    """All rows of a points file, in blocks; of the columns only the `wanted` names, None: all.

    Reads piece by piece, so that a file may be larger than the memory and may grow or shrink.
    """

    def __init__(self, path: Path, wanted: Collection[str] | None = None) -> None:
        self.path = path
        self.reader = Reader(path)
        self._wanted = wanted
        self._chosen: dict[int, list[int]] = {}
        self._size_of: Any = None
        self._base = 0
        self._pattern: list[int] = []

    def names(self) -> set[str]:
        """The names that have a row, once all has been read."""
        return {name for number in self._chosen for name in self.reader.names[number]}

    def __iter__(self) -> Iterator[Block]:
        buffer, kept = bytearray(CHUNK), 0
        with self.path.open("rb", buffering=0) as file:
            while read := file.readinto(memoryview(buffer)[kept:]):
                end = kept + read
                at = yield from self._piece(buffer, end)
                self._base += at
                kept = end - at
                grown = len(buffer) * 2 if kept > len(buffer) // 2 else len(buffer)
                # A new buffer where one record is larger than a piece: arrays may look at the old.
                buffer, old = (bytearray(grown), buffer) if grown > len(buffer) else (buffer,) * 2
                buffer[:kept] = old[at:end]

    def _piece(self, data: bytearray, end: int) -> Generator[Block, None, int]:
        at = yield from self._stretch(data, 0, end)
        rows: list[Record] = []
        recent: list[int] = []
        while not isinstance(row := self.reader.next(data, at, end), int):
            if row.at != at:
                recent = []
            rows.append(row)
            recent.append(row.end - row.at)
            at = row.end
            if len(recent) in TRIES or len(recent) % 256 == 0:
                yield from self._singles(data, rows)  # first, so that all stays in order
                rows = []
                self._pattern = _period(recent[-2 * PERIOD_MAX :])
                further = yield from self._stretch(data, at, end)
                if further != at:
                    at, recent = further, []
        yield from self._singles(data, rows)
        return row

    def _stretch(self, data: bytearray, at: int, end: int) -> Generator[Block, None, int]:
        """The rows from `at` on that follow the pattern of sizes; returns where they end."""
        import numpy as np

        total = sum(self._pattern)
        count = (end - at) // total if total else 0
        offsets = np.cumsum([at, *self._pattern])[:-1].tolist()
        heads: list[Any] = []
        for size, offset in zip(self._pattern, offsets, strict=True):
            head = np.ndarray((count,), "<u4", data, offset, (total,))
            count = self._fitting(head, size) if count else 0
            heads.append(head)
        if count * len(heads) < TRIES[0]:
            self._pattern = []
            return at
        for size, offset, head in zip(self._pattern, offsets, heads, strict=True):
            good = _checked(np.ndarray((count, size), "u1", data, offset, (total, 1)))
            if good is not None:
                self.reader.damaged += 1
            yield from self._split(data, offset, total, head[:count] >> 16, good)
        return at + count * total

    def _fitting(self, head: Any, size: int) -> int:
        """How many of the first four bytes, from the start, are those of rows of that size."""
        import numpy as np

        if self._size_of is None:
            self._size_of = np.zeros(1 << 16, np.int64)
        first = int(head[0])
        if self.reader.sizes.get(first >> 16) == size and first & 0xFFFF == _ROW_MARK:
            fits = head == first
            if fits.all():
                return len(head)
        known = self.reader.sizes
        self._size_of[list(known)] = list(known.values())
        fits = ((head & 0xFFFF) == _ROW_MARK) & (self._size_of[head >> 16] == size)
        return len(head) if fits.all() else int(np.argmin(fits))

    def _split(
        self, data: bytearray, offset: int, stride: int, numbers: Any, good: Any
    ) -> Iterator[Block]:
        """A block for each id among rows that lie `stride` apart, only those that are `good`."""
        import numpy as np

        several = numbers[0] != numbers[-1] or (numbers != numbers[0]).any()
        for number in np.unique(numbers).tolist() if several else [int(numbers[0])]:
            chosen: Any = slice(None)
            if several or good is not None:
                mine = numbers == number
                chosen = np.flatnonzero(mine if good is None else mine & good)
                if not len(chosen):
                    continue
            if not (columns := self._columns(number)):
                continue

            def column(kind: str, at: int, chosen: Any = chosen) -> Any:
                return np.ndarray((len(numbers),), kind, data, offset + at, (stride,))[
                    chosen
                ].copy()

            yield Block(
                tuple(self.reader.names[number][c] for c in columns),
                (self._base + offset + np.arange(len(numbers)) * stride)[chosen],
                column("<i8", 8),
                column("<f8", 16),
                [column("<f8", 24 + 8 * c) for c in columns],
            )

    def _singles(self, data: bytearray, rows: list[Record]) -> Iterator[Block]:
        import numpy as np

        of: dict[int, list[int]] = {}
        for row in rows:
            of.setdefault(row.number, []).append(row.at)
        for number, places in of.items():
            if not (columns := self._columns(number)):
                continue
            names = self.reader.names[number]
            unpack = struct.Struct(f"<qd{len(names)}d").unpack_from
            steps, times, *values = zip(*[unpack(data, at + 8) for at in places], strict=True)
            yield Block(
                tuple(names[c] for c in columns),
                np.array(places, np.int64) + self._base,
                np.array(steps, np.int64),
                np.array(times, np.float64),
                [np.array(values[c], np.float64) for c in columns],
            )

    def _columns(self, number: int) -> list[int]:
        if number not in self._chosen:
            names = self.reader.names[number]
            wanted = names if self._wanted is None else self._wanted
            self._chosen[number] = [c for c, name in enumerate(names) if name in wanted]
        return self._chosen[number]


def _period(sizes: list[int]) -> list[int]:
    """The shortest pattern that the last row sizes repeat; empty where there is none."""
    for period in range(1, len(sizes) // 2 + 1):
        if sizes[-period:] == sizes[-2 * period : -period]:
            return sizes[-period:]
    return []


def _checked(rows: Any) -> Any:
    """Which rows (bytes, one row a row) are undamaged; None: all of them."""
    import numpy as np

    if len(rows) < ONE_BY_ONE:
        good = _sound(rows)
        return None if good.all() else good
    words = rows.view("<u8")
    folded = words
    whole = len(words) // 64 * 64
    if whole and words.flags.c_contiguous:
        # 64 rows at a time: one long XOR is much faster than many short ones.
        wide = np.bitwise_xor.reduce(words[:whole].reshape(whole // 64, -1), axis=0)
        folded = np.concatenate([wide.reshape(64, -1), words[whole:]])
    mixed = np.bitwise_xor.reduce(folded, axis=0).tobytes()
    # The crc of an even number of messages XORed lacks what is the crc's answer to all zeros.
    zeros = 0 if len(words) % 2 else crc32(bytes(len(mixed) - 4))
    if crc32(mixed[8:], crc32(mixed[:4])) ^ zeros == int.from_bytes(mixed[4:8], "little"):
        return None
    return _sound(rows)


def _sound(rows: Any) -> Any:
    """Which rows are undamaged, each looked at by itself."""
    import numpy as np

    good = np.empty(len(rows), bool)
    for index, row in enumerate(rows):
        record = row.tobytes()
        crc = int.from_bytes(record[4:8], "little")
        good[index] = crc32(record[8:], crc32(record[:4])) == crc
    return good
