"""An exception in the person's own logic."""

import re

from labhand.core import run
from labhand.launch.causes import likely, own_import
from labhand.launch.job import Evidence
from labhand.launch.raised import Raised

_ENVIRONMENT = re.compile(
    r"Connection|Timeout|HTTP|SSL|Proxy|^OS|^IO|Import|ModuleNotFound|FileNotFound|Permission"
    r"|MemoryError|KeyboardInterrupt|SystemExit|BrokenPipe|ChildProcess|BlockingIO|URLError"
    r"|Unpickling|LocalEntryNotFound|RepoError|Dist(?:Backend|Network|Store)|CalledProcess"
)
"""Types that speak of the surroundings rather than of the logic."""
_SURROUNDINGS = re.compile(
    r"CUDA|NCCL|cuDNN|CUBLAS|HIP error|driver|[Cc]onnect|[Tt]imed? ?out|environment variable"
    r"|DataLoader worker \(pid|Too many open files|has no attribute 'float'"
)
_IN_GROUP = re.compile(
    r"^ +\| (?P<said>(?!\w*ExceptionGroup)\w[\w.]*(?:Error|Exception|Warning)\b.*)"
)


class Failure:
    """An exception in the person's own logic: explained, never mended.

    ## What it does
    Names the exception and the deepest line of the person's own code in its traceback, also when a
    library raised it in that line's name.

    ## Known problems
    What speaks of the surroundings (network, devices, files) is left unknown rather than called the
    person's.

    ## Example
    `IndexError: list index out of range`

    ## References
    The Python Tutorial, "Errors and Exceptions".
    """

    order = 90  # last: every other kind knows more

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with file, line and code."""
        error = evidence.raised
        if error is None or error.own is None or error.second_hand:
            return None
        if _ENVIRONMENT.search(error.type) and own_import(error) is None:
            return None
        if _SURROUNDINGS.search(error.message):
            return None
        frame = error.own
        if error.type == "KeyError" and "environ" in frame.code:
            return None
        facts = error.facts()
        place = f"{frame.file}, line {frame.line}"
        place += f", in {frame.function}" if frame.function not in ("", "<module>") else ""
        code = f": `{frame.code}`" if frame.code else ""
        message = f"{error.headline}{_inner(error, evidence.lines)} at {place}{code}"
        cause = likely(error)
        advice = "this is a matter of the code itself: correct that line or what leads to it"
        advice = f"{cause}; {advice}" if cause else advice
        return run.Failure("own-code", message, {**facts, "cause": cause, "advice": advice})


def _inner(error: Raised, lines: list[str]) -> str:
    """What the first exception of a group says; empty for any other."""
    if not error.type.endswith("ExceptionGroup"):
        return ""
    found = (_IN_GROUP.match(line) for line in lines)
    return next((f": {match['said'].strip()}" for match in found if match), "")
