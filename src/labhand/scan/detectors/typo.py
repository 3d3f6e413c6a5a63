"""Rare values one slip of a finger away from a common one."""

import re
from collections.abc import Iterable, Iterator

from labhand.scan.anomaly import Anomaly, Repair, edits
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import counted, shown

SHORTEST = 5
"""Letters of the right spelling below which a slip gives another word too often."""
RARER = 15
"""How many times as common the right spelling must be."""
MOST = 5_000
_NUMERAL = re.compile(r"[ivx]+", re.I)


class Detector:
    """Rare values one slip of a finger away from a common one.

    ## What it does
    Compares the rare values of a column of words with the common ones: a letter more, a letter less,
    another letter, or two letters swapped.

    ## Why is this bad
    The row falls out of its category, and a category of one row appears.

    ## Known problems
    Names that truly differ by one letter. A rare value must be 15 times rarer, have five letters, and
    differ in letters, not digits.

    ## Example
    `chevroelt` once among 43 `chevrolet`

    ## Use instead
    Mend the cells; the patch does.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        import polars as pl

        for part in data.parts:
            for column in part.columns.values():
                fits = column.kind == "category" and column.dtype == pl.String
                if fits and column.unique <= min(MOST, 0.5 * column.filled):
                    yield from _look(part, column)


def _look(part: Part, column: Column) -> Iterable[Anomaly]:
    import polars as pl

    counts = part.counts(column.name)
    if counts is None:
        return
    values = [(v, n) for v, n in counts.drop_nulls().iter_rows() if len(v.strip()) >= SHORTEST - 1]
    pairs = dict(slips(values))
    if not pairs:
        return
    cell = pl.col(column.name)
    found = part.where(
        cell.is_in(list(pairs)),
        column=pl.lit(column.name),
        value=cell,
        suggested=cell.replace_strict(pairs, default=None),
    )
    few = ", ".join(f"{shown(odd)} for {shown(right)}" for odd, right in list(pairs.items())[:3])
    yield Anomaly(
        part,
        f"{counted(len(found), 'cell')} of `{column.name}` look misspelt: {few}",
        "mend the spelling",
        0.85,
        found,
        [column.name],
        "warning",
        normal="a value is spelt as its like are",
        repair=Repair(
            "scientific",
            f"mend the spelling of {counted(len(found), 'cell')}",
            edits(found["row"], column.name, found["suggested"]),
        ),
        group="typo",
    )


def slips(values: list[tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """Each misspelt value with the common one; `values` come with their counts, commonest first."""
    shorter: dict[str, list[int]] = {}
    folded = [value.strip().lower() for value, _ in values]
    for place, (value, times) in enumerate(values):
        word = folded[place]
        keys = {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}
        near = {at for key in keys for at in shorter.get(key, ())}
        right = [
            at
            for at in near
            if _may_slip(word, folded[at])
            and values[at][1] >= RARER * times
            and slip(word, folded[at])
            and times <= 5
        ]
        if right:
            yield value, values[min(right)][0]
        elif times >= RARER:
            for key in keys:
                shorter.setdefault(key, []).append(place)


def _may_slip(odd: str, right: str) -> bool:
    """Whether the words are long enough; of a short one the first letter is seldom the wrong one."""
    return len(right) >= SHORTEST and (len(odd) >= SHORTEST or odd[:1] == right[:1])


def slip(odd: str, right: str) -> bool:
    """Whether one word is the other but for one letter or one swap; digits and plurals do not count.

    Nor does what stands alone and is a name or a number, as in `ward a` and `stage IV`.
    """
    if odd == right or sorted(map(str.isdigit, odd + right))[-1]:
        return False
    if re.sub(r"\W+", "", odd) == re.sub(r"\W+", "", right):
        return False  # `category-variant` tells it
    words = list(zip(re.split(r"\W+", odd), re.split(r"\W+", right), strict=False))
    if any(a != b and (max(len(a), len(b)) == 1 or _NUMERAL.fullmatch(a)) for a, b in words):
        return False
    if {odd, right} in ({right, f"{right}s"}, {odd, f"{odd}s"}):
        return False
    start = 0
    while start < min(len(odd), len(right)) and odd[start] == right[start]:
        start += 1
    a, b = odd[start:], right[start:]
    swapped = len(a) > 1 and len(b) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:]
    return swapped or a[1:] == b[1:] or a[1:] == b or a == b[1:]
