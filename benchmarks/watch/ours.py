"""What labhand's own watcher says, how fast, and where its time goes."""

import cProfile
import math
import pstats
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from labhand.core.finding import Finding
from labhand.kit.lines import Lines
from labhand.watch import Watcher, replay
from labhand.watch import logs as room
from labhand.watch.calibration import Calibration
from labhand.watch.signals import Ended, Points
from labhand.watch.stretch import Stretch
from labhand.watch.watcher import detectors
from watch.curves import WELL, Run, groups
from watch.figures import Told, Verdict, table

PLAIN = (
    "Downloading data to the cache folder now",
    "Loaded 1000 samples in 3.2s",
    "2024-01-01 12:00:00,123 - INFO - starting worker 3",
    "Using device cuda and so on for the rest of this",
    "    some other text (a, b) without anything",
    "Saving model checkpoint to out/ckpt_100",
)
METRICS = {
    "nanoGPT": "iter 100: loss 2.3456, time 93.12ms, mfu 1.20%",
    "HF dict": "{'loss': 0.5123, 'grad_norm': 1.2, 'learning_rate': 5e-05, 'epoch': 0.1}",
    "tqdm": "Epoch 3:  45%|████▌     | 450/1000 [00:10<00:12, 44.1it/s, loss=0.512, acc=0.9]",
    "any words": "Epoch: 4 | Train Loss: 0.693 | Val Acc: 87.5%",
}
LONG = 400_000
"""Rows of the long log."""
TOP = 14
"""Functions that the profile names."""


class Watched(NamedTuple):
    """`opened` is the step at which the first alarm says that it began."""

    verdict: Verdict
    peaks: dict[str, float]
    opened: int | None


def watch(run: Run, calibration: Calibration | None = None) -> Watched:
    """What a person would have been told, row by row."""
    watcher = Watcher(run.name, None, calibration=calibration)
    first = opened = None
    for number, row in enumerate(run.rows):
        changed = watcher.feed(Points(math.nan, "parquet", row.step, row.values))
        if changed and first is None:
            alarm = next((f for f in changed if f.alarm), None)
            first, opened = (None, None) if alarm is None else (number, alarm.opened_step)
    ended = watcher.feed(Ended(math.nan, None, None, False, ""))
    if first is None and any(f.alarm for f in ended):
        first = len(run.rows) - 1
    found = watcher.findings().findings
    rules = tuple((f.rule, "alarm" if f.alarm else f.severity) for f in found)
    alarms = sum(level == "alarm" for _, level in rules)
    warnings = sum(level != "note" for _, level in rules)
    return Watched(Verdict(alarms, warnings, first, rules), watcher.peaks(), opened)


def all_runs(runs: list[Run]) -> dict[str, Watched]:
    """Every run with what ships."""
    return {run.name: watch(run) for run in runs}


def fitted(runs: list[Run], peaks: dict[str, dict[str, float]]) -> Calibration:
    """The calibration by those of the runs that were well."""
    return Calibration.fit([peaks[run.name] for run in runs if run.label in WELL])


def cross_validated(runs: list[Run], peaks: dict[str, dict[str, float]], by: str) -> Told:
    """Every run by a calibration that was fitted without its submission, or without its workload."""
    told = Told()
    for _, others, held in groups(runs, by):
        calibration = fitted(others, peaks)
        told |= {run.name: watch(run, calibration).verdict for run in held}
    return told


def speed(runs: list[Run], logs: dict[str, Path], folder: Path) -> float:
    """Tells rows a CPU second of each way; gives that of the curves as JSON lines, read and watched."""
    short = sum(len(run.rows) for run in runs)
    parquet = sorted(folder.glob("*.parquet"))
    signals = [[Points(math.nan, "jsonl", r.step, r.values) for r in run.rows] for run in runs]
    long = {
        kind: long_log(next(iter(logs.values())).with_name(f"long.{kind}"))
        for kind in ("csv", "jsonl")
    }
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "curves, row by row, without reading": (
            short,
            lambda: [_feed(each, None) for each in signals],
        ),
        "curves, JSON lines": (short, lambda: replay(list(logs.values()))),
        "one long log, CSV": (LONG, lambda: replay([long["csv"]])),
        "one long log, JSON lines": (LONG, lambda: replay([long["jsonl"]])),
        "one long log, CSV, reading alone": (LONG, lambda: list(pieces(long["csv"]))),
        "one long log, JSON lines, reading alone": (LONG, lambda: list(pieces(long["jsonl"]))),
    }
    if parquet:
        ways["curves, Parquet"] = (short, lambda: replay(parquet))
    took = {name: (rows, _seconds(way)) for name, (rows, way) in ways.items()}
    table(
        ("ours", "rows/s", "µs a row"),
        [(n, f"{rows / s:,.0f}", f"{1e6 * s / rows:.2f}") for n, (rows, s) in took.items()],
    )
    same = sum(_passed(run) == _fed(run) for run in runs)
    print(f"\npassed over many rows at a time, {same} of {len(runs)} runs are told as row by row")
    return took["curves, JSON lines"][0] / took["curves, JSON lines"][1]


