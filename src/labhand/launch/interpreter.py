"""The Python that a job's training runs in, through shell scripts too."""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from labhand.core.errors import InputError
from labhand.kit import interpreter as kit
from labhand.launch.job import Evidence, Job

_PYTHON = re.compile(r"^(?:python|pypy)[\d.]*t?$")
_SHELLS = frozenset("sh bash zsh dash ksh".split())
_SEPARATOR = re.compile(r"&&|\|\||[;&|\n]|\bexec\b|\bdo\b|\bthen\b")
_MOST = 65536
"""Bytes of a shell script that are looked at."""


class Target(msgspec.Struct):
    """The Python to install for: its file, its version, and what is installed, by normal name."""

    executable: str
    version: str
    installed: dict[str, str]


def target_of(job: Job, home: Path) -> Target:
    """The Python that the job's training runs in. May start it once, to ask.

    Raises:
        InputError: it cannot be told, or it would not see what is put on its path.
    """
    for command in _commands(job):
        if _ignores_path(command):
            raise InputError(
                "the command runs Python with -I or -E, which hides PYTHONPATH from it"
            )
        python = kit.interpreter(command, job.cwd, job.env)
        if python is not None:
            return _asked(python, home)
    raise InputError("the Python that the command runs in cannot be told")


def installed(module: str, evidence: Evidence) -> Path | None:
    """Where the Python of the command holds an installed module or package; None: not told, or nowhere."""
    python = (
        kit.interpreter(evidence.command, evidence.cwd, evidence.env) if evidence.command else None
    )
    if python is None:
        return None
    parts = module.split(".")
    for site in Path(python).parent.parent.glob("lib*/python3*/site-packages"):
        places = [site, *_further(site)]
        for path in (place.joinpath(*parts) for place in places):
            if path.is_dir() or path.with_name(f"{path.name}.py").is_file():
                return path
    return None


def _further(site: Path) -> Iterator[Path]:
    """The folders that `.pth` files of a site add to it."""
    for file in sorted(site.glob("*.pth")):
        for line in (_content(file) or "").splitlines():
            if line.strip() and not line.startswith(("import ", "#")):
                yield site / line.strip()


def _asked(python: str, home: Path) -> Target:
    try:
        known = kit.ask(python, home)
    except (OSError, ValueError) as error:
        raise InputError(f"the Python {python} cannot be asked: {error}") from error
    return Target(known.executable, known.version, kit.packages(known.places))


def _commands(job: Job) -> Iterator[list[str]]:
    """The command, or those that its shell script is made of."""
    shell = next((i for i, word in enumerate(job.command) if Path(word).name in _SHELLS), None)
    if shell is None:
        text = _script(Path(job.cwd, job.command[0])) if "/" in job.command[0] else None
    else:
        text = _shell_text(job.command[shell + 1 :], job.cwd)
    if text is None:
        yield job.command
        return
    for line in _SEPARATOR.split(text.replace("\\\n", " ")):
        with suppress(ValueError):  # a quote that the splitting cut through
            words = shlex.split(line, comments=True)
            if any(word.endswith("activate") for word in words):
                return  # from here on it is a Python that only the shell knows
            if words and "$" not in words[0]:
                yield words


def _shell_text(words: list[str], cwd: str) -> str | None:
    for place, word in enumerate(words):
        if re.fullmatch(r"-\w*c", word):
            return next(iter(words[place + 1 : place + 2]), None)
        if not word.startswith("-"):
            return _content(Path(cwd, word))
    return None


def _script(path: Path) -> str | None:
    """The text of a file that names a shell in its first line."""
    text = _content(path)
    first = text.partition("\n")[0].split() if text else []
    if not first or not first[0].startswith("#!"):
        return None
    return text if any(Path(word.removeprefix("#!")).name in _SHELLS for word in first) else None


def _content(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError:
        return None


def _ignores_path(command: list[str]) -> bool:
    """Whether Python is told to look at no PYTHONPATH."""
    for place, word in enumerate(command):
        if _PYTHON.match(Path(word).name):
            for flag in command[place + 1 :]:
                if not flag.startswith("-") or flag in ("-c", "-m"):
                    return False
                if not flag.startswith("--") and set(flag) & set("IE"):
                    return True
    return False
