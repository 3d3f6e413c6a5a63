"""Texts that say nothing."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import NOTHING, share, shown
from labhand.scan.detectors._spans import settled
from labhand.scan.texts import Texts, prose, texts

if TYPE_CHECKING:
    import polars as pl

MORE = (
    "[deleted]",
    "[removed]",
    "[empty]",
    "[no text]",
    "todo",
    "n/a.",
    "lorem ipsum",
    "nan",
    "xxx",
)
SHORT = 0.08
"""The share of the usual length below which a text is too short to say what the others say."""
USUAL = 0.2


class Detector:
    """Texts that say nothing.

    ## What it does
    Finds texts that are blank, that hold signs without a letter or digit, that stand for nothing
    (`N/A`, `[deleted]`), and texts that are far shorter than all others of their column.

    ## Why is this bad
    A model learns to answer with nothing, or takes a label from nothing.

    ## Known problems
    A part of the prompt may be empty on purpose, as the `input` of Alpaca is: such columns are left
    alone, and so is emptiness that one row in five has. Cells without any value are told by `missing`.

    ## Example
    `{"instruction": "Translate to French: sea", "output": " "}`

    ## Use instead
    Drop the rows, or find out where the texts were lost.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        for part in data.parts:
            for one in texts(data, part):
                if one.role != "context":
                    told = one.only("user", "assistant", "system", "other")
                    yield from _look(part, told, bool(prose(data, [one])))


def _look(part: Part, one: Texts, is_prose: bool) -> Iterable[Anomaly]:
    import polars as pl

    text = pl.col("text")
    plain = text.str.strip_chars().str.to_lowercase()
    bare = ~text.str.contains(r"[\p{L}\p{N}\p{So}\p{Sm}\p{Sc}]")
    known = plain.is_in([w for w in (*NOTHING, *MORE) if w])
    # an answer may well be `none` or `-` where short ones are usual
    told = one.lazy.filter(text.is_not_null() & ~pl.col("calls"))
    lengths = (
        told.select(
            median=text.str.len_chars().median(),
            low=text.str.len_chars().quantile(0.02),
            rows=pl.len(),
            nothing=(bare | known).sum(),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    if not lengths["rows"] or lengths["nothing"] > USUAL * lengths["rows"] + 1:
        return
    usual = float(lengths["median"] or 0)
    odd = (text.str.strip_chars() == "") | ((bare | known) if usual >= 20 else pl.lit(False))
    letters = plain.str.len_chars()
    floor = min(SHORT * usual, 0.5 * float(lengths["low"] or 0)) if usual >= 60 and is_prose else 0
    short = (letters < min(floor, 12)) & (text.str.count_matches(r"\w+") <= 3)
    score = (
        pl.when(letters == 0).then(1.0).when(bare).then(0.95).when(known).then(0.9).otherwise(0.6)
    )
    found = (
        told.filter(odd | short)
        .select("row", score=score, column=pl.lit(one.column), turn="turn", start=pl.lit(0),
                end=text.str.len_chars().cast(pl.Int64), value=text)
        .collect(engine="streaming")
        .sort("score", "row", descending=[True, False])
    )  # fmt: skip
    if len(found):
        yield _anomaly(part, one, found, usual)


def _anomaly(part: Part, one: Texts, found: "pl.DataFrame", usual: float) -> Anomaly:
    first = found.row(0, named=True)
    blank = int((found["score"] == 1.0).sum())
    short = int((found["score"] < 0.9).sum())
    kinds = [f"{blank:,} blank"] * (blank > 0)
    kinds += [f"{len(found) - blank - short:,} that stand for nothing"] * (
        len(found) > blank + short
    )
    kinds += [f"{short:,} far too short"] * (short > 0)
    return Anomaly(
        part,
        f"{len(found):,} of {part.rows:,} texts of `{one.column}` ({share(len(found), part.rows)}) say "
        f"nothing ({', '.join(kinds)}), as row {first['row']}: {shown(first['value'])}",
        "drop the rows, or find out where their texts were lost",
        0.9 if short < len(found) else 0.7,
        settled(found),
        [one.column],
        "warning",
        normal=f"half of the texts have {usual:,.0f} characters or more",
    )
