"""The face of a run in a terminal: passes everything through, adds a quiet line when it is idle."""

import os
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from labhand.cli import looks
from labhand.core.finding import Finding
from labhand.core.run import Failure, Fix, Run
from labhand.cycle.request import Status

IDLE_S = 0.8
ARROWS = {"falls": " ↘", "rises": " ↗", "level": " →"}


class Terminal:
    """The face of a run in front of a person, or in a pipe.

    Where standard output and error are both a terminal, the command gets one of its own and typed
    keys are passed on raw, so that progress bars, colours and Ctrl-C are as they were. The status
    line is drawn only while the command is silent and its last line is finished, and wiped before
    the next byte of its output.
    """

    def __init__(self) -> None:
        self.both = sys.stdout.isatty() and sys.stderr.isatty()
        self.typed = self.both and sys.stdin.isatty()
        self._line_open = False
        self._drawn = False
        self._last_output = 0.0
        self._told: set[tuple[str, str, bool]] = set()
        self._saved: list[Any] | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it the terminal is raw, where keys are passed on; after it, as it was."""
        if not self.typed:
            yield
            return
        self._saved = termios.tcgetattr(sys.stdin)
        try:
            tty.setraw(sys.stdin, termios.TCSADRAIN)
            yield
        finally:
            self._wipe()
            self._cooked()

    def terminal(self) -> tuple[int, int] | None:
        """Rows and columns of the terminal; None where output goes to a pipe or file."""
        if not self.both:
            return None
        size = os.get_terminal_size(sys.stdout.fileno())
        return size.lines, size.columns

    def input(self) -> int | None:
        """The descriptor of the keyboard; None where input does not come from a terminal."""
        return sys.stdin.fileno() if self.typed else None

    def started(self, run: Run) -> None:
        """Tells the name of the run."""
        self._say(click.style(f"labhand · {run.name}", dim=True))

    def output(self, stream: str, data: bytes) -> None:
        """Passes output on unchanged."""
        self._wipe()
        _write_all(sys.stdout.fileno() if stream == "stdout" else sys.stderr.fileno(), data)
        self._line_open = not data.endswith(b"\n")
        self._last_output = time.monotonic()

    def finding(self, finding: Finding) -> None:
        """Tells a finding when it is more than suspected and more than a note, and its recovery.

        Not a crash: that is the end of an attempt, which is told with its reason.
        """
        from labhand.web import words

        state = finding.state if isinstance(finding.state, str) else "confirmed"
        if finding.severity == "note" or state in ("suspected", "closed"):
            return
        if finding.rule == "crashed":
            return
        told = (finding.id, state, finding.alarm is True)
        if told in self._told:
            return
        self._told.add(told)
        mark = looks.by_gravity(finding.severity, looks.MARKS[finding.severity])
        place = words.place(finding) if isinstance(finding.where.path, str) else ""
        where = f" {place}" if place else ""
        ending = " (recovered)" if state == "recovered" else ""
        self._say(
            f"{mark} {click.style(finding.rule, bold=True)}{where}  {finding.message}{ending}"
        )

    def failed(self, failure: Failure, fix: Fix | None) -> None:
        """Tells why an attempt ended where another follows; the last one is told at the end."""
        if fix is None:
            return
        mark = click.style("✗", fg="red", bold=True)
        self._say(f"{mark} {click.style(failure.kind, bold=True)}  {failure.message}")
        if fix:
            self._say(
                f"  {click.style('fix', bold=True)} ({fix.safety})  {fix.summary}; next attempt"
            )

    def allows(self, fix: Fix, question: str | None) -> bool:
        """Asks the person at the keyboard; False where there is none."""
        if not self.typed:
            return False
        self._wipe()
        self._cooked()
        try:
            return click.confirm(
                f"  {question or f'apply this {fix.safety} fix? {fix.summary}'}", err=True
            )
        finally:
            tty.setraw(sys.stdin, termios.TCSADRAIN)

    def pause(self) -> None:
        """Stops labhand as the shell expects it of Ctrl-Z; returns after `fg`."""
        self._wipe()
        self._cooked()
        os.kill(os.getpid(), signal.SIGSTOP)
        tty.setraw(sys.stdin, termios.TCSADRAIN)

    def tell(self, message: str) -> None:
        """Says something about labhand itself."""
        self._say(f"{click.style('labhand', bold=True)}: {message}")

    def status(self, status: Status) -> None:
        """Draws the quiet line, where the command leaves room for it."""
        idle = time.monotonic() - self._last_output >= IDLE_S
        if not self.both or self._line_open or not idle:
            return
        self._wipe()
        line = status_line(status, os.get_terminal_size(sys.stdout.fileno()).columns - 1)
        _write_all(sys.stderr.fileno(), line.encode() + b"\r")
        self._drawn = True

    def _say(self, line: str) -> None:
        self._wipe()
        end = b"\r\n" if self._saved else b"\n"
        start = end if self._line_open and self.both else b""
        text = line if sys.stderr.isatty() else click.unstyle(line)
        _write_all(sys.stderr.fileno(), start + text.encode("utf-8", "replace") + end)
        self._line_open = False

    def _wipe(self) -> None:
        if self._drawn:
            _write_all(sys.stderr.fileno(), b"\r\x1b[K")
            self._drawn = False

    def _cooked(self) -> None:
        if self._saved is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            time.sleep(0.005)
        except OSError:
            return  # whoever looked has gone; the training goes on


def status_line(status: Status, width: int) -> str:
    """How a run stands, in one line of at most `width` columns; what matters least is left out."""
    parts = [part for part in _parts(status) if part]
    while len(parts) > 1 and len(" · ".join(parts)) > width:
        parts.pop()
    line = " · ".join(parts)[:width]
    before, alarm, after = line.partition(looks.counted(status.alarms, "alarm"))
    told = click.style(alarm, fg="red", bold=True) if alarm else ""
    return click.style(before, dim=True) + told + (click.style(after, dim=True) if after else "")


def _parts(status: Status) -> Iterator[str]:
    """The parts of the line, what matters most first; empty ones are not shown."""
    from labhand.web import words

    yield f"labhand · {status.name}"
    yield words.clock(status.seconds)
    yield looks.counted(status.alarms, "alarm") if status.alarms else ""
    silent = status.silent_s is not None
    yield f"no step for {words.duration(status.silent_s)}" if silent else ""
    if status.step is not None:
        yield f"step {status.step:,}" + (f"/{status.total:,}" if status.total is not None else "")
    for name, value in status.metrics.items():
        arrow = ARROWS.get(status.trends.get(name, ""), "")
        yield f"{name} {words.number(value)}{arrow}"
    if status.left_s is not None and not silent:
        yield f"{words.duration(status.left_s)} left"
    if status.cost is not None:
        whole = status.whole_cost
        about = f" of {words.number(whole, 2)}" if whole is not None and not silent else ""
        yield f"cost {words.number(status.cost, 2)}{about}"
    if status.pace and status.pace >= 1:
        yield f"{words.number(status.pace, 3)} steps/s"
    elif status.pace:
        yield f"{words.duration(1 / status.pace)} a step"
    yield words.size(status.memory_bytes) if status.memory_bytes is not None else ""
