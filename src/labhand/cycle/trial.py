"""One start of a script in a copy of its own, confined and with the probe in it, for what it measures."""

import math
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from labhand.core import event
from labhand.core.event import Event
from labhand.kit.lines import Lines, Numbering
from labhand.kit.metric_names import headlines
from labhand.kit.points import Tail
from labhand.kit.sandbox import Sandbox
from labhand.launch import probed

LOOK_S = 0.1
ASKS = "LABHAND_TRIAL"
"""Asks the probe to look closely at the first steps, with the seconds that it has for that."""
_SHOWN = 1500

Rows = dict[str, list[tuple[int, float]]]
"""Each metric with its steps and values in the order in which they came."""


Stopped = Literal["enough", "time", "memory"]


class Trial(msgspec.Struct):
    """How a start went. `exit_code` is None where it was `stopped`: what for is told there."""

    exit_code: int | None
    rows: Rows
    output: str
    seconds: float
    stopped: Stopped | None = None
    events: list[Event] = []

    @property
    def fails(self) -> bool:
        """Whether it ended badly by itself."""
        return self.exit_code not in (0, None)

    @property
    def steps(self) -> int:
        """The number of values of the metric that has most."""
        return max(map(len, self.rows.values()), default=0)

    def last_words(self) -> str:
        """The last line it said, which of a traceback is the error."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1][:300] if lines else "it said nothing"

    def traceback(self) -> str:
        """The end of what it said."""
        return self.output[-_SHOWN:].strip()

    def headline(self) -> str:
        """The metric that tells most, first to last; empty where there is none."""
        name = next(iter(headlines(self.rows)), None)
        if name is None:
            return ""
        values = [value for _, value in self.rows[name]]
        span = f"{values[0]:.4g}" if len(values) == 1 else f"{values[0]:.4g} → {values[-1]:.4g}"
        return f"`{name}` {span}"

    def not_finite(self) -> str | None:
        """A metric that is not finite at its end."""
        return next((n for n, r in self.rows.items() if r and not math.isfinite(r[-1][1])), None)


def start(
    command: list[str],
    cwd: Path,
    sandbox: Sandbox,
    most_s: float,
    enough: int | None = None,
    overlay: Mapping[Path, str] | None = None,
    more: Mapping[str, str] | None = None,
    memory_bytes: int | None = None,
) -> Trial:
    """The trial of a command in `cwd`. Stops it once a metric has `enough` values. Blocks.

    `more` are variables for it beside those the sandbox lets through; `memory_bytes` is what it may take.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labhand-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        box = msgspec.structs.replace(sandbox, write=[*sandbox.write, folder])
        env = {**(more or {}), **box.environment(os.environ)}
        env |= {"TMPDIR": made, "PYTHONUNBUFFERED": "1"}
        env = probed(env, made, _overlay(folder, overlay or {}))
        env |= {name: value for name, value in (more or {}).items() if name == ASKS}
        watched = _Watched(folder)
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                box.wrapped(command), cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

        def shown() -> Stopped | None:
            watched.look()
            if enough is not None and watched.most >= enough:
                return "enough"
            if memory_bytes is not None and _resident(process.pid) > memory_bytes:
                return "memory"
            return "time" if time.monotonic() > began + most_s else None

        try:
            stopped = _wait(process, shown)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        watched.look(last=True)
        events = _events(folder)
    seconds = round(time.monotonic() - began, 2)
    return Trial(None if stopped else code, watched.rows, watched.text, seconds, stopped, events)


def _wait(
    process: "subprocess.Popen[bytes]", shown: Callable[[], Stopped | None]
) -> Stopped | None:
    """Waits for its end, or for a reason to stop it; None: it ended."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
            return None
        if (why := shown()) is not None:
            return why


def _resident(pid: int) -> int:
    """The memory of a process and of what it has started, in bytes; shared pages count each time."""
    import psutil

    total = 0
    with suppress(psutil.Error):
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total


def _events(folder: Path) -> list[Event]:
    """What the probe told, of each process in its order."""
    paths = sorted(folder.glob("events*.jsonl"))
    return [happened for path in paths for happened in event.read_from(path, {})]


def _overlay(folder: Path, changed: Mapping[Path, str]) -> Path | None:
    if not changed:
        return None
    table = {}
    for number, (path, text) in enumerate(changed.items()):
        place = folder / f"{number}.py"
        place.write_text(text, encoding="utf-8")
        table[str(path)] = str(place)
    target = folder / "overlay.json"
    target.write_bytes(msgspec.json.encode(table))
    return target


class _Watched:
    """The rows of a trial, as they come: what the probe measures, and what is printed."""

    def __init__(self, folder: Path) -> None:
        self.rows: Rows = {}
        self.text = ""
        self._tail = Tail(folder)
        self._output = folder / "output"
        self._lines = Lines()
        self._numbering = Numbering()
        self._read = 0

    @property
    def most(self) -> int:
        return max(map(len, self.rows.values()), default=0)

    def look(self, *, last: bool = False) -> None:
        for row in self._tail.read():
            if row.rank in (None, 0):
                self._add(row.step, dict(zip(row.names, row.values, strict=True)))
        with self._output.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        self.text = (self.text + data.decode("utf-8", "replace"))[-8 * _SHOWN :]
        for printed in [*self._lines.feed(data), *(self._lines.close() if last else [])]:
            step, values = self._numbering.row(printed)
            self._add(step, {f"printed/{name}": value for name, value in values.items()})

    def _add(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if not name.startswith("system/"):
                self.rows.setdefault(name, []).append((step, value))
