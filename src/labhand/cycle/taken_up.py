"""A run whose labhand came to its end before it, taken up again where the engine brings it back."""

from labhand.core.errors import LabhandError
from labhand.core.run import Attempt, Failure, Run
from labhand.core.store import Store
from labhand.cycle import settle
from labhand.kit.configuration import Allowed
from labhand.launch import Job, Situation, mend

KILLED = "killed"


def told_to_end() -> Failure:
    """Why an attempt ended whose labhand was told to end."""
    return Failure(
        kind=KILLED,
        message="labhand was told to end by SIGTERM and passed it on",
        evidence={
            "signal": "SIGTERM",
            "advice": "an engine that puts the job back, as Slurm does, goes on with it by itself; "
            "else `labhand rerun` takes it up again, with `--resume` from its newest checkpoint",
        },
    )


def is_over(run: Run) -> bool:
    """Whether the run came to an end of its own, so that nothing is left to be carried."""
    last = run.attempts[-1] if run.attempts else None
    if last is None or (last.exit_code is None and last.failure is None):
        return False
    return last.failure is None or last.failure.kind != KILLED


def reopen(store: Store, run: Run) -> None:
    """Makes a run that was cut off one that goes on: its last attempt ended as its files tell."""
    last = run.attempts[-1]
    if last.wall_s is None:
        settle.end_attempt(store, run, last)
    if last.failure is None:
        last.failure = Failure(
            kind=KILLED,
            message="the place that it ran at was taken away",
            evidence={"signal": "SIGKILL", "advice": "it goes on in the next attempt"},
        )
    run.status, run.ended, run.exit_code, run.wall_s = "running", None, None, None


def next_job(run: Run, first: Job, last: Attempt, root: str, home: str, allowed: Allowed) -> Job:
    """The job that goes on from the newest whole checkpoint; `first` where the script cannot.

    `first` is the job of the first attempt, in the folder of the last one. The fix is noted with it.
    """
    assert last.failure is not None
    situation = Situation(job=first, attempts=run.attempts, root=root, home=home, allowed=allowed)
    mending = None if allowed == "off" else mend(last.failure, situation)
    if mending is None or mending.question is not None:
        return first
    try:
        job = mending.apply()
    except LabhandError:
        return first
    last.fix = mending.fix
    return job
