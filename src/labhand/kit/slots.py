"""Slots of this machine: who may use which core, GPU and memory now, over all projects of one user.

A slot is an empty file whose lock (`flock`) is held by the process that carries a run: the kernel lets
go of it with the process, however that ends. The file names the run's folder, since a training may
outlive labhand. Memory is handed out in slots of 256 MiB.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from labhand.kit import presence

MEMORY_BYTES = 256 << 20
"""Of one slot of memory."""


class Need(NamedTuple):
    """What a run takes of the machine. `memory` is in bytes; 0: whatever it uses, held by nobody."""

    cores: int = 1
    gpus: int = 0
    memory: int = 0


class Held:
    """Slots that this process holds, and its children while they live."""

    def __init__(self, gpus: list[str]) -> None:
        self.gpus = gpus
        self._fds: list[int] = []

    def add(self, fd: int) -> None:
        """Takes a locked file in."""
        self._fds.append(fd)

    def note(self, run_dir: Path) -> None:
        """Writes down for which run they are held."""
        for fd in self._fds:
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(run_dir).encode(), 0)

    def close(self) -> None:
        """Lets go of them in this process."""
        while self._fds:
            os.close(self._fds.pop())


def place() -> Path:
    """The folder of the slots, private to the user; it is made where it is missing. Raises OSError."""
    session = os.environ.get("XDG_RUNTIME_DIR")
    if session and os.access(session, os.W_OK):
        folder = Path(session) / "labhand"
    else:
        folder = Path(tempfile.gettempdir()) / f"labhand-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def all_gpus() -> list[str]:
    """The GPUs that may be used, as `CUDA_VISIBLE_DEVICES` names them; that variable narrows them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [part.strip() for part in visible.split(",") if part.strip() not in ("", "-1")]
    from labhand.kit.machine import gpus

    return [str(gpu["index"]) for gpu in gpus()]


def all_cores() -> int:
    """The cores that this process may use, one at least."""
    from labhand.kit.machine import cores

    return max(1, int(cores()))


def all_memory() -> int:
    """The memory that runs may use, in bytes."""
    from labhand.kit.machine import memory

    return memory()[0]


def take(need: Need, of_cores: int, of_gpus: list[str]) -> Held | None:
    """What is needed, held; None where not so much is free. Raises OSError.

    Memory must be free of other slots, and available on the machine now.
    """
    from labhand.kit.machine import memory

    folder = place()
    pieces = -(-need.memory // MEMORY_BYTES)
    most, free = memory() if pieces else (0, 0)
    if free < need.memory:
        return None
    wanted = [
        ((f"gpu-{name}" for name in of_gpus), need.gpus),
        ((f"core-{i}" for i in range(of_cores)), need.cores),
        ((f"memory-{i}" for i in range(most // MEMORY_BYTES)), pieces),
    ]
    locked: list[tuple[str, int]] = []
    for names, count in wanted:
        found = _lock(folder, names, count)
        if found is None:
            for _, fd in locked:
                os.close(fd)
            return None
        locked += found
    held = Held([name.removeprefix("gpu-") for name, _ in locked if name.startswith("gpu-")])
    for _, fd in locked:
        held.add(fd)
    return held


def _lock(folder: Path, names: Iterable[str], count: int) -> list[tuple[str, int]] | None:
    found: list[tuple[str, int]] = []
    for name in names:
        if len(found) == count:
            break
        fd = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            continue
        if _goes_on(os.pread(fd, 4096, 0).decode(errors="replace")):
            os.close(fd)
        else:
            found.append((name, fd))
    if len(found) == count:
        return found
    for _, fd in found:
        os.close(fd)
    return None


def _goes_on(run_dir: str) -> bool:
    """Whether the training of a run whose labhand has gone is still there."""
    if not run_dir:
        return False
    for attempt in Path(run_dir, "attempts").glob("[0-9]*"):
        if (attempt / "end.json").exists():
            continue
        try:
            noted = json.loads((attempt / "process.json").read_bytes())
            if presence.alive(noted["pid"], noted.get("start_ticks"), noted.get("boot_id")):
                return True
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return False
