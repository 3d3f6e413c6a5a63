"""Cells that are not written in the form in which nearly all of their column are."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import Part
from labhand.scan.detectors._cells import NOTHING, counted, shown

if TYPE_CHECKING:
    import polars as pl

LEAST = 50
MOST = 0.05
"""The share of cells up to which those of another form are the mistakes."""
KNOWN = {
    "an address of mail": r"(?i)^[^@\s,;()]+@[a-z0-9-]+(\.[a-z0-9-]+)+$",
    "an address of the web": r"(?i)^(https?|s3|gs|ftp)://[^\s/]+[^\s]*$",
    "a UUID": r"(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "a number of the internet": r"^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$",
    "a hash": r"(?i)^([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$",
    "a time of the day": r"^([01]?\d|2[0-4]):[0-5]\d(:[0-5]\d(\.\d+)?)?$",
    "a colour": r"(?i)^#[0-9a-f]{6}$",
}
"""Forms that people know."""
SHAPED, AGAIN = 0.02, 4
"""The same share of codes whose form nobody knows, and how often one of them may be there."""
LONG_CODE = 12
"""Letters of a code up to which its length counts where it is of capitals alone."""
_BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
SOME = 200_000
"""Different cells up to which brackets are counted."""


def odd(part: Part, column: Column) -> Iterator[Anomaly]:
    """At most one claim: cells of another form than nearly all others of a column of codes."""
    if column.filled < LEAST:
        return
    for look in (_separated,) if column.words > 2 else (_known, _shaped, _bracketed, _separated):
        if told := next(look(part, column), None):
            yield told
            return


def _known(part: Part, column: Column) -> Iterator[Anomaly]:
    import polars as pl

    cell, bare, times = pl.col(column.name), pl.col("value").str.strip_chars(), pl.col("count")
    asked = {w: (bare.str.contains(f) * times).sum() / times.sum() for w, f in KNOWN.items()}
    shares = part.weighed(column.name).select(**asked)
    for what, share in shares.row(0, named=True).items():
        if 1 - MOST <= share < 1:
            wrong = ~cell.str.strip_chars().str.contains(KNOWN[what])
            yield from _told(part, column, wrong, f"not {what}", what)
            return


def _shaped(part: Part, column: Column) -> Iterator[Anomaly]:
    """Codes whose letters, digits and signs do not stand as those of the others do."""
    import polars as pl

    if column.letters > 40 or column.numeric > 0.5:
        return
    shape = _shape()
    cells = part.weighed(column.name).with_columns(s=shape(pl.col("value")))
    counts = cells.group_by("s").agg(pl.col("count").sum()).sort("count", descending=True)
    usual, times = str(counts["s"][0]), int(counts["count"][0])
    if not 1 - SHAPED <= times / column.filled < 1 or not re.search(r"9|^A{2,12}$", usual):
        return
    odd = cells.filter(pl.col("s") != usual).group_by("value").agg(pl.col("count").sum())
    if (odd["count"].max() or 0) > AGAIN:  # type: ignore[operator]
        return  # what comes again and again is a code of its own
    yield from _told(part, column, shape(pl.col(column.name)) != usual, "written in another form", f"of the form `{usual}`")  # fmt: skip


def _shape() -> "Callable[[pl.Expr], pl.Expr]":
    """What a code looks like: A for capitals, a for small letters, 9 for digits; capitals alone keep their length."""
    import polars as pl

    def made(cell: "pl.Expr") -> "pl.Expr":
        bare = cell.str.strip_chars()
        capitals = bare.str.contains(rf"^\p{{Lu}}{{2,{LONG_CODE}}}$")
        long = bare.str.replace_all(r"\p{Lu}", "A")
        short = bare.str.replace_all(r"\p{Lu}+", "A").str.replace_all(r"\p{Ll}+", "a")
        return pl.when(capitals).then(long).otherwise(short.str.replace_all(r"\d+", "9"))

    return made


def _bracketed(part: Part, column: Column) -> Iterator[Anomaly]:
    """Codes with brackets, as of molecules and trees, in which one is open or was never opened."""
    import polars as pl

    if column.unique > SOME or column.words > 1.2:
        return
    cell, times = pl.col(column.name), pl.col("count")
    held = pl.col("value").str.contains(r"[(\[{]")
    has = part.weighed(column.name).select((held * times).sum() / times.sum()).item() or 0.0
    if has < 0.2:
        return
    wrong: pl.Expr = pl.lit(False)
    for left, right in _BRACKETS:
        wrong |= cell.str.count_matches(left, literal=True) != cell.str.count_matches(right, literal=True)  # fmt: skip
    if re.search(r"smiles", column.name, re.I):
        bare = cell.str.replace_all(r"\[[^\]]*\]|%\d\d", "")
        for ring in "123456789":
            wrong |= bare.str.count_matches(ring, literal=True) % 2 == 1
    yield from _told(part, column, wrong, "left with an open bracket or ring", "closed")


def _separated(part: Part, column: Column) -> Iterator[Anomaly]:
    """Lists in a cell whose words are parted by another sign than those of the others, or with nothing between two."""
    import polars as pl

    counts = part.counts(column.name) if column.unique <= SOME else None
    if counts is None:
        return
    for sign in "|;,/":
        cells = counts.drop_nulls("value")["value"].to_list()
        with_it = [cell for cell in cells if sign in cell]
        words = {w.strip() for cell in with_it for w in cell.split(sign)}
        if len(with_it) < 0.3 * len(cells) or not 3 <= len(words) <= max(20, 0.2 * column.filled):
            continue
        others = [cell for cell in cells if sign not in cell and cell.strip() not in words]
        odd = [c for c in others if len(p := re.split(r"\s*[|;,/]\s*", c)) > 1 and set(p) <= words]
        odd += [c for c in with_it if any(not w.strip() for w in c.split(sign)[:-1])]
        if odd:
            wrong = pl.col(column.name).is_in(odd)
            yield from _told(part, column, wrong, "parted otherwise", f"parted by `{sign}`")
        return


def _told(
    part: Part, column: Column, wrong: "pl.Expr", what: str, normal: str
) -> Iterator[Anomaly]:
    import polars as pl

    cell = pl.col(column.name)
    nothing = cell.str.strip_chars().str.to_lowercase().is_in(list(NOTHING))
    found = part.where(
        cell.is_not_null() & ~nothing & wrong, column=pl.lit(column.name), value=cell
    )
    if not 0 < len(found) <= MOST * column.filled:
        return
    few = ", ".join(shown(v) for v in found["value"].unique(maintain_order=True)[:3])
    verb = "is" if len(found) == 1 else "are"
    yield Anomaly(
        part,
        f"{counted(len(found), 'cell')} of `{column.name}` {verb} {what} ({few}), the other "
        f"{column.filled - len(found):,} are {normal}",
        "mend these cells, or make them empty",
        0.85,
        found,
        [column.name],
        "warning",
        normal=f"the cells of `{column.name}` are {normal}",
        group="mixed-types form",
    )
