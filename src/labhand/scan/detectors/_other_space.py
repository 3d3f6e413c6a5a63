"""Vectors that go in directions in which the others hardly do: of another model, or prepared otherwise."""

from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data
from labhand.scan.detectors._tails import leads_out
from labhand.scan.detectors._vectors import Vectors, is_sparse, sound, vectors

LEAST, FEWEST = 200, 5
"""Vectors, and odd ones among them, below which nothing is told."""
WIDTH = 8
"""Dimensions below which there are no directions that are hardly used."""
MOST = 0.1
USUAL = 0.8
"""The share of vectors, those in the commonest directions, that the directions are taken from."""
SHRUNK = 0.1
"""The part of its mean that each direction's spread is given, so that empty ones do not divide by nothing."""
FIT = 5_000
TURNS = 3
FENCE = 3.0
FAR, SHORTEST, BEYOND = 0.05, 12, 0.98
"""The share of vectors that count as far; how many of them make a batch; how far out its middle one lies."""
ALIKE = 0.3
"""The correlation of how far out a vector and the next one lie, from which on the file is sorted or a series."""
CLEAR = 2.0
"""How many times as far as any other those are that lie scattered in the file."""

Matrix = Any


def other_space(data: Data) -> Iterator[Anomaly]:
    """One anomaly a column of vectors, where a batch of them, or some far off, go elsewhere than the others."""
    import numpy as np

    for told in vectors(data):
        rows, matrix = sound(told)
        if len(matrix) < LEAST or matrix.shape[1] < WIDTH or is_sparse(matrix):
            continue
        # lengths are told by `vector-norm`
        lines = matrix / np.linalg.norm(matrix, axis=1, keepdims=True).astype(np.float64)
        away = _away(lines)
        batch = _batch(away)
        low, high = np.quantile(away, [0.25, 0.75])
        odd = np.flatnonzero(away > high + FENCE * (high - low))
        if len(batch) and not _one_class(data, told, rows[batch]):
            yield _told(
                told, rows, away, batch, f"rows {rows[batch[0]]} to {rows[batch[-1]]},", 0.85
            )
        elif FEWEST <= len(odd) <= MOST * len(lines) and _alone(away, odd):
            odd = odd[np.argsort(-away[odd], kind="stable")]
            yield _told(told, rows, away, odd, f"as row {rows[odd[0]]},", 0.7)


def _batch(away: Matrix) -> Matrix:
    """The stretch in which most lie farther out than nearly all others do; nothing where there is none.

    The stretch of the largest sum (Kadane), where far ones count 1 and others -3.
    """
    import numpy as np

    far = away > np.quantile(away, 1 - FAR)
    summed = np.r_[0, np.cumsum(np.where(far, 1.0, -3.0))]
    gain = summed - np.minimum.accumulate(summed)
    end = int(gain.argmax())
    start = int(summed[: end + 1].argmin())
    if not SHORTEST <= end - start <= MOST * len(away):
        return np.empty(0, dtype=int)
    others = np.delete(away, np.s_[start:end])
    clear = np.median(away[start:end]) > np.quantile(others, BEYOND)
    # where neighbours in the file are alike anyway, some stretch is always the farthest
    clear &= np.corrcoef(others[:-1], others[1:])[0, 1] < ALIKE
    return np.arange(start, end) if clear else np.empty(0, dtype=int)


def _one_class(data: Data, told: Vectors, rows: Matrix) -> bool:
    """Whether the stretch is what there is of one class, in data that is sorted by it."""
    import polars as pl

    label = data.role("label")
    if label not in told.part.names:
        return False
    here = told.part.at(rows.tolist(), [label])[label].value_counts(sort=True)
    value, times = here.row(0)
    everywhere = told.part.select(pl.col(label).eq_missing(pl.lit(value)).sum()).item()
    return bool(times >= 0.9 * len(rows) and times >= 0.5 * everywhere)


def _alone(away: Matrix, odd: Matrix) -> bool:
    """Whether these lie far beyond all others, where the tail of the others does not lead."""
    import numpy as np

    others, nearest = np.exp(np.delete(away, odd)), float(np.exp(away[odd].min()))
    return nearest > CLEAR * others.max() and not leads_out(others, nearest, len(odd))


def _away(lines: Matrix) -> Matrix:
    """The logarithm of the distance of each line to the middle, in spreads of the directions (Mahalanobis 1936)."""
    import numpy as np

    some = np.sort(np.random.default_rng(0).permutation(len(lines))[:FIT])
    kept = some
    for _ in range(TURNS):
        middle = lines[kept].mean(axis=0)
        _, sizes, ways = np.linalg.svd(lines[kept] - middle, full_matrices=False)
        spread = np.zeros(lines.shape[1])
        spread[: len(sizes)] = sizes**2 / len(kept)
        spread = (1 - SHRUNK) * spread + SHRUNK * spread.mean()
        off = lines - middle
        inside = off @ ways.T
        rest = np.maximum((off**2).sum(axis=1) - (inside**2).sum(axis=1), 0) / spread[-1]
        squares = (inside**2 / spread[: len(sizes)]).sum(axis=1) + rest
        kept = some[squares[some] <= np.quantile(squares[some], USUAL)]
    return 0.5 * np.log(squares + 1e-12)


def _told(
    told: Vectors, rows: Matrix, away: Matrix, odd: Matrix, where: str, confidence: float
) -> Anomaly:
    import numpy as np

    times = np.exp(np.median(away[odd]) - np.median(np.delete(away, odd)))
    return Anomaly(
        told.part,
        f"{len(odd):,} of {len(away):,} vectors of {told.name}, {where} go in directions in which the others hardly do: "
        f"in spreads of these they lie {times:.2g} times as far out",
        "look whether they are of another model or layer, or were prepared otherwise; make them anew",
        confidence,
        made(rows[odd], away[odd]),
        told.columns,
        "warning",
        normal="vectors of one model spread in the same directions",
        group="other space",
    )
