"""A run: one command carried to its end, in one or more attempts (`labhand.run/1`)."""

from typing import Any, Literal

import msgspec

from labhand.core.finding import Finding, Safety

Status = Literal["running", "finished", "failed", "stopped", "lost"]


class Failure(msgspec.Struct):
    """Why an attempt ended badly. `kind` is a name of the catalogue of failures."""

    kind: str
    message: str
    evidence: dict[str, Any] = {}


class Fix(msgspec.Struct):
    """A change that led to the next attempt. `patch` says the change exactly: a diff or a command."""

    kind: str
    summary: str
    safety: Safety
    patch: str

    @property
    def changes_code(self) -> bool:
        """Whether `patch` is a diff of files, which a person can accept."""
        return self.patch.startswith("--- a/")


class Attempt(msgspec.Struct, kw_only=True):
    """One start of the run's process. `exit_code` is 128 + signal where it was killed."""

    number: int
    command: list[str]
    exit_code: int | None = None
    signal: int | None = None
    started: str
    wall_s: float | None = None
    failure: Failure | None = None
    fix: Fix | None = None


class Metric(msgspec.Struct, kw_only=True):
    """A metric in short. `first`, `last`, `min` and `max` are over finite values; None without any."""

    points: int
    first: float | None
    last: float | None
    min: float | None
    max: float | None
    last_step: int
    non_finite: int


class Code(msgspec.Struct):
    """The code of a run. `tree` is a git tree, or `objects:<hash>` outside git; None: not kept."""

    commit: str | None = None
    dirty: bool = False
    tree: str | None = None


class Environment(msgspec.Struct):
    """Where a run ran. `variables` are names only; values are never kept."""

    python: str = ""
    packages: dict[str, str] = {}
    host: dict[str, Any] = {}
    gpus: list[dict[str, Any]] = []
    variables: list[str] = []


class Resources(msgspec.Struct):
    """What the process and its children used. Peak memory is of the largest single process."""

    cpu_s: float | None = None
    max_rss_bytes: int | None = None


class Run(msgspec.Struct, kw_only=True):
    """One command carried to its end. Times are ISO 8601 with offset, durations seconds."""

    schema: str = "labhand.run/1"
    id: str
    name: str
    status: Status = "running"
    exit_code: int | None = None
    command: list[str]
    cwd: str
    started: str
    ended: str | None = None
    wall_s: float | None = None
    attempts: list[Attempt] = []
    findings: list[Finding] = []
    metrics: dict[str, Metric] = {}
    config: dict[str, Any] = {}
    code: Code = msgspec.field(default_factory=Code)
    environment: Environment = msgspec.field(default_factory=Environment)
    resources: Resources = msgspec.field(default_factory=Resources)
    parents: list[str] = []
