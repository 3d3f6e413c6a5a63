"""Which Python a command runs in, and what is installed there, without importing any of it."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import msgspec

from labhand.core.home import make_folder
from labhand.core.store import write_whole
from labhand.kit.patterns import pattern

START_TIMEOUT_S = 10.0

_PYTHON = pattern(r"(?:python|pypy)[0-9.]*t?(?:\.exe)?")
_ASSIGNMENT = pattern(r"[A-Za-z_]\w*=")
_SHEBANG = pattern(rb"#!\s*(\S+)(?:[ \t]+(.*))?")
# the form that installers write where the path is too long for a first line
_LONG_SHEBANG = pattern(rb"""'''exec'[ \t]+(?:"([^"]+)"|(\S+))[ \t]""")

# Commands that run another; the number of words that each of their options takes.
_WRAPPERS: dict[str, dict[str, int]] = {
    "env": {"-u": 1, "-C": 1, "--chdir": 1, "--unset": 1},
    "nice": {"-n": 1},
    "ionice": {"-c": 1, "-n": 1},
    "nohup": {},
    "time": {},
    "stdbuf": {"-i": 1, "-o": 1, "-e": 1},
    "setsid": {},
    "caffeinate": {},
    "numactl": {},
    "xvfb-run": {},
}
_CONDA = ("conda", "mamba", "micromamba")
_PROJECT_RUNNERS = ("uv", "poetry", "pdm", "hatch", "rye", "pipenv", "pixi")

# Runs in an interpreter that loads no site-packages: finds where they are by itself.
_ASK = """
import json, os, site, sys
home = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
prefixes, system = [sys.prefix, sys.exec_prefix], True
try:
    with open(os.path.join(home, "pyvenv.cfg")) as file:
        system = "include-system-site-packages = true" in file.read().lower()
    prefixes = [home] + (prefixes if system else [])
except OSError:
    pass
places = site.getsitepackages(prefixes)
if system:
    places.insert(0, site.getusersitepackages())
print(json.dumps([sys.executable, sys.version.split()[0], sys.implementation.name, places]))
"""


class Interpreter(msgspec.Struct):
    """A Python: its version, such as `3.11.7`, and the folders its packages are installed in."""

    executable: str
    version: str
    implementation: str
    places: list[str]


def interpreter(command: list[str], cwd: Path | str, environment: Mapping[str, str]) -> str | None:
    """The path of the Python that a command runs in; None where it cannot be told.

    Knows `python`, console scripts such as `torchrun`, scripts with a first line that names one,
    `uv run` and its like, `conda run`, and wrappers such as `env` and `nice`. Reads files only.
    """
    here = Path(cwd)
    words = _unwrapped(command)
    if not words:
        return None
    name = Path(words[0]).name
    if name in _CONDA and "run" in words[1:3]:
        return _in_conda(words, here, environment)
    if name in _PROJECT_RUNNERS and "run" in words[1:]:
        return _in_project(name, words, here, environment)
    program = _found(words[0], here, environment)
    if program is None:
        return None
    if _PYTHON.fullmatch(name):
        return program
    return _shebang(program, here, environment)


def ask(python: str, home: Path | None) -> Interpreter:
    """What an interpreter says of itself. Starts it, unless the home remembers its answer.

    Raises:
        OSError: it cannot be started.
        ValueError: it does not answer as a Python does, or not in time.
    """
    key = _key(python)
    known = _remembered(home)
    if key in known:
        return known[key]
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", _ASK],
            capture_output=True,
            timeout=START_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        answer = Interpreter(*msgspec.json.decode(done.stdout))
    except (subprocess.SubprocessError, ValueError, TypeError) as error:
        raise ValueError(f"{python} does not answer as a Python does: {error}") from error
    if home is not None:
        _remember(home, {**known, key: answer})
    return answer


def packages(places: list[str]) -> dict[str, str]:
    """The installed distributions and their versions, by normal name; the first place wins."""
    found: dict[str, str] = {}
    for place in places:
        try:
            names = [entry.name for entry in os.scandir(place)]
        except OSError:
            continue
        for name in names:
            stem, _, kind = name.rpartition(".")
            if kind not in ("dist-info", "egg-info"):
                continue
            distribution, dash, rest = stem.partition("-")
            if dash:
                version = re.sub(r"-py[0-9.]+.*$", "", rest)
                found.setdefault(normal(distribution), version)
    return dict(sorted(found.items()))


def normal(name: str) -> str:
    """The name of a distribution as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _unwrapped(command: list[str]) -> list[str]:
    words = list(command)
    while words:
        name = Path(words[0]).name
        if name == "timeout":
            words = _past_options(words[1:], {"-k": 1, "-s": 1})[1:]
        elif name == "taskset":
            words = _past_options(words[1:], {})[1:]
        elif name in _WRAPPERS:
            words = _past_options(words[1:], _WRAPPERS[name])
        elif _ASSIGNMENT.match(words[0]):
            words = words[1:]
        else:
            break
    return words


def _past_options(words: list[str], takes: Mapping[str, int]) -> list[str]:
    at = 0
    while at < len(words) and (words[at].startswith("-") or _ASSIGNMENT.match(words[at])):
        at += 1 + takes.get(words[at], 0)
    return words[at:]


def _found(program: str, cwd: Path, environment: Mapping[str, str]) -> str | None:
    if os.sep in program:
        place = cwd / program
        return str(place) if os.access(place, os.X_OK) else None
    return shutil.which(program, path=environment.get("PATH", os.defpath))


def _shebang(program: str, cwd: Path, environment: Mapping[str, str]) -> str | None:
    try:
        with Path(program).open("rb") as file:
            start = file.read(1024)
    except OSError:
        return None
    first = _SHEBANG.match(start)
    if first is None:
        return None
    words = [os.fsdecode(first[1]), *os.fsdecode(first[2] or b"").split()]
    if Path(words[0]).name == "env":
        words = _past_options(words[1:], {})
    long = _LONG_SHEBANG.search(start)
    if long:
        words = [os.fsdecode(long[1] or long[2])]
    if not words or not _PYTHON.fullmatch(Path(words[0]).name):
        return None
    return _found(words[0], cwd, environment)


def _in_conda(words: list[str], cwd: Path, environment: Mapping[str, str]) -> str | None:
    prefix = None
    for option, value in pairwise(words):
        if option in ("-p", "--prefix"):
            prefix = cwd / value
        elif option in ("-n", "--name"):
            roots = [environment.get("MAMBA_ROOT_PREFIX"), environment.get("CONDA_ROOT")]
            if executable := environment.get("CONDA_EXE"):
                roots.append(str(Path(executable).parent.parent))
            prefixes = [Path(root) / "envs" / value for root in roots if root]
            prefix = next((p for p in prefixes if p.exists()), None)
    return _in_prefix(prefix)


def _in_project(
    runner: str, words: list[str], cwd: Path, environment: Mapping[str, str]
) -> str | None:
    for option, value in pairwise(words):
        if option in ("--directory", "--project", "-C"):
            cwd = cwd / value
    if runner == "uv" and any(word in ("--with", "--isolated", "--python", "-p") for word in words):
        return None
    moved = environment.get("UV_PROJECT_ENVIRONMENT") if runner == "uv" else None
    inner = moved or (".pixi/envs/default" if runner == "pixi" else ".venv")
    for folder in (cwd, *cwd.parents):
        if python := _in_prefix(folder / inner):
            return python
    return _in_prefix(Path(environment["VIRTUAL_ENV"])) if "VIRTUAL_ENV" in environment else None


def _in_prefix(prefix: Path | None) -> str | None:
    python = prefix / "bin" / "python" if prefix else None
    return str(python) if python and python.exists() else None


def _key(python: str) -> str:
    changed = [str(Path(python).stat().st_mtime_ns)]
    settings = Path(python).parent.parent / "pyvenv.cfg"
    if settings.exists():
        changed.append(str(settings.stat().st_mtime_ns))
    return " ".join([python, *changed])


def _remembered(home: Path | None) -> dict[str, Interpreter]:
    if home is None:
        return {}
    try:
        content = (home / "cache" / "interpreters.json").read_bytes()
        return msgspec.json.decode(content, type=dict[str, Interpreter])
    except (OSError, ValueError):
        return {}


def _remember(home: Path, known: dict[str, Interpreter]) -> None:
    folder = home / "cache"
    try:
        make_folder(str(folder))
        write_whole(folder / "interpreters.json", msgspec.json.encode(known))
    except OSError:
        return  # only a cache: the next run asks again
