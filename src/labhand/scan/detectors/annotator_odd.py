"""An annotator who labels unlike the others."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.believing import beliefs
from labhand.scan.data import ROW, CannotLook, Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._rows import labelled_together

if TYPE_CHECKING:
    import polars as pl

LEAST = 10
"""Rows of an annotator below which chance says more than he does."""
LEARNT = 0.6
"""Of the mistakes that always saying the usual label makes, models may make this share at most."""
SURE = 1e-4
"""The chance, over all annotators, that one differs so by luck."""


class Detector:
    """An annotator who labels unlike the others.

    ## What it does
    Where several people labelled the same items, counts how often each agrees with the majority of the
    others. Where they did not, how often each says what models make of the row by the labels of all;
    and where no model can, compares the shares of labels that each gives.

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
        for part in data.parts:
            if data.role("annotator") in part.names and data.role("label") in part.names:
                found = (list(_odd(data, part, told, how)) for told, how in _alone(data, part))
                yield from next(filter(None, found), [])


def _alone(data: Data, part: Part) -> Iterable[tuple["pl.DataFrame", str]]:
    """Of each label whether its annotator stands alone with it, and against whom: the surest way first."""
    import polars as pl

    annotator, label = str(data.role("annotator")), str(data.role("label"))
    together = labelled_together(data, part)
    if together is not None:
        same, all_ = pl.len().over("item", "y"), pl.len().over("item")
        yield together.with_columns(alone=(same - 1) * 2 < all_ - 1), "stands alone"
        return
    with suppress(CannotLook):
        yield (
            _against_models(data, part, annotator),
            "labels otherwise than models that never saw the row",
        )
    yield _shares(part, annotator, label), "gives a label that the others give far less often"


def _against_models(data: Data, part: Part, annotator: str) -> "pl.DataFrame":
    """Of each label, whether it is not what models make of the row by all other labels."""
    import numpy as np
    import polars as pl

    told = beliefs(data, part)
    who = part.select(pl.col(annotator))[annotator]
    frame = pl.DataFrame(
        {
            ROW: told.rows,
            "a": who.gather(told.rows),
            "y": [told.classes[c] for c in told.given],
            "alone": told.probabilities.argmax(axis=1) != told.given,
        }
    )
    usual = float(np.bincount(told.given).max() / len(told.given))
    if frame["alone"].mean() > LEARNT * (1 - usual):  # type: ignore[operator]
        raise CannotLook("the label cannot be learned from the other columns")
    return frame.drop_nulls("a")


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


def _odd(data: Data, part: Part, told: "pl.DataFrame", how: str) -> Iterable[Anomaly]:
    import polars as pl
    from scipy.stats import fisher_exact

    annotator, label = str(data.role("annotator")), str(data.role("label"))
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
            f"{shown(person)} (`{annotator}`) {how} in {alone:,} of {rows:,} labels "
            f"({share(alone, rows)}), the others in {share(others, 1)} of theirs",
            "look at these rows, and label some anew",
            0.8,
            found,
            [annotator, label],
            "warning",
            normal=f"the others do so in {share(others, 1)} of their labels",
            group="annotator-odd",
        )
