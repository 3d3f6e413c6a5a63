"""Vectors with numbers that are none, and vectors of another length."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data
from labhand.scan.detectors._vectors import Vectors, vectors


class Detector:
    """Vectors with numbers that are none, and vectors of another length.

    ## What it does
    Finds every vector that holds NaN or an infinite number, and those that are missing or hold more or
    fewer numbers than the others.

    ## Why is this bad
    One NaN makes the mean, the loss and every distance NaN.

    ## Known problems
    Where numbers are left out on purpose, as in masked series, NaN is how that is written.

    ## Example
    A row of `embeddings.npy` that a model computed from an empty text in float16

    ## Use instead
    Compute these vectors again, or leave the rows out.
    """

    needs = ("vectors",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column for NaN, and one for lengths."""
        for told in vectors(data):
            yield from _nonfinite(told)
            yield from _odd(told)


def _nonfinite(told: Vectors) -> Iterable[Anomaly]:
    import numpy as np

    broken = ~np.isfinite(told.matrix)
    share = broken.mean(axis=1) if told.matrix.size else np.empty(0)
    at = np.flatnonzero(share > 0)
    if not len(at):
        return
    masked = len(at) > 0.5 * len(share)
    whole = int((share == 1).sum())
    dimensions = int(broken.any(axis=0).sum())
    found = made(told.rows[at], share[at])
    yield Anomaly(
        told.part,
        f"{len(at):,} of {len(share):,} vectors of {told.name} hold NaN or an infinite number, in "
        f"{dimensions:,} of {told.matrix.shape[1]:,} dimensions ({whole:,} of them hold nothing else)",
        "compute these vectors again, or leave the rows out",
        0.5 if masked else 0.97,
        found,
        told.columns,
        "warning" if masked else "error",
        normal="every number of a vector is finite",
        evidence={"dimensions": dimensions, "rows_without_a_number": whole},
        repair=Repair("scientific", f"drop {len(at):,} rows", drops(found["row"])),
        group="nonfinite",
    )


def _odd(told: Vectors) -> Iterable[Anomaly]:
    if not 0 < len(told.odd) < 0.5 * told.part.rows:
        return
    yield Anomaly(
        told.part,
        f"{len(told.odd):,} of {told.part.rows:,} vectors of {told.name} are missing or do not hold "
        f"{told.matrix.shape[1]:,} numbers, as the others do",
        "compute these vectors again, or leave the rows out",
        0.9,
        made(told.odd),
        told.columns,
        "warning",
        normal=f"a vector holds {told.matrix.shape[1]:,} numbers",
        repair=Repair("scientific", f"drop {len(told.odd):,} rows", drops(told.odd)),
        group="length",
    )
