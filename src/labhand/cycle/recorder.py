"""What labhand's own process adds to the record of an attempt while it goes on."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from labhand.core import event
from labhand.core.finding import Finding
from labhand.core.home import open_all_up
from labhand.core.store import Store
from labhand.cycle.backlog import IN_MEMORY_BYTES, Backlog, Flow, Piece
from labhand.cycle.before import keep_peaks
from labhand.cycle.landing import Landing
from labhand.cycle.processes import Processes
from labhand.cycle.progress import Progress
from labhand.cycle.request import Face
from labhand.cycle.writers import Writers
from labhand.kit.lines import Lines, Numbering, Printed
from labhand.kit.machine import System
from labhand.kit.points import Row as PointsRow
from labhand.kit.points import Tail, trust
from labhand.kit.scrub import Scrubber, Stream
from labhand.kit.stacks import Stacks
from labhand.probe.points import Writer, append
from labhand.watch import Follower, Watcher
from labhand.watch.calibration import Calibration
from labhand.watch.rows import Row
from labhand.watch.signals import Ended, Fact, Output, Points, Signal, Slept, Tick
from labhand.watch.view import Before

PRESSING_S = 0.2
"""How often points and events are looked at."""
CALM_S = 1.0
"""How often the machine is sampled, the status shown and files are looked for."""
ASLEEP_S = 15.0
"""A longer time between two looks means that labhand itself did not run."""
SLICE_S = 0.002
"""So long at a time metrics are read and watched before output is looked for again."""
FLOOD_PAUSE_S = 0.1
"""In a flood of output, the time from one such slice to the next."""
AT_ONCE = 4096
"""Bytes of output that are read for metrics at once."""
PATIENCE_S = 1.0
"""What takes longer at the end is told."""
TAIL_BYTES = 20_000
"""How much of the end of the output is kept at hand for a diagnosis."""


class Recorder:
    """Keeps the output, the metrics and the machine's load of an attempt, and watches them.

    Output is shown and kept at once; it is read for metrics, and these are watched, as soon as no
    more output comes, or little. What a flood leaves unread is read at the end.

    Never raises for a full or failing disk: the training is worth more than its record, so the
    person is told once and the record goes on when it can.
    """

    def __init__(
        self,
        store: Store,
        run: tuple[str, str],
        number: int,
        face: Face,
        *,
        cwd: Path,
        environment: Mapping[str, str],
        command: Sequence[str],
        roles: Mapping[str, str],
        refused: set[str] | None = None,
        known: tuple[Sequence[Before], Calibration | None] = ((), None),
        config: Mapping[str, Any] | None = None,
        beside: bool = False,
    ) -> None:
        self.folder = store.attempt(run[0], number)
        self.name = run[1]
        self.face = face
        self.watcher = Watcher(
            run[1],
            number,
            home=store.home,
            roles=roles,
            earlier=known[0],
            calibration=known[1],
            config=config,
        )
        self.exception: dict[str, Any] | None = None
        self._settings = dict(config or {})
        self._processes = Processes()
        self.python: str | None = None
        self.tail = b""
        self._scrubber = Scrubber(environment, command)
        self._streams = {name: Stream(self._scrubber) for name in ("stdout", "stderr")}
        self._output = _Appended(self.folder / "output.log", self._trouble)
        self._events = _Appended(self.folder / "events.jsonl", self._trouble)
        self._backlog = Backlog(self._output.read)
        self._flow = Flow()
        self._came = 0.0
        self._lines = {name: Lines(lambda: self._came) for name in ("stdout", "stderr")}
        self._numbering = Numbering()
        self._printed = Writer(str(self.folder), "output")
        self._files = Writer(str(self.folder), "files")
        self._load = Writer(str(self.folder), "system")
        self._points = Tail(self.folder)
        self._taken: deque[Callable[[], None]] = deque()
        self._probe_events: dict[Path, int] = {}
        self._follower, self._landing = self._own_files(store, run[0], cwd, beside)
        self._heard: dict[str, tuple[int, int]] = {}
        self._progress = Progress()
        self._alarms: set[str] = set()
        self._troubles: set[str] = set()
        self._refused = set[str]() if refused is None else refused
        self._began = time.monotonic()
        self._turned = time.time()
        self._due = {"points": 0.0, "pressing": 0.0, "calm": self._began + CALM_S, "reading": 0.0}
        self._spoke: float | None = None
        self._system: System | None = None
        self._stacks = Stacks(self.folder)

    @property
    def config(self) -> dict[str, Any]:
        """The settings that the script told so far."""
        return self._processes.config

    def findings(self) -> list[Finding]:
        """What watch said of the attempt, and scan of the files that it wrote."""
        return [*self.watcher.findings().findings, *self._landing.findings.values()]

    def sample(self, pid: int) -> None:
        """From now on the load of the process tree under `pid` is sampled."""
        self._system = System(pid, self.folder)

    def stood_still(self) -> Finding | None:
        """What watch said of a standstill that was not over when the attempt ended."""
        found = [f for f in self.watcher.findings().findings if f.rule == "stalled"]
        return next((f for f in found if f.state in ("suspected", "confirmed")), None)

    def write(self, kind: str, **data: Any) -> None:
        """Adds an event of labhand's own."""
        self._events.append(event.encode(kind, **data))

    def output(self, stream: str, data: bytes) -> None:
        """Takes what the command printed: shows it, keeps it scrubbed. `turn` reads metrics from it."""
        self.face.output(stream, data)
        self._keep(stream, self._streams[stream].feed(data))
        self._flow.came(len(data), time.monotonic())
        self._spoke = time.time()

    def wait_s(self) -> float:
        """So many seconds may be spent waiting for output before the next `turn`."""
        if not (self._backlog.size or self._taken):
            return 0.05
        return 0.005 if self._flow.is_flood(time.monotonic()) else 0.0

    def turn(self) -> None:
        """Looks at whatever is due. Call it often: it does nothing until something is."""
        self._notice_sleep()
        now = time.monotonic()
        if now >= self._due["reading"] or not self._flow.is_flood(now):
            self._due["reading"] = now + FLOOD_PAUSE_S
            self._read(now + SLICE_S)
        if now >= self._due["pressing"]:
            self._due["pressing"] = now + PRESSING_S
            if self._spoke is not None:
                self._feed(Output(self._spoke))
                self._spoke = None
        if now >= self._due["calm"]:
            self._due["calm"] = now + CALM_S
            self._calm()

    def end(
        self,
        exit_code: int | None,
        signal: int | None,
        stopped: bool,
        had_enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """The attempt is over: takes what is left and closes the files.

        Blocks while what a flood of output has left is read, which is told. When the person has
        had enough of it, or interrupts, the rest is for whoever looks at the run next.

        Raises:
            KeyboardInterrupt: the person has had enough; the record is as if labhand were killed.
        """
        for name, stream in self._streams.items():
            self._keep(name, stream.flush())
        self._catch_up(had_enough)
        for lines in self._lines.values():
            self._take_printed(lines.close())
        self._take_files(self._follower.close())
        self._take_written()
        while self._taken:
            self._taken.popleft()()
        tail = self.tail.decode("utf-8", "replace")
        self._feed(Ended(time.time(), exit_code, signal, stopped, tail))
        self.watcher.close()
        for finding in self._landing.close(lambda: stopped or had_enough()):
            self._changed(finding)
        if peaks := self.watcher.peaks():
            with suppress(OSError):
                keep_peaks(self.folder, peaks)
        for closing in (self._printed, self._files, self._load, self._output, self._events):
            closing.close()
        open_all_up(str(self.folder))

    def _keep(self, stream: str, kept: bytes) -> None:
        at = self._output.append(kept)
        self.tail = (self.tail + kept)[-TAIL_BYTES:]
        self._backlog.put(Piece(stream, time.time(), kept), at)
        while self._backlog.held > 2 * IN_MEMORY_BYTES:  # the disk refuses: there is no elsewhere
            self._read_piece()

    def _read(self, until: float) -> None:
        """Watches what is known and reads output for metrics till all is done or the time is up."""
        while time.monotonic() < until:
            if self._taken:
                self._taken.popleft()()
            elif time.monotonic() >= self._due["points"]:
                self._due["points"] = time.monotonic() + PRESSING_S
                self._take_written()
            elif not self._read_piece():
                return

    def _read_piece(self) -> bool:
        """Reads some output for metrics; False: there is none left."""
        piece = self._backlog.take(AT_ONCE)
        if piece is None:
            return False
        self._came = piece.time
        self._take_printed(self._lines[piece.stream].feed(piece.data))
        return True

    def _catch_up(self, had_enough: Callable[[], bool]) -> None:
        began, waited = time.monotonic(), self._backlog.size
        told = False
        while self._backlog.size or self._taken:
            now = time.monotonic()
            self._read(now + PRESSING_S)
            if not told and now - began > PATIENCE_S:
                told = True
                left_s = (now - began) * self._backlog.size / max(waited - self._backlog.size, 1)
                self.face.tell(
                    f"the command has ended; metrics are read from the last "
                    f"{self._backlog.size / 1e6:.1f} MB it printed, about {left_s:.0f} s more "
                    f"(Ctrl-C leaves them to `labhand show {self.name}`)"
                )
            if had_enough():
                raise KeyboardInterrupt

    def _notice_sleep(self) -> None:
        # Wall time: the monotonic clock may stand still while the machine is suspended.
        before, self._turned = self._turned, time.time()
        if self._turned - before > ASLEEP_S:
            self._feed(Slept(self._turned, self._turned - before))

    def _calm(self) -> None:
        if self._system is not None:
            self._load.row(self._system.sample(), int(time.monotonic() - self._began))
        self._take_files(self._follower.read())
        if stacks := self._stacks.answers():
            self._feed(Fact(time.time(), "stacks", stacks))
        self._feed(Tick(time.time()))
        open_all_up(str(self.folder))
        for finding in self._landing.turn():
            self._changed(finding)
        now, alarms = time.monotonic(), len(self._alarms)
        settings = {**self._settings, **self.config}
        self.face.status(
            self._progress.status(self.name, self._began, now, alarms, settings, self.tail)
        )

    def _take_written(self) -> None:
        """Notes the points and events that came, in the order of their times: one explains another."""
        taken: list[tuple[float, Callable[[], None]]] = [
            (row.time, partial(self._take_row, row)) for row in self._points.read()
        ]
        for path in self.folder.glob("events.*.jsonl"):
            for happened in event.read_from(path, self._probe_events):
                before, _, pid = path.suffixes[-2][1:].rpartition("-")  # of ranks above 0
                rank = int(before) if before else None
                take = partial(self._take_event, happened, int(pid), rank)
                taken.append((event.seconds(happened.time), take))
        self._taken.extend(take for _, take in sorted(taken, key=itemgetter(0)))

    def _heed(self, pid: int, time_: float, wrote: bool, rank: int | None) -> None:
        """Begins to watch anew where all trainings have ended and one more process tells something."""
        if not self._processes.meet(pid, wrote, rank):
            return
        for finding in self.watcher.begin_again(time_):
            self._changed(finding)
        self._heard.clear()
        self._numbering, self._progress = Numbering(), Progress()

    def _take_row(self, row: PointsRow) -> None:
        if row.pid != os.getpid():
            self._heed(row.pid, row.time, wrote=True, rank=row.rank)
        rank = trust(row.source)
        values = {}
        for name, value in zip(row.names, row.values, strict=True):
            trusted, step = self._heard.get(name, (rank, row.step))
            if trusted < rank or (trusted > rank and row.step <= step):
                continue  # it comes from a more trusted source, or was heard from a quicker one
            self._heard[name] = rank, row.step
            values[name] = value
        if not values:
            return
        self._feed(Points(row.time, row.source, row.step, values, row.rank))
        self._progress.row(row.source, row.step, values)

    def _take_event(self, happened: event.Event, pid: int, rank: int | None) -> None:
        data = self._scrubber.tree(happened.data)
        if happened.kind == "over":
            self._processes.ended(pid)
            return
        self._processes.within(pid, data.get("within"))
        self._heed(pid, event.seconds(happened.time), wrote=False, rank=rank)
        if happened.kind == "config":
            self._processes.settings(pid, data)
        elif "executable" in happened.data:
            self.python = str(happened.data["executable"])
        elif happened.kind == "exception":
            self.exception = data
        elif happened.kind == "fault" and "lost" in data:
            self._tell(str(data["where"]), str(data["message"]))
        fact = Fact(event.seconds(happened.time), happened.kind, data)
        if happened.kind == "begun":  # in the same process, and so with the same settings
            for finding in self.watcher.begin_again(fact.time, self.watcher.view.config):
                self._changed(finding)
            for loaded in self._processes.loaded:
                self._feed(loaded)
        elif happened.kind == "loaded":
            self._processes.loaded.append(fact)
        self._feed(fact)

    def _take_files(self, rows: Iterable[tuple[Path, Row]]) -> None:
        for _, row in rows:
            self._files.row(row.values, row.step)

    def _take_printed(self, told: Iterable[Printed]) -> None:
        for printed in told:
            step, values = self._numbering.row(printed)
            if values:
                self._printed.row(values, step, self._came or None)

    def _feed(self, signal: Signal) -> None:
        for finding in self.watcher.feed(signal):
            self._changed(finding)
        for finding_id in self.watcher.withdrawn():
            self.write("withdrawn", finding=finding_id)

    def _changed(self, finding: Finding) -> None:
        new_alarm = finding.alarm is True and finding.id not in self._alarms
        if new_alarm:
            self._alarms.add(finding.id)
            if finding.rule == "stalled":
                self._stacks.ask()
        self.write("alarm" if new_alarm else "finding", finding=event.plain(finding))
        self.face.finding(finding)

    def _trouble(self, path: Path, error: OSError) -> None:
        why = error.strerror or str(error)
        if why not in self._refused:
            self._refused.add(why)
            self.face.tell(
                f"the record cannot be written: {why} ({path.name}); the training goes on, its "
                "record stays incomplete"
            )

    def _own_files(
        self, store: Store, run: str, cwd: Path, beside: bool
    ) -> tuple[Follower, Landing]:
        """What follows the logs and the outputs that the script itself writes."""
        ours = Writers(store, run, self.folder, beside, self._tell_once).is_ours
        return Follower(cwd, time.time(), ours), Landing(cwd, store.home, self._tell_once, ours)

    def _tell_once(self, why: str) -> None:
        self._tell(why, why)

    def _tell(self, trouble: str, message: str) -> None:
        """Tells the person of a trouble once."""
        if trouble not in self._troubles:
            self._troubles.add(trouble)
            self.face.tell(message)


class _Appended:
    """A file that is only ever added to, by this process alone."""

    def __init__(self, path: Path, trouble: Callable[[Path, OSError], None]) -> None:
        self._path = path
        self._trouble = trouble
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags, 0o600)
        except OSError as error:
            self._fd = -1
            trouble(path, error)

    def append(self, data: bytes) -> int | None:
        """Where in the file the data stands now; None: nowhere."""
        if not data or self._fd < 0:
            return None
        try:
            append(self._fd, data)
        except OSError as error:
            self._trouble(self._path, error)
            return None
        return os.lseek(self._fd, 0, os.SEEK_CUR) - len(data)

    def read(self, at: int, size: int) -> bytes:
        return os.pread(self._fd, size, at)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
