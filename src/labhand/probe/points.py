"""Writes points and events from inside the researcher's process (`labhand.points/1`).

A row is one `write(2)` on a file opened for appending: what was logged survives kill -9, and two
threads need no lock, since the kernel lets one append go before the next. There is no buffer, no
queue and no thread of ours, so there is nothing to lose and nothing to wait for.

Nothing here raises: a full disk or an odd value must never hurt the training.
"""

from __future__ import annotations

import atexit
import errno
import os
import struct
import sys
from _collections_abc import Mapping
from _thread import allocate_lock
from fcntl import F_DUPFD_CLOEXEC, fcntl
from os import write
from time import time as clock
from zlib import crc32

from .ranks import rank_of_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

    _Keyset = Tuple[int, bytes, int, Callable[..., bytes]]
    """descriptor, first four bytes of its rows, their crc, packer of the rest"""

SCHEMA = "labhand.points/1"
MARK = 0xB5
HEADER, NAMES, ROW = 0, 1, 2
PREFIX = struct.Struct("<BBHI")
"""mark, kind, id, crc; the crc covers the first four bytes and everything after itself."""
ROW_PREFIX = struct.Struct("<4sI").pack
LENGTH = struct.Struct("<I")
ROW_HEAD = struct.Struct("<qd")
"""step, unix time; the values follow."""

STEP_MAX = (1 << 63) - 1
KEYSETS_MAX = 65536
WAITING_MAX = 256
"""How many rows may wait for values on a device before they are read with one synchronisation."""
HIGH_FD = 500
"""A program that closes descriptors it does not own gets low numbers back; ours must not be hit."""

_PLAIN = {float, int, bool}
_NEVER: set[type] = set()


