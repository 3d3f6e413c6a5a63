"""Hands the command to Ray, as a Ray job."""

import contextlib
import os
import shlex
import shutil
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError, UsageError
from labhand.core.store import project_root
from labhand.kit import configuration
from labhand.launch import channel
from labhand.launch.channel import Ticket
from labhand.launch.command import program_of
from labhand.launch.distant import Distant
from labhand.launch.job import Job

PATIENCE_S = 60.0
"""So long a Ray that has just started may take until it can take jobs."""
_NO_AGENT = "No available agent"
_WAITS, _RUNS = "PENDING", "RUNNING"


class Launcher:
    """Hands the command to Ray, as a Ray job.

    ## What it does
    Submits a job to the cluster at `address` of `[tool.labhand.ray]`, else to the one that
    `RAY_API_SERVER_ADDRESS`, `RAY_ADDRESS` or this machine names. The other settings are handed on
    under the names of Ray's `submit_job` (`entrypoint-num-cpus`, `entrypoint-memory`, `runtime-env`,
    …); `--gpus`, `--cpus` and `--memory` are among them. Output, signals and typed keys go through files beside the
    record, which must lie on a disk that the cluster shares.

    ## Known problems
    Python and labhand must lie where the nodes see them, at the same path. Variables that hold a
    secret are not handed on, since Ray shows a job's environment to all: set them on the cluster. A
    job whose node is lost is not put back by Ray.

    ## Example
    `labhand run --on ray -- python train.py`

    ## References
    The Ray Jobs API (https://docs.ray.io/en/latest/cluster/running-applications/job-submission/).
    """

    distant = True

    def start(self, job: Job) -> Distant:
        """The job, submitted. Blocks until Ray has taken it.

        Raises:
            UsageError: there is no such command, Ray is missing, or it refuses.
            InputError: Ray does not answer, or the channel cannot be written.
        """
        program_of(job)
        chosen = _settings(Path(job.cwd))
        client = _client(chosen.pop("address", None))
        place = channel.make(job, whole=False)
        number = f"{job.name}-{uuid.uuid4().hex[:8]}"
        command = [sys.executable, "-m", "labhand.launch.far", str(place)]
        asked = {"num_gpus": job.gpus, "num_cpus": job.cpus, "memory": job.memory}
        chosen |= {f"entrypoint_{k}": v for k, v in asked.items() if v is not None}
        try:
            _submit(client, entrypoint=shlex.join(command), submission_id=number, **chosen)
        except BaseException as error:
            shutil.rmtree(place, ignore_errors=True)
            _take_back(client, number)
            if isinstance(error, (RuntimeError, TypeError, ValueError)):
                word = " ".join(str(error).split())
                raise UsageError(
                    f"Ray refuses the job: {word}; change what was asked for, here or in "
                    "[tool.labhand.ray]"
                ) from error
            raise
        channel.note(place, Ticket("ray", number))
        return Distant(place, _Ray(number, client))

    def found(self, ticket: Ticket, place: Path) -> Distant:
        """A job that was submitted before."""
        return Distant(place, _Ray(ticket.id, None))

    def states(self, numbers: Sequence[str]) -> dict[str, str]:
        """How these jobs stand; those that have gone are left out."""
        jobs = {number: _Ray(number, None).state() for number in numbers}
        return {number: state for number, state in jobs.items() if state is not None}

    def trouble(self) -> str:
        """Why nothing can be handed in from here, and what to do; empty: it can. Asks Ray."""
        try:
            _client(_settings(Path.cwd()).get("address"))
        except (InputError, UsageError) as error:
            return str(error)
        return ""


def _settings(cwd: Path) -> dict[str, Any]:
    chosen: Mapping[str, Any] = configuration.read(project_root(cwd)).ray
    return {key.replace("-", "_"): value for key, value in chosen.items()}


def _client(address: str | None) -> Any:
    """What speaks to Ray's job server.

    Raises:
        UsageError: the extra is missing.
        InputError: nobody answers at the address.
    """
    try:
        # Its warnings about versions are for those who work with Ray itself.
        with contextlib.redirect_stderr(StringIO()):
            from ray.job_submission import JobSubmissionClient
    except ImportError as error:
        raise UsageError(
            "Ray needs its package, which is missing: pip install 'labhand[ray]'"
        ) from error
    try:
        return JobSubmissionClient(address)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = address or os.environ.get("RAY_API_SERVER_ADDRESS") or "this machine's address"
        word = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
        raise InputError(
            f"Ray does not answer at {where}: {word}; start it (`ray start --head`), or set `address` "
            "in [tool.labhand.ray]"
        ) from error


def _submit(client: Any, **asked: Any) -> None:
    """Submits a job; where Ray has no agent for it yet, it is tried again for a while."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.submit_job(**asked)
            return
        except RuntimeError as error:
            if _NO_AGENT not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(1.0)


def _take_back(client: Any, number: str) -> None:
    with contextlib.suppress(Exception):  # it was never taken, or nobody answers
        client.stop_job(number)


class _Ray:
    """One job, as Ray's job server tells of it."""

    def __init__(self, number: str, client: Any) -> None:
        self.number = number
        if client is not None:
            self.client = client

    @cached_property
    def client(self) -> Any:
        """What speaks to the job server, for a job that was submitted before."""
        return _client(_settings(Path.cwd()).get("address"))

    def state(self) -> str | None:
        """`pending (…)` or `running`; None: it has ended, or Ray knows it no more."""
        try:
            about = self.client.get_job_info(self.number)
        except RuntimeError as error:
            return None if "404" in str(error) else "Ray does not answer"
        except (ConnectionError, OSError, InputError):
            return "Ray does not answer"
        if about.status == _WAITS:
            return f"pending ({about.message})" if about.message else "pending"
        return "running" if about.status == _RUNS else None

    def cancel(self) -> None:
        """Stops the job."""
        _take_back(self.client, self.number)

    def why(self) -> str:
        """Ray's word on how it ended."""
        with contextlib.suppress(Exception):  # nobody answers: there is no word
            about = self.client.get_job_info(self.number)
            return f"Ray says {about.status}: {' '.join(str(about.message).split())}"
        return ""
