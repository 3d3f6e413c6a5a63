"""The earlier runs of a command, as the watcher of the next one asks for them."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from labhand.core.errors import LabhandError
from labhand.core.finding import Finding
from labhand.core.run import Run
from labhand.core.store import Store, write_whole
from labhand.kit import verdicts
from labhand.kit.catalog import Catalog
from labhand.watch.calibration import BUDGET, Calibration
from labhand.watch.view import Before

MOST = 20
"""Earlier runs that are looked at."""
POINTS = 20_000
"""Points of a curve that are handed out: every extreme is among them."""
PEAKS = "peaks.json"
"""In an attempt's folder: the largest score of each detector that judges by degree."""


def before(
    store: Store, command: list[str], run_id: str, budget: float = BUDGET
) -> tuple[list[Before], Calibration]:
    """The earlier runs of the same script, the latest first, at most 20; and what they teach of alarms.

    The calibration is the one that ships, with the peaks of those runs that went well and what a person
    said of findings; `budget` is in false alarms in a thousand healthy runs. Reads their records.
    """
    found: list[Before] = []
    peaks: list[dict[str, float]] = []
    for row in Catalog(store).like(command, run_id, MOST):
        with contextlib.suppress(LabhandError, OSError):
            folder = store.folder(row.id)
            one, its = _read(folder, (folder / "run.json").stat().st_mtime_ns)
            found.append(one)
            peaks += [its] if its else []
    said = [verdict for verdict in verdicts.read(store.home) if verdict.job == "watch"]
    return found, Calibration.prior(budget).adapted(peaks, said)


@functools.lru_cache(2 * MOST)
def _read(folder: Path, when: int) -> tuple[Before, dict[str, float]]:
    """A run as its record was at `when`, and its peaks if it went well.

    Kept: of a sweep's short runs each asks for nearly those that the one before it asked for.
    """
    run = Store(folder.parent.parent).read(folder.name)
    fine = _fine(run)
    curve = functools.lru_cache(functools.partial(_curve, folder))
    return Before(run.name, fine, run.config, curve), _peaks(folder, run) if fine else {}


def keep_peaks(attempt_dir: Path, peaks: Mapping[str, float]) -> None:
    """Notes the largest scores of an attempt beside its record."""
    write_whole(attempt_dir / PEAKS, msgspec.json.encode(peaks))


def _peaks(folder: Path, run: Run) -> dict[str, float]:
    """The peaks of the run's last attempt; none where they were not kept."""
    path = Store(folder.parent.parent).attempt(run.id, run.attempts[-1].number) / PEAKS
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, float])
    except (OSError, ValueError):
        return {}


def _fine(run: Run) -> bool:
    """Whether it finished and watch told nobody of it: healthy runs have warnings, too."""
    return run.status == "finished" and bool(run.attempts) and not any(map(_grave, run.findings))


def _grave(finding: Finding) -> bool:
    """Whether watch told somebody, also where what it saw became proof of a finding in code."""
    if finding.job == "watch":
        return finding.alarm is True or finding.severity == "error"
    live = finding.evidence.get("live", {})
    return live.get("alarm") is True or live.get("severity") == "error"


def _curve(run_dir: Path, metric: str) -> Sequence[tuple[int, float]]:
    from labhand.kit.points import curve

    try:
        drawn = curve(run_dir, metric, POINTS)
    except (LabhandError, OSError):
        return ()
    return [(step, value) for step, _, value in drawn.points()]
