"""The earlier runs of a command, as the watcher of the next one asks for them."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from labhand.core.errors import LabhandError
from labhand.core.run import Run
from labhand.core.store import Store, write_whole
from labhand.kit.catalog import Catalog, RunRow
from labhand.watch.view import Before

MOST = 20
"""Earlier runs that are looked at."""
POINTS = 20_000
"""Points of a curve that are handed out: every extreme is among them."""
PEAKS = "peaks.json"
"""In an attempt's folder: the largest score of each detector that judges by degree."""


def before(store: Store, command: list[str], run_id: str) -> list[Before]:
    """The earlier runs of the same script, the latest first, at most 20. Reads their records."""
    found: list[Before] = []
    for row in Catalog(store).like(command, run_id, MOST):
        with contextlib.suppress(LabhandError, OSError):
            run = store.read(row.id)
            fine = _fine(run)
            curve = functools.partial(_curve, store.folder(run.id))
            found.append(Before(run.name, fine, run.config, functools.lru_cache(curve)))
    return found


def keep_peaks(attempt_dir: Path, peaks: Mapping[str, float]) -> None:
    """Notes the largest scores of an attempt beside its record."""
    write_whole(attempt_dir / PEAKS, msgspec.json.encode(peaks))


def healthy_peaks(store: Store, rows: Sequence[RunRow]) -> list[dict[str, float]]:
    """The peaks of those runs that finished with nothing wrong, the last attempt's of each."""
    found: list[dict[str, float]] = []
    for row in rows:
        with contextlib.suppress(LabhandError, OSError, ValueError):
            run = store.read(row.id)
            if _fine(run):
                path = store.attempt(run.id, run.attempts[-1].number) / PEAKS
                found.append(msgspec.json.decode(path.read_bytes(), type=dict[str, float]))
    return found


def _fine(run: Run) -> bool:
    """Whether it finished and watch told of nothing worse than a note."""
    return run.status == "finished" and not any(
        f.job == "watch" and f.severity != "note" for f in run.findings
    )


def _curve(run_dir: Path, metric: str) -> Sequence[tuple[int, float]]:
    from labhand.kit.points import curve

    try:
        drawn = curve(run_dir, metric, POINTS)
    except (LabhandError, OSError):
        return ()
    shown = drawn.shown
    return list(zip(drawn.steps[shown].tolist(), drawn.values[shown].tolist(), strict=True))
