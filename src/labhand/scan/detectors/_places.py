"""Places on the globe whose latitude and longitude were exchanged, left at zero, or have lost a sign."""

import re
from collections.abc import Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.columns import Column
from labhand.scan.data import Part
from labhand.scan.detectors._cells import counted, shown

LEAST = 50
MOST = 0.05
"""The share of places up to which those that are elsewhere are the mistakes."""
FAR, NEAR = 4.0, 2.5
"""Interquartile ranges from the middle beyond which a place is elsewhere, and within which a mended one must lie."""
LAT = r"(.*[_ ])?lat(itude)?([_ ].*)?|y_?coord(inate)?"
LON = r"(.*[_ ])?(lng|lon|long|longitude)([_ ].*)?|x_?coord(inate)?"


def misplaced(part: Part) -> Iterator[Anomaly]:
    """At most one claim: places far from all others which a mend that people know puts among them."""
    import numpy as np

    pair = _pair(part)
    if pair is None or part.rows < LEAST:
        return
    values = part.numbers([column.name for column in pair])
    known = np.isfinite(values).all(axis=1)
    low, middle, high = np.quantile(values[known], [0.25, 0.5, 0.75], axis=0)
    room = np.maximum(high - low, 0.05)
    away = known & _outside(values, middle - FAR * room, middle + FAR * room)
    zero = known & (values == 0).all(axis=1)
    if not 0 < (away | zero).sum() <= MOST * known.sum():
        return
    mends: list[tuple[str, Any]] = [("latitude and longitude exchanged", values[:, ::-1])]
    signs = ((-1, 1, "latitude"), (1, -1, "longitude"), (-1, -1, "latitude and longitude"))
    mends += [(f"another sign of the {what}", values * [a, b]) for a, b, what in signs]
    why = np.full(len(values), "", dtype=object)
    why[zero] = "zero for both"
    for what, mended in mends:
        fits = away & (why == "") & ~_outside(mended, middle - NEAR * room, middle + NEAR * room)
        why[fits] = what
    rows = np.flatnonzero(why != "")
    if len(rows):
        yield _told(part, pair, values, why, rows)


def _pair(part: Part) -> tuple[Column, Column] | None:
    named = [c for c in part.columns.values() if c.kind == "number" and c.min is not None]
    lat = [c for c in named if re.fullmatch(LAT, c.name.lower())]
    lon = [c for c in named if re.fullmatch(LON, c.name.lower())]
    return (lat[0], lon[0]) if len(lat) == 1 and len(lon) == 1 else None


def _outside(values: Any, low: Any, high: Any) -> Any:
    return ((values < low) | (values > high)).any(axis=1)


def _told(part: Part, pair: tuple[Column, Column], values: Any, why: Any, rows: Any) -> Anomaly:
    import numpy as np

    kinds, times = np.unique(why[rows].astype(str), return_counts=True)
    counts = ", ".join(f"{n:,} × {kind}" for kind, n in zip(kinds, times, strict=True))
    lat, lon = (column.name for column in pair)
    first = rows[0]
    here = ", ".join(f"{value:.6g}" for value in values[first])
    numbers = part.row_numbers[rows].tolist()
    return Anomaly(
        part,
        f"{counted(len(rows), 'place')} of `{lat}` and `{lon}` {'lies' if len(rows) == 1 else 'lie'} far from all "
        f"others ({counts}), as row {numbers[0]}: {shown(here)}",
        "mend the places, or make the cells empty",
        0.9,
        made(numbers, why=why[rows].astype(str).tolist()),
        [lat, lon],
        "warning",
        normal="with the mend they lie among the others",
        group="impossible-value place",
    )
