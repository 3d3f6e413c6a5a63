"""NumPy: .npy and .npz, a matrix as vectors or as a table, several arrays as columns.

Facts: `holds` says `vectors` where a column holds them.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError
from labhand.scan.readers import Table

WIDE = 30
"""Columns of a matrix up to which it may be a table; wider, its lines are vectors."""
APART = 20.0
"""How far the spreads of the columns lie apart in a table; those of a vector are alike."""
_SPLIT = re.compile(r"(?:^|_)(train|test|val|valid|dev)(?=_|$)", re.I)


class Reader:
    """Reads .npy and .npz without running anything that is pickled in them."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is a NumPy array or an archive of them."""
        return head.startswith(b"\x93NUMPY") or (bool(head) and path.suffix.lower() == ".npz")

    def tables(self, path: Path) -> Iterator[Table]:
        """One table of the arrays that have as many lines as the longest; one a split, where there are."""
        arrays = _arrays(path)
        splits: dict[str | None, dict[str, Any]] = {}
        for name, array in arrays.items():
            split = match[1] if (match := _SPLIT.search(name)) else None
            plain = _SPLIT.sub("", name).strip("_") or name
            splits.setdefault(split, {})[plain] = array
        if None in splits or len(splits) < 2:
            splits = {None: arrays}
        for split, some in splits.items():
            length = max((len(a) for a in some.values() if a.ndim), default=0)
            told = {n: a for n, a in some.items() if a.ndim and len(a) == length}
            if not told:
                raise InputError(f"{path} holds no array with rows; expected one line a row")
            left = ", ".join(f"`{n}`" for n in some if n not in told)
            troubles = (f"the arrays {left} are of another length; left out",) if left else ()
            frame, facts = _columns(told)
            yield Table(frame, split=split, troubles=troubles, facts=facts)


def _arrays(path: Path) -> dict[str, Any]:
    """The arrays by their names; a structured one as one array a field."""
    import numpy as np

    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = dict(loaded) if hasattr(loaded, "files") else {"vector": loaded}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if "pickle" in str(error).lower():
            raise InputError(
                f"{path} holds Python objects, which are not opened; save numbers or strings"
            ) from error
        raise InputError(f"{path} is damaged: {error}; copy or write it anew") from error
    made: dict[str, Any] = {}
    for name, array in arrays.items():
        made |= {field: array[field] for field in array.dtype.names or ()} or {name: array}
    return made


def _columns(arrays: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    import polars as pl

    series: list[pl.Series] = []
    facts = dict[str, Any]()
    for name, array in arrays.items():
        if array.dtype.kind in "cSO" or array.dtype.kind not in "biufUmM":
            array = array.astype("U")
        if array.ndim == 1:
            series.append(pl.Series(name, array))
        elif array.ndim == 2 and _is_table(array):
            stem = "column" if len(arrays) == 1 else name
            series += [pl.Series(f"{stem}_{at + 1}", array[:, at]) for at in range(array.shape[1])]
        elif array.size:
            facts = {"holds": ("vectors",), "shape": list(array.shape)}
            series.append(_vectors(name, array))
    return pl.DataFrame(series), facts


def _is_table(matrix: Any) -> bool:
    """Whether the columns of a matrix are things of several kinds, and not the sides of a vector."""
    import numpy as np

    if matrix.dtype.kind not in "biuf" or matrix.shape[1] > WIDE or len(matrix) < 2:
        return matrix.dtype.kind not in "biuf"
    spread = np.nanstd(np.where(np.isfinite(matrix), matrix, np.nan)[:10_000], axis=0)
    whole = [(column == np.round(column)).all() for column in matrix.T[:, :10_000]]
    there = spread[spread > 0]
    return bool(
        (len(there) > 1 and there.max() > APART * there.min())
        or (matrix.dtype.kind == "f" and any(whole) and not all(whole))
    )


def _vectors(name: str, array: Any) -> Any:
    import numpy as np
    import polars as pl

    flat = np.ascontiguousarray(array.reshape(len(array), -1))
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    inner = pl.Series(flat[:0, :1].ravel()).dtype
    return pl.Series(name, flat, dtype=pl.Array(inner, flat.shape[1]))
