"""Starts the command in the folder that its paths count from."""

import shlex
from pathlib import Path

import msgspec

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import script


class Fixer:
    """Starts the command in the folder that its paths count from.

    ## What it does
    Where a file is missing that lies, by the same relative path, under exactly one of the script's
    folder, the project's root and the folders between, the next attempt starts there.

    ## Known problems
    A file of nearly that name is named and never taken: it could be the wrong split of the data.

    ## Example
    `cd /home/ada/project && python scripts/train.py`

    ## Fix safety
    Neutral: the file of that very name and place in the project is read; which one is told. Outputs
    with relative paths go there too.

    ## References
    The Python documentation, `os.getcwd`.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The other folder; None where none, or more than one, holds such a file."""
        job, path = situation.job, str(failure.evidence.get("path", ""))
        main = script(situation)
        if not path or Path(path).is_absolute() or main is None or len(Path(path).parts) < 1:
            return None
        cwd, root = Path(job.cwd).resolve(), Path(situation.root).resolve()
        if (cwd / path).exists():
            return None
        candidates = [main.parent, root, *(p for p in main.parents if p.is_relative_to(root))]
        candidates += [p for p in cwd.parents if p.is_relative_to(root)]
        places = [p for p in dict.fromkeys(candidates) if p != cwd and (p / path).exists()]
        if len(places) != 1:
            if places:
                shown = " and ".join(str(place) for place in places)
                failure.evidence["advice"] = f"start the command in the right one of {shown}"
            return None
        words = [_moved(word, cwd, places[0]) for word in job.command]
        if any(word is None for word in words):
            return None
        summary = f"started it in {places[0]}, where {path} lies"
        moved = msgspec.structs.replace(job, cwd=str(places[0]), command=[str(w) for w in words])
        return change.of_job(
            failure,
            summary,
            f"cd {shlex.quote(str(places[0]))} && {shlex.join(moved.command)}",
            moved,
        )


def _moved(word: str, cwd: Path, place: Path) -> str | None:
    """The word as it names the same file from another folder; None where that cannot be said."""
    if word.startswith("-") or Path(word).is_absolute() or not (cwd / word).exists():
        return word
    if (place / word).exists() and not (place / word).samefile(cwd / word):
        return str(cwd / word)
    return str(cwd / word) if not (place / word).exists() else word
