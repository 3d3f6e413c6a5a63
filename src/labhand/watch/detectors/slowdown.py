"""Steps that take longer than they used to in this run.

## What it does
Compares the time of a step with the run's own steady state, in the medians of blocks of steps, by a
one-sided cumulative sum over their logarithms; a change of less than 5 % is never told. With the probe
it says which part of the step has grown: waiting for data, forward, backward or the optimizer.

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

import math
from collections.abc import Iterable

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

BLOCK = 15
"""Steps whose median is one look."""
WARM_UP, STEADY = 2, 10
"""Blocks that are passed over, and blocks that the steady state is learned from."""
SLACK, BAR = 0.5, 10.0
"""The cumulative sum's allowance and bar, in standard deviations of a block's median."""
LEAST_SPREAD = 0.03
"""A block's median is never taken for more even than this share."""
LEAST = 0.05
GRAVE = 0.5
"""A slowdown by this share is a warning, a smaller one a note."""
PARTS = {
    "probe/data_s": "waiting for data",
    "probe/forward_s": "the forward pass",
    "probe/backward_s": "the backward pass",
    "probe/optimizer_s": "the optimizer",
}
MEASURED = "probe/step_s"


class Detector:
    """Watches the time of a step: measured by the probe, logged, or from row to row."""

    wants: Wants = (Points,)

    def __init__(self, view: View) -> None:
        self._view = view
        self._source: tuple[str, ...] | None = None
        self._block: list[float] = []
        self._parts: dict[str, list[float]] = {name: [] for name in PARTS}
        self._normal: dict[str, list[float]] = {name: [] for name in PARTS}
        self._steady: list[float] = []
        self._late: list[float] = []
        self._blocks = 0
        self._sum = 0.0
        self._since = 0
        self._opened: int | None = None
        self._before: tuple[int, float] | None = None

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The slowdown that this row proves, or that has ended."""
        if not isinstance(signal, Points) or signal.source == "system":
            return ()
        took = self._took(signal)
        if took is None or not took > 0 or math.isinf(took):
            return ()
        self._block.append(took)
        for name, values in self._parts.items():
            if name in signal.values:
                values.append(signal.values[name])
        if len(self._block) < BLOCK:
            return ()
        level = math.log(median(self._block))
        self._block.clear()
        self._blocks += 1
        claims = self._judged(level, signal) if self._blocks > WARM_UP else ()
        for values in self._parts.values():
            values.clear()
        return claims

    def blind(self) -> str | None:
        """Why it could not look."""
        if len(self._steady) >= STEADY:
            return None
        return "it needs the times of some 200 steps: measured, logged, or of the rows"

    def _took(self, row: Points) -> float | None:
        """Seconds of a step that the row tells; one kind of telling, the best there was at first."""
        if MEASURED in row.values:
            self._switch((MEASURED,))
            return row.values[MEASURED]
        if self._source == (MEASURED,):
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
        if known is None or (known != source and known[-1] == "rows") or source == (MEASURED,):
            if known != source:
                self._steady.clear()
                self._block.clear()
                self._blocks, self._sum, self._opened = 0, 0.0, None
            self._source = source

    def _judged(self, level: float, row: Points) -> Iterable[Claim]:
        if len(self._steady) < STEADY:
            self._steady.append(level)
            for name, values in self._parts.items():
                if values:
                    self._normal[name].append(median(values))
            return ()
        usual = median(self._steady)
        moves = [abs(b - a) for a, b in zip(self._steady, self._steady[1:], strict=False)]
        spread = max(LEAST_SPREAD, 1.4826 * median(moves), max(self._steady) - usual)
        self._late = [*self._late[-2:], level]
        if self._sum == 0.0:
            self._since = row.step
        self._sum = max(0.0, self._sum + min((level - usual) / spread, BAR / 2) - SLACK)
        factor = math.exp(median(self._late) - usual)
        if self._opened is not None and factor < 1 + LEAST:
            claim = self._claim("recovered", factor, usual, row)
            self._opened, self._sum = None, 0.0
            return (claim,)
        if self._opened is None and self._sum > BAR and min(self._late) - usual > LEAST:
            self._opened = self._since
        return () if self._opened is None else (self._claim("confirmed", factor, usual, row),)

    def _claim(self, state: str, factor: float, usual: float, row: Points) -> Claim:
        passed = state == "recovered"
        normal, now = math.exp(usual), math.exp(usual) * factor
        source = None if self._source is None or self._source[-1] == "rows" else self._source[0]
        message = (
            f"Steps take as long as before again ({_span(now)})"
            if passed
            else f"A step takes {_span(now)} where it took {_span(normal)}: {factor - 1:.0%} longer "
            f"since step {self._opened}"
        )
        if source is not None and self._view.roles.of(source) == "throughput":
            message = f"`{source}` is {1 / now:.4g} again, as before"
            if not passed:
                message = f"`{source}` is {1 / now:.4g} where it was {1 / normal:.4g}: a step takes {factor - 1:.0%} longer since step {self._opened}"
        elif source is not None and source != MEASURED and not passed:
            message = f"`{source}` is {now:.4g} where it was {normal:.4g}: {factor - 1:.0%} more since step {self._opened}"
        causes = [] if passed else self._causes(now - normal)
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
            opened=self._opened,
            time=row.time,
            metric=source,
            evidence={"usual_s": normal, "now_s": now, "factor": round(factor, 3)},
            causes=causes,
            unchecked=[]
            if causes or passed
            else ["which part of the step has grown: that needs the probe"],
        )

    def _causes(self, longer: float) -> list[Cause]:
        """The parts of the step that have grown, by their share in the growth."""
        found: list[Cause] = []
        for name, words in PARTS.items():
            if not (self._parts[name] and self._normal[name]) or longer <= 0:
                continue
            before, now = median(self._normal[name]), median(self._parts[name])
            share = min(1.0, (now - before) / longer)
            if share > 0.2:
                told = f"{words} took {_span(before)} a step and takes {_span(now)}"
                found.append(Cause(words, round(share, 2), told))
        return sorted(found, key=lambda cause: -cause.confidence)


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
