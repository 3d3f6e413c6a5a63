"""A file or folder that was to be read and is not there."""

import difflib
import os
import re
from contextlib import suppress
from pathlib import Path

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.paths import is_missing, named_paths, writes
from labhand.launch.said import Said, said

_LINE = re.compile(
    r"^(?P<who>\S+?):? (?:can't open file '(?P<python>[^']+)': \[Errno 2\] No such file or directory"
    r"|(?:line \d+: |\d+: )?(?:cannot open )?(?P<shell>[^\s:]+): "
    r"(?:No such file(?: or directory)?|command not found|not found|Is a directory))$"
)
_CONFIG = re.compile(
    r"Cannot find primary config '(?P<config>[^']+)'|Could not (?:find|load) '(?P<group>[\w./@-]+)'$"
)
_SEARCHED = re.compile(r"path=file://(?P<folder>/[^\s,]+)")
_FOLDER = re.compile(r"Directory (?P<folder>[^\s'\"]+) (?:is )?(?:not found|neither)")
_ENTRIES = 5000


class Failure:
    """A file that was to be read is not there.

    ## What it does
    Recognises a read of a missing file, and a script that the interpreter or the shell cannot find;
    looks for a file of nearly that name beside it, and of the same name elsewhere in the folder the
    command ran in.

    ## Known problems
    Nothing is made or linked: a wrong file could be the wrong split of the data.

    ## Example
    `FileNotFoundError: [Errno 2] No such file or directory: 'data/train.csv'`

    ## References
    The Python documentation, `FileNotFoundError`.
    """

    order = 55  # after missing-folder, which needs better evidence

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the path and where such a file does lie."""
        for error in evidence.raised.chain() if evidence.raised else ():
            if "library style name" in error.message:  # of matplotlib: no file was meant
                return None
            wrong_sort = error.type in ("IsADirectoryError", "NotADirectoryError")
            if wrong_sort or (is_missing(error) and not writes(error)):
                told = _FOLDER.search(error.message)
                paths = [told["folder"]] if told else named_paths(error.message)
                if paths:
                    return _failure(paths[0], evidence.cwd, error.facts(), wrong_sort)
        if (found := said(evidence, _CONFIG)) is not None:
            return _configuration(found, evidence)
        if evidence.raised is not None:
            return None
        for line in reversed(evidence.lines[-10:]):
            known = _LINE.match(line.strip())
            if known and line.rstrip().endswith(("command not found", ": not found")):
                return _no_command(known["shell"], line.strip())
            if known and (path := known["python"] or known["shell"]):
                return _failure(
                    path, evidence.cwd, {"said": line.strip(), "text": line.strip()}, False
                )
        return None


def _configuration(found: Said, evidence: Evidence) -> run.Failure:
    """A configuration of Hydra that is not where it was looked for."""
    name = (found.match["config"] or found.match["group"]).removesuffix(".yaml")
    searched = _SEARCHED.search("\n".join([found.text, *evidence.lines]))
    folder = os.path.relpath(searched["folder"], evidence.cwd) if searched else ""
    return _failure(
        os.path.normpath(Path(folder, f"{name}.yaml")), evidence.cwd, found.facts, False
    )


def _no_command(name: str, line: str) -> run.Failure:
    """A command that the shell does not find."""
    message = f"the shell finds no command `{name}`"
    advice = "correct its name, install it, or put its folder on the PATH"
    return run.Failure(
        "wrong-path", message, {"said": line, "text": line, "path": name, "advice": advice}
    )


def _failure(path: str, cwd: str, facts: dict[str, object], wrong_sort: bool) -> run.Failure:
    near = _same_name(path, cwd) or _like_it(path, cwd)
    message = f"`{path}` is not there"
    if wrong_sort:
        message = f"`{path}` is a folder where a file was expected, or the other way round"
    elif near and Path(near[0]).name != Path(path).name:
        message += f"; did you mean {near[0]}?"
    elif near:
        message += f"; a file of that name lies at {near[0]}"
    advice = "correct the path, or start the command in the folder that the path counts from"
    facts |= {"path": path, "elsewhere": near, "advice": advice}
    return run.Failure("wrong-path", message, facts)


def _like_it(path: str, cwd: str) -> list[str]:
    """The file of the same folder whose name is nearly the same, as a path from `cwd`."""
    with suppress(OSError):
        names = [entry.name for entry in Path(cwd, path).parent.iterdir()]
        near = difflib.get_close_matches(Path(path).name, names, n=1, cutoff=0.8)
        return [os.path.normpath(Path(path).parent / name) for name in near]
    return []


def _same_name(path: str, cwd: str) -> list[str]:
    """Up to three files of that name below the folder, as paths from it."""
    wanted = Path(path).name
    found: list[str] = []
    entries = 0
    for folder, below, files in os.walk(cwd) if cwd else ():
        entries += len(below) + len(files)
        if entries > _ENTRIES or len(found) == 3:
            break
        below[:] = sorted(name for name in below if not name.startswith("."))
        if wanted in files or wanted in below:
            found.append(os.path.relpath(Path(folder, wanted), cwd))
    return [place for place in found if Path(cwd, place) != Path(cwd, path)]
