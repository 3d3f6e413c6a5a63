"""The runs that are judged, real and made, and the log that the peers are given of them."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from labhand.watch import open_log
from labhand.watch.rows import Row
from labhand.watch.synthetic import curves as made_curves

WELL = ("healthy", "near")
FAILED = ("not_learning", "diverged", "nonfinite")
LABELS = (*WELL, "slow", *FAILED)


class Run(NamedTuple):
    """`began` is the row of the first sign, where it is known; `group` what is resampled as one."""

    name: str
    label: str
    submission: str
    workload: str
    metric: str
    rows: list[Row]
    began: int | None

    @property
    def group(self) -> tuple[str, str]:
        return self.submission, self.workload

    @property
    def failed(self) -> bool:
        return self.label not in (*WELL, "slow")


def real(folder: Path) -> list[Run]:
    """The labelled runs in the Parquet files of a folder."""
    table = pl.read_csv(folder / "labels.csv", infer_schema=False)
    labels = {row["run"]: row for row in table.iter_rows(named=True)}
    runs = []
    for path in sorted(folder.glob("*.parquet")):
        for name, rows in open_log(path):
            if (known := labels.get(name)) is not None:
                runs.append(_real(name, known, list(rows)))
    return sorted(runs, key=lambda run: run.name)


def _real(name: str, known: dict[str, str | None], rows: list[Row]) -> Run:
    began, label = None, known["label"]
    if label == "nonfinite" and known.get("first_nonfinite_step"):
        first = float(known["first_nonfinite_step"])
        after = (i for i, r in enumerate(rows) if r.step >= first and "loss" not in r.values)
        began = next(after, None)
    metric = known.get("validation_metric") or _held_out(rows)
    return Run(name, label, known["submission"], known["workload"], metric, rows, began)


def _held_out(rows: list[Row]) -> str:
    names = {name for row in rows for name in row.values if name.startswith("validation/")}
    return min(names, default="validation/loss")


def made(seeds: int) -> list[Run]:
    """Synthetic curves, `seeds` of each family; a family stands for a group."""
    return [
        Run(
            f"{curve.family}-{curve.seed}", "failed" if curve.rule else "healthy",
            curve.family, "", "val_acc" if "val_acc" in curve.names else "val_loss",
            list(curve.rows), curve.opening,
        )
        for curve in made_curves(range(seeds))
    ]  # fmt: skip


def as_pandas(rows: list[Row]) -> list[Row]:
    """Blank cells as NaN, as pandas writes them."""
    names = dict.fromkeys(name for row in rows for name in row.values)
    return [row._replace(values={n: row.values.get(n, math.nan) for n in names}) for row in rows]


CONVENTIONAL = {
    "validation/loss": "eval_loss",
    "validation/ctc_loss": "eval_loss",
    "val_loss": "eval_loss",
}


def write(run: Run, path: Path) -> None:
    """The run as JSON lines under the names that every peer knows.

    In the real logs a NaN is a blank cell. The peers do not look for blanks, so from the first sign
    on each blank of the loss is written out as the NaN that it was: a help that only they are given.
    """
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(run.rows):
            cells: dict[str, float] = {"step": row.step}
            cells |= {CONVENTIONAL.get(name, name): value for name, value in row.values.items()}
            if run.label == "nonfinite" and run.began is not None and number >= run.began:
                cells.setdefault("loss", math.nan)
                cells.setdefault("grad_norm", math.nan)
            file.write(json.dumps(cells) + "\n")


def count(runs: list[Run]) -> dict[str, int]:
    """The number of runs of each label, in the order of the tables."""
    found = Counter(run.label for run in runs)
    known = [label for label in (*LABELS, "failed") if label in found]
    return {label: found[label] for label in known}


def groups(runs: list[Run], by: str) -> Iterator[tuple[str, list[Run], list[Run]]]:
    """For each submission or workload: its name, the other runs, its own runs."""
    for held in sorted({getattr(run, by) for run in runs}):
        others = [run for run in runs if getattr(run, by) != held]
        yield held, others, [run for run in runs if getattr(run, by) == held]
