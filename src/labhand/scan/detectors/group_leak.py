"""Groups that are in two splits."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._rows import pairs_of

if TYPE_CHECKING:
    import polars as pl

FEWEST = 10
"""Groups below which a column is rather a property of rows than their origin."""

MANY = 20
"""Values of a key, and such that chance alone would bring into both splits, for it to tell how rows were split."""
APART = 0.25
"""The share of these that may be in both where rows were split by the key."""


class Detector:
    """Groups that are in two splits.

    ## What it does
    Looks whether rows of one origin (patient, user, session, document: the group column, or a key that
    many rows share) are in more than one split, and whether one id is. Where by chance many more values
    of a column would be in both splits, rows were split by it, and those that are in both are a slip.

    ## Why is this bad
    Rows of one origin resemble each other; the score tells how well a model knows the patients, not
    how well it will do on new ones.

    ## Known problems
    Where it is meant that known users come again, as in recommendation, there is nothing to mend.

    ## Example
    Patient 17 in `train.csv` and in `test.csv`

    ## Use instead
    Split by group: `GroupKFold`, `GroupShuffleSplit`.
    """

    needs = ("splits",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a pair of splits and key."""
        keys = [k for k in (data.role("group"), data.role("id")) if k is not None]
        for early, late in pairs_of(data):
            for key in keys:
                if key in early.names and key in late.names:
                    yield from _look(data, early, late, key)
            for name in late.names:
                if name not in keys and _kept_apart(data, early, late, name):
                    yield from _look(data, early, late, name)


def _look(data: Data, early: Part, late: Part, key: str) -> Iterable[Anomaly]:
    import polars as pl

    ours, theirs = late.counts(key), early.counts(key)
    if ours is None or theirs is None:
        return
    is_id = key == data.role("id")
    if is_id and _row_numbers(late, key):
        return
    if not is_id and min(len(ours), len(theirs)) < FEWEST and len(late.columns) > 2:
        few = len(ours) < 4
        if few:
            return
    alike = _plain if _keeps_apart(ours, theirs) else _as_written
    text = alike(pl.col("value").cast(pl.String, strict=False))
    both = ours.select(value=text).join(theirs.select(value=text), on="value").drop_nulls()
    if not len(both):
        return
    first = (
        early.lazy.select(
            v=alike(pl.col(key).cast(pl.String, strict=False)), partner=pl.col("__row__")
        )
        .group_by("v")
        .agg(pl.col("partner").min())
        .collect(engine="streaming")
    )
    cell = alike(pl.col(key).cast(pl.String, strict=False))
    odd = late.where(cell.is_in(both["value"].implode()), column=pl.lit(key), value=cell)
    found = odd.join(first, left_on="value", right_on="v", how="left", maintain_order="left")
    found = found.with_columns(partner_part=pl.lit(early.name))
    what = "ids" if is_id else "groups"
    yield Anomaly(
        late,
        f"{len(both):,} of {len(ours):,} {what} in `{key}` of {late.name} are in {early.name} as well, as "
        f"{shown(both['value'].sort()[0])}: {len(found):,} rows ({share(len(found), late.rows)})",
        f"split by `{key}`, so that each of its values is in one split",
        0.85 if not is_id else 0.75,
        found,
        [key],
        "error",
        normal=f"a value of `{key}` is in one split",
        evidence={"shared": len(both), "with": early.name},
    )


def _as_written(cell: "pl.Expr") -> "pl.Expr":
    return cell


def _plain(cell: "pl.Expr") -> "pl.Expr":
    """An id without case, blanks and signs: `PAT-017` and `pat017` are one."""
    return cell.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "")


def _keeps_apart(*counts: "pl.DataFrame") -> bool:
    """Whether ids of one split are still different without case and signs."""
    import polars as pl

    for some in counts:
        ids = some.select(pl.col("value").cast(pl.String, strict=False).drop_nulls())["value"]
        if not ids.str.contains(r"\p{L}").all():
            return False
        if ids.to_frame().select(_plain(pl.col("value")).n_unique()).item() < ids.n_unique():
            return False
    return True


def _kept_apart(data: Data, early: Part, late: Part, name: str) -> bool:
    """Whether rows were split by a key that nobody named: far fewer of its values are in both than by chance."""
    import polars as pl

    column = late.columns[name]
    keys = column.kind in ("category", "text") or (column.kind == "number" and column.whole)
    if name not in early.names or name == data.role("label") or not keys:
        return False
    if column.unique < MANY or column.unique > 0.9 * column.filled:
        return False
    ours, theirs = late.counts(name), early.counts(name)
    if ours is None or theirs is None:
        return False
    text = pl.col("value").cast(pl.String, strict=False)
    pair = [c.select(value=text, n=pl.col(c.columns[-1]).cast(pl.Int64)) for c in (ours, theirs)]
    each = pair[0].join(pair[1], on="value", how="full", suffix="_early", coalesce=True)
    each = each.drop_nulls("value").fill_null(0)
    total = each["n"] + each["n_early"]
    portion = float(each["n"].sum()) / max(1, float(total.sum()))
    by_chance = float((1 - portion**total - (1 - portion) ** total).sum())
    both = int(((each["n"] > 0) & (each["n_early"] > 0)).sum())
    return by_chance >= MANY and both <= APART * by_chance


def _row_numbers(part: Part, key: str) -> bool:
    """Whether the ids merely number the rows of this part, from 0 or 1 on."""
    column = part.columns[key]
    return (column.whole and column.min in (0.0, 1.0) and column.is_id) or (
        column.whole and column.min in (0.0, 1.0) and column.max is not None
        and column.max - column.min + 1 == column.filled
    )  # fmt: skip
