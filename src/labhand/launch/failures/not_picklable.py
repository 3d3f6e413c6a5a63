"""Something that cannot be handed to another process."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import called, said

_TEXT = re.compile(
    r"[Cc]an't pickle|[Cc]annot pickle|Can't get (?:local object|attribute)|PicklingError"
    r"|(?P<guard>bootstrapping phase|freeze_support\(\))|(?P<twice>context has already been set)"
)
_GUARD = re.compile(r"(?P<guard>bootstrapping phase)")
"""What a process that was started too early prints, whatever its parent then makes of its end."""
_PROCESSES = (
    "multiprocessing",
    "popen_spawn",
    "popen_forkserver",
    "concurrent/futures",
    "loky",
    "queues.py",
    "num_workers",
)


class Failure:
    """Something could not be handed to another process.

    ## What it does
    Recognises functions and objects that cannot be pickled for a worker, a missing main guard, and
    a start method that was set twice.

    ## Known problems
    What is pickled into a file rather than for a process is told and left alone.

    ## Example
    `AttributeError: Can't pickle local object 'main.<locals>.<lambda>'`

    ## References
    The Python documentation, multiprocessing, "The spawn and forkserver start methods".
    """

    order = 43

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with whether another process was to be started in `evidence["spawning"]`."""
        found = said(evidence, _TEXT) or said(evidence, _GUARD, printed=True)
        if found is None:
            return None
        told = found.match.groupdict()
        guard, twice = bool(told.get("guard")), bool(told.get("twice"))
        spawning = guard or twice or called(found.error, *_PROCESSES)
        message = f"something could not be handed to another process: {found.text.splitlines()[0].strip()}"
        advice = "define it at the top level of a module; a lambda or a local function cannot be handed over"
        if not spawning:
            message = f"something could not be pickled: {found.text.splitlines()[0].strip()}"
        if guard:
            message = "a script starts processes while it is still being read by them"
            advice = "put what the script does behind `if __name__ == '__main__':`"
        if twice:
            message = "the start method of processes was set twice"
            advice = "set it once, at the start of the main script"
        facts = {**found.facts, "spawning": spawning, "twice": twice}
        return run.Failure("not-picklable", message, {**facts, "advice": advice})
