"""Rows of one split that are also in another."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.data import ROW, Data, Part
from labhand.scan.detectors import _same_pictures
from labhand.scan.detectors._alike import across, alike, alike_across, part_words
from labhand.scan.detectors._cells import share
from labhand.scan.detectors._moulds import copies
from labhand.scan.detectors._quoting import BY_THEMSELVES, LIKEST
from labhand.scan.detectors._rows import by_chance, coincidence, compared, met, pairs_of, plain
from labhand.scan.texts import texts

if TYPE_CHECKING:
    import polars as pl

LONG = 8
"""Words, at the mean, from which on no two texts of a column are equal by chance."""


class Detector:
    """Rows of one split that are also in another.

    ## What it does
    Compares the rows of every two parts in the columns that both have, without id, label and split:
    exactly, and with words in lower case and without doubled blanks. Texts are also compared by their
    sets of words: those that share seven of ten are found. The rows of the later part (test,
    validation) are found, their partners are in the earlier one.

    ## Why is this bad
    The score on rows that were learned from is that of memory.

    ## Known problems
    Tables of few columns with few values share rows by chance: there nothing is said.

    ## Example
    The same sentence in `train.csv` and in `test.csv`

    ## Use instead
    Drop the rows from the training split, and split anew by what rows have in common.
    """

    needs = ("splits",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a pair of parts."""
        yield from _same_pictures.overlaps(data)
        for early, late in pairs_of(data):
            yield from _look(data, early, late)
            if texts(data, early) and texts(data, late):
                yield from _edited(data, early, late)


def _edited(data: Data, early: Part, late: Part) -> Iterable[Anomaly]:
    """Texts of the later part that are nearly those of the earlier one."""
    import polars as pl

    both = [n for n in compared(data, late) if n in early.names]
    words = {t.column for t in texts(data, early)} & {t.column for t in texts(data, late)}
    if not words & set(both):
        return
    near = alike_across(data, early, late)
    pairs = pl.DataFrame({"row": near.right, "score": near.jaccard, "partner": near.left})
    best = pairs.sort("score", "partner", descending=[True, False]).unique("row", keep="first")
    known = [n for n in both if n in words]
    same = _keyed(late, early, known).join(_keyed(early, late, known), on="key", how="semi")
    best = best.join(same, left_on="row", right_on=ROW, how="anti")
    best = _copied(data, early, late, best)
    if not len(best):
        return
    found = best.sort("score", "row", descending=[True, False]).with_columns(
        partner_part=pl.lit(early.name)
    )
    pair = found.row(0, named=True)
    yield Anomaly(
        late,
        f"{len(found):,} of {late.rows:,} texts of {late.name} ({share(len(found), late.rows)}) say nearly what "
        f"texts of {early.name} say, as row {pair['row']}, which shares {share(pair['score'], 1)} of its different "
        f"words with row {pair['partner']} there",
        f"drop them from {early.name}, or split anew by what rows have in common",
        0.9,
        found,
        sorted(words),
        severity="error",
        normal="texts of two splits share fewer than seven of ten different words",
        evidence={"with": early.name},
        repair=Repair(
            "scientific", f"drop {len(found):,} rows of {late.name}", drops(found["row"])
        ),
    )


def _copied(data: Data, early: Part, late: Part, best: "pl.DataFrame") -> "pl.DataFrame":
    """Those pairs of which one is a copy of the other, and not both of one mould."""
    import polars as pl

    if not len(best):
        return best
    mine, theirs, joined = across(data, early, late)
    left = mine.rows.searchsorted(best["partner"].to_numpy())
    right = len(mine.rows) + theirs.rows.searchsorted(best["row"].to_numpy())
    copied = pl.Series(copies(joined, left, right, many=False))
    best = best.filter(copied | (best["score"] == 1.0))
    among = _among_themselves(data, early)
    if len(among) < BY_THEMSELVES * early.rows * len(best) / max(1, late.rows):
        return best
    # what is no more alike than texts of one split are among themselves is of their mould
    none = early.rows - len(among)
    scores = pl.concat([among, pl.Series([0.0] * none, dtype=pl.Float64)])
    return best.filter(best["score"] > scores.quantile(LIKEST, interpolation="lower"))


