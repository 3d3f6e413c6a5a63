"""Groups of rows whose labels run the other way: 1 for the best where it is the worst elsewhere."""

from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.believing import measured
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors._cells import counted, shown

LEAST = 40
GROUPS = 30
KEYS = 6
ROWS = 20_000
PENALTY = 10.0
FOLLOWS, AGAINST = 0.4, -0.3
"""The correlation of labels with what the other groups teach: of those groups, and of one that is reversed."""


def groups(data: Data, part: Part) -> Iterator[Anomaly]:
    """One anomaly a group. What a group's rows should be is learned from all other groups alone."""
    import numpy as np
    import polars as pl

    label = data.role("label")
    if label not in part.names or not 2 * LEAST <= part.rows <= ROWS:
        return
    keys = part.groupings(GROUPS, KEYS, (label, data.role("prediction")))
    order = _ordered(part, str(label))
    if not keys or order is None:
        return
    try:
        features = measured(data, part)
    except CannotLook:
        return
    known = np.isfinite(order)
    rows, order, features = part.row_numbers[known], order[known], features[known]
    for key in keys:
        names = part.select(pl.col(key))[key].to_numpy()[known]
        told = _correlations(features, order, names)
        odd = [g for g, r in told.items() if r <= AGAINST]
        rest = [r for g, r in told.items() if g not in odd]
        if not odd or len(odd) > len(rest) or float(np.median(rest)) < FOLLOWS:
            continue
        for group in odd:
            found = rows[names == group]
            yield Anomaly(
                part,
                f"where `{key}` is {shown(group)} `{label}` runs the other way: it goes against what the other rows "
                f"teach in {counted(len(found), 'row')} (correlation {told[group]:.2f}, elsewhere "
                f"{float(np.median(rest)):.2f})",
                "look how these rows were labelled, and turn their labels round or leave them out",
                0.85,
                made(found.tolist()),
                [str(label), key],
                "warning",
                normal="labels mean the same wherever rows come from",
                group="wrong-label reversed",
            )


def _ordered(part: Part, label: str) -> Any:
    """The labels as numbers, where they have an order: numbers of few values, or two classes."""
    import numpy as np
    import polars as pl

    from labhand.scan.data import number

    column = part.columns[label]
    if column.kind == "number" and column.unique <= 50:
        return part.select(number(column).alias("y"))["y"].fill_null(float("nan")).to_numpy()
    if column.unique != 2:
        return None
    cells = part.select(pl.col(label).cast(pl.String))[label]
    first = cells.drop_nulls().min()
    return np.where(
        cells.is_null().to_numpy(), np.nan, (cells == first).fill_null(False).to_numpy()
    )


def _correlations(features: Any, order: Any, names: Any) -> dict[Any, float]:
    """For each group of enough rows, how its labels go with a ridge regression on all other groups."""
    import numpy as np

    whole = np.hstack([features, np.ones((len(features), 1))]).astype(np.float64)
    gram, moment = whole.T @ whole, whole.T @ order
    told = {}
    for group in {n for n in names.tolist() if n is not None}:
        here = names == group
        own = whole[here]
        if len(own) < LEAST or len(whole) - len(own) < LEAST or not order[here].std():
            continue
        left = gram - own.T @ own + PENALTY * np.eye(gram.shape[0])
        said = own @ np.linalg.solve(left, moment - own.T @ order[here])
        told[group] = float(np.corrcoef(said, order[here])[0, 1]) if said.std() else 0.0
    return told
