"""A finding: something is off, where, why we think so, and what to do next (`labhand.finding/1`)."""

import hashlib
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

Job = Literal["check", "scan", "watch", "launch"]
Severity = Literal["error", "warning", "note"]
Safety = Literal["neutral", "scientific"]
State = Literal["suspected", "confirmed", "recovered", "closed"]

SEVERITIES: tuple[Severity, ...] = ("note", "warning", "error")
"""From mild to grave."""


class Where(msgspec.Struct, kw_only=True):
    """Where a finding is. Each job fills its own fields; use `in_code`, `in_run` to build one."""

    path: str | UnsetType = UNSET
    # check: lines and columns count from 1, as editors do
    line: int | UnsetType = UNSET
    column: int | UnsetType = UNSET
    end_line: int | None | UnsetType = UNSET
    end_column: int | None | UnsetType = UNSET
    cell: int | None | UnsetType = UNSET
    # scan: rows count from 0 over data rows
    split: str | None | UnsetType = UNSET
    rows: list[int] | UnsetType = UNSET
    rows_total: int | UnsetType = UNSET
    rows_file: str | None | UnsetType = UNSET
    columns: list[str] | UnsetType = UNSET
    cells: list[Any] | None | UnsetType = UNSET
    spans: list[Any] | None | UnsetType = UNSET
    # watch
    run: str | None | UnsetType = UNSET
    attempt: int | None | UnsetType = UNSET
    step: int | None | UnsetType = UNSET
    time: str | None | UnsetType = UNSET
    metric: str | None | UnsetType = UNSET
    layer: str | None | UnsetType = UNSET
    batch_rows: list[int] | None | UnsetType = UNSET
    rank: int | None | UnsetType = UNSET


def in_code(
    path: str,
    line: int,
    column: int = 1,
    end_line: int | None = None,
    end_column: int | None = None,
    cell: int | None = None,
) -> Where:
    """A place in code. Lines and columns count from 1; `cell` counts notebook cells from 0."""
    return Where(
        path=path, line=line, column=column, end_line=end_line, end_column=end_column, cell=cell
    )


def in_run(
    run: str | None,
    attempt: int | None,
    *,
    step: int | None = None,
    time: str | None = None,
    metric: str | None = None,
    layer: str | None = None,
    batch_rows: list[int] | None = None,
    rank: int | None = None,
) -> Where:
    """A place in a run. `time` is ISO 8601 with offset; `batch_rows` count from 0 in the batch."""
    return Where(
        run=run,
        attempt=attempt,
        step=step,
        time=time,
        metric=metric,
        layer=layer,
        batch_rows=batch_rows,
        rank=rank,
    )


class Related(msgspec.Struct):
    """One link in the chain of evidence."""

    message: str
    where: Where


class FindingFix(msgspec.Struct):
    """A change that would settle the finding. `patch` is a unified diff."""

    safety: Safety
    summary: str
    patch: str


class Finding(msgspec.Struct, kw_only=True):
    """Something is off. The last five fields belong to watch, where a finding has a life."""

    schema: str = "labhand.finding/1"
    id: str
    job: Job
    rule: str
    severity: Severity
    confidence: float
    message: str
    where: Where
    evidence: dict[str, Any] = {}
    related: list[Related] = []
    advice: str
    fix: FindingFix | None = None
    state: State | UnsetType = UNSET
    opened_step: int | None | UnsetType = UNSET
    confirmed_step: int | None | UnsetType = UNSET
    recovered_step: int | None | UnsetType = UNSET
    alarm: bool | UnsetType = UNSET


class Skipped(msgspec.Struct):
    """A rule that could not run, and why."""

    rule: str
    why: str


class Findings(msgspec.Struct, kw_only=True):
    """What check, scan and watch answer (`labhand.findings/1`)."""

    schema: str = "labhand.findings/1"
    findings: list[Finding] = []
    ran: list[str] = []
    skipped: list[Skipped] = []
    summary: dict[str, Any] = {}

    def worst(self) -> Severity | None:
        """The gravest severity among the findings; None where there are none."""
        grave = [SEVERITIES.index(f.severity) for f in self.findings]
        return SEVERITIES[max(grave)] if grave else None


def stable_id(*parts: object) -> str:
    """Twelve hex digits that stay the same while the parts do.

    Leave out what moves (line numbers, steps), so that a verdict holds after an edit above it.
    """
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]
