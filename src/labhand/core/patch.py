"""A patch: a change of code that was proposed, with its proof and what became of it (`labhand.patch/1`)."""

from typing import Any, Literal

import msgspec

from labhand.core.intent import Intent

RungName = Literal[
    "parses", "check", "imports", "one-step", "unchanged", "tests", "short-run",
]  # fmt: skip
PatchStatus = Literal["proposed", "accepted", "rejected", "not-needed"]


class Rung(msgspec.Struct, kw_only=True):
    """One step of the proof. `said` is a sentence with the numbers; skipped: why it says nothing."""

    name: RungName
    status: Literal["passed", "failed", "skipped"]
    said: str
    seconds: float = 0.0


class Touch(msgspec.Struct, kw_only=True):
    """A changed line that belongs to what judges a result."""

    path: str
    line: int
    what: Literal["evaluation", "metric", "split", "seed", "tests", "record"]
    text: str


class ChangedFile(msgspec.Struct, kw_only=True):
    """A file of a patch with its lines added and removed."""

    path: str
    added: int
    removed: int


class Patch(msgspec.Struct, kw_only=True):
    """A proposed change. `diff` is what was proposed; `final` what was accepted, where a person edited.

    `settings` are the new ones the code has, by the name that `--set` takes, with their defaults;
    `tried` the values they were proven with: what the instruction says, else another than the default.
    `harness_touched`: it changes evaluation, split, seed, metric or tests, so its results cannot be
    held against earlier ones as they are. `command` starts what was asked for.
    """

    schema: str = "labhand.patch/1"
    id: str
    name: str
    instruction: str
    status: PatchStatus
    made: str
    summary: str = ""
    agent: str = ""
    model: str = ""
    diff: str = ""
    files: list[ChangedFile] = []
    settings: dict[str, Any] = {}
    tried: dict[str, str] = {}
    proof: list[Rung] = []
    proven: bool = False
    touches: list[Touch] = []
    harness_touched: bool = False
    notes: list[str] = []
    sandbox: str = ""
    worktree: str | None = None
    trajectory: str | None = None
    steps: int = 0
    tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    command: str = ""
    intent: Intent
    final: str | None = None
    commit: str | None = None
    reason: str | None = None
