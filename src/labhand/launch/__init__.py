"""The room launch: a command → a finished run, minor failures mended."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from labhand.core import run
from labhand.launch import places
from labhand.launch.job import (
    End,
    Evidence,
    Job,
    Mending,
    Output,
    Process,
    Situation,
)
from labhand.launch.probed import probed

if TYPE_CHECKING:
    from labhand.launch.resuming import Way

__all__ = [
    "End",
    "Evidence",
    "Job",
    "Mending",
    "Output",
    "Process",
    "Situation",
    "attach",
    "diagnose",
    "mend",
    "probed",
    "start",
    "stop",
    "take_up",
]


def start(job: Job, launcher: str = "local", home: Path | None = None) -> Process:
    """The job's process, started. `home` is where a project's own launchers are found.

    Raises:
        UsageError: there is no such command, it cannot be executed, or the folder is missing.
        NotFoundError: no launcher has that name.
    """
    process: Process = places.launcher(launcher, home).start(job)
    return process


def attach(attempt_dir: Path) -> Process:
    """The process of an attempt that another labhand started: it can be signalled and waited for.

    Raises:
        RecordError: the attempt was never started, or its record is damaged.
    """
    from labhand.launch.kept import Found

    return Found(attempt_dir)


def stop(
    process: Process, grace_s: float = 10.0, take: Callable[[Output], None] = lambda output: None
) -> End | None:
    """How the process ended: asked by SIGTERM, made to by SIGKILL when `grace_s` is over.

    Blocks meanwhile; what it still says goes to `take`. None: not even that has ended it.
    """
    process.signal(signal.SIGTERM)
    process.signal(signal.SIGCONT)
    for wait_s in (grace_s, 5.0):
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            if (end := process.end()) is not None:
                return end
            for output in process.read(0.1):
                take(output)
        process.kill()
    return process.end()


def diagnose(evidence: Evidence, home: Path | None = None) -> run.Failure | None:
    """Why the training ended badly; None when it ended well or the person interrupted it.

    `advice` in the failure's evidence says what to do next. `home` is where a project's own
    recognisers are found.
    """
    from labhand.launch.diagnosis import diagnose

    return diagnose(evidence, home)


def mend(failure: run.Failure, situation: Situation) -> Mending | None:
    """A way on after a failure; None where there is none, its `advice` in the evidence saying why.

    Changes nothing; may ask a package index, which takes seconds. A mending with a `question` needs
    the person's yes before it is applied.
    """
    from labhand.launch.mending import mend

    return mend(failure, situation)


def take_up(situation: Situation) -> "Way | str":
    """How the script goes on from its newest whole checkpoint; else why it cannot, in a sentence.

    Reads checkpoints to their end, which may take seconds; changes nothing.
    """
    from labhand.launch.resuming import way

    return way(situation)
