"""What is known of a run so far: one view, shared by all detectors of a watcher."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.watch.calibration import Calibration
from labhand.watch.course import Course
from labhand.watch.roles import Role, Roles
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.tracks import Track

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

SETTLED_AT = (24, 48, 64)
"""Rows after which metrics without a role are looked at: while all of their values are still kept."""


class Before(NamedTuple):
    """An earlier run of the same command. `fine`: it finished, and nothing was wrong with it.

    `curve` gives the points of a metric, pairs of step and value in order; none where it has none.
    """

    name: str
    fine: bool
    config: Mapping[str, Any]
    curve: Callable[[str], Sequence[tuple[int, float]]]


class View:
    """What detectors may ask at any time. It is brought up to date before they see a signal.

    `earlier` are earlier runs of the same command, the latest first; `config` the settings as far as
    they are known; `step` and `time` (unix seconds, NaN where unknown) those of the latest row;
    `course` is how the training goes, `classes` the number of classes that the loss function sees, by the
    probe, 0 where unknown; `uncleared` in how many first steps gradients were kept of the step before, where in
    all of them, by the probe; `hindered` what it tells of a weight `decay`, a `dropout` or `inputs` that leave nothing to learn; `settled` counts how often roles were found later than by their names.
    """

    def __init__(
        self,
        roles: Roles | None = None,
        calibration: Calibration | None = None,
        earlier: Sequence[Before] = (),
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.roles = roles or Roles()
        self.calibration = calibration or Calibration.prior()
        self.earlier = earlier
        self.config: dict[str, Any] = dict(config or {})
        self.tracks: dict[str, Track] = {}
        self._named: dict[Role, list[str]] = {}
        self.course = Course()
        self.classes = self.uncleared = self.settled = self._rows = 0
        self.hindered: dict[str, Mapping[str, Any]] = {}
        self.step: int | None = None
        self.time = math.nan

    def take(self, signal: Signal) -> None:
        """Brings the view up to date."""
        if isinstance(signal, Points):
            self.time = signal.time
            if signal.source != "system":
                self.step = signal.step
            tracks = self.tracks
            for name, value in signal.values.items():
                track = tracks.get(name)
                if track is None:
                    track = tracks[name] = Track(name, self.roles.of(name))
                    self._named.setdefault(track.role, []).append(name)
                track.add(signal.step, value)
            self.course.take(signal, tracks)
            if self.course.began_anew:
                self._begin_anew(signal)
            self._rows += 1
            if self._rows in SETTLED_AT:
                self._settle()
        elif isinstance(signal, Fact):
            self._learn(signal)

    def _learn(self, fact: Fact) -> None:
        """Takes what a fact tells of the whole run."""
        if fact.kind == "config":
            self.config |= fact.data
        elif fact.kind == "objective":
            self.classes = int(fact.data.get("classes") or 0)
        elif fact.kind == "uncleared":
            self.uncleared = int(fact.data.get("steps") or 0)
        elif fact.kind in ("decay", "dropout", "inputs"):
            self.hindered[fact.kind] = fact.data
        elif fact.kind == "exception":
            step = fact.data.get("step")
            self.step = step if isinstance(step, int) and step > 0 else self.step

    def knows(self, stretch: "Stretch") -> bool:
        """Whether all metrics of a calm stretch are known, and what they are."""
        return self._rows >= SETTLED_AT[-1] and all(n in self.tracks for n in stretch.columns)

    def unsettled(self, stretch: "Stretch") -> int:
        """How many rows of a stretch must be seen one by one before the view may know all of its metrics."""
        new = (
            column.rows[0] for name, column in stretch.columns.items() if name not in self.tracks
        )
        last = max((int(row) + 1 for row in new), default=0)
        return min(len(stretch), max(last, SETTLED_AT[-1] - self._rows))

    def pass_over(self, stretch: "Stretch", start: int, stop: int) -> None:
        """Is brought up to date with rows that none of those who wait for the course must be shown."""
        if stop <= start:
            return
        self.time, self.step = float(stretch.times[stop - 1]), int(stretch.steps[stop - 1])
        self.course.pass_over(stretch, start, stop)
        for name, column in stretch.columns.items():
            part = column.between(start, stop)
            if len(part.rows):
                self.tracks[name].extend(stretch.steps[part.rows], part.values)
        self._rows += stop - start

    def _begin_anew(self, row: Points) -> None:
        """Forgets the training before, of which nothing is left in the weights."""
        self.course = Course()
        for name in self.tracks:
            self.tracks[name] = Track(name, self.roles.of(name))
        for name, value in row.values.items():
            self.tracks[name].add(row.step, value)
        self.course.take(row, self.tracks)

    def _settle(self) -> None:
        """Gives roles by behaviour where names told none; the course is then followed anew."""
        series = {name: [value for _, value in track.recent] for name, track in self.tracks.items()}
        if given := self.roles.by_behaviour(series):
            self.settled += 1
            if {*given.values()} != {"step-time"}:
                self.course = Course()
            self._named.clear()
            for track in self.tracks.values():
                track.role = self.roles.of(track.name)
                self._named.setdefault(track.role, []).append(track.name)

    def named(self, role: Role) -> Sequence[str]:
        """The names of the metrics of a role, in the order in which they were first seen."""
        return self._named.get(role, ())

    def having(self, *roles: Role) -> list[Track]:
        """The metrics of these roles, in the order in which they were first seen."""
        return [track for track in self.tracks.values() if track.role in roles]
