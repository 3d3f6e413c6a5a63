"""Vectors that are there more than once."""

from collections.abc import Iterable
from typing import Any

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data
from labhand.scan.detectors._vectors import LEAST, Near, Vectors, is_sparse, near, sound, vectors

CLOSE = 0.02
"""The part of the usual distance to the nearest vector below which two are the same, but for rounding."""
AXES = 8
"""Directions in which pairs are looked for before they are verified in all."""
MOST = 0.5
MANY = 2_000_000
"""Candidate pairs above which likeness is how the vectors are."""


class Detector:
    """Vectors that are there more than once.

    ## What it does
    Finds vectors equal to an earlier one, and those nearer to it than a fiftieth of how near vectors
    usually come to each other. Every pair is verified in all dimensions; the partner is shown. Where
    there are several parts, the vectors of the later are also compared with those of the earlier.

    ## Why is this bad
    Two rows with one vector are the same thing twice, or two things of which one was not computed.

    ## Known problems
    Counts and codes of few values repeat by chance; where half of the vectors repeat, nothing is said.

    ## Example
    The same picture, saved under two names and embedded twice

    ## Use instead
    Keep one of each; where the rows differ, compute the vectors again.
    """

    needs = ("vectors",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        for told in vectors(data):
            yield from _look(data, told)


def _look(data: Data, told: Vectors) -> Iterable[Anomaly]:
    import numpy as np

    rows, matrix = sound(told)
    if len(rows) < 2 or matrix.shape[1] < 2:
        return
    whole = bool((matrix == np.round(matrix)).all())
    limit = 0.0 if whole or len(rows) < LEAST else _limit(near(data, told))
    first, distance = _earlier(matrix, limit)
    at = np.flatnonzero(first >= 0)
    codes = whole and is_sparse(matrix) and float(np.ptp(matrix)) <= 3
    if not 0 < len(at) <= (0.05 if codes else MOST) * len(rows):
        return
    exact = int((distance[at] == 0).sum())
    score = 1 - distance[at] / (2 * limit) if limit else np.ones(len(at))
    found = made(rows[at], score, partner=rows[first[at]])
    pair = found.row(0, named=True)
    yield Anomaly(
        told.part,
        f"{len(at):,} of {len(rows):,} vectors of {told.name} repeat an earlier one ({exact:,} of them to the "
        f"last digit), as row {pair['row']} repeats row {pair['partner']}",
        "keep one of each; where the rows differ otherwise, compute the vectors again",
        0.6 if codes else 0.95,
        found,
        told.columns,
        "note" if codes else "warning",
        normal="no two vectors are equal",
        evidence={"equal": exact, "nearly_equal": len(at) - exact},
        repair=Repair("scientific", f"drop {len(at):,} rows", drops(found["row"])),
    )


def _limit(told: Near) -> float:
    """How near the same vectors are; 0 where others come as near by chance."""
    import numpy as np

    apart = told.nearest[told.nearest > 0]
    if not len(apart):
        return 0.0
    usual = float(np.median(apart))
    # in m dimensions the share that is nearer than r grows as r^m; m shows between 0.2 and 1
    share = max(float((apart < 0.2 * usual).mean()), 1e-9)
    power = float(np.log(0.5 / share) / np.log(5))
    expected = len(apart) * share * (CLOSE / 0.2) ** power
    return CLOSE * usual if expected < 0.5 else 0.0


def _earlier(matrix: Any, limit: float) -> tuple[Any, Any]:
    """Of each vector the place of an earlier one that is the same, or -1, and how far it is."""
    import numpy as np

    first = np.full(len(matrix), -1)
    distance = np.zeros(len(matrix))
    plain = np.ascontiguousarray(matrix + 0.0)  # one zero, not two
    keys = plain.view(np.dtype((np.void, plain.dtype.itemsize * plain.shape[1]))).ravel()
    _, places, which = np.unique(keys, return_index=True, return_inverse=True)
    again = places[which] != np.arange(len(matrix))
    first[again] = places[which][again]
    if limit:
        for left, right, away in _pairs(matrix, np.flatnonzero(~again), limit):
            if first[right] < 0:
                first[right], distance[right] = left, away
    return first, distance


def _pairs(matrix: Any, single: Any, limit: float) -> "list[tuple[int, int, float]]":
    """Pairs nearer than the limit: found in the widest directions, verified in all."""
    import numpy as np
    from scipy.spatial import cKDTree

    centred = matrix[single].astype(np.float64)
    centred -= centred.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, -AXES:]
    tree = cKDTree(centred @ axes)
    if tree.count_neighbors(tree, limit) > 2 * MANY:
        return []
    pairs = tree.query_pairs(limit, output_type="ndarray")
    away = np.array([np.linalg.norm(centred[a] - centred[b]) for a, b in pairs])
    kept = [(single[a], single[b], float(d)) for (a, b), d in zip(pairs, away, strict=True)]
    return [(int(min(a, b)), int(max(a, b)), d) for a, b, d in kept if d <= limit]
