"""Installing packages for one run: what it would take, and doing it, into a folder of its own."""

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from labhand.core import run
from labhand.core.errors import InputError
from labhand.kit.interpreter import normal
from labhand.kit.process import Captured, capture
from labhand.launch.interpreter import Target, target_of
from labhand.launch.job import Job, Mending, Situation
from labhand.launch.probed import unprobed

_RESOLVE_S = 300.0
_INSTALL_S = 1800.0
_PIP = ("--disable-pip-version-check", "--no-input", "--quiet", "--retries", "1", "--timeout", "15")
_FORCED = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_ROOT_USER_ACTION": "ignore"}
_NO_NETWORK = re.compile(
    r"new connection|name resolution|Connection(?:Error|Refused| refused| aborted| reset)|Max retries"
    r"|timed out|ProxyError|SSLError|Network is unreachable|error sending request|Could not connect",
    re.IGNORECASE,
)
_NO_MATCH = re.compile(
    r"No matching distribution|Could not find a version|not found in the package reg"
)
_UV_ADDS = re.compile(r"^ \+ (?P<name>[\w.-]+)==(?P<version>\S+)", re.M)


class Piece(NamedTuple):
    """One distribution that is to be installed. `exact` is what an installer is told."""

    name: str
    version: str
    exact: str


class Installer(NamedTuple):
    """An installer that works on a Python. `uv` speaks a little differently from pip."""

    words: tuple[str, ...]
    uv: bool


def installer_for(python: Target) -> Installer | None:
    """The Python's own pip, else ours working on it, else uv; None where there is none of them."""
    own = python.installed.get("pip", "0")
    if _newer(own, (22, 2)):
        return Installer((python.executable, "-m", "pip"), uv=False)
    if importlib.util.find_spec("pip") is not None:
        from importlib.metadata import version

        if _newer(version("pip"), (22, 3)):
            words = (sys.executable, "-m", "pip", "--python", python.executable)
            return Installer(words, uv=False)
    uv = shutil.which("uv")
    return Installer((uv,), uv=True) if uv else None


def _newer(version: str, least: tuple[int, int]) -> bool:
    parts = [int(part) for part in re.findall(r"\d+", version)[:2]]
    return tuple(parts) >= least


def resolve(requirement: str, python: Target, installer: Installer, job: Job) -> list[Piece]:
    """What must be installed for a requirement, next to what is there. Asks the package index.

    Raises:
        InputError: the index cannot be reached, or holds nothing that fits.
    """
    if installer.uv:
        command = [*installer.words, "pip", "install", "--dry-run", "--python"]
        command += [python.executable, requirement]
    else:
        command = [*installer.words, "install", "--dry-run", *_PIP, "--report", "-"]
        command += ["--prefer-binary", requirement]
    answer = _run(command, job, _RESOLVE_S)
    if answer.exit_code != 0:
        raise InputError(_why(requirement, answer))
    if installer.uv:
        found = _UV_ADDS.finditer(answer.stderr)
        return [Piece(m["name"], m["version"], f"{m['name']}=={m['version']}") for m in found]
    return _from_report(answer.stdout)


class _Metadata(msgspec.Struct):
    name: str
    version: str


class _Item(msgspec.Struct):
    metadata: _Metadata
    download_info: dict[str, Any] = {}
    is_direct: bool = False


class _Report(msgspec.Struct):
    install: list[_Item]


def _from_report(text: str) -> list[Piece]:
    try:
        items = msgspec.json.decode(text[text.index("{") :], type=_Report).install
    except ValueError as error:
        raise InputError(f"pip's report cannot be read: {error}; update pip") from error
    pieces = []
    for item in items:
        name, version = item.metadata.name, item.metadata.version
        exact = f"{name}=={version}"
        if item.is_direct and (url := item.download_info.get("url")):
            vcs = item.download_info.get("vcs_info", {})
            source = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else url
            exact = f"{name} @ {source}"
        pieces.append(Piece(name, version, exact))
    return pieces


def folder_for(home: Path, python: Target, pieces: list[Piece]) -> Path:
    """Where these pieces are kept for this Python, whether or not they are there yet."""
    key = [python.executable, python.version, *sorted(p.exact for p in pieces)]
    return home / "packages" / hashlib.sha256("\0".join(key).encode()).hexdigest()[:12]


