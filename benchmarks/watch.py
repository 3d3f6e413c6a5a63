"""False alarms and recall of watch on labelled curves, and what a row and a line cost.

    python benchmarks/watch.py FOLDER [--nan]

FOLDER holds Parquet files with a column `run`, and labels.csv with the columns run and label; with a
column first_nonfinite_step the delay is told too. `--nan` writes blank cells as NaN, as pandas does.
"""

import argparse
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from labhand.kit.lines import Lines
from labhand.watch import Watcher, open_log
from labhand.watch.rows import Row
from labhand.watch.signals import Ended, Points

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


def as_pandas(rows: Iterator[Row]) -> list[Row]:
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row.values)
    return [row._replace(values={n: row.values.get(n, math.nan) for n in names}) for row in rows]


def curves(folder: Path, nan: bool) -> None:
    table = pl.read_csv(folder / "labels.csv", infer_schema=False)
    labels = {row["run"]: row for row in table.iter_rows(named=True)}
    count, told = defaultdict(int), defaultdict(lambda: defaultdict(int))
    delays, seconds, fed = [], 0.0, 0
    for path in sorted(folder.glob("*.parquet")):
        for run, rows in open_log(path):
            known = labels.get(run)
            if known is None:
                continue
            label = known["label"]
            signals = [
                Points(math.nan, "parquet", row.step, row.values)
                for row in (as_pandas(rows) if nan else rows)
            ]
            watcher = Watcher(run, None)
            began = time.process_time()
            changed = [f for signal in signals for f in watcher.feed(signal)]
            watcher.feed(Ended(math.nan, None, None, False, ""))
            seconds += time.process_time() - began
            fed += len(signals)
            count[label] += 1
            found = watcher.findings().findings
            for rule in {f.rule for f in found}:
                told[label][rule] += 1
            told[label]["alarm"] += any(f.alarm for f in found)
            told[label]["warning"] += any(f.severity != "note" for f in found)
            first = known.get("first_nonfinite_step")
            alarmed = next((f for f in changed if f.alarm), None)
            if first and alarmed and label == "nonfinite":
                delays.append(alarmed.opened_step - float(first))
    print(f"{'label':<14}{'runs':>6}{'alarm':>8}{'warning':>9}{'non-finite':>12}{'spike note':>12}")
    for label in sorted(count):
        row = told[label]
        print(
            f"{label:<14}{count[label]:>6}{row['alarm']:>8}{row['warning']:>9}"
            f"{row['non-finite']:>12}{row['spike']:>12}"
        )
    if delays:
        print(f"opened_step - first non-finite step, median: {statistics.median(delays):g} steps")
    print(f"{seconds / fed * 1e6:.1f} us a row over {fed:,} rows")


def lines(count: int = 60_000) -> None:
    for name, texts in {"plain lines": PLAIN, **{k: (v,) for k, v in METRICS.items()}}.items():
        data = "".join(f"{texts[i % len(texts)]}\n" for i in range(count)).encode()
        reader = Lines()
        began = time.process_time()
        found = sum(len(reader.feed(data[i : i + 65536])) for i in range(0, len(data), 65536))
        rate = count / (time.process_time() - began)
        print(f"{name:<14}{rate:>10,.0f} lines/s, {found:,} with metrics")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nan", action="store_true")
    given = parser.parse_args()
    curves(given.folder, given.nan)
    lines()
