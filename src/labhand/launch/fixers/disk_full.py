"""Keeps temporary files on the disk that has room."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Job, Mending, Situation

_ROOM_BYTES = 1 << 30


class Fixer:
    """Keeps temporary files on the disk that has room.

    ## What it does
    Where it is the folder for temporary files that is full, and the project's disk has room, the
    next attempt keeps them in labhand's home.

    ## Known problems
    Nothing of the person's is ever deleted to make room.

    ## Example
    `TMPDIR=.labhand/tmp`

    ## Fix safety
    Neutral: only where temporary files lie changes.

    ## References
    The Python documentation, `tempfile.gettempdir`.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The variable; None where the disk of the project itself is full: nothing is deleted."""
        path = str(failure.evidence.get("path") or "")
        temporary = situation.job.env.get("TMPDIR", tempfile.gettempdir())
        inside = bool(path) and Path(path).is_absolute() and Path(path).is_relative_to(temporary)
        home = Path(situation.home)
        if (
            not inside
            or Path(situation.root).is_relative_to(temporary)
            or _free(home) < _ROOM_BYTES
        ):
            return None
        target = home / "tmp"

        def apply() -> Job:
            target.mkdir(parents=True, exist_ok=True, mode=0o700)
            return mending.apply()

        values = {"TMPDIR": str(target)}
        summary = f"keeps temporary files in {target}"
        mending = change.variables(failure, situation, summary, values)
        return mending._replace(apply=apply, undo=lambda: _removed(target))


def _free(path: Path) -> int:
    there = next((p for p in (path, *path.parents) if p.exists()), Path("/"))
    return shutil.disk_usage(there).free


def _removed(target: Path) -> None:
    with suppress(OSError):  # not empty: somebody uses it
        target.rmdir()
