"""Launchers that hand a job on: how they are found, and jobs that were handed in before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labhand.core.errors import NotFoundError
from labhand.core.registry import extensions
from labhand.launch import channel
from labhand.launch.distant import Distant
from labhand.launch.job import Job


def launcher(name: str, home: Path | None = None) -> Any:
    """The launcher of that name. `home` is where a project's own are found.

    Raises:
        NotFoundError: there is none.
    """
    known = {extension.name: extension for extension in extensions("launcher", home)}
    if name not in known:
        raise NotFoundError.named("launcher", name, known, "labhand rule --list")
    return known[name].load()()


def is_distant(name: str, home: Path | None = None) -> bool:
    """Whether labhand itself goes along to where a run is carried, instead of its command alone.

    Raises:
        NotFoundError: no launcher has that name.
    """
    return bool(getattr(launcher(name, home), "distant", False))


def hand_in(jobs: Sequence[Job], name: str, home: Path | None = None) -> list[Distant]:
    """The jobs, handed in to a distant launcher, as one array where it knows such a thing.

    Raises:
        UsageError: a command cannot be started, or the launcher refuses.
        InputError: nobody answers, or the disk refuses. In both cases no job was started.
        NotFoundError: no launcher has that name.
    """
    chosen = launcher(name, home)
    if hasattr(chosen, "many"):
        return list(chosen.many(jobs))
    made: list[Distant] = []
    try:
        for job in jobs:
            made.append(chosen.start(job))
    except BaseException:
        for process in made:
            process.engine.cancel()
            process.abandon()
        raise
    return made


def states(tickets: Sequence[channel.Ticket], home: Path | None = None) -> dict[str, str]:
    """How the engines say these jobs stand, by their ids; those that have gone are left out."""
    told: dict[str, str] = {}
    for name in {ticket.launcher for ticket in tickets}:
        told |= launcher(name, home).states([t.id for t in tickets if t.launcher == name])
    return told


def found(attempt_dir: Path, home: Path | None = None) -> Distant | None:
    """A job that was handed in before; None: it has ended, or nobody knows where it went."""
    place = channel.folder(str(attempt_dir))
    ticket = channel.noted(place)
    if ticket is None:
        return None
    process: Distant = launcher(ticket.launcher, home).found(ticket, place)
    return process
