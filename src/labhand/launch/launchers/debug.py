"""Runs the command on this machine, by the way that leads to a cluster."""

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from labhand.kit import presence
from labhand.launch import channel, far
from labhand.launch.channel import Ticket
from labhand.launch.command import program_of
from labhand.launch.distant import Distant
from labhand.launch.job import Job


class Launcher:
    """Runs the command on this machine, by the way that leads to a cluster.

    ## What it does
    The job goes through the same files as one that is handed to Slurm or Ray, and its far side is a
    thread of labhand's own process: what runs with `--on debug` and not on a cluster fails because of
    the cluster.

    ## Known problems
    The job ends when labhand does, for which `--detach` waits. Of many jobs one goes at a time.

    ## Example
    `labhand run --on debug -- python train.py`

    ## References
    The executor of the same name in submitit.
    """

    distant = True

    def start(self, job: Job) -> Distant:
        """The job, started.

        Raises:
            UsageError: there is no such command, or it cannot be executed.
            InputError: the channel cannot be written.
        """
        return self.many([job])[0]

    def many(self, jobs: Sequence[Job]) -> list[Distant]:
        """The jobs, of which one goes at a time. As `start`."""
        for job in jobs:
            program_of(job)
        places = [channel.make(job, whole=True) for job in jobs]
        engine = _Thread(places, {**os.environ, **jobs[0].env})
        for place in places:
            channel.note(place, Ticket("debug", engine.number))
        engine.start()
        return [Distant(place, engine) for place in places]

    def found(self, ticket: Ticket, place: Path) -> Distant:
        """A job that another labhand holds."""
        return Distant(place, _Another(ticket.id))

    def states(self, numbers: Sequence[str]) -> dict[str, str]:
        """How these jobs stand; those that have gone are left out."""
        return {number: "runs" for number in numbers if _Another(number).state()}


class _Thread(threading.Thread):
    """Carries jobs, one after another."""

    def __init__(self, places: list[Path], here: dict[str, str]) -> None:
        super().__init__()
        self.number = str(os.getpid())
        self._places = places
        self._here = here

    def run(self) -> None:
        for place in self._places:
            with suppress(OSError):  # it was taken back: its channel is gone
                far.carry(place, self._here)

    def state(self) -> str | None:
        """`runs`; None: all have ended."""
        return "runs" if self.is_alive() else None

    def cancel(self) -> None:
        """Nothing: a job whose channel is gone is passed over."""

    def why(self) -> str:
        """Nothing."""
        return ""


class _Another:
    """The thread of another process."""

    def __init__(self, number: str) -> None:
        self.number = number

    def state(self) -> str | None:
        """`runs`; None: the process has gone."""
        return "runs" if presence.alive(int(self.number), None) else None

    def cancel(self) -> None:
        """Nothing: a job whose channel is gone is passed over."""

    def why(self) -> str:
        """Nothing."""
        return ""
