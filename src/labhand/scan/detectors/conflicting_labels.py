"""Equal rows with different labels."""

import re
from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import ROW, CannotLook, Data, Part, number
from labhand.scan.detectors import _same_pictures
from labhand.scan.detectors._alike import alike, part_words
from labhand.scan.detectors._cells import counted, shown
from labhand.scan.detectors._mentions import called_otherwise, mentions
from labhand.scan.detectors._moulds import copies
from labhand.scan.detectors._preferences import plainly, preferences
from labhand.scan.detectors._rows import by_chance, coincidence, compared, met, plain
from labhand.scan.texts import texts

OWN_WAY, MANY = 0.3, 0.03
"""Shares of the pairs of like texts, and of the rows, above which labels do not follow from texts."""
FEW_CALLED = 0.05
"""The share of spans called otherwise than the same words elsewhere up to which they are slips."""
LEAST = 0.85
"""The Jaccard index of their words from which on two texts must have one label."""


class Detector:
    """Equal rows with different labels.

    ## What it does
    Groups rows that are equal in everything but label, id and bookkeeping, words compared without case
    and blanks; where a group has several labels, its rows are found. Texts count as equal from 85 % of
    common words. Of preference pairs it finds those that prefer what another pair rejects for the same
    prompt, and those whose own scores prefer the other side. Of entities it finds spans whose words have
    another label nearly everywhere else.

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

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part and kind: equal rows, nearly equal texts, preferences."""
        yield from _same_pictures.conflicts(data)
        yield from _called(data)
        if mentions(data) and data.role("label") is None and data.role("chosen") is None:
            return
        if data.role("label") is None and data.role("chosen") is None:
            raise CannotLook(str(data.lacks("label")))
        for part in data.parts:
            if data.role("label") in part.names and data.role("annotator") is None:
                equal = list(_look(data, part))
                yield from equal
                if texts(data, part):
                    known = [r for a in equal if a.found is not None for r in a.found["row"]]
                    yield from _nearly(data, part, set(known))
            yield from _preferred(data, part)
            yield from _scored(data, part)


def _called(data: Data) -> Iterable[Anomaly]:
    """Spans whose words are called something else nearly everywhere."""
    for told in mentions(data):
        odd, usual, often = called_otherwise(told)
        if not odd:
            continue
        first = odd[0]
        words = str(first.surface or first.read)
        rows = len({one.row for one in odd})
        yield Anomaly(
            told.part,
            f"{len(odd):,} spans of `{told.column}` in {counted(rows, 'row')} are labelled otherwise than the same words "
            f"elsewhere, as row {first.row}: {shown(words)} is {shown(first.label)}, and nearly always "
            f"{shown(usual[words])}",
            "look at these spans and decide on one label for the same words, where they mean the same",
            0.85 if often <= FEW_CALLED else 0.5,
            made([one.row for one in odd]),
            [told.column],
            "warning" if often <= FEW_CALLED else "note",
            normal="the same words have one label",
            group="spans",
        )


def _nearly(data: Data, part: Part, known: set[int]) -> Iterable[Anomaly]:
    """Texts that are nearly equal and have different labels."""
    import polars as pl

    label = str(data.role("label"))
    told = part.columns[label]
    if (told.kind == "number" and not told.whole) or told.unique > 0.3 * part.rows:
        return
    near = alike(data, part, LEAST)
    pairs = pl.DataFrame({"left": near.left, "right": near.right, "score": near.jaccard})
    labels = part.select(row=pl.col(ROW), value=pl.col(label)).drop_nulls()
    pairs = pairs.join(labels, left_on="left", right_on="row").join(
        labels, left_on="right", right_on="row", suffix="_right"
    )
    differ = pairs.filter(pl.col("value") != pl.col("value_right"))
    # where many texts are alike and their labels go their own way, the texts do not say the label
    if len(differ) > OWN_WAY * len(pairs) and len(differ) > 5 + MANY * part.rows:
        return
    # texts of one mould say what they say by what fills it
    sides = differ["left"].to_numpy(), differ["right"].to_numpy()
    pairs = differ.filter(pl.Series(copies(part_words(data, part), *sides, many=False)))
    both = [
        pairs.select(row=a, score="score", value=pl.col(v).cast(pl.String), partner=b)
        for a, b, v in (("left", "right", "value"), ("right", "left", "value_right"))
    ]
    found = pl.concat(both).filter(~pl.col("row").is_in(list(known)))
    found = found.sort("score", "row", descending=[True, False]).unique(
        "row", keep="first", maintain_order=True
    )
    if not 0 < len(found) <= 0.3 * part.rows + 4:
        return
    pair = found.row(0, named=True)
    yield Anomaly(
        part,
        f"{len(found):,} rows say nearly what a row with another `{label}` says, as rows {pair['row']} and "
        f"{pair['partner']}",
        "decide on one label for what says the same",
        0.75,
        found.select("row", "score", pl.lit(label).alias("column"), "value", "partner"),
        [label],
        "note" if "label" in data.guessed else "warning",
        normal="texts that say the same have equal labels",
    )


