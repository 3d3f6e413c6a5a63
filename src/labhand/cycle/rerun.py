"""A run again: the same code, command and settings."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from labhand.core.errors import InputError
from labhand.core.run import Code, Run
from labhand.core.store import Store, project_root
from labhand.cycle.request import LaidOut, Request
from labhand.kit import configuration, settings, snapshot
from labhand.launch import Job, Situation, take_up


def request_again(
    store: Store, run_id: str, name: str | None, tell: Callable[[str], None]
) -> Request:
    """The request that carries a run again, with the code it had.

    Where the code stands as it was, it is run in place. Otherwise the kept code is laid out in a
    folder of its own, in which what was not kept (data, ignored files) is linked from the project.

    Raises:
        InputError: the code of the run was not kept.
    """
    run = store.read(run_id)
    cwd = _folder(store, run)
    root = project_root(cwd)
    laid_out = None
    if run.code.tree is None:
        raise InputError(
            f"the code of {run.name} was not kept, so it cannot be run again as it was"
        )
    if not snapshot.same(root, store.home, run.code):
        place = lay_out_beside(store, run.code, root, run.id)
        tell(f"the code has changed since {run.name}; its own code runs in {place}")
        laid_out = LaidOut(run.code, place, root)
        cwd = place / cwd.relative_to(root)
    return Request(
        command=_whole(run.attempts[0].command if run.attempts else run.command),
        cwd=cwd,
        name=name,
        settings=_settings(store, run),
        parents=[run.id],
        laid_out=laid_out,
    )


def taken_up(store: Store, run_id: str, request: Request, tell: Callable[[str], None]) -> Request:
    """The request, so that it goes on from the newest whole checkpoint of an earlier run of it.

    Raises:
        InputError: there is none, or the script has no switch for it.
    """
    run = store.read(run_id)
    root = request.laid_out.place if request.laid_out else project_root(request.cwd)
    applied = settings.apply(request.settings, request.command, request.cwd, root)
    last = store.attempt(run.id, max(1, len(run.attempts)))
    job = Job(command=list(applied.command), cwd=str(request.cwd), env={}, attempt_dir=str(last))
    chosen = configuration.read(project_root(request.cwd))
    situation = Situation(
        job=job,
        attempts=run.attempts,
        root=str(root),
        home=str(store.home),
        resume_flag=request.resume_flag or chosen.resume_flag,
        alone=request.sweep is None,
    )
    found = take_up(situation)
    if isinstance(found, str):
        raise InputError(f"{run.name} cannot be taken up: {found}")
    tell(found.summary)
    return msgspec.structs.replace(
        request,
        command=found.command(request.command),
        settings=request.settings | found.settings,
        parents=[run.id],
    )


def lay_out_beside(store: Store, code: Code, root: Path, name: str) -> Path:
    """The folder in which a kept code stands, with the rest of the project linked into it.

    Raises:
        InputError: it cannot be written.
        RecordError: the code is not on this machine.
    """
    place = store.home / "code" / name
    if not place.exists():
        aside = place.with_name(f".{name}.{os.getpid()}")
        snapshot.lay_out(code, root, store.home, aside)
        _link_the_rest(root, aside)
        try:
            aside.rename(place)
        except OSError:  # another labhand was faster
            shutil.rmtree(aside, ignore_errors=True)
    return place


def _folder(store: Store, run: Run) -> Path:
    """The folder of the project that the run, or the one it repeats, was started in."""
    while run.parents and Path(run.cwd).is_relative_to(store.home / "code"):
        run = store.read(run.parents[0])
    return Path(run.cwd)


def _settings(store: Store, run: Run) -> dict[str, str]:
    """What `--set` changed, as it was typed; a flag among it is in the command already."""
    for attempt in run.attempts[:1]:
        for happened in store.events(run.id, attempt.number):
            if happened.kind == "attempt-started":
                settings = happened.data.get("settings", {})
                _whole([f"{key}={value}" for key, value in settings.items()])
                return dict(settings)
    return {}


def _whole(arguments: list[str]) -> list[str]:
    """The arguments as they are, where none of them held a secret."""
    hidden = [argument for argument in arguments if "[secret:" in argument]
    if hidden:
        raise InputError(
            f"the command held a secret that was not kept (`{hidden[0]}`); run it with "
            "`labhand run` and the secret in the environment"
        )
    return list(arguments)


def _link_the_rest(root: Path, place: Path) -> None:
    for path in root.iterdir():
        if path.name in (".git", ".labhand") or (place / path.name).exists():
            continue
        (place / path.name).symlink_to(path)
