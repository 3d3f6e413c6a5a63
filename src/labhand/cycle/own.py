"""The run that a script makes for itself when it calls `labhand.log` without `labhand run`."""

import atexit
import os
import resource
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import msgspec

from labhand.core import event
from labhand.core.errors import LabhandError
from labhand.core.run import Attempt, Run
from labhand.core.store import Store, write_whole
from labhand.probe import points

_SPAWNED = "LABHAND_OWN_ATTEMPT"
"""Set for processes that multiprocessing spawns: their points belong to the run of their parent."""


def begin() -> str:
    """The folder of the attempt to log to; empty where the record cannot be written, which is told.

    Makes a run, unless this process was spawned by one that has, and sees to its end at exit.
    """
    parent = sys.modules.get("multiprocessing.process")
    if _SPAWNED in os.environ and parent is not None and parent.parent_process() is not None:
        return os.environ[_SPAWNED]
    try:
        run, store = _made()
    except (LabhandError, OSError) as error:
        sys.stderr.write(f"labhand: nothing is recorded: {error}\n")
        return ""
    end = _End(store, run)
    sys.excepthook, end.excepthook = end.failed, sys.excepthook
    sys.exit, end.exit = end.exited, sys.exit
    atexit.register(end.write)
    folder = str(store.attempt(run.id, 1))
    os.environ[_SPAWNED] = folder
    return folder


def _made() -> tuple[Run, Store]:
    from labhand.kit import presence

    store = Store.at(Path.cwd())
    run_id, name = store.create()
    store.attempt(run_id, 1).mkdir(mode=0o700, parents=True)
    presence.note(store.folder(run_id) / "labhand.json")
    command = list(sys.orig_argv)
    if len(command) > 2:  # more than the interpreter and the script: there may be a secret
        from labhand.kit.scrub import scrub_arguments

        command = scrub_arguments(command)
    run = Run(
        id=run_id,
        name=name,
        command=command,
        cwd=str(Path.cwd()),
        started=event.now(),
        attempts=[Attempt(number=1, command=command, started=event.now())],
    )
    store.write(run)
    return run, store


class _End:
    """How the process ends, learned from the hooks it passes on its way, and written at exit."""

    def __init__(self, store: Store, run: Run) -> None:
        self.excepthook: Any = None
        self.exit: Any = None
        self._store = store
        self._run = run
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
            "ended": event.now(),
            "wall_s": round(time.monotonic() - self._began, 3),
            **_used(),
        }
        try:
            points.close_all()
            place = self._store.attempt(self._run.id, 1) / "end.json"
            write_whole(place, msgspec.json.encode(end))
            (self._store.folder(self._run.id) / "labhand.json").unlink(missing_ok=True)
            command = [sys.executable, "-P", "-m", __name__, str(self._store.home), self._run.id]
            nothing = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
            os.waitpid(os.posix_spawn(command[0], command, os.environ, file_actions=nothing), 0)
        except OSError as error:  # the script has ended as it has; the next `labhand` closes it
            sys.stderr.write(f"labhand: the record of {self._run.name} is not closed: {error}\n")


def _used() -> dict[str, Any]:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    scale = 1 if sys.platform == "darwin" else 1024
    return {
        "cpu_s": round(mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime, 3),
        "max_rss_bytes": max(mine.ru_maxrss, children.ru_maxrss) * scale,
    }


def close(home: Path, run_id: str) -> None:
    """Closes the record of a run whose process has ended."""
    from labhand.cycle import settle

    store = Store(home)
    settle.settle(store, store.read(run_id))


if __name__ == "__main__":
    close(Path(sys.argv[1]), sys.argv[2])
