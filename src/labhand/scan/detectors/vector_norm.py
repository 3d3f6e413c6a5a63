"""Vectors that are far longer or shorter than the others."""

from collections.abc import Iterable
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data
from labhand.scan.detectors._vectors import LEAST, Vectors, sound, vectors

UNIT = 0.02
"""How far from 1 the length of a vector may be that was brought to length 1 in half precision."""
USUAL = 0.7
"""The share of vectors of length 1 from which on that is how they are meant to be."""
GAP = 2.0
"""How many times longer one group of vectors must be than the other, where nothing lies between."""
FENCE = 7.0
"""Robust deviations of the logarithm of the length from which on a vector lies apart."""


class Detector:
    """Vectors that are far longer or shorter than the others.

    ## What it does
    Measures the length of every vector. Where most are of length 1 it finds those that are not; else
    it finds a group that an empty gap of at least a factor of two divides from the rest, and single
    vectors seven robust deviations away on a logarithmic scale.

    ## Why is this bad
    Vectors that were scaled in two ways, or only in part brought to length 1, cannot be compared: dot
    products rank the long ones first, whatever they mean.

    ## Known problems
    Counts of long and short texts differ in length by themselves, and continuously.

    ## Example
    Embeddings of one model beside those of another, ten times as long

    ## Use instead
    Scale all in one way, and compute anew what came from elsewhere.
    """

    needs = ("vectors",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        for told in vectors(data):
            yield from _look(told)


def _look(told: Vectors) -> Iterable[Anomaly]:
    import numpy as np

    rows, matrix = sound(told)
    if len(rows) < LEAST or matrix.shape[1] < 3:
        return
    lengths = np.sqrt((matrix.astype(np.float64) ** 2).sum(axis=1))
    odd, why, normal = _apart(lengths)
    if not len(odd):
        return
    middle = float(np.median(np.delete(lengths, odd)))
    score = np.abs(np.log(lengths[odd] / middle))
    found = made(rows[odd], score)
    typical = float(np.median(lengths[odd]))
    yield Anomaly(
        told.part,
        f"{len(odd):,} of {len(rows):,} vectors of {told.name} {why}: about {typical:.4g} long, the others "
        f"{middle:.4g}",
        "scale all vectors in one way, and compute anew what came from elsewhere",
        0.9 if "length 1" in normal or len(odd) > 2 else 0.75,
        found,
        told.columns,
        "warning",
        normal=normal,
        evidence={"median_length": round(middle, 6), "median_length_of_these": round(typical, 6)},
    )


def _apart(lengths: Any) -> tuple[Any, str, str]:
    """The places of vectors whose length is off, why, and what is usual."""
    import numpy as np

    unit = np.abs(lengths - 1) <= UNIT
    if unit.mean() >= USUAL:
        return np.flatnonzero(~unit), "are not of length 1", "vectors are of length 1"
    logs = np.log(lengths)
    order = np.argsort(logs)
    gaps = np.diff(logs[order])
    at = int(gaps.argmax())
    low, high = order[: at + 1], order[at + 1 :]
    few, many = (low, high) if len(low) < len(high) else (high, low)
    inner = float(np.quantile(logs[many], 0.95) - np.quantile(logs[many], 0.05))
    if gaps[at] > np.log(GAP) and gaps[at] > inner:
        return few, "are of another scale, with nothing between", "lengths lie close together"
    middle = np.median(logs)
    spread = max(1.4826 * float(np.median(np.abs(logs - middle))), 0.02)
    odd = np.flatnonzero(np.abs(logs - middle) > max(FENCE * spread, np.log(1.5)))
    if not 0 < len(odd) <= 0.02 * len(logs) + 2:
        odd = odd[:0]
    return (
        odd,
        "are far longer or shorter than the rest",
        f"lengths vary by about {spread:.0%} from the middle",
    )
