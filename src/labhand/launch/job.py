"""What launch speaks of: a job, its process, its end, and the way on after a failure."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import msgspec

from labhand.core.finding import Finding
from labhand.core.run import Attempt, Failure, Fix
from labhand.kit.configuration import Allowed

if TYPE_CHECKING:
    from labhand.launch.raised import Raised

Stream = Literal["stdout", "stderr"]


class Job(msgspec.Struct, kw_only=True):
    """One command to start. `env` is the whole environment, `attempt_dir` exists already.

    With a `terminal` (rows, columns) standard output is a pty, and so are those of standard input
    and error that are terminals here; the others pass as they are or as a pipe. `on_terminal` says
    outright which of `stdin`, `stdout`, `stderr` are the pty. Without a `terminal`: plain pipes,
    standard input inherited. `overlay` holds whole texts to run in place of files, by absolute path;
    `open_files` how many files it may have open, None: as many as we may. `name` is what an engine
    shall call it; `gpus`, `cpus` and `memory` (bytes) what it shall give it on each node, None: as its
    settings say.
    """

    command: list[str]
    cwd: str
    env: dict[str, str]
    attempt_dir: str
    terminal: tuple[int, int] | None = None
    on_terminal: tuple[str, ...] | None = None
    overlay: dict[str, str] = {}
    open_files: int | None = None
    name: str = "labhand"
    gpus: int | None = None
    cpus: int | None = None
    memory: int | None = None


class Output(NamedTuple):
    """A piece of output as it came. What is written to the pty is `stdout`."""

    stream: Stream
    data: bytes


class End(msgspec.Struct, kw_only=True):
    """How a process ended. `exit_code` is 128 + signal where killed, None: lost, nobody saw it.

    `cpu_s` and `max_rss_bytes` are over the process and the descendants it waited for;
    `oom_kills` is how often the kernel killed for memory in its control group meanwhile.
    """

    exit_code: int | None = None
    signal: int | None = None
    wall_s: float = 0.0
    cpu_s: float | None = None
    max_rss_bytes: int | None = None
    ended: str
    oom_kills: int | None = None


class Process(Protocol):
    """A training that was started. One reader at a time."""

    pid: int

    def fileno(self) -> list[int]:
        """The fds that become readable when there is output or an end."""
        ...

    def read(self, timeout: float) -> list[Output]:
        """What came within `timeout` seconds; empty: nothing, or nothing is left."""
        ...

    def write(self, data: bytes) -> None:
        """Types into its terminal. Blocks while the terminal is full; nothing without one."""
        ...

    def resize(self, rows: int, columns: int) -> None:
        """Changes the size of its terminal."""
        ...

    def takes_signals(self) -> bool:
        """Whether keys such as Ctrl-Z are signals in its terminal now, and not input."""
        ...

    def signal(self, number: int) -> None:
        """Sends a signal to its process group; nothing when it has ended."""
        ...

    def kill(self) -> None:
        """Ends it, its group and all its descendants at once, by SIGKILL."""
        ...

    def end(self) -> End | None:
        """How it ended; None while it runs or `read` has not yet taken all its output."""
        ...

    def close(self) -> None:
        """Lets go of it. A training that still runs goes on, its output carried by the keeper."""
        ...


class Evidence(msgspec.Struct, kw_only=True, dict=True):
    """What is known of a bad end. `exception` is the data of the probe's event, `tail` output.

    `stood_still`: what watch said where the run stood still when it ended.
    """

    exit_code: int | None
    signal: int | None = None
    exception: dict[str, Any] | None = None
    tail: str = ""
    command: list[str] = []
    cwd: str = ""
    env: dict[str, str] = {}
    oom_kills: int | None = None
    stood_still: Finding | None = None

    @cached_property
    def raised(self) -> "Raised | None":
        """The exception that ended it: from the probe, else from the last traceback in the tail."""
        from labhand.launch.raised import raised

        return raised(self.exception, self.tail)

    @cached_property
    def lines(self) -> list[str]:
        """The tail as a person saw it: redrawn lines as last drawn, no colours, no rank prefixes."""
        from labhand.launch.raised import seen

        return seen(self.tail)


class Situation(msgspec.Struct, kw_only=True):
    """Where a failure is to be mended. `attempts` are all so far, the failed one last.

    `resume_flag`: the script's switch for taking it up again, where a person named it. `alone`: no
    other run goes on beside it, whose checkpoints could be taken for its own.
    """

    job: Job
    attempts: list[Attempt]
    root: str
    home: str
    allowed: Allowed = "neutral"
    resume_flag: str = ""
    alone: bool = True


class Mending(NamedTuple):
    """A fix, and how to apply it. Nothing has been changed yet.

    `apply` makes the change and returns the next attempt's job, whose `attempt_dir` is the
    caller's to fill; it raises a LabhandError when the change could not be made, everything then
    being as before. `undo` takes the change back. `question`: what the person must be asked first;
    None: it may be applied at once. `wait_s` is how long to wait before the next attempt.
    """

    fix: Fix
    apply: Callable[[], Job]
    undo: Callable[[], None]
    question: str | None = None
    wait_s: float = 0.0


class Recogniser(Protocol):
    """Knows one kind of failure. A lower `order` is asked first; 50 where a class has none."""

    def recognise(self, evidence: Evidence) -> Failure | None:
        """The failure, when it is of this kind. Fast: no process, no network."""
        ...


class Fixer(Protocol):
    """Knows how to mend one kind of failure: the one its file is named after."""

    def propose(self, failure: Failure, situation: Situation) -> Mending | None:
        """A way on, or None with the reason in `failure.evidence["advice"]`. Changes nothing."""
        ...
