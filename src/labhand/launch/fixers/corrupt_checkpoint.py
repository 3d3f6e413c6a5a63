"""Takes the checkpoint before the torn one."""

import re
from contextlib import suppress
from pathlib import Path

from labhand.core import run
from labhand.core.errors import InputError
from labhand.launch import change
from labhand.launch.checkpoints import SUFFIXES, intact
from labhand.launch.job import Job, Mending, Situation

_CACHE = re.compile(r"/\.cache/|/torch/hub/|/huggingface/hub/|/\.keras/|/torch/checkpoints/")


class Fixer:
    """Takes the checkpoint before the torn one.

    ## What it does
    Where the command names the torn file, names the newest whole checkpoint beside it; a torn
    download in the cache of a library is put aside, so that it is fetched again.

    ## Known problems
    Steps since the older checkpoint are trained again. A torn file that the code itself names is
    told.

    ## Example
    `--resume step-300.pt` in place of `--resume step-400.pt`

    ## Fix safety
    Neutral: an earlier state of the same run, and which one is told; a download is the same file
    again.

    ## References
    PyTorch, "Saving and Loading Models".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The command with the other file, or the download put aside; None where there is neither."""
        path = str(failure.evidence.get("path") or "")
        job = situation.job
        path = path or next(filter(None, (_torn(word, job.cwd) for word in job.command)), "")
        torn = Path(job.cwd, path).resolve() if path else None
        if torn is None or not torn.exists() or intact(torn):
            return None
        if _CACHE.search(str(torn)):
            return _aside(failure, situation, torn)
        beside = [
            p
            for p in torn.parent.iterdir()
            if p.suffix == torn.suffix and p != torn and p.is_file()
        ]
        older = sorted((p for p in beside if intact(p)), key=lambda p: p.stat().st_mtime)
        if not older:
            failure.evidence["advice"] = f"{torn} is torn, and no whole checkpoint lies beside it"
            return None
        words = [_named(word, path, torn, older[-1], job.cwd) for word in job.command]
        if words == job.command:
            failure.evidence["advice"] = f"{torn} is torn; {older[-1].name} beside it is whole"
            return None
        summary = f"goes on from {older[-1].name}: {torn.name} is torn"
        return change.command(failure, situation, summary, words)


def _torn(word: str, cwd: str) -> str:
    """The torn checkpoint that a word of the command names; empty where it names none."""
    for given in (word, word.rpartition("=")[2]):
        path = Path(cwd, given)
        if path.suffix in SUFFIXES and path.is_file() and not intact(path):
            return given
    return ""


def _named(word: str, path: str, torn: Path, other: Path, cwd: str) -> str:
    """The word with the other file in place of the torn one, written as it was."""
    _, equals, value = word.rpartition("=")
    for given in (word, value if equals else ""):
        if given and not given.startswith("-") and Path(cwd, given).resolve() == torn:
            return word.removesuffix(given) + str(Path(given).with_name(other.name))
    return word


def _aside(failure: run.Failure, situation: Situation, torn: Path) -> Mending:
    aside = torn.with_name(torn.name + ".torn")
    summary = f"put the torn download {torn.name} aside, so that it is fetched again"

    def apply() -> Job:
        try:
            torn.rename(aside)
        except OSError as error:
            raise InputError(f"{torn} cannot be renamed: {error.strerror}") from error
        return situation.job

    def undo() -> None:
        with suppress(OSError):
            if aside.exists() and not torn.exists():
                aside.rename(torn)

    patch = f"mv {torn} {aside}"
    return change.of_job(failure, summary, patch, situation.job)._replace(apply=apply, undo=undo)
