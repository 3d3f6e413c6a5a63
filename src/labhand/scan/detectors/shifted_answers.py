"""Answers that belong to the question of another row."""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors._alike import Words, part_words
from labhand.scan.detectors._cells import share
from labhand.scan.texts import written

Matrix = Any
MOST = 50_000
"""Rows of a part that are looked at without being asked for by name."""
ALL = 10_000
"""Rows up to which each question is held against the answers of all others."""
COLUMNS = 4
FEWEST = 20
LEAST = 5
"""Rows in a run below which nothing is told of it."""
SHIFTS = (1, -1, 2, -2, 3, -3)
FAR = (5, -5, 7, -7, 9, -9, 11, -11)
DRAWS = 500
LEVEL = 0.01
RARE = 0.02
"""The share of rows that hold a word up to which it says what its row is about."""
FITS = 0.6
"""How often a question must know its own answer among all before one that does not is told."""
FOREIGN = 0.25
"""The part of the likeness to another row's answer that its own must not reach."""


class Detector:
    """Answers that belong to the question of another row.

    ## What it does
    Measures how much each question has in common with its own answer, words weighed by how rare they are,
    and with the answers of the rows around it. A run of rows that fits the answers one, two or three rows
    on better than its own, by a permutation test and twice as much as any run fits rows far away, is shifted. Questions and
    answers that fit each other's partners, and not their own, were exchanged. Contexts, references and
    other texts of one row are held against each other alike.

    ## Why is this bad
    A model learns to answer something else, from rows that look perfect one by one.

    ## Known problems
    Answers that share no words with what was asked cannot be told apart; nothing is said of those.

    ## Example
    `What is the capital of Peru?` beside `Nickel has the atomic number 28.`, which the next row asks for

    ## Use instead
    Join the columns anew by an id, or move the answers back by the rows that they were shifted by.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly a part for a run, and one for exchanged rows."""
        looked = False
        for part in data.parts:
            if part.rows > MOST and not data.thorough:
                data.left_out(f"{part.name} has more than {MOST:,} rows: `--select shifted-answers` looks at them")  # fmt: skip
                continue
            sides = list(_sides(data, part))
            looked = looked or bool(sides)
            shifted = [a for one in sides if (a := _shifted(part, one))]
            yield from sorted(shifted, key=lambda a: -a.confidence)[:1]
            if not shifted:
                swapped = [a for one in sides if (a := _exchanged(part, one))]
                yield from sorted(swapped, key=lambda a: -a.confidence)[:1]
        if not looked:
            raise CannotLook("no part holds rows with two texts that could belong together")


class _Sides(NamedTuple):
    """Two texts of each row: their columns, the rows, and their words as matrices of weights."""

    columns: list[str]
    rows: Matrix
    asked: Matrix
    said: Matrix
    often: Matrix
    """In how many rows each word stands."""


def _sides(data: Data, part: Part) -> Iterator[_Sides]:
    """Every two texts of the rows that may belong together, what comes first called asked."""
    import numpy as np

    units: list[tuple[int, str]] = []
    for place, one in enumerate(written(data, part)):
        if one.role == "rejected":
            continue
        units += [(2 * place, one.column)]
        units += [(2 * place + 1, one.column)] * one.spoken
    if not len(units) >= 2 or part.rows < FEWEST:
        return
    words = part_words(data, part)
    if not words.size or not len(words.ids):
        return
    each = {unit: _matrix(words, unit) for unit, _ in units[:COLUMNS]}
    for (left, first), (right, second) in combinations(units[:COLUMNS], 2):
        both = np.flatnonzero((each[left].getnnz(axis=1) > 0) & (each[right].getnnz(axis=1) > 0))
        if len(both) < FEWEST:
            continue
        asked, said = each[left][both], each[right][both]
        often = np.bincount(np.concatenate([asked.indices, said.indices]), minlength=words.size)
        yield _Sides(list(dict.fromkeys([first, second])), words.rows[both], asked, said, often)


def _matrix(words: Words, unit: int) -> Matrix:
    """Which words each line has in one column."""
    import numpy as np
    from scipy.sparse import csr_matrix

    line = np.repeat(np.arange(len(words.rows)), np.diff(words.starts))
    mine = words.units == unit
    ones = np.ones(int(mine.sum()), np.float32)
    told = csr_matrix((ones, (line[mine], words.ids[mine])), (len(words.rows), words.size))
    told.data[:] = 1.0
    return told


def _weighed(told: Matrix, often: Matrix, rows: int) -> Matrix:
    """Rows of length one, rare words weighing more."""
    import numpy as np
    from scipy.sparse import diags

    weight = np.log((2.0 * rows + 1) / (often + 1.0)).clip(0).astype(np.float32)
    made_ = told @ diags(weight)
    length = np.sqrt(np.asarray(made_.multiply(made_).sum(axis=1)).ravel())
    return (diags(1 / np.maximum(length, 1e-9)) @ made_).tocsr()


