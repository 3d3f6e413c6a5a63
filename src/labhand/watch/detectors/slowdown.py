"""Steps that take longer than they used to in this run.

## What it does
Compares the time of a step with the run's own steady state, in the medians of blocks of steps, by a
one-sided cumulative sum over their logarithms; a change of less than 5 % is never told. A step in which
the model is called several times, as often as an episode or a sequence is long, counts by its calls. With
the probe it says which part of the step has grown: waiting for data, forward, backward or the optimizer.

## Why it is bad
A node that throttles, a loader that falls behind or a growing graph costs hours unseen: the loss looks
fine. BLOOM lost 6 % to one slow GPU.

## Known problems
Another process on the same machine slows a run without any fault of its own. Sequences that grow by a
curriculum are slower on purpose.

## Example
`step_time 0.21 0.20 0.21 … 0.43 0.42 0.43`

## Use instead
A look at the part of the step that has grown, at the clock and temperature of the GPU, at who else
uses the machine.

## References
E. S. Page, *Continuous Inspection Schemes*, Biometrika 1954; BLOOM's chronicles.
"""

import itertools
import math
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

BLOCK = 15
"""Steps whose median is one look."""
WARM_UP, STEADY = 2, 10
"""Blocks that are passed over, and blocks that the steady state is learned from."""
SLACK, BAR = 0.5, 10.0
"""The cumulative sum's allowance and bar, in standard deviations of a block's median."""
LEAST_SPREAD = 0.03
"""A block's median is never taken for more even than this share."""
SOON, SOON_FACTOR = 8, 3.0
"""Measured steps in a row that take so many times as long as most of the first ones are told at once."""
SOON_WORK, SOON_WORK_FACTOR = 6, 1.5
"""The same by the work of the processor, which scatters less than the clock."""
TINY = 1e-300
LEAST = 0.05
GRAVE = 0.5
"""A slowdown by this share is a warning, a smaller one a note."""
DATA = "waiting for data"
PARTS = {
    "probe/data_s": DATA,
    "probe/forward_s": "the forward pass",
    "probe/backward_s": "the backward pass",
    "probe/optimizer_s": "the optimizer",
}
MEASURED, WORK = "probe/step_s", "probe/work_s"
"""The time of a step by the clock, and by the processor."""
CALLS = "probe/calls"
"""How often models were called in a step, where it was more than once."""
ALONE, CROWDED = 0.7, 3.0
"""The share of a step's time that a processor works for it that is not shared, and what sharing may make of work."""
WAITED = 0.25
"""Where the work of a step has grown by no more than this share of what its time has, the rest is waiting."""


class Detector:
    """Watches the time of a step: measured by the probe, logged, or from row to row."""

    wants: Wants = (Points,)

    def __init__(self, view: View) -> None:
        self._clock, self._work = Pace(view, MEASURED), Pace(view, WORK)
        self._shares: deque[float] = deque(maxlen=BLOCK)

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The slowdown that this row proves, or that has ended."""
        if not isinstance(signal, Points) or signal.source == "system":
            return ()
        # by the processor first: on a machine that is shared the clock counts the others' work too
        worked: Iterable[Claim] = ()
        if WORK in signal.values:
            worked = self._work.see(signal)
            self._note_share(signal)
        claims = self._clock.see(signal)
        if worked or self._work.opened is not None:
            return map(_crowded, worked) if self._is_shared else worked
        work, took = self._work.more, self._clock.more
        if work is None or took is None or work > WAITED * took:
            return claims
        return [_waiting(claim) for claim in claims]

    def _note_share(self, row: Points) -> None:
        """Notes how much of the time of a step the processor works for it."""
        work, took = row.values.get(WORK, math.nan), row.values.get(MEASURED, math.nan)
        if work >= 0 and took > 0:
            self._shares.append(work / took)

    @property
    def _is_shared(self) -> bool:
        """Whether others seem to have the processor, too: then the same work takes longer by its own clock as well."""
        return bool(self._shares) and median(list(self._shares)) < ALONE

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: one by which steps are told to be slower, or no longer so."""
        return self._clock.skim(stretch, start)

    def blind(self) -> str | None:
        """Why it could not look."""
        return self._clock.blind() and self._work.blind()


