"""`labhand run --on PLACE`: runs that are carried elsewhere, looked at from here."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from select import select
from typing import TYPE_CHECKING

import click

from labhand.cli import looks
from labhand.cli.terminal import Terminal
from labhand.core.errors import UsageError
from labhand.core.store import Store
from labhand.cycle import elsewhere
from labhand.cycle.sweep import runs_of, submit
from labhand.launch.distant import Distant

if TYPE_CHECKING:
    from labhand.cycle.request import Request

LOOK_S = 0.1
_OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What is handed on to the run: to take it back, or to end it."""


def carry(request: "Request", axes: tuple[str, ...], seeds: str | None, *, detach: bool) -> int:
    """Hands the runs in and, where not detached, shows how they go; the exit code."""
    store = Store.at(request.cwd)
    is_sweep = bool(axes) or seeds is not None
    keys, seed, grid = runs_of(axes, seeds, request) if is_sweep else ([], None, [{}])
    many = submit(store, request, elsewhere.needs(request), keys, seed, grid)
    terminal = Terminal()
    seen = not (detach or is_sweep)
    # what is handed in must be known before it can be taken back
    signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    try:
        jobs = elsewhere.place(store, many, terminal.terminal() if seen else None, seen=seen)
    except BaseException:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
        raise
    if not seen:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
    what = looks.counted(len(jobs), "run")
    numbers = sorted({job.engine.number.partition("_")[0] for job in jobs})
    where = f"{request.launcher} as job {', '.join(numbers[:3])}"
    if detach:
        click.echo(f"{many.name}: {what} handed to {where}; `labhand queue` shows what waits")
        return 0
    click.echo(click.style(f"labhand · {many.name} · {what} handed to {where}", dim=True), err=True)
    if is_sweep:
        from labhand.cli.many import shown

        return shown(store, many)
    return followed(jobs[0], terminal)


def followed(job: Distant, terminal: Terminal) -> int:
    """Shows what the run says until it has ended, and hands on what is typed; its exit code."""
    told = ""
    with terminal.held(), _signals_to(job) as asked:
        while (end := job.end()) is None:
            typed = terminal.input()
            if typed is not None and select([typed], [], [], 0)[0]:
                _type(typed, job, asked)
            for output in job.read(LOOK_S):
                terminal.output(output.stream, output.data)
            state = "" if job.pid else job.state() or ""
            if state and state != told and not state.startswith("run"):
                terminal.tell(f"it waits: {state}")
            told = state
    job.close()
    if job.refused:
        raise UsageError(job.refused)
    if end.exit_code is not None:
        return end.exit_code
    if asked:
        click.echo("labhand: taken back before it had begun", err=True)
        return 128 + asked[0]
    why = job.engine.why() or "nobody saw it end"
    click.echo(f"labhand: the job has gone: {why}", err=True)
    return 1


def _type(typed: int, job: Distant, asked: list[int]) -> None:
    data = os.read(typed, 65536)
    if job.pid:
        job.write(data)
    elif b"\x03" in data:
        asked.append(signal.SIGINT)
        job.signal(signal.SIGINT)


@contextmanager
def _signals_to(job: Distant) -> Iterator[list[int]]:
    """What is sent to labhand, as it comes; it reaches the run, the size of the window too."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def hand_on(number: int, frame: object) -> None:
        asked.append(number)
        job.signal(number)

    def resize(number: int, frame: object) -> None:
        if size := Terminal().terminal():
            job.resize(*size)

    before = {n: signal.signal(n, hand_on) for n in _OURS}
    before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, resize)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
