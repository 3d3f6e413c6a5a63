"""What code that a model wrote may do here: write in its own folders, no network, no secrets."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from labhand.kit import confined
from labhand.kit.process import Captured, capture

_KEPT = frozenset(
    "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM TMPDIR VIRTUAL_ENV CONDA_PREFIX "
    "CONDA_DEFAULT_ENV LD_LIBRARY_PATH CUDA_VISIBLE_DEVICES CUDA_HOME PYTHONPATH PYTHONHASHSEED "
    "PYTHONUNBUFFERED HF_HOME TORCH_HOME XDG_CACHE_HOME".split()
)
_KEPT_BEGINNINGS = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "LABHAND_ATTEMPT", "LABHAND_OVERLAY")
_FILE_BYTES = 4 << 30


class Sandbox(msgspec.Struct):
    """What commands may touch: `write` are the folders they may change, beside a temporary one."""

    write: list[Path]
    network: bool = False
    cpu_s: int = 3600

    def told(self) -> str:
        """One sentence: what holds the commands, and what does not."""
        if _bubblewrap():
            return f"bubblewrap: writes only in the worktree, {self._net(True)}"
        closed = self.network or _closes_network()
        if confined.landlock():
            return f"no bubblewrap here, Landlock instead: writes only in the worktree, {self._net(closed)}"
        return f"neither bubblewrap nor Landlock here: limits alone, writes are not held back, {self._net(closed)}"

    def _net(self, closed: bool) -> str:
        return (
            "network allowed" if self.network else "no network" if closed else "network not closed"
        )

    def wrapped(self, command: Sequence[str]) -> list[str]:
        """The command, confined."""
        folders = [str(p) for p in self.write]
        asked: dict[str, Any] = {
            "cpu_s": self.cpu_s,
            "file_bytes": _FILE_BYTES,
            "network": True,
            "write": None,
        }
        child = [sys.executable, "-I", "-S", confined.__file__]
        if _bubblewrap():
            binds = [part for path in folders for part in ("--bind", path, path)]
            net = [] if self.network else ["--unshare-net"]
            held = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", *binds, *net]
            return [*child, json.dumps(asked), "bwrap", *held, "--die-with-parent", *command]
        places = [*folders, "/dev/null", "/dev/tty", "/dev/shm", "/dev/pts"]
        asked |= {"network": self.network, "write": places}
        return [*child, json.dumps(asked), *command]

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """The environment without what is not needed: no key, token or address gets through."""
        kept = {k: v for k, v in env.items() if k in _KEPT or k.startswith(_KEPT_BEGINNINGS)}
        return kept | {"PYTHONDONTWRITEBYTECODE": "1", "GIT_TERMINAL_PROMPT": "0"}

    def run(self, command: Sequence[str], cwd: Path, timeout_s: float) -> Captured:
        """What a command says. Blocks at most `timeout_s`; its whole process group ends with it."""
        with tempfile.TemporaryDirectory(prefix="labhand-", ignore_cleanup_errors=True) as folder:
            box = msgspec.structs.replace(self, write=[*self.write, Path(folder)])
            env = box.environment(os.environ) | {"TMPDIR": folder}
            return capture(box.wrapped(command), cwd=str(cwd), env=env, timeout_s=timeout_s)


@cache
def _bubblewrap() -> bool:
    """Whether bubblewrap is there and works: in many containers it may not make namespaces."""
    if shutil.which("bwrap") is None:
        return False
    probe = ["bwrap", "--ro-bind", "/", "/", "--unshare-net", "true"]
    return capture(probe, cwd="/", env=dict(os.environ), timeout_s=10).exit_code == 0


@cache
def _closes_network() -> bool:
    code = "import confined, sys; sys.exit(not confined.without_network())"
    folder = str(Path(confined.__file__).parent)
    command = [sys.executable, "-S", "-c", code]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 0