class Pace:
    """The time of a step by one measure of the probe's, or else by a log's columns or the times of its rows.

    `opened` is the step since which it is longer, None where it is not; `more` the share by which the
    latest steps take longer than the usual ones, None before it is known.
    """

    def __init__(self, view: View, measured: str) -> None:
        self._view = view
        self._measured = measured
        self._source: tuple[str, ...] | None = None
        self._block: list[float] = []
        self._parts: dict[str, list[float]] = {name: [] for name in PARTS}
        self._normal: dict[str, list[float]] = {name: [] for name in PARTS}
        self._steady: list[float] = []
        self._late: list[float] = []
        self._few: list[tuple[int, float, float]] = []
        self._blocks = 0
        self._sum = 0.0
        self._since = 0
        self.opened: int | None = None
        self.more: float | None = None
        self._before: tuple[int, float] | None = None

    def see(self, signal: Points) -> Iterable[Claim]:
        """The slowdown that this row proves, or that has ended."""
        took = self._took(signal)
        if took is None or not took > 0 or math.isinf(took):
            return ()
        self._block.append(took)
        if self._source == (self._measured,) and (claim := self._soon(took, signal)):
            return (claim,)
        for name, values in self._parts.items():
            if name in signal.values:
                values.append(signal.values[name] / _calls(signal))
        if len(self._block) < BLOCK:
            return ()
        level = math.log(median(self._block))
        self._block.clear()
        self._blocks += 1
        claims = self._judged(level, signal) if self._blocks > WARM_UP else ()
        for values in self._parts.values():
            values.clear()
        return claims

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: one by which steps are told to be slower, or no longer so."""
        if start == len(stretch):
            return start
        names = [*self._view.named("step-time"), *self._view.named("throughput")]
        logged = [name for name in names if len(stretch.column(name).rows)]
        if MEASURED in stretch.columns or any(part in stretch.columns for part in PARTS):
            return start
        if logged:
            several = len(logged) > 1 and len(stretch.column(logged[0]).rows) < len(stretch)
            if self._source != (logged[0],) or several:
                return stretch.first(logged, start)
            column = stretch.column(logged[0]).since(start)
            return self._all([int(row) for row in column.rows], column.values.tolist(), stretch)
        if self._source not in (None, (stretch.source, "rows")):
            return len(stretch)
        if not stretch.times[-1] > 0:
            self._before = int(stretch.steps[-1]), float(stretch.times[-1])
            return len(stretch)
        return start if self._before is None else self._rows(stretch, start)

    def _rows(self, stretch: "Stretch", start: int) -> int:
        """Passes over rows by their times."""
        assert self._before is not None
        self._source = (stretch.source, "rows")
        seconds = stretch.moves(stretch.times[start:], self._before[1])
        steps = stretch.steps[start:] - stretch.before(stretch.steps[start:], self._before[0])
        told = ((seconds > 0) & (steps > 0)).nonzero()[0]
        found = self._all((told + start).tolist(), (seconds[told] / steps[told]).tolist(), stretch)
        last = min(found, len(stretch)) - 1
        if last >= start:
            self._before = int(stretch.steps[last]), float(stretch.times[last])
        return found

    def _all(self, rows: list[int], values: list[float], stretch: "Stretch") -> int:
        """Takes times of steps as long as no block of them has anything to tell; the row of the first that has."""
        throughput = (
            self._source is not None and self._view.roles.of(self._source[0]) == "throughput"
        )
        known = [
            (r, 1 / v if throughput else v) for r, v in zip(rows, values, strict=True) if v > TINY
        ]
        done = 0
        while done + (need := BLOCK - len(self._block)) <= len(known):
            block = [*self._block, *(value for _, value in known[done : done + need])]
            row = known[done + need - 1][0]
            level = math.log(median(block))
            if self._blocks + 1 > WARM_UP and self._would_tell(level):
                self._block = block[:-1]
                return row
            self._block = []
            self._blocks += 1
            if self._blocks > WARM_UP:
                step = int(stretch.steps[row])
                self._judged(level, Points(math.nan, stretch.source, step, {}))
            done += need
        self._block += [value for _, value in known[done:]]
        return len(stretch)

    def _would_tell(self, level: float) -> bool:
        """Whether a block of this level opens, changes or ends an incident, as far as one can say."""
        if self.opened is not None or len(self._steady) < STEADY:
            return self.opened is not None
        usual, spread = self._usual()
        risen = self._sum + min((level - usual) / spread, BAR / 2) - SLACK > BAR
        return risen and min([*self._late[-2:], level]) - usual > LEAST

    def _usual(self) -> tuple[float, float]:
        """The level of the steady state, and the deviation of a block's."""
        usual = median(self._steady)
        moves = [abs(b - a) for a, b in itertools.pairwise(self._steady)]
        return usual, max(LEAST_SPREAD, 1.4826 * median(moves), max(self._steady) - usual)

    def blind(self) -> str | None:
        """Why it could not look."""
        if len(self._steady) >= STEADY:
            return None
        return "it needs the times of some 200 steps: measured, logged, or of the rows"

    def _soon(self, took: float, row: Points) -> Claim | None:
        """A slowdown so large that few measured steps prove it, before there is a steady state."""
        if len(self._steady) >= STEADY:
            return None
        self._few.append((row.step, took, row.values.get(MEASURED, math.nan) / _calls(row)))
        by_work = self._measured == WORK
        in_a_row = SOON_WORK if by_work else SOON
        usual = [seconds for _, seconds, _ in self._few[SOON : 3 * SOON]]
        now = [seconds for _, seconds, _ in self._few[-in_a_row:]]
        if len(self._few) < 4 * SOON:
            return None
        self.more = median(now) / median(usual) - 1
        bar = SOON_FACTOR * sorted(usual)[3 * SOON // 2]
        if by_work:
            bar = SOON_WORK_FACTOR * median(usual)
        if min(now) < bar or (by_work and not self._longer()):
            return None
        level = math.log(median(usual))
        self.opened, self._steady = self._few[-in_a_row][0], [level] * STEADY
        self._few.clear()
        self._block.clear()  # it holds steps from before
        return self._claim("confirmed", median(now) / math.exp(level), level, row)

    def _longer(self) -> bool:
        """Whether the quicker of the steps themselves take longer by the clock, and not what lies between steps."""
        before = sorted(clock for _, _, clock in self._few[SOON : 3 * SOON])[SOON // 2]
        now = sorted(clock for _, _, clock in self._few[-SOON:])[SOON // 4]
        return now > (1 + WAITED) * before

    def _took(self, row: Points) -> float | None:
        """Seconds of a step that the row tells; one kind of telling, the best there was at first."""
        if self._measured in row.values:
            self._switch((self._measured,))
            return row.values[self._measured] / _calls(row)
        if self._source == (self._measured,):
            return None
        for name in (*self._view.named("step-time"), *self._view.named("throughput")):
            if name in row.values:
                self._switch((name,))
                return self._seconds(name, row.values[name])
        return self._between(row) if self._source in (None, (row.source, "rows")) else None

    def _seconds(self, name: str, value: float) -> float | None:
        """The time of a step by the metric that is followed; of a throughput the time of one of what it counts."""
        if self._source != (name,) or not value > 0:
            return None
        return 1 / value if self._view.roles.of(name) == "throughput" else value

    def _between(self, row: Points) -> float | None:
        before, self._before = self._before, (row.step, row.time)
        if before is None or not row.time > before[1] or row.step <= before[0]:
            return None
        self._source = (row.source, "rows")
        return (row.time - before[1]) / (row.step - before[0])

    def _switch(self, source: tuple[str, ...]) -> None:
        known = self._source
        if (
            known is None
            or (known != source and known[-1] == "rows")
            or source == (self._measured,)
        ):
            if known != source:
                self._steady.clear()
                self._block.clear()
                self._blocks, self._sum, self.opened = 0, 0.0, None
            self._source = source

    def _judged(self, level: float, row: Points) -> Iterable[Claim]:
        if len(self._steady) < STEADY:
            self._steady.append(level)
            for name, values in self._parts.items():
                if values:
                    self._normal[name].append(median(values))
            return ()
        usual, spread = self._usual()
        self._late = [*self._late[-2:], level]
        if self._sum == 0.0:
            self._since = row.step
        self._sum = max(0.0, self._sum + min((level - usual) / spread, BAR / 2) - SLACK)
        factor = math.exp(median(self._late) - usual)
        self.more = factor - 1
        if self.opened is not None and factor < 1 + LEAST:
            claim = self._claim("recovered", factor, usual, row)
            self.opened, self._sum = None, 0.0
            return (claim,)
        if self.opened is None and self._sum > BAR and min(self._late) - usual > LEAST:
            self.opened = self._since
        return () if self.opened is None else (self._claim("confirmed", factor, usual, row),)

    def _claim(self, state: str, factor: float, usual: float, row: Points) -> Claim:
        passed = state == "recovered"
        normal = math.exp(usual) * (_calls(row) if self._source == (self._measured,) else 1)
        now = normal * factor
        source = None if self._source is None or self._source[-1] == "rows" else self._source[0]
        message = (
            f"Steps take as long as before again ({_span(now)})"
            if passed
            else f"A step takes {_span(now)} where it took {_span(normal)}: {factor - 1:.0%} longer "
            f"since step {self.opened}"
        )
        if source is not None and self._view.roles.of(source) == "throughput":
            message = f"`{source}` is {1 / now:.4g} again, as before"
            if not passed:
                message = f"`{source}` is {1 / now:.4g} where it was {1 / normal:.4g}: a step takes {factor - 1:.0%} longer since step {self.opened}"
        elif source == WORK and not passed:
            message = message.replace("A step takes", "The processor works for a step", 1)
        elif source is not None and source != MEASURED and not passed:
            message = f"`{source}` is {now:.4g} where it was {normal:.4g}: {factor - 1:.0%} more since step {self.opened}"
        causes = [] if passed else self._causes(now - normal, _calls(row))
        if causes:
            message += f", mostly by {causes[0].cause}"
        return Claim(
            key="steps",
            state="recovered" if passed else "confirmed",
            severity="warning" if factor > 1 + GRAVE and not passed else "note",
            confidence=0.8,
            message=message,
            advice="Look at the part of the step that has grown, at other processes on the machine, "
            "and at the clock and temperature of the GPU.",
            step=row.step,
            opened=self.opened,
            time=row.time,
            metric=source,
            evidence={"usual_s": normal, "now_s": now, "factor": round(factor, 3)},
            causes=causes,
            unchecked=[]
            if causes or passed
            else ["which part of the step has grown: that needs the probe"],
        )

    def _causes(self, longer: float, calls: float) -> list[Cause]:
        """The parts of the step that have grown, by their share in the growth."""
        found: list[Cause] = []
        for name, words in PARTS.items():
            if not (self._parts[name] and self._normal[name]) or longer <= 0:
                continue
            before, now = median(self._normal[name]) * calls, median(self._parts[name]) * calls
            share = min(1.0, (now - before) / longer)
            if share > 0.2:
                told = f"{words} took {_span(before)} a step and takes {_span(now)}"
                found.append(Cause(words, round(share, 2), told))
        return sorted(found, key=lambda cause: -cause.confidence)


def _calls(row: Points) -> float:
    """How often models were called in the step; 1 where nothing is told of it."""
    return max(1.0, row.values.get(CALLS, 1.0))


def _crowded(claim: Claim) -> Claim:
    """The claim where the processor is shared: a note, as long as it is no more than that does."""
    if claim.state == "recovered" or float(claim.evidence.get("factor", 0)) > CROWDED:
        return claim
    cause = Cause(
        "a processor that others use: its caches and its clock are shared",
        0.6,
        f"it works for a step in less than {ALONE:.0%} of the step's time",
    )
    return msgspec.structs.replace(claim, severity="note", causes=[cause, *claim.causes])


def _waiting(claim: Claim) -> Claim:
    """The claim for steps that take longer by the clock and not by the processor."""
    if claim.state == "recovered" or any(cause.cause == DATA for cause in claim.causes):
        return claim
    cause = Cause(
        "waiting: for the processor that others use, a disk, another rank",
        0.7,
        "the processor works for a step about as long as before",
    )
    causes = [cause, *claim.causes]
    return msgspec.structs.replace(claim, severity="note", causes=causes, unchecked=[])


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
