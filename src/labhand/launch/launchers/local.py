"""Runs the command on this machine, under a keeper."""

import ctypes
import os
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

from labhand.core.errors import UsageError
from labhand.launch import keeper
from labhand.launch.command import program_of
from labhand.launch.job import Job, Process, Stream
from labhand.launch.kept import Kept, set_size, spare_keeper

_NAMES = ("stdin", "stdout", "stderr")
_FOLDER = Path(keeper.__file__).parent
_KEEPER = "import sys; sys.path.insert(0, sys.argv[2]); import keeper; keeper.main()"
"""Imported, it is not compiled anew for each training, as a script would be."""


class Launcher:
    """Runs the command on this machine, under a keeper.

    ## What it does
    Starts the keeper, which starts the command: on a pty where the job has a terminal, in a process
    group of its own on plain pipes where it has none. The keeper outlives labhand, and the training
    both of them, one at a time.

    ## Known problems
    A background job that a shell script leaves behind without `setsid` or `nohup` is hung up when the
    script ends, as in any terminal that closes. With plain pipes there is no `/dev/tty`. When labhand
    and the keeper are both killed, nobody reads the output any more: the training is hung up too.

    ## Example
    `labhand run -- python train.py`

    ## References
    The Linux manual: pty(7), setsid(2), PR_SET_CHILD_SUBREAPER in prctl(2).
    """

    def start(self, job: Job) -> Process:
        """The training, started.

        Raises:
            UsageError: there is no such command, or it cannot be executed.
        """
        program = program_of(job)
        adopt_orphans()
        _open_standard_streams()
        with ExitStack() as opened:
            wires = _Wires(job, opened)
            keeper_pid, ours = spare_keeper() or _spawn_keeper()
            fds = wires.fds
            with suppress(BrokenPipeError):
                plan = _plan(job, program, wires, fds)
                socket.send_fds(ours, [plan[:10]], fds)
                ours.sendall(plan[10:])
            word, _, number = _line(ours).partition(b" ")
            if word != b"started":
                ours.close()
                os.waitpid(keeper_pid, 0)
                wires.close_ours()
                raise UsageError(_why(program, int(number or 0)))
        return Kept(int(number), keeper_pid, ours, wires.readers, wires.master, job.attempt_dir)


class _Wires:
    """The streams between the training and us. What only the training needs closes with `opened`."""

    def __init__(self, job: Job, opened: ExitStack) -> None:
        self.master: int | None = None
        self.slave = -1
        self.readers: dict[int, Stream] = {}
        self._opened = opened
        names = self._on_terminal(job)
        if job.terminal is not None:
            self.master, self.slave = os.openpty()
            opened.callback(os.close, self.slave)
            set_size(self.master, *job.terminal)
            self.readers[self.master] = "stdout"
        self.streams = [
            self.slave if "stdin" in names else 0,
            self.slave if "stdout" in names else self._pipe("stdout"),
            self.slave if "stderr" in names else self._pipe("stderr"),
        ]

    @property
    def fds(self) -> list[int]:
        """What the keeper needs, each once."""
        return sorted({*self.streams, *self.readers, self.slave} - {-1})

    def _on_terminal(self, job: Job) -> tuple[str, ...]:
        if job.terminal is None:
            return ()
        if job.on_terminal is not None:
            return job.on_terminal
        return tuple(n for fd, n in enumerate(_NAMES) if fd == 1 or os.isatty(fd))

    def _pipe(self, name: Stream) -> int:
        reader, writer = os.pipe()
        self.readers[reader] = name
        self._opened.callback(os.close, writer)
        return writer

    def close_ours(self) -> None:
        """Closes what a training that never started will not write to."""
        for fd in self.readers:
            os.close(fd)


def _open_standard_streams() -> None:
    """Puts nothing where a standard stream of ours was closed, so that no other file becomes it."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _spawn_keeper() -> tuple[int, socket.socket]:
    """A keeper, and the socket by which it is told what to keep."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-S", "-c", _KEEPER, str(theirs.fileno()), str(_FOLDER)]
    with theirs:
        os.set_inheritable(theirs.fileno(), True)
        pid = os.posix_spawn(
            sys.executable,
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)],
            # Till its handlers stand nothing can hit it, not even Ctrl-C at our terminal.
            setsigmask=signal.valid_signals(),
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    return pid, ours


def _plan(job: Job, program: str, wires: _Wires, fds: list[int]) -> bytes:
    """The plan as `keeper.Plan` reads it."""
    fields: list[str] = []

    def many(items: list[str]) -> None:
        fields.append(str(len(items)))
        fields.extend(items)

    fields += [str(Path(job.attempt_dir).absolute()), job.cwd, program]
    many(job.command)
    many([f"{name}={value}" for name, value in job.env.items()])
    many([str(int(number)) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())])
    many([str(Path(entry).absolute()) for entry in sys.path])
    many([str(fds.index(fd)) for fd in wires.streams])
    many([str(fds.index(fd)) for fd in wires.readers])
    fields += [str(fds.index(wires.slave) if wires.slave >= 0 else -1), str(job.open_files or 0)]
    content = b"\0".join(map(os.fsencode, fields))
    return b"%010d" % len(content) + content


def _line(control: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = b""
        with suppress(ConnectionResetError):
            part = control.recv(1)
        if not part:
            return b""
        line += part
    return line.rstrip()


def _why(program: str, number: int) -> str:
    reason = os.strerror(number) if number else "its keeper could not be started"
    with suppress(OSError), Path(program).open("rb") as file:
        first = file.readline(200).decode(errors="replace").strip()
        if number == 2 and first.startswith("#!"):
            reason = f"its first line names an interpreter that does not exist: `{first}`"
    return f"`{program}` cannot be started: {reason}; correct that or run another command"


def adopt_orphans() -> None:
    """Makes this process inherit the training when its keeper is killed. Nothing off Linux."""
    if sys.platform == "linux":
        set_child_subreaper = 36
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)
