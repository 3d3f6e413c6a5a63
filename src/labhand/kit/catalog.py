"""The index of the runs: SQLite in `<home>/catalog.<host>.db`, which can be thrown away at any time.

The run folders are the truth. Every reading compares the index with them: a run that was copied
in, made by another process or changed behind the index's back is read afresh. Where the database
is missing, damaged, locked or cannot be written, the folders alone answer. Each host has an index
of its own: the locks and the shared memory of SQLite hold on one machine only, and a home may lie
on a disk that many share.
"""

import contextlib
import os
import re
import sqlite3
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from labhand.core import event
from labhand.core.errors import RecordError
from labhand.core.finding import SEVERITIES, Severity
from labhand.core.home import open_up
from labhand.core.run import Run, Status
from labhand.core.store import Store
from labhand.kit.metric_names import headlines

VERSION = 2
"""Of the table; a database of another version is made anew."""

_TABLE = (
    "CREATE TABLE runs (id TEXT PRIMARY KEY, stamp TEXT NOT NULL, script TEXT NOT NULL, "
    "row BLOB NOT NULL) WITHOUT ROWID"
)
LISTED_S = 1.0
"""So long at most a list of the earlier runs is used again."""
_LISTED: dict[Path, tuple[list[str], float]] = {}
"""The runs of the home that was listed last, the oldest first, and when that was."""
BEGINS_S = 10.0
"""So long after a run has begun its record may still be on its way."""
_LOCKED_S = 0.25
_LAUNCHERS = frozenset(
    "torch.distributed.run torch.distributed.launch accelerate.commands.launch deepspeed.launcher "
    "cProfile pdb debugpy coverage kernprof runpy".split()
)
_SCRIPT = re.compile(r".+\.(?:py|ipynb|sh|bash|jl|R|lua)", re.IGNORECASE)


class RunRow(msgspec.Struct, kw_only=True):
    """A run in short. `findings` counts by severity, `metric` is the headline and its last value."""

    id: str
    name: str
    status: Status
    exit_code: int | None = None
    command: list[str] = []
    started: str = ""
    wall_s: float | None = None
    findings: dict[Severity, int] = {}
    metric: tuple[str, float | None] | None = None


def path_of(store: Store) -> Path:
    """Where the index of this host is, whether or not it exists."""
    return store.home / f"catalog.{os.uname().nodename}.db"


class Catalog:
    """The runs of a store, quickly."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._path = path_of(store)

    def put(self, run: Run) -> None:
        """Indexes a run whose `run.json` was just written. Never fails: the index is a help."""
        stamps = _stamps(self._store, [run.id])
        listed, _ = _LISTED.get(self._store.runs, ([], 0.0))
        if listed and run.id > listed[-1]:
            listed.append(run.id)
        if run.id in stamps:
            with contextlib.suppress(sqlite3.Error, OSError), self._open() as database:
                _insert(database, [(run.id, stamps[run.id], script_of(run.command), row_of(run))])

    def rows(self, limit: int | None = None, *, newest_first: bool = True) -> list[RunRow]:
        """The runs in short, as their folders stand now; at most `limit`, from that end."""
        ids = self._store.ids()
        if newest_first:
            ids.reverse()
        rows = self._current(ids[:limit], [])
        return [row for _, row in rows]

    def previous(self, command: list[str], before_id: str) -> str | None:
        """The newest run before `before_id` of the same script, whatever its settings, or None."""
        return next((row.id for row in self.like(command, before_id, 1)), None)

    def like(self, command: list[str], before_id: str | None, limit: int) -> list[RunRow]:
        """The newest runs of the same script, whatever their settings; those before `before_id`."""
        script = script_of(command)
        runs = self._store.runs
        ids = self._store.ids()[::-1] if before_id is None else _before(runs, before_id)
        found: list[RunRow] = []
        at, many = 0, 2 * limit
        while at < len(ids) and len(found) < limit:  # the newest first: few of many are read
            found += [
                row for known, row in self._current(ids[at : at + many], []) if known == script
            ]
            at, many = at + many, 4 * many
        return found[:limit]

    def gone(self) -> list[str]:
        """The runs that were indexed and whose folder was deleted since; `rebuild` forgets them."""
        if not self._path.exists():
            return []
        there = set(self._store.ids())
        with contextlib.suppress(sqlite3.Error, OSError), self._open() as database:
            known = database.execute("SELECT id FROM runs ORDER BY id").fetchall()
            return [run_id for (run_id,) in known if run_id not in there]
        return []

    def rebuild(self) -> tuple[int, list[str]]:
        """Makes the index anew from the folders: how many runs, and the records it cannot read."""
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                Path(f"{self._path}{suffix}").unlink()
        problems: list[str] = []
        rows = self._current(self._store.ids(), problems)
        return len(rows), problems

    def _current(self, ids: list[str], problems: list[str]) -> list[tuple[str, RunRow]]:
        """The script and the row of each run; the index is brought up to date where it can be."""
        stamps = _stamps(self._store, ids)
        known: dict[str, tuple[str, str, RunRow]] = {}
        with contextlib.suppress(sqlite3.Error, OSError, ValueError):
            known = self._known(ids)
        fresh: list[tuple[str, str, str, RunRow]] = []
        answer: list[tuple[str, RunRow]] = []
        for run_id in ids:
            stamp, script, row = known.get(run_id, ("", "", None))
            if row is None or stamp != stamps.get(run_id, "?"):
                try:
                    run = self._store.read(run_id)
                    script, row = script_of(run.command), row_of(run)
                    if run_id in stamps and row.status != "running":  # that is soon another row
                        fresh.append((run_id, stamps[run_id], script, row))
                except RecordError as error:
                    problems.append(str(error))
                    script, row = "", _unread(self._store, run_id)
            answer.append((script, row))
        if fresh:
            with contextlib.suppress(sqlite3.Error, OSError), self._open() as database:
                _insert(database, fresh)
        return answer

    def _known(self, ids: list[str]) -> dict[str, tuple[str, str, RunRow]]:
        if not self._path.exists() or not ids:
            return {}
        decoder = msgspec.msgpack.Decoder(RunRow)
        with self._open() as database:
            found = database.execute(
                "SELECT id, stamp, script, row FROM runs WHERE id BETWEEN ? AND ?",
                (min(ids), max(ids)),
            )
            return {i: (stamp, script, decoder.decode(row)) for i, stamp, script, row in found}

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The database, of this version. A damaged or older one is replaced by an empty one."""
        database = self._connected()
        try:
            try:
                outdated = database.execute("PRAGMA user_version").fetchone()[0] != VERSION
            except sqlite3.OperationalError:
                raise  # locked or out of reach: not ours to replace
            except sqlite3.DatabaseError:
                database.close()
                self._path.unlink()
                database = self._connected()
                outdated = True
            if outdated:
                with database:
                    database.execute("DROP TABLE IF EXISTS runs")
                    database.execute(_TABLE)
                    database.execute(f"PRAGMA user_version = {VERSION}")
            yield database
        finally:
            database.close()

    def _connected(self) -> sqlite3.Connection:
        if not self._path.exists():
            # private to the user from the first moment on, or open to a team
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            open_up(str(self._path))
        database = sqlite3.connect(self._path, timeout=_LOCKED_S)
        with contextlib.suppress(sqlite3.Error):  # a file system may not have it
            database.execute("PRAGMA journal_mode = WAL")
            # the folders are the truth: what a power cut takes is read again from them
            database.execute("PRAGMA synchronous = OFF")
        return database


