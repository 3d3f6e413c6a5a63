"""A curve in a few lines of text: braille dots, the places that matter marked."""

import math
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import click

from labhand.kit.series import downsample

HEIGHT = 5
WIDEST = 100
DECADES = 1.5
"""A curve over more decades than this is drawn on a logarithmic axis."""
CAPACITY = 8192
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Course:
    """A series that stays small however long it grows: thinned by halves, every extreme kept."""

    def __init__(self) -> None:
        self.steps = array("d")
        self.values = array("d")

    def add(self, step: float, value: float) -> None:
        """Takes the next point."""
        self.steps.append(step)
        self.values.append(value)
        if len(self.values) >= CAPACITY:
            self._thin()

    def extend(self, steps: Sequence[float], values: Sequence[float]) -> None:
        """Takes the next points."""
        self.steps.extend(steps)
        self.values.extend(values)
        if len(self.values) >= CAPACITY:
            self._thin()

    def _thin(self) -> None:
        import numpy as np

        kept = downsample(np.frombuffer(self.values), CAPACITY // 2).tolist()
        self.steps = array("d", (self.steps[i] for i in kept))
        self.values = array("d", (self.values[i] for i in kept))


class Mark(NamedTuple):
    """A step to be marked, by a sign of one letter in a colour of the severity."""

    step: float
    sign: str
    colour: str


class _Axis(NamedTuple):
    low: float
    high: float
    log: bool

    @classmethod
    def over(cls, finite: Sequence[float]) -> "_Axis":
        low, high = min(finite), max(finite)
        return cls(low, high, low > 0 and math.log10(high) - math.log10(low) > DECADES)

    def share(self, value: float) -> float:
        """Where between the ends a value lies, from 0 to 1."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        at = math.log(value) if self.log else value
        # halves first: the range of the largest numbers is itself no number
        return (at / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5


def chart(
    name: str, course: Course, marks: Sequence[Mark], width: int, last: float = -math.inf
) -> list[str]:
    """The lines of a chart of at most `width` columns; empty where there is nothing to draw.

    It reaches to the step `last` where that is a later one than the curve's. `×` on top: a value
    that was not finite. Where steps go back, points stand in their order.
    """
    from labhand.web import words

    finite = [v for v in course.values if math.isfinite(v)]
    if len(course.values) < 2 or not finite:
        return []
    axis = _Axis.over(finite)
    ends = [words.number(axis.high, 3), words.number(axis.low, 3)]
    margin = max(map(len, ends)) + 1
    columns = max(16, min(WIDEST, width - margin - 2))
    scale = _Scale.over(course.steps, last)
    dots = columns * 2 - 1
    places = [round(scale.share(i, step) * dots) for i, step in enumerate(course.steps)]
    cells = _cells(places, course.values, axis)
    marked = {
        round(scale.of(mark.step, course.steps) * dots) // 2: mark for mark in reversed(marks)
    }
    title = f"{name}, logarithmic" if axis.log else name
    lines = [" " * (margin + 1) + click.style(title, dim=True)]
    for row in range(HEIGHT):
        label = {0: ends[0], HEIGHT - 1: ends[1]}.get(row, "")
        lines.append(f"{label.rjust(margin)}┤{_line(cells, row, columns, marked)}".rstrip())
    lines += _feet(scale, marked, columns, margin)
    return lines


class _Scale(NamedTuple):
    """The horizontal axis: steps, or where they go back the order of its `number` of points.

    What a run did after the curve's end is shown up to half of the curve's length; `end` says all.
    """

    first: float
    last: float
    end: float
    number: int
    rising: bool

    @classmethod
    def over(cls, steps: Sequence[float], last: float) -> "_Scale":
        rising = all(a <= b for a, b in pairwise(steps)) and steps[-1] > steps[0]
        end = max(steps[-1], last) if rising else steps[-1]
        shown = min(end, steps[-1] + (steps[-1] - steps[0]) / 2)
        return cls(steps[0], shown, end, len(steps), rising)

    def share(self, place: int, step: float) -> float:
        """Where the point of that place and step stands, from 0 to 1."""
        if not self.rising:
            return place / (self.number - 1)
        return min(1.0, max(0.0, (step - self.first) / (self.last - self.first)))

    def of(self, step: float, steps: Sequence[float]) -> float:
        """Where a step stands, whether or not it has a point."""
        at = next((i for i, other in enumerate(steps) if other >= step), len(steps) - 1)
        return self.share(at, step)

    def ends(self) -> tuple[str, str]:
        """What stands below the ends."""
        cut = f" of {self.end:,.0f}" if self.end > self.last else ""
        return f"{self.first:,.0f}", f"{self.last:,.0f}{cut}"


def _cells(
    places: Sequence[int], values: Sequence[float], axis: _Axis
) -> dict[tuple[int, int], str]:
    dots: dict[tuple[int, int], int] = {}
    broken = set()
    before: tuple[int, int] | None = None
    top = HEIGHT * 4 - 1
    for x, value in zip(places, values, strict=True):
        if not math.isfinite(value):
            broken.add((0, x // 2))
            before = None
            continue
        y = top - round(axis.share(value) * top)
        for at_x, at_y in _between(before, (x, y)):
            cell = at_y // 4, at_x // 2
            dots[cell] = dots.get(cell, 0) | _DOTS[at_y % 4][at_x % 2]
        before = (x, y)
    return {cell: chr(0x2800 + bits) for cell, bits in dots.items()} | dict.fromkeys(broken, "×")


def _between(before: tuple[int, int] | None, now: tuple[int, int]) -> list[tuple[int, int]]:
    """The dots of the line from one dot to the next."""
    if before is None:
        return [now]
    length = max(abs(now[0] - before[0]), abs(now[1] - before[1]))
    return [
        (
            before[0] + round((now[0] - before[0]) * i / length),
            before[1] + round((now[1] - before[1]) * i / length),
        )
        for i in range(1, length + 1)
    ]


def _line(
    cells: Mapping[tuple[int, int], str], row: int, columns: int, marked: Mapping[int, Mark]
) -> str:
    out = []
    for column in range(columns):
        sign = cells.get((row, column))
        if sign == "×":
            sign = click.style(sign, fg="red", bold=True)
        elif sign is None:
            mark = marked.get(column)
            sign = click.style("┊", fg=mark.colour) if mark else " "
        out.append(sign)
    return "".join(out)


def _feet(scale: _Scale, marked: Mapping[int, Mark], columns: int, margin: int) -> list[str]:
    """The horizontal axis with the marks on it, and its first and last step below."""
    line = [
        click.style(marked[c].sign, fg=marked[c].colour, bold=True) if c in marked else "─"
        for c in range(columns)
    ]
    first, last = scale.ends()
    gap = columns - len(first) - len(last)
    below = f"{first}{' ' * gap}{last}" if gap > 0 else last
    return [" " * margin + "└" + "".join(line), " " * (margin + 1) + click.style(below, dim=True)]
