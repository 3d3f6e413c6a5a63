"""A neutral fix promises to leave the science alone; this holds it to that."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from labhand.core.errors import LabhandError
from labhand.core.run import Attempt, Fix
from labhand.cycle.request import Face
from labhand.cycle.science import difference, science, seeded, settled
from labhand.kit import settings
from labhand.launch import Job, Mending, Process, stop

_LOOK_S = 1.0
_GRACE_S = 5.0


class Pledge:
    """The promise of one neutral fix, watched over the attempt that follows it.

    `broken` says what changed, once something did; `taken_back` that the person did not want it.
    """

    def __init__(
        self,
        run_dir: Path,
        root: Path,
        failed: Attempt,
        mending: Mending,
        job: Job,
        config: dict[str, Any],
    ) -> None:
        self.broken: str | None = None
        self.taken_back = False
        self._run_dir, self._root = run_dir, root
        self._failed, self._mending, self._job = failed, mending, job
        self._before = science(run_dir, failed.number, config)
        self._due = 0.0
        self._settled = False

    def watch(self, config: dict[str, Any], process: Process | None) -> None:
        """Looks about each second; stops the process at the first thing that is not as it was."""
        if self.broken is not None or self._settled:
            return
        if process is not None and time.monotonic() < self._due:
            return
        after = science(self._run_dir, self._failed.number + 1, config)
        seeds = seeded(self._texts())
        self.broken = difference(self._before, after, self._mending.fix, seeds=seeds)
        self._settled = settled(self._before, after)
        self._due = time.monotonic() + _LOOK_S
        if self.broken is not None and process is not None:
            stop(process, _GRACE_S)

    def settle(self, face: Face, allows: Callable[[Fix, str], bool], finished: bool) -> Job | None:
        """The job to go on with when the person agrees to the change; else the fix is taken back."""
        fix = self._mending.fix
        fix.safety = "scientific"
        question = f"the fix changed the science ({self.broken}): {fix.summary}; keep it?"
        if allows(fix, question):
            self.broken = None
            return None if finished else self._job
        self.taken_back = True
        self._mending.undo()
        assert self._failed.failure is not None
        self._failed.failure.evidence["proposed"] = msgspec.to_builtins(fix)
        self._failed.failure.evidence["advice"] = (
            f"the fix was taken back because {self.broken}; `--fix all` keeps it"
        )
        self._failed.fix = None
        face.tell(f"the fix was taken back: {self.broken}")
        return None

    def _texts(self) -> list[str]:
        """The script and what it imports of the project, as far as they can be read."""
        with suppress(LabhandError, OSError):
            script, _ = settings.script_of(self._job.command, Path(self._job.cwd), self._root)
            files = {script, *(setting.file for setting in settings.discover(script, self._root))}
            return [path.read_text(encoding="utf-8", errors="replace") for path in files]
        return []