def _before(runs: Path, run_id: str) -> list[str]:
    """The runs before one, the newest first, as they were listed at most a moment ago.

    A run is held against the earlier ones at its start and at its end, and to list ten thousand takes
    as long as all else then. Runs that this process has put since are among them.
    """
    listed, when = _LISTED.get(runs, ([], 0.0))
    if time.monotonic() - when > LISTED_S:
        listed = Store(runs.parent).ids()
        _LISTED.clear()
        _LISTED[runs] = listed, time.monotonic()
    end = bisect_left(listed, run_id)
    return listed[:end][::-1]


def row_of(run: Run) -> RunRow:
    """A run in short."""
    counts = {s: sum(f.severity == s for f in run.findings) for s in SEVERITIES}
    name = next(iter(headlines(run.metrics)), None)
    return RunRow(
        id=run.id,
        name=run.name,
        status=run.status,
        exit_code=run.exit_code,
        command=run.command,
        started=run.started,
        wall_s=run.wall_s,
        findings={severity: n for severity, n in counts.items() if n},
        metric=None if name is None else (name, run.metrics[name].last),
    )


def script_of(command: list[str]) -> str:
    """What a command runs, whatever its settings: `train.py`, `-m pkg.train`, `yolo train`."""
    words = iter(command)
    for word in words:
        if word == "-m":
            module = next(words, "")
            if module not in _LAUNCHERS:
                return f"-m {module}"
        elif _SCRIPT.fullmatch(word) and not word.startswith("-"):
            return os.path.normpath(word)
    plain = [word for word in command[1:2] if not word.startswith("-") and "=" not in word]
    return " ".join([*(Path(word).name for word in command[:1]), *plain])


def _insert(database: sqlite3.Connection, rows: Iterable[tuple[str, str, str, RunRow]]) -> None:
    encode = msgspec.msgpack.encode
    with database:
        database.executemany(
            "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)",
            [(run_id, stamp, script, encode(row)) for run_id, stamp, script, row in rows],
        )


def _stamps(store: Store, ids: list[str]) -> dict[str, str]:
    """When each `run.json` was last written, and its size; without those that are missing."""
    stamps: dict[str, str] = {}
    runs = str(store.runs)
    for run_id in ids:
        try:
            about = os.stat(f"{runs}/{run_id}/run.json")  # noqa: PTH116  thousands of them
        except OSError:
            continue
        stamps[run_id] = f"{about.st_mtime_ns} {about.st_size} {about.st_ino}"
    return stamps


def _unread(store: Store, run_id: str) -> RunRow:
    """The row of a run whose record cannot be read, or is on its way: what its folder's name tells."""
    started = _started(run_id)
    young = bool(started) and time.time() - event.seconds(started) < BEGINS_S
    begins = young and not (store.folder(run_id) / "run.json").exists()
    status: Status = "running" if begins else "lost"
    return RunRow(id=run_id, name=run_id, status=status, started=started)


def _started(run_id: str) -> str:
    from datetime import datetime

    try:
        told = datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").astimezone()
    except ValueError:
        return ""
    return told.isoformat()
