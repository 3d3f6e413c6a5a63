"""Two signals: the terminal that hangs up, and the question where the program stands."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import faulthandler
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .session import Session

_EXITING = 0x4  # PF_EXITING of the kernel: set before the files of a dying process are closed


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return os.path.isdir("/proc/self") is False
    return fields[0] not in (b"Z", b"X") and not int(fields[6]) & _EXITING


def _leave_terminal(session: Session) -> None:
    """Points what was the terminal to the null device; a write to it would fail from now on."""
    null = os.open(os.devnull, os.O_RDWR)
    left = []
    for fd in (0, 1, 2):
        try:
            kind = os.fstat(fd)
            lost = stat.S_ISCHR(kind.st_mode) and not os.isatty(fd)
            if lost and kind.st_rdev != os.fstat(null).st_rdev:
                os.dup2(null, fd)
                left.append(fd)
        except OSError:
            continue
    os.close(null)
    if left:
        session.event("facts", hangup="labhand, its keeper and the terminal are gone; going on")


def arm_hangup(session: Session) -> None:
    """Lets the training outlive keeper and terminal. With the keeper alive a hang-up ends it."""
    keeper = int(os.environ["LABHAND_KEEPER"])
    if _signal.getsignal(_signal.SIGHUP) != _signal.SIG_DFL:
        return

    def hangup(number: int, frame: Any) -> None:
        if _alive(keeper):
            _signal.signal(_signal.SIGHUP, _signal.SIG_DFL)
            os.kill(os.getpid(), _signal.SIGHUP)
            return
        _leave_terminal(session)

    _signal.signal(_signal.SIGHUP, hangup)


def arm_stacks(module: ModuleType | None, session: Session) -> None:
    """Lets SIGUSR1 write all stacks to `stacks.<pid>.txt`, unless the program handles it itself.

    The file is made here, empty: where it exists, the signal may be sent. Python code need not
    run for it, so it also works while the program hangs in a lock or a kernel.
    """
    if _signal.getsignal(_signal.SIGUSR1) != _signal.SIG_DFL:
        return
    path = os.path.join(session.attempt, "stacks.%d.txt" % session.pid)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags, 0o600)
    except FileExistsError:  # armed before
        return
    faulthandler.register(_signal.SIGUSR1, file=handle, all_threads=True, chain=False)
