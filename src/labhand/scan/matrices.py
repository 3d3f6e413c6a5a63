"""Many columns of numbers looked at together, as a matrix: one query for each would take minutes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

CELLS = 4_000_000
"""Cells that are looked at together."""
_QUANTILES = {"q01": 0.01, "q25": 0.25, "median": 0.5, "q75": 0.75, "q99": 0.99}


def wide(frame: "pl.DataFrame", names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What `columns.Column` holds of each of these columns of numbers, by the names of its fields."""
    made: dict[str, dict[str, Any]] = {}
    step = max(1, CELLS // max(1, frame.height))
    for start in range(0, len(names), step):
        some = names[start : start + step]
        made |= dict(zip(some, _profiles(frame, some), strict=True))
    return made


def _profiles(frame: "pl.DataFrame", names: Sequence[str]) -> list[dict[str, Any]]:
    import numpy as np
    import polars as pl

    columns = [frame.get_column(name) for name in names]
    cells = np.column_stack([c.cast(pl.Float64).to_numpy() for c in columns])
    nulls = np.array([c.null_count() for c in columns])
    finite = np.isfinite(cells)
    known = finite.sum(axis=0)
    odd = len(cells) - nulls - known
    ordered = np.sort(np.where(finite, cells, np.nan), axis=0)
    whole = np.where(finite, cells, 0.0)
    mean = whole.sum(axis=0) / np.maximum(1, known)
    squares = np.where(finite, (cells - mean) ** 2, 0.0).sum(axis=0)
    told: dict[str, Any] = {
        "nulls": nulls,
        "numeric": len(cells) - nulls,
        "unique": _unique(cells, nulls),
        "odd": odd,
        "whole": (whole == np.round(whole)).all(axis=0),
        "min": ordered[0],
        "max": np.take_along_axis(ordered, np.maximum(0, known - 1)[None], 0)[0],
        "mean": mean,
        "std": np.sqrt(squares / np.maximum(1, known - 1)),
    }
    for name, share in _QUANTILES.items():
        place = np.floor(share * np.maximum(0, known - 1)).astype(int)
        told[name] = np.take_along_axis(ordered, place[None], 0)[0]
    empty, single = known == 0, known < 2
    for name in ("min", "max", "mean", "std", *_QUANTILES):
        gone = single if name == "std" else empty
        told[name] = np.where(gone, None, told[name].astype(object))
    lists = {name: np.asarray(values).tolist() for name, values in told.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _unique(cells: Any, nulls: Any) -> Any:
    """How many different values each column has; NaN is one of them, a gap is not."""
    import numpy as np

    ordered = np.sort(cells, axis=0)
    known = ~np.isnan(ordered)
    differ = (ordered[1:] != ordered[:-1]) & known[1:]
    nan = len(cells) - nulls - known.sum(axis=0)
    return differ.sum(axis=0) + known[0] + (nan > 0)
