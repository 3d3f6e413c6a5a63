"""Where keepers come from: the first of a process is a Python of its own, those after it are forks."""

import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

_FOLDER = Path(__file__).parent
_KEEPER = "import keeper; keeper.main(int(sys.argv[1]))"
"""Imported, it is not compiled anew for each training, as a script would be."""
MOST = 16
"""Fds that a fork is handed at most."""
_FORKS = "import forks; forks.main()"


class _Forks:
    """The process that forks keepers for this one."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._line, theirs = socket.socketpair()
        with theirs:
            self._pid = _python(_FORKS, theirs.fileno(), set())

    def keeper(self, control: int, inherited: set[int]) -> int:
        """The pid of a new keeper. Raises OSError, ValueError: it is there no more."""
        fds = [control, *sorted((inherited | _handed_on()) - {control})]
        if len(fds) > MOST:
            raise OSError(f"{len(fds)} fds are too many to hand over")
        socket.send_fds(self._line, [" ".join(map(str, fds)).encode()], fds)
        return int(self._line.recv(32))

    def close(self) -> None:
        """Lets go of it; it ends when nobody holds it any more."""
        self._line.close()
        with suppress(ChildProcessError):  # it is another process's
            os.waitpid(self._pid, os.WNOHANG)


def _handed_on() -> set[int]:
    """The fds that whoever is started by this process gets, beside the standard streams."""
    found = set()
    for name in os.listdir("/dev/fd"):  # noqa: PTH208
        with suppress(OSError):  # the one that listed them is closed by now
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.add(int(name))
    return found


_started: dict[int, int] = {}
"""Trainings that a process has started: those of one that forked us are not ours."""
_forks: _Forks | None = None
_one_at_a_time = threading.Lock()


def new_keeper(control: int, inherited: set[int]) -> int:
    """The pid of a keeper that listens at `control`, and has the inherited fds under their numbers."""
    global _forks
    with _one_at_a_time:
        ours = os.getpid()
        if _forks is not None and _forks.owner != ours:
            _forks.close()
            _forks = None
        _started[ours] = _started.get(ours, 0) + 1
        if _started[ours] > 1:
            _forks = _forks or _Forks()
            with suppress(OSError, ValueError):
                return _forks.keeper(control, inherited)
            _forks.close()  # somebody ended it
            _forks = None
        return _python(_KEEPER, control, inherited)


def _python(program: str, line: int, inherited: set[int]) -> int:
    """The pid of a Python that knows only its own library, and has these fds."""
    for fd in (line, *inherited):
        os.set_inheritable(fd, True)
    nowhere = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    begin = f"import sys; sys.path.insert(0, sys.argv[2]); {program}"
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", begin, str(line), str(_FOLDER)],
            os.environ,
            file_actions=[nowhere, (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)],
            # Till its handlers stand nothing can hit it, not even Ctrl-C at our terminal.
            setsigmask=signal.valid_signals(),
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    finally:
        for fd in (line, *inherited):
            os.set_inheritable(fd, False)
