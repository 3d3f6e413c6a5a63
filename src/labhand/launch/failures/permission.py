"""A file or folder that the person may not read, write or execute."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.paths import named_paths

_TEXT = re.compile(
    r"\[Errno 13\]|\[Errno 1\] Operation|\[Errno 30\]|[Pp]ermission denied|Read-only file system"
    r"|os error 13\b"
)
_LINE = re.compile(
    r"^\S+: (?:line \d+: |can't open file |cannot \w+ )?.*(?:Permission denied|Read-only file system)$"
)


class Failure:
    """A file or a folder may not be read, written or executed.

    ## What it does
    Recognises `PermissionError`, a read-only file system, and what a shell says of a file that is
    not executable.

    ## Known problems
    Rights are the person's: they are never changed.

    ## Example
    `PermissionError: [Errno 13] Permission denied: '/data/train.bin'`

    ## References
    The Linux manual, errno(3): EACCES, EPERM, EROFS.
    """

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the path."""
        for error in evidence.raised.chain() if evidence.raised else ():
            if error.type == "PermissionError" or _TEXT.search(error.message):
                return _failure(error.message, error.facts())
        if evidence.raised is not None:
            return None
        for line in reversed(evidence.lines[-10:]):
            if _LINE.match(line.strip()):
                return _failure(line, {"said": line.strip(), "text": line.strip()})
        return None


def _failure(text: str, facts: dict[str, object]) -> run.Failure:
    paths = named_paths(text)
    what = f"`{paths[0]}`" if paths else "a file"
    if paths:
        facts["path"] = paths[0]
    if "ead-only" in text:
        message, advice = f"{what} lies on a read-only file system", "write somewhere else"
    else:
        message = f"{what} may not be used: permission denied"
        advice = "give yourself the right with `chmod` or `chown`, or use a place of your own"
    return run.Failure("permission", message, {**facts, "advice": advice})
