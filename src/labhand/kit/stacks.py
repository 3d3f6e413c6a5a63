"""Where the processes of an attempt stand, asked of Python's own fault handler in them."""

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

FRAMES = 12
_CAUGHT = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')


class Stacks:
    """Asks for the stacks that land in an attempt's `stacks.<pid>.txt`, and reads them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: dict[Path, int] = {}
        self._sizes: dict[Path, int] = {}

    def ask(self) -> None:
        """Sends SIGUSR1 to whoever made a file and still catches it: others it would end."""
        for path in self._folder.glob("stacks.*.txt"):
            with suppress(OSError, ValueError, IndexError):
                pid = int(path.name.split(".")[1])
                if _catches(pid) and _holds(pid, path):
                    size = path.stat().st_size
                    os.kill(pid, signal.SIGUSR1)
                    self._asked[path] = size

    def answers(self) -> dict[str, list[str]]:
        """The innermost frames of each main thread by pid, once they have come whole; else nothing.

        A frame reads `function, file:line`.
        """
        sizes = {path: path.stat().st_size for path in self._asked if path.exists()}
        whole = [
            path
            for path, size in sizes.items()
            if self._asked[path] < size == self._sizes.get(path)
        ]
        self._sizes = sizes
        told = {}
        for path in whole:
            with suppress(OSError), path.open("rb") as file:
                file.seek(self._asked.pop(path))
                told[path.name.split(".")[1]] = _main_thread(file.read().decode("utf-8", "replace"))
        return {pid: frames for pid, frames in told.items() if frames}


def _catches(pid: int) -> bool:
    """Whether the process has a handler of its own; an `exec` takes away the one that was set."""
    found = _CAUGHT.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return found is not None and bool(int(found[1], 16) >> (signal.SIGUSR1 - 1) & 1)


def _holds(pid: int, path: Path) -> bool:
    """Whether the process has the file open: a pid may have come to be another's."""
    target = str(path.resolve())
    return any(os.path.realpath(entry) == target for entry in Path(f"/proc/{pid}/fd").iterdir())


def _main_thread(dump: str) -> list[str]:
    """The frames of the oldest thread: the last that is written."""
    frames: list[str] = []
    for line in dump.splitlines():
        if line.endswith("(most recent call first):"):
            frames = []
        elif (found := _FRAME.match(line)) and len(frames) < FRAMES:
            frames.append(f"{found[3]}, {found[1]}:{found[2]}")
    return frames
