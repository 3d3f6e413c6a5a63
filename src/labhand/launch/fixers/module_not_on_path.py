"""Puts the project's own folder on Python's path."""

import os
from pathlib import Path

import msgspec

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import script


class Fixer:
    """Puts the project's own folder on Python's path.

    ## What it does
    Puts the folder that holds the module behind the script's own on PYTHONPATH; a file with
    relative imports is started as a module of its package.

    ## Known problems
    Two modules of one name in a project: the one that is nearer to its root is taken.

    ## Example
    `PYTHONPATH=/home/ada/project`

    ## Fix safety
    Neutral: the project's own module is found.

    ## References
    The Python Tutorial, "The Module Search Path".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The path, or the command that starts a module."""
        job = situation.job
        folder = failure.evidence.get("folder")
        if folder:
            before = job.env.get("PYTHONPATH", "")
            if str(folder) in before.split(os.pathsep):
                return None
            path = os.pathsep.join(entry for entry in (before, str(folder)) if entry)
            summary = f"put {folder} on Python's path"
            return change.variables(failure, situation, summary, {"PYTHONPATH": path})
        return _as_module(failure, situation)


def _as_module(failure: run.Failure, situation: Situation) -> Mending | None:
    job = situation.job
    main = script(situation)
    place = next((i for i, w in enumerate(job.command) if w.endswith(".py")), None)
    if main is None or place is None:
        return None
    top = main.parent
    root = Path(situation.root).resolve()
    while (top / "__init__.py").is_file() and top.is_relative_to(root):
        top = top.parent
    if top == main.parent:
        top = main.parent.parent  # a folder without __init__.py is a package as well
    if not top.is_relative_to(root):
        return None
    module = ".".join(main.relative_to(top).with_suffix("").parts)
    if not all(part.isidentifier() for part in module.split(".")):
        return None
    words = [*job.command[:place], "-m", module, *job.command[place + 1 :]]
    before = job.env.get("PYTHONPATH", "")
    entries = [before, str(top), str(main.parent)]  # modules beside the script stay found
    path = os.pathsep.join(entry for entry in entries if entry)
    mending = change.command(failure, situation, f"started it as the module {module}", words)
    job = msgspec.structs.replace(mending.apply(), env=job.env | {"PYTHONPATH": path})
    return change.of_job(failure, mending.fix.summary, mending.fix.patch, job)
