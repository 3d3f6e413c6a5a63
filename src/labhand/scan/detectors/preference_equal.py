"""Preference pairs whose two sides say the same."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._preferences import plainly, preferences


class Detector:
    """Preference pairs whose two sides say the same.

    ## What it does
    Compares the chosen and the rejected answer of each row, without their prompt: exactly, and without
    case, doubled blanks and signs.

    ## Why is this bad
    The pair prefers nothing; its loss is constant and its gradient noise.

    ## Known problems
    Where case or a sign is what is preferred, the score tells the two apart: 1 for exactly equal.

    ## Example
    `{"prompt": "2+2?", "chosen": "4", "rejected": "4"}`

    ## Use instead
    Drop the pairs.
    """

    needs = ("chosen", "rejected")

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        for part in data.parts:
            yield from _look(data, part)


def _look(data: Data, part: Part) -> Iterable[Anomaly]:
    import polars as pl

    pairs = preferences(data, part)
    if pairs is None:
        return
    exact = pl.col("chosen").str.strip_chars() == pl.col("rejected").str.strip_chars()
    bare = [
        plainly(n).str.replace_all(r"[\p{P}\s]+", " ").str.strip_chars()
        for n in ("chosen", "rejected")
    ]
    alike = (plainly("chosen") == plainly("rejected")) | ((bare[0] == bare[1]) & (bare[0] != ""))
    found = pairs.filter((exact | alike) & (pl.col("chosen").str.strip_chars() != ""))
    if not len(found):
        return
    found = found.select(
        "row",
        score=pl.when(exact).then(1.0).otherwise(0.9),
        column=pl.lit(data.role("rejected")),
        value="rejected",
    ).sort("score", "row", descending=[True, False])
    first, same = found.row(0, named=True), int((found["score"] == 1.0).sum())
    yield Anomaly(
        part,
        f"{len(found):,} of {part.rows:,} pairs ({share(len(found), part.rows)}) say the same on both sides "
        f"({same:,} exactly), as row {first['row']}: {shown(first['value'])}",
        "drop the pairs",
        0.97,
        found,
        [str(data.role("chosen")), str(data.role("rejected"))],
        "warning",
        normal="chosen and rejected differ",
        repair=Repair("scientific", f"drop {len(found):,} pairs", drops(found["row"])),
    )
