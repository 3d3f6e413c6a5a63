"""A job that was handed to an engine, as labhand holds it from here."""

import signal
import time
from pathlib import Path
from typing import Protocol

import msgspec

from labhand.launch import channel
from labhand.launch.channel import Frames
from labhand.launch.job import End, Output
from labhand.launch.keeper import now

LOOK_S = 0.05
"""How often the channel is looked at."""
ASK_S = 3.0
"""How often the engine is asked, which costs it and us a process or a request."""
LATE_S = 6.0
"""So long after a job has gone its last words may still be on the way over a shared disk."""
_ENDING = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGQUIT))


class Engine(Protocol):
    """What carries a job: Slurm, Ray, a thread of ours. `number` is what it calls the job."""

    number: str

    def state(self) -> str | None:
        """How the job stands, in the engine's words; None: it has gone, whatever became of it."""
        ...

    def cancel(self) -> None:
        """Takes the job back: one that waits never starts, one that runs is ended."""
        ...

    def why(self) -> str:
        """What the engine has to say of a job that never began; empty: nothing."""
        ...


class Distant:
    """A process behind a channel."""

    def __init__(self, place: Path, engine: Engine) -> None:
        self.pid = 0
        self.host = ""
        self.engine = engine
        self.place = place
        self.refused = ""
        self._frames = Frames(place / "out")
        self._end: End | None = None
        self._began = time.monotonic()
        self._asked = 0.0
        self._state: str | None = ""
        self._gone: float | None = None
        self._late_s = LATE_S
        self._killed = False
        self._outputs: list[Output] = []

    def fileno(self) -> list[int]:
        """None: files have no word to wait for."""
        return []

    def read(self, timeout: float) -> list[Output]:
        """What came within `timeout` seconds; empty: nothing, or nothing is left."""
        deadline = time.monotonic() + timeout
        while True:
            self._take()
            left = deadline - time.monotonic()
            if self._outputs or self._end is not None or left <= 0:
                break
            time.sleep(min(left, LOOK_S))
        found, self._outputs = self._outputs, []
        return found

    def _take(self) -> None:
        """Takes in what has come."""
        for frame in self._frames.read():
            if frame.kind == channel.STDOUT:
                self._outputs.append(Output("stdout", frame.content))
            elif frame.kind == channel.STDERR:
                self._outputs.append(Output("stderr", frame.content))
            elif frame.kind == channel.BEGUN:
                begun = msgspec.json.decode(frame.content)
                self.pid, self.host = begun["pid"], begun["host"]
            elif frame.kind == channel.AGAIN:
                self.pid = 0
            elif frame.kind == channel.REFUSED:
                self.refused = frame.content.decode("utf-8", "replace")
                self._end = End(exit_code=2, ended=now())
            elif frame.kind == channel.ENDED:
                self._end = msgspec.json.decode(frame.content, type=End)

    def write(self, data: bytes) -> None:
        """Types into its terminal; nothing without one."""
        self._send(channel.TYPED, data)

    def resize(self, rows: int, columns: int) -> None:
        """Changes the size of its terminal."""
        self._send(channel.RESIZE, f"{rows} {columns}".encode())

    def takes_signals(self) -> bool:
        """True: whether keys are signals is decided where its terminal is."""
        return False

    def signal(self, number: int) -> None:
        """Sends a signal to its process group; a job that still waits is taken back by those that end."""
        self._take()
        if self.pid:
            self._send(channel.SIGNAL, str(int(number)).encode())
        elif number in _ENDING:
            self._take_back()

    def kill(self) -> None:
        """Ends it, its group and all its descendants at once, by SIGKILL."""
        self._take()
        if self.pid and not self._killed:
            self._killed = True
            self._send(channel.KILL)
        else:
            self._take_back()  # it waits, or nobody listened the first time

    def _take_back(self) -> None:
        if self._end is None:
            self.engine.cancel()
            self._asked, self._late_s = 0.0, 0.0

    def end(self) -> End | None:
        """How it ended; None while it waits, runs, or `read` has not yet taken all its output."""
        self._take()
        if self._end is None and self.state() is None:
            self._gone = self._gone or time.monotonic()
            if time.monotonic() - self._gone >= self._late_s:
                self._take()
                wall_s = round(time.monotonic() - self._began, 3)
                self._end = self._end or End(ended=now(), wall_s=wall_s)
        return None if self._outputs else self._end

    def state(self) -> str | None:
        """How the engine says the job stands, a few seconds old at most; None: it has gone."""
        if self._end is not None:
            return None
        if time.monotonic() - self._asked > ASK_S:
            self._state = self.engine.state()
            self._asked = time.monotonic()
        return self._state

    def close(self) -> None:
        """Lets go of it; the channel goes once the job has ended."""
        if self._end is not None:
            self.abandon()

    def abandon(self) -> None:
        """Takes the channel away."""
        channel.remove(self.place)

    def _send(self, kind: bytes, content: bytes = b"") -> None:
        if self._end is None:
            channel.send(self.place / "in", kind, content)
