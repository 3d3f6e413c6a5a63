"""The environment of launch: outputs of failed trainings with the kind of their failure."""

import re

from labhand.core import run
from labhand.launch.diagnosis import diagnose
from labhand.launch.job import Evidence
from labhand.launch.raised import seen

_EXIT = re.compile(r"^exit code:? (\d+)$")


def run_case(text: str) -> list[tuple[str, int]]:
    """The kind of failure and the line that decides, of an output; none where nothing is known."""
    evidence = evidence_of(text)
    failure = diagnose(evidence)
    if failure is None or failure.kind == "unknown":
        return []
    return [(failure.kind, _deciding_line(evidence.lines, failure))]


def evidence_of(text: str) -> Evidence:
    """What is known of a bad end by its output alone.

    A line `exit code 137` says how it ended; without one it is 1, or 2 where a usage is printed.
    """
    return Evidence(exit_code=_exit_code(seen(text)), tail=text)


def _exit_code(lines: list[str]) -> int:
    told = [int(found[1]) for line in lines if (found := _EXIT.match(line.strip()))]
    if told:
        return told[-1]
    return 2 if any(line.lower().lstrip().startswith("usage:") for line in lines) else 1


def _deciding_line(lines: list[str], failure: run.Failure) -> int:
    said = failure.evidence.get("said")
    for number in range(len(lines), 0, -1):
        line = lines[number - 1].strip()
        if line == said or (said is None and _EXIT.match(line)):
            return number
    return len(lines)
