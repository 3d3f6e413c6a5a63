"""Vectors that use only a few of their dimensions, or all point one way."""

from collections.abc import Iterable
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import CannotLook, Data
from labhand.scan.detectors._vectors import LEAST, Vectors, is_sparse, sound, vectors

WIDTH = 8
"""Dimensions below which rank says little."""
RANK = 0.25
"""The share of its dimensions from which on downwards a set of vectors is collapsed."""
ONE_WAY = 0.999
FIT = 20_000


class Detector:
    """Vectors that use only a few of their dimensions, or all point one way.

    ## What it does
    Brings every dimension to one scale and counts in how many directions the vectors truly vary (the
    numerical rank of their correlations, and the effective rank of Roy and Vetterli: the exponential
    of the entropy of the eigenvalues). It tells a rank of a quarter of what it could be, and vectors
    whose mean cosine with each other is above 0.999.

    ## Why is this bad
    A collapsed encoder maps everything to one point or line: what is learned from it cannot tell
    things apart.

    ## Known problems
    Vectors made by PCA of few components, padded, or of few different rows, are of low rank on purpose.

    ## Example
    The embeddings of a contrastive training without negatives

    ## Use instead
    Look at the loss and the temperature of the encoder; take an earlier checkpoint.

    ## References
    Roy and Vetterli, *The effective rank*, 2007.
    """

    needs = ("vectors",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly a column."""
        looked = [told for told in vectors(data) if len(told.rows) >= LEAST]
        if not looked:
            raise CannotLook(f"fewer than {LEAST} vectors")
        for told in looked:
            yield from _look(data, told)


def _look(data: Data, told: Vectors) -> Iterable[Anomaly]:
    import numpy as np

    _, matrix = sound(told)
    if len(matrix) > FIT:
        data.left_out(f"the rank of {told.name} is that of {FIT:,} of its {len(matrix):,} vectors")
        matrix = matrix[np.random.default_rng(0).choice(len(matrix), FIT, replace=False)]
    if len(matrix) < LEAST or matrix.shape[1] < WIDTH:
        return
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    cosine = float((unit.mean(axis=0, dtype=np.float64) ** 2).sum())
    rank, effective, could = _ranks(matrix)
    if cosine > ONE_WAY and matrix.min() < 0:
        what = f"all point one way: their mean cosine with each other is {cosine:.5f}"
    elif could >= WIDTH and (rank <= RANK * could or effective < 1.5):
        what = (
            f"vary in {rank:,} of {could:,} directions, mostly in {effective:.1f} (effective rank)"
        )
    else:
        return
    sparse = is_sparse(matrix)
    yield Anomaly(
        told.part,
        f"the {len(told.rows):,} vectors of {told.name} {what}",
        "look at the encoder: its loss, its temperature, an earlier checkpoint",
        0.4 if sparse else 0.8,
        None,
        told.columns,
        "note" if sparse else "warning",
        normal=f"vectors of {matrix.shape[1]:,} numbers vary in most of these directions",
        evidence={
            "rank": rank,
            "effective_rank": round(effective, 2),
            "mean_cosine": round(cosine, 5),
        },
    )


def _ranks(matrix: Any) -> tuple[int, float, int]:
    """The numerical rank of the correlations, the effective one, and the highest there could be."""
    import numpy as np

    exact = matrix.astype(np.float64)
    spread = exact.std(axis=0)
    vary = spread > 1e-6 * np.maximum(np.abs(exact).max(axis=0), 1e-30)
    if not vary.any():
        return 0, 1.0, matrix.shape[1]
    scaled = (exact[:, vary] - exact[:, vary].mean(axis=0)) / spread[vary]
    different = len(np.unique(matrix, axis=0))
    values = np.maximum(np.linalg.eigvalsh(scaled.T @ scaled), 0)
    share = values / values.sum()
    some = share[share > 0]
    effective = float(np.exp(-(some * np.log(some)).sum()))
    # single precision gives noise of about a ten-millionth of the spread in every direction
    rank = int((values > 1e-9 * values.max()).sum())
    return rank, effective, int(min(vary.sum(), different - 1))
