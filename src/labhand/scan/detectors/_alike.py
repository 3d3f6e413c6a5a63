"""Texts that are nearly equal: MinHash, bands, and every pair verified by its words.

Source of the method: Broder, "On the resemblance and containment of documents" (1997); the share of
equal minima over random orders of the words estimates the Jaccard index of two sets of words. Pairs that
share a band of minima are candidates; each is then verified by its sets of words, so that what is
told is exact, and edges are never chained.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.data import Data, Part
from labhand.scan.texts import Texts, written

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

BANDS, IN_BAND = 28, 5
"""Two texts whose Jaccard index is 0.7 share a band with probability 1 - (1 - 0.7⁵)²⁸ = 0.994."""
CROWD = 32
"""Texts of one band up to which all pairs are compared; in a crowd each is compared with its neighbours."""
WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[\w--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]]+"
"""A word; in scripts without blanks a letter."""
FEWEST = 8
"""Different words below which two texts are compared for being equal alone."""


class Words(NamedTuple):
    """The words of rows: `ids` one after the other, those of line `i` from `starts[i]` to `starts[i+1]`.

    `rows` are the rows of the lines; `units` which column (and sort of turn) each word is of. `ids` count
    from 0 below `size`; `number` says of each id whether it holds a digit.
    """

    ids: "np.ndarray[Any, Any]"
    starts: "np.ndarray[Any, Any]"
    rows: "np.ndarray[Any, Any]"
    units: "np.ndarray[Any, Any]"
    number: "np.ndarray[Any, Any]"

    @property
    def size(self) -> int:
        """How many different words there are."""
        return len(self.number)


class Alike(NamedTuple):
    """Pairs of lines, the first below the second, with their Jaccard index."""

    left: "np.ndarray[Any, Any]"
    right: "np.ndarray[Any, Any]"
    jaccard: "np.ndarray[Any, Any]"


def words_of(parts: Sequence[Sequence[Texts]]) -> list[Words]:
    """The words of some parts, each given by its texts, with ids in common."""
    import numpy as np
    import polars as pl

    frames = []
    for some in parts:
        cut = [
            one.lazy.filter(pl.col("text").is_not_null())
            .select("row", unit=_unit(i, one), word=pl.col("text").str.to_lowercase().str.extract_all(WORD))
            .explode("word")
            .drop_nulls("word")
            .select("row", "unit", "word", key=pl.col("word").hash())
            .collect(engine="streaming")
            for i, one in enumerate(some)
        ]  # fmt: skip
        schema = {"row": pl.Int64, "unit": pl.Int32, "word": pl.String, "key": pl.UInt64}
        whole = pl.concat([pl.DataFrame(schema=schema), *cut])
        frames.append(whole.sort("row", maintain_order=True) if len(cut) > 1 else whole)
    every = (
        pl.concat([f.select("word", "key").unique("key") for f in frames]).unique("key").sort("key")
    )
    keys = every["key"].to_numpy()
    number = every["word"].str.contains(r"\d").to_numpy()
    made = []
    for frame in frames:
        rows, starts = np.unique(frame["row"].to_numpy(), return_index=True)
        ids = np.searchsorted(keys, frame["key"].to_numpy()).astype(np.int32)
        ends = np.append(starts, len(ids))
        made.append(Words(ids, ends, rows, frame["unit"].to_numpy(), number))
    return made


def _unit(place: int, one: Texts) -> "pl.Expr":
    """What is compared with its like: of a conversation what one speaker says, else the column."""
    import polars as pl

    if not one.spoken:
        return pl.lit(2 * place, dtype=pl.Int32)
    return (
        pl.when(pl.col("speaker") == "assistant")
        .then(2 * place + 1)
        .otherwise(2 * place)
        .cast(pl.Int32)
    )


def part_words(data: Data, part: Part) -> Words:
    """The words of a part, found once."""
    return data.shared(f"words of {part.name}", lambda: words_of([written(data, part)])[0])


def alike(data: Data, part: Part, least: float = 0.7) -> Alike:
    """The pairs of rows of a part whose texts are nearly equal, found once; lines are rows."""

    def look() -> Alike:
        words = part_words(data, part)
        found = pairs(words, least)
        return Alike(words.rows[found.left], words.rows[found.right], found.jaccard)

    return data.shared(f"alike in {part.name} {least}", look)


def across(data: Data, early: Part, late: Part) -> tuple[Words, Words, Words]:
    """The words of two parts, and of both, first the early one's lines; there a line is called by its number."""
    import numpy as np

    def look() -> tuple[Words, Words, Words]:
        mine, theirs = words_of([written(data, early), written(data, late)])
        joined = Words(
            np.concatenate([mine.ids, theirs.ids]),
            np.concatenate([mine.starts[:-1], theirs.starts + len(mine.ids)]),
            np.arange(len(mine.rows) + len(theirs.rows)),
            np.concatenate([mine.units, theirs.units]),
            mine.number,
        )
        return mine, theirs, joined

    return data.shared(f"words of {early.name} and {late.name}", look)


