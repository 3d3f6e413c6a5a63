"""What several detectors need to compare whole rows."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any

from labhand.scan.data import MANY, ROW, Data, Part

if TYPE_CHECKING:
    import polars as pl


MOST_TOGETHER = 70
"""Sets of two or three columns up to which they are left out together."""
ITEMS = 0.95
"""The share of rows with an own key, and of keys in common, from which on two tables are of the same items."""
MOST_COLUMNS = 60
"""Columns up to which each is left out in turn."""


def compared(data: Data, part: Part) -> list[str]:
    """The columns that tell rows apart: all but the id, the split, and numbers of rows."""
    if "images" in part.facts.get("holds", ()):
        return []  # images are told apart by what they show, not by the sizes of their files
    apart = {data.role("id"), data.role("split")}
    label = data.role("label")
    # a label is no id, even where each row has its own
    return [n for n in part.names if n not in apart and (n == label or not part.columns[n].is_id)]


def coincidence(part: Part, names: Sequence[str]) -> float:
    """The chance that two rows agree in all these columns, were the columns independent.

    Of a column it is the share of the pairs of its rows that agree.
    """
    chance = 1.0
    for name in names:
        column = part.columns[name]
        if column.kind == "other":  # lists and conversations: two are equal by no chance
            return 0.0
        counts = part.counts(name) if column.unique <= MANY else None
        if counts is None or not len(counts):
            chance *= 1 / max(1, column.unique or part.rows)
        else:
            chance *= agreeing(counts["count"])
    return chance


def agreeing(counts: "pl.Series") -> float:
    """The share of pairs of rows that agree, from how often each value occurs."""
    times = counts.cast(float)
    rows = float(times.sum())
    return float((times * (times - 1)).sum()) / max(1.0, rows * (rows - 1))


def by_chance(pairs: int, expected: float) -> bool:
    """Whether so many equal pairs are no more than what columns of such values bring by themselves.

    Columns that go together bring more than `expected`, which takes them for independent.
    """
    return pairs <= 4 * expected + (2 if expected > 0.05 else 0)


def missed(part: Part, names: Sequence[str]) -> float:
    """How many equal pairs follow from the pairs that differ in up to three columns; the most of any.

    Where columns go together, rows are equal by chance oftener than `coincidence` says; then there
    are many more that are nearly equal. Of those that agree in all columns but some, a share of
    p / (1 - p) more should agree in these too, where two rows agree in them with chance p. Several
    are left out together since columns go together, as flags of one thing do.
    """
    import polars as pl

    if len(names) < 2 or len(names) > MOST_COLUMNS or part.rows > MANY:
        return 0.0
    cells = [
        (pl.struct(pl.col(n)).hash(seed=at) // 256).alias(str(at)) for at, n in enumerate(names)
    ]
    hashed = part.select(*cells)
    whole = hashed.select(pl.sum_horizontal(pl.all()))[:, 0]
    equal = _pairs_in(whole)
    expected = 0.0
    for some in _left_out(part, names):
        cells_ = hashed.select(pl.sum_horizontal(str(at) for at in some))[:, 0]
        # what agrees in all columns is what is asked about, and tells nothing of chance
        agree = (_pairs_in(cells_) - equal) / max(1, part.rows * (part.rows - 1) // 2)
        near = _pairs_in(whole - cells_) - equal
        if agree < 1:
            expected = max(expected, near * agree / (1 - agree))
    return expected


def _left_out(part: Part, names: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """The places of columns that are left out in turn: each, and of few columns each two and three."""
    several = [
        at
        for at, name in enumerate(names)
        if part.columns[name].kind != "other" and part.columns[name].unique > 1
    ]
    for together in (1, 2, 3):
        if together == 1 or comb(len(several), together) <= MOST_TOGETHER:
            yield from combinations(several, together)


def _pairs_in(keys: "pl.Series") -> int:
    times = keys.value_counts(name="times")["times"]
    return int((times * (times - 1) // 2).sum())


def plain(part: Part, names: Sequence[str]) -> "list[pl.Expr]":
    """The columns with words in lower case, without blanks around and doubled within."""
    import polars as pl

    made = []
    for name in names:
        cell = pl.col(name)
        if part.columns[name].dtype == pl.String:
            word = cell.str.strip_chars().str.to_lowercase().str.replace_all(r"\s+", " ")
            cell = word if part.has(name, word != cell) else cell
        made.append(cell)
    return made


def met(data: Data, part: Part, cells: "Sequence[pl.Expr]") -> "pl.DataFrame":
    """The rows whose cells are those of another row: their number, and a hash of the cells (`key`)."""
    return data.shared(
        f"met {part.name} {[str(cell) for cell in cells]}", lambda: _met(part, cells)
    )


def _met(part: Part, cells: "Sequence[pl.Expr]") -> "pl.DataFrame":
    import numpy as np
    import polars as pl

    # a sum of hashes is made in half the time of the hash of a struct, whose plan is shorter
    whole = pl.struct(cells).hash() if len(cells) > MOST_COLUMNS else pl.sum_horizontal(
        cell.hash(seed=at) // 256 for at, cell in enumerate(cells)
    )  # fmt: skip
    keyed = part.select(pl.col(ROW), key=whole)
    keys = np.sort(keyed["key"].to_numpy())
    twice = np.unique(keys[1:][keys[1:] == keys[:-1]])
    return keyed.filter(pl.col("key").is_in(pl.Series(twice, dtype=pl.UInt64).implode()))


def pairs_of(data: Data) -> Iterator[tuple[Part, Part]]:
    """Every two parts of like columns, that which is learned from first; other tables of a base are no splits."""
    order = {"train": 0, "val": 1, "dev": 1, "eval": 1, "test": 2}
    parts = sorted(data.parts, key=lambda p: next(
        (place for start, place in order.items() if (p.split or "").lower().startswith(start)), 3
    ))  # fmt: skip
    for place, early in enumerate(parts):
        for late in parts[place + 1 :]:
            ours, theirs = set(early.names), set(late.names)
            splits = early.split and late.split
            alike = 2 * len(ours & theirs) >= len(ours | theirs)
            if splits or (alike and not _of_same_items(early, late)):
                yield early, late


def _of_same_items(first: Part, second: Part) -> bool:
    """Whether two tables say something each of the same items, as the logs of two models do: then none is a split."""
    import polars as pl

    for name in set(first.names) & set(second.names):
        keys = [part.columns[name] for part in (first, second)]
        if any(k.kind not in ("category", "text") or k.unique < ITEMS * k.rows for k in keys):
            continue
        mine, theirs = (
            set(part.select(pl.col(name).cast(pl.String))[name]) for part in (first, second)
        )
        if len(mine & theirs) >= ITEMS * max(len(mine), len(theirs)):
            return True
    return False


def grouped(data: Data, part: Part, key: str) -> tuple[Any, list[str]]:
    """The group of each row by a column of words, as its place among the groups' names; made once."""

    def make() -> tuple[Any, list[str]]:
        import polars as pl

        cells = part.select(pl.col(key).cast(pl.String).fill_null(""))[key]
        names = cells.unique().sort()
        codes = cells.replace_strict(names, list(range(len(names))), return_dtype=pl.Int64)
        return codes.to_numpy(), names.to_list()

    return data.shared(f"groups {part.name} {key}", make)


