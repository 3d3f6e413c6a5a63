"""Hands the command to Slurm, by submitit."""

import os
import re
import shlex
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from io import StringIO
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError, LabhandError, UsageError
from labhand.core.store import project_root
from labhand.kit import configuration
from labhand.kit.process import Captured, capture
from labhand.launch import channel, far
from labhand.launch.channel import Ticket
from labhand.launch.command import program_of
from labhand.launch.distant import Distant
from labhand.launch.job import Job

PATIENCE_S = 30.0
"""So long Slurm may take to answer; its own clients give up sooner."""
SAVING_S = 90
"""How long before its time limit a job is told to save, where `signal-delay-s` does not say."""
MOST_RESTARTS = 64
"""A job that was put back so often ends: something else is wrong with it."""
_OURS = frozenset("additional_parameters srun_args teardown use_srun".split())
"""Parameters of submitit that are labhand's own to set, or of no use here."""


class Launcher:
    """Hands the command to Slurm, by submitit.

    ## What it does
    Submits a batch job; many jobs at once become one array. What `[tool.labhand.slurm]` holds is
    handed on under submitit's names (`partition`, `time`, `account`, `nodes`, `cpus-per-task`,
    `mem-gb`, …); whatever submitit does not know goes to sbatch as an option. `--gpus`,
    `--cpus` and `--memory` are `gpus-per-node`, `cpus-per-task` and `mem`. Output, signals and typed keys go through files beside the record, which must
    lie on a disk that the cluster shares.

    A job is told to make room by SIGUSR2 or SIGUSR1, 90 seconds before its time limit (or at a
    preemption, where the cluster sends the job's own signal): the training is asked to end by
    SIGTERM, has time to save, and the job goes back into the queue. So it does where Slurm ends a
    preempted job and requeues it without that signal; then Slurm's `KillWait` is the time to save.

    ## Known problems
    Python and labhand must lie where the nodes see them, at the same path. When Slurm itself ends a
    job, its SIGTERM reaches every process, and the training a second time through labhand.

    ## Example
    `labhand run --on slurm -- python train.py`

    ## References
    submitit (https://github.com/facebookincubator/submitit); the manuals of sbatch(1), squeue(1),
    scancel(1) and scontrol(1).
    """

    distant = True

    def start(self, job: Job) -> Distant:
        """The job, submitted. Blocks until Slurm has taken it.

        Raises:
            UsageError: there is no such command, submitit or Slurm is missing, or Slurm refuses.
            InputError: Slurm does not answer, or the channel cannot be written.
        """
        return self.many([job])[0]

    def many(self, jobs: Sequence[Job]) -> list[Distant]:
        """The jobs, submitted as one array. All share the environment of the first. As `start`."""
        first = jobs[0]
        for job in jobs:
            program_of(job)
        trouble = self.trouble()
        if trouble:
            raise UsageError(trouble)
        places = [channel.make(job, whole=True) for job in jobs]
        try:
            ids = _submitted(first, places)
        except BaseException:
            for place in places:
                shutil.rmtree(place, ignore_errors=True)
            raise
        for place, number in zip(places, ids, strict=True):
            channel.note(place, Ticket("slurm", number))
        return [
            Distant(place, _Slurm(number, place)) for place, number in zip(places, ids, strict=True)
        ]

    def found(self, ticket: Ticket, place: Path) -> Distant:
        """A job that was submitted before."""
        return Distant(place, _Slurm(ticket.id, place))

    def states(self, numbers: Sequence[str]) -> dict[str, str]:
        """How these jobs stand, asked at once; those that have gone are left out."""
        arrays = ",".join(sorted({number.partition("_")[0] for number in numbers}))
        done = _ask("squeue", "-h", "-r", "-j", arrays, "-o", "%i|%T|%r")
        if done.exit_code:
            away = "Invalid job id" not in done.stderr
            return dict.fromkeys(numbers, "Slurm does not answer") if away else {}
        told = dict(line.split("|", 1) for line in done.stdout.splitlines() if "|" in line)
        return {number: _state(told[number]) for number in numbers if number in told}

    def trouble(self) -> str:
        """Why nothing can be handed in from here, and what to do; empty: it can. Asks Slurm."""
        from importlib.util import find_spec

        if shutil.which("sbatch") is None:
            return "Slurm is not on this machine: no `sbatch` is on PATH; log in where it is"
        if find_spec("submitit") is None:
            return "Slurm needs submitit, which is missing: pip install 'labhand[slurm]'"
        done = _ask("scontrol", "ping")
        if done.exit_code or " UP" not in done.stdout:
            said = _one_line(done.stderr or done.stdout)
            return f"Slurm does not answer: {said}; ask whoever runs it, or run with --on local"
        return ""


