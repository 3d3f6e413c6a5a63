"""Equal rows with different labels."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import ROW, Data, Part
from labhand.scan.detectors._rows import by_chance, coincidence, compared, plain


class Detector:
    """Equal rows with different labels.

    ## What it does
    Groups rows that are equal in everything but label, id and bookkeeping, words compared without case
    and blanks; where a group has several labels, its rows are found.

    ## Why is this bad
    At least one label is wrong, or a column that decides it is missing. No model can be right on both.

    ## Known problems
    Where few columns with few values make rows equal by chance, nothing is said. Labels of several
    annotators are meant to differ; name their column with `--annotator`.

    ## Example
    `great film,positive` and `great film,negative`

    ## Use instead
    Decide on one label, or keep the share of each.
    """

    needs = ("label",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        for part in data.parts:
            if data.role("label") in part.names and data.role("annotator") is None:
                yield from _look(data, part)


def _look(data: Data, part: Part) -> Iterable[Anomaly]:
    import polars as pl

    label = str(data.role("label"))
    names = [n for n in compared(data, part) if n not in (label, data.role("prediction"))]
    if not names:
        return
    told = part.columns[label]
    if told.kind == "number" and not told.whole:
        return
    key = pl.struct(plain(part, names)).hash().alias("key")
    keyed = part.lazy.select(ROW, key, pl.col(label).alias("label")).collect(engine="streaming")
    keyed = keyed.filter(pl.col("label").is_not_null() & pl.col("key").is_duplicated())
    several = keyed.filter(pl.col("label").n_unique().over("key") > 1)
    if not len(several) or len(several) > 0.3 * part.rows + 4:
        return
    equal = len(keyed) - keyed["key"].n_unique()
    if by_chance(equal, coincidence(part, names) * part.rows**2 / 2):
        return
    counted = several.with_columns(same=pl.len().over("key", "label"), all=pl.len().over("key"))
    partner = (
        counted.sort("same", descending=True, maintain_order=True)
        .group_by("key", "label", maintain_order=True)
        .agg(pl.col(ROW).first().alias("other"))
    )
    pairs = counted.join(partner, on="key").filter(pl.col("label") != pl.col("label_right"))
    pairs = pairs.unique(ROW, keep="first", maintain_order=True)
    found = pairs.select(
        row=ROW,
        score=1 - pl.col("same") / pl.col("all"),
        column=pl.lit(label),
        value=pl.col("label").cast(pl.String),
        partner="other",
    ).sort("score", "row", descending=[True, False])
    groups = several["key"].n_unique()
    first = found.row(0, named=True)
    yield Anomaly(
        part,
        f"{len(found):,} rows in {groups:,} groups of equal rows have different `{label}`, as rows "
        f"{first['row']} and {first['partner']}",
        "decide on one label a group, or find the column that tells the rows apart",
        0.9,
        found,
        [label],
        "warning",
        normal="equal rows have equal labels",
        evidence={"groups": groups},
    )
