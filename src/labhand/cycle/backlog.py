"""Output that was shown and kept and waits to be read for metrics, however much it is."""

import math
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

IN_MEMORY_BYTES = 1 << 20
"""What waits beyond this is found again in the file it was written to."""
TOGETHER_S = 0.1
"""Output of one stream that came within this time is remembered as one piece."""
FLOOD_BYTES_S = 1_000_000
"""Faster output fills the 4 KB of a terminal while two milliseconds are spent on something else."""
MEMORY_S = 0.1
"""Over so long a time the speed of the output is measured."""


class Piece(NamedTuple):
    """Output of one stream, and when it came, unix seconds."""

    stream: str
    time: float
    data: bytes


class _Waiting(msgspec.Struct):
    stream: str
    time: float
    size: int
    at: int | None
    data: bytes | None


class Backlog:
    """Output in the order it came. `read` gives so many bytes at a place of the file it stands in.

    Of what is in the file at most `IN_MEMORY_BYTES` are held; `held` bytes are held altogether, and
    `size` bytes wait.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._waiting: deque[_Waiting] = deque()
        self.size = 0
        self.held = 0

    def put(self, piece: Piece, at: int | None) -> None:
        """Adds what came; it stands in the file from `at` on, or nowhere."""
        stream, time, data = piece
        size = len(data)
        if not size:
            return
        self.size += size
        if at is None or self.held + size <= IN_MEMORY_BYTES:
            self.held += size
            self._waiting.append(_Waiting(stream, time, size, at, data))
            return
        last = self._waiting[-1] if self._waiting else None
        if (
            last is not None
            and last.data is None
            and last.at is not None
            and (last.stream, last.at + last.size) == (stream, at)
            and time - last.time < TOGETHER_S
        ):
            last.size += size
        else:
            self._waiting.append(_Waiting(stream, time, size, at, None))

    def take(self, size: int) -> Piece | None:
        """The oldest that waits, at most `size` bytes of it; None: nothing waits.

        Raises:
            OSError: the file cannot be read; the piece waits no longer.
        """
        if not self._waiting:
            return None
        oldest = self._waiting[0]
        took = min(size, oldest.size)
        self.size -= took
        oldest.size -= took
        if not oldest.size:
            self._waiting.popleft()
        if oldest.data is not None:
            self.held -= took
            data, oldest.data = oldest.data[:took], oldest.data[took:]
        else:
            assert oldest.at is not None
            at, oldest.at = oldest.at, oldest.at + took
            data = self._read(at, took)
        return Piece(oldest.stream, oldest.time, data)


class Flow:
    """How fast output comes."""

    def __init__(self) -> None:
        self._bytes = 0.0
        self._at = 0.0

    def came(self, size: int, now: float) -> None:
        """Takes in that so many bytes came; `now` is in seconds."""
        self._bytes = self._left(now) + size
        self._at = now

    def is_flood(self, now: float) -> bool:
        """Whether it comes so fast that nothing else should be done for long."""
        return self._left(now) > FLOOD_BYTES_S * MEMORY_S

    def _left(self, now: float) -> float:
        return self._bytes * math.exp((self._at - now) / MEMORY_S)
