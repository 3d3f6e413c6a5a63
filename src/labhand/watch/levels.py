"""The level of a loss over a whole run, in a bounded number of blocks, free of how often it is logged."""

import itertools
import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from labhand.watch.tracks import median

if TYPE_CHECKING:
    from labhand.watch.stretch import Floats, Places

FEW = 5
"""Values that one level is the median of: single spikes leave no trace in it."""
MOST = 64
"""Blocks that are kept; more are joined in pairs."""
FLOOR = 0.01
"""A loss below this share of its level at the start counts as this: nothing that happens there matters."""
STAYS = 3
"""Blocks in a row that make a level one that stays."""


class Moves:
    """The latest `most` differences of neighbours, in order and by size, from which noise is told."""

    __slots__ = ("_by_size", "_in_order")

    def __init__(self, most: int, values: Iterable[float] = ()) -> None:
        moves = [abs(b - a) for a, b in itertools.pairwise(values)]
        self._in_order: deque[float] = deque(moves, maxlen=most)
        self._by_size = sorted(self._in_order)

    def add(self, move: float) -> None:
        """Takes one more, in place of the oldest where there are enough."""
        moves = self._in_order
        if len(moves) == moves.maxlen:
            del self._by_size[bisect_left(self._by_size, moves[0])]
        moves.append(move)
        insort(self._by_size, move)

    @property
    def deviation(self) -> float:
        """The deviation of a value about its trend, from the upper median of the differences."""
        moves = self._by_size
        return 1.4826 * moves[len(moves) // 2] / math.sqrt(2) if len(moves) > 1 else 0.0


class Levels:
    """A loss as logarithms of its levels, oldest first, each of `width` values; raw once it is negative.

    `count` is the number of values so far, `first` the very first of them, `lately` the latest three levels
    of five values each, `steps` the step at which each block was whole. Adding a value costs a constant on
    average. `noise` is the deviation of a level about its trend. `raw` from the start where values are no
    loss; `few` values make a level, where they come seldom fewer than five.
    """

    __slots__ = (
        "_best",
        "_few",
        "_floor",
        "_joining",
        "_moves",
        "blocks",
        "count",
        "few",
        "first",
        "lately",
        "raw",
        "steps",
        "width",
    )

    def __init__(self, *, raw: bool = False, few: int = FEW) -> None:
        self.blocks: list[float] = []
        self.steps: list[int] = []
        self.few = self.width = few
        self.count = 0
        self.first = math.nan
        self.raw = raw
        self._floor = math.nan
        self._best: dict[int, tuple[float, int, int]] = {}
        self._moves = Moves(MOST)
        self.lately: deque[float] = deque(maxlen=STAYS)
        self._few: list[float] = []
        self._joining: list[float] = []

    def add(self, value: float, step: int) -> bool:
        """Takes a finite value; whether a block is whole with it."""
        if not self.count:
            self.first = value
        self.count += 1
        few = self._few
        few.append(value)
        return len(few) >= self.few and self._settle(step)

    def extend(self, values: "Floats", steps: "Places") -> list[int]:
        """Takes finite values as if one by one, none newly negative; the places of those that made blocks whole."""
        waiting = FEW - len(self._few)
        if len(values) < waiting + FEW:
            pairs = zip(values.tolist(), steps.tolist(), strict=True)
            return [place for place, (value, step) in enumerate(pairs) if self.add(value, step)]
        if not self.count:
            self.first = float(values[0])
        self.count += len(values)
        self._few += values[:waiting].tolist()
        whole = [waiting - 1] if self._settle(int(steps[waiting - 1])) else []
        rest = values[waiting:]
        middles = _middles(rest).tolist()
        places = range(waiting + FEW - 1, len(values), FEW)
        at = steps[waiting + FEW - 1 :: FEW].tolist()
        whole += [p for p, m, step in zip(places, middles, at, strict=True) if self._join(m, step)]
        self._few = rest[len(middles) * FEW :].tolist()
        return whole

    def ahead(self, values: "Floats") -> tuple[int, "Floats"]:
        """What `lately` becomes with each level that values make whole, and how many the first one needs.

        Up to the one with which blocks are joined in pairs. The levels follow those of `lately`; their
        logarithms may be off in the last digit.
        """
        from labhand.watch import stretch

        waiting, most = FEW - len(self._few), self.until_joined()
        if len(values) < waiting:
            return waiting, values[:0]
        first = median([*self._few, *values[:waiting].tolist()])
        levels = stretch.joined([first], _middles(values[waiting : waiting + FEW * (most - 1)]))
        return waiting, levels if self.raw else stretch.in_logs(levels, self._floor)

    def missing(self) -> int:
        """How many values are missing for the next level."""
        return FEW - len(self._few)

    def until_joined(self) -> int:
        """How many levels there are up to the one with which blocks are joined in pairs."""
        return (MOST - len(self.blocks)) * (self.width // FEW) - len(self._joining)

    @property
    def joining(self) -> list[float]:
        """The levels since the last block."""
        return self._joining

    def scaled(self, value: float) -> float:
        """A loss on the scale of the blocks."""
        if self.raw:
            return max(-1e150, min(1e150, value))
        return math.log(max(value, self._floor))

    def plain(self, level: float) -> float:
        """A level of a block as a loss."""
        return level if self.raw else math.exp(level)

    def _settle(self, step: int) -> bool:
        few, self._few = self._few, []
        level = median(few)
        if self._floor != self._floor or min(few) < 0:
            self._begin(level, min(few))
        return self._join(level, step)

    def _join(self, level: float, step: int) -> bool:
        """Takes a level; whether it makes a block whole."""
        self.lately.append(self.scaled(level))
        self._joining.append(self.lately[-1])
        if len(self._joining) * self.few < self.width:
            return False
        self.blocks.append(sum(self._joining) / len(self._joining))
        self.steps.append(step)
        self._joining = []
        if len(self.blocks) > 1:
            self._moves.add(abs(self.blocks[-1] - self.blocks[-2]))
        if len(self.blocks) == MOST:
            self.blocks = [(a + b) / 2 for a, b in zip(*[iter(self.blocks)] * 2, strict=True)]
            self.steps = self.steps[1::2]
            self.width *= 2
            self._forget()
        return True

    def _forget(self) -> None:
        """Drops what was reckoned of blocks that are no longer what they were."""
        self._best.clear()
        self._moves = Moves(MOST, self.blocks)

    def _begin(self, level: float, least: float) -> None:
        """Finds the scale; a loss that turns negative is no longer told in logarithms."""
        floor = self._floor if self._floor == self._floor else FLOOR * abs(level) or 1e-300
        if not self.raw and least < -floor:
            self.blocks = [math.exp(block) for block in self.blocks]
            self._joining = [math.exp(part) for part in self._joining]
            self.lately = deque(map(math.exp, self.lately), STAYS)
            self.raw = True
            self._forget()
        self._floor = floor

    @property
    def start(self) -> float:
        """The level at which it began: the first value, or the first levels where those are higher."""
        return max(self.scaled(self.first), *self.blocks[:2])

    def now(self, stays: int = STAYS) -> float:
        """The level that it has not been below for so many blocks."""
        return min(self.blocks[-stays:])

    def best(self, stays: int = STAYS) -> tuple[float, int]:
        """The lowest level that stayed, before the latest blocks, and the last block that was on it."""
        blocks = self.blocks
        low, at, done = self._best.get(stays, (math.inf, 0, 0))
        stop = max(0, len(blocks) - 2 * stays + 1)
        for place in range(done, stop):
            stayed = max(blocks[place : place + stays])
            if stayed <= low:
                low, at = stayed, place
        self._best[stays] = low, at, stop
        return low, at + stays - 1

    @property
    def noise(self) -> float:
        """The deviation of a level about its trend."""
        return self._moves.deviation


def _middles(values: "Floats") -> "Floats":
    from labhand.watch.stretch import middles

    return middles(values, FEW)


def noise(values: Sequence[float]) -> float:
    """The deviation of a value about its trend, from the median absolute difference of neighbours."""
    return Moves(len(values), values).deviation
