"""Runs that other tools recorded, brought into the record as they are."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from labhand.core import event
from labhand.core.errors import InputError
from labhand.core.run import Attempt, Run
from labhand.core.store import Store, check_name
from labhand.cycle import settle
from labhand.probe.points import Writer
from labhand.watch import open_log


def import_log(store: Store, path: Path, name: str | None = None) -> Iterator[Run]:
    """The runs made from a log, each written to the record before it is yielded.

    Raises:
        InputError: no reader knows the file, or it holds no point.
    """
    if not path.exists():
        raise InputError(f"there is no file {path}; give the log of a run")
    if name is not None:
        check_name(name)
    found = False
    for part, rows in open_log(path, store.home):
        coming = iter(rows)
        first = next(coming, None)
        if first is None:
            continue
        found = True
        run_id, run_name = store.create(name or part or path.stem)
        folder = store.new_attempt(run_id, 1)
        writer = Writer(str(folder), "tracker")
        for row in chain([first], coming):
            writer.row(row.values, row.step, row.time)
        writer.close()
        attempt = Attempt(number=1, command=["import", str(path)], exit_code=0, started=event.now())
        run = Run(
            id=run_id,
            name=run_name,
            status="finished",
            exit_code=0,
            command=attempt.command,
            cwd=str(Path.cwd()),
            started=attempt.started,
            ended=event.now(),
            attempts=[attempt],
        )
        settle.finish(store, run)
        yield run
    if not found:
        raise InputError(f"{path} holds no metric; labhand reads rows of numbers over steps")