def alike_across(data: Data, early: Part, late: Part, least: float = 0.7) -> Alike:
    """The pairs of a row of one part and a row of the other whose texts are nearly equal."""

    def look() -> Alike:
        mine, theirs, joined = across(data, early, late)
        found = pairs(joined, least, len(mine.rows))
        return Alike(
            mine.rows[found.left], theirs.rows[found.right - len(mine.rows)], found.jaccard
        )

    return data.shared(f"alike across {early.name} {late.name} {least}", look)


def pairs(words: Words, least: float, border: int | None = None) -> Alike:
    """The pairs of lines whose Jaccard index is at least `least`; with a border, pairs that cross it."""
    import numpy as np

    sets = Sets(words)
    if len(sets.lines) < 2:
        empty = np.empty(0, np.int64)
        return Alike(empty, empty, empty.astype(float))
    minima = _signature(sets)
    same, kept = _same(minima, border is None)
    left, right = _candidates(minima[kept], sets.lines[kept], border)
    left, right = kept[left], kept[right]
    low = (minima & 0xFF).astype(np.uint8)
    share = _agreeing(low, left, right)
    near = share > least - 0.15
    left, right = np.append(left[near], same[0]), np.append(right[near], same[1])
    index = sets.index(left, right)
    few = np.minimum(sets.sizes[left], sets.sizes[right]) < FEWEST
    good = np.where(few, index == 1.0, index >= least)
    left, right, index = left[good], right[good], index[good]
    good = sets.fits(left, right, index)
    left, right, index = sets.lines[left[good]], sets.lines[right[good]], index[good]
    order = np.lexsort((left, -index, right))
    return Alike(left[order], right[order], index[order])


