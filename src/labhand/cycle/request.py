"""What is asked of a run, and the face that is told how it goes."""

from pathlib import Path
from typing import Literal, Protocol

import msgspec

from labhand.core.finding import Finding
from labhand.core.run import Code, Failure, Fix, Run
from labhand.kit.configuration import Allowed, OnAlarm


class LaidOut(msgspec.Struct):
    """Code as it was kept of an earlier run, in the folder `place`; its `project` lies elsewhere."""

    code: Code
    place: Path
    project: Path


class Request(msgspec.Struct, kw_only=True):
    """One run, as asked for. `settings` are values to change without editing a file.

    `limit`, `budget`: a time or money, as typed, of the run and of the sweep it belongs to. `cpus`,
    `gpus`, `memory`: what it shall have for itself; None: as the command tells. `resume_flag`: the
    script's switch that takes it up again; None: it is looked for. `stop_lost`: whether it is ended once
    it is plainly lost; None: as the project has it. `sweep`: the id of the one it belongs to.
    """

    command: list[str]
    cwd: Path
    name: str | None = None
    settings: dict[str, str] = {}
    fix: Allowed | None = None
    check: bool = True
    on_alarm: OnAlarm | None = None
    launcher: str = "local"
    cpus: int | None = None
    gpus: int | None = None
    memory: str | None = None
    limit: str | None = None
    budget: str | None = None
    stop_lost: bool | None = None
    resume_flag: str | None = None
    sweep: str | None = None
    parents: list[str] = []
    laid_out: LaidOut | None = None


Trend = Literal["falls", "rises", "level"]


class Status(msgspec.Struct):
    """How a run stands, for a quiet line: the metrics that tell most, with their newest values.

    `cost`: what it has cost, where a price is set, and `whole_cost` what it will. `total`: all steps, `pace`: steps a second, `left_s`: the seconds left at that pace, `silent_s`:
    those since the last step, where they are many. None: not known.
    """

    name: str
    seconds: float
    step: int | None
    metrics: dict[str, float]
    alarms: int
    total: int | None = None
    pace: float | None = None
    left_s: float | None = None
    silent_s: float | None = None
    memory_bytes: float | None = None
    cost: float | None = None
    whole_cost: float | None = None
    trends: dict[str, Trend] = {}

    def priced(self, price: float) -> None:
        """Notes the cost at a price an hour; nothing where none is set."""
        if price > 0:
            self.cost = self.seconds / 3600 * price
            if self.left_s is not None:
                self.whole_cost = (self.seconds + self.left_s) / 3600 * price


class Face(Protocol):
    """Whoever shows a run while it goes on. Called from one thread; must not block for long."""

    def terminal(self) -> tuple[int, int] | None:
        """Rows and columns of the terminal the command shall have; None: plain pipes."""

    def input(self) -> int | None:
        """The descriptor typed input comes from; None: none is passed on by us."""

    def started(self, run: Run) -> None:
        """The run has a name and a folder, its first attempt is about to start."""

    def output(self, stream: str, data: bytes) -> None:
        """The command printed `data` on `stream` (stdout or stderr)."""

    def finding(self, finding: Finding) -> None:
        """A finding was opened, or changed its state."""

    def failed(self, failure: Failure, fix: Fix | None) -> None:
        """An attempt ended badly; with a fix another one follows."""

    def allows(self, fix: Fix, question: str | None) -> bool:
        """Whether the person agrees to a fix that needs consent. Blocks until answered."""

    def pause(self) -> None:
        """Ctrl-Z: hands the terminal back to the shell; returns when the person goes on."""

    def tell(self, message: str) -> None:
        """Something about labhand itself that the person must know, such as a full disk."""

    def status(self, status: Status) -> None:
        """How the run stands; called about each second."""


class Through:
    """A face that hands everything on to another; whoever listens in beside it builds on this."""

    def __init__(self, face: Face) -> None:
        self.face = face

    def terminal(self) -> tuple[int, int] | None:
        """As the other answers."""
        return self.face.terminal()

    def input(self) -> int | None:
        """As the other answers."""
        return self.face.input()

    def started(self, run: Run) -> None:
        """Hands it on."""
        self.face.started(run)

    def output(self, stream: str, data: bytes) -> None:
        """Hands it on."""
        self.face.output(stream, data)

    def finding(self, finding: Finding) -> None:
        """Hands it on."""
        self.face.finding(finding)

    def failed(self, failure: Failure, fix: Fix | None) -> None:
        """Hands it on."""
        self.face.failed(failure, fix)

    def allows(self, fix: Fix, question: str | None) -> bool:
        """As the other answers."""
        return self.face.allows(fix, question)

    def pause(self) -> None:
        """Hands it on."""
        self.face.pause()

    def tell(self, message: str) -> None:
        """Hands it on."""
        self.face.tell(message)

    def status(self, status: Status) -> None:
        """Hands it on."""
        self.face.status(status)


class Silent:
    """The face of a detached run: nobody looks, nobody can be asked."""

    def terminal(self) -> tuple[int, int] | None:
        """None: plain pipes."""
        return None

    def input(self) -> int | None:
        """None: no input."""
        return None

    def started(self, run: Run) -> None:
        """Shows nothing."""

    def output(self, stream: str, data: bytes) -> None:
        """Shows nothing."""

    def finding(self, finding: Finding) -> None:
        """Shows nothing."""

    def failed(self, failure: Failure, fix: Fix | None) -> None:
        """Shows nothing."""

    def allows(self, fix: Fix, question: str | None) -> bool:
        """False: nobody is there to agree."""
        return False

    def pause(self) -> None:
        """Returns at once: there is no shell."""

    def tell(self, message: str) -> None:
        """Shows nothing."""

    def status(self, status: Status) -> None:
        """Shows nothing."""
