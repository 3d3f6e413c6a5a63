"""A measure that stands still."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part
from labhand.scan.detectors import _straight
from labhand.scan.detectors._cells import shown
from labhand.scan.detectors._rows import grouped

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
WHOLE = 0.9
"""The share of the rows of a group from which on its number is a constant of the group."""
AROUND = 60
"""Rows on each side of a run that tell whether all of them are sorted."""
SAME = 0.8
"""The share of rows in common from which on columns stand still together."""
GROUPS = 200
KEYS = 3
MOST = 3_000_000
"""Rows above which only rows beside each other in the file are compared."""


class Detector:
    """A measure that stands still.

    ## What it does
    Finds runs of one and the same number in columns whose numbers otherwise change from row to row: in
    the order of the file, and among the rows of each sensor, station or ticker. Of questions on one scale it
    finds rows that have one and the same step in all of them, far oftener than in all but one.

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
        """One anomaly a column, and one a set of questions."""
        for part in data.parts:
            if part.rows >= 4 * LEAST and not part.broken:
                yield from _look(data, part)
                yield from _straight.lined(data, part)


def _look(data: Data, part: Part) -> Iterator[Anomaly]:
    apart = {data.role("id"), data.role("label"), data.role("prediction"), data.role("time")}
    columns = [
        c for c in part.columns.values()
        if c.kind == "number" and c.unique >= VALUES and c.name not in apart and not c.is_id
    ]  # fmt: skip
    keys = part.groupings(GROUPS, KEYS, apart)
    if part.rows > MOST:
        data.left_out(f"runs of one number within groups, in more than {MOST:,} rows")
        keys = []
    told: list[Anomaly] = []
    for column in columns:
        found, key = max(
            ((_runs(data, part, column, key), key) for key in (None, *keys)),
            key=lambda one: len(one[0]),
        )
        if len(found) and not _shared(data, part, column, found):
            told.append(_anomaly(part, column, found, key))
    yield from _together(told)


def _together(told: list[Anomaly]) -> list[Anomaly]:
    """The claims, those of columns that stand still in the same rows as one: the instrument was one."""
    import polars as pl

    made: list[Anomaly] = []
    for one in told:
        assert one.found is not None
        rows = set(one.found["row"])
        for at, other in enumerate(made):
            assert other.found is not None
            theirs = set(other.found["row"])
            if len(rows & theirs) >= SAME * len(rows | theirs):
                names = [*other.columns, *one.columns]
                also = ", ".join(f"`{name}`" for name in names[1:])
                made[at] = other._replace(
                    message=f"{other.message.partition('; with it')[0]}; with it {also}",
                    found=pl.concat([other.found, one.found]),
                    columns=names,
                )
                break
        else:
            made.append(one)
    return made


def _runs(data: Data, part: Part, column: Column, key: str | None) -> "pl.DataFrame":
    """The rows of runs that chance does not make: `row`, `score` (the length), `value`, `group`."""
    import numpy as np
    import polars as pl

    values, rows = part.numbers([column.name])[:, 0], part.row_numbers
    group = np.zeros(len(values), dtype=np.int64)
    names: Any = [""]
    if key is not None:
        group, names = grouped(data, part, key)
        order = np.argsort(group, kind="stable")
        values, rows, group = values[order], rows[order], group[order]
    # a run holds one of these places whole: of most columns none is as the one before
    if not (values[1:] == values[:-1])[:: LEAST - 1].any():
        return pl.DataFrame(
            {"row": rows[:0], "score": values[:0], "value": values[:0], "group": []}
        )
    begins = np.flatnonzero(np.r_[True, (values[1:] != values[:-1]) | (group[1:] != group[:-1])])
    lengths = np.diff(np.r_[begins, len(values)])
    long = (lengths >= LEAST) & np.isfinite(values[begins])
    inside = int(lengths[long].sum())
    repeats = (len(values) - inside - int((~long).sum())) / max(1, len(values) - inside)
    if not long.any() or inside > 0.3 * len(values) or repeats > REPEATS:
        long[:] = False
    usual = max(repeats, 1 / column.unique, 1e-3)
    long &= usual ** (lengths - 1.0) * len(values) < CHANCE
    whole = np.bincount(group)
    kept = []
    for at in np.flatnonzero(long):
        first, length = begins[at], lengths[at]
        here, others = group == group[first], whole[group[first]] - length
        # a flat fare is no frozen instrument
        again = (int((values[here] == values[first]).sum()) - length) / max(1, others)
        by_chance = max(usual, 2 * again) ** (length - 1.0) * len(values) >= CHANCE
        if (
            length < WHOLE * whole[group[first]]
            and not by_chance
            and not _is_sorted(values, first, length)
        ):
            kept.append(at)
    each = [np.arange(begins[at], begins[at] + lengths[at]) for at in kept]
    place = np.concatenate(each) if each else np.empty(0, dtype=np.int64)
    score = np.repeat(lengths[kept], lengths[kept]).astype(float) if each else np.empty(0)
    return pl.DataFrame(
        {
            "row": rows[place],
            "score": score,
            "value": values[place],
            "group": [str(names[g]) for g in group[place]],
        }
    ).sort("score", "row", descending=[True, False])


def _is_sorted(values: Any, first: int, length: int) -> bool:
    """Whether numbers only rise or only fall around a run: there equal ones stand together anyway."""
    import numpy as np

    steps = np.diff(values[max(0, first - AROUND) : first + length + AROUND])
    rises, falls = int((steps > 0).sum()), int((steps < 0).sum())
    return min(rises, falls) <= 0.02 * (rises + falls) and rises + falls >= 5


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
