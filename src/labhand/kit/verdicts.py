"""A person's answers to findings: `.labhand/verdicts.jsonl`, one event a line, only ever added to."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from labhand.core import event
from labhand.core.errors import NotFoundError, UsageError
from labhand.core.finding import Finding, Findings, Job
from labhand.core.home import make_folder
from labhand.core.run import Run
from labhand.core.store import add_line, write_whole

FILE = "verdicts.jsonl"
SCANNED = "findings.json"
"""What the latest scan of some data said, beside its patches."""

Answer = Literal["fine", "real", "undo"]


class Verdict(msgspec.Struct, kw_only=True):
    """What a person said of a finding: `fine`, nothing was off; `real`, it was right.

    `run` is the run's id, empty for a scan; `time` ISO 8601 with offset; `evidence` holds the `score` of the finding
    where it has one. The file also knows the answer `undo`, which takes an earlier one back.
    """

    finding: str
    rule: str
    job: Job
    run: str
    answer: Answer
    evidence: dict[str, Any] = {}
    time: str = ""

    @property
    def score(self) -> float | None:
        """The score that the finding was told with; None where it has none."""
        score = self.evidence.get("score")
        return float(score) if isinstance(score, (int, float)) else None


def add(home: Path, finding: Finding, run: str, answer: Answer) -> None:
    """Adds an answer to the finding of the run with that id, or of a scan. Writes. Raises OSError."""
    score = finding.evidence.get("score")
    line = event.encode(
        "verdict",
        finding=finding.id,
        rule=finding.rule,
        job=finding.job,
        run=run,
        answer=answer,
        evidence={} if score is None else {"score": score},
    )
    make_folder(str(home))
    add_line(home / FILE, line)


def read(home: Path) -> list[Verdict]:
    """The answers that stand, the newest of each finding of a run, oldest first; undone ones not.

    A line that cannot be read is passed over.
    """
    standing: dict[tuple[str, str], Verdict] = {}
    for happened in event.read_from(home / FILE, {}):
        if happened.kind != "verdict":
            continue
        try:
            said = msgspec.convert(happened.data | {"time": happened.time}, Verdict)
        except msgspec.ValidationError:
            continue
        standing.pop((said.run, said.finding), None)
        if said.answer != "undo":
            standing[said.run, said.finding] = said
    return list(standing.values())


def keep_scan(out: Path, findings: Findings) -> None:
    """Keeps what a scan said, so that it can be answered. Writes. Raises OSError."""
    write_whole(out / SCANNED, msgspec.json.encode(findings.findings))


def of_scans(home: Path) -> list[Finding]:
    """The findings of the latest scan of each data."""
    found: list[Finding] = []
    for path in sorted(home.glob(f"scan/*/{SCANNED}")):
        with suppress(OSError, msgspec.DecodeError):
            found += msgspec.json.decode(path.read_bytes(), type=list[Finding])
    return found


def find(run: Run, beginning: str) -> Finding:
    """The one finding of the run whose id begins so.

    Raises:
        NotFoundError: there is none.
        UsageError: there are several.
    """
    meant = {f.id: f for f in run.findings if f.id.startswith(beginning.lower())}
    if len(meant) == 1:
        return next(iter(meant.values()))
    if not meant:
        known = ", ".join(f"`{f.id[:6]}` ({f.rule})" for f in run.findings[:8])
        there = f"it has {known}" if known else "it has none"
        raise NotFoundError(
            f"no finding of {run.name} has an id that begins with `{beginning}`; {there}; name "
            "the run that told it"
        )
    raise UsageError(
        f"`{beginning}` begins the ids of {len(meant)} findings of {run.name}: "
        f"{', '.join(meant)}; write more of it"
    )
