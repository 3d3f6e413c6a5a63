"""A column, or the classes, of one split that are not as in the others."""

import math
from collections.abc import Iterable, Iterator

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import counted, share, shown
from labhand.scan.detectors._rows import pairs_of

LEAST = 40
"""Rows of a split."""
VALUES = 20
FACTOR = 3.0
"""How many times as large the quartiles of a column are in one split from which on it is another unit."""
ALIKE = 1.35
"""How far the factors of the three quartiles may lie apart."""
RESCALED, SHAPE = 5.0, 0.35
"""How many times as wide a column that is scaled otherwise is, and how far its quantiles may then lie apart."""
MISSED = 15.0
"""Rows of a class that a split would hold by chance, where it holds none."""


class Detector:
    """A column, or the classes, of one split that are not as in the others.

    ## What it does
    Compares each split with the first one: columns of numbers whose quartiles are all larger or smaller by
    one and the same factor, as of seconds and minutes, or that have the same shape in another scale, as what is
    standardised in one of them; columns of few words that share none with the other
    split; and classes that a split does not hold at all.

    ## Why is this bad
    A model meets at test time what it has never seen, and the score tells of that.

    ## Known problems
    Splits by time or by group drift by themselves: a shift that is no factor is not told.

    ## Example
    `call_minutes` with a median of 11 in train and of 660 in test

    ## Use instead
    Bring the column into one unit, or split anew.
    """

    needs = ("splits",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column of a later split."""
        for early, late in pairs_of(data):
            if min(early.rows, late.rows) < LEAST:
                continue
            for name in late.names:
                if name in early.names and name not in (data.role("id"), data.role("time")):
                    yield from _column(early, late, early.columns[name], late.columns[name])
            label = data.role("label")
            if label in early.names and label in late.names and "label" not in data.guessed:
                yield from _classes(early, late, str(label))


def _column(early: Part, late: Part, was: Column, now: Column) -> Iterator[Anomaly]:
    if was.kind == now.kind == "number" and min(was.unique, now.unique) >= VALUES:
        yield from _unit(early, late, was, now)
    elif was.kind == now.kind == "category":
        yield from _words(early, late, was, now)


def _unit(early: Part, late: Part, was: Column, now: Column) -> Iterator[Anomaly]:
    quartiles = [(was.q25, now.q25), (was.median, now.median), (was.q75, now.q75)]
    if not (was.is_id or now.is_id) and _rescaled(was, now):
        what = (
            f"is scaled in another way in `{late.name}` than in `{early.name}`: half of its cells lie from {now.q25:.4g} to "
            f"{now.q75:.4g} there, and from {was.q25:.4g} to {was.q75:.4g} here, in the same shape"
        )
        yield _anomaly(late, now, what, "scale all splits with the numbers of the first one", 0.85)
        return
    factors = [b / a for a, b in quartiles if a and b and a * b > 0]
    if len(factors) < 3 or was.is_id or now.is_id:
        return
    low, high = min(factors), max(factors)
    if high > ALIKE * low or not (low >= FACTOR or high <= 1 / FACTOR):
        return
    by = factors[1]
    times = f"{by:.3g} times as large" if by > 1 else f"{1 / by:.3g} times as small"
    yield _anomaly(
        late,
        now,
        f"is {times} in `{late.name}` as in `{early.name}`: half of its cells lie from {now.q25:.4g} to "
        f"{now.q75:.4g} there, and from {was.q25:.4g} to {was.q75:.4g} here, as in another unit",
        "bring the column into one unit in all splits",
        0.85,
    )


def _rescaled(was: Column, now: Column) -> bool:
    """Whether two columns are alike once each is taken from its median and by its quartiles, and far apart as they are."""
    shapes = []
    for column in (was, now):
        told = (column.q01, column.q25, column.median, column.q75, column.q99)
        if None in told:
            return False
        first, low, middle, high, last = (float(q) for q in told if q is not None)
        wide = high - low
        if wide <= 0:
            return False
        shapes.append((middle, wide, [(q - middle) / wide for q in (first, low, high, last)]))
    (middle, wide, shape), (there, width, other) = shapes
    by = max(wide / width, width / wide)
    apart = abs(middle - there) > max(wide, width)
    alike = all(abs(a - b) <= SHAPE * max(1.0, abs(a)) for a, b in zip(shape, other, strict=True))
    return by >= RESCALED and alike and apart


def _words(early: Part, late: Part, was: Column, now: Column) -> Iterator[Anomaly]:
    few = max(was.unique, now.unique) <= 50 and min(was.unique, now.unique) >= 2
    first, second = (early.counts(was.name), late.counts(was.name)) if few else (None, None)
    if first is None or second is None:
        return
    known, new = (set(c["value"].drop_nulls().to_list()) for c in (first, second))
    if known & new:
        return
    here, there = min(map(str, known)), min(map(str, new))
    what = (
        f"holds {len(new)} other words in `{late.name}` ({shown(there)}, …) than the {len(known)} of `{early.name}` "
        f"({shown(here)}, …), and none in common"
    )
    yield _anomaly(late, now, what, "write the column in one way in all splits", 0.8)


def _classes(early: Part, late: Part, label: str) -> Iterator[Anomaly]:
    for one, other in ((early, late), (late, early)):
        counts, there = one.counts(label), other.counts(label)
        if counts is None or there is None or one.columns[label].unique > 0.1 * one.rows:
            return
        here = set(there["value"].drop_nulls().to_list())
        if not here & set(counts["value"].to_list()):
            return  # the words are others, which is told as such
        for value, times in counts.drop_nulls("value").iter_rows():
            expected = times / one.rows * other.rows
            if value in here or expected < MISSED:
                continue
            what = (
                f"is never {shown(value)} in `{other.name}`, though it is so in {counted(times, 'row')} of "
                f"`{one.name}` ({share(times, one.rows)}): about {math.floor(expected)} would be there by chance"
            )
            yield _anomaly(
                other, other.columns[label], what, "split anew, stratified by the label", 0.9
            )


def _anomaly(part: Part, column: Column, what: str, advice: str, confidence: float) -> Anomaly:
    return Anomaly(
        part,
        f"`{column.name}` {what}",
        advice,
        confidence,
        columns=[column.name],
        severity="warning",
        normal="a column means the same in all splits, and each holds all classes",
        group="split-drift",
    )
