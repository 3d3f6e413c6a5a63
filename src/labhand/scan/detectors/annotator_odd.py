"""An annotator who labels unlike the others."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import ROW, CannotLook, Data, Part
from labhand.scan.detectors._cells import share, shown

if TYPE_CHECKING:
    import polars as pl

LEAST = 10
"""Rows of an annotator below which chance says more than he does."""
SURE = 1e-4
"""The chance, over all annotators, that one differs so by luck."""


class Detector:
    """An annotator who labels unlike the others.

    ## What it does
    Where several people labelled the same items, counts how often each agrees with the majority of the
    others; where they did not, compares the shares of labels that each gives.

    ## Why is this bad
    What such a person labelled is noise, or another reading of the guideline; either way a model learns
    it.

    ## Known problems
    Who was given the hard items disagrees more. Whom the others contradict may be right.

    ## Example
    Four annotators agree in 90 % of the items, the fifth in 40 %

    ## Use instead
    Look at the rows on which the person stands alone, and label some anew.
    """

    needs = ("annotator", "label")

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly an annotator."""
        annotator, label = str(data.role("annotator")), str(data.role("label"))
        for part in data.parts:
            if annotator not in part.names or label not in part.names:
                continue
            told = _agreement(data, part, annotator, label)
            if told is None:
                told = _shares(part, annotator, label)
            yield from _odd(part, annotator, label, told)


def _agreement(data: Data, part: Part, annotator: str, label: str) -> "pl.DataFrame | None":
    """Of each annotation of an item that others labelled too, whether it is what most others say."""
    import polars as pl

    for key in _items(data, part, annotator, label):
        frame = part.lazy.select(
            ROW, a=pl.col(annotator), y=pl.col(label), item=pl.col(key)
        ).collect()
        frame = frame.drop_nulls(["a", "y", "item"]).with_columns(
            raters=pl.col("a").n_unique().over("item")
        )
        shared = frame.filter(pl.col("raters") > 1)
        if len(shared) < 0.3 * part.rows:
            continue
        same = pl.len().over("item", "y")
        all_ = pl.len().over("item")
        return shared.with_columns(alone=(same - 1) * 2 < all_ - 1)
    return None


def _items(data: Data, part: Part, annotator: str, label: str) -> list[str]:
    """The columns that may name what is labelled: their values come again, each time by another person."""
    import polars as pl

    apart = {annotator, label, data.role("prediction"), data.role("time")}
    some = [c for c in part.columns.values() if c.name not in apart and c.kind != "other"]
    again = [c.name for c in some if 10 <= c.unique <= 0.8 * c.filled]
    if not again:
        return []
    pairs = part.select(pl.struct(n, annotator).n_unique().alias(n) for n in again).row(0)
    named = [n for n, many in zip(again, pairs, strict=True) if many >= 0.9 * part.rows]
    return sorted(named, key=lambda n: part.columns[n].unique)


def _shares(part: Part, annotator: str, label: str) -> "pl.DataFrame":
    """Of each label, how much rarer it is over all than with this annotator: 1 above twice as rare."""
    import polars as pl

    frame = part.lazy.select(ROW, a=pl.col(annotator), y=pl.col(label)).drop_nulls().collect()
    if frame["y"].n_unique() > 50:
        raise CannotLook(
            "no item was labelled twice, and the label holds too many values to compare"
        )
    rows = pl.len().over("a")
    own = pl.len().over("a", "y") / rows
    others = (pl.len().over("y") - pl.len().over("a", "y")) / (pl.len() - rows)
    return frame.with_columns(alone=own > 2 * others + 0.1)


def _odd(part: Part, annotator: str, label: str, told: "pl.DataFrame") -> Iterable[Anomaly]:
    import polars as pl
    from scipy.stats import fisher_exact

    each = told.group_by("a").agg(rows=pl.len(), alone=pl.col("alone").sum()).sort("a")
    if len(each) < 2:
        return
    total, apart = int(each["rows"].sum()), int(each["alone"].sum())
    for person, rows, alone in each.iter_rows():
        others = (apart - alone + 1) / (total - rows + 2)
        table = [[alone, rows - alone], [apart - alone, total - rows - apart + alone]]
        if rows < LEAST or alone / rows - others < 0.1:
            continue
        if fisher_exact(table, alternative="greater").pvalue * len(each) > SURE:
            continue
        lines = told.filter((pl.col("a") == person) & pl.col("alone"))
        found = lines.select(
            row=ROW, score=pl.lit(1.0), column=pl.lit(label), value=pl.col("y").cast(pl.String)
        )
        yield Anomaly(
            part,
            f"{shown(person)} (`{annotator}`) stands alone in {alone:,} of {rows:,} labels "
            f"({share(alone, rows)}), the others in {share(others, 1)} of theirs",
            "look at these rows, and label some anew",
            0.8,
            found,
            [annotator, label],
            "warning",
            normal=f"an annotator stands alone in {share(others, 1)} of the labels",
            group="annotator-odd",
        )
