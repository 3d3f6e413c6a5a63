"""The keeper: the parent of the training, so that labhand may die without hurting it.

`main` is all of a process of its own (`python -I -S`), standard library only. It reads a plan from
the control socket, starts the command, and sleeps. It answers on the same socket, one line each:
`started PID` or `failed ERRNO` and, at the end, `ended` with the JSON of `end.json`. When the
other side of the socket is gone before it said `done`, labhand has died: the keeper then carries
the output into `output.log`, scrubbed, until the training ends. After `done` it takes another plan,
or ends with the socket.
"""

import _socket  # what `socket` adds takes longer to import than all the rest here
import os
import select
import sys
import time

TYPE_CHECKING = False  # typing itself takes longer to import than all the rest here
if TYPE_CHECKING:
    import signal
    from resource import struct_rusage
    from types import FrameType
    from typing import Any
else:
    import _signal as signal  # the same without enums, which take as long as the rest together

CHUNK = 65536
MOST_FDS = 16
"""So many fds come with a plan at most."""
DONE = b"done"
"""What labhand says when it has all it wants of an ended training."""
QUIET_S = 0.2
"""So long without a byte after the end, and what others still hold open is left to them."""
DRAIN_S = 5.0
"""So long at most for what an ended training left in its streams."""

_DEADLY = (
    "SIGHUP SIGINT SIGQUIT SIGTERM SIGUSR1 SIGUSR2 SIGALRM SIGXCPU SIGVTALRM SIGPROF SIGIO SIGTSTP "
    "SIGTTIN SIGTTOU"
).split()


class Plan:
    """What to start, as labhand wrote it: NUL between the fields, lists with their length first.

    Streams are told by their place among the fds that came with it.
    """

    def __init__(self, fields: list[bytes], fds: list[int]) -> None:
        self.fds = fds
        rest = iter(fields)

        def many() -> list[bytes]:
            return [next(rest) for _ in range(int(next(rest)))]

        self.attempt_dir = os.fsdecode(next(rest))
        self.cwd = next(rest)
        self.program = next(rest)
        self.command = many()
        self.env = dict(pair.split(b"=", 1) for pair in many())
        self.mask = [int(number) for number in many()]
        self.import_path = [os.fsdecode(entry) for entry in many()]
        self.streams = [fds[int(at)] for at in many()]  # the training's stdin, stdout, stderr
        self.readers = [fds[int(at)] for at in many()]  # where its output comes out
        terminal = int(next(rest))  # the training's side of the pty; -1: plain pipes
        self.terminal = fds[terminal] if terminal >= 0 else -1
        self.open_files = int(next(rest))  # the limit it gets; 0: the one that is ours

    @classmethod
    def receive(cls, control: "_socket.socket") -> "Plan | None":
        """The plan that labhand sends: its length in ten digits, with the fds, then the fields.

        None: the other side is gone.
        """
        try:
            length, aside, _, _ = control.recvmsg(10, _socket.CMSG_LEN(4 * MOST_FDS))
        except OSError:
            return None
        content = b"".join(part for _, _, part in aside)
        fds = [
            int.from_bytes(content[at : at + 4], sys.byteorder) for at in range(0, len(content), 4)
        ]
        for fd in fds:
            os.set_inheritable(fd, False)
        length += _exactly(control, 10 - len(length))
        fields = _exactly(control, int(length or 0))
        return cls(fields.split(b"\0"), fds) if fields else None


def _exactly(control: "_socket.socket", size: int) -> bytes:
    """So many bytes; none where the other side is gone before they came."""
    parts = []
    while size:
        part = _heard(control, min(size, CHUNK))
        if not part:
            return b""
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _heard(control: "_socket.socket", most: int) -> bytes:
    """What labhand says; none where it is gone, also with something of ours unread."""
    try:
        return control.recv(most)
    except OSError:
        return b""


def _nothing(number: int, frame: "FrameType | None") -> None:
    """A handler: unlike an ignored signal it is gone after exec."""


