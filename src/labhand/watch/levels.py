"""The level of a loss over a whole run, in a bounded number of blocks, free of how often it is logged."""

import itertools
import math
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labhand.watch.tracks import median

if TYPE_CHECKING:
    from labhand.watch.stretch import Floats

FEW = 5
"""Values that one level is the median of: single spikes leave no trace in it."""
MOST = 64
"""Blocks that are kept; more are joined in pairs."""
FLOOR = 0.01
"""A loss below this share of its level at the start counts as this: nothing that happens there matters."""
STAYS = 3
"""Blocks in a row that make a level one that stays."""


class Levels:
    """A loss as logarithms of its levels, oldest first, each of `width` values; raw once it is negative.

    `count` is the number of values so far, `first` the very first of them, `lately` the latest three levels
    of five values each, `steps` the step at which each block was whole. Adding a value costs a constant on
    average. `noise` is the deviation of a level about its trend. `raw` from the start where values are no
    loss.
    """

    __slots__ = (
        "_best",
        "_few",
        "_floor",
        "_joining",
        "_noise",
        "blocks",
        "count",
        "first",
        "lately",
        "raw",
        "steps",
        "width",
    )

    def __init__(self, *, raw: bool = False) -> None:
        self.blocks: list[float] = []
        self.steps: list[int] = []
        self.width = FEW
        self.count = 0
        self.first = math.nan
        self.raw = raw
        self._floor = math.nan
        self._best: dict[int, tuple[float, int]] = {}
        self._noise: float | None = None
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
        return len(few) >= FEW and self._settle(step)

    def room(self) -> int:
        """How many values can be added before one makes a block whole."""
        return self.width - len(self._joining) * FEW - len(self._few) - 1

    def extend(self, values: "Floats") -> None:
        """Takes finite values as if one by one, not more than there is `room` for, none newly negative."""
        if not self.count and len(values):
            self.first = float(values[0])
        self.count += len(values)
        waiting = FEW - len(self._few)
        self._few += values[:waiting].tolist()
        if len(self._few) < FEW:
            return
        self._settle(0)
        rest = values[waiting:]
        levels = [self.scaled(value) for value in _middles(rest).tolist()]
        self.lately.extend(levels[-STAYS:])
        self._joining += levels
        self._few = rest[len(levels) * FEW :].tolist()

    def ahead(self, values: "Floats") -> tuple[int, "Floats"]:
        """What `lately` becomes with each level that values make whole, and how many the first one needs.

        The levels follow those of `lately`; their logarithms may be off in the last digit.
        """
        from labhand.watch import stretch

        waiting = FEW - len(self._few)
        if len(values) < waiting:
            return waiting, values[:0]
        first = median([*self._few, *values[:waiting].tolist()])
        levels = stretch.joined([first], _middles(values[waiting:]))
        return waiting, levels if self.raw else stretch.in_logs(levels, self._floor)

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
        self.lately.append(self.scaled(level))
        self._joining.append(self.lately[-1])
        if len(self._joining) * FEW < self.width:
            return False
        self.blocks.append(sum(self._joining) / len(self._joining))
        self.steps.append(step)
        self._joining = []
        self._best.clear()
        self._noise = None
        if len(self.blocks) == MOST:
            self.blocks = [(a + b) / 2 for a, b in zip(*[iter(self.blocks)] * 2, strict=True)]
            self.steps = self.steps[1::2]
            self.width *= 2
        return True

    def _begin(self, level: float, least: float) -> None:
        """Finds the scale; a loss that turns negative is no longer told in logarithms."""
        floor = self._floor if self._floor == self._floor else FLOOR * abs(level) or 1e-300
        if not self.raw and least < -floor:
            self.blocks = [math.exp(block) for block in self.blocks]
            self._joining = [math.exp(part) for part in self._joining]
            self.lately = deque(map(math.exp, self.lately), STAYS)
            self.raw = True
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
        known = self._best.get(stays)
        if known is None:
            blocks = self.blocks[:-stays]
            parts = [blocks[start:] for start in range(stays)]
            stayed = blocks if stays == 1 else list(map(max, zip(*parts, strict=False)))
            low = min(stayed, default=math.inf)
            at = len(stayed) - 1 - stayed[::-1].index(low) if stayed else 0
            known = self._best[stays] = low, at + stays - 1
        return known

    @property
    def noise(self) -> float:
        """The deviation of a level about its trend."""
        if self._noise is None:
            self._noise = noise(self.blocks)
        return self._noise


def _middles(values: "Floats") -> "Floats":
    from labhand.watch.stretch import middles

    return middles(values, FEW)


def noise(values: Sequence[float]) -> float:
    """The deviation of a value about its trend, from the median absolute difference of neighbours."""
    moves = [abs(b - a) for a, b in itertools.pairwise(values)]
    return 1.4826 * median(moves) / math.sqrt(2) if len(moves) > 1 else 0.0
