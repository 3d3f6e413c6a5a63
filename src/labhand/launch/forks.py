"""Forks a keeper for each training that a process starts after its first: none waits for a Python to start.

`main` is all of a process of its own (`python -I -S`), which has loaded the keeper and nothing else, so
that a fork of it costs little. It is told on its socket which fds a keeper gets and under which numbers,
and answers with its pid. It ends when the other side of the socket is gone.
"""

import os
import sys
from _socket import CMSG_LEN, SCM_RIGHTS, SOL_SOCKET, socket
from array import array

MOST = 64
"""Fds that are taken at once at most."""


def main() -> None:
    """Forks keepers until nobody can ask for one. The signals are blocked, as a keeper expects it."""
    import keeper  # type: ignore[import-not-found]  # it lies beside, and nothing of ours is installed here

    os.setsid()
    line = socket(fileno=int(sys.argv[1]))
    os.closerange(3, line.fileno())  # a keeper gets what it is sent
    os.closerange(line.fileno() + 1, line.fileno() + 4096)
    while True:
        told, fds = _asked(line)
        if not told:
            return
        _take_away_ended()
        pid = os.fork()
        if pid == 0:
            try:
                _arrange(fds, told, line)
                keeper.main(told[0])
            finally:
                os._exit(0)
        for fd in fds:
            os.close(fd)
        line.send(b"%d\n" % pid)


def _take_away_ended() -> None:
    """Lets go of the keepers that have ended. Not left to the kernel, which would not count their time."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _asked(line: socket) -> tuple[list[int], list[int]]:
    """The numbers that the fds of the next keeper are to have, the control socket's first, and the fds."""
    said, passed, _, _ = line.recvmsg(1024, CMSG_LEN(MOST * 4))
    fds = array("i")
    for level, kind, data in passed:
        if (level, kind) == (SOL_SOCKET, SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return [int(number) for number in said.split()], list(fds)


def _arrange(fds: list[int], numbers: list[int], line: socket) -> None:
    """Puts the fds under their numbers, over others that are not needed here."""
    above = max(*fds, *numbers, line.fileno()) + 1
    for place, fd in enumerate(fds):
        os.dup2(fd, above + place)
        os.close(fd)
    line.close()
    for place, number in enumerate(numbers):
        os.dup2(above + place, number)
        os.close(above + place)
