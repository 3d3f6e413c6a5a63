"""Rows that are nearly equal to another row."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.data import ROW, Data, Part
from labhand.scan.detectors import _same_pictures
from labhand.scan.detectors._alike import alike, part_words
from labhand.scan.detectors._cells import share
from labhand.scan.detectors._moulds import copies
from labhand.scan.detectors._rows import (
    MOST_COLUMNS,
    agreeing,
    by_chance,
    coincidence,
    compared,
    met,
    plain,
)
from labhand.scan.outputs import of_runs
from labhand.scan.texts import ROLES, texts

if TYPE_CHECKING:
    import polars as pl

LONGEST = 3_000_000
"""Rows up to which numbers are rounded, and each column is left out in turn."""
COMMON = 0.06
USUAL = 0.3
"""The share of texts from which on likeness is how they were made."""
DIGITS = 3
"""Significant digits to which numbers are compared in the second look."""


class Detector:
    """Rows that are nearly equal to another row.

    ## What it does
    Finds rows that are equal to an earlier one but for one cell, and rows that are equal once words
    are in lower case without doubled blanks and numbers rounded to three digits. Of texts, chats and
    preference pairs it finds rows that share at least seven of ten different words with an earlier
    one (Jaccard index of their sets of words, which MinHash finds and the words themselves verify),
    in each of their columns. Images are compared by thumbnails, also mirrored: those that correlate by
    0.98, and far more than with the ten that come next.

    ## Why is this bad
    They are the same thing entered twice; over two splits they leak as equal rows do.

    ## Known problems
    Repeated measurements of one thing resemble each other on purpose. Only tables in which so much
    likeness is no chance are looked at. Texts of one mould are alike: where others have their
    wording, too, or where what differs fills several columns, or more than three in ten rows are alike, it is
    a note. Texts that differ in numbers alone count from nine of ten words.

    ## Example
    Two rows that differ in the last digit of one number

    ## Use instead
    Keep one of them, or give both a common group and split by that.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        yield from _same_pictures.repeats(data, exact=False)
        of_runs_ = [told.part for told in of_runs(data)]
        if of_runs_:
            data.left_out(
                "outputs of runs repeat by right: mode-collapse and identical-runs look at them"
            )
        for part in data.parts:
            if part in of_runs_:
                continue
            if any(t.role in ROLES and t.column in data.roles.values() for t in texts(data, part)):
                yield from _texts(data, part)
                continue
            names = [n for n in compared(data, part) if part.columns[n].kind != "other"]
            if 2 <= len(names) <= MOST_COLUMNS and part.rows > 2:
                yield from _look(data, part, names)
                if part.rows > LONGEST:
                    data.left_out(
                        f"{part.name} has more than {LONGEST:,} rows: numbers were not rounded, and no "
                        "cell was left out"
                    )


def _texts(data: Data, part: Part) -> Iterable[Anomaly]:
    import polars as pl

    found = alike(data, part)
    pairs = pl.DataFrame({"row": found.right, "score": found.jaccard, "partner": found.left})
    label = data.role("label")
    if label in part.names and data.role("annotator") is None:
        # one text with two labels is told by `conflicting-labels`
        labels = part.select(row=pl.col(ROW), label=pl.col(str(label)))
        theirs = labels.rename({"row": "partner", "label": "theirs"})
        pairs = pairs.join(labels, on="row").join(theirs, on="partner")
        pairs = pairs.filter(pl.col("label").eq_missing(pl.col("theirs"))).select(
            "row", "score", "partner"
        )
    best = pairs.sort("score", "partner", descending=[True, False]).unique("row", keep="first")
    names = compared(data, part)
    exact = _pairs(met(data, part, [pl.col(name) for name in names]))
    best = best.join(exact, left_on="row", right_on=ROW, how="anti")
    if not len(best):
        return
    best = best.sort("score", "row", descending=[True, False])
    if len(best):
        row, partner = best["row"].to_numpy(), best["partner"].to_numpy()
        many = len(best) > USUAL * part.rows + 2
        copied = copies(part_words(data, part), partner, row, many=many)
        copied &= ~_but_for_numbers(data, part, partner, row)
        if len(moulded := best.filter(~pl.Series(copied))):
            yield _of_mould(data, part, moulded)
        best = best.filter(pl.Series(copied))
    if not len(best):
        return
    usual = len(best) > USUAL * part.rows + 2
    pair = best.row(0, named=True)
    same = int((best["score"] == 1.0).sum())
    yield Anomaly(
        part,
        f"{len(best):,} of {part.rows:,} texts ({share(len(best), part.rows)}) say nearly what an earlier "
        f"one says, {f'{same:,} of them in the very same words, ' if same else ''}as row {pair['row']} and row {pair['partner']}",
        "keep one of each, or give them a common group and split by that",
        0.5 if usual else 0.9,
        best,
        [t.column for t in texts(data, part)],
        severity="note" if usual else "warning",
        normal="texts share fewer than seven of ten different words",
        evidence={"same_words": same, "least_shared": round(float(best["score"].min()), 3)},  # type: ignore[arg-type]
        repair=None
        if usual
        else Repair("scientific", f"drop {len(best):,} texts", drops(best["row"])),
    )


