"""Preferences that the length of the answers gives away."""

import math
from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share
from labhand.scan.detectors._preferences import preferences

LEAST = 30
"""Pairs below which nothing is told."""
STRONG, WEAK = 0.72, 0.6
"""The share of pairs that the longer (or the shorter) answer wins, from which on it is a warning, a note."""


class Detector:
    """Preferences that the length of the answers gives away.

    ## What it does
    Counts in how many pairs the chosen answer is the longer one, with a Wilson interval of 95 %. Where
    the lower end is above 72 %, or the upper one below 28 %, length alone tells the preference; above
    60 % it is a note. The rows are those whose lengths differ most in that direction.

    ## Why is this bad
    A reward model learns to count words, and a policy trained on it writes long (or short) answers.

    ## Known problems
    Good answers may well be longer. The note says how strong the tie is, not that it is wrong.

    ## Example
    In 460 of 500 pairs the chosen answer is the longer one

    ## Use instead
    Balance the pairs by length, or train with a penalty on it.
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
    sizes = pairs.select(
        "row",
        mine=pl.col("chosen").str.len_chars().cast(float),
        theirs=pl.col("rejected").str.len_chars().cast(float),
    ).filter(pl.col("mine") != pl.col("theirs"))
    number, longer = len(sizes), int((sizes["mine"] > sizes["theirs"]).sum())
    if number < LEAST:
        return
    is_longer = longer * 2 >= number
    wins = longer if is_longer else number - longer
    low, high = wilson(wins, number)
    if low < WEAK:
        return
    word = "longer" if is_longer else "shorter"
    ratio = ((pl.col("mine") + 1) / (pl.col("theirs") + 1)).log() * (1 if is_longer else -1)
    found = sizes.select("row", score=ratio).filter(pl.col("score") > 0)
    yield Anomaly(
        part,
        f"the chosen answer is the {word} one in {wins:,} of {number:,} pairs ({share(wins, number)}, interval of "
        f"95 %: {100 * low:.0f} to {100 * high:.0f} %)",
        "balance the pairs by length, or train with a penalty on it",
        0.9 if low >= STRONG else 0.6,
        found.sort("score", "row", descending=[True, False]),
        [str(data.role("chosen")), str(data.role("rejected"))],
        "warning" if low >= STRONG else "note",
        normal="the longer answer wins in about half of the pairs",
        evidence={"wins": wins, "pairs": number, "interval": [round(low, 4), round(high, 4)]},
    )


def wilson(wins: int, number: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of 95 % of a share (Wilson 1927)."""
    p, spread = wins / number, z * z / number
    middle = (p + spread / 2) / (1 + spread)
    half = z * math.sqrt(p * (1 - p) / number + spread / (4 * number)) / (1 + spread)
    return middle - half, middle + half
