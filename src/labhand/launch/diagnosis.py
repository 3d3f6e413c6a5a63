"""Evidence of a bad end → the kind of failure, told in one sentence."""

import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from labhand.core import run
from labhand.core.registry import load_all
from labhand.launch.job import Evidence, Recogniser

_USUAL_ORDER = 50


def diagnose(evidence: Evidence, home: Path | None = None) -> run.Failure | None:
    """Why the training ended badly; None when it ended well or the person interrupted it.

    `evidence["advice"]` of the failure says what to do next, `evidence["said"]` the line of the
    output that decided. `home` is where a project's own recognisers are found.
    """
    if _fine(evidence):
        return None
    for recogniser in _recognisers(home):
        try:
            failure = recogniser.recognise(evidence)
        except Exception:  # one that trips must not hide the failure from the others
            continue
        if failure is not None:
            return _in_one_line(failure)
    return _in_one_line(_unknown(evidence))


def _in_one_line(failure: run.Failure) -> run.Failure:
    failure.message = " ".join(failure.message.splitlines())
    return failure


def _fine(evidence: Evidence) -> bool:
    if evidence.exit_code == 0 and evidence.signal is None:
        return True
    interrupted = signal.SIGINT in (evidence.signal, (evidence.exit_code or 0) - 128)
    return interrupted or (
        evidence.raised is not None and evidence.raised.type == "KeyboardInterrupt"
    )


@cache
def _recognisers(home: Path | None) -> list[Recogniser]:
    classes, _ = load_all("failure", home)
    ordered = sorted(classes.values(), key=lambda kind: getattr(kind, "order", _USUAL_ORDER))
    return [kind() for kind in ordered]


def _unknown(evidence: Evidence) -> run.Failure:
    if evidence.exit_code is None:
        message = "the process vanished and nobody saw how it ended"
        return run.Failure("unknown", message, {"advice": "look at the end of its output"})
    raised = evidence.raised
    if raised is not None:
        facts = raised.facts()
        message = f"it ended with {raised.headline}"
    else:
        last = next(_spoken(evidence.lines), "")
        facts = {"text": last}
        message = f"it ended with exit code {evidence.exit_code}"
        message += f"; its last words were: {last}" if last else " and said nothing"
    advice = "read the end of the output; no kind of failure that labhand knows fits it"
    return run.Failure("unknown", message, {**facts, "advice": advice})


def _spoken(lines: list[str]) -> Iterator[str]:
    return (line.strip()[:300] for line in reversed(lines) if line.strip())