class Carried:
    """What submitit runs on the node: the far side of a channel."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __call__(self) -> int:
        """The exit code of the job."""
        return far.carry(Path(self.place), os.environ, means=_meaning, again=_put_back)


def _meaning(number: int) -> far.Meaning:
    import signal

    if number in (signal.SIGUSR1, signal.SIGUSR2):
        return "room"
    if number == signal.SIGTERM and _starts_again():
        return "taken"
    config = _ask("scontrol", "show", "config").stdout
    # Tracked by process group alone, only this process has been signalled.
    return "pass" if "proctrack/pgid" in config else "known"


def _starts_again() -> bool:
    """Whether Slurm has put this job back by itself, as it does where another partition comes first."""
    told = _ask("scontrol", "-o", "show", "job", os.environ["SLURM_JOB_ID"]).stdout
    found = re.search(r"\bRestarts=(\d+)", told)
    return found is not None and int(found[1]) > int(os.environ.get("SLURM_RESTART_COUNT") or 0)


def _put_back() -> None:
    """Puts this job back into the queue, which ends this process. Raises OSError: Slurm refuses."""
    if int(os.environ.get("SLURM_RESTART_COUNT") or 0) >= MOST_RESTARTS:
        raise OSError("it was put back too often")
    done = _ask("scontrol", "requeue", os.environ["SLURM_JOB_ID"])
    if done.exit_code > 0:  # killed it has done its work: it is of the job that Slurm ends for it
        raise OSError(done.stderr)


class _Slurm:
    """One job, or one of an array, as Slurm tells of it."""

    def __init__(self, number: str, place: Path) -> None:
        self.number = number
        self._place = place

    def state(self) -> str | None:
        """`pending (Resources)`, `running`, …; None: Slurm has it no more."""
        done = _ask("squeue", "-h", "-j", self.number, "-o", "%T|%r")
        if done.exit_code:
            return None if "Invalid job id" in done.stderr else "Slurm does not answer"
        return _state(done.stdout.strip()) if done.stdout.strip() else None

    def cancel(self) -> None:
        """Takes the job back by scancel."""
        _ask("scancel", self.number)

    def why(self) -> str:
        """Slurm's word on how it ended, and the last line that the node wrote before it began."""
        said = dict(
            word.partition("=")[::2]
            for word in _ask("scontrol", "-o", "show", "job", self.number).stdout.split()
        )
        told = (
            [f"Slurm says {said['JobState']} ({said.get('Reason')})"] if "JobState" in said else []
        )
        for path in self._place.parent.glob(f"*.channel/slurm/{self.number}_0_log.err"):
            with suppress(OSError):
                told += path.read_text("utf-8", "replace").strip().splitlines()[-1:]
        return "; ".join(told)


def _state(told: str) -> str:
    """What squeue told as `STATE|reason`, in words."""
    said, _, why = told.partition("|")
    state = said.lower().replace("_", " ")
    return f"{state} ({why})" if why not in ("", "None") else state


def _ask(*command: str) -> Captured:
    return capture(list(command), cwd="/", env=dict(os.environ), timeout_s=PATIENCE_S)


