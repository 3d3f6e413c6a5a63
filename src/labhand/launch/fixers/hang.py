"""Puts a lock aside that nobody holds any more."""

import os
import re
import shlex
import socket
import time
from contextlib import suppress
from pathlib import Path

from labhand.core import run
from labhand.core.errors import InputError
from labhand.launch import change
from labhand.launch.job import Job, Mending, Situation

_YOUNG_S = 3600.0
_PID = re.compile(rb"(?:^|pid\W{0,4})\s*(\d{2,7})\b", re.I)


class Fixer:
    """Puts a lock aside that nobody holds any more.

    ## What it does
    Where the run waited for a lock file in the project, or in a cache, that no process has open and
    whose own process has ended, the file is renamed and the command starts again.

    ## Known problems
    A lock of a process on another machine, on a shared disk, names no process of this one: such a
    file is left alone when it is younger than an hour.

    ## Example
    `mv data.lock data.lock.stale`

    ## Fix safety
    Neutral: a lock without an owner guards nothing. A lock that any process holds is never touched.

    ## References
    The Linux manual, proc(5): /proc/locks.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The lock put aside; None where somebody holds it, or that cannot be told."""
        name = str(failure.evidence.get("lock") or "")
        job = situation.job
        lock = Path(job.cwd, name)
        if not name or not lock.is_file() or not _ours(lock, situation):
            return None
        holder = _holder(lock)
        if holder is not None:
            failure.evidence["advice"] = f"{holder} holds {name}: wait for it, or end it"
            return None
        aside = lock.with_name(lock.name + ".stale")

        def apply() -> Job:
            try:
                lock.rename(aside)
            except OSError as error:
                raise InputError(f"{lock} cannot be renamed: {error.strerror}") from error
            return job

        def undo() -> None:
            with suppress(OSError):
                if aside.exists() and not lock.exists():
                    aside.rename(lock)

        summary = f"put the lock {name} aside, which no process holds"
        patch = shlex.join(["mv", str(lock), str(aside)])
        return change.of_job(failure, summary, patch, job)._replace(apply=apply, undo=undo)


def _ours(lock: Path, situation: Situation) -> bool:
    place = lock.resolve()
    within = place.is_relative_to(Path(situation.root).resolve())
    return within or place.is_relative_to(Path.home() / ".cache")


def _holder(lock: Path) -> str | None:
    """Who holds the lock, in words; None when nobody does."""
    inode = lock.stat().st_ino
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            if f":{inode} " in line:
                return f"process {line.split()[4]}"
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.path.samestat(link.stat(), lock.stat()) and link.parts[2] != str(os.getpid()):
                return f"process {link.parts[2]}"
    content = lock.read_bytes()[:4096]
    told = _PID.search(content)
    if told and Path(f"/proc/{int(told[1])}").exists():
        return f"process {int(told[1])}"
    elsewhere = content and not told and socket.gethostname().encode() not in content
    if elsewhere and time.time() - lock.stat().st_mtime < _YOUNG_S:
        return "an unknown process, perhaps of another machine,"
    return None