def _preferred(data: Data, part: Part) -> Iterable[Anomaly]:
    """Pairs that prefer, for one prompt, what another pair rejects for it."""
    import polars as pl

    pairs = preferences(data, part)
    if pairs is None:
        return
    plain = pairs.select(
        "row",
        prompt=pl.coalesce(plainly("asked"), plainly("prompt"), pl.lit("")),
        chosen=plainly("chosen"),
        rejected=plainly("rejected"),
    ).filter((pl.col("chosen") != pl.col("rejected")) & (pl.col("chosen") != ""))
    met = plain.join(
        plain.rename({"chosen": "rejected", "rejected": "chosen"}),
        on=["prompt", "chosen", "rejected"],
        suffix="_right",
    )
    columns = [str(data.role("chosen")), str(data.role("rejected"))]
    if len(met):
        found = (
            met.select(row="row", score=pl.lit(1.0), partner="row_right")
            .unique("row", keep="first")
            .sort("row")
        )
        pair = found.row(0, named=True)
        yield Anomaly(
            part,
            f"{len(found):,} of {part.rows:,} pairs prefer what another pair rejects for the same prompt, as rows "
            f"{pair['row']} and {pair['partner']}",
            "decide which answer is better, or drop both pairs",
            0.95,
            found,
            columns,
            "warning",
            normal="an answer is better than another in every pair of the two",
        )


def _scored(data: Data, part: Part) -> Iterable[Anomaly]:
    """Pairs whose own scores prefer the side that was rejected."""
    if data.role("chosen") not in part.names or data.role("rejected") not in part.names:
        return
    columns = [str(data.role("chosen")), str(data.role("rejected"))]
    scores = [
        c
        for c in part.names
        if re.fullmatch(
            r"(score|rating|reward)s?_?(chosen|rejected)|(chosen|rejected)_?(score|rating|reward)s?",
            c,
        )
    ]
    mine = next((c for c in scores if "chosen" in c), None)
    theirs = next((c for c in scores if "rejected" in c), None)
    if mine and theirs and all(part.columns[c].kind == "number" for c in (mine, theirs)):
        odd = number(part.columns[mine]) < number(part.columns[theirs])
        found = part.where(odd, score=number(part.columns[theirs]) - number(part.columns[mine]))
        if 0 < len(found) <= 0.3 * part.rows + 2:
            yield Anomaly(
                part,
                f"{len(found):,} of {part.rows:,} pairs have the higher score on the rejected side, as row "
                f"{found['row'][0]}",
                "swap the two sides, or look at their scores",
                0.9,
                found,
                [*columns, mine, theirs],
                "warning",
                normal=f"`{mine}` is at least `{theirs}`",
            )


def _look(data: Data, part: Part) -> Iterable[Anomaly]:
    import polars as pl

    label = str(data.role("label"))
    names = [n for n in compared(data, part) if n not in (label, data.role("prediction"))]
    if not names:
        return
    told = part.columns[label]
    if told.kind == "number" and not told.whole:
        return
    keyed = met(data, part, plain(part, names))
    if not len(keyed):
        return
    labels = part.at(keyed[ROW].to_list(), [label])
    keyed = keyed.with_columns(label=labels[label]).filter(pl.col("label").is_not_null())
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
        "note" if "label" in data.guessed else "warning",
        normal="equal rows have equal labels",
        evidence={"groups": groups},
    )