class Writer:
    """Writes the points of one source of this process; the file is made with the first row.

    After a fork the child goes on in a file of its own. `lost` counts the rows that could not be
    written.
    """

    def __init__(self, attempt_dir: str, source: str, rank: Optional[int] = None) -> None:
        self.attempt_dir = os.fspath(attempt_dir)
        self.source = source
        self.rank = rank
        self.lost = 0
        self._last = -1
        self.forget()
        _register(self)

    def forget(self) -> None:
        """Lets go of the file, its descriptor left open; the next row begins another file."""
        self._fd = self._retired = -1
        self._keysets: Dict[Tuple[str, ...], _Keyset] = {}
        self._lock = allocate_lock()
        self._waiting: List[_Waiting] = []
        self._told = self.lost
        # The types that take the fast path. Empty while something is to be done beforehand: rows
        # that wait for a device, or lost rows that somebody must be told about.
        self._fast = _PLAIN

    def row(
        self, values: Mapping[Any, Any], step: Any = None, time: Optional[float] = None
    ) -> None:
        """Writes a row; whatever is no number is left out. Without a step: the last one plus 1."""
        try:
            keyset = self._keysets.get(tuple(values))
            if keyset is None or not self._fast.issuperset(map(type, values.values())):
                self._slow(values, step, time)
                return
            if step is None:
                with self._lock:
                    step = self._last = self._last + 1
            elif type(step) is int:
                self._last = step
            else:
                self._slow(values, step, time)
                return
            fd, head, seed, pack = keyset
            body = pack(step, clock() if time is None else time, *values.values())
            record = ROW_PREFIX(head, crc32(body, seed)) + body
            written = write(fd, record)
            if written != len(record):
                append(fd, record, written)
        except Exception:  # an int beyond a float, a full disk, a descriptor closed by others
            self._slow(values, step, time)

    def close(self) -> None:
        """Reads what still waits on a device, writes it, and closes the file."""
        try:
            self._settle(force=True)
        except Exception:
            self.lost += 1
        self._tell(None)
        for fd in (self._fd, self._retired):
            _close(fd)
        self.forget()
        if self in _WRITERS:
            _WRITERS.remove(self)

    def _slow(self, values: Mapping[Any, Any], step: Any, time: Optional[float]) -> None:
        try:
            when = clock() if time is None else float(time)
            whole = whole_step(step)
            with self._lock:
                whole = min(self._last + 1, STEP_MAX) if whole is None else whole
                self._last = whole
            if self._waiting:
                self._settle(force=len(self._waiting) >= WAITING_MAX)
            numbers: List[Tuple[str, float]] = []
            later: List[Tuple[str, OnDevice]] = []
            for name, value in _flat(values, ""):
                number = number_of(value)
                if isinstance(number, OnDevice):
                    later.append((name, number))
                elif number is not None:
                    numbers.append((name, number))
            if numbers:
                self._write(numbers, whole, when)
            if later:
                self._fast = _NEVER
                self._waiting.append((whole, when, later))
        except Exception:
            self.lost += 1

    def _write(self, numbers: List[Tuple[str, float]], step: int, now: float) -> None:
        names = tuple([name for name, _ in numbers])
        values = [number for _, number in numbers]
        try:
            try:
                self._put(names, values, step, now)
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise
                with self._lock:  # the program closed what it did not open: begin a file anew
                    self._fd, self._keysets = -1, {}
                self._put(names, values, step, now)
        except OSError as error:
            self.lost += 1
            self._fast = _NEVER
            if self.lost & (self.lost - 1) == 0:  # 1, 2, 4, …: a full disk is not asked each time
                self._tell(error)
        else:
            self._tell(None)
            self._fast = _NEVER if self._waiting or self.lost > self._told else _PLAIN

    def _put(self, names: Tuple[str, ...], values: List[float], step: int, now: float) -> None:
        fd, head, seed, pack = self._keysets.get(names) or self._keyset(names)
        body = pack(step, now, *values)
        append(fd, ROW_PREFIX(head, crc32(body, seed)) + body)

    def _keyset(self, names: Tuple[str, ...]) -> _Keyset:
        with self._lock:
            if names in self._keysets:
                return self._keysets[names]
            if self._fd < 0 or len(self._keysets) >= KEYSETS_MAX:
                self._open()
            number = len(self._keysets)
            append(self._fd, text_record(NAMES, number, list(names)))
            head = PREFIX.pack(MARK, ROW, number, 0)[:4]
            keyset = (self._fd, head, crc32(head), struct.Struct("<qd%dd" % len(names)).pack)
            self._keysets[names] = keyset
            return keyset

    def _open(self) -> None:
        """Begins a file. A name in use (a reused pid, another host) is left to whoever made it."""
        _close(
            self._retired
        )  # a thread may still be in the file before this, not in the one before
        self._retired, self._fd, self._keysets = self._fd, -1, {}
        stem = os.path.join(self.attempt_dir, "points.%s-%d" % (self.source, os.getpid()))
        # Readable too, so that what a full disk left of a record can be recognised and cut off.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        path, again = stem + ".log", 0
        while True:
            try:
                fd = os.open(path, flags, 0o600)
                break
            except FileExistsError:
                again += 1
                path = "%s-%d.log" % (stem, again)
        header = {
            "schema": SCHEMA,
            "source": self.source,
            "pid": os.getpid(),
            "rank": _rank() if self.rank is None else self.rank,
            "started": clock(),
        }
        try:
            append(fd, text_record(HEADER, 0, header))
        except OSError:
            _close(fd)
            os.unlink(path)
            raise
        self._fd = _high(fd)
        _register(self)

    def _settle(self, force: bool) -> None:
        """Writes the rows whose values have arrived from the device, in order."""
        while self._waiting:
            step, now, later = self._waiting[0]
            if not force and not all(value.ready() for _, value in later):
                return
            self._waiting.pop(0)
            read = [(name, value.read()) for name, value in later]
            numbers = [(name, number) for name, number in read if number is not None]
            if numbers:
                self._write(numbers, step, now)
        self._fast = _NEVER if self.lost > self._told else _PLAIN

    def _tell(self, error: Optional[OSError]) -> None:
        """One event about the rows lost since the last one; tried again later where it fails."""
        lost = self.lost - self._told
        if not lost:
            return
        why = " (%s)" % error.strerror if error is not None else ""
        message = "%d row%s of points could not be written%s; the training goes on" % (
            lost,
            "" if lost == 1 else "s",
            why,
        )
        data = {"where": "points.%s" % self.source, "message": message, "lost": lost}
        if event(self.attempt_dir, "fault", data):
            self._told += lost


class OnDevice:
    """A number that is on its way from a device.

    `ready()` says, without waiting, whether it has arrived; `wait()` returns when it has.
    """

    def __init__(
        self, value: Any, ready: Callable[[], bool], wait: Optional[Callable[[], Any]] = None
    ) -> None:
        self.value = value
        self.ready = ready
        self.wait = wait

    def read(self) -> Optional[float]:
        """The number; waits for it where it has not arrived."""
        if self.wait is not None:
            self.wait()
        return _read(self.value)


def number_of(value: Any) -> Any:
    """The value as a float, `OnDevice` where it must be waited for, None where it is no number."""
    kind = type(value)
    if kind in _PLAIN:
        return _float(value)
    if isinstance(value, (str, bytes, bytearray)):
        return None
    place = getattr(getattr(value, "device", None), "type", None)
    if getattr(value, "is_cuda", False) is True or (isinstance(place, str) and place != "cpu"):
        return _from_device(value, place or "cuda")
    ready = getattr(value, "is_ready", None)  # what JAX calls it
    if callable(ready) and not ready():
        return OnDevice(value, ready)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.floating, numpy.integer, numpy.bool_)):
        _PLAIN.add(kind)
    return _read(value)