class Sets:
    """The set of words of each line that has three or more."""

    def __init__(self, words: Words) -> None:
        import numpy as np

        self.words = words
        lengths = np.diff(words.starts)
        line = np.repeat(np.arange(len(lengths)), lengths)
        keys = unique(line * np.int64(words.size) + words.ids)
        where = keys // words.size
        counts = np.bincount(where, minlength=len(lengths))
        self.lines = np.flatnonzero(counts >= 3)
        kept = counts[where] >= 3
        self.ids = (keys[kept] % words.size).astype(np.int32)
        self.sizes = counts[self.lines]
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)])
        place = np.repeat(np.arange(len(self.lines)), self.sizes)
        self.keys = place * np.int64(words.size) + self.ids

    def shared(
        self, left: Any, right: Any, counted: "np.ndarray[Any, Any] | None" = None
    ) -> "np.ndarray[Any, Any]":
        """How many words both lines of each pair have, of those that are `counted`."""
        import numpy as np

        made = np.zeros(len(left), np.int64)
        step = max(1, 20_000_000 // max(1, int(self.sizes.max(initial=0))))
        for at in range(0, len(left), step):
            some, other = left[at : at + step], right[at : at + step]
            sizes = self.sizes[some]
            pair = np.repeat(np.arange(len(some)), sizes)
            inside = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            ids = self.ids[self.starts[some][pair] + inside]
            wanted = other[pair] * np.int64(self.words.size) + ids
            there = np.searchsorted(self.keys, wanted)
            met = self.keys[np.minimum(there, len(self.keys) - 1)] == wanted
            if counted is not None:
                met &= counted[ids]
            made[at : at + step] = np.bincount(pair[met], minlength=len(some))
        return made

    def index(self, left: Any, right: Any) -> "np.ndarray[Any, Any]":
        """The Jaccard index of each pair."""
        both = self.shared(left, right)
        index: np.ndarray[Any, Any] = both / (self.sizes[left] + self.sizes[right] - both)
        return index

    def fits(self, left: Any, right: Any, index: Any) -> "np.ndarray[Any, Any]":
        """Whether each pair is one thing written twice: the same numbers, and alike in each column."""
        import numpy as np

        numbers = self.words.number
        own = np.add.reduceat(numbers[self.ids].astype(np.int64), self.starts[:-1])
        both = self.shared(left, right, numbers)
        differ = (own[left] > both) & (own[right] > both)
        fit: np.ndarray[Any, Any] = ~differ | (index >= 0.9)
        for unit in np.unique(self.words.units) if len(self.words.units) else ():
            chosen = self._of_unit(unit)
            if chosen is None:
                continue
            sizes = chosen.all_sizes()
            mine, theirs = sizes[self.lines[left]], sizes[self.lines[right]]
            place = np.full(len(sizes), -1)
            place[chosen.lines] = np.arange(len(chosen.lines))
            a, b = place[self.lines[left]], place[self.lines[right]]
            known = (a >= 0) & (b >= 0)
            alike = np.ones(len(left), bool)
            alike[known] = chosen.index(a[known], b[known]) >= 0.5
            alike[~known] = np.abs(mine - theirs)[~known] < 4
            fit &= alike
        return fit

    def _of_unit(self, unit: int) -> "Sets | None":
        """The sets of the words of one column alone; None where it is the only one."""
        import numpy as np

        words = self.words
        chosen = words.units == unit
        if chosen.all():
            return None
        line = np.repeat(np.arange(len(words.rows)), np.diff(words.starts))[chosen]
        counts = np.bincount(line, minlength=len(words.rows))
        return Sets(
            words._replace(
                ids=words.ids[chosen],
                starts=np.concatenate([[0], np.cumsum(counts)]),
                units=words.units[chosen],
            )
        )

    def all_sizes(self) -> "np.ndarray[Any, Any]":
        """How many different words each line has, of all lines; 0 below three."""
        import numpy as np

        sizes = np.zeros(len(self.words.rows), np.int64)
        sizes[self.lines] = self.sizes
        return sizes


def _signature(sets: Sets) -> "np.ndarray[Any, Any]":
    """The minima of each line's words in random orders."""
    import numpy as np

    generator = np.random.default_rng(0)
    made = np.empty((len(sets.lines), BANDS * IN_BAND), np.uint32)
    for column in range(made.shape[1]):
        order = generator.integers(0, 1 << 32, sets.words.size, dtype=np.uint32)
        made[:, column] = np.minimum.reduceat(order[sets.ids], sets.starts[:-1])
    return made


def _same(minima: "np.ndarray[Any, Any]", collapse: bool) -> tuple[Any, Any]:
    """Lines whose minima are all equal, each with the first of them, and the lines that are first."""
    import numpy as np

    if not collapse:
        none = np.empty(0, np.int64)
        return (none, none), np.arange(len(minima))
    key = np.zeros(len(minima), np.uint64)
    for column in range(0, minima.shape[1], 7):
        key = key * np.uint64(0x9E3779B97F4A7C15) + minima[:, column]
    order = np.argsort(key, kind="stable")
    new = np.append(True, key[order][1:] != key[order][:-1])
    first = np.empty(len(key), np.int64)
    first[order] = order[new][np.cumsum(new) - 1]
    is_first = first == np.arange(len(key))
    return (first[~is_first], np.flatnonzero(~is_first)), np.flatnonzero(is_first)


def unique(values: Any) -> Any:
    """The different values, sorted; numpy's own way by hashes is ten times slower on these."""
    import numpy as np

    values = np.sort(values)
    return values[np.append(True, values[1:] != values[:-1])] if len(values) else values


def _candidates(
    minima: "np.ndarray[Any, Any]", lines: "np.ndarray[Any, Any]", border: int | None
) -> tuple[Any, Any]:
    """The pairs of places that share a band; with a border, those on both sides of it."""
    import numpy as np

    number = len(minima)
    late = np.zeros(number, bool) if border is None else lines >= border
    codes = []
    for band in range(BANDS):
        cut = minima[:, band * IN_BAND : (band + 1) * IN_BAND]
        key = cut[:, 0].astype(np.uint64)
        for column in range(1, IN_BAND):
            key = key * np.uint64(0x9E3779B97F4A7C15) + cut[:, column]
            key ^= key >> np.uint64(29)
        order = np.argsort(key)
        ordered = key[order]
        changes = ordered[1:] != ordered[:-1]
        alone = np.append(True, changes) & np.append(changes, True)
        order, ordered = order[~alone], ordered[~alone]
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(order)])
        size = np.diff(np.append(first, len(order)))
        begin = np.repeat(first, size)
        inside = np.arange(len(order)) - begin
        for step in range(1, min(CROWD, int(size.max(initial=1)) - 1) + 1):
            at = np.flatnonzero(inside >= step)
            codes.append(_codes(order[at - step], order[at], number, late, border))
        crowd = np.flatnonzero(inside > CROWD)
        codes.append(_codes(order[begin[crowd]], order[crowd], number, late, border))
    code = unique(np.concatenate(codes))
    return code // number, code % number


def _codes(a: Any, b: Any, number: int, late: Any, border: int | None) -> Any:
    import numpy as np

    low, high = np.minimum(a, b), np.maximum(a, b)
    if border is not None:
        across = late[low] != late[high]
        low, high = low[across], high[across]
    return low * np.int64(number) + high


def _agreeing(low: Any, left: Any, right: Any) -> "np.ndarray[Any, Any]":
    """The share of minima that agree, of each pair."""
    import numpy as np

    made = np.empty(len(left))
    for at in range(0, len(left), 1 << 17):
        cut = slice(at, at + (1 << 17))
        made[cut] = (low[left[cut]] == low[right[cut]]).mean(axis=1)
    return made
