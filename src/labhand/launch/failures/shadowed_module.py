"""A file of the project that hides a module of Python or of a package."""

import os
import re
import sys
from pathlib import Path
from typing import Any

from labhand.core import run
from labhand.launch.interpreter import installed
from labhand.launch.job import Evidence
from labhand.launch.raised import Frame
from labhand.launch.said import Said, said

_TEXT = re.compile(
    r"cannot import name '\w+' from (?:partially initialized module )?'(?P<module>[\w.]+)'(?: \(consider renaming '(?P<hint>[^']+)')?"
    r"|(?:partially initialized )?module '(?P<of>[\w.]+)' has no attribute '\w+'(?: \(consider renaming '(?P<other>[^']+)')?"
    r"|No module named '[\w.]+'; '(?P<package>[\w.]+)' is not a package"
)
_PLACE = re.compile(r"\((?P<file>/[^()]+\.py)\)|renaming '(?P<hint>/[^']+)'")


class Failure:
    """A file of the project has the name of a module of Python or of a package, and hides it.

    ## What it does
    Recognises imports and attributes that fail because `random.py`, `queue.py`, `torch.py`, … lie
    beside the script and are found first.

    ## Known problems
    A module of the project that imports itself in a circle and has no namesake is the code's matter.

    ## Example
    `ImportError: cannot import name 'Random' from 'random' (/home/ada/project/random.py)`

    ## References
    The Python documentation, "The initialization of the sys.path module search path".
    """

    order = 20

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the hidden module and the file that hides it."""
        for error in evidence.raised.chain() if evidence.raised else ():
            if taken := _taken(error.frames):
                return _failure(Path(taken.file).stem, taken.file, error.facts())
        found = said(evidence, _TEXT)
        if found is None or found.error is None:
            return None
        parts = found.match.groupdict()
        module = parts["module"] or parts["of"] or parts["package"]
        top = module.partition(".")[0]
        file = _file(found, top, evidence)
        if file is None or not _has_namesake(top, evidence):
            return None
        return _failure(top, file, found.facts)


def _failure(top: str, file: str, facts: dict[str, Any]) -> run.Failure:
    file = os.path.realpath(file)  # it may have been found by a link of the fixer's
    message = f"{file} hides the module `{top}` of {_whose(top)}"
    advice = f"rename {Path(file).name} (and its imports)"
    return run.Failure(
        "shadowed-module", message, {**facts, "module": top, "file": file, "advice": advice}
    )


def _taken(frames: list[Frame]) -> Frame | None:
    """The file of the project that a library, or the file itself, imported as a module of Python."""
    body = [frame for frame in frames if frame.function == "<module>"]
    for number, frame in enumerate(frames):
        if frame.foreign or frame.function != "<module>" or not number:
            continue
        by_library = frames[number - 1].foreign and Path(frame.file).stem in sys.stdlib_module_names
        if by_library or sum(other.file == frame.file for other in body) > 1:
            return frame
    return None


def _whose(top: str) -> str:
    return "Python itself" if top in sys.stdlib_module_names else "an installed package"


def _file(found: Said, top: str, evidence: Evidence) -> str | None:
    """The file of the project that was found in place of the module."""
    told = _PLACE.search(found.text)
    if told:
        path = told["file"] or told["hint"]
        return None if Frame(path, 0, "", "").foreign else path
    frames = found.error.frames if found.error is not None else []
    folders = [Path(frame.file).parent for frame in frames if not frame.foreign]
    for folder in (*folders, Path(evidence.cwd)):
        for path in (folder / f"{top}.py", folder / top / "__init__.py"):
            if path.is_file():
                return str(path)
    return None


def _has_namesake(top: str, evidence: Evidence) -> bool:
    if top in sys.stdlib_module_names:
        return True
    return installed(top, evidence) is not None