def _but_for_numbers(data: Data, part: Part, left: Any, right: Any) -> Any:
    """Whether the texts of each pair of rows differ in numbers alone, which say another thing each."""
    import numpy as np
    import polars as pl

    rows = pl.Series(np.union1d(left, right))
    lines = [
        one.lazy.filter(pl.col("row").is_in(rows.implode())).select(
            "row", pl.col("text").fill_null("")
        )
        for one in texts(data, part)
    ]
    whole = pl.concat(lines).group_by("row", maintain_order=True).agg(pl.col("text").str.join("\0"))
    said = dict(whole.collect().iter_rows())
    plain = {row: re.sub(r"\d+(?:[.,]\d+)*", "0", text) for row, text in said.items()}
    return np.array(
        [
            plain.get(a) == plain.get(b) and said.get(a) != said.get(b)
            for a, b in zip(left, right, strict=True)
        ],
        dtype=bool,
    )


def _of_mould(data: Data, part: Part, found: "pl.DataFrame") -> Anomaly:
    """Texts that have in common what many others have as well."""
    pair = found.row(0, named=True)
    return Anomaly(
        part,
        f"{len(found):,} of {part.rows:,} texts ({share(len(found), part.rows)}) share most words with an earlier one, as "
        f"row {pair['row']} and row {pair['partner']}, and their wording with many others: one mould made them",
        "nothing, if the data is meant to be so; over several splits, split by what fills the mould",
        0.4,
        found,
        [t.column for t in texts(data, part)],
        severity="note",
        normal="a copy has its wording for itself",
        group="mould",
    )


def _look(data: Data, part: Part, names: list[str]) -> Iterable[Anomaly]:
    import polars as pl

    exact = _pairs(met(data, part, [pl.col(name) for name in names]))
    written = _pairs(met(data, part, plain(part, names)))
    looks = [("once words are written alike", written)]
    if part.rows <= LONGEST:
        looks += _rounded(part, names)
        looks += [("but for one cell", frame) for frame in _left_out(part, names)]
    found = pl.DataFrame(schema={ROW: pl.Int64, "partner": pl.Int64, "how": pl.String})
    for how, pairs in looks:
        new = pairs.join(exact, on=ROW, how="anti").join(found, on=ROW, how="anti")
        found = pl.concat([found, new.with_columns(how=pl.lit(how))])
    if not 0 < len(found) <= COMMON * part.rows + 1:
        return
    for (how,), group in found.sort(ROW).group_by("how", maintain_order=True):
        yield _anomaly(part, str(how), group)


def _anomaly(part: Part, how: str, pairs: "pl.DataFrame") -> Anomaly:
    import polars as pl

    found = pairs.select(row=ROW, score=pl.lit(1.0), partner="partner")
    pair = found.row(0, named=True)
    one_cell = how == "but for one cell"
    return Anomaly(
        part,
        f"{len(found):,} of {part.rows:,} rows are equal to an earlier row {how}, as row {pair['row']} to "
        f"row {pair['partner']}",
        "keep one of each, or give them a common group and split by that",
        0.6 if one_cell else 0.85,
        found,
        severity="note" if one_cell else "warning",
        normal="rows differ in more than one cell",
        group=how,
    )


def _pairs(keyed: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    first = pl.col(ROW).min().over("key").alias("partner")
    again = keyed.filter(pl.col("key").is_duplicated()).with_columns(first)
    return again.filter(pl.col(ROW) != pl.col("partner")).select(ROW, "partner")


def _left_out(part: Part, names: list[str]) -> Iterator["pl.DataFrame"]:
    """Rows equal to an earlier one but for one cell: sums of the cells' hashes, less one of them."""
    import polars as pl

    if len(names) < 4:
        return
    cells = [pl.struct(cell.alias(n)).hash(seed=i).alias(n) for i, (n, cell) in enumerate(
        zip(names, plain(part, names), strict=True)
    )]  # fmt: skip
    hashed = part.lazy.select(ROW, *cells).collect(engine="streaming")
    whole = hashed.select(pl.sum_horizontal(pl.col(names) // 256)).to_series()
    for name in names:
        pairs = _pairs(hashed.select(ROW, key=whole - hashed[name] // 256))
        others = [n for n in names if n != name]
        if len(pairs) and not by_chance(len(pairs), coincidence(part, others) * part.rows**2 / 2):
            yield pairs


def _rounded(part: Part, names: list[str]) -> Iterator[tuple[str, "pl.DataFrame"]]:
    """Rows equal to an earlier one once numbers are rounded."""
    import polars as pl

    measured = [n for n in names if part.columns[n].dtype.is_float()]
    # whole numbers and short decimals are as exact as they are meant to be
    if not any(part.columns[n].unique > 0.5 * part.rows for n in measured):
        return
    cells = [
        cell.round_sig_figs(DIGITS) if n in measured else cell
        for n, cell in zip(names, plain(part, names), strict=True)
    ]
    rounded = part.lazy.select(ROW, *cells).collect(engine="streaming")
    pairs = _pairs(rounded.select(ROW, key=pl.struct(names).hash()))
    chances = [agreeing(rounded[n].value_counts(name=ROW)[ROW]) for n in names]
    expected = math.prod(chances) * part.rows**2 / 2
    # of neighbours by chance ten times as many meet in one digit less; a copy is one in both
    coarse = [pl.col(n).round_sig_figs(DIGITS - 1) if n in measured else pl.col(n) for n in names]
    wider = _pairs(rounded.select(ROW, key=pl.struct(coarse).hash()))
    expected = max(expected, (len(wider) - len(pairs)) / 10)
    if len(pairs) and not by_chance(len(pairs), expected):
        yield f"once numbers are rounded to {DIGITS} digits", pairs
