"""Rows that break a rule which nearly all rows keep."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors import _fitted, _keys, _lengths, _order, _shares
from labhand.scan.detectors._cells import counted, shown

if TYPE_CHECKING:
    import polars as pl

LEAST = 30
MOST = 0.03
"""The share of rows up to which those that break a rule are the mistakes."""
BROKEN = 0.1
"""The share of rows up to which those that break an exact sum or product are the mistakes."""
OFTEN = 0.02
"""The share of the rows of a value, beside one row, up to which a second value there is a slip."""
SLIPS = 0.6
"""The share of slips among the rows that break a rule, below which it is none."""
COLUMNS = 25
"""Columns of words whose pairs are all looked at."""
NUMBERS = 14
ROUNDED = 0.0051
SOME, FEW = 50_000, 5_000
SOME_VALUES = 100
KINDS = 12
"""Values of a column that tells of what kind a row is."""
MEASURED = 10
"""Rows a value of a number, below which it decides one of two things by chance."""


class Detector:
    """Rows that break a rule which nearly all rows keep.

    ## What it does
    Finds columns of which one decides another (a postal code its city) in all but a few rows, columns of
    numbers of which one is the sum, the difference or the product of two others in all but a few rows,
    days or measures of which one comes before the other in all but a few, keys that name one row each but a
    few, columns that are shares of one whole, lists of one length, masks of what is filled up, and numbers that count the letters or words of a
    text or go along with its length, numbers that the others tell closely, as height and weight tell a body mass
    index, but a few.

    ## Why is this bad
    One of the cells is wrong, and nothing in it alone shows it.

    ## Known problems
    A code that was given anew breaks the rule and is right.

    ## Example
    `price 3, quantity 2, total 6` and `price 4, quantity 2, total 9`

    ## Use instead
    Look which of the cells is wrong; the partner row keeps the rule.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a rule that is broken."""
        for part in data.parts:
            if part.rows >= LEAST:
                told = [
                    *_words(data, part),
                    *_numbers(part),
                    *_discounted(part),
                    *_order.broken(data, part),
                    *_order.lasting(part),
                    *_keys.repeated(data, part),
                    *_lengths.broken(data, part),
                    *_shares.broken(part),
                ]
                known = {
                    row for claim in told if claim.found is not None for row in claim.found["row"]
                }
                yield from (*told, *_fitted.broken(data, part, known))
        yield from _keys.orphans(data)


def _words(data: Data, part: Part) -> Iterator[Anomaly]:
    apart = (data.role("prediction"), data.role("split"), data.role("annotator"))
    few = [
        c
        for c in part.columns.values()
        if c.name not in apart and 2 <= c.unique <= part.rows / 3
        and (c.kind in ("category", "flag") or (c.kind == "number" and c.whole))
    ]  # fmt: skip
    for left, right in itertools.permutations(few[:COLUMNS], 2):
        # a rule that few values obey, or that decides nothing, holds by chance
        if (
            left.unique >= 5
            and 2 <= right.unique <= left.unique
            and right.name != data.role("label")
        ):
            yield from _decides(part, left, right, few[:COLUMNS])


def _pairs(part: Part, left: Column, right: Column, every: int = 1) -> "pl.DataFrame":
    """How often each two values of two columns stand together (`a`, `b`, `n`).

    Only of an `every`-th part of the rows: all rows of some values where there are enough of these.
    """
    import polars as pl

    cells = part.lazy.select(a=pl.col(left.name), b=pl.col(right.name))
    if every > 1 and left.unique > SOME_VALUES * every:
        cells = cells.filter(pl.col("a").hash() % every == 0)
    elif every > 1:
        cells = cells.select(pl.all().gather_every(every))
    pairs = cells.drop_nulls().group_by("a", "b").len("n")
    return pairs.collect(engine="streaming").sort("n", "b", descending=True)


def _may_decide(part: Part, left: Column, right: Column) -> bool:
    """Whether some rows keep the rule far enough: among few, more do by chance than among all."""
    import polars as pl

    every = part.rows // SOME
    if every < 2:
        return True
    some = _pairs(part, left, right, every)
    kept = int(some.group_by("a").agg(pl.col("n").max())["n"].sum())
    return kept >= (1 - 2 * MOST) * int(some["n"].sum())


def _decides(part: Part, left: Column, right: Column, few: list[Column]) -> Iterator[Anomaly]:
    import polars as pl

    if not _may_decide(part, left, right):
        return
    pairs = _pairs(part, left, right)
    total = int(pairs["n"].sum())
    each = pairs.group_by("a", maintain_order=True).agg(
        usual=pl.col("b").first(),
        times=pl.col("n").first(),
        rows=pl.col("n").sum(),
        several=pl.len(),
    )
    several = each.filter((pl.col("rows") >= 3) & (pl.col("times") > 0.6 * pl.col("rows")))
    broken = pairs.join(several, on="a").filter(pl.col("b") != pl.col("usual"))
    wrong, covered = int(broken["n"].sum()), int(several["rows"].sum())
    commonest = float(each["times"].sum()) / max(1, total)
    chance = float((pairs.group_by("b").agg(pl.col("n").sum())["n"] / max(1, total)).max() or 0)  # type: ignore[arg-type]
    if not wrong or wrong > MOST * total or covered < 0.8 * total:
        return
    # what happens again and again is no slip
    slips = broken.filter(pl.col("n") <= 1 + OFTEN * pl.col("rows"))
    if slips["n"].sum() < SLIPS * wrong:
        return
    if (1 - commonest) > 0.1 * (1 - chance) or len(each) > total / 4:
        return
    # a measure that goes along with one of two things seems to decide it where its values are rare
    if left.kind == "number" and right.unique == 2 and total < MEASURED * len(each):
        return
    told = _decided(part, left, right, broken, total)
    others = [c for c in few if c.name not in (left.name, right.name) and c.unique <= KINDS]
    if not _of_a_kind(part, told.found, others):
        yield told


def _of_a_kind(part: Part, found: "pl.DataFrame | None", others: list[Column]) -> bool:
    """Whether a value of another column is there in these rows and hardly elsewhere, as `refund` is."""
    if found is None or not others:
        return False
    rows = part.at(found["row"].to_list(), [c.name for c in others])
    for column in others:
        counts = part.counts(column.name)
        here = rows[column.name].value_counts(sort=True)
        if counts is None or here.row(0)[0] is None:
            continue
        value, times = here.row(0)
        everywhere = int(counts.filter(counts["value"] == value)["count"].sum())
        if times >= 0.9 * len(rows) and times >= 0.5 * everywhere:
            return True
    return False


def _decided(
    part: Part, left: Column, right: Column, broken: "pl.DataFrame", total: int
) -> Anomaly:
    import polars as pl

    odd = part.lazy.select("__row__", a=pl.col(left.name), b=pl.col(right.name))
    found = odd.join(broken.lazy(), on=["a", "b"]).select(
        row="__row__",
        score=pl.col("times") / pl.col("rows"),
        column=pl.lit(right.name),
        value=pl.col("b").cast(pl.String),
        suggested=pl.col("usual").cast(pl.String),
    )
    rows = found.collect(engine="streaming").sort("score", "row", descending=[True, False])
    first = broken.row(0, named=True)
    return Anomaly(
        part,
        f"`{left.name}` decides `{right.name}` in all but {len(rows):,} of {total:,} rows, as "
        f"{shown(first['a'])} goes with {shown(first['usual'])} {first['times']:,} times and "
        f"{counted(first['n'], 'time')} with {shown(first['b'])}",
        f"look whether `{left.name}` or `{right.name}` is wrong in these rows",
        0.75,
        rows,
        [left.name, right.name],
        "warning",
        normal=f"a value of `{left.name}` goes with one of `{right.name}`",
        group="dependency-violation",
    )


RULES: tuple[tuple[str, str, Callable[[Any, Any], Any]], ...] = (
    ("the sum", "+", lambda a, b: a + b),
    ("the difference", "−", lambda a, b: a - b),
    ("the product", "×", lambda a, b: a * b),
)


def _numbers(part: Part) -> Iterator[Anomaly]:
    import numpy as np

    many = [
        c
        for c in part.columns.values()
        if c.kind == "number" and c.unique > 5 and c.std and not c.is_id
    ]
    if not 3 <= len(many) <= 60:
        return
    some = part.numbers([c.name for c in many[:NUMBERS]], max(1, part.rows // SOME))
    seen: set[frozenset[str]] = set()
    for a, b, c in itertools.permutations(range(min(len(many), NUMBERS)), 3):
        names = frozenset((many[a].name, many[b].name, many[c].name))
        for what, sign, rule in RULES:
            if (a > b and sign != "−") or names in seen:
                continue
            with np.errstate(all="ignore"):
                keeps = np.abs(rule(some[:, a], some[:, b]) - some[:, c])
            close = keeps <= 1e-6 * np.abs(some[:, c]) + _loose(many[c])
            # of zeros any rule holds
            known = np.isfinite(keeps) & (some[:, [a, b, c]] != 0).all(axis=1)
            if (
                known.sum() >= LEAST
                and close[known].mean() >= 1 - BROKEN
                and _varies(some, a, b, c)
            ):
                seen.add(names)
                yield from _computed(part, many[a], many[b], many[c], what, sign, rule)


def _loose(column: Column) -> float:
    """How far off a sum may be that was rounded to cents; less where all of the column lies closer together."""
    if column.q25 is None or column.q75 is None:
        return ROUNDED
    return min(ROUNDED, 0.02 * (column.q75 - column.q25))


def _discounted(part: Part) -> Iterator[Anomaly]:
    """Products of two columns less or more a share of them, which a third column holds."""
    import numpy as np

    many = [c for c in part.columns.values() if c.kind == "number" and c.std and not c.is_id][
        :NUMBERS
    ]
    some = part.numbers([c.name for c in many], max(1, part.rows // FEW))
    shares = [
        k
        for k, c in enumerate(many)
        if c.min is not None and c.max is not None and 0 <= c.min < c.max < 1
    ]
    rest = [k for k in range(len(many)) if k not in shares]
    for d, (a, b), sign in itertools.product(shares, itertools.combinations(rest, 2), (-1, 1)):
        right = some[:, a] * some[:, b] * (1 + sign * some[:, d])
        for c in rest:
            known = np.isfinite(right) & np.isfinite(some[:, c]) & (right != 0) & (some[:, d] > 0)
            close = np.abs(right - some[:, c]) <= 1e-6 * np.abs(some[:, c]) + 0.0051
            if c in (a, b) or known.sum() < LEAST or close[known].mean() < 1 - BROKEN:
                continue
            share = 1 + sign * number(many[d])
            what = f"{'less' if sign < 0 else 'with'} its `{many[d].name}` the product"

            def rule(x: Any, y: Any, share: Any = share) -> Any:
                return x * y * share

            yield from _computed(part, many[a], many[b], many[c], what, "×", rule)
            return


def _varies(some: Any, a: int, b: int, c: int) -> bool:
    """Whether the rule is more than that two columns are equal and the third is hardly there."""
    import numpy as np

    spread = np.nanstd(some, axis=0)
    return bool(min(spread[a], spread[b]) > 0.02 and spread[c] > 0.02)


def _computed(
    part: Part,
    a: Column,
    b: Column,
    c: Column,
    what: str,
    sign: str,
    rule: Callable[[Any, Any], Any],
) -> Iterator[Anomaly]:
    import polars as pl

    right = rule(number(a), number(b))
    away = (right - number(c)).abs()
    odd = away > 1e-6 * number(c).abs() + _loose(c)
    found = part.where(
        odd,
        away,
        column=pl.lit(c.name),
        value=number(c).cast(pl.String),
        suggested=right.cast(pl.String),
    )
    # where zeros break it, it is a rule of the other rows alone; where one and the same is missing, as a
    # toll, it is a further term
    if not 0 < len(found) <= BROKEN * part.rows:
        return
    steps = found["score"].round(2).n_unique()
    if len(found) > MOST * part.rows and steps <= max(3, 0.2 * len(found)):
        return
    first = found.row(0, named=True)
    yield Anomaly(
        part,
        f"`{c.name}` is {what} `{a.name}` {sign} `{b.name}` in all but {len(found):,} of {part.rows:,} rows, "
        f"as row {first['row']}: {shown(first['value'])} where {shown(first['suggested'])} follows",
        "look which of the three is wrong in these rows",
        0.85,
        found,
        [a.name, b.name, c.name],
        "warning",
        normal=f"`{c.name}` = `{a.name}` {sign} `{b.name}`",
    )
