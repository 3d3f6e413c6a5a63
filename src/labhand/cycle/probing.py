"""`labhand check --probe`: a script's first steps in a copy of the project, for what code alone cannot tell."""

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from labhand.core.errors import InputError, UsageError
from labhand.core.event import Event
from labhand.core.store import project_root
from labhand.cycle import trial
from labhand.cycle.scratch import copied
from labhand.cycle.trial import Trial
from labhand.kit.sandbox import Sandbox
from labhand.kit.secret_kinds import secret_variable

SECONDS = 180.0
"""A trial takes no longer. The probe ends it by itself when it has seen enough."""
MEMORY_SHARE = 0.8
"""Of the memory that is free at the start."""
_OFFLINE = {
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
    "WANDB_MODE": "disabled", "COMET_MODE": "disabled", "NEPTUNE_MODE": "offline",
    "MPLBACKEND": "Agg", "TORCHDYNAMO_DISABLE": "1",
}  # fmt: skip
"""No account is touched, no window is opened, and nothing is compiled, which would hide the operations."""


class Looked(msgspec.Struct):
    """What the probe saw of a script. Paths in `events` are relative to the project where they lie in it.

    `trouble` is a sentence on why it ended early, empty where it did not; `held` on what kept it in its copy.
    """

    events: list[Event]
    steps: int
    seconds: float
    held: str
    trouble: str


def probe(command: list[str], cwd: Path, home: Path) -> Looked:
    """What is seen of a command's first steps. Blocks, 3 minutes at most; writes nothing in the project.

    Raises:
        UsageError: there is no such command or script.
        InputError: it came to no optimizer step of PyTorch.
    """
    root = project_root(cwd).resolve()
    cwd = cwd.resolve()
    _there(command, cwd)
    with copied(root, home.resolve()) as folder:
        inner = cwd.relative_to(root) if cwd.is_relative_to(root) else Path()
        place = folder / inner
        place.mkdir(parents=True, exist_ok=True)
        box = Sandbox([folder.parent])
        words = [command[0], *(_moved(word, root, folder) for word in command[1:])]
        seen = trial.start(
            words, place, box, SECONDS, more=_environment(), memory_bytes=_memory_bytes()
        )
        events = [_shown(e, folder, root) for e in seen.events]
        held = box.told().replace("the worktree", "its copy")
    steps = max((int(e.data.get("steps", 0)) for e in events if e.kind == "trial"), default=0)
    trouble = _trouble(seen, events, folder, steps)
    if not steps:
        raise InputError(f"`{shlex.join(command)}` {trouble}")
    return Looked(events, steps, seen.seconds, held, trouble)


def _there(command: list[str], cwd: Path) -> None:
    if not command:
        raise UsageError(
            "--probe takes the command that trains: `labhand check --probe -- python train.py`"
        )
    if shutil.which(command[0]) is None and not (cwd / command[0]).is_file():
        raise UsageError(
            f"there is no command `{command[0]}`; give the one that starts the training"
        )
    script = next((word for word in command if word.endswith(".py")), None)
    if script is not None and not (cwd / script).is_file():
        raise UsageError(f"there is no script {script} in {cwd}; check the spelling of the path")


def _moved(word: str, root: Path, folder: Path) -> str:
    """A word of the command that names a place in the project, as its place in the copy."""
    return f"{folder}{word[len(str(root)) :]}" if word.startswith(f"{root}/") else word


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not secret_variable(name)}
    return kept | _OFFLINE | {trial.ASKS: str(SECONDS)}


def _memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available * MEMORY_SHARE)


def _shown(event: Event, folder: Path, root: Path) -> Event:
    return msgspec.structs.replace(event, data=_relative(event.data, folder, root))


def _relative(data: Any, folder: Path, root: Path) -> Any:
    """The same data with every `path` and `file` in the copy or the project relative to it."""
    if isinstance(data, list):
        return [_relative(part, folder, root) for part in data]
    if not isinstance(data, Mapping):
        return data
    told = {}
    for key, value in data.items():
        told[key] = _relative(value, folder, root)
        if key in ("path", "file") and isinstance(value, str):
            place = Path(value)
            base = next((b for b in (folder, root) if place.is_relative_to(b)), None)
            told[key] = place.relative_to(base).as_posix() if base else value
    return told


# ── why it ended early ───────────────────────────────────────────────────────────────────────────


def _trouble(seen: Trial, events: list[Event], folder: Path, steps: int) -> str:
    """Why nothing, or not all, was seen; empty where the trial went to its end."""
    when = f"after {steps} steps" if steps else "before its first optimizer step"
    states = [e.data.get("state") for e in events if e.kind == "trial"]
    if "enough" in states:
        return ""
    raised = next((e.data for e in events if e.kind == "exception"), None)
    if raised is not None:
        return _raised(raised, when, folder)
    if seen.stopped == "memory":
        return f"took more memory {when} than is free here; give it a smaller model or batch"
    if seen.stopped:
        told = f"came to {steps or 'no'} optimizer steps" if steps else "came to no optimizer step"
        return (
            f"{told} within {SECONDS:.0f} s; give it less data or a smaller model by its arguments"
        )
    if seen.exit_code:
        return f"ended {when} with exit code {seen.exit_code}: {seen.last_words()}; run it by itself first"
    if steps:
        return ""
    if "armed" not in states:
        return "never imported PyTorch; --probe looks at trainings on PyTorch, give the command that trains"
    return (
        "ended without an optimizer step; give the command that trains, with the arguments it needs"
    )


def _raised(raised: Mapping[str, Any], when: str, folder: Path) -> str:
    kind, message = str(raised.get("type", "")), str(raised.get("message", "")).split("\n")[0][:200]
    frames = [
        f for f in raised.get("frames", []) if not str(f.get("file", "")).startswith(("/", "<"))
    ]
    place = f" at {frames[-1]['file']}:{frames[-1]['line']}" if frames else ""
    message = message.replace(f"{folder}/", "")
    remedy = next(
        (r for words, r in _REMEDIES if any(w in f"{kind}: {message}" for w in words)), ""
    )
    return f"ended {when} with {kind}: {message}{place}; {remedy or 'run it by itself first'}"


_REMEDIES = (
    (("EOFError",), "it waits for input, and there is none: give what it asks for by arguments"),
    (
        ("PermissionError", "Read-only file system"),
        "it writes outside its own folder, which the trial may not: have it write below the project",
    ),
    (
        ("CUDA", "NVIDIA", "cuda"),
        "it asks for a GPU, and there is none here: have it take the CPU where there is no GPU",
    ),
    (
        (
            "URLError",
            "ConnectionError",
            "gaierror",
            "OfflineMode",
            "offline",
            "Network is unreachable",
        ),
        "it wants the network, which is closed to the trial: fetch what it needs before",
    ),
    (("ModuleNotFoundError",), "install it, or give the Python that has it"),
)
"""Words of an exception, and what to do about it."""
