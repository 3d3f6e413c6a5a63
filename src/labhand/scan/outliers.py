"""How far each row of a part lies from the others, by several views that need no labels.

The views: a histogram of each column (Goldstein and Dengel 2012), distances to neighbours with single
far cells cut (Ramaswamy et al. 2000), and, once the columns no longer go together, the distance to the
middle (Mahalanobis 1936) and to neighbours in subsamples of several sizes (after Sugiyama and Borgwardt
2013). Each gives ranks; what counts is the mean of `-log` of the share of rows
that lie further out. A view that says the same of every row is dropped, with a word.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.columns import Column
from labhand.scan.data import ROW, Data, Part, number

if TYPE_CHECKING:
    import polars as pl

FIT = 20_000
"""Rows that neighbours are looked for among; all rows are scored."""
ALL = 1_000_000
"""Rows up to which every view looks at each."""
LATER = 25_000
"""Rows that every view looks at where there are more than `ALL`: the strangest at first sight."""
SAMPLE = 5_000
"""Rows that they are then compared with."""
DISTANCES = 400_000_000
"""Distances that a view may compute: of very many rows, fewer are looked for neighbours among."""
BLOCK = 200_000
"""Rows that are scored at a time."""
CELLS = 2_000_000
"""Cells whose bins are looked up together."""
CUT = 4.0
"""Deviations beyond which a single cell says no more of a row's distance to others."""
EXPLAINED = 0.999
USUAL = 0.8
"""The share of rows, by their histogram, that tell how columns go together."""
SEED = 0

Matrix = Any


class Outlierness(NamedTuple):
    """One score a row, in the order of `part.row_numbers`; higher is stranger.

    `matrix` are the standardised lines of the rows at `places`, all of them up to `ALL` rows, else the
    `LATER` strangest at first sight; `usual` are lines that tell what is usual. `dropped` are the views
    that said nothing, each with the reason.
    """

    scores: Matrix
    places: Matrix
    matrix: Matrix
    usual: Matrix
    columns: list[str]
    dropped: list[str]


def outlierness(data: Data, part: Part) -> Outlierness | None:
    """The score of every row; None where no numeric column varies."""
    return data.shared(f"outliers {part.name}", lambda: _scored(data, part))


