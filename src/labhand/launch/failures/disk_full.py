"""A disk, or a quota, that is full."""

import re

from labhand.core import run
from labhand.launch.job import Evidence

_TEXT = re.compile(
    r"\[Errno 28\]|\[Errno 122\]|[Nn]o space left on device|[Dd]isk quota exceeded|errno = 28\b"
    r"|inline_container\.cc:\d+\] \. unexpected pos \d+ vs \d+|ENOSPC|database or disk is full"
    r"|os error 28\b|^\d+ requested and \d+ written$|PytorchStreamWriter failed writing file"
)
_SHARED = re.compile(r"/dev/shm|/torch_\d+|shared memory|SemLock|inotify")
_PATH = re.compile(r"'(?P<path>[^']*/[^']*|[^'\s]+\.\w+)'")


class Failure:
    """The disk, or the quota on it, is full.

    ## What it does
    Recognises the operating system's errors 28 and 122 and the text that PyTorch has in their place
    when a checkpoint could be written in part only.

    ## Known problems
    The same error about shared memory or file watches is no full disk and is left alone.

    ## Example
    `OSError: [Errno 28] No space left on device`

    ## References
    The Linux manual, errno(3): ENOSPC, EDQUOT.
    """

    order = 30  # a write that fails for space must not be taken for anything about its path

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the file that did not fit, where it is told."""
        for error in evidence.raised.chain() if evidence.raised else ():
            about = f"{error.message} {error.frames[-1].code if error.frames else ''}"
            if _TEXT.search(error.message) and not _SHARED.search(about):
                return _failure(error.message, error.facts())
        if evidence.raised is not None:
            return None
        for line in reversed(evidence.lines[-40:]):
            if _TEXT.search(line) and not _SHARED.search(line):
                return _failure(line, {"said": line.strip(), "text": line.strip()})
        return None


def _failure(text: str, facts: dict[str, object]) -> run.Failure:
    found = _PATH.search(text)
    quota = "uota" in text or "122" in text
    message = "the disk quota is used up" if quota else "the disk is full"
    if found:
        facts["path"] = found["path"]
        message += f": {found['path']} could not be written"
    advice = "free space or write to another disk; a checkpoint written last may be cut short"
    return run.Failure("disk-full", message, {**facts, "advice": advice})
