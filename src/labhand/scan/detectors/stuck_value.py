"""A measure that stands still."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import ROW, Data, Part, number
from labhand.scan.detectors._cells import shown

if TYPE_CHECKING:
    import polars as pl

LEAST = 12
"""Rows one after the other with the same number."""
VALUES = 50
"""Different numbers of a column, below which it repeats itself anyway."""
REPEATS = 0.2
"""The share of rows that are as the one before, from which on the column is one that stands still often."""
CHANCE = 1e-9
"""The chance, over all rows, of so long a run."""
AROUND = 60
"""Rows on each side of a run that tell whether all of them are sorted."""
GROUPS = 200
KEYS = 3
MOST = 3_000_000
"""Rows above which only rows beside each other in the file are compared."""


class Detector:
    """A measure that stands still.

    ## What it does
    Finds runs of one and the same number in columns whose numbers otherwise change from row to row: in
    the order of the file, and among the rows of each sensor, station or ticker.

    ## Why is this bad
    The instrument was frozen or the last value was carried on: nothing was measured there.

    ## Known problems
    A price that nobody traded on stands still rightly. Where the same rows hold the same value again by
    the column that they share, as the height of one patient, nothing is told.

    ## Example
    `57.28, 57.31, 57.19, 57.19, 57.19, … 57.19` over 260 readings of one pump

    ## Use instead
    Leave the rows out, or make the cells empty.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        for part in data.parts:
            if part.rows >= 4 * LEAST and not part.broken:
                yield from _look(data, part)


def _look(data: Data, part: Part) -> Iterator[Anomaly]:
    apart = {data.role("id"), data.role("label"), data.role("prediction"), data.role("time")}
    columns = [
        c for c in part.columns.values()
        if c.kind == "number" and c.unique >= VALUES and c.name not in apart and not c.is_id
    ]  # fmt: skip
    keys = [
        c.name for c in part.columns.values()
        if c.kind == "category" and 2 <= c.unique <= GROUPS and c.name not in apart
    ][:KEYS]  # fmt: skip
    if part.rows > MOST:
        data.left_out(f"runs of one number within groups, in more than {MOST:,} rows")
        keys = []
    for column in columns:
        found, key = max(
            ((_runs(part, column, key), key) for key in (None, *keys)), key=lambda one: len(one[0])
        )
        if len(found) and not _shared(data, part, column, found):
            yield _anomaly(part, column, found, key)


def _runs(part: Part, column: Column, key: str | None) -> "pl.DataFrame":
    """The rows of runs that chance does not make: `row`, `score` (the length), `value`, `group`."""
    import polars as pl

    cell = number(column).alias("value")
    group = (pl.lit("") if key is None else pl.col(key).cast(pl.String).fill_null("")).alias(
        "group"
    )
    frame = part.select(pl.col(ROW), cell, group)
    if key is not None:
        frame = frame.sort("group", maintain_order=True)
    same = (pl.col("value") == pl.col("value").shift()) & (
        pl.col("group") == pl.col("group").shift()
    )
    frame = frame.with_columns(run=(~same.fill_null(False)).cum_sum())
    lengths = frame.group_by("run").len("n")
    long = lengths.filter(pl.col("n") >= LEAST)
    if not len(long) or not len(lengths):
        return frame.clear()
    inside = int(long["n"].sum())
    repeats = (len(frame) - inside - (len(lengths) - len(long))) / max(1, len(frame) - inside)
    if inside > 0.3 * len(frame) or repeats > REPEATS:
        return frame.clear()
    usual = max(repeats, 1 / column.unique, 1e-3)
    long = long.filter(usual ** (pl.col("n") - 1) * len(frame) < CHANCE)
    long = long.filter(~pl.col("run").is_in(_sorted(frame, long["run"].to_list())))
    found = frame.join(long, on="run").filter(pl.col("value").is_not_null())
    return found.select(
        row=ROW, score=pl.col("n").cast(pl.Float64), value="value", group="group"
    ).sort("score", "row", descending=[True, False])


def _sorted(frame: "pl.DataFrame", runs: list[int]) -> list[int]:
    """Those runs around which the numbers only rise or only fall: there equal ones stand together anyway."""
    import numpy as np

    at, values = frame["run"].to_numpy(), frame["value"].to_numpy()
    found = []
    for run in runs:
        first, last = np.searchsorted(at, [run, run + 1])
        near = values[max(0, first - AROUND) : last + AROUND]
        steps = np.diff(near)
        rises, falls = int((steps > 0).sum()), int((steps < 0).sum())
        if min(rises, falls) <= 0.02 * (rises + falls) and rises + falls >= 5:
            found.append(run)
    return found


def _shared(data: Data, part: Part, column: Column, found: "pl.DataFrame") -> bool:
    """Whether rows that share a value of another column share this one too, there and elsewhere."""
    import polars as pl

    own = pl.col(column.name)
    for other in part.columns.values():
        repeats = 2 <= other.unique <= 0.7 * part.rows
        if other.name == column.name or not repeats or other.kind not in ("category", "number"):
            continue
        if other.unique <= GROUPS and other.kind == "category":
            continue
        each = (
            part.lazy.group_by(pl.col(other.name)).agg(n=pl.len(), v=own.n_unique())
            .filter(pl.col("n") >= 2).select((pl.col("v") == 1).mean()).collect().item()
        )  # fmt: skip
        if each is not None and each > 0.8:
            return True
    return False


def _anomaly(part: Part, column: Column, found: "pl.DataFrame", key: str | None) -> Anomaly:
    import polars as pl

    first = found.row(0, named=True)
    begins = int(found.filter(pl.col("score") == first["score"])["row"].to_numpy().min())
    where = "" if key is None else f" where `{key}` is {shown(first['group'])}"
    cells = found.select(
        "row", "score", column=pl.lit(column.name), value=pl.col("value").cast(pl.String)
    )
    return Anomaly(
        part,
        f"`{column.name}` stands still at {shown(first['value'])} in {int(first['score']):,} rows one after the "
        f"other{where}, from row {begins} on"
        + (f"; {len(found):,} rows in all" if len(found) > first["score"] else ""),
        "look whether the instrument was frozen or the last value was carried on; leave the rows out",
        0.85,
        cells,
        [column.name],
        "warning",
        normal=f"`{column.name}` changes from row to row",
        group="stuck-value",
    )
