"""A run that stood still."""

import re
import signal
from pathlib import Path

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import Said, said

_LOCK = re.compile(
    r"[Ff]ile lock '(?P<filelock>[^']+)' could not be acquired|Unable to create '(?P<git>[^']+\.lock)': File exists"
    r"|File exists: '(?P<exists>[^']*(?:lock|\.pid)[^'/]*)'|(?i:lock ?file)[^\n]{0,20}?[`'\" :]+(?P<file>[^\s'\"`]+)[`'\"]?[^\n]*(?:exists|held|locked)"
    r"|(?im:^(?=[^\n]*\b(?:exists?|holds?|held|locked|taken|running|in use|remove|acquire|obtain|get|waiting)\b)"
    r"[^\n]*?(?P<named>[^\s'\"`(:]*[\w-]+\.(?:lock|pid|lck))\b)"
    r"|(?P<database>database is locked)"
)
_OF_PACKAGES = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pixi.lock"}
_LIMIT = re.compile(
    r"^Timeout \(\d+:\d\d:\d\d(?:\.\d+)?\)!|Failed: Timeout >?[\d.]+s|timed out waiting for (?:the )?(?:worker|data|batch|lock)"
    r"|DataLoader timed out after|Data loader timed out"
)
_FROM_OUTSIDE = (signal.SIGTERM, signal.SIGKILL, signal.SIGABRT, signal.SIGINT, signal.SIGXCPU)
_TIMEOUT = 124
"""The exit code of coreutils' `timeout`."""


class Failure:
    """The run stood still until something lost its patience.

    ## What it does
    Recognises a run that watch saw standing still when a signal from outside ended it, the time limits
    of faulthandler, pytest, `timeout` and of locks, and lock files that others hold or left behind.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `filelock._error.Timeout: The file lock 'cache/data.lock' could not be acquired.`

    ## References
    The Python documentation, `faulthandler.dump_traceback_later`.
    """

    order = 38

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the lock file it waited for in `evidence["lock"]`, where it was one."""
        lock = said(evidence, _LOCK, last=10)
        if lock is not None and Path(lock.match["named"] or "").name not in _OF_PACKAGES:
            if lock.match["database"]:
                return _database(lock)
            name = next((part for part in lock.match.groups() if part), "")
            message = f"it waited in vain for the lock {name}"
            advice = f"see whether another process holds it; one that was left behind may be removed: {name}"
            return run.Failure("hang", message, {**lock.facts, "lock": name, "advice": advice})
        still = evidence.stood_still
        if still is not None and evidence.raised is None and evidence.signal in _FROM_OUTSIDE:
            message = f"it stood still until {signal.Signals(evidence.signal).name} ended it: {still.message}"
            return run.Failure("hang", message, {**still.evidence, "advice": still.advice})
        limit = said(evidence, _LIMIT, printed=True)
        if limit is None and (evidence.exit_code != _TIMEOUT or evidence.raised is not None):
            return None
        facts = limit.facts if limit else {"text": "exit code 124"}
        message = "the run stood still, or took too long, until its time limit ended it"
        advice = "`labhand show --output` has the stacks of all threads where they were asked for"
        return run.Failure("hang", message, {**facts, "advice": advice})


def _database(lock: Said) -> run.Failure:
    """SQLite tells neither the file nor who holds it."""
    message = "a database was locked by another connection for longer than this one waits"
    advice = (
        "end the process that writes to it, give each run a database of its own, or let `connect` wait "
        "longer by `timeout=`"
    )
    return run.Failure("hang", message, {**lock.facts, "lock": "", "advice": advice})