def pieces(path: Path) -> Iterator[object]:
    """What reading a log gives, without anything being done with it."""
    for log in room.logs(path):
        for _, part in log.reader.parts(log.path):
            yield from part


def long_log(path: Path) -> Path:
    """A log of one healthy run, made: four metrics in each row, an evaluation in one of 500."""
    generator = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        if path.suffix == ".csv":
            file.write("step,loss,grad_norm,lr,val_loss\n")
        for step in range(LONG):
            loss = (0.5 + 2 * math.exp(-6 * step / LONG)) * generator.lognormvariate(0, 0.1)
            norm, rate = generator.lognormvariate(0, 0.4), 1e-3 * (1 - step / LONG)
            held_out = f"{1.1 * loss:.5f}" if step % 500 == 499 else ""
            if path.suffix == ".csv":
                file.write(f"{step},{loss:.5f},{norm:.4f},{rate:.6e},{held_out}\n")
            else:
                last = f', "val_loss": {held_out}' if held_out else ""
                cells = f'"loss": {loss:.5f}, "grad_norm": {norm:.4f}, "lr": {rate:.6e}'
                file.write(f'{{"step": {step}, {cells}{last}}}\n')
    return path


def _fed(run: Run) -> list[tuple[int, Finding]]:
    watcher = Watcher(run.name, None)
    points = (Points(math.nan, "parquet", row.step, row.values) for row in run.rows)
    return [(place, found) for place, point in enumerate(points) for found in watcher.feed(point)]


def _passed(run: Run) -> list[tuple[int, Finding]]:
    """As `_fed`, many rows at a time wherever that can be."""
    watcher, found, step = Watcher(run.name, None), [], 0
    whole = Stretch.of_rows("parquet", run.rows)
    for start, stop, calm in whole.calm(math.inf, step, math.nan):
        part = whole.part(start, stop)
        told = watcher.pass_over(part) if calm else _singly(watcher, part)
        found += [(start + place, finding) for place, finding in told]
    return found


def _singly(watcher: Watcher, part: Stretch) -> Iterator[tuple[int, Finding]]:
    for place, row in enumerate(part):
        yield from (
            (place, f) for f in watcher.feed(Points(math.nan, "parquet", row.step, row.values))
        )


def _seconds(way: Callable[[], object]) -> float:
    began = time.process_time()
    way()
    return time.process_time() - began


def _feed(signals: list[Points], name: str | None, only: str | None = None) -> None:
    watcher = Watcher(name, None, select=None if only is None else (only,))
    for signal in signals:
        watcher.feed(signal)
    watcher.feed(Ended(math.nan, None, None, False, ""))


def costs(runs: list[Run]) -> None:
    """Tells where the time of a row goes: by detector, and by function."""
    signals = [[Points(math.nan, "jsonl", r.step, r.values) for r in run.rows] for run in runs]
    rows = sum(len(each) for each in signals)
    none = min(_seconds(lambda: [_feed(each, None, "-") for each in signals]) for _ in range(3))
    alone = {
        name: _seconds(lambda name=name: [_feed(each, None, name) for each in signals]) - none
        for name in detectors()
    }
    alone = {"no detector at all": none, **dict(sorted(alone.items(), key=lambda i: -i[1]))}
    table(("detector alone", "µs a row"), [(n, f"{1e6 * s / rows:.2f}") for n, s in alone.items()])
    profile = cProfile.Profile()
    profile.runcall(lambda: [_feed(each, None) for each in signals])
    found = pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    total = sum(own for _, (_, _, own, _, _) in found)
    largest = sorted(found, key=lambda item: -item[1][2])[:TOP]
    table(
        ("function", "calls a row", "share of the time, its own"),
        [
            (
                f"{Path(file).name}:{line} {name}",
                f"{calls / rows:.2f}",
                f"{100 * own / total:.1f} %",
            )
            for (file, line, name), (_, calls, own, _, _) in largest
        ],
    )


def opening(runs: list[Run], told: dict[str, Watched]) -> str:
    """The median of opened_step - the step of the first sign, where that is known."""
    apart = [
        told[run.name].opened - run.rows[run.began].step
        for run in runs
        if run.failed and run.began is not None and told[run.name].opened is not None
    ]
    return f"{statistics.median(apart):g} steps over {len(apart)} runs" if apart else "–"


def lines(count: int = 60_000) -> None:
    """Tells how many lines of output are read a second."""
    rows = []
    for name, texts in {"plain lines": PLAIN, **{k: (v,) for k, v in METRICS.items()}}.items():
        data = "".join(f"{texts[i % len(texts)]}\n" for i in range(count)).encode()
        reader = Lines()
        began = time.process_time()
        found = sum(len(reader.feed(data[i : i + 65536])) for i in range(0, len(data), 65536))
        rate = count / (time.process_time() - began)
        rows.append((name, f"{rate:,.0f}", f"{found:,}"))
    table(("output", "lines/s", "with metrics"), rows)
