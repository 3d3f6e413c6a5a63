"""Sources whose labels are all counted from another number than those of the others."""

from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors._cells import shown

GROUPS, KEYS, LEAST = 30, 4, 40
CLASSES = 50
FAR, NEAR = 0.25, 0.12
"""How far the shares of labels of a source are from the others' as they stand, and may be once counted anew."""
MOST_SHIFT = 2


def shifted(data: Data, part: Part) -> Iterator[Anomaly]:
    """A claim for each source whose labels are those of all others plus one number."""
    label = data.role("label")
    if label is None or label not in part.names:
        return
    column = part.columns[label]
    if column.kind != "number" or not column.whole or not 3 <= column.unique <= CLASSES:
        return
    for key in part.groupings(GROUPS, KEYS, (label, data.role("prediction"))):
        told = _shift(part, label, key)
        if told is not None:
            yield _told(part, label, key, *told)
            return


def _shift(part: Part, label: str, key: str) -> tuple[Any, int] | None:
    import numpy as np
    import polars as pl

    pairs = part.select(g=pl.col(key).cast(pl.String), v=number(part.columns[label])).drop_nulls()
    counts = pairs.group_by("g", "v").len("n")
    low, high = int(counts["v"].min()), int(counts["v"].max())  # type: ignore[arg-type]
    shares: dict[str, Any] = {}
    for (group,), some in counts.group_by("g", maintain_order=True):
        made = np.zeros(high - low + 1 + 2 * MOST_SHIFT)
        made[some["v"].to_numpy().astype(int) - low + MOST_SHIFT] = some["n"].to_numpy()
        if made.sum() >= LEAST:
            shares[str(group)] = made
    for group, mine in shares.items():
        others = sum(made for name, made in shares.items() if name != group)
        if len(shares) < 2 or isinstance(others, int):
            return None
        usual = others / others.sum()
        if 0.5 * np.abs(mine / mine.sum() - usual).sum() < FAR:
            continue
        for by in (-2, -1, 1, 2):
            moved = np.roll(mine, -by) / mine.sum()
            if 0.5 * np.abs(moved - usual).sum() <= NEAR and _alike(shares, group, usual):
                return group, by
    return None


def _alike(shares: dict[str, Any], apart: str, usual: Any) -> bool:
    """Whether the other sources are alike, so that this one stands out."""
    import numpy as np

    rest = [made / made.sum() for name, made in shares.items() if name != apart]
    return all(0.5 * np.abs(made - usual).sum() <= 2 * NEAR for made in rest)


def _told(part: Part, label: str, key: str, group: str, by: int) -> Anomaly:
    import polars as pl

    cell = pl.col(label).cast(pl.String, strict=False)
    found = part.where(pl.col(key).cast(pl.String) == group, column=pl.lit(label), value=cell)
    more = f"{abs(by)} {'above' if by > 0 else 'below'}"
    return Anomaly(
        part,
        f"where `{key}` is {shown(group)}, the labels in `{label}` are those of all others {more}: they are counted from "
        f"another number in these {len(found):,} rows",
        f"take {by} off these labels, once you have looked how `{group}` counts its classes",
        0.85,
        found,
        [label, key],
        "warning",
        normal=f"labels are as frequent where `{key}` is another",
        group="wrong-label shifted",
    )
