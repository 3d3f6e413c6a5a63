"""Installs a missing package, for the run alone."""

import shlex
import shutil
from difflib import get_close_matches
from pathlib import Path

from labhand.core import run
from labhand.core.errors import InputError
from labhand.kit.interpreter import normal
from labhand.launch.installing import (
    Installer,
    Piece,
    command_for,
    folder_for,
    install,
    installer_for,
    provides,
    resolve,
    with_folder,
)
from labhand.launch.interpreter import Target, target_of
from labhand.launch.job import Job, Mending, Situation
from labhand.launch.packages import requirement_for

_HEAVY = frozenset(
    "torch torchvision torchaudio tensorflow tensorflow-cpu tensorflow-gpu jaxlib triton mxnet vllm "
    "paddlepaddle paddlepaddle-gpu tensorrt flash-attn transformer-engine xformers".split()
)
_HEAVY_FAMILIES = ("nvidia-", "cuda-", "cupy-", "intel-")
_LIGHT = frozenset(["nvidia-ml-py"])


class Fixer:
    """Installs a missing package for the run alone.

    ## What it does
    Finds the package by the project's own lock or requirements file, else by what the installed package
    that imports it says it needs, else by a table of names that people have checked, asks pip what it would take next to what is installed, and installs exactly
    that into `.labhand/packages/`, which the next attempt has at the end of its PYTHONPATH. The
    person's environment stays as it is.

    ## Known problems
    A name in none of these is never guessed: packages with likely names can be traps. Downloads of
    gigabytes (torch, CUDA libraries) and versions other than the installed ones are asked for.

    ## Example
    `import einops` → `einops 0.8.1`, for this run

    ## Fix safety
    Neutral where everything new was absent; scientific where the run would use another version of a
    package that is installed.

    ## References
    The pip documentation, "pip install --report", "--target".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The installation, resolved but not done; None with the reason as the failure's advice."""
        module = str(failure.evidence["module"])
        requirement = requirement_for(
            module, Path(situation.root), str(failure.evidence.get("by", ""))
        )
        if requirement is None:
            near = _near(module, situation)
            failure.evidence["advice"] = (
                f"{near}`{module}` is neither in the project's requirements nor in labhand's table, and a "
                "package is never guessed by its name; install the right one yourself, or, if it is a "
                "folder of your own, start the command in the folder that holds it"
            )
            return None
        try:
            python = target_of(situation.job, Path(situation.home))
        except InputError as error:
            failure.evidence["advice"] = f"{error}; install `{requirement.text}` yourself"
            return None
        installer = installer_for(python)
        if installer is None:
            failure.evidence["advice"] = (
                f"neither pip nor uv is there to install `{requirement.text}`"
            )
            return None
        pieces = resolve(requirement.text, python, installer, situation.job)
        if not pieces:
            failure.evidence["advice"] = (
                f"`{requirement.text}` is installed in {python.executable}, yet it does not hold "
                f"`{module}`; its version or the environment is not the right one"
            )
            return None
        return _mending(module, pieces, python, installer, situation)


def _near(module: str, situation: Situation) -> str:
    """The installed package that the module is likely a misspelling of, as a question."""
    try:
        names = target_of(situation.job, Path(situation.home)).installed
    except InputError:
        return ""
    near = get_close_matches(module.partition(".")[0], names, n=1, cutoff=0.8)
    return f"did you mean `{near[0]}`, which is installed? " if near else ""


def _mending(
    module: str,
    pieces: list[Piece],
    python: Target,
    installer: Installer,
    situation: Situation,
) -> Mending:
    target = folder_for(Path(situation.home), python, pieces)
    names = ", ".join(f"{piece.name} {piece.version}" for piece in pieces)
    changed = _changed(pieces, python)
    fix = run.Fix(
        kind="missing-package",
        summary=f"installed {names} for this run alone",
        safety="scientific" if changed else "neutral",
        patch=shlex.join(command_for(installer, python, pieces, target)),
    )

    def apply() -> Job:
        install(installer, python, pieces, target, situation.job)
        if not provides(target, module):
            undo()
            raise InputError(f"{names} was installed and does not hold `{module}`; it was removed")
        return with_folder(situation.job, target)

    def undo() -> None:
        shutil.rmtree(target, ignore_errors=True)

    return Mending(fix, apply, undo, _question(pieces, changed))


def _changed(pieces: list[Piece], python: Target) -> list[str]:
    """Where the run would get another version of a package that is installed."""
    installed = python.installed
    return [
        f"{piece.name} {piece.version} in place of {installed[normal(piece.name)]}"
        for piece in pieces
        if installed.get(normal(piece.name), piece.version) != piece.version
    ]


def _question(pieces: list[Piece], changed: list[str]) -> str | None:
    heavy = [piece.name for piece in pieces if _is_heavy(normal(piece.name))]
    if changed:
        return f"the run would use {', '.join(changed)}, which can change its results; do so?"
    if heavy:
        return f"{', '.join(heavy)} may be a download of gigabytes; install it for this run?"
    return None


def _is_heavy(name: str) -> bool:
    return name in _HEAVY or (name.startswith(_HEAVY_FAMILIES) and name not in _LIGHT)
