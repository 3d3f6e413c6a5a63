"""Fits the calibration that ships with labhand, and tells what it is worth on runs it has not seen.

    python benchmarks/calibrate.py FOLDER [--write] [--budget 3] [--peaks]

FOLDER holds Parquet files with a column `run`, and labels.csv with the columns run, submission,
workload and label. The calibration is fitted on the runs labelled healthy or near. Cross-validation is by
submission and by workload: each run is replayed, row by row, with a calibration that was fitted on the
runs of all other groups. Intervals are of 95 %, by bootstrap of whole groups (submission x workload).
`--write` writes watch/calibration.json, fitted on all runs that went well. `--peaks` names the largest
peaks of each detector. Prints Markdown.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from watch.curves import LABELS, WELL, Run, groups, real
from watch.figures import Told, pooled, table
from watch.ours import Watched, watch

from labhand.watch import calibration as room
from labhand.watch.calibration import BUDGET, Calibration

TARGET = Path(room.__file__).parent / "calibration.json"
BYS = ("submission", "workload")


def fitted(
    runs: Sequence[Run], peaks: Mapping[str, Mapping[str, float]], budget: float
) -> Calibration:
    """The calibration by those of the runs that went well."""
    return Calibration.fit([peaks[run.name] for run in runs if run.label in WELL], budget)


def cross_validated(runs: list[Run], seen: Mapping[str, Watched], by: str, budget: float) -> Told:
    """What is told of each run by a calibration that knows nothing of its group."""
    peaks = {name: watched.peaks for name, watched in seen.items()}
    told = Told()
    for _, others, held in groups(runs, by):
        calibration = fitted(others, peaks, budget)
        told |= {run.name: watch(run, calibration).verdict for run in held}
    return told


def report(runs: list[Run], tools: Mapping[str, Told]) -> None:
    """The shares of runs with an alarm, by label; what missed and what cried wolf, by name."""
    parts = {"healthy + near": [r for r in runs if r.label in WELL]}
    parts |= {label: [r for r in runs if r.label == label] for label in LABELS}
    rows = [
        [name, *(pooled(part, told) for told in tools.values())] for name, part in parts.items()
    ]
    table(["runs with an alarm, % (95 %)", *tools], rows)
    for tool, told in tools.items():
        wolves = [r for r in parts["healthy + near"] if told[r.name].alarms]
        print(f"\nfalse alarms, {tool}:")
        for run in wolves:
            print(f"- {run.name} ({run.label}): {told[run.name].rules}")
    told = next(iter(tools.values()))
    print(f"\nmissed, {next(iter(tools))}:")
    for run in runs:
        if run.failed and not told[run.name].alarms:
            print(f"- {run.name} ({run.label})")


def largest(runs: list[Run], seen: Mapping[str, Watched]) -> None:
    """The largest peaks of each detector that judges by degree, by label."""
    rules = sorted({rule for watched in seen.values() for rule in watched.peaks})
    for rule in rules:
        rows = []
        for label in LABELS:
            part = [(seen[r.name].peaks.get(rule, 0.0), r.name) for r in runs if r.label == label]
            told = ", ".join(f"{peak:.2f} {name}" for peak, name in sorted(part, reverse=True)[:5])
            rows.append((label, told))
        table((rule, "largest peaks"), rows)


def main() -> None:
    """Asks for the folder, prints and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--peaks", action="store_true")
    parser.add_argument("--budget", type=float, default=BUDGET)
    given = parser.parse_args()
    runs = real(given.folder)
    seen = {run.name: watch(run) for run in runs}
    calibration = fitted(runs, {n: w.peaks for n, w in seen.items()}, given.budget)
    if given.peaks:
        largest(runs, seen)
    if given.write:
        TARGET.write_bytes(msgspec.json.encode(calibration) + b"\n")
        print(f"\nwrote {TARGET.name}: {sorted(calibration.peaks)}")
        return
    report(runs, {f"by {by}": cross_validated(runs, seen, by, given.budget) for by in BYS})


if __name__ == "__main__":
    main()
