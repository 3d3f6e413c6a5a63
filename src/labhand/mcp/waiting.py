"""Waits for a run, or for all runs of a sweep, and tells meanwhile how they get on."""

import time
from collections import Counter

from labhand.core.errors import LabhandError
from labhand.core.finding import Finding
from labhand.core.run import Run
from labhand.cycle.outcome import outcome
from labhand.cycle.sweep import Sweep
from labhand.cycle.sweeping import Row, Standing, rows
from labhand.cycle.waiting import sweep_named
from labhand.mcp import telling
from labhand.mcp.looking import settled
from labhand.mcp.tools import Call
from labhand.web import words

POLL_S = 0.5
TELL_S = 2.0
SHOWN = 20
"""Setups or runs of a sweep that are told."""


class _Clock:
    """The seconds since a wait began, and whether it is over."""

    def __init__(self, call: Call, seconds: float) -> None:
        self.call, self.seconds = call, seconds
        self._began, self._told = time.monotonic(), -TELL_S

    def over(self) -> bool:
        return self.call.gone.is_set() or time.monotonic() - self._began >= self.seconds

    def rest(self, message: str) -> None:
        """Tells how it stands, now and then, and lets a moment pass."""
        past = time.monotonic() - self._began
        if past - self._told >= TELL_S:
            self._told = past
            self.call.tell(round(past, 1), self.seconds, message)
        self.call.gone.wait(max(0.01, min(POLL_S, self.seconds - past)))


def waited(call: Call, reference: str, seconds: float, alarm: bool) -> str:
    """How a run or a sweep stands or went, after it ended, a new alarm came, or the time was over.

    Raises:
        NotFoundError: there is neither of that name.
        LabhandError: it waited in the queue, and could not be started.
    """
    clock = _Clock(call, seconds)
    many = sweep_named(call.here.store, reference)
    if many is not None and many.keys:
        return _sweep(clock, many)
    if many is not None:
        row = rows(call.here.store, many)[0]
        while row.status in ("waiting", "starting"):
            if clock.over():
                return f'{many.name} waits in the queue; call wait(run="{many.name}") again'
            clock.rest(f"{many.name} waits in the queue")
            row = rows(call.here.store, many)[0]
        if row.status == "refused":
            raise LabhandError(row.why)
    return _run(clock, settled(call, reference), alarm)


def _run(clock: _Clock, run: Run, alarm: bool) -> str:
    store = clock.call.here.store
    before = {finding.id for finding in _alarms(run)}
    new: list[Finding] = []
    while run.status == "running" and not clock.over() and not (alarm and new):
        clock.rest(telling.standing(store, run))
        run = settled(clock.call, run.id)
        # a crash is no alarm to wait for: its end, or the attempt after it, comes at once
        new = [f for f in _alarms(run) if f.id not in before and f.rule != "crashed"]
    clock.call.here.told |= {finding.id: finding for finding in run.findings}
    if run.status != "running":
        return telling.run(store, run, 5)
    lines = [telling.standing(store, run)]
    lines += telling.findings(new or _alarms(run), 0, 5) if _alarms(run) else []
    return "\n".join([*lines, f'call wait(run="{run.name}") again, or stop it'])


def _alarms(run: Run) -> list[Finding]:
    return [f for f in run.findings if f.alarm is True and f.state == "confirmed"]


def _sweep(clock: _Clock, many: Sweep) -> str:
    here = clock.call.here
    standing = Standing(here.store, many)
    found = standing.rows()
    while not all(row.ended for row in found) and not clock.over():
        clock.rest(f"{many.name}: {_counts(found)}")
        found = standing.rows()
    lines = [f"{many.name}: {telling.counted(len(found), 'run')}: {_counts(found)}"]
    came = outcome(here.store, many)
    lines += [telling.cut(sentence, 800) for sentence in came.said]
    for setup in came.setups[:SHOWN]:
        values = ", ".join(f"{key}={value}" for key, value in setup.settings.items())
        results = ", ".join(
            f"{name} {words.number(e.mean)}"
            + (f" ± {words.number(e.standard_error, 2)}" if e.standard_error is not None else "")
            for name, e in setup.results.items()
        )
        told = telling.counted(setup.told, "run")
        lines.append(f"{values or 'the same settings'}: {results or 'no result'} ({told})")
    broken = [row for row in found if row.status in ("failed", "lost", "refused")]
    lines += [f"{r.name} {r.status} {telling.cut(r.why)}".strip() for r in broken[:SHOWN]]
    if not all(row.ended for row in found):
        lines.append(f'call wait(run="{many.name}") again, or stop it')
    return "\n".join(lines)


def _counts(found: list[Row]) -> str:
    return ", ".join(f"{n} {status}" for status, n in Counter(r.status for r in found).items())
