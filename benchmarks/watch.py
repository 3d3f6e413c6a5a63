"""False alarms and recall of watch on labelled curves, side by side with its peers.

    python benchmarks/watch.py FOLDER [--folds] [--speed] [--nan] [--ours]
        [--fit CALIBRATION.json] [--python PYTHON_WITH_PEERS]
    python benchmarks/watch.py --synthetic 20

FOLDER holds Parquet files with a column `run`, and labels.csv with the columns run, submission,
workload, label, validation_metric and first_nonfinite_step. Each run is replayed row by row. The
peers are real packages (made a Python of their own in the user's cache, or `--python`) and published
rules, written anew. Intervals are of 95 %: Clopper-Pearson for the share of a label's runs, bootstrap of
whole groups (submission x workload) for what is pooled over labels.

`--folds` adds ours by calibrations fitted without the run's submission, and without its workload:
what ships is fitted on these very runs, so only those rows are a fair figure for its thresholds. What
its detectors look at was chosen by people who knew the runs; no split undoes that. `--fit` writes the
calibration by the runs that were well. `--speed` adds rows a second and where the time goes. `--nan`
writes blank cells as NaN, as pandas does, for ours. `--ours` leaves the peers out. `--synthetic N`
judges N made curves of each family, and says nothing of real runs.
Prints Markdown.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
from watch.curves import WELL, Run
from watch.figures import Told, exact, pooled, quartiles, table

from labhand.watch.synthetic import HEALTHY, ILL, curves
from watch import curves as sources
from watch import ours, peers, rules

LABHAND = "**labhand**, as it ships"


def by_label(runs: list[Run], tools: dict[str, Told], level: str) -> None:
    counts = sources.count(runs)
    head = ["runs with at least one", *(f"{label} {n}" for label, n in counts.items())]
    print(f"\n### {level.capitalize()}, % of runs")
    rows = []
    for tool, told in tools.items():
        cells = []
        for label, of in counts.items():
            named = [told[run.name] for run in runs if run.label == label]
            cells.append(exact(sum(getattr(v, level) > 0 for v in named), of))
        rows.append([tool, *cells])
    table(head, rows)


def pooled_and_late(runs: list[Run], tools: dict[str, Told], speeds: dict[str, float]) -> None:
    well = [run for run in runs if run.label in WELL]
    failed = [run for run in runs if run.failed]
    print("\n### Pooled over labels, and delay")
    rows = []
    for tool, told in tools.items():
        verdicts = [told[run.name] for run in failed]
        number = sum(v.alarms for v in verdicts) / max(1, len(verdicts))
        rate = speeds.get(tool.split(",")[0])
        rows.append(
            [
                tool,
                pooled(well, told),
                pooled(failed, told),
                f"{number:.1f}" if all(v.counted for v in verdicts) else "–",
                quartiles(_delays(failed, told)),
                quartiles(_places(failed, told), ".2f"),
                f"{rate:,.0f}" if rate else "–",
            ]
        )
    table(
        ("tool", "well, with an alarm: %", "failed, with an alarm: %", "alarms a failed run",
         "rows from the first sign to the first alarm", "diverged: first alarm / length",
         "rows/s from JSON lines"), rows,
    )  # fmt: skip


def _delays(runs: list[Run], told: Told) -> list[float]:
    return [
        float(told[run.name].first - run.began)
        for run in runs
        if run.began is not None and told[run.name].first is not None
    ]


def _places(runs: list[Run], told: Told) -> list[float]:
    found = [run for run in runs if run.label == "diverged" and told[run.name].first is not None]
    return [told[run.name].first / len(run.rows) for run in found]


def by_rule(runs: list[Run], told: Told) -> None:
    counts = sources.count(runs)
    seen: Counter[tuple[str, str, str]] = Counter()
    for run in runs:
        seen.update({(rule, level, run.label) for rule, level in told[run.name].rules})
    print("\n### Ours by rule: runs with at least one")
    names = sorted({(rule, level) for rule, level, _ in seen})
    rows = [[r, lv, *(seen[r, lv, label] for label in counts)] for r, lv in names]
    table(["rule", "level", *(f"{label} {n}" for label, n in counts.items())], rows)
    number = Counter(told[run.name].alarms for run in runs)
    print("\nalarms a run:", ", ".join(f"{n} in {of} runs" for n, of in sorted(number.items())))


def by_family(runs: list[Run], tools: dict[str, Told]) -> None:
    expected = {curve.family: curve.rule for curve in curves(range(1))}
    print("\n### Runs of each family with an alarm")
    rows = []
    for family in (*HEALTHY, *ILL):
        own = [run for run in runs if run.submission == family]
        named = sum(
            any(r == expected[family] and lv != "note" for r, lv in tools[LABHAND][run.name].rules)
            for run in own
        )
        rows.append(
            [
                family,
                expected[family] or "healthy",
                "" if expected[family] is None else named,
                *(sum(told[run.name].alarms > 0 for run in own) for told in tools.values()),
            ]
        )
    table(["family", "what it is", "labhand names it", *tools], rows)


def judged(runs: list[Run], given: argparse.Namespace, logs: dict[str, Path]) -> None:
    if given.nan:
        watched = ours.all_runs([run._replace(rows=sources.as_pandas(run.rows)) for run in runs])
    else:
        watched = ours.all_runs(runs)
    tools: dict[str, Told] = {LABHAND: {name: each.verdict for name, each in watched.items()}}
    peaks = {name: each.peaks for name, each in watched.items()}
    if given.fit:
        given.fit.write_bytes(msgspec.json.encode(ours.fitted(runs, peaks)) + b"\n")
    if given.folds:
        for by in ("submission", "workload"):
            tools[f"**labhand**, fitted without its {by}"] = ours.cross_validated(runs, peaks, by)
    speeds: dict[str, float] = {}
    if not given.ours:
        tools |= _others(runs, logs, given.python, speeds)
    if given.speed:
        print("\n### Speed (CPU time)")
        speeds[LABHAND] = ours.speed(runs, logs, given.folder or Path())
        ours.costs(runs)
        ours.lines()
    by_label(runs, tools, "alarms")
    by_label(runs, tools, "warnings")
    pooled_and_late(runs, tools, speeds)
    by_rule(runs, tools[LABHAND])
    print(f"\nopened_step - step of the first sign, median: {ours.opening(runs, watched)}")
    if given.synthetic:
        by_family(runs, tools)


def _others(
    runs: list[Run], logs: dict[str, Path], python: Path | None, speeds: dict[str, float]
) -> dict[str, Told]:
    tools: dict[str, Told] = {}
    interpreter = peers.python(python)
    for tool in peers.TOOLS:
        ways, speeds[tool] = peers.judge(tool, interpreter, runs, logs)
        tools |= ways
    for name, rule in rules.RULES.items():
        tools[name] = {run.name: rules.judge(run, rule) for run in runs}
    return tools


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--folds", action="store_true")
    parser.add_argument("--fit", type=Path, metavar="CALIBRATION.json")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--nan", action="store_true")
    parser.add_argument("--ours", action="store_true", help="without the peers")
    parser.add_argument("--synthetic", type=int, metavar="N", help="made curves of each family")
    parser.add_argument("--python", type=Path, metavar="PYTHON_WITH_PEERS")
    given = parser.parse_args()
    if (given.folder is None) == (given.synthetic is None):
        parser.error("give a folder of labelled curves, or --synthetic N")
    if given.synthetic and (given.folds or given.fit):
        parser.error("--folds and --fit are for real runs; give a folder")
    runs = sources.made(given.synthetic) if given.synthetic else sources.real(given.folder)
    print(f"## {'Synthetic' if given.synthetic else 'Real'} curves: {len(runs)} runs, "
          f"{sum(len(run.rows) for run in runs):,} rows")  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        logs = {run.name: Path(scratch) / f"{number}.jsonl" for number, run in enumerate(runs)}
        for run in runs:
            sources.write(run, logs[run.name])
        judged(runs, given, logs)


if __name__ == "__main__":
    main()