def _shifted(part: Part, sides: _Sides) -> Anomaly | None:
    """The run of rows whose answers are those of the rows before or behind."""
    import numpy as np

    rows = len(sides.rows)
    asked, said = (_weighed(m, sides.often, rows) for m in (sides.asked, sides.said))
    fits = {k: _fit(asked, said, k) for k in (0, *SHIFTS)}
    usual = float(np.mean(fits[0]))
    generator = np.random.default_rng(0)
    # rows that are far apart say what comes of chance and of topics that come in runs
    far = max(
        _run(_fit(asked, said, k) - np.maximum(fits[0], _fit(asked, said, -k)))[0] for k in FAR
    )
    best: tuple[float, int, int, int] | None = None
    for shift in SHIFTS:
        more = fits[shift] - np.maximum(fits[0], fits[-shift])
        gain, start, end = _run(more)
        if end - start < LEAST or more[start:end].mean() < 0.3 * max(usual, 0.1):
            continue
        if end - start < 0.8 * rows:
            drawn = [_run(generator.permutation(more))[0] for _ in range(DRAWS)]
            if gain < max(float(np.quantile(drawn, 1 - LEVEL)), 2 * far):
                continue
        if best is None or gain > best[0]:
            best = (gain, shift, start, end)
    if best is None:
        return None
    _, shift, start, end = best
    first, last = start + min(0, shift), min(rows, end + max(0, shift))
    found = made(
        sides.rows[first:last].tolist(), np.full(last - first, 1.0), partner=sides.rows[np.clip(np.arange(first, last) - shift, 0, rows - 1)].tolist()
    )  # fmt: skip
    own, theirs = (float(np.mean(fits[k][start:end])) for k in (0, shift))
    names = " and ".join(f"`{c}`" for c in sides.columns)
    way = "before" if shift > 0 else "behind"
    return Anomaly(
        part,
        f"in a run of {last - first:,} rows ({int(sides.rows[first])} to {int(sides.rows[last - 1])}) the two texts of "
        f"{names} do not belong together: what is said belongs to the row {abs(shift)} {way}, shifted by "
        f"{abs(shift)} (likeness {theirs:.2f}, with its own {own:.2f})",
        "join the columns anew by an id, or move the texts back by the rows that they were shifted by",
        0.95,
        found,
        sides.columns,
        "error",
        normal=f"over all rows the likeness of the two is {usual:.2f}, to the row beside {float(np.mean(fits[3])):.2f}",
        evidence={"shift": -shift},
        group="run",
    )


def _fit(asked: Matrix, said: Matrix, shift: int) -> Matrix:
    """How much each question has in common with the answer so many rows on; 0 beyond the ends."""
    import numpy as np

    rows = asked.shape[0]
    told = np.zeros(rows)
    low, high = max(0, -shift), rows - max(0, shift)
    both = asked[low:high].multiply(said[low + shift : high + shift])
    told[low:high] = np.asarray(both.sum(axis=1)).ravel()
    return told


def _run(more: Matrix) -> tuple[float, int, int]:
    """The run with the greatest sum: the sum, where it begins, and where it has ended."""
    import numpy as np

    total = np.concatenate([[0.0], np.cumsum(more)])
    least = np.minimum.accumulate(total)
    end = int(np.argmax(total - least))
    start = int(np.argmin(total[: end + 1]))
    return float(total[end] - total[start]), start, end


def _exchanged(part: Part, sides: _Sides) -> Anomaly | None:
    """Rows whose two texts each fit a partner elsewhere, and not each other."""
    import numpy as np

    rows = len(sides.rows)
    if rows > ALL:
        return None
    rare = (sides.often > 1) & (sides.often <= max(6, RARE * rows))
    often = np.where(rare, sides.often, 2 * rows)
    asked, said = (_weighed(m, often, rows) for m in (sides.asked, sides.said))
    own = _fit(asked, said, 0)
    best, other = _best(asked, said)
    known = best > 0
    fitting = (own[known] >= 0.99 * best[known]).mean() if known.sum() >= FEWEST else 0.0
    if fitting < FITS:
        return None
    least = float(np.median(own[known & (own > 0)]))
    odd = np.flatnonzero(known & (best >= 0.7 * least) & (own <= FOREIGN * best))
    # what is exchanged fits only what is exchanged as well
    kept = set(odd.tolist())
    while True:
        wanted = {int(other[at]) for at in kept}
        closed = {at for at in kept if int(other[at]) in kept and at in wanted}
        if closed == kept:
            break
        kept = closed
    if len(kept) < 2 or len(kept) > 0.5 * rows:
        return None
    places = sorted(kept)
    found = made(sides.rows[places].tolist(), best[places].tolist(), partner=sides.rows[other[places]].tolist())  # fmt: skip
    first = found.row(0, named=True)
    names = " and ".join(f"`{c}`" for c in sides.columns)
    return Anomaly(
        part,
        f"in {len(kept):,} of {rows:,} rows ({share(len(kept), rows)}) the two texts of {names} do not belong together: "
        f"each fits the text of another of these rows and not its own, as row {first['row']} that of row "
        f"{first['partner']}",
        "join the columns anew by an id, or drop the rows",
        0.9 if len(kept) > 3 else 0.75,
        found,
        sides.columns,
        "warning",
        normal=f"{100 * float(fitting):.0f} % of the rows fit their own best of all",
        group="exchanged",
    )


def _best(asked: Matrix, said: Matrix) -> tuple[Matrix, Matrix]:
    """The greatest likeness of each question to any answer, and the row of that answer."""
    import numpy as np

    rows = asked.shape[0]
    best, other = np.zeros(rows), np.zeros(rows, dtype=np.int64)
    turned = said.T.tocsr()
    for start in range(0, rows, 500):
        near = (asked[start : start + 500] @ turned).toarray()
        other[start : start + 500] = near.argmax(axis=1)
        best[start : start + 500] = near.max(axis=1)
    return best, other
