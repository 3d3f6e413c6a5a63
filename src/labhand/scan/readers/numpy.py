"""NumPy arrays: a matrix becomes a column of vectors, several arrays of one length a table.

Facts: `shape`; `holds` says `vectors`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError
from labhand.scan.readers import Table

WIDE = 64
"""Columns of a matrix up to which it may be a table; wider, its lines are vectors."""


class Reader:
    """Reads .npy and .npz without running anything that is pickled in them."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is a NumPy array or an archive of them."""
        return head.startswith(b"\x93NUMPY") or (bool(head) and path.suffix.lower() == ".npz")

    def tables(self, path: Path) -> Iterator[Table]:
        """One table of the arrays that have as many lines as the longest."""
        import numpy as np

        try:
            loaded = np.load(path, allow_pickle=False)
            arrays = dict(loaded) if hasattr(loaded, "files") else {"vector": loaded}
        except (OSError, ValueError, EOFError) as error:
            raise InputError(
                f"{path} cannot be read: {error}; save it anew, without pickled objects"
            ) from error
        if not arrays or not any(a.ndim for a in arrays.values()):
            raise InputError(f"{path} holds no array with rows; expected one line a row")
        length = max(len(a) for a in arrays.values() if a.ndim)
        told = {n: a for n, a in arrays.items() if a.ndim and len(a) == length}
        left = [n for n in arrays if n not in told]
        troubles = (
            (f"the arrays {', '.join(left)} are of another length; left out",) if left else ()
        )
        columns, facts = _columns(told)
        yield Table(columns, troubles=troubles, facts=facts)


def _columns(arrays: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    import numpy as np
    import polars as pl

    series, facts = [], dict[str, Any]()
    for name, array in arrays.items():
        if array.dtype.kind not in "biufU":
            array = array.astype("U")
        if array.ndim == 1:
            series.append(pl.Series(name, array))
            continue
        facts = {"holds": ("vectors",), "shape": list(array.shape)}
        flat = np.ascontiguousarray(array.reshape(len(array), -1))
        if flat.dtype == np.float16:
            flat = flat.astype(np.float32)
        series.append(
            pl.Series(
                name, flat, dtype=pl.Array(pl.Series(flat[:0, :1].ravel()).dtype, flat.shape[1])
            )
        )
    return pl.DataFrame(series), facts
