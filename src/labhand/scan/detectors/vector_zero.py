"""Vectors, and dimensions of vectors, that hold one value only."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data
from labhand.scan.detectors._vectors import LEAST, Vectors, is_sparse, vectors

WIDTH = 4
"""Numbers of a vector below which equal ones may be chance."""


class Detector:
    """Vectors, and dimensions of vectors, that hold one value only.

    ## What it does
    Finds vectors that are zero throughout or hold the same number in every dimension, and dimensions
    that have the same number in every row.

    ## Why is this bad
    A zero vector has no direction: its cosine is NaN or 0 with everything. It stands where something
    was not computed. A dimension that never changes is a dead unit.

    ## Known problems
    Pictures have margins that are always black: where zeros are common, dead dimensions are a note.

    ## Example
    Rows of zeros at the end of an array that was allocated too large

    ## Use instead
    Compute the vectors again, or leave the rows out.
    """

    needs = ("vectors",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column for rows, and one for dimensions."""
        for told in vectors(data):
            yield from _rows(told)
            yield from _dimensions(told)


def _rows(told: Vectors) -> Iterable[Anomaly]:
    import numpy as np

    matrix = told.matrix
    if not len(matrix) or matrix.shape[1] < WIDTH:
        return
    constant = matrix.max(axis=1) == matrix.min(axis=1)
    at = np.flatnonzero(constant)
    if not len(at):
        return
    zero = matrix[at, 0] == 0
    often = len(at) > 0.2 * len(matrix)
    found = made(told.rows[at], np.where(zero, 1.0, 0.9))
    end = " at the end" if at[-1] == len(matrix) - 1 and len(at) == at[-1] - at[0] + 1 else ""
    yield Anomaly(
        told.part,
        f"{len(at):,} of {len(matrix):,} vectors of {told.name}{end} hold one number throughout "
        f"({int(zero.sum()):,} of them zero)",
        "compute these vectors again, or leave the rows out",
        0.7 if often and is_sparse(matrix) else 0.95,
        found,
        told.columns,
        "warning",
        normal="the numbers of a vector differ",
        evidence={"zero": int(zero.sum())},
        repair=Repair("scientific", f"drop {len(at):,} rows", drops(found["row"])),
        group="rows",
    )


def _dimensions(told: Vectors) -> Iterable[Anomaly]:
    import numpy as np

    matrix = told.matrix
    if len(matrix) < LEAST or matrix.shape[1] < WIDTH:
        return
    rows = np.isfinite(matrix).all(axis=1)
    if rows.sum() < LEAST:
        return
    dead = np.flatnonzero(matrix[rows].max(axis=0) == matrix[rows].min(axis=0))
    if not 0 < len(dead) < matrix.shape[1]:
        return
    sparse = is_sparse(np.delete(matrix, dead, axis=1))
    some = ", ".join(map(str, dead[:8])) + (", …" if len(dead) > 8 else "")
    yield Anomaly(
        told.part,
        f"{len(dead):,} of {matrix.shape[1]:,} dimensions of {told.name} hold one number in all rows: {some}",
        "look at what should be in these dimensions, or leave them out",
        0.5 if sparse else 0.85,
        None,
        told.columns,
        "note" if sparse else "warning",
        normal="every dimension varies",
        evidence={"dimensions": dead[:1000].tolist()},
        group="dimensions",
    )