def command_for(
    installer: Installer, python: Target, pieces: list[Piece], target: Path
) -> list[str]:
    """The command that installs exactly these pieces into a folder."""
    if installer.uv:
        words = [*installer.words, "pip", "install", "--python", python.executable]
    else:
        words = [*installer.words, "install", *_PIP, "--prefer-binary"]
    return [*words, "--no-deps", "--target", str(target), *(piece.exact for piece in pieces)]


def install(
    installer: Installer, python: Target, pieces: list[Piece], target: Path, job: Job
) -> None:
    """Installs the pieces into `target`, whole or not at all; nothing when they are there already.

    Raises:
        InputError: they cannot be installed.
    """
    if target.is_dir():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as error:
        raise InputError(f"{target.parent} cannot be written: {error.strerror}") from error
    try:
        answer = _run(command_for(installer, python, pieces, part), job, _INSTALL_S)
        if answer.exit_code != 0:
            raise InputError(_why(shlex.join(piece.exact for piece in pieces), answer))
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def provides(folder: Path, module: str) -> bool:
    """Whether a module can be imported from a folder, looked at and not run."""
    path = folder.joinpath(*module.split("."))
    compiled = path.parent.glob(f"{path.name}.*.so") if path.parent.is_dir() else ()
    return path.is_dir() or path.with_suffix(".py").is_file() or any(compiled)


def _run(command: list[str], job: Job, timeout_s: float) -> Captured:
    env = unprobed(job.env) | _FORCED
    return capture(command, cwd=job.cwd, env=env, timeout_s=timeout_s)


def _why(requirement: str, answer: Captured) -> str:
    said = f"{answer.stderr}\n{answer.stdout}"
    if _NO_NETWORK.search(said):
        return f"the package index cannot be reached, so `{requirement}` was not installed"
    if _NO_MATCH.search(said):
        return f"the package index holds no `{requirement}` that fits this Python"
    last = next((x.strip() for x in reversed(answer.stderr.splitlines()) if x.strip()), "no reason")
    return f"`{requirement}` cannot be installed: {last[:300]}"


def with_folder(job: Job, folder: Path) -> Job:
    """The job with a folder of packages behind everything else on its PYTHONPATH."""
    before = job.env.get("PYTHONPATH", "")
    path = os.pathsep.join(entry for entry in (before, str(folder)) if entry)
    return msgspec.structs.replace(job, env=job.env | {"PYTHONPATH": path})


def for_this_run(
    failure: run.Failure, situation: Situation, requirement: str, module: str, *, ours: str = ""
) -> Mending | None:
    """A next attempt with a requirement in a folder of its own that comes before what is installed.

    `ours` names a distribution that stands in for an installed one of the same code and version, so
    that it changes nothing of the science. Any other new version is a proposal.
    """
    job, home = situation.job, Path(situation.home)
    try:
        python = target_of(job, home)
        installer = installer_for(python)
        pieces = resolve(requirement, python, installer, job) if installer is not None else []
    except InputError as error:
        failure.evidence["advice"] = f"{error}; install `{requirement}` yourself"
        return None
    if installer is None or not pieces:
        return None
    if ours:
        pieces = [piece for piece in pieces if normal(piece.name) == normal(ours)]
    installed = python.installed
    changed = [
        f"{p.name} {p.version} in place of {installed[normal(p.name)]}"
        for p in pieces
        if installed.get(normal(p.name), p.version) != p.version
    ]
    target = folder_for(home, python, pieces)
    names = ", ".join(f"{piece.name} {piece.version}" for piece in pieces)
    fix = run.Fix(
        failure.kind,
        f"installed {names} for this run alone",
        "scientific" if changed else "neutral",
        shlex.join(command_for(installer, python, pieces, target)),
    )
    question = f"the run would use {', '.join(changed)}, which can change its results; do so?"

    def apply() -> Job:
        install(installer, python, pieces, target, job)
        if not provides(target, module):
            shutil.rmtree(target, ignore_errors=True)
            raise InputError(f"{names} was installed and does not hold `{module}`; it was removed")
        return with_folder(job, target)

    def undo() -> None:
        shutil.rmtree(target, ignore_errors=True)

    return Mending(fix, apply, undo, question if changed else None)
