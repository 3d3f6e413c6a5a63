"""How a run gets on, from what it has told so far: steps a second, trend, time left."""

import math
import re
import time
from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from labhand.core import event
from labhand.core.run import Run
from labhand.core.store import Store, project_root
from labhand.cycle.request import Status, Trend
from labhand.kit import configuration
from labhand.kit.metric_names import headlines

SHOWN = 3
"""Metrics in the quiet line."""
WINDOW = 60
"""Looks at which the step had moved on: the pace and the trend are over so many at most."""
TREND = 6
LOOKED_AT = 4000
"""Bytes of the end of the output in which the number of all steps is looked for."""
MEMORY = "system/rss_bytes"

_OF = re.compile(rb"(?<![\d.,/])(\d{1,12})\s*(?:/|of)\s*(\d{1,12})(?![\d./])")
_ALL_STEPS = frozenset(
    f"{lead}{word}"
    for lead in (
        "",
        "max_",
        "num_",
        "n_",
        "total_",
        "train_",
        "training_",
        "num_train_",
        "max_train_",
    )
    for word in ("steps", "iters", "iterations")
)


class _Look(NamedTuple):
    time: float
    step: int
    values: dict[str, float]


class Progress:
    """Takes rows as they come; a look, about each second, is what pace and trend are told from."""

    def __init__(self) -> None:
        self.latest: dict[str, float] = {}
        self.step: int | None = None
        self.memory: float | None = None
        self._looks: deque[_Look] = deque(maxlen=WINDOW)

    def row(self, source: str, step: int, values: Mapping[str, float]) -> None:
        """Takes a row: the person's own metrics, else what the probe saw."""
        if source == "system":
            self.memory = values.get(MEMORY, self.memory)
        elif source != "probe":
            if self.latest.keys() <= {"probe/loss"}:
                self.latest.clear()
            self.latest.update(values)
            self.step = step
        elif not self.latest.keys() - {"probe/loss"}:
            self.step = step
            if "probe/loss" in values:
                self.latest["probe/loss"] = values["probe/loss"]

    def look(self, now: float) -> None:
        """Notes how things stand at a time in seconds, where the step has moved on."""
        if self.step is None or (self._looks and self._looks[-1].step == self.step):
            return
        if self._looks and self.step < self._looks[-1].step:
            self._looks.clear()  # it begins again: the pace before is of another part
        self._looks.append(_Look(now, self.step, dict(self.latest)))

    def status(
        self,
        name: str,
        began: float,
        now: float,
        alarms: int,
        settings: Mapping[str, Any],
        tail: bytes,
    ) -> Status:
        """How the run stands; `began` and `now` are seconds of one clock, `tail` ends the output."""
        self.look(now)
        shown = headlines(self.latest)[:SHOWN]
        pace = self._pace()
        total = None if self.step is None else all_steps(self.step, settings, tail)
        left = None
        if pace and total is not None and self.step is not None:
            left = (total - self.step) / pace
        return Status(
            name,
            now - began,
            self.step,
            {metric: self.latest[metric] for metric in shown},
            alarms,
            total=total,
            pace=pace,
            left_s=left,
            silent_s=self._silence(now, pace),
            memory_bytes=self.memory,
            trends={m: t for m in shown if (t := self._trend(m))},
        )

    def _pace(self) -> float | None:
        """Steps a second."""
        if len(self._looks) < 2:
            return None
        first, last = self._looks[0], self._looks[-1]
        took = last.time - first.time
        return (last.step - first.step) / took if took > 0.1 else None

    def _silence(self, now: float, pace: float | None) -> float | None:
        """The seconds since the last look at which the step had moved, where that is long."""
        if not self._looks:
            return None
        gone = now - self._looks[-1].time
        gap = (self._looks[-1].time - self._looks[0].time) / max(1, len(self._looks) - 1)
        return gone if pace and gone > max(10.0, 5 * gap) else None

    def _trend(self, metric: str) -> Trend | None:
        """Whether it rises or falls by more than its noise over the looks; None: too few."""
        values = [
            v for look in self._looks if math.isfinite(v := look.values.get(metric, math.nan))
        ]
        if len(values) < TREND:
            return None
        third = len(values) // 3
        before, after = values[:third], values[-third:]
        change = math.fsum(after) / third - math.fsum(before) / third
        jumps = sorted(abs(b - a) for a, b in pairwise(values))
        noise = jumps[len(jumps) // 2] / math.sqrt(third)
        if abs(change) <= 2 * noise:
            return "level"
        return "rises" if change > 0 else "falls"


def all_steps(step: int, settings: Mapping[str, Any], tail: bytes) -> int | None:
    """The number of all steps: beside the step in the output (`120/500`), else among the settings.

    None where neither tells, or what they tell is already passed.
    """
    for found in reversed(list(_OF.finditer(tail[-LOOKED_AT:]))):
        at, total = int(found[1]), int(found[2])
        if at in (step, step + 1) and total >= max(at, 2):
            return total
    for name, value in settings.items():
        word = str(name).rpartition(".")[2].lower().replace("-", "_")
        if word in _ALL_STEPS and isinstance(value, int) and value >= max(step, 2):
            return value
    return None


def live(store: Store, run: Run) -> Status | None:
    """How a run that goes on stands, from its record alone; None where it has told nothing yet.

    `run` is as `settle` gives it: with its metrics of now. Reads the points of the shown metrics.
    """
    from labhand.kit import points

    shown = headlines(run.metrics)[:SHOWN]
    if not run.attempts or not shown:
        return None
    progress = Progress()
    curve = points.curve(store.folder(run.id), shown[0], WINDOW * 4)
    for at, step, value in list(zip(curve.times, curve.steps, curve.values, strict=True))[-WINDOW:]:
        progress.row("probe" if shown[0] == "probe/loss" else "log", step, {shown[0]: value})
        progress.look(at)
    progress.latest |= {m: last for m in shown if (last := run.metrics[m].last) is not None}
    if MEMORY in run.metrics:
        progress.memory = run.metrics[MEMORY].last
    told = progress.status(
        run.name,
        event.seconds(run.started),
        time.time(),
        sum(finding.alarm is True for finding in run.findings),
        run.config,
        _tail(store.attempt(run.id, run.attempts[-1].number) / "output.log"),
    )
    told.priced(configuration.read(project_root(Path(run.cwd))).price)
    return told


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LOOKED_AT))
            return file.read()
    except OSError:
        return b""
