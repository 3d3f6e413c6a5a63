"""A training under a keeper, as labhand's own process holds it, and one that it finds again."""

import errno
import fcntl
import os
import select
import signal
import socket
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from labhand.core.errors import RecordError
from labhand.kit.presence import alive, start_ticks
from labhand.launch import keeper
from labhand.launch.job import End, Output, Stream

_AT_ONCE = 1 << 20
"""Bytes of one stream that one `read` gathers at most."""
_BLIND_S = 0.05
"""How often a training without its keeper is looked at."""


_spare: list[tuple[int, socket.socket]] | None = None
"""Keepers whose training has ended, for the next one; None: each ends with its training."""


_groups: set[int] = set()
"""Groups of ended trainings, of which some may have lived on."""


@contextmanager
def keepers_stay() -> Iterator[None]:
    """Within the block the keeper of an ended training takes the next one that this process starts.

    For trainings that are handed nothing but what their job says: other files that this process was
    handed (`3<file`) are there for the first only.
    """
    global _spare
    _spare = []
    try:
        yield
    finally:
        while _spare:
            _dismiss(*_spare.pop())
        _spare = None
        _reap()


def spare_keeper() -> tuple[int, socket.socket] | None:
    """A keeper that waits for a training, and its socket."""
    while _spare:
        pid, control = _spare.pop()
        if not _readable([control.fileno()], 0):
            control.setblocking(True)
            return pid, control
        _dismiss(pid, control)  # somebody killed it
    return None


def _dismiss(pid: int, control: socket.socket) -> None:
    control.close()
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


