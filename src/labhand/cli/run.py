"""`labhand run`: a command, recorded, supervised, watched, reported."""

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labhand.core.errors import LabhandError, UsageError

if TYPE_CHECKING:
    from labhand.core.run import Run
    from labhand.cycle.compare import Comparison
    from labhand.cycle.request import Face, Request
    from labhand.cycle.run import Prepared
    from labhand.cycle.sweep import Sweep
    from labhand.kit.slots import Held


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="Example: labhand run --set lr=1e-3 -- python train.py",
)
@click.option("--name", metavar="N", help="A name for the run; one is made up otherwise.")
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a setting of the script, without editing it. Can be given again.",
)
@click.option(
    "--fix",
    type=click.Choice(["neutral", "ask", "all", "off"]),
    help="Which fixes may be applied to failures: those that leave the science alone (neutral, the "
    "default), after asking, all, or none.",
)
@click.option("--no-check", is_flag=True, help="Do not check the code before the run.")
@click.option(
    "--on-alarm",
    type=click.Choice(["stop", "checkpoint", "ask", "none"]),
    help="What a confirmed alarm leads to: SIGTERM and time to save (stop), SIGUSR2 to a script that "
    "handles it (checkpoint), a question at the keyboard, or nothing (none, the default).",
)
@click.option(
    "--sweep",
    "axes",
    metavar="KEY=V1,V2",
    multiple=True,
    help="Run once for each value: KEY=1,2,3, KEY=1..4, KEY=0..1:5, KEY='1e-4..1e-1:4 log', or "
    "@FILE.csv with a row a run. Given again, for each combination.",
)
@click.option("--seeds", metavar="N", help="Run with N seeds, or with those listed: 1,2,3.")
@click.option(
    "--gpus",
    type=click.IntRange(min=0),
    metavar="N",
    help="GPUs that a run gets for itself, by CUDA_VISIBLE_DEVICES.",
)
@click.option(
    "--cpus",
    type=click.IntRange(min=1),
    metavar="N",
    help="Cores that a run takes; one where a run waits in the queue and none are named.",
)
@click.option(
    "--memory",
    metavar="SIZE",
    help="Memory that a run takes, such as 8G; it waits until it is free.",
)
@click.option(
    "--limit",
    metavar="TIME",
    help="Stop a run, with time to save, after 90m or 1h30m, or when it has cost 5$ at the price set.",
)
@click.option(
    "--budget",
    metavar="TIME",
    help="End a sweep 2h after its first run has started, or when its runs have cost 20$ together.",
)
@click.option(
    "--stop-lost/--no-stop-lost",
    default=None,
    help="Stop runs of a sweep that are plainly lost: with a confirmed alarm, or hopeless beside the "
    "others at the same step. Off by default.",
)
@click.option(
    "--resume-flag",
    metavar="FLAG",
    help="The script's own switch that takes it up again from a checkpoint, where it is not found.",
)
@click.option(
    "--priority",
    type=click.IntRange(-4999, 4999),
    default=0,
    metavar="N",
    help="Runs of a higher priority leave the queue first; 0 where none is given.",
)
@click.option(
    "--detach",
    is_flag=True,
    help="Run in the background and return at once; it waits in the queue where no slot is free.",
)
@click.option(
    "--on",
    "launcher",
    metavar="PLACE",
    default="local",
    help="Where to run: local, slurm, ray, debug; `labhand rule NAME` tells of each.",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(
    name: str | None,
    settings: tuple[str, ...],
    fix: Any,
    no_check: bool,
    on_alarm: Any,
    axes: tuple[str, ...],
    seeds: str | None,
    gpus: int | None,
    cpus: int | None,
    memory: str | None,
    limit: str | None,
    budget: str | None,
    stop_lost: bool | None,
    resume_flag: str | None,
    priority: int,
    detach: bool,
    launcher: str,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND as it is: recorded, supervised, watched, and reported at the end.

    The code needs no change. Metrics are taken from what the script logs, writes and prints;
    minor failures of deployment are mended; the exit code is the command's own.
    """
    from labhand.core.store import Store
    from labhand.cycle.request import Request

    request = Request(
        command=list(command),
        cwd=Path.cwd(),
        name=name,
        settings=dict(_pair(text) for text in settings),
        fix=fix,
        check=not no_check,
        on_alarm=on_alarm,
        launcher=launcher,
        gpus=gpus,
        cpus=cpus,
        memory=memory,
        limit=limit,
        budget=budget,
        stop_lost=stop_lost,
        resume_flag=resume_flag,
    )
    if budget is not None and not axes and seeds is None:
        raise UsageError("--budget is that of a sweep; --limit ends a run by itself")
    if launcher != "local":
        from labhand.launch.places import is_distant

        if is_distant(launcher, Store.at(request.cwd).home):
            from labhand.cli.elsewhere import carry as carry_elsewhere

            return carry_elsewhere(request, axes, seeds, detach=detach)
    if axes or seeds is not None:
        from labhand.cli.many import sweep

        return sweep(request, axes, seeds, priority, detach=detach)
    return carry(request, detach=detach, priority=priority)


def carry(request: "Request", *, detach: bool = False, priority: int = 0) -> int:
    """Carries a request before the person's eyes, or in the background; its exit code."""
    from labhand.cycle.run import prepare
    from labhand.cycle.run import run as carry_run

    asked = (request.gpus, request.cpus, request.memory) != (None, None, None)
    held = _slots(request, detach, priority) if detach or asked else None
    if detach and held is None:
        from labhand.cli.many import wait

        return wait(request, priority)
    prepared = prepare(request)
    if held is not None:
        held.note(prepared.store.folder(prepared.run.id))
    if detach:
        return _in_background(prepared)
    from labhand.cli.terminal import Terminal

    terminal = Terminal()
    with notifying(prepared, terminal) as (face, send_end):
        with terminal.held():
            done = carry_run(request, face, prepared)
        report(prepared, done, shown=True)
        send_end(done)
    return done.exit_code if done.exit_code is not None else 1


def _slots(request: "Request", detach: bool, priority: int) -> "Held | None":
    """Slots for a run that starts at once; None where it has to wait in the queue.

    Raises:
        UsageError: the machine has not so much, or has not so much free.
    """
    from labhand.cycle.needs import slots_for

    held = slots_for(request, alone=not detach, priority=priority)
    if held is None and not detach:
        asked = {"GPUs": request.gpus, "CPUs": request.cpus, "of memory": request.memory}
        what = ", ".join(f"{count} {word}" for word, count in asked.items() if count is not None)
        raise UsageError(
            f"{what} are asked for and others use them; `--detach` lets the run wait for them"
        )
    return held


@contextmanager
def notifying(prepared: "Prepared", face: "Face") -> "Iterator[tuple[Face, Callable[[Run], None]]]":
    """The face, which notifies the person too where the settings say so, and what sends the end."""
    from labhand.notify import around

    notifying = around(face, prepared.store, prepared.root, prepared.run, prepared.configuration)
    if notifying is None:
        yield face, lambda done: None
        return
    try:
        yield notifying, notifying.ended
    finally:
        notifying.close()


def report(prepared: "Prepared", done: "Run", *, shown: bool, many: "Sweep | None" = None) -> None:
    """Writes the report of a run that has ended, `many` the sweep it is of; tells the end where `shown`."""
    from labhand.cycle.compare import against_previous

    try:
        comparison, place = None, None
        if shown:
            with suppress(LabhandError):  # the run before cannot be read: the end of this one can
                comparison = against_previous(prepared.store, prepared.root, done.id)
        if prepared.configuration.report:
            place = _written(prepared, done, many, comparison)
        if shown:
            from labhand.cli.summary import summary

            click.echo(summary(done, comparison, place), err=True)
    except Exception as error:  # the run is over: its exit code must be the command's own
        what = f"{type(error).__name__}: {error}"
        click.echo(f"labhand: the end of {done.name} cannot be told: {what}", err=True)


def _written(
    prepared: "Prepared", done: "Run", many: "Sweep | None", comparison: "Comparison | None"
) -> Path | None:
    """The path of the report; None where the disk refuses it, which is told if nothing else was."""
    from labhand.web.report import write

    try:
        return write(prepared.store, prepared.root, done.id, many, comparison)
    except OSError as error:
        if (why := error.strerror or str(error)) not in prepared.refused:
            told = f"the report of {done.name} cannot be written: {why}"
            click.echo(f"labhand: {told}", err=True)
        return None


def _in_background(prepared: "Prepared") -> int:
    """Starts the run in a process of its own and returns once the command has started."""
    heard, told = os.pipe()
    if os.fork() == 0:
        os.close(heard)
        os._exit(_carry_alone(prepared, told))
    os.close(told)
    with os.fdopen(heard) as answer:
        trouble = answer.read()
    if trouble:
        raise UsageError(trouble)
    click.echo(f"{prepared.run.name} runs in the background; `labhand show {prepared.run.name}`")
    return 0


def _carry_alone(prepared: "Prepared", told: int) -> int:
    """Carries the run unseen; whoever reads `told` waits until it has started, or is told why not."""
    from labhand.cycle.request import Silent
    from labhand.cycle.run import run as carry_run

    answer = os.fdopen(told, "w", encoding="utf-8", errors="replace")

    class Telling(Silent):
        def started(self, run: "Run") -> None:
            answer.close()

    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    try:
        with notifying(prepared, Telling()) as (face, send_end):
            done = carry_run(prepared.request, face, prepared)
            report(prepared, done, shown=False)
            send_end(done)
    except BaseException as error:
        if not answer.closed:
            answer.write(str(error) if isinstance(error, LabhandError) else repr(error))
            answer.close()
            return 2
        log = prepared.store.folder(prepared.run.id) / "labhand.log"
        log.write_text(traceback.format_exc(), encoding="utf-8")
        return 1
    return done.exit_code or 0


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set takes KEY=VALUE, found: {text}")
    return key, value
