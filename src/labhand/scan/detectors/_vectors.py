"""The vectors of the data as matrices, and what lies near what among them."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from labhand.scan.data import Data, Part

LEAST = 20
"""Vectors below which nobody knows what is usual."""
SOME = 5_000
"""Vectors that all others are compared with; of more, so many are drawn."""
NEIGHBOURS = 10
SPARSE = 0.3
"""The share of zeros from which on vectors are counts, pixels or codes, and zeros are values."""

Matrix = Any


class Vectors(NamedTuple):
    """The vectors of one column: one line a row of `rows`, float32, as many numbers as most have.

    `odd` are rows whose vector is missing or of another length; `column` is None where the vectors were
    given beside the data; `name` is how a message calls them.
    """

    part: Part
    column: str | None
    name: str
    rows: Matrix
    matrix: Matrix
    odd: Matrix

    @property
    def columns(self) -> list[str]:
        """The columns of an anomaly of these vectors."""
        return [] if self.column is None else [self.column]


def vectors(data: Data) -> Iterator[Vectors]:
    """Every column of vectors of every part, and the embeddings that were given."""
    start = 0
    for part in data.parts:
        for column in part.columns.values():
            if column.kind == "vector":
                yield data.shared(f"vectors {part.name} {column.name}", _reading(part, column.name))
        if data.embeddings is not None:
            given = data.embeddings[start : start + part.rows]
            yield data.shared(f"vectors of {part.name}", _taking(part, given))
        start += part.rows


def _taking(part: Part, given: Matrix) -> Callable[[], Vectors]:
    import numpy as np

    def make() -> Vectors:
        matrix = np.asarray(given, dtype=np.float32)
        nothing = np.empty(0, dtype=np.int64)
        return Vectors(part, None, "the embeddings", part.row_numbers, matrix, nothing)

    return make


def _reading(part: Part, name: str) -> Callable[[], Vectors]:
    return lambda: _read(part, name)


def _read(part: Part, name: str) -> Vectors:
    import numpy as np
    import polars as pl

    listed: Any = part.select(pl.col(name))[name]
    if isinstance(listed.dtype, pl.Array):
        listed = listed.arr.to_list()
    while isinstance(listed.dtype.inner, pl.List | pl.Array):
        listed = listed.list.eval(pl.element().explode())
    lengths = listed.list.len()
    known = lengths.drop_nulls()
    width = int(known.mode().max()) if len(known) else 0
    good = (lengths == width).fill_null(False).to_numpy()
    flat = listed.filter(pl.Series(good)).explode().cast(pl.Float32)
    numbers = flat.fill_null(float("nan")).to_numpy() if width else np.empty(0, np.float32)
    matrix = numbers.reshape(int(good.sum()), width)
    rows = part.row_numbers
    return Vectors(part, name, f"`{name}`", rows[good], matrix, rows[~good])


def sound(told: Vectors) -> tuple[Matrix, Matrix]:
    """The rows of the vectors that hold finite numbers and not only zeros, and these vectors."""
    import numpy as np

    good = np.isfinite(told.matrix).all(axis=1) & (told.matrix != 0).any(axis=1)
    return told.rows[good], told.matrix[good]


def is_sparse(matrix: Matrix) -> bool:
    """Whether zeros are values here: counts, pixels, codes of categories."""
    return bool(matrix.size) and float((matrix == 0).mean()) > SPARSE


class Near(NamedTuple):
    """How far each vector is from its nearest ones among some; and how often each of these is near.

    `distance` is the mean distance to the `NEIGHBOURS` nearest, `nearest` that to the nearest; `among`
    are the places of those compared with, `times` how many of them have each among their nearest.
    """

    distance: Matrix
    nearest: Matrix
    among: Matrix
    times: Matrix


def near(data: Data, told: Vectors) -> Near:
    """The neighbours of the sound vectors, found once."""
    return data.shared(
        f"near {told.part.name} {told.column}", lambda: _near(sound(told)[1].astype("float32"))
    )


def _near(matrix: Matrix) -> Near:
    import numpy as np

    number = len(matrix)
    among = np.arange(number)
    if number > SOME:
        among = np.sort(np.random.default_rng(0).choice(number, SOME, replace=False))
    # far offsets cost digits when squares are subtracted
    centred = matrix - matrix.mean(axis=0)
    reference = centred[among]
    squares = (reference.astype(np.float64) ** 2).sum(axis=1)
    place = np.full(number, -1)
    place[among] = np.arange(len(among))
    k = min(NEIGHBOURS, len(among) - 1)
    mean, first = np.empty(number), np.empty(number)
    times = np.zeros(len(among), dtype=int)
    for start in range(0, number, 1000):
        block = centred[start : start + 1000]
        away = squares + (block.astype(np.float64) ** 2).sum(axis=1)[:, None]
        away -= 2.0 * (block @ reference.T)
        own = place[start : start + 1000]
        inside = np.flatnonzero(own >= 0)
        away[inside, own[inside]] = np.inf
        nearest = np.argpartition(away, k - 1, axis=1)[:, :k]
        distances = np.sqrt(np.maximum(np.take_along_axis(away, nearest, axis=1), 0))
        mean[start : start + 1000] = distances.mean(axis=1)
        first[start : start + 1000] = distances.min(axis=1)
        times += np.bincount(nearest[inside].ravel(), minlength=len(among))
    return Near(mean, first, among, times)