class Kept:
    """A training that this process started. It is read through our own copies of its streams."""

    def __init__(
        self,
        pid: int,
        keeper_pid: int,
        control: socket.socket,
        streams: dict[int, Stream],
        terminal: int | None,
        attempt_dir: str,
    ) -> None:
        self.pid = pid
        self._keeper = keeper_pid
        self._control: socket.socket | None = control
        self._streams = streams
        self._terminal = terminal
        self._attempt_dir = attempt_dir
        self._heard = b""
        self._end: End | None = None
        self._began = time.monotonic()
        self._ended_at = self._spoke_at = 0.0
        self._ticks = start_ticks(pid)
        control.setblocking(False)
        for fd in streams:
            os.set_blocking(fd, False)

    def fileno(self) -> list[int]:
        """The fds that become readable when there is output or an end."""
        control = [] if self._control is None else [self._control.fileno()]
        return [*control, *self._streams]

    def read(self, timeout: float) -> list[Output]:
        """What came within `timeout` seconds; empty: nothing, or nothing is left."""
        if self._end is not None:
            timeout = min(timeout, keeper.QUIET_S + 0.01)
        elif self._control is None:
            timeout = min(timeout, _BLIND_S)
        ready = _readable(self.fileno(), timeout)
        if self._end is None:
            self._listen()
        streams = [(fd, self._streams[fd]) for fd in ready if fd in self._streams]
        outputs = [Output(name, data) for fd, name in streams if (data := self._take(fd))]
        now = time.monotonic()
        if outputs:
            self._spoke_at = now
        if self._end is not None:
            silent_s = now - max(self._spoke_at, self._ended_at)
            if silent_s > keeper.QUIET_S or now - self._ended_at > keeper.DRAIN_S:
                self._let_go()  # what is still open is held by daemons
        return outputs

    def _take(self, fd: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while size < _AT_ONCE:
            try:
                part = os.read(fd, keeper.CHUNK)
            except BlockingIOError:
                break
            except OSError as error:  # EIO is how a pty says that its last holder is gone
                if error.errno != errno.EIO:
                    raise
                part = b""
            if not part:
                self._drop(fd)
                break
            parts.append(part)
            size += len(part)
        return b"".join(parts)

    def _drop(self, fd: int) -> None:
        del self._streams[fd]
        if fd != self._terminal:
            os.close(fd)

    def _let_go(self) -> None:
        for fd in list(self._streams):
            self._drop(fd)

    def write(self, data: bytes) -> None:
        """Types into its terminal. Blocks while the terminal is full; nothing without one."""
        while data and self._terminal is not None:
            try:
                data = data[os.write(self._terminal, data) :]
            except BlockingIOError:
                select.select([], [self._terminal], [], 1.0)
            except OSError:  # nobody is there to read it any more
                return

    def resize(self, rows: int, columns: int) -> None:
        """Changes the size of its terminal."""
        if self._terminal is not None:
            set_size(self._terminal, rows, columns)

    def takes_signals(self) -> bool:
        """Whether keys such as Ctrl-Z are signals in its terminal now, and not input."""
        if self._terminal is None:
            return False
        with suppress(termios.error):
            return bool(termios.tcgetattr(self._terminal)[3] & termios.ISIG)
        return False

    def signal(self, number: int) -> None:
        """Sends a signal to its process group; nothing when it has ended."""
        self._listen()
        if self._end is None:
            _signal_group(self.pid, number)

    def kill(self) -> None:
        """Ends it, its group and all its descendants at once, by SIGKILL."""
        kill_family(self.pid)

    def end(self) -> End | None:
        """How it ended; None while it runs or `read` has not yet taken all its output."""
        if self._end is None:
            self._listen()
        return None if self._streams else self._end

    def close(self) -> None:
        """Lets go of it. A training that still runs goes on, its output carried by the keeper."""
        stays = False
        if self._control is not None:
            if self._end is not None:
                with suppress(OSError):
                    stays = self._control.send(keeper.DONE) > 0 and _spare is not None
            if stays and _spare is not None:
                _spare.append((self._keeper, self._control))
            else:
                self._control.close()
            self._control = None
        self._let_go()
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None
        if not stays:
            with suppress(ChildProcessError):
                os.waitpid(self._keeper, 0 if self._end is not None else os.WNOHANG)
        _groups.update((self.pid, self._keeper))
        _reap()

    def _listen(self) -> None:
        if self._end is not None:
            return
        if self._control is None:
            self._look()
            return
        try:
            said = self._control.recv(keeper.CHUNK)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:  # the keeper is gone without a word: somebody killed it
            self._control.close()
            self._control = None
            self._look()
            return
        self._heard += said
        if self._heard.endswith(b"\n"):
            self._ended(msgspec.json.decode(self._heard.partition(b" ")[2], type=End))

    def _look(self) -> None:
        """Finds out without the keeper whether the training has ended."""
        wall_s = time.monotonic() - self._began
        try:
            done, status, usage = os.wait4(self.pid, os.WNOHANG)
        except ChildProcessError:
            if not alive(self.pid, self._ticks):
                self._ended(End(ended=keeper.now(), wall_s=wall_s))
            return
        if done:
            end = keeper.end_of(status, usage, wall_s, None)
            keeper.write_json(self._attempt_dir, "end.json", end)
            self._ended(msgspec.convert(end, End))

    def _ended(self, end: End) -> None:
        self._end = end
        self._ended_at = time.monotonic()


class Found:
    """A training that another labhand started, by the record of its attempt."""

    def __init__(self, attempt_dir: Path) -> None:
        try:
            record = msgspec.json.decode((attempt_dir / "process.json").read_bytes(), type=_Record)
        except (OSError, ValueError) as error:
            raise RecordError(
                f"no process can be found by {attempt_dir / 'process.json'}: {error}; the attempt "
                "was never started or its record is damaged"
            ) from error
        self.pid = record.pid
        self._record = record
        self._path = attempt_dir / "end.json"

    def fileno(self) -> list[int]:
        """None: its output goes to its own labhand."""
        return []

    def read(self, timeout: float) -> list[Output]:
        """Nothing, after up to `timeout` seconds; its output goes to its own labhand."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0 and self.end() is None:
            time.sleep(min(left, _BLIND_S))
        return []

    def write(self, data: bytes) -> None:
        """Nothing: its terminal is its own labhand's."""

    def resize(self, rows: int, columns: int) -> None:
        """Nothing: its terminal is its own labhand's."""

    def takes_signals(self) -> bool:
        """False: its terminal is its own labhand's."""
        return False

    def signal(self, number: int) -> None:
        """Sends a signal to its process group; nothing when it has ended."""
        if self._alive():
            _signal_group(self.pid, number)

    def kill(self) -> None:
        """Ends it, its group and all its descendants at once, by SIGKILL."""
        if self._alive():
            kill_family(self.pid)

    def end(self) -> End | None:
        """How it ended; None while it runs or its keeper has yet to say how it ended."""
        gone = not self._alive() and not alive(self._record.keeper, None, self._record.boot_id)
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=End)
        except (OSError, ValueError):
            return End(ended=keeper.now()) if gone else None

    def close(self) -> None:
        """Nothing is held."""

    def _alive(self) -> bool:
        return alive(self.pid, self._record.start_ticks, self._record.boot_id)


class _Record(msgspec.Struct):
    keeper: int
    pid: int
    started: str
    start_ticks: int | None = None
    boot_id: str | None = None


def kill_family(pid: int) -> None:
    """Sends SIGKILL to the process, its group and all its descendants."""
    import psutil

    family: list[psutil.Process] = []
    with suppress(psutil.Error):
        family = psutil.Process(pid).children(recursive=True)
    _signal_group(pid, signal.SIGKILL)
    for member in family:
        with suppress(psutil.Error):
            member.kill()


def set_size(terminal: int, rows: int, columns: int) -> None:
    """Sets the size of a terminal. Zero is a size: unknown."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _readable(fds: list[int], timeout: float) -> list[int]:
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return [fd for fd, _ in poll.poll(max(0, timeout * 1000))]


def _reap() -> None:
    """Takes the ended members of the groups that may have become our children."""
    for group in tuple(_groups):
        try:
            while os.waitpid(-group, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            _groups.discard(group)