def _among_themselves(data: Data, part: Part) -> "pl.Series":
    """Of each text that says nearly what another one of its part says, in other words, how much they share."""
    import polars as pl

    near, words = alike(data, part), part_words(data, part)
    both = pl.DataFrame({"a": near.left, "b": near.right, "score": near.jaccard})
    copied = copies(words, both["a"].to_numpy(), both["b"].to_numpy(), many=False)
    both = both.filter(pl.Series(copied) | (both["score"] == 1.0))
    same = met(data, part, [pl.col(t.column) for t in texts(data, part) if t.column in part.names])
    both = both.filter(~(pl.col("a").is_in(same[ROW].implode()) & (pl.col("score") == 1.0)))
    sides = pl.concat([both.select(row=side, score="score") for side in ("a", "b")])
    return sides.group_by("row").agg(pl.col("score").max())["score"]


def _look(data: Data, early: Part, late: Part) -> Iterable[Anomaly]:
    import polars as pl

    apart = {data.role("label"), data.role("prediction")}
    both = [n for n in compared(data, late) if n in early.names and n not in apart]
    same = [n for n in both if _of_one_type(early.columns[n].dtype, late.columns[n].dtype)]
    if not same:
        return
    left, right = _keyed(early, late, same), _keyed(late, early, same)
    first = left.group_by("key").agg(pl.col(ROW).min().alias("partner"))
    met = right.join(first, on="key").select(ROW, "partner").sort(ROW)
    met = _verified(early, late, met, same)
    # one text that is there twice is a copy, and no sign of how often texts agree by chance
    said = any(early.columns[n].kind == "text" and early.columns[n].words >= LONG for n in same)
    likely = 0.0 if said else max(coincidence(early, same), coincidence(late, same))
    if not len(met) or by_chance(len(met), likely * early.rows * late.rows):
        return
    found = met.select(
        row=ROW, score=pl.lit(1.0), partner="partner", partner_part=pl.lit(early.name)
    )
    pair = found.row(0, named=True)
    yield Anomaly(
        late,
        f"{len(found):,} of {late.rows:,} rows of {late.name} ({share(len(found), late.rows)}) are in "
        f"{early.name} as well, as row {pair['row']}, which is row {pair['partner']} there",
        f"drop them from {early.name}, or split anew",
        0.97,
        found,
        severity="error",
        normal="no row is in two splits",
        evidence={"columns_compared": len(same), "with": early.name},
        repair=Repair(
            "scientific", f"drop {len(found):,} rows of {late.name}", drops(found["row"])
        ),
    )


def _of_one_type(mine: Any, theirs: Any) -> bool:
    return bool(mine == theirs or (mine.is_numeric() and theirs.is_numeric()))


def _keyed(part: Part, other: Part, names: list[str]) -> "pl.DataFrame":
    import polars as pl

    key = pl.struct(_alike(part, other, names)).hash().alias("key")
    return part.lazy.select(ROW, key).collect(engine="streaming")


def _alike(part: Part, other: Part, names: list[str]) -> list[Any]:
    """The columns in a form in which those of both parts can be compared."""
    import polars as pl

    made = []
    for name, cell in zip(names, plain(part, names), strict=True):
        mine, theirs = part.columns[name].dtype, other.columns[name].dtype
        if mine.is_numeric() and theirs.is_numeric():
            cell = cell.cast(pl.Float64)
        elif mine != theirs:
            cell = cell.cast(pl.String, strict=False)
        made.append(cell)
    return made


def _verified(early: Part, late: Part, met: "pl.DataFrame", names: list[str]) -> "pl.DataFrame":
    """The pairs whose rows are truly equal: hashes may meet."""
    import polars as pl

    rows = late.at(met[ROW].to_list(), names).select(_alike(late, early, names))
    others = early.at(met["partner"].to_list(), names).select(_alike(early, late, names))
    equal = [rows[n].eq_missing(others[n]) for n in names if not rows[n].dtype.is_nested()]
    if not equal:
        return met
    return met.filter(
        pl.DataFrame({str(i): e for i, e in enumerate(equal)})
        .select(pl.all_horizontal(pl.all()))
        .to_series()
    )
