"""Follows the files of metrics that a script writes while it runs."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from labhand.kit.grown import LARGEST, grown
from labhand.watch.readers import Stream
from labhand.watch.readers.csv import Reader as CsvReader
from labhand.watch.readers.csv import Table
from labhand.watch.readers.jsonl import Objects
from labhand.watch.readers.jsonl import Reader as JsonlReader
from labhand.watch.readers.tfevents import Events
from labhand.watch.roles import role
from labhand.watch.rows import Row, is_step

PIECE = 4 << 20
SCAN_S = 3.0
SLOWEST_SCAN = 0.02
"""No more than this share of the time goes into scanning."""
_KINDS: dict[str, Callable[[], Stream]] = {
    ".csv": Table,
    ".tsv": Table,
    ".jsonl": Objects,
    ".ndjson": Objects,
}


class _File:
    """A file that is followed: how far it has been read, and whether it is a log of metrics."""

    def __init__(self, kind: Callable[[], Stream], *, sure: bool) -> None:
        self.kind = kind
        self.stream = kind()
        self.read = 0
        self.inode = 0
        self.sure = sure
        self.refused = False
        self.waiting: list[Row] = []
        self.sizes: set[int] = set()
        self.last_step = -math.inf
        self.rewritten = False
        self.old = 0


class Follower:
    """Finds the metrics files that grow under a folder, and reads what is added to them.

    tfevents, CSV and JSONL. A CSV or JSONL file is taken for a log of metrics where it has a step by
    name and numbers beside it, and is added to or names a known metric: a dataset that is being
    written is none. `is_ours` says whether it is the run's own. `since` is unix seconds; `read`
    blocks only for reading, and never raises.
    """

    def __init__(
        self, root: Path, since: float, is_ours: Callable[[Path], bool] = lambda _: True
    ) -> None:
        self._root, self._is_ours = root, is_ours
        self._since = since - 1.0  # time stamps of files are coarser than clocks
        self._files: dict[Path, _File] = {}
        self._next_scan = 0.0
        self._before = {path: size for path, size in grown(root, -math.inf, _may_hold_metrics)}

    def read(self) -> list[tuple[Path, Row]]:
        """The rows that were added since the last call, with the file that each is from."""
        now = time.monotonic()
        if now >= self._next_scan:
            self._scan()
            took = time.monotonic() - now
            self._next_scan = now + max(SCAN_S, took / SLOWEST_SCAN)
        found: list[tuple[Path, Row]] = []
        for path, file in self._files.items():
            if not file.refused:
                found += [(path, row) for row in self._added(path, file)]
        return found

    def close(self) -> list[tuple[Path, Row]]:
        """The rows of files that appeared lately, and what unfinished lines hold."""
        self._next_scan = 0.0
        found = self.read()
        for path, file in self._files.items():
            if not file.refused:
                found += [(path, row) for row in self._known(file, file.stream.close(), last=True)]
        return found

    def _scan(self) -> None:
        for path, size in grown(self._root, self._since, _may_hold_metrics):
            ours = self._is_ours(path)
            if path in self._files:
                self._files[path].refused |= not ours
            if path in self._files or not ours:
                continue
            kind = Events if "tfevents" in path.name else _KINDS[path.suffix.lower()]
            file = self._files[path] = _File(kind, sure=kind is Events)
            before = self._before.get(path, 0)
            file.old = before if before <= size else 0

    def _added(self, path: Path, file: _File) -> list[Row]:
        try:
            status = path.stat()
            again = status.st_size < file.read or (file.inode and status.st_ino != file.inode)
            file.inode = status.st_ino
            if again:  # written anew, as pandas does it: what is known is not told twice
                file.stream, file.read, file.old, file.rewritten = file.kind(), 0, 0, True
            if status.st_size == file.read or status.st_size > LARGEST:
                return []
            file.sizes.add(status.st_size)
            with path.open("rb") as opened:
                opened.seek(file.read)
                data = opened.read(file.old - file.read if file.read < file.old else PIECE)
        except OSError:
            return []
        if not file.read and not self._possible(path, file, data):
            return []
        file.read += len(data)
        rows = file.stream.feed(data)
        # what stood in the file before the run is another run's
        return [] if file.read <= file.old else self._known(file, rows)

    def _possible(self, path: Path, file: _File, data: bytes) -> bool:
        """Whether the beginning of the file may be that of a log of metrics."""
        if file.sure:
            return True
        if b"\n" not in data[:65536]:
            return False  # not even one whole line: later
        reader = CsvReader() if file.kind is Table else JsonlReader()
        complete = data[:65536].count(b"\n") >= (2 if file.kind is Table else 1)
        if complete and not reader.accepts(path, data[:65536]):
            file.refused = True
        return complete and not file.refused and self._has_step(file, data[:65536])

    def _has_step(self, file: _File, data: bytes) -> bool:
        line = data.split(b"\n", 1)[0].decode("utf-8", "replace")
        names = [n.strip(" \"'\r{}") for part in line.split(",") for n in part.split(":")[:1]]
        names = [n for part in names for n in part.replace("\t", ";").split(";")]
        file.refused = not any(is_step(name) for name in names)
        file.sure = any(role(name) != "other" or "acc" in name.lower() for name in names)
        return not file.refused

    def _known(self, file: _File, rows: list[Row], *, last: bool = False) -> list[Row]:
        """The rows to hand out: none before the file is known for a log, none twice."""
        file.waiting += [row for row in rows if row.values]
        if not (file.sure or len(file.sizes) > 1):
            if last or len(file.waiting) > 100_000:
                file.waiting.clear()
            return []
        new, file.waiting = file.waiting, []
        if file.rewritten:
            new = [row for row in new if row.step > file.last_step]
        if new:
            file.last_step = max(file.last_step, new[-1].step)
        return new


def _may_hold_metrics(name: str) -> bool:
    return "tfevents" in name or os.path.splitext(name)[1].lower() in _KINDS  # noqa: PTH122
