"""A run that is alive and makes no more steps.

## What it does
Learns how long this run takes from one step to the next and tells when no step has come for much
longer. Steps are the sign of life: not output, and not a busy GPU, which a deadlock keeps at 100 %.
Start-up, training, and the long gaps at an evaluation or a checkpoint have their own budgets. Once it
is an alarm, a live process that loaded numpy or torch is asked where it stands, and that is told.

## Why it is bad
A hang burns its allocation until its time limit, and a hung collective prints nothing at all.

## Known problems
The first evaluation of a run is longer than anything seen before it: until one has been seen, a
quarter of the time that the run has lasted is granted, at most 15 minutes.
A gap in a log may be a machine that slept or a clock that was set. Where the log's own time of a step, or
its throughput, shows a step as usual, the gap is a note; a jump by whole hours is a clock that was set.

## Example
A step each 0.2 s for an hour, then none for 15 minutes.

## Use instead
`py-spy dump --pid PID` shows where any process hangs; a data loader with `num_workers=0` shows whether it is a
worker; with several ranks, the one that has done the fewest steps is the one to look at.

## References
BLOOM's chronicles: an evaluation that hung for hours at full GPU use.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from labhand.watch.course import RAN
from labhand.watch.incidents import Claim
from labhand.watch.signals import Ended, Fact, Gap, Output, Points, Signal, Slept, Tick
from labhand.watch.tracks import median
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

START_S = 1800.0
"""Before there is a rhythm: imports, downloads, compilation, the first epoch."""
FLOOR_S = 120.0
"""No gap shorter than this is a stall."""
TALKING_S = 600.0
"""The floor while output still comes: an evaluation with a bar of its own."""
UNSEEN_S = 900.0
"""The most that is granted to an evaluation that has not been seen yet."""
FACTOR = 6.0
SURE = 1.5
"""A gap this many budgets long is told to a person."""
LONG_STEP = 10.0
"""A step that took so many times as long as usual, by the log's own measure, stood still."""
OF_GAP = (
    "whether the machine slept or its clock was set meanwhile: that needs the time of each step in the log, "
    "by a clock that stands still with the machine (`time.perf_counter`)"
)
AS_USUAL = (
    "the step itself took as long as usual, so that the machine slept, its clock was set, or something "
    "between two steps took that long"
)
RHYTHM = 3
RECENT = 50


