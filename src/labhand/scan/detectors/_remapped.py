"""Splits in which the classes have exchanged their labels."""

from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._rows import pairs_of

LEAST, MOST = 60, 4000
"""Rows of a split below which nothing is said, and up to which it is learned from."""
CLASSES, FEATURES = 50, 200
BETTER, RIGHT, OF_TWO = 0.3, 0.6, 0.8
"""How much oftener labels must be right once exchanged, and how often then, also of two classes."""
SEED = 0


def exchanged(data: Data) -> Iterator[Anomaly]:
    """A claim for each later split whose labels a model of the first one foretells once they are exchanged."""
    label = data.role("label")
    for early, late in pairs_of(data):
        if label in early.names and label in late.names and min(early.rows, late.rows) >= LEAST:
            yield from _between(data, early, late, str(label))


def _between(data: Data, early: Part, late: Part, label: str) -> Iterator[Anomaly]:
    import numpy as np
    from scipy.optimize import linear_sum_assignment
    from sklearn.ensemble import ExtraTreesClassifier

    names = [n for n in data.features(early, "number") if n in data.features(late, "number")]
    classes = [_classes(part, label) for part in (early, late)]
    known = sorted({c for some in classes for c in some if c is not None})
    if not 1 <= len(names) <= FEATURES or not 2 <= len(known) <= CLASSES:
        return
    place = {name: at for at, name in enumerate(known)}
    given = [np.array([-1 if c is None else place[c] for c in some]) for some in classes]
    # the forest casts to floats of four bytes
    matrices = [np.clip(np.nan_to_num(p.numbers(names)), -1e30, 1e30) for p in (early, late)]
    rows = [np.flatnonzero(some >= 0)[:: max(1, len(some) // MOST)] for some in given]
    model = ExtraTreesClassifier(60, random_state=SEED, min_samples_leaf=3)
    model.fit(matrices[0][rows[0]], given[0][rows[0]])
    told = model.predict(matrices[1][rows[1]])
    counts = np.zeros((len(known), len(known)))
    np.add.at(counts, (told, given[1][rows[1]]), 1)
    as_model, as_given = linear_sum_assignment(-counts)
    before, after = np.trace(counts) / counts.sum(), counts[as_model, as_given].sum() / counts.sum()
    if after < (RIGHT if len(known) > 2 else OF_TWO) or after < before + BETTER:
        return
    moved = [(known[a], known[b]) for a, b in zip(as_model, as_given, strict=True) if a != b and counts[a, b]]  # fmt: skip
    yield _told(late, early, label, moved, float(before), float(after))


def _classes(part: Part, label: str) -> list[Any]:
    import polars as pl

    return part.select(pl.col(label).cast(pl.String, strict=False))[label].to_list()


def _told(
    late: Part, early: Part, label: str, moved: list[tuple[str, str]], before: float, after: float
) -> Anomaly:
    pairs = ", ".join(f"{shown(a)} stands as {shown(b)}" for a, b in moved[:4])
    return Anomaly(
        late,
        f"the classes of `{label}` have other labels in {late.name} than in {early.name}: {pairs}; a model of {early.name} is "
        f"right in {share(before, 1)} of its rows as they stand, and in {share(after, 1)} so",
        "encode the labels once, for all splits",
        0.9,
        columns=[label],
        severity="error",
        normal="a class has one label in all splits",
        group="wrong-label exchanged",
    )
