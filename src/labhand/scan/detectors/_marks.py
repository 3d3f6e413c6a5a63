"""A mark by which the images of one class can be told without looking at what they show."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data
from labhand.scan.detectors._pictures import Pictures, pictures

LEAST = 12
"""Images of a class below which nothing is told."""
MOST_CLASSES = 100
HOLDS, STRAYS = 0.85, 0.06
"""The share of a class that must have the mark, and of all others that may."""
STILL, MOVES = 0.05, 0.12
"""How little a place may vary within the class, and how much it must over the others."""


def marks(data: Data) -> Iterable[Anomaly]:
    """Classes of images that have a size, mode, format, or the same patch at one place, and others not."""
    import polars as pl

    label = data.role("label")
    if data.role("image") is None or label is None:
        return
    try:
        every = list(pictures(data))
    except CannotLook as error:
        data.left_out(f"images were not looked at: {error}")
        return
    for told in every:
        if label not in told.part.names or len(told.good) < 2 * LEAST:
            continue
        given = told.part.select(pl.col(label).cast(pl.String, strict=False))[label].to_list()
        classes = [given[at] for at in told.good]
        if 2 <= len(set(classes)) <= MOST_CLASSES:
            yield from _told(told, classes, str(label))


def _told(told: Pictures, classes: list[Any], label: str) -> Iterable[Anomaly]:
    import numpy as np

    of = np.array([str(c) for c in classes])
    sizes = np.array([f"{t.width}x{t.height}" for t in (told.told[at] for at in told.good)])
    properties = {"size": sizes, "mode": told.measure("mode"), "format": told.measure("form")}
    small = told.thumbnails.reshape(len(of), 16, 2, 16, 2, 3).mean(axis=(2, 4))
    shade = _commonest(told.thumbnails)
    for name in sorted(set(of)):
        mine = of == name
        if mine.sum() < LEAST or (~mine).sum() < LEAST:
            continue
        for kind, values in properties.items():
            value = Counter(values[mine].tolist()).most_common(1)[0][0]
            has = values == value
            if has[mine].mean() >= HOLDS and has[~mine].mean() <= STRAYS:
                yield _claim(
                    told, has & mine, label, name, f"the {kind} {value}", has[~mine].mean()
                )
        if (patch := _patch(small, mine, shade)) is not None:
            where, has = patch
            yield _claim(
                told, has & mine, label, name, f"the same patch {where}", has[~mine].mean()
            )


def _commonest(thumbnails: Any) -> float | None:
    """The shade of the background, where a fifth of all pixels has it."""
    import numpy as np

    shades = np.bincount((thumbnails.mean(axis=3) * 31.99).astype(int).ravel(), minlength=32)
    return float((shades.argmax() + 0.5) / 32) if shades.max() > 0.2 * shades.sum() else None


def _patch(small: Any, mine: Any, shade: float | None) -> tuple[str, Any] | None:
    """The place on a 16x16 grid where the class is still and the others are not, and who has it."""
    import numpy as np

    def width(some: Any) -> Any:
        low, high = np.quantile(some, [0.07, 0.93], axis=0)
        return (high - low).max(axis=-1)

    middle = np.median(small[mine], axis=0)
    still = (width(small[mine]) < STILL) & (width(small[~mine]) > MOVES)
    if shade is not None:
        still &= np.abs(middle.mean(axis=-1) - shade) > 0.06
    for row, column in np.argwhere(still):
        has = np.abs(small[:, row, column] - middle[row, column]).max(axis=-1) < STILL
        if has[mine].mean() >= HOLDS and has[~mine].mean() <= STRAYS:
            up = "top" if row < 6 else "bottom" if row > 9 else "middle"
            side = "left" if column < 6 else "right" if column > 9 else "centre"
            return f"at the {up} {side}", has
    return None


def _claim(told: Pictures, has: Any, label: str, name: str, mark: str, strays: float) -> Anomaly:
    return Anomaly(
        told.part,
        f"{int(has.sum()):,} images of the class `{name}` have {mark}, and {100 * strays:.1f} % of the others do: "
        "it gives the label away",
        "get images of all classes in one way, or crop and re-encode all alike",
        0.85,
        made(told.rows[told.good[has]]),
        [told.column, label],
        "warning",
        normal="classes differ by what their images show",
        group=f"{name} {mark}",
    )
