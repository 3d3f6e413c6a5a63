"""Raises the limit of open files."""

import resource

import msgspec

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation

_ENOUGH = 65536


class Fixer:
    """Raises the limit of open files.

    ## What it does
    Starts the next attempt with as many open files as the system lets this user have.

    ## Known problems
    A script that never closes its files reaches any limit.

    ## Example
    `ulimit -n 1048576`

    ## Fix safety
    Neutral: nothing is computed differently.

    ## References
    The Linux manual, getrlimit(2).
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The higher limit; None where the limit is as high as it may be."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        now = situation.job.open_files or soft
        most = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
        if now == resource.RLIM_INFINITY or most <= now:
            failure.evidence["advice"] = (
                f"the limit of {now} cannot be raised here: close files that are no longer read"
            )
            return None
        job = msgspec.structs.replace(situation.job, open_files=most)
        summary = f"raised the limit of open files from {now} to {most}"
        return change.of_job(failure, summary, f"ulimit -n {most}", job)
