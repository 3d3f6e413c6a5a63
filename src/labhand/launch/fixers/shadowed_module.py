"""Lets Python find the module that a file of the project hides."""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from labhand.core import run
from labhand.core.errors import InputError
from labhand.launch import change
from labhand.launch.interpreter import target_of
from labhand.launch.job import Job, Mending, Situation


class Fixer:
    """Lets Python find the module that a file of the project hides.

    ## What it does
    Starts Python without the script's folder on its path (PYTHONSAFEPATH) and gives it a folder of
    links to everything in that folder but the file that hides the module, and those hidden before.

    ## Known problems
    Where the project itself needs its own module of that name, it is not found any more, and the
    run fails with another error.

    ## Example
    `PYTHONSAFEPATH=1` with `random.py` beside the script

    ## Fix safety
    Neutral: the same code runs; the module it meant is found. No file is renamed.

    ## References
    The Python documentation, PYTHONSAFEPATH.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The links and the variables; None for a Python older than 3.11, which has no such switch."""
        file = Path(str(failure.evidence["file"]))
        hidden = file.parent if file.name == "__init__.py" else file
        home = Path(situation.home) / "unhidden"
        entries = [e for e in situation.job.env.get("PYTHONPATH", "").split(os.pathsep) if e]
        links = [e for e in entries if Path(e).parent == home and Path(e, hidden.name).is_symlink()]
        seen = Path(links[0]) if links else hidden.parent  # without what was hidden before
        place = home / hashlib.sha256(str(seen / hidden.name).encode()).hexdigest()[:12]
        try:
            python = target_of(situation.job, Path(situation.home))
            names = sorted(p.name for p in seen.iterdir())
        except (InputError, OSError) as error:
            failure.evidence["advice"] = f"{error}; rename {hidden.name}"
            return None
        version = tuple(int(part) for part in python.version.split(".")[:2])
        if version < (3, 11) or (situation.job.env.get("PYTHONSAFEPATH") and not links):
            return None
        kept = [n for n in names if n != hidden.name and not n.startswith((".", "__pycache__"))]
        path = os.pathsep.join([*(e for e in entries if e not in links), str(place)])
        values = {"PYTHONSAFEPATH": "1", "PYTHONPATH": path}
        summary = f"hides {hidden.name} from Python, so that the real `{failure.evidence['module']}` is found"
        mending = change.variables(failure, situation, summary, values)

        def apply() -> Job:
            try:
                place.mkdir(parents=True, exist_ok=True, mode=0o700)
                for name in kept:
                    link = place / name
                    if not link.is_symlink():
                        link.symlink_to(hidden.parent / name)
            except OSError as error:
                raise InputError(f"{place} cannot be made: {error.strerror}") from error
            return mending.apply()

        def undo() -> None:
            shutil.rmtree(place, ignore_errors=True)
            with suppress(OSError):
                place.parent.rmdir()

        return mending._replace(apply=apply, undo=undo)
