"""What a scan was asked for, and what one detector says of it: the same here, in a process beside, or on Ray."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from labhand.core.finding import Finding, Skipped
from labhand.kit import crew
from labhand.scan import outputs
from labhand.scan.data import Data
from labhand.scan.opening import Opened, open_data

ABOUT = "*"
"""The task that says what the data is, beside those named after detectors."""


class Asked(msgspec.Struct, kw_only=True):
    """The data and what is known of it, as another process can open it again."""

    paths: list[str]
    splits: dict[str, str] = {}
    roles: dict[str, str] = {}
    probabilities: str | None = None
    embeddings: str | None = None
    memory: int | None = None
    thorough: bool = False
    out: str | None = None
    home: str | None = None

    def opened(self) -> Opened:
        """The data. Reads; raises as `open_data` does."""
        return open_data(
            [Path(p) for p in self.paths],
            {name: Path(p) for name, p in self.splits.items()},
            self.roles,
            probabilities=_path(self.probabilities),
            embeddings=_path(self.embeddings),
            memory=self.memory,
            thorough=self.thorough,
            home=_path(self.home),
        )


class Said(msgspec.Struct):
    """What one detector said. `about` is of the data itself, where that was asked for."""

    findings: list[Finding] = []
    ran: list[str] = []
    skipped: list[Skipped] = []
    reports: dict[str, Any] = {}
    about: dict[str, Any] = {}


class Looker:
    """Data that was opened once, and what each detector says of it."""

    def __init__(self, asked: Asked, opened: Opened | None = None) -> None:
        from labhand.core.registry import load_all

        self.asked = asked
        self.data, self.skipped = opened or asked.opened()
        self.detectors = load_all("scan-detector", _path(asked.home))[0]

    def say(self, task: str) -> Said:
        """What a detector says; of `ABOUT`, what the data is. Writes rows and patches into `out`."""
        from labhand.scan.engine import look
        from labhand.scan.telling import Verdicts, told

        if task == ABOUT:
            return Said(skipped=self.skipped, about=about(self.data))
        home, out = _path(self.asked.home), _path(self.asked.out)
        looked = look(self.data, {task: self.detectors[task]()})
        findings = told(self.data, looked.anomalies, out, Verdicts.of(home))
        reports = dict(self.data.reports)
        self.data.reports.clear()
        return Said(findings, looked.ran, looked.skipped, reports)

    def __call__(self, task: str) -> bytes:
        """As `say`, as JSON."""
        return msgspec.json.encode(self.say(task))


def looker(given: bytes) -> Looker:
    """What looks, in a process that got the question as JSON."""
    return Looker(msgspec.json.decode(given, type=Asked))


def divided(
    asked: Asked, names: Sequence[str], workers: int, told: Callable[[str], None]
) -> dict[str, Said]:
    """What each detector says, by several processes, or by the Ray cluster where this is a job of one.

    The detectors are divided among the workers, not the rows: each looks at all of the data, and so
    what is found is what one process finds. Each opens the data by itself, with its part of the memory.
    """
    tasks = [ABOUT, *names]
    asked.memory = None if asked.memory is None else asked.memory // max(1, workers)
    given = msgspec.json.encode(asked)
    maker = f"{__name__}:looker"
    ends: Iterator[tuple[str, bytes]]
    if crew.in_ray_job():
        ends = crew.in_ray(maker, given, tasks)
    else:
        ends = crew.here(maker, given, tasks, workers)
    said = {}
    for task, answer in ends:
        told(task)
        said[task] = msgspec.json.decode(answer, type=Said)
    return said


def about(data: Data) -> dict[str, Any]:
    """The parts and their roles, as the summary of a scan has them."""
    return {
        "rows": sum(part.rows for part in data.parts),
        "parts": [
            {"path": p.path, "split": p.split, "rows": p.rows, "columns": len(p.names)}
            for p in data.parts
        ],
        "roles": outputs.roles(data) | data.roles,
    }


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