def _from_device(value: Any, place: str) -> Optional[OnDevice]:
    """The value sent off to the host behind the work that computes it; nothing is waited for."""
    try:
        if value.numel() != 1:
            return None
        value = value.detach()
        of_device = getattr(sys.modules.get("torch"), place, None)
        if of_device is None or not hasattr(of_device, "Event"):
            return OnDevice(value, bool)  # bool() is False: read at the end, or many at once
        if getattr(of_device, "is_current_stream_capturing", bool)():
            return None  # a graph is being captured: the number does not exist yet
        stream = of_device.current_stream(value.device)
        value = value.to("cpu", non_blocking=True)
        arrived = of_device.Event()
        arrived.record(stream)
        return OnDevice(value, arrived.query, arrived.synchronize)
    except Exception:
        return None


def _read(value: Any) -> Optional[float]:
    try:
        if getattr(getattr(value, "dtype", None), "kind", "f") in "mMSU":
            return None  # numpy's dates and strings turn into numbers all too gladly
        item = getattr(value, "item", None)
        number = item() if callable(item) else value
        if isinstance(number, (str, bytes)) or not hasattr(number, "__float__"):
            return None
        return _float(number)
    except Exception:
        return None


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def whole_step(step: Any) -> Optional[int]:
    """The step as an int that fits the record; None where it is no whole number."""
    try:
        if isinstance(step, (str, bytes)) or step is None:
            return None
        number = step if isinstance(step, int) else number_of(step)
        if isinstance(number, OnDevice) or number != int(number):
            return None
        return max(-STEP_MAX, min(STEP_MAX, int(step)))
    except Exception:
        return None


def _flat(values: Mapping[Any, Any], prefix: str) -> Iterator[Tuple[str, Any]]:
    for key, value in values.items():
        name = prefix + str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, name + "/")
        else:
            yield name, value


def text_record(kind: int, number: int, content: Any) -> bytes:
    """A header or names record, its JSON padded so that whatever follows is aligned to 8 bytes."""
    from json import dumps

    text = dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    text += b" " * (-(PREFIX.size + LENGTH.size + len(text)) % 8)
    body = LENGTH.pack(len(text)) + text
    head = PREFIX.pack(MARK, kind, number, 0)[:4]
    return head + crc32(body, crc32(head)).to_bytes(4, "little") + body


def append(fd: int, record: bytes, written: int = 0) -> None:
    """Appends the record from its byte `written` on, whole or not at all.

    Raises:
        OSError: it could not be; what was written of it is cut off again.
    """
    try:
        while written < len(record):
            written += write(fd, record[written:])
    except OSError:
        if written:
            size = os.fstat(fd).st_size
            # Cut only what is surely ours: another thread may have appended meanwhile.
            if os.pread(fd, written, size - written) == record[:written]:
                os.ftruncate(fd, size - written)
        raise


def now() -> str:
    """The time now, ISO 8601 with the local offset, to the millisecond."""
    from datetime import datetime

    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def event(attempt_dir: str, kind: str, data: Mapping[str, Any]) -> bool:
    """True when the event stands in `events.<pid>.jsonl` (`labhand.event/1`).

    With `<rank>-` before the pid above rank 0: on another node another process may have that pid.
    """
    from json import dumps

    try:
        line = {"schema": "labhand.event/1", "kind": kind, "time": now(), "data": plain(data)}
        rank = rank_of_environment()
        writer = "%d-%d" % (rank, os.getpid()) if rank else str(os.getpid())
        path = os.path.join(attempt_dir, "events.%s.jsonl" % writer)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            append(fd, dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        finally:
            os.close(fd)
        return True
    except Exception:
        return False


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON can hold it: nesting is kept, whatever JSON cannot hold becomes its repr."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if type(value) in (int, float):
        return value if value - value == 0 else repr(value)
    if depth < 20:
        if isinstance(value, Mapping):
            return {str(key): plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item, depth + 1) for item in value]
        if isinstance(value, (set, frozenset)):
            return sorted((plain(item, depth + 1) for item in value), key=repr)
    try:
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
            return plain(value.item(), 20)  # a scalar of numpy or torch
        return repr(value)
    except Exception:
        return "<%s>" % type(value).__name__


def _rank() -> Optional[int]:
    distributed = sys.modules.get("torch.distributed")
    try:
        if distributed is not None and distributed.is_available() and distributed.is_initialized():
            return int(distributed.get_rank())
    except Exception:
        pass
    return rank_of_environment()


def _high(fd: int) -> int:
    try:
        high: int = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD)
    except OSError:
        return fd  # few descriptors are allowed here
    _close(fd)
    return high


def _close(fd: int) -> None:
    if fd >= 0:
        try:
            os.close(fd)
        except OSError:
            pass


def _register(writer: Writer) -> None:
    if writer not in _WRITERS:
        _WRITERS.append(writer)


def close_all() -> None:
    """Closes every writer of this process; one that is used again begins another file."""
    for writer in list(_WRITERS):
        writer.close()


def _begin_anew() -> None:
    for writer in _WRITERS:
        _close(writer._fd)
        writer.forget()


if TYPE_CHECKING:
    _Waiting = Tuple[int, float, List[Tuple[str, OnDevice]]]

_WRITERS: List[Writer] = []
atexit.register(close_all)
os.register_at_fork(after_in_child=_begin_anew)
