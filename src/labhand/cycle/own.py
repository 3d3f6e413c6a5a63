"""The run that a script makes for itself when it calls `labhand.log` without `labhand run`.

The first call waits for this, so nothing is imported here that takes time: JSON is written by the
standard library, and paths are strings.
"""

from __future__ import annotations

import atexit
import os
import resource
import sys
import time
from json import dumps

from labhand.core import home
from labhand.kit import presence
from labhand.probe import points

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, NoReturn

_SPAWNED = "LABHAND_OWN_ATTEMPT"
"""Set for processes that multiprocessing spawns: their points belong to the run of their parent."""
_SUSPICIOUS = ("key", "token", "pass", "pwd", "secret", "cred", "auth", "://", "@")


def begin() -> str:
    """The folder of the attempt to log to; empty where the record cannot be written, which is told.

    Makes a run, unless this process was spawned by one that has, and sees to its end at exit.
    """
    parent = sys.modules.get("multiprocessing.process")
    if _SPAWNED in os.environ and parent is not None and parent.parent_process() is not None:
        return os.environ[_SPAWNED]
    place = home.home_of(os.getcwd())
    try:
        run_id = _made(place)
    except OSError as error:
        sys.stderr.write(
            f"labhand: nothing is recorded: {place} cannot be written: {error.strerror}; make it "
            "writable or set LABHAND_HOME to a folder that is\n"
        )
        return ""
    end = _End(place, run_id)
    sys.excepthook, end.excepthook = end.failed, sys.excepthook
    sys.exit, end.exit = end.exited, sys.exit
    atexit.register(end.write)
    os.environ[_SPAWNED] = end.attempt
    return end.attempt


def _made(place: str) -> str:
    run_id, name = home.new_run(place)
    folder = os.path.join(place, "runs", run_id)
    home.make_folder(os.path.join(folder, "attempts", "1"))
    _write(os.path.join(folder, presence.FILE), presence.mine())
    command, now = _command(), points.now()
    run = {
        "schema": "labhand.run/1",
        "id": run_id,
        "name": name,
        "status": "running",
        "command": command,
        "cwd": os.getcwd(),
        "started": now,
        "attempts": [{"number": 1, "command": command, "started": now}],
    }
    _write(os.path.join(folder, "run.json"), run)
    return run_id


def _command() -> list[str]:
    """The command of this process; where there may be a secret in it, as scrubbing leaves it."""
    command = list(sys.orig_argv)
    rest = " ".join(command[2:]).lower()
    parts = rest.replace("=", " ").replace(",", " ").split()
    long = any(len(part) >= 16 and not part.isalpha() for part in parts)
    if not long and not any(word in rest for word in _SUSPICIOUS):
        return command
    from labhand.kit.scrub import scrub_arguments

    return scrub_arguments(command)


def _write(path: str, content: dict[str, Any]) -> None:
    """Puts the file there whole, private to the user."""
    fd = os.open(path + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8", errors="replace") as file:
        file.write(dumps(content, indent=2, ensure_ascii=False))
    home.open_up(path + ".part")
    os.replace(path + ".part", path)


class _End:
    """How the process ends, learned from the hooks it passes on its way, and written at exit."""

    def __init__(self, place: str, run_id: str) -> None:
        self.excepthook: Any = None
        self.exit: Any = None
        self.attempt = os.path.join(place, "runs", run_id, "attempts", "1")
        self._place = place
        self._run_id = run_id
        self._pid = os.getpid()
        self._began = time.monotonic()
        self._code = 0

    def failed(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Takes the place of `sys.excepthook` and calls the one that was there."""
        self._code = 130 if issubclass(kind, KeyboardInterrupt) else 1
        self.excepthook(kind, error, trace)

    def exited(self, code: Any = None) -> NoReturn:
        """Takes the place of `sys.exit` and calls the one that was there."""
        self._code = code if isinstance(code, int) else int(code is not None)
        self.exit(code)
        raise SystemExit(code)

    def write(self) -> None:
        """Ends the run in the record. A forked child does not: the run is its parent's.

        Imports nothing: at this time that can fail, and it can turn the exit code of Ctrl-C into
        another. So the record is closed by a process of its own, which is waited for.
        """
        if os.getpid() != self._pid:
            return
        end = {
            "exit_code": self._code,
            "signal": None,
            "ended": points.now(),
            "wall_s": round(time.monotonic() - self._began, 3),
            **_used(),
        }
        try:
            points.close_all()
            _write(os.path.join(self.attempt, "end.json"), end)
            os.unlink(os.path.join(self._place, "runs", self._run_id, presence.FILE))
            command = [sys.executable, "-P", "-m", __name__, self._place, self._run_id]
            nothing = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
            os.waitpid(os.posix_spawn(command[0], command, os.environ, file_actions=nothing), 0)
        except OSError as error:  # the script has ended as it has; the next `labhand` closes it
            sys.stderr.write(f"labhand: the record of {self._run_id} is not closed: {error}\n")


def _used() -> dict[str, Any]:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    scale = 1 if sys.platform == "darwin" else 1024
    return {
        "cpu_s": round(mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime, 3),
        "max_rss_bytes": max(mine.ru_maxrss, children.ru_maxrss) * scale,
    }


def close(place: str, run_id: str) -> None:
    """Closes the record of a run whose process has ended."""
    from pathlib import Path

    from labhand.core.store import Store
    from labhand.cycle import settle

    store = Store(Path(place))
    settle.settle(store, store.read(run_id))


if __name__ == "__main__":
    close(*sys.argv[1:])
