"""A program that is talked with over its standard input and output, in a process group of its own."""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from labhand.core.errors import UsageError

MOST_BYTES = 256 << 20
"""Of output that a program may write before it counts as a flood and is heard no more."""
_KEPT = 4_000
_GRACE_S = 2.0


class Heard(asyncio.StreamReader):
    """What the program says. `begin` is how it began; `flooded` where it said too much and was cut off."""

    def __init__(self, most: int) -> None:
        super().__init__(limit=1 << 20)
        self.begin = b""
        self.flooded = False
        self._left = most

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        """Takes in what was said, up to the most that is heard."""
        if self.flooded:
            return
        self.begin += data[: _KEPT - len(self.begin)]
        self._left -= len(data)
        if self._left < 0:
            self.flooded = True
            self.feed_eof()
            return
        super().feed_data(data)


class Tail:
    """The last of what a stream says, read by a thread so that the program never waits for us."""

    def __init__(self, stream: IO[bytes], most: int = _KEPT) -> None:
        self._most = most
        self._text = bytearray()
        self.cut = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(stream.fileno(), 1 << 16):
                with self._lock:
                    self._text += data
                    self.cut = self.cut or len(self._text) > self._most
                    del self._text[: -self._most]

    def text(self) -> str:
        """What was said last, as text; whole letters only."""
        with self._lock:
            return bytes(self._text).decode("utf-8", "ignore")

    def finish(self, timeout_s: float = 1.0) -> None:
        """Waits until all was read."""
        self._thread.join(timeout_s)


class Child:
    """A program that runs: what it says, where to speak to it, and the last of its standard error."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        reader: Heard,
        writer: asyncio.StreamWriter,
        errors: Tail,
    ) -> None:
        self.process = process
        self.reader = reader
        self.writer = writer
        self.errors = errors


@asynccontextmanager
async def talking(
    command: Sequence[str], cwd: Path, env: Mapping[str, str]
) -> AsyncIterator[Child]:
    """Starts a program and ends it, with all it started, when the block is left.

    Raises:
        UsageError: it cannot be started.
    """
    process = started(command, cwd, env, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    loop = asyncio.get_running_loop()
    reader = Heard(MOST_BYTES)
    said, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), process.stdout
    )
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), process.stdin
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    errors = Tail(process.stderr)
    try:
        yield Child(process, reader, writer, errors)
    finally:
        writer.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, _GRACE_S)
        end(process)
        said.close()
        errors.finish()
        process.stderr.close()


def started(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], *, stdin: int, stderr: int
) -> "subprocess.Popen[bytes]":
    """The program, started in a session of its own, its output in a pipe.

    Raises:
        UsageError: it cannot be started.
    """
    try:
        return subprocess.Popen(
            list(command),
            cwd=str(cwd),
            env=dict(env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be started: {error.strerror}; install it, or name another program") from error  # fmt: skip


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a program that was `started` and all of its group, and waits for it."""
    for sign, wait_s in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        if process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(wait_s)