def labelled_together(data: Data, part: Part) -> "pl.DataFrame | None":
    """The labels of items that several annotators labelled: their row, `a`, `y` and `item`.

    None where each item was labelled by one only.
    """
    import polars as pl

    annotator, label = str(data.role("annotator")), str(data.role("label"))
    for key in _items(data, part, annotator, label):
        columns = {"a": pl.col(annotator), "y": pl.col(label), "item": pl.col(key)}
        frame = part.lazy.select(ROW, **columns).drop_nulls(["a", "y", "item"]).collect()
        shared = frame.filter(pl.col("a").n_unique().over("item") > 1)
        if len(shared) >= 0.3 * part.rows:
            return shared
    return None


def _items(data: Data, part: Part, annotator: str, label: str) -> list[str]:
    """The columns that may name what is labelled: their values come again, each time by another person."""
    import polars as pl

    apart = {annotator, label, data.role("prediction"), data.role("time")}
    some = [c for c in part.columns.values() if c.name not in apart and c.kind != "other"]
    again = [c.name for c in some if 10 <= c.unique <= 0.8 * c.filled]
    if not again:
        return []
    pairs = part.select(pl.struct(n, annotator).n_unique().alias(n) for n in again).row(0)
    named = [n for n, many in zip(again, pairs, strict=True) if many >= 0.9 * part.rows]
    return sorted(named, key=lambda n: part.columns[n].unique)