def _one_line(text: str) -> str:
    """What one of Slurm's commands said, as part of a sentence."""
    lines = (line.strip() for line in text.strip().splitlines())
    words = (line.partition("error: ")[2] or line for line in lines if line and line[0] != "*")
    return "; ".join(dict.fromkeys(words)) or "without a word"


def _submitted(first: Job, places: list[Path]) -> list[str]:
    """The numbers that Slurm gave the jobs of the channels."""
    import submitit

    chosen = configuration.read(project_root(Path(first.cwd))).slurm
    # A name of its own, by which a job is found that Slurm took and could not tell us of.
    name = f"{first.name}-{uuid.uuid4().hex[:8]}"
    said = StringIO()
    try:
        with _as_in(first.env), redirect_stderr(said):
            # The shell becomes the far side, so that Slurm's signals to the batch script reach it.
            python = f"exec {shlex.quote(sys.executable)}"
            executor = submitit.SlurmExecutor(places[0] / "slurm", python=python)
            given = _parameters(submitit.SlurmExecutor, chosen, first, len(places))
            executor.update_parameters(**given | {"job_name": name})
            _try(executor, places[0])
            jobs = executor.submit_array([Carried(str(place)) for place in places])
    except (TypeError, ValueError) as error:
        raise UsageError(f"[tool.labhand.slurm] is wrong: {_one_line(str(error))}") from error
    except submitit.core.utils.FailedJobError as error:
        raise _refusal(str(error), name) from error
    return [str(job.job_id) for job in jobs]


def _try(executor: Any, place: Path) -> None:
    """Asks whether the job could run at all: Slurm takes one that never can, and lets it wait.

    Raises:
        UsageError: it never could.
    """
    trial = place / "trial.sh"
    trial.write_text(executor._make_submission_file_text("true", ""), encoding="utf-8")
    done = _ask("sbatch", "--test-only", str(trial))
    if "allocation failure" in done.stderr + done.stdout:
        raise _refusal(done.stderr or done.stdout, "")


def _refusal(said: str, name: str) -> LabhandError:
    """What Slurm's refusal is told as. A job that it took all the same is taken back."""
    if name:
        _ask("scancel", "--name", name)
    word = _one_line(said).removeprefix("allocation failure: ")
    if "contact slurm controller" in said or "timed out" in said:
        return InputError(f"Slurm does not answer: {word}; nothing was started, try again later")
    return UsageError(
        f"Slurm refuses the job: {word}; change what was asked for, here or in [tool.labhand.slurm]"
    )


def _parameters(executor: Any, chosen: Mapping[str, Any], job: Job, count: int) -> dict[str, Any]:
    """What submitit is told: the project's settings, those it does not know as options of sbatch.

    Raises:
        UsageError: a setting is labhand's own.
    """
    names, known = executor._equivalence_dict(), executor._valid_parameters()
    given: dict[str, Any] = {"time": None, "array_parallelism": count}
    more: dict[str, Any] = {"requeue": True}
    for key, value in chosen.items():
        plain = key.replace("-", "_")
        word = names.get(plain, plain)
        if word in _OURS:
            raise UsageError(
                f"[tool.labhand.slurm] takes no `{key}`: labhand starts one process a job"
            )
        if word not in known:
            more[key] = value
        elif plain == "mem_gb":
            given[word] = f"{int(value * 1024)}M"
        else:
            given[word] = value
    if job.gpus is not None:
        given["gpus_per_node"] = job.gpus
    if job.cpus is not None:
        given["cpus_per_task"] = job.cpus
    if job.memory is not None:
        given["mem"] = f"{max(1, job.memory >> 20)}M"
    more.setdefault("signal", f"B:USR2@{given.get('signal_delay_s', SAVING_S)}")
    # A signal that comes before the far side listens must not end the job.
    given["setup"] = [*given.get("setup", []), "trap '' USR1 USR2"]
    return given | {"use_srun": False, "additional_parameters": more}


@contextmanager
def _as_in(env: Mapping[str, str]) -> Iterator[None]:
    """Within it this process has that environment, which sbatch hands on to the job."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(env)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
