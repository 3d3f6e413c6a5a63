"""Memory that grows with every step, and when it will end.

## What it does
Follows the memory of the process tree, of a GPU, or of any metric that tells memory in use, and tells
when it has grown steadily over the latter half of what was seen, without slowing down. From the share
of the machine's (or container's) memory it reckons when there is none left; only where that is near
and sure is it an alarm.

## Why it is bad
A leak ends the run hours later with an out-of-memory kill, which leaves no traceback.

## Known problems
Caches, allocator pools and prefetching grow too, and then stop: growth that slows down is not told.
Peaks of memory rise in jumps, at a longer sequence or the first evaluation: a few jumps are not told.

## Example
`losses.append(loss)` keeps each step's graph; `losses.append(loss.item())` does not.

## Use instead
`.item()` or `.detach()` for what is kept over steps; no growing lists in a dataset's `__getitem__`;
`tracemalloc` or `torch.cuda.memory._record_memory_history()` tell where it is held.

## References
PyTorch, *FAQ: My model reports "cuda runtime error(2): out of memory"*, on keeping graphs alive.
"""

import itertools
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.blocks import Block, Blocks
from labhand.watch.detectors import Wants
from labhand.watch.incidents import Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

LEAST_BLOCKS = 16
"""Blocks of which the latter half must grow."""
LEAST_POINTS = 60
LEAST_GROWTH = 0.08
"""Of the level: less is told to nobody."""
LEAST_BYTES = 48e6
FEWER = ((32, 0.2, 1e8), (LEAST_BLOCKS, 0.5, 4e8))
"""Points that prove it where the latter half grows by such a share of its level, and by so many bytes."""
STEADY = 0.6
"""The last quarter grows at least at this share of the pace of the one before."""
PARTS, NOISY = 6, 2.0
"""Parts of the latter half by which memory that also falls is judged, and how many times as much it must have grown."""
RISES = 0.7
"""The share of the moves from one to the next that must be rises; none may be a fall."""
NEAR_S = 3600.0
FULL = 97.0
HALF_FULL = 50.0
SHARE = "system/memory_percent"


