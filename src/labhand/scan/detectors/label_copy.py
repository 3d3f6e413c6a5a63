"""A column that gives the label away."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.core.finding import Severity
from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import CannotLook, Data, Part, number
from labhand.scan.detectors import _choices
from labhand.scan.detectors._cells import shown
from labhand.scan.detectors._marks import marks

if TYPE_CHECKING:
    import polars as pl

LEAST = 10
FIRST = 5_000
"""Rows that must keep the rule before all are looked at."""
HELD = 0.1
"""The share of the rows of a class that must have a value which rows of the other never have."""
CHANCE = 1e-9
"""The chance that so many rows would be of one class by luck."""
PURE = 0.998
"""The share of rows whose label follows from the column alone."""


class Detector:
    """A column that gives the label away.

    ## What it does
    Finds columns from which the label follows: another spelling of it, a code for it, a sum that
    holds it, and columns that are filled in one class alone, as fees that are due after a default. Of images it finds a size, a mode, a format, and a patch at one place (a frame, a
    watermark) that one class has and the others have not; of items with choices a question that says its
    answer. Words and codes are looked at value by value, numbers by their correlation with the label
    and by whether a few cuts tell every class apart.

    ## Why is this bad
    The model learns to copy; where the column is not known in time, as `alive` beside `survived`, the
    score is worth nothing.

    ## Known problems
    A problem that one measurement decides looks the same.

    ## Example
    `survived: 0, 1, 1` beside `alive: no, yes, yes`

    ## Use instead
    Leave the column out, unless it is known before the label is.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column, one of items whose question holds the answer."""
        yield from _choices.answered_within(data)
        if data.role("label") is None:
            if not _choices.items(data):
                raise CannotLook(str(data.lacks("label")))
            return
        yield from marks(data)
        label = str(data.role("label"))
        apart = {label, data.role("prediction"), data.role("split"), data.role("id")}
        for part in data.parts:
            if label not in part.names or part.columns[label].unique < 2:
                continue
            # how large the file of an image is, no model sees
            of_files = {"bytes"} if "images" in part.facts.get("holds", ()) else set()
            for column in part.columns.values():
                told = None if column.name in apart | of_files else copied(data, part, column)
                if told is not None:
                    what, confidence = told
                    yield Anomaly(
                        part,
                        f"`{column.name}` gives `{label}` away: {what}",
                        f"leave `{column.name}` out, unless it is known before `{label}` is",
                        confidence,
                        columns=[column.name, label],
                        severity=_severity(confidence, "label" in data.guessed),
                        normal="no single column tells the label of every row",
                        group="label-copy",
                    )


def copied(data: Data, part: Part, column: Column) -> tuple[str, float] | None:
    """How the label follows from a column, and how surely; None where it does not. Looked at once."""
    return data.shared(
        f"copies the label: {part.name} {column.name}", lambda: _copied(data, part, column)
    )


def _copied(data: Data, part: Part, column: Column) -> tuple[str, float] | None:
    label = part.columns[str(data.role("label"))]
    if column.unique < 2 or column.filled < LEAST:
        return None
    # that the number of a row tells its label is told by `ordered-rows`
    if column.is_id and column.kind == "number":
        return None
    if label.kind == "number" and label.unique > 30:
        return _correlation(part, label, column) if column.kind == "number" else None
    if label.unique == 2 and (told := _there(part, label, column)):
        return told
    few = column.unique <= max(30, 2 * label.unique)
    if column.kind in ("category", "flag", "number") and few:
        return _mapping(part, label, column)
    # a folder of images is a class
    if (
        column.kind in ("category", "text")
        and column.words < 1.5
        and column.name != data.role("image")
    ):
        return _spelt(part, label, column)
    if column.kind == "number" and label.unique <= 10:
        return _cuts(part, label, column)
    return None


def _severity(confidence: float, guessed: bool) -> Severity:
    if guessed:  # of a column that is perhaps no label, it is another column that says the same
        return "note"
    return "error" if confidence >= 0.8 else "warning"


def _spelt(part: Part, label: Column, column: Column) -> tuple[str, float] | None:
    """How names of rows (files, ids) map to labels by their letters alone, as `scan_p0017` does."""
    import polars as pl

    form = pl.col(column.name).cast(pl.String).str.replace_all(r"\d+", "#")
    forms = int(part.select(form.n_unique()).item())
    if not label.unique <= forms <= max(30, 2 * label.unique):
        return None
    return _mapping(part, label, column._replace(unique=forms), form)


def _mapping(
    part: Part, label: Column, column: Column, cell: "pl.Expr | None" = None
) -> tuple[str, float] | None:
    """How the values of a column of few values map to labels, where nearly each has one label."""
    import polars as pl

    pairs = (
        part.lazy.select(v=pl.col(column.name) if cell is None else cell, y=pl.col(label.name))
        .drop_nulls()
        .group_by("v", "y")
        .len("n")
        .collect(engine="streaming")
    )
    total = int(pairs["n"].sum())
    best = pairs.sort("n", descending=True).group_by("v").first()
    right = int(best["n"].sum())
    several = best["y"].n_unique()
    if total < LEAST or right < PURE * total or several < label.unique or several < 2:
        return None
    # few rows a value would give pure values by chance
    if total < 5 * column.unique:
        return None
    rows = best.sort("n", descending=True).head(2).to_dicts()
    few = ", ".join(f"{shown(r['v'])} is always {shown(r['y'])}" for r in rows)
    return f"{few}, in {right:,} of {total:,} rows", 0.93


def _there(part: Part, label: Column, column: Column) -> tuple[str, float] | None:
    """Whether a column has a value, or one other than 0, in rows of one class alone: known only afterwards."""
    import polars as pl

    empty = pl.col(column.name).is_null()
    if column.kind == "number":
        empty = empty | (number(column) == 0)
    cells = part.lazy.select(there=~empty, y=pl.col(label.name)).drop_nulls("y")
    first = cells.head(FIRST).filter("there").select(pl.col("y").n_unique()).collect()
    if first.item() > 1:
        return None
    each = cells.group_by("y").agg(n=pl.len(), there=pl.col("there").sum())
    shares = each.collect(engine="streaming")
    if len(shares) != 2:
        return None
    without, holds = shares.sort("there").to_dicts()
    rows, base = without["n"] + holds["n"], holds["n"] / (without["n"] + holds["n"])
    if without["there"] or holds["there"] < max(LEAST, HELD * holds["n"]):
        return None
    if holds["there"] * math.log(base) > math.log(CHANCE):
        return None
    what = "is not empty" if column.kind != "number" or column.nulls else "is not 0"
    return (
        f"it {what} in {holds['there']:,} of {rows:,} rows, and in all of these `{label.name}` is "
        f"{shown(holds['y'])}",
        0.85,
    )


def _correlation(part: Part, label: Column, column: Column) -> tuple[str, float] | None:
    import polars as pl

    pair = part.lazy.select(a=number(column), b=number(label)).drop_nulls()
    first = (
        pair.head(FIRST).select(pl.corr(pl.col("a").rank(), pl.col("b").rank())).collect().item()
    )
    if first is None or abs(first) < 0.99:
        return None
    pair = pair.filter(pl.col("a").is_finite() & pl.col("b").is_finite())
    count, straight, ranked = (
        pair.select(
            n=pl.len(), r=pl.corr("a", "b"), s=pl.corr(pl.col("a").rank(), pl.col("b").rank())
        )
        .collect()
        .row(0)
    )
    if count < LEAST or straight is None or ranked is None:
        return None
    if abs(straight) >= 0.9999 or abs(ranked) >= 0.9999:
        return f"their correlation is {straight:.5f}, that of their ranks {ranked:.5f}", 0.9
    return None


def _cuts(part: Part, label: Column, column: Column) -> tuple[str, float] | None:
    """Whether sorting by the column sorts the labels: no more changes than classes, less one."""
    import polars as pl

    pair = part.lazy.select(a=number(column), y=pl.col(label.name)).drop_nulls()
    if _changes(pair.head(FIRST).sort("a", "y").collect()) > label.unique - 1:
        return None
    frame = pair.sort("a", "y").collect()
    if len(frame) < max(30, 10 * label.unique):
        return None
    changes = _changes(frame)
    smallest = int(frame["y"].value_counts()["count"].min() or 0)  # type: ignore[arg-type]
    if changes > label.unique - 1 or smallest < 5:
        return None
    return f"{changes} cuts of it tell all {label.unique} classes apart in {len(frame):,} rows", 0.6


def _changes(frame: "pl.DataFrame") -> int:
    return int((frame["y"] != frame["y"].shift()).fill_null(False).sum())
