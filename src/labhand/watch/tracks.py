"""What has been seen of each metric so far, kept once for all detectors."""

import math
from collections import deque
from typing import TYPE_CHECKING

from labhand.watch.roles import Role

if TYPE_CHECKING:
    from labhand.watch.stretch import Floats, Places

RECENT = 64
"""The latest finite values that are kept one by one."""


class Track:
    """One metric so far. Values that are not finite are counted in `bad` and kept nowhere else.

    `first`, `last`, `lowest` and `highest` are NaN until there is a finite value; `recent` holds the
    latest finite points as pairs of step and value, oldest first.
    """

    __slots__ = (
        "bad",
        "count",
        "first",
        "first_step",
        "highest",
        "last",
        "lowest",
        "name",
        "recent",
        "role",
        "step",
    )

    def __init__(self, name: str, role: Role) -> None:
        self.name = name
        self.role = role
        self.count = self.bad = 0
        self.first = self.last = self.lowest = self.highest = math.nan
        self.first_step = self.step = 0
        self.recent: deque[tuple[int, float]] = deque(maxlen=RECENT)

    def add(self, step: int, value: float) -> None:
        """Takes a point."""
        if value - value != 0.0:
            self.bad += 1
            return
        if not self.count:
            self.first = self.lowest = self.highest = value
            self.first_step = step
        elif value < self.lowest:
            self.lowest = value
        elif value > self.highest:
            self.highest = value
        self.count += 1
        self.last, self.step = value, step
        self.recent.append((step, value))

    def extend(self, steps: "Places", values: "Floats") -> None:
        """Takes points that are all finite, as if one by one."""
        if not self.count:
            self.first = self.lowest = self.highest = float(values[0])
            self.first_step = int(steps[0])
        lately = values[-RECENT:].tolist()
        few = len(lately) == len(values)
        self.lowest = min(self.lowest, min(lately) if few else float(values.min()))
        self.highest = max(self.highest, max(lately) if few else float(values.max()))
        self.count += len(values)
        self.last, self.step = lately[-1], int(steps[-1])
        self.recent.extend(zip(steps[-RECENT:].tolist(), lately, strict=True))

    def median(self, points: int = 5) -> float:
        """The median of the latest `points` values, at most 64; NaN where there is none."""
        return median([value for _, value in self.recent][-points:])


def median(values: list[float]) -> float:
    """The upper median; NaN of nothing."""
    return sorted(values)[len(values) // 2] if values else math.nan
