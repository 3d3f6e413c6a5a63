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

import msgspec

from labhand.kit.lines import Lines, Numbering
from labhand.kit.metric_names import headlines
from labhand.kit.points import Tail
from labhand.kit.sandbox import Sandbox
from labhand.launch import probed

LOOK_S = 0.1
_SHOWN = 1500

Rows = dict[str, list[tuple[int, float]]]
"""Each metric with its steps and values in the order in which they came."""


class Trial(msgspec.Struct):
    """How a start went. `exit_code` is None where it was stopped: it had shown enough, or time ran out."""

    exit_code: int | None
    rows: Rows
    output: str
    seconds: float

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
    enough: int,
    overlay: Mapping[Path, str] | None = None,
) -> Trial:
    """The trial of a command in `cwd`. Stops it once a metric has `enough` values. Blocks."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="labhand-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        box = msgspec.structs.replace(sandbox, write=[*sandbox.write, folder])
        env = box.environment(os.environ) | {"TMPDIR": made, "PYTHONUNBUFFERED": "1"}
        env = probed(env, made, _overlay(folder, overlay or {}))
        watched = _Watched(folder)
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                box.wrapped(command), cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            ended = _wait(process, watched, began + most_s, lambda: watched.most >= enough)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        watched.look(last=True)
        text = watched.text
    return Trial(code if ended else None, watched.rows, text, round(time.monotonic() - began, 2))


def _wait(
    process: "subprocess.Popen[bytes]",
    watched: "_Watched",
    until: float,
    enough: Callable[[], bool],
) -> bool:
    """Waits for its end, for enough, or until a time; whether it ended."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
            return True
        watched.look()
        if enough() or time.monotonic() > until:
            return False


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