class Detector:
    """Watches the time between steps."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._began = math.nan
        self._last = math.nan
        self._step: int | None = None
        self._steps: dict[tuple[str, int | None], int] = {}
        self._gaps: deque[float] = deque(maxlen=RECENT)
        self._long: deque[float] = deque(maxlen=RECENT)
        self._between = False
        self._output = math.nan
        self._open = self._sure = False
        self._ticks = 0
        self._stacks: Mapping[str, list[str]] = {}
        self._gap: tuple[float, float] | None = None

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The stall that this signal opens, confirms or ends."""
        if isinstance(signal, Points):
            return self._row(signal)
        if isinstance(signal, Tick):
            return self._tick(signal.time)
        if isinstance(signal, Gap):
            self._ticks += 1
            self._gap = self._late(signal.time)
        elif isinstance(signal, Slept):
            self._last += signal.seconds
            self._began += signal.seconds
        elif isinstance(signal, Output):
            self._output = signal.time
        elif isinstance(signal, Fact):
            self._between = self._between or signal.kind == "checkpoint"
            if signal.kind == "stacks" and self._open:
                self._stacks = signal.data
        elif isinstance(signal, Ended):
            self._open = False
        return ()

    def blind(self) -> str | None:
        """Why it could not look."""
        return None if self._ticks else "it needs the times of the steps, live or in the log"

    def _row(self, row: Points) -> Iterable[Claim]:
        if row.source == "system" or not row.time > 0:
            return ()
        if not self._between:
            named = self._view.named
            self._between = any(name in row.values for role in RAN for name in named(role))
        writer = (row.source, row.rank)
        before = self._steps.get(writer)
        if before is not None and row.step <= before:
            if row.step < before:  # a new start: the time between belongs to no step
                self._steps[writer], self._last = row.step, row.time
            return ()
        self._steps[writer] = row.step
        return self._progress(row)

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: all where it is stalled or new, else none."""
        writer = (stretch.source, stretch.rank)
        if not stretch.times[-1] > 0 or start == len(stretch):
            return len(stretch)
        before = self._steps.get(writer)
        if self._open or self._step is None or before is None or stretch.steps[start] < before:
            return start
        steps, times = stretch.steps[start:], stretch.times[start:]
        news = (steps > stretch.before(steps, before)).nonzero()[0]
        if not len(news):
            self._between = self._between or stretch.first(self._held(), start) < len(stretch)
            return len(stretch)
        gaps = stretch.moves(times[news], self._last)
        held = [stretch.column(name).since(start).rows - start for name in self._held()]
        long = stretch.any_until(held, news)
        if self._between:
            long[0] = True
        self._gaps.extend(gaps[~long][-RECENT:].tolist())
        self._long.extend(gaps[long][-RECENT:].tolist())
        self._between = any(len(rows) and int(rows[-1]) > int(news[-1]) for rows in held)
        self._last, self._step = float(times[news[-1]]), int(steps[news[-1]])
        self._steps[writer] = self._step
        return len(stretch)

    def _held(self) -> list[str]:
        return [name for role in RAN for name in self._view.named(role)]

    def _progress(self, row: Points) -> list[Claim]:
        claims: list[Claim] = []
        if self._step is not None:
            gap = row.time - self._last
            (self._long if self._between or self._open or self._gap else self._gaps).append(gap)
            if self._gap is not None:
                claims += self._of_gap(*self._gap, row)
            elif self._open:
                claims.append(self._claim(gap, row.time, row.step))
            self._open, self._stacks = False, {}
        else:
            self._began = row.time
        self._between, self._gap = False, None
        self._last, self._step = row.time, row.step
        return claims

    def _tick(self, now: float) -> Iterable[Claim]:
        self._ticks += 1
        late = self._late(now)
        if late is None:
            return ()
        self._open = True
        return (self._claim(late[0], now, None, late[1]),)

    def _late(self, now: float) -> tuple[float, float] | None:
        """The seconds without a step and what would be usual, where that is less."""
        if self._step is None:
            self._began = now if math.isnan(self._began) else self._began
            quiet, budget = now - self._began, START_S
        else:
            quiet, budget = now - self._last, self._budget(now)
        return (quiet, budget) if quiet > budget else None

    def _of_gap(self, quiet: float, budget: float, row: Points) -> list[Claim]:
        """What a gap of a log is: a stall, unless the log's own time of the step is as usual."""
        measured = self._measured(row)
        stood = self._claim(quiet, row.time, None, budget)
        over = self._claim(quiet, row.time, row.step)
        if measured is None:
            for claim in (stood, over):
                claim.unchecked = [*claim.unchecked, OF_GAP]
        elif not measured:
            self._sure = False
            for claim in (stood, over):
                claim.severity, claim.alarm, claim.confidence = "note", False, 0.5
                claim.message = f"{over.message}; {AS_USUAL}"
        return [stood, over]

    def _measured(self, row: Points) -> bool | None:
        """Whether the log's own measure of a step shows the gap; None where there is none."""
        found = None
        for track in self._view.having("step-time", "throughput"):
            usual = median([value for _, value in track.recent][:-1] or [math.nan])
            if track.name not in row.values or not usual > 0:
                continue
            longer = row.values[track.name] / usual
            if track.role == "throughput":
                longer = 1 / max(longer, 1e-9)
            found = bool(found) or longer > LONG_STEP
        return found

    def _budget(self, now: float) -> float:
        """The seconds without a step that are still usual for this run."""
        if len(self._gaps) + len(self._long) < RHYTHM:
            return START_S
        slowest = max([*self._gaps, *self._long])
        floor = TALKING_S if self._output > self._last + 1.0 else FLOOR_S
        unseen = 0.0 if self._long else min(UNSEEN_S, (self._last - self._began) / 4)
        return max(floor, FACTOR * slowest, unseen)

    def _claim(self, quiet: float, now: float, step: int | None, budget: float = 0.0) -> Claim:
        sure = step is None and quiet > SURE * budget
        self._sure = sure or (self._sure and step is not None)
        gaps = sorted(self._gaps)
        usual = gaps[len(gaps) // 2] if gaps else None
        begun = "since it began" if self._step is None else f"since step {self._step}"
        message = (
            f"No step for {_span(budget)} and more {begun}"
            if step is None
            else f"No step came for {_span(quiet)} before step {step}; it goes on"
        )
        if usual is not None:
            message += f"; a step usually takes {_span(usual)}"
        if self._stacks:
            stood = "stands" if step is None else "stood"
            message += f"; it {stood} in {next(iter(self._stacks.values()))[0]}"
        return Claim(
            key="steps",
            state="recovered" if step is not None else "confirmed" if sure else "suspected",
            severity="error" if sure else "warning" if self._sure else "note",
            confidence=0.9 if sure else 0.5,
            message=message,
            advice="Look where it hangs: `py-spy dump --pid PID`; the data loader's workers and a "
            "rank that fell behind are the usual reasons.",
            step=step if step is not None else self._step,
            time=now,
            alarm=sure,
            evidence={
                "budget_s": round(budget, 1) if budget else None,
                "usual_gap_s": usual,
                "last_step": self._step,
                **({"stacks": dict(self._stacks)} if self._stacks else {}),
            },
        )


def _span(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
