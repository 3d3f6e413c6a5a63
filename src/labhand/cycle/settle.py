"""The end of a run: its status, its short form, and runs whose labhand did not live to write it."""

import fcntl
import itertools
import os
import time
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from labhand.core import event
from labhand.core.errors import LabhandError, RecordError, UsageError
from labhand.core.finding import Finding
from labhand.core.run import Attempt, Run, Status
from labhand.core.store import Store, write_whole
from labhand.cycle import placed
from labhand.kit import presence

STOP = "stop"
LOOK_S = 0.1
"""How often a run that is to stop is looked at."""
QUIET_S = 120.0
"""A labhand that lives writes the load of the machine each second; clocks of hosts differ by less."""
WORTH_PACKING_BYTES = 64 * 1024
"""Points of less than this stay as they came: packed they would hardly be smaller, and later."""


def ask_stop(folder: Path, grace_s: float | None = None) -> None:
    """Notes that a person wants the run to stop, so that its end is no failure.

    With `grace_s` its own labhand, on another host or another user's, is to end it: it has so many
    seconds to save.
    """
    (folder / STOP).touch(mode=0o600)
    if grace_s is not None:
        write_whole(folder / STOP, f"{grace_s:g}".encode())


def grace_asked(folder: Path) -> float | None:
    """The seconds a run has that somebody on another host wants to stop; None: nobody does."""
    with suppress(OSError, ValueError):
        return float((folder / STOP).read_text(encoding="utf-8"))
    return None


def stop_asked(folder: Path) -> bool:
    """Whether a person asked the run to stop."""
    return (folder / STOP).exists()


def status(folder: Path, last: Attempt, *, interrupted: bool = False) -> Status:
    """How a run ended, from its last attempt."""
    if stop_asked(folder) or interrupted:
        return "stopped"
    if last.exit_code is None:
        return "lost"
    return "finished" if last.exit_code == 0 else "failed"


def finish(store: Store, run: Run) -> None:
    """Writes the short form of a run that has ended, indexes it, and packs its points where many.

    Raises:
        OSError: the disk is full or not writable; what stood there stays.
        RecordError: the points could not be packed; they stay as they came.
    """
    from labhand.kit import points
    from labhand.kit.catalog import Catalog

    folder = store.folder(run.id)
    run.metrics = points.metrics(folder)
    store.write(run)
    Catalog(store).put(run)
    if sum(path.stat().st_size for _, path in points.raw_files(folder)) >= WORTH_PACKING_BYTES:
        points.pack(folder)


def settle(store: Store, run: Run) -> Run:
    """The run as it truly stands: one that says `running` is looked at, and ended if it has.

    A run that still goes on gets its metrics of now. Writes only when the run has ended without
    labhand: then the keeper's `end.json` tells how, or it is `lost`.
    """
    if run.status != "running":
        return run
    folder = store.folder(run.id)
    if _goes_on(store, run):
        return _as_of_now(store, run)
    end = _end(store, run)
    _take_what_was_told(store, run)
    if run.attempts:
        last = run.attempts[-1]
        end_attempt(store, run, last)
        run.exit_code = last.exit_code
        run.resources.cpu_s = end.get("cpu_s")
        run.resources.max_rss_bytes = end.get("max_rss_bytes")
        run.status = status(folder, last)
    else:
        run.status = "lost"
    run.ended = end.get("ended")
    if run.ended:
        run.wall_s = round(event.seconds(run.ended) - event.seconds(run.started), 3)
    if run.attempts:
        with suppress(OSError):  # there is no output where a script makes its own run
            _take_what_was_printed(store.attempt(run.id, run.attempts[-1].number), run.ended)
    with suppress(OSError, RecordError):  # a record on a disk that refuses can still be shown
        finish(store, run)
    return run


def _goes_on(store: Store, run: Run) -> bool:
    folder = store.folder(run.id)
    there = presence.there(folder)
    with suppress(LabhandError):  # a launcher that is not here: nobody can be asked
        job = placed.job_of(store, run.id)
        if job is not None:
            near = there and presence.here(folder)
            return near or _written_lately(folder) or job.state() is not None
    return there or _training_there(store, run)


def _written_lately(folder: Path) -> bool:
    """Whether something was written for the run within so long that its labhand must be there."""
    newest = max((p.stat().st_mtime for p in folder.glob("attempts/*/*")), default=0.0)
    return abs(time.time() - newest) < QUIET_S


def _training_there(store: Store, run: Run) -> bool:
    from labhand.launch import attach

    if not run.attempts:
        return False
    try:
        return attach(store.attempt(run.id, run.attempts[-1].number)).end() is None
    except LabhandError:
        return False


def end_attempt(store: Store, run: Run, last: Attempt) -> None:
    """Ends the last attempt of a run as the keeper's `end.json` tells; without one nobody knows."""
    end = _end(store, run)
    last.exit_code, last.signal = end.get("exit_code"), end.get("signal")
    last.wall_s = end.get("wall_s")


def _end(store: Store, run: Run) -> dict[str, Any]:
    if not run.attempts:
        return {}
    place = store.attempt(run.id, run.attempts[-1].number) / "end.json"
    try:
        end: dict[str, Any] = msgspec.json.decode(place.read_bytes())
        return end
    except (OSError, ValueError):
        return {}


def _take_what_was_told(store: Store, run: Run) -> None:
    """Findings and settings that only the events still hold."""
    known = {finding.id for finding in run.findings}
    for attempt in run.attempts:
        latest: dict[str, Finding] = {}
        for happened in store.events(run.id, attempt.number):
            if happened.kind in ("finding", "alarm"):
                finding = msgspec.convert(happened.data["finding"], Finding)
                latest[finding.id] = finding
            elif happened.kind == "withdrawn":
                latest.pop(str(happened.data["finding"]), None)
            elif happened.kind == "config":
                run.config |= happened.data
        run.findings += [finding for key, finding in latest.items() if key not in known]


