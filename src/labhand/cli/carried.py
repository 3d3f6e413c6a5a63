"""What a job elsewhere runs: `python -m labhand.cli.carried HOME SWEEP NUMBER seen|unseen`.

It is labhand with one run of a sweep, at the place that a launcher found for it.
"""

import os
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from labhand.cli.run import notifying, report
from labhand.cli.terminal import Terminal
from labhand.core.errors import LabhandError
from labhand.core.store import Store, project_root
from labhand.cycle import elsewhere, placed, sweep, taken_up
from labhand.cycle.request import Silent
from labhand.cycle.run import Prepared, prepare, run
from labhand.cycle.sweep import Sweep
from labhand.launch import channel


def carry(store: Store, many: Sweep, number: int, *, seen: bool) -> int:
    """The exit code of the run once it has ended. Blocks.

    A run that had begun before is taken up again; one that had come to its end is left alone.
    """
    try:
        prepared = _prepared(store, many, number)
    except LabhandError as error:
        placed.becomes(store, many, number, f"! {error}")
        raise
    if taken_up.is_over(prepared.run):
        return prepared.run.exit_code or 0
    terminal = Terminal()
    with notifying(prepared, terminal if seen else Silent()) as (face, send_end):
        with terminal.held() if seen else nullcontext():
            done = run(prepared.request, face, prepared)
        if channel.put_back(Path(os.environ[channel.VARIABLE])):
            elsewhere.waits_again(prepared.store, done)
            return done.attempts[-1].exit_code or 0
        report(prepared, done, shown=seen, many=many if many.keys else None)
        send_end(done)
    return done.exit_code if done.exit_code is not None else 1


def _prepared(store: Store, many: Sweep, number: int) -> Prepared:
    in_place = sweep.code_stands(store, many)
    request = sweep.request_of(store, many, number, in_place=in_place)
    request.launcher = elsewhere.launcher_there()
    became = sweep.run_ids(store, many).get(number, "!")
    if not became.startswith("!"):
        if (store.folder(became) / "attempts").exists():
            return elsewhere.prepare_again(request, store.read(became))
        shutil.rmtree(store.folder(became), ignore_errors=True)  # it had not begun
    prepared = prepare(request)
    placed.becomes(store, many, number, prepared.run.id)
    return prepared


def main(home: str, sweep_id: str, number: str, look: str) -> int:
    """The exit code of the job."""
    store = Store(Path(home))
    try:
        many = sweep.read(store, sweep_id)
        os.chdir(project_root(Path(many.cwd)))
        return carry(store, many, int(number), seen=look == "seen")
    except LabhandError as error:
        click.echo(f"labhand: {error}", err=True)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