def _stay_calm() -> int:
    """The fd that wakes the keeper at a signal; those that would end it are taken and dropped."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _nothing)
    for name in _DEADLY:
        number = getattr(signal, name)
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _nothing)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return awake


def _start(plan: Plan) -> tuple[int, int]:
    """The pid of the training, and 0 or the errno that kept it from starting."""
    plan.env[b"LABHAND_KEEPER"] = b"%d" % os.getpid()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become(plan)
        except OSError as error:
            os.write(tell, b"%d" % (error.errno or 1))
        finally:
            os._exit(127)
    os.close(tell)
    trouble = os.read(told, 16)
    os.close(told)
    return pid, int(trouble or 0)


def _become(plan: Plan) -> None:
    """Turns this process into the training. Returns never; raises OSError."""
    streams = [os.dup(fd) for fd in plan.streams]
    if plan.terminal >= 0:
        os.login_tty(plan.terminal)
    else:
        os.setpgid(0, 0)
    for fd, stream in enumerate(streams):
        os.dup2(stream, fd)
    os.chdir(plan.cwd)
    if plan.open_files:
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (plan.open_files, most))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, plan.mask)
    try:
        os.execve(plan.program, plan.command, plan.env)
    except OSError as error:
        # A script without a first line that names its interpreter: as shells and execvp do.
        if error.errno != 8 or _is_binary(plan.program):
            raise
        os.execve(b"/bin/sh", [b"/bin/sh", plan.program, *plan.command[1:]], plan.env)


def _is_binary(path: bytes) -> bool:
    fd = os.open(path, os.O_RDONLY)
    try:
        return b"\0" in os.read(fd, 128)
    finally:
        os.close(fd)


def _leave_alone(keep: set[int]) -> None:
    """Lets go of all the training was handed, so that its pipes end when it lets go of them."""
    os.chdir("/")
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, low + 256)


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot: tells a recycled pid. None off Linux."""
    words = _content(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(words[19]) if len(words) > 19 else None


def boot_id() -> str | None:
    """The id of this boot of the machine; None off Linux."""
    return _content("/proc/sys/kernel/random/boot_id").strip() or None


def oom_kills() -> int | None:
    """How often the kernel has killed for memory in this control group; None where unreadable."""
    mount = "/sys/fs/cgroup"
    paths = []
    for line in _content("/proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            paths.append(f"{mount}{group}/memory.events")
        elif "memory" in controllers.split(","):
            paths.append(f"{mount}/memory{group}/memory.oom_control")
    paths += [f"{mount}/memory.events", f"{mount}/memory/memory.oom_control"]
    for path in paths:
        for line in _content(path).splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None


def _content(path: str) -> str:
    try:
        with open(path, errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


def now() -> str:
    """The time now, ISO 8601 with the local offset, to the millisecond."""
    instant = time.time()
    local = time.localtime(instant)
    zone = time.strftime("%z", local)
    day = time.strftime("%Y-%m-%dT%H:%M:%S", local)
    return f"{day}.{int(instant % 1 * 1000):03d}{zone[:3]}:{zone[3:5]}"


def end_of(
    status: int, usage: "struct_rusage", wall_s: float, kills: int | None
) -> "dict[str, Any]":
    """The end of a process as it stands in `end.json`, from what wait4 said."""
    code = os.waitstatus_to_exitcode(status)
    return {
        "exit_code": code if code >= 0 else 128 - code,
        "signal": -code if code < 0 else None,
        "wall_s": round(wall_s, 6),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 6),
        "max_rss_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "ended": now(),
        "oom_kills": kills,
    }


def write_json(folder: str, name: str, content: "dict[str, Any]") -> bytes:
    """The JSON of `content`; also writes it, whole, or nothing where the disk refuses.

    `content` is flat and of numbers, None, and texts without a quote or a backslash: times and ids.
    """
    told = {None: "null"}
    pairs = [
        f'"{key}": ' + (f'"{value}"' if isinstance(value, str) else told.get(value) or repr(value))
        for key, value in content.items()
    ]
    text = f"{{{', '.join(pairs)}}}".encode()
    part = f"{folder}/.{name}.part"
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            written = os.write(fd, text + b"\n")
        finally:
            os.close(fd)
        if written == len(text) + 1:
            os.replace(part, f"{folder}/{name}")  # noqa: PTH105
    except OSError:
        pass
    return text


class Log:
    """`output.log`, written by the keeper only when labhand is gone, and only scrubbed."""

    def __init__(self, plan: Plan) -> None:
        sys.path[:] = plan.import_path
        from labhand.kit.scrub import Scrubber, Stream

        env = {os.fsdecode(name): os.fsdecode(value) for name, value in plan.env.items()}
        scrubber = Scrubber(env, [os.fsdecode(word) for word in plan.command])
        self._scrubs = {fd: Stream(scrubber) for fd in plan.readers}
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._fd = os.open(f"{plan.attempt_dir}/output.log", flags, 0o600)

    def feed(self, fd: int, data: bytes) -> None:
        """Takes in a piece of what came from `fd`."""
        try:
            self._write(self._scrubs[fd].feed(data))
        except Exception:  # a full disk: the output is lost, the training is not
            return

    def close(self) -> None:
        """Writes what was held back for the end of its line."""
        try:
            for scrub in self._scrubs.values():
                self._write(scrub.flush())
        except Exception:  # as above
            return
        finally:
            os.close(self._fd)

    def _write(self, clean: bytes) -> None:
        while clean:
            clean = clean[os.write(self._fd, clean) :]


class Keeper:
    """One training and what it needs of its parent."""

    def __init__(self, control: "_socket.socket", awake: int, plan: Plan) -> None:
        self.control, self.awake, self.plan = control, awake, plan
        self.readers = list(plan.readers)
        self.alone = False
        self.log: Log | None = None

    def tell(self, line: bytes) -> None:
        """Says one line to labhand, if it is there."""
        try:
            self.control.sendall(line + b"\n")
        except OSError:
            self.hear(b"")

    def hear(self, word: bytes) -> None:
        """Takes in that labhand is done, or fell silent for good."""
        if self.alone:
            return
        self.alone = True
        if not word:
            try:
                self.log = Log(self.plan)
            except Exception:  # nothing unscrubbed is written; the training goes on all the same
                self.log = None

    def keep(self, pid: int, began: float, kills: int | None) -> None:
        """Waits for the training to end and tells it, to the disk and to labhand."""
        while True:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                break
            self.wait(None)
        wall_s = time.monotonic() - began
        if self.plan.terminal >= 0:
            os.close(self.plan.terminal)  # from here on the pty ends with its last holder
        if self.alone:
            self.drain()
        after = oom_kills()
        new_kills = None if kills is None or after is None else after - kills
        end = end_of(status, usage, wall_s, new_kills)
        self.tell(b"ended " + write_json(self.plan.attempt_dir, "end.json", end))
        while not self.alone:
            self.wait(None)
        self.drain()
        if self.readers:
            self.linger()

    def wait(self, timeout_s: float | None) -> bool:
        """Sleeps till something happens. False: the time is over and nothing did."""
        poll = select.poll()
        control = self.control.fileno()
        for fd in (self.awake, *(self.readers if self.alone else [control])):
            poll.register(fd, select.POLLIN)
        ready = [fd for fd, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)]
        for fd in ready:
            if fd == self.awake:
                os.read(fd, CHUNK)
            elif fd == control:
                self.hear(
                    self.control.recv(len(DONE))
                )  # no more: the next plan may stand behind it
            else:
                self.carry(fd)
        return bool(ready)

    def carry(self, fd: int) -> None:
        """Takes one piece of output; a stream at its end is let go."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO is how a pty says that its last holder is gone
            data = b""
        if not data:
            self.readers.remove(fd)
        elif self.log is not None:
            self.log.feed(fd, data)

    def drain(self) -> None:
        """Takes what the ended training left in its streams, not waiting for its daemons."""
        quiet_s = QUIET_S if self.log is not None else 0.0
        deadline = time.monotonic() + DRAIN_S
        while self.readers and time.monotonic() < deadline and self.wait(quiet_s):
            pass
        if self.log is not None:
            self.log.close()
            self.log = None

    def linger(self) -> None:
        """Stays, as a process of its own, for daemons that still write where we read."""
        if os.fork():
            return
        self.control.close()  # it and what woke us are still the parent's
        self.awake = _stay_calm()
        while self.readers:
            self.wait(None)
        os._exit(0)


def main() -> None:
    """Keeps one training after another; ends when they and labhand have."""
    control = _socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)
    os.setsid()
    awake = _stay_calm()
    while (plan := Plan.receive(control)) and _kept(Keeper(control, awake, plan)):
        _leave_alone({control.fileno(), awake, _wake()})


def _kept(keeper: Keeper) -> bool:
    """Whether it started the training, and kept it to its end."""
    plan = keeper.plan
    kills = oom_kills()
    began = time.monotonic()
    pid, trouble = _start(plan)
    if trouble:
        os.waitpid(pid, 0)
        keeper.tell(b"failed %d" % trouble)
        return False
    own = {keeper.control.fileno(), keeper.awake, _wake()}
    _leave_alone(own | {*plan.readers, plan.terminal} - {-1})
    process = {
        "schema": "labhand.process/1",
        "keeper": os.getpid(),
        "pid": pid,
        "started": now(),
        "start_ticks": start_ticks(pid),
        "boot_id": boot_id(),
    }
    write_json(plan.attempt_dir, "process.json", process)
    keeper.tell(b"started %d" % pid)
    keeper.keep(pid, began, kills)
    return True


def _wake() -> int:
    """The fd that signals write to."""
    wake = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    return wake
