"""Texts that are alike because one mould made them, apart from copies."""

from typing import Any

from labhand.scan.detectors._alike import Sets, Words, unique

Matrix = Any
LIKE = 0.6
"""The Jaccard index of words from which on another text with the same wording is like a pair."""
COPIED, AMONG_MANY = 0.35, 0.9
"""How much of their common wording two texts must have for themselves to be copies; where most are alike, too."""
SOME = 8
"""Threes of words of a pair, and other texts with each, that are looked at."""


def copies(words: Words, left: Matrix, right: Matrix, *, many: bool) -> Matrix:
    """Whether each pair of rows is one text and its copy, rather than two of one mould.

    `many`: so many texts are alike that a mould must have made them.
    """
    copied: Matrix = own_share(words, left, right) >= (AMONG_MANY if many else COPIED)
    copied &= ~_filled(words, left, right)
    return copied


def _filled(words: Words, left: Matrix, right: Matrix) -> Matrix:
    """Whether what differs stands in several columns of each side, as what fills a mould does.

    `What is the capital of Peru?` and `Lima is the capital of Peru.` differ from those of Chile in both.
    """
    import numpy as np

    if len(np.unique(words.units)) < 2:
        return np.zeros(len(left), bool)
    places = [np.searchsorted(words.rows, side) for side in (left, right)]
    made = np.zeros(len(left), bool)
    for pair, sides in enumerate(zip(*places, strict=True)):
        cuts = [slice(words.starts[line], words.starts[line + 1]) for line in sides]
        both = np.intersect1d(words.ids[cuts[0]], words.ids[cuts[1]])
        made[pair] = all(_in_several(words, cut, both) for cut in cuts)
    return made


def _in_several(words: Words, cut: slice, both: Matrix) -> bool:
    """Whether a word that only this line has stands in several of its columns."""
    import numpy as np

    alone = ~np.isin(words.ids[cut], both)
    ids, units = words.ids[cut][alone], words.units[cut][alone]
    each = np.unique(np.stack([ids, units]), axis=1)[0]
    return bool(len(each) > len(np.unique(each)))


def own_share(words: Words, left: Matrix, right: Matrix) -> Matrix:
    """Of each pair of rows how much of the wording that both have stands only in texts that are like them.

    Wording are three words in a row; of some, some of the other texts that hold them are compared with the
    pair. Copies have their wording for themselves; that of a mould stands in texts that differ otherwise.
    """
    import numpy as np

    sides = [np.searchsorted(words.rows, side) for side in (left, right)]
    wording = _Wording(words, np.union1d(*sides))
    pair, other = [], []
    counts = np.zeros(len(left))
    for at, (a, b) in enumerate(zip(*sides, strict=True)):
        shared = _spread(np.intersect1d(wording.of(a), wording.of(b)), SOME)
        for three in shared:
            holders = _spread(wording.holders(three), SOME + 2)
            holders = holders[(holders != a) & (holders != b)]
            counts[at] += not len(holders)
            pair += [at] * len(holders)
            other += holders.tolist()
        counts[at] /= max(1, len(shared))
    if not pair:
        return counts
    sets = Sets(words)
    place = np.full(len(words.rows), -1)
    place[sets.lines] = np.arange(len(sets.lines))
    of, met = np.array(pair), place[np.array(other)]
    near = np.zeros(len(of), bool)
    for side in sides:
        mine = place[side][of]
        known = (mine >= 0) & (met >= 0)
        near[known] |= sets.index(mine[known], met[known]) >= LIKE
    looked = np.bincount(of, minlength=len(left))
    share = np.bincount(of[near], minlength=len(left)) / np.maximum(looked, 1)
    made: Matrix = counts + (1 - counts) * share
    return made


class _Wording:
    """Which lines hold which three words in a row, of those that some lines hold."""

    def __init__(self, words: Words, lines: Matrix) -> None:
        import numpy as np

        line = np.repeat(np.arange(len(words.rows)), np.diff(words.starts))
        at = np.arange(max(0, len(line) - 2))
        at = at[(line[at] == line[at + 2]) & (words.units[at] == words.units[at + 2])]
        key = words.ids[at].astype(np.uint64)
        for step in (1, 2):
            key = key * np.uint64(0x9E3779B97F4A7C15) + words.ids[at + step].astype(np.uint64)
            key ^= key >> np.uint64(29)
        wanted = np.zeros(len(words.rows), bool)
        wanted[lines] = True
        known = unique(key[wanted[line[at]]])
        place = np.minimum(np.searchsorted(known, key), max(0, len(known) - 1))
        met = known[place] == key if len(known) else np.zeros(len(key), bool)
        code = unique(place[met] * np.int64(len(words.rows)) + line[at][met])
        self.threes, self.lines = code // len(words.rows), code % len(words.rows)
        order = np.argsort(self.lines, kind="stable")
        self.by_line, self.of_line = self.lines[order], self.threes[order]

    def of(self, line: int) -> Matrix:
        """The threes of a line."""
        import numpy as np

        return self.of_line[slice(*np.searchsorted(self.by_line, [line, line + 1]))]

    def holders(self, three: int) -> Matrix:
        """The lines with these three words."""
        import numpy as np

        return self.lines[slice(*np.searchsorted(self.threes, [three, three + 1]))]


def _spread(some: Matrix, most: int) -> Matrix:
    """At most so many of some, evenly spread."""
    import numpy as np

    return some if len(some) <= most else some[np.linspace(0, len(some) - 1, most).astype(int)]
