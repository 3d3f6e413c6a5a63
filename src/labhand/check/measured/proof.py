"""A proof: what a run has shown of one place in the code."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from labhand.core.finding import Severity, Skipped

BEYOND: dict[str, Severity] = {
    "initial-loss": "warning",
    "not-learning": "error",
    "frozen-parameters": "warning",
}
"""Findings that only a run can make: they have the names that watch has for the same, and this severity."""


class Place(NamedTuple):
    """A line in the person's code, and the lines of the function around it; all count from 1."""

    path: str
    line: int
    first: int
    last: int

    @classmethod
    def of(cls, told: Any) -> "Place | None":
        """The place that an event tells; None where it tells none."""
        if not isinstance(told, Mapping) or not told.get("path"):
            return None
        return cls(str(told["path"]), *(int(told[key]) for key in ("line", "first", "last")))


class Proof(NamedTuple):
    """That a rule's fault is there (`proven`) or is not.

    `told` is what was seen, with the numbers. With a `message` and an `advice` it is a finding where the
    rule itself has none; without, it only settles one. `reach` says how near a finding has to be to be
    settled: at the line, in the function, in the file.
    """

    rule: str
    proven: bool
    at: Place | None
    told: str
    message: str = ""
    advice: str = ""
    confidence: float = 0.98
    reach: Literal["line", "function", "file"] = "function"
    numbers: Mapping[str, Any] = {}
    related: Sequence[tuple[str, Place]] = ()


class Measured(NamedTuple):
    """All that a run has shown; `ran` are the rules that were looked at, `skipped` those that could not be."""

    proofs: Sequence[Proof]
    ran: Sequence[str]
    skipped: Sequence[Skipped]
