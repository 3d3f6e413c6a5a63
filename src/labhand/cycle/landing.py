"""Scans the samples, evaluations and transcripts that a script writes, as they land.

A process of labhand's own does it, one at a time, with the lowest priority, one thread and limits of time and
memory: the script is never slowed. What grows is scanned again once it has grown by half, and at the end,
so that all scans together cost about three times the last one.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from labhand.core.finding import Finding, Findings
from labhand.kit.grown import grown
from labhand.scan.outputs import may_hold

SELECTED = (
    "mode-collapse,length-jump,same-answer,parse-failure,too-good,identical-runs,all-fail-item,"
    "grader-disagreement,tool-loop,test-tampering,repetition,empty-text,truncated-text,boilerplate,"
    "template-leak,encoding-damage"
)
"""The detectors that look at what runs put out."""
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".eval", ".parquet", ".traj")
LOOK_S, SLOWEST_LOOK = 3.0, 0.01
"""How often files are looked for, and the share of the time that this may take."""
PAUSE = 10.0
"""A scan is followed by so many times its duration without one."""
FIRST_BYTES = 1 << 15
"""A file of this size is scanned though it still grows; a smaller one once it rests."""
MORE = 1.5
PATIENCE_S = 3.0
"""A longer wait at the end is told."""
CPU_S, WALL_S, LAST_S = 60, 180.0, 45.0
"""Limits of one scan, and how long a run waits at its end for the last one."""
BYTES = 3 << 30
TOTAL = 300 << 20
"""Bytes of files that are scanned in all; what is more is told."""
_NAMED = re.compile(
    r"sample|output|completion|generation|rollout|eval|prediction|transcript|traject|response", re.I
)
_DIGITS = re.compile(r"\d+")


class Landing:
    """The files of outputs that a script writes under `root`, and what scan says of them.

    `tell` hands a sentence to the person; `is_ours` says whether the run wrote a file. Nothing
    raises; `turn` never blocks.
    """

    def __init__(
        self,
        root: Path,
        home: Path,
        tell: Callable[[str], None],
        is_ours: Callable[[Path], bool] = lambda _: True,
    ) -> None:
        self._is_ours = is_ours
        self.findings: dict[str, Finding] = {}
        self._root, self._home, self._tell = root, home, tell
        self._since = time.time() - 1.0  # time stamps of files are coarser than clocks
        self._sizes: dict[Path, int] = {}
        self._refused: dict[Path, int] = {}
        """Files that hold no outputs, with the size that they had."""
        self._scanned: dict[Path, int] = {}
        self._job: _Job | None = None
        self._next = time.monotonic() + LOOK_S

    def turn(self) -> list[Finding]:
        """What is new since the last call; looks for files and starts a scan where one is due."""
        if self._job is not None:
            return self._taken()
        now = time.monotonic()
        if now >= self._next:
            before = dict(self._sizes)
            self._look()
            took = time.monotonic() - now
            self._next = now + max(LOOK_S, took / SLOWEST_LOOK)
            if self._is_due(before):
                self._start()
        return []

    def close(self, had_enough: Callable[[], bool]) -> list[Finding]:
        """What is new after a last scan of what has changed. Blocks `LAST_S` at most; ends what runs."""
        found = self._wait(had_enough) if self._job is not None else []
        self._look()
        if self._sizes != self._scanned and self._job is None and not had_enough():
            self._start()
            found += self._wait(had_enough, last=True)
        if self._job is not None:
            self._job.kill()
            self._job = None
            if had_enough():
                return found
            self._tell(
                "the last scan of what the run wrote took too long; `labhand scan FILE` does it"
            )
        return found

    def _look(self) -> None:
        for path, size in grown(self._root, self._since, lambda n: n.endswith(SUFFIXES)):
            if not self._is_ours(path):
                self._sizes.pop(path, None)
            elif path in self._sizes or self._is_new(path, size):
                self._sizes[path] = size
        total = 0
        for path in sorted(self._sizes, key=lambda p: self._sizes[p]):
            total += self._sizes[path]
            if total > TOTAL:
                self._refused[path] = self._sizes.pop(path)
                self._tell(
                    f"{path.name} is too large to be scanned beside the run; `labhand scan {path}` does it"
                )

    def _is_new(self, path: Path, size: int) -> bool:
        """Whether a file holds outputs; one that does not is asked again when it has grown."""
        if self._refused.get(path) == size or _holds_outputs(path):
            return self._refused.get(path) != size
        self._refused[path] = size
        return False

    def _is_due(self, before: dict[Path, int]) -> bool:
        ready = {
            p for p, size in self._sizes.items() if before.get(p) == size or size >= FIRST_BYTES
        }
        if ready - self._scanned.keys():
            return True
        now, then = sum(self._sizes[p] for p in ready), sum(self._scanned.values())
        return now > MORE * then

    def _start(self) -> None:
        if not self._sizes:
            return
        self._scanned = dict(self._sizes)
        with suppress(OSError):
            self._job = _Job(list(_patterns(self._root, self._scanned)), self._root, self._home)

    def _wait(self, had_enough: Callable[[], bool], *, last: bool = False) -> list[Finding]:
        """What the scan that is at work finds, once it has ended or the time is up."""
        began, told = time.monotonic(), False
        with suppress(KeyboardInterrupt):
            while self._job is not None and not had_enough():
                waited = time.monotonic() - began
                if waited > LAST_S:
                    break
                if waited > PATIENCE_S and not told:
                    told = True
                    self._tell(
                        "the command has ended; what it wrote is being scanned (Ctrl-C leaves that)"
                    )
                self._job.wait(0.05)
                if self._job.over():
                    return self._taken(last=last)
        return []

    def _taken(self, *, last: bool = False) -> list[Finding]:
        """What the scan that is at work has found, once it has ended."""
        job = self._job
        if job is None or not job.over():
            return []
        self._job = None
        self._next = time.monotonic() + max(LOOK_S, PAUSE * job.seconds)
        told = job.answer()
        if told is None:
            return []
        for skipped in told.skipped if last else ():
            if skipped.rule == "*":
                self._tell(skipped.why)
        new = [f for f in told.findings if f.severity != "note"]
        changed = [
            f for f in new if f.id not in self.findings or self.findings[f.id].message != f.message
        ]
        self.findings |= {f.id: f for f in new}
        return changed


class _Job:
    """One scan, in a process of its own."""

    def __init__(self, patterns: list[str], root: Path, home: Path) -> None:
        aside = [sys.executable, "-m", "labhand.kit.aside", str(CPU_S), str(BYTES)]
        scan = ["scan", "--format", "json", "--memory", "1G", "--select", SELECTED, "--", *patterns]
        one = {name: "1" for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}  # fmt: skip
        self._out: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  read once the process has ended
        self._began = time.monotonic()
        self.seconds = 0.0
        self._process = subprocess.Popen(
            [*aside, sys.executable, "-m", "labhand", *scan],
            cwd=root,
            env={**os.environ, **one, "LABHAND_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def over(self) -> bool:
        """Whether it has ended; one that takes too long is ended."""
        self.seconds = time.monotonic() - self._began
        if self._process.poll() is None and self.seconds > WALL_S:
            self.kill()
        return self._process.poll() is not None

    def wait(self, seconds: float) -> None:
        """Waits so long at most."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def kill(self) -> None:
        """Ends it, and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._out.close()

    def answer(self) -> Findings | None:
        """What it said; None where it did not come to an end."""
        if self._out.closed:
            return None
        self._out.seek(0)
        raw = self._out.read()
        self._out.close()
        try:
            return msgspec.json.decode(raw, type=Findings)
        except msgspec.DecodeError:
            return None


def _patterns(root: Path, files: dict[Path, int]) -> Iterator[str]:
    """The files as a person would name them: those that differ in numbers alone by one pattern."""
    alike: dict[str, list[Path]] = {}
    for path in sorted(files):
        alike.setdefault(_DIGITS.sub("*", str(path.relative_to(root))), []).append(path)
    for pattern, group in alike.items():
        is_whole = (
            len(group) > 1
            and not re.search(r"[?\[]", pattern)
            and {*root.glob(pattern)} == {*group}
        )
        yield from [pattern] if is_whole else [str(p.relative_to(root)) for p in group]


def _holds_outputs(path: Path) -> bool:
    """Whether a file may hold outputs of a run, by its name and its beginning; False while that is not whole."""
    suffix = path.suffix.lower()
    if suffix in (".eval", ".traj"):
        return True
    if suffix == ".parquet":
        return _NAMED.search(path.name) is not None
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError:
        return False
    if suffix in (".csv", ".tsv"):
        line, newline, _ = head.partition(b"\n")
        names = re.split(r"[,;\t|]", line.decode("utf-8", "replace").strip().replace('"', ""))
        return bool(newline) and may_hold(names)
    if suffix == ".json":
        return may_hold(re.findall(r'"([\w/ -]{1,40})"\s*:', head.decode("utf-8", "replace")))
    line = head.partition(b"\n")[0]
    try:
        told = json.loads(line)
    except ValueError:
        return False
    return isinstance(told, dict) and may_hold(list(told))