def _scored(data: Data, part: Part) -> Outlierness | None:
    import numpy as np
    import polars as pl

    names = [n for n in data.features(part, "number") if part.columns[n].std]
    if not names or part.rows < 2:
        return None
    # of rows that were added to very many, no more is looked at than of these
    whole = int(part.select(pl.col(ROW).max()).item()) + 1
    if whole > ALL:
        later = max(LATER // 10, LATER * part.rows // whole)
        return _scored_in_two(part, names, min(later, part.rows - 1))
    matrix = standardised(part.numbers(names))
    kept = matrix.std(axis=0) > 0
    matrix, names = matrix[:, kept], [n for n, k in zip(names, kept, strict=True) if k]
    if not names:
        return None
    scores, dropped = score(matrix)
    return Outlierness(scores, np.arange(len(matrix)), matrix, matrix, names, dropped)


def _scored_in_two(part: Part, names: list[str], later: int) -> Outlierness:
    """Of very many rows: the sum of squared deviations of all, and every view of the strangest."""
    import numpy as np
    import polars as pl

    cells = [_deviation(part.columns[name]) for name in names]
    squares = pl.sum_horizontal(cell**2 for cell in cells).alias("s")
    first = np.log1p(part.select(squares)["s"].to_numpy())
    strange = np.sort(np.argpartition(-first, later)[:later])
    some = _some(len(first), SAMPLE)
    wanted = np.union1d(strange, some)
    taken = part.lazy.select(pl.col(names).gather(pl.Series(wanted)))
    lines = taken.select(cell.cast(pl.Float32) for cell in cells).collect().to_numpy()
    usual = lines[np.searchsorted(wanted, some)]
    matrix = lines[np.searchsorted(wanted, strange)]
    again, dropped = _agreed(usual, {**CHEAP, **DEAR}, matrix)
    order = strange[np.argsort(again)]
    scores = first.copy()
    scores[order] = np.sort(first[strange])
    return Outlierness(scores, strange, matrix, usual, names, dropped)


def _deviation(column: Column) -> "pl.Expr":
    """A column in deviations from its mean; nothing is no deviation."""
    cell = number(column)
    made = ((cell - (column.mean or 0.0)) / (column.std or 1.0)).clip(-1e6, 1e6)
    return made.fill_nan(0.0).fill_null(0.0).alias(column.name)


def standardised(matrix: Matrix) -> Matrix:
    """Columns with mean 0 and deviation 1; gaps in the middle; values of no finite spread cut."""
    import numpy as np

    whole = np.clip(np.asarray(matrix, dtype=np.float64), -1e150, 1e150)
    empty = np.isnan(whole)
    if empty.any():
        middle = np.nanmedian(np.where(empty.all(axis=0), 0.0, whole), axis=0)
        whole = np.where(empty, middle, whole)
    spread = whole.std(axis=0)
    return ((whole - whole.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)


def score(matrix: Matrix) -> tuple[Matrix, list[str]]:
    """The score of every line of a standardised matrix, and the views that were dropped."""
    return _agreed(matrix, {**CHEAP, **DEAR}, matrix)


def _agreed(matrix: Matrix, views: "dict[str, View]", lines: Matrix) -> tuple[Matrix, list[str]]:
    """The mean surprise of some lines over views of the whole matrix, and the views dropped."""
    import numpy as np

    total = np.zeros(len(lines))
    dropped = []
    for name, view in views.items():
        try:
            told = view(matrix, lines)
        except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
            dropped.append(f"{name}: {error}")
            continue
        if not np.isfinite(told).all() or np.ptp(told) <= 1e-9 * max(1.0, np.abs(told).max()):
            dropped.append(f"{name}: it says the same of every row")
            continue
        total += surprise(told)
    return total / max(1, len(views) - len(dropped)), dropped


def surprise(scores: Matrix) -> Matrix:
    """`-log` of the share of rows whose score is at least as high."""
    import numpy as np
    from scipy.stats import rankdata

    return -np.log(rankdata(-scores, method="average") / len(scores))


def _histogram(matrix: Matrix, lines: Matrix) -> Matrix:
    """The sum over columns of the log of how rare a cell's neighbourhood is (HBOS, smoothed)."""
    import numpy as np

    rows, columns = matrix.shape
    bins = int(np.clip(np.sqrt(rows), 10, 50))
    total = np.zeros(len(lines))
    step = max(1, CELLS // max(rows, len(lines)))
    for start in range(0, columns, step):
        some = slice(start, start + step)
        low, high = matrix[:, some].min(axis=0), matrix[:, some].max(axis=0)
        place = _bins(matrix[:, some], low, high, bins)
        width = len(low) * (bins + 2)
        counts = np.bincount(place.ravel(), minlength=width).reshape(len(low), bins + 2)
        rare = -np.log((counts + 0.1) / (rows + 0.1 * bins))
        # what lies outside is as rare as can be, and a column of one value says nothing
        rare[:, 0] = rare[:, -1] = -np.log(0.1 / (rows + 0.1 * bins))
        rare[high <= low] = 0.0
        if lines is not matrix:
            place = _bins(lines[:, some], low, high, bins)
        total += rare.ravel()[place].sum(axis=1)
    return total


def _bins(cells: Matrix, low: Matrix, high: Matrix, bins: int) -> Matrix:
    """The bin of each cell among those of all columns: one below, `bins`, one above."""
    import numpy as np

    scale = bins / np.where(high > low, high - low, 1.0)
    place = np.floor((cells - low) * scale).clip(-1, bins).astype(np.int64) + 1
    # the largest belongs to the last bin
    place[cells == high] = bins
    return place + np.arange(cells.shape[1]) * (bins + 2)


def fitted_on(rows: int) -> int:
    """The rows that neighbours are looked for among."""
    return min(rows, FIT, max(16, DISTANCES // max(1, rows)))


def _neighbours(matrix: Matrix, lines: Matrix) -> Matrix:
    """The mean distance to the nearest rows, as many as the root of their number (5 to 100)."""
    import numpy as np
    from sklearn.neighbors import NearestNeighbors

    fitted = np.clip(matrix[_some(len(matrix), fitted_on(len(lines)))], -CUT, CUT)
    number = int(np.clip(np.sqrt(len(fitted)), 5, 100))
    number = min(number, len(fitted) - 1)
    search = NearestNeighbors(n_neighbors=number + 1).fit(fitted)
    return np.concatenate(
        [search.kneighbors(np.clip(b, -CUT, CUT))[0][:, 1:].mean(axis=1) for b in _blocks(lines)]
    )


def _middle(matrix: Matrix, lines: Matrix) -> Matrix:
    """The squared distance to the middle, where the columns no longer go together."""
    return (_apart(matrix, lines) ** 2).sum(axis=1)


def _apart(matrix: Matrix, lines: Matrix) -> Matrix:
    """Lines in directions that do not go together, each of deviation 1; the last .1 % left out.

    The directions are those of the usual rows alone: outliers would stretch them towards themselves.
    """
    import numpy as np

    some = matrix[_some(len(matrix), FIT)]
    odd = _histogram(some, some)
    usual = some[odd <= np.quantile(odd, USUAL)]
    middle = usual.mean(axis=0)
    _, sizes, directions = np.linalg.svd(usual - middle, full_matrices=False)
    kept = int(np.searchsorted(np.cumsum(sizes**2) / ((sizes**2).sum() or 1.0), EXPLAINED)) + 1
    kept = min(kept, int((sizes > 1e-5 * sizes[0]).sum()))
    made = (lines - middle) @ (directions[:kept].T / (sizes[:kept] / np.sqrt(len(usual))))
    return made.astype(np.float32)


def _subsamples(matrix: Matrix, lines: Matrix) -> Matrix:
    """The mean over small samples of the distance to the second nearest row of each."""
    import numpy as np

    whole, lines = lines, _apart(matrix, lines)
    pool = lines if matrix is whole else _apart(matrix, matrix)
    generator = np.random.default_rng(SEED)
    total = np.zeros(len(lines))
    times = int(np.clip(DISTANCES // (336 * len(lines)), 1, 10))
    for size in (16, 64, 256):
        size = min(size, len(pool))
        told = np.zeros(len(lines))
        for _ in range(times):
            some = pool[generator.choice(len(pool), size, replace=False)]
            told += np.concatenate([_second(block, some) for block in _blocks(lines)])
        spread = told.std()
        total += told / spread if spread > 0 else 0
    return total


def _second(block: Matrix, some: Matrix) -> Matrix:
    import numpy as np

    squares = (block**2).sum(1)[:, None] + (some**2).sum(1) - 2 * block @ some.T
    place = min(1, len(some) - 1)
    return np.sqrt(np.maximum(np.partition(squares, place, axis=1)[:, place], 0))


def _some(rows: int, most: int) -> Matrix:
    import numpy as np

    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(SEED).choice(rows, most, replace=False))


def _blocks(matrix: Matrix) -> list[Matrix]:
    return [matrix[start : start + BLOCK] for start in range(0, len(matrix), BLOCK)]


View = Callable[[Matrix, Matrix], Matrix]
CHEAP: dict[str, View] = {"histogram": _histogram, "middle": _middle}
DEAR: dict[str, View] = {"neighbours": _neighbours, "subsamples": _subsamples}
"""Each view of a matrix and some lines by its name; all count the same."""
