"""A series of any length as at most 64 blocks of equal width: what a detector can afford to keep."""

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labhand.watch.stretch import Floats

MOST = 64


class Block(NamedTuple):
    """So many points in a row, from the step and time of the first; their least, mean and largest."""

    step: int
    time: float
    points: int
    lowest: float
    mean: float
    highest: float


class Blocks:
    """The whole blocks of a series, each of `width` points; when there are too many, pairs become one.

    Adding a point costs a constant on average, however long the run.
    """

    def __init__(self, width: int = 1) -> None:
        self.width = width
        self.whole: list[Block] = []
        self._count = 0
        self._sum = 0.0
        self._lowest = math.inf
        self._highest = -math.inf
        self._first = (0, math.nan)

    def add(self, step: int, time: float, value: float) -> bool:
        """Takes a point with a finite value; whether it completed a block."""
        if not self._count:
            self._first = (step, time)
        self._count += 1
        self._sum += value
        self._lowest = min(self._lowest, value)
        self._highest = max(self._highest, value)
        if self._count < self.width:
            return False
        mean = self._sum / self._count
        self.whole.append(Block(*self._first, self._count, self._lowest, mean, self._highest))
        self._count, self._sum = 0, 0.0
        self._lowest, self._highest = math.inf, -math.inf
        if len(self.whole) > MOST:
            last = self.whole.pop()
            self.whole = [_joined(a, b) for a, b in zip(*[iter(self.whole)] * 2, strict=True)]
            self.width *= 2
            self._first = (last.step, last.time)
            self._count, self._sum = last.points, last.mean * last.points
            self._lowest, self._highest = last.lowest, last.highest
        return True

    def room(self) -> int:
        """How many points can be added before one makes a block whole."""
        return self.width - self._count - 1

    def extend(self, step: int, time: float, values: "Floats") -> None:
        """Takes points as if one by one, not more than there is `room` for; the first is of that step and time."""
        if not self._count:
            self._first = (step, time)
        self._count += len(values)
        self._sum += float(values.sum())
        self._lowest = min(self._lowest, float(values.min()))
        self._highest = max(self._highest, float(values.max()))


def _joined(a: Block, b: Block) -> Block:
    count = a.points + b.points
    mean = (a.mean * a.points + b.mean * b.points) / count
    return Block(a.step, a.time, count, min(a.lowest, b.lowest), mean, max(a.highest, b.highest))