def _take_what_was_printed(attempt: Path, ended: str | None) -> None:
    """Points of the lines that were printed when labhand had gone and only the keeper kept them.

    Their times are not known: they bear that of the end. Two labhands at once do it one by one, and
    the second finds nothing left.
    """
    from labhand.kit.lines import Lines, Numbering
    from labhand.kit.points import Tail
    from labhand.probe.points import Writer

    with (attempt / "output.log").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        seen: dict[str, int] = {}
        for row in Tail(attempt).read():
            if row.source == "output":
                seen |= {name: max(row.step, seen.get(name, row.step)) for name in row.names}
        frames = itertools.count()
        lines, numbering = Lines(clock=lambda: float(next(frames))), Numbering()
        writer = Writer(str(attempt), "output")
        at = event.seconds(ended) if ended else None
        pieces = iter(lambda: file.read(1 << 20), b"")
        whole = chain.from_iterable(map(lines.feed, pieces))
        last = chain.from_iterable(close() for close in [lines.close])  # after all the others
        for printed in chain(whole, last):
            step, values = numbering.row(printed)
            new = {name: value for name, value in values.items() if step > seen.get(name, -1)}
            if new:
                writer.row(new, step, at)
        writer.close()


def _as_of_now(store: Store, run: Run) -> Run:
    from labhand.kit import points

    run.metrics = points.metrics(store.folder(run.id))
    run.wall_s = round(time.time() - event.seconds(run.started), 3)
    _take_what_was_told(store, run)
    return run


def listing(store: Store, limit: int | None = None) -> list[Any]:
    """The rows of `labhand runs`, newest first, each as it truly stands."""
    from labhand.kit.catalog import Catalog

    catalog = Catalog(store)
    rows = catalog.rows(limit)
    stale = [row.id for row in rows if row.status == "running"]
    for run_id in stale:
        try:
            run = settle(store, store.read(run_id))
        except LabhandError:
            continue
        if run.status != "running":
            catalog.put(run)
    return catalog.rows(limit) if stale else rows


def stop_run(store: Store, run_id: str, grace_s: float) -> Run:
    """The run after it was stopped. Blocks until it has ended, `grace_s` at most and a little more.

    Raises:
        UsageError: it does not go on.
    """
    from labhand.launch import attach, stop

    run = settle(store, store.read(run_id))
    if run.status != "running":
        raise UsageError(f"{run.name} does not go on: it is {run.status}")
    folder = store.folder(run_id)
    wait_s = 15.0
    if not presence.here(folder) or folder.stat().st_uid != os.geteuid():
        ask_stop(folder, grace_s)
        wait_s += grace_s
    else:
        ask_stop(folder)
        if run.attempts:
            stop(attach(store.attempt(run_id, run.attempts[-1].number)), grace_s)
    _take_back(store, run_id)
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        run = store.read(run_id)
        if run.status != "running":
            return run
        if not _goes_on(store, run):
            return settle(store, run)
        time.sleep(LOOK_S)
    return run


def _take_back(store: Store, run_id: str) -> None:
    """Takes the job of a run back that waits in the queue of an engine to go on."""
    with suppress(LabhandError):
        job = placed.job_of(store, run_id)
        if job is not None and (job.state() or "").startswith("pending"):
            job.engine.cancel()


def rebuild(store: Store, root: Path, *, write: bool) -> tuple[int, list[str]]:
    """How many runs the record holds, and what is wrong with it; with `write` the catalog is rebuilt.

    A run whose `run.json` is lost is made again from what its other files still tell. The code of
    runs whose folder a person deleted is let go of: by the catalog it is known that they were here,
    since the same repository may keep the code of other homes' runs.
    """
    from labhand.kit import snapshot
    from labhand.kit.catalog import Catalog

    problems: list[str] = []
    kept = snapshot.let_go(root, Catalog(store).gone(), write=write)
    if kept:
        code = f"the code of {kept} deleted run{'' if kept == 1 else 's'}"
        problems.append(
            f"{code} was let go of in git"
            if write
            else f"{code} is still kept in git; `labhand doctor --rebuild` lets go of it"
        )
    for run_id in store.ids():
        try:
            store.read(run_id)
        except RecordError as error:
            if write and (run := _made_again(store, run_id)):
                finish(store, run)
                problems.append(f"{run_id}: its run.json was lost; made again from its other files")
            else:
                problems.append(str(error))
    if write:
        Catalog(store).rebuild()
    return len(store.ids()), problems


def _made_again(store: Store, run_id: str) -> Run | None:
    """A run as its attempts' events tell it; None where there are none."""
    numbers = sorted(int(p.name) for p in (store.folder(run_id) / "attempts").glob("[0-9]*"))
    run = Run(id=run_id, name=run_id, status="lost", command=[], cwd="", started="")
    for number in numbers:
        for happened in store.events(run_id, number):
            if happened.kind == "attempt-started":
                command = happened.data["command"]
                run.attempts.append(Attempt(number=number, command=command, started=happened.time))
                run.command, run.started = command, run.started or happened.time
    if not run.attempts:
        return None
    end = _end(store, run)
    run.attempts[-1].exit_code = run.exit_code = end.get("exit_code")
    run.status, run.ended = status(store.folder(run_id), run.attempts[-1]), end.get("ended")
    _take_what_was_told(store, run)
    return run
