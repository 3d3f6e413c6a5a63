"""A run whose process ended by an error.

## What it does
Tells when the process ends with an exit code other than 0 or by a signal, and the person did not stop
it. The message is the exception that the probe saw, else what the end of the output says. It also tells
when process after process of a run ends by one and the same error and no step comes: a pool starts a new
worker for each that ends, forever.

## Why it is bad
Nothing after that moment happens, and nobody looks at a terminal at night.

## Known problems
A log without its process does not tell how it ended: there a traceback at the very end of plain
output is what counts.

## Example
`ValueError: Expected more than 1 value per channel when training`, exit code 1

## Use instead
See the traceback; `labhand show RUN --output` prints the output.

## References
signal(7).
"""

import re
import signal as signals
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Claim
from labhand.watch.signals import Ended, Fact, Signal
from labhand.watch.view import View

_EXCEPTION = re.compile(
    r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Interrupt|Exit|Stop\w*))(?::\s*(.*))?$"
)
_FATAL = re.compile(
    r"(Segmentation fault|Bus error|Killed|core dumped|Fatal Python error: .*|terminate called .*"
    r"|srun: error: .*|slurmstepd: error: .*)"
)
_LONGEST = 300
DYING = 5
"""So many processes that end by the same error, …"""
DYING_S = 30.0
"""… over so many seconds, without a step: ranks that end together are one crash."""


class Detector:
    """Watches how the process ends."""

    wants: Wants = (Fact, Ended)

    def __init__(self, view: View) -> None:
        self._view = view
        self._exception: Mapping[str, Any] | None = None
        self._end: Ended | None = None
        self._dying: list[float] = []
        self._at: tuple[object, ...] = ()

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The crash, when the process has ended by one."""
        if isinstance(signal, Fact) and signal.kind == "exception":
            self._exception = signal.data
            return self._again(signal)
        if isinstance(signal, Ended):
            self._end = signal
            return self._ended(signal)
        return ()

    def blind(self) -> str | None:
        """Why there was nothing to judge by."""
        if self._end is None or (self._end.exit_code is None and not self._end.tail):
            return "how the process ended is not in the log"
        return None

    def _again(self, fact: Fact) -> list[Claim]:
        """What process after process ends by, where it is the same and nothing else happens."""
        at = (fact.data.get("type"), fact.data.get("message"), self._view.step)
        if at != self._at:
            self._at, self._dying = at, []
        self._dying.append(fact.time)
        lasted = fact.time - self._dying[0]
        if len(self._dying) < DYING or lasted < DYING_S:
            return []
        return [
            Claim(
                key="workers",
                state="confirmed",
                severity="error",
                confidence=0.95,
                message=f"{len(self._dying)} processes of the run have ended by the same error in "
                f"{lasted:.0f} s, and no step has come: {self._reason_seen()}",
                advice="Stop it and mend that error: a pool starts a new process for each that ends, "
                "without end, and never tells.",
                step=self._view.step,
                time=fact.time,
                alarm=True,
                evidence={"processes": len(self._dying), "exception": dict(fact.data)},
            )
        ]

    def _ended(self, end: Ended) -> list[Claim]:
        known = end.exit_code is not None or end.signal is not None
        if end.stopped or (known and not end.exit_code and not end.signal):
            return []
        reason = self._reason(end)
        if not known and reason is None:
            return []
        if reason and "KeyboardInterrupt" in reason and not known:
            return []
        return [
            Claim(
                key="end",
                state="confirmed",
                severity="error",
                confidence=1.0 if known else 0.9,
                message=_sentence(end, reason, self._view.step),
                advice="Read the last lines of the output; the failure that labhand recognised, and "
                "what mends it, stand beside the attempt.",
                step=self._view.step,
                time=end.time,
                alarm=True,
                evidence={
                    "exit_code": end.exit_code,
                    "signal": end.signal,
                    "exception": dict(self._exception) if self._exception else None,
                    "tail": end.tail.splitlines()[-10:],
                },
            )
        ]

    def _reason_seen(self) -> str:
        seen = self._exception or {}
        said = f"{seen.get('type')}: {seen.get('message')}"
        return textwrap.shorten(said, _LONGEST, placeholder=" …")

    def _reason(self, end: Ended) -> str | None:
        if self._exception:
            return self._reason_seen()
        lines = [line.rstrip() for line in end.tail.splitlines() if line.strip()]
        if not lines:
            return None
        if end.exit_code is None and end.signal is None:
            # a log alone: only an error that ends it is an end by error
            return _said(lines[-1])
        return next((told for line in reversed(lines[-40:]) if (told := _said(line))), None)


def _said(line: str) -> str | None:
    found = _EXCEPTION.match(line) or _FATAL.search(line)
    return textwrap.shorten(line, _LONGEST, placeholder=" …") if found else None


def _sentence(end: Ended, reason: str | None, step: int | None) -> str:
    if end.signal:
        try:
            how = f"was killed by {signals.Signals(end.signal).name}"
        except ValueError:
            how = f"was killed by signal {end.signal}"
    elif end.exit_code is not None:
        how = f"ended with exit code {end.exit_code}"
    else:
        how = "ended by an error"
    when = f" after step {step}" if step is not None else ""
    return f"The run {how}{when}" + (f": {reason}" if reason else "")