class Detector:
    """Watches every metric of memory in use."""

    wants: Wants = ("memory", "system/")

    def __init__(self, view: View) -> None:
        self._view = view
        self._series: dict[str, Blocks] = {}
        self._open: dict[str, Block] = {}
        self._steps = Blocks()

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The growth that this row proves, or that has ended."""
        if not isinstance(signal, Points):
            return ()
        if signal.source == "system":
            if self._view.step is None:
                return ()  # what is loaded before the first step is no leak
            self._steps.add(self._view.step, signal.time, 0.0)
        claims: list[Claim] = []
        for name, value in signal.values.items():
            if value - value != 0.0 or value <= 0 or not self._followed(name):
                continue
            blocks = self._series.setdefault(name, Blocks())
            if blocks.add(signal.step, signal.time, value) and name != SHARE:
                claims += self._judged(name, blocks, signal)
        return claims

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: one that makes a block whole."""
        found = len(stretch)
        names = [name for name in stretch.columns if self._followed(name)]
        for name in names:
            column, blocks = stretch.column(name).since(start), self._series.get(name)
            room = 0 if blocks is None else blocks.room()
            odd = column.rows[column.values <= 0]
            rows = [int(odd[0])] if len(odd) else []
            rows += [int(column.rows[room])] if room < len(column.rows) else []
            found = min([found, *rows])
        for name in names:
            part = stretch.column(name).between(start, found)
            if len(part.rows):
                first = int(part.rows[0])
                began = int(stretch.steps[first]), float(stretch.times[first])
                self._series[name].extend(*began, part.values)
        return found

    def _followed(self, name: str) -> bool:
        return name == SHARE or self._view.roles.of(name) == "memory"

    def _judged(self, name: str, blocks: Blocks, row: Points) -> Iterable[Claim]:
        whole = blocks.whole
        if len(whole) < LEAST_BLOCKS:
            return
        points = len(whole) * blocks.width
        if points < LEAST_POINTS and not any(
            points >= few and _grows_by(whole, *much) for few, *much in FEWER
        ):
            return
        # the same memory is often measured by several: it is told by the first that proves it
        if any(_of_gpu(name) == _of_gpu(other) for other in self._open.keys() - {name}):
            return
        growth = _growth(whole)
        if growth is not None:
            self._open.setdefault(name, whole[len(whole) // 2])
            yield self._claim(name, whole, row)
        elif name in self._open and _flat(whole):
            yield self._claim(name, whole, row, passed=True)
            del self._open[name]

    def _claim(
        self, name: str, whole: list[Block], row: Points, *, passed: bool = False
    ) -> Claim:  # fmt: skip
        since, last = self._open[name], whole[-1]
        grown = last.lowest - since.lowest
        system = row.source == "system"
        left_s = None if passed or not system else self._seconds_left(row.time)
        at = self._step_in(left_s)
        message = f"`{name}` has grown from {_text(since.lowest)} to {_text(last.lowest)}, steadily"
        if passed:
            message = f"`{name}` grew to {_text(last.lowest)} and has stopped growing"
        elif left_s is not None:
            message += f"; the memory ends in about {left_s / 60:.0f} min"
            message += f", near step {at}" if at is not None else ""
        alarm = left_s is not None and left_s < NEAR_S
        return Claim(
            key=name,
            state="recovered" if passed else "confirmed",
            severity="note" if passed else "error" if alarm else "warning",
            confidence=0.9 if alarm else 0.7,
            message=message,
            advice="Look for what is kept from step to step: a list of losses with their graphs "
            "(keep `.item()`), hooks that store outputs, a cache in the dataset; `tracemalloc` "
            "compares two moments.",
            step=self._view.step if system else row.step,
            opened=self._step_of(since) if system else since.step,
            time=row.time,
            alarm=alarm,
            metric=name,
            evidence={
                "from": since.lowest,
                "to": last.lowest,
                "grown": grown,
                "seconds_left": None if left_s is None else round(left_s),
                "ends_at_step": at,
            },
            unchecked=[] if system else ["how much memory there is, and so when it ends"],
        )

    def _seconds_left(self, now: float) -> float | None:
        """Until the machine's memory is full at the present pace; None where that is not certain."""
        blocks = self._series.get(SHARE)
        if blocks is None or len(blocks.whole) < LEAST_BLOCKS or _growth(blocks.whole, 0.0) is None:
            return None
        half, last = blocks.whole[len(blocks.whole) // 2], blocks.whole[-1]
        if last.lowest < HALF_FULL or not last.time > half.time:
            return None
        pace = (last.lowest - half.lowest) / (last.time - half.time)
        return (FULL - last.highest) / pace if pace > 0 else None

    def _step_in(self, seconds: float | None) -> int | None:
        """The step that the run will have reached then."""
        steps = self._steps.whole
        if seconds is None or len(steps) < 2 or not steps[-1].time > steps[0].time:
            return None
        pace = (steps[-1].step - steps[0].step) / (steps[-1].time - steps[0].time)
        return int(steps[-1].step + pace * seconds) if pace > 0 else None

    def _step_of(self, block: Block) -> int | None:
        """The training's step at the beginning of a block of the machine's seconds."""
        before = [known.step for known in self._steps.whole if known.time <= block.time]
        return before[-1] if before else self._view.step


def _growth(whole: list[Block], least_bytes: float = LEAST_BYTES) -> float | None:
    """How much the latter half has grown, where it did so steadily; else None.

    What also falls now and then, as where garbage is collected, is judged by the least of each sixth, and more
    must have come of it.
    """
    lows = [block.lowest for block in whole[len(whole) // 2 :]]
    least = LEAST_GROWTH
    if any(b < a for a, b in itertools.pairwise(lows)):
        lows = [
            min(lows[n * len(lows) // PARTS : (n + 1) * len(lows) // PARTS]) for n in range(PARTS)
        ]
        least, least_bytes = NOISY * least, NOISY * least_bytes
    grown = lows[-1] - lows[0]
    if lows[0] <= 0 or grown < least * lows[0] or (lows[0] > 1e7 and grown < least_bytes):
        return None
    moves = [b - a for a, b in itertools.pairwise(lows)]
    middle = lows[len(lows) // 2]
    steady = lows[-1] - middle >= STEADY * (middle - lows[0])
    rises = sum(move > 0 for move in moves) >= RISES * len(moves) and min(moves) >= 0
    # a few large jumps are no leak: no single rise makes most of the growth
    return grown if steady and rises and max(moves) < 0.5 * grown else None


def _grows_by(whole: list[Block], share: float, size: float) -> bool:
    """Whether the latter half alone grows by so much, and above all that was before."""
    before, half = whole[: len(whole) // 2], whole[len(whole) // 2 :]
    first, last = half[0].lowest, half[-1].lowest
    new = last > max(block.highest for block in before)
    return new and last - first > share * first and (first < 1e7 or last - first > size)


def _of_gpu(name: str) -> bool:
    return any(word in name.lower() for word in ("gpu", "cuda", "vram"))


def _flat(whole: list[Block]) -> bool:
    """Whether the last quarter has not been clearly above all that was before."""
    before, last = whole[: -len(whole) // 4], whole[-len(whole) // 4 :]
    return max(b.highest for b in last) <= 1.01 * max(b.highest for b in before)


def _text(value: float) -> str:
    """A size for a person; a number that can be no bytes as it is."""
    if value < 1e6 or not math.isfinite(value):
        return f"{value:.4g}"
    return f"{value / 2**30:.2f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"
