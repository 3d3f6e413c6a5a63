"""Where a known text stands in what a training left behind: its exception, or the end of its output."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from labhand.launch.job import Evidence
from labhand.launch.raised import Raised

AS_MODULE = re.compile(
    r"^\s*\S*python[\d.]*\S*: (?:Error while finding module specification for '(?P<whole>[\w.]+)' "
    r"\(ModuleNotFoundError: )?(?P<text>No module named '?(?P<module>[\w.]+?)'?)\)?\s*$"
)
"""What `python -m` prints of a module that it does not find."""


class Said(NamedTuple):
    """A known text that was found. `error` is the exception that said it; None: a printed line."""

    match: re.Match[str]
    facts: dict[str, Any]
    error: Raised | None

    @property
    def text(self) -> str:
        """All that was said along with it."""
        return self.error.message if self.error is not None else self.match.string


def said(
    evidence: Evidence, pattern: re.Pattern[str], *, printed: bool = False, last: int = 60
) -> Said | None:
    """Where `pattern` is found in `Type: message` of an exception or, without one, in a line.

    The exception counts with those it was raised from. Of the output the `last` lines are looked at
    where no exception of the training's own is known, or with `printed` in any case.
    """
    for error in suspects(evidence.raised):
        found = pattern.search(f"{error.type}: {error.message}")
        if found:
            return Said(found, error.facts(), error)
    if evidence.raised is None or evidence.raised.second_hand or printed:
        for line in reversed(evidence.lines[-last:]):
            found = pattern.search(line)
            if found:
                return Said(found, {"said": line.strip(), "text": line.strip()}, None)
    return None


def suspects(raised: Raised | None) -> Iterator[Raised]:
    """The exception, those it was raised from, and what was handled when a library raised anew."""
    if raised is None:
        return
    yield from raised.chain()
    inner = raised.context
    while inner is not None:
        yield inner
        inner = inner.context


def called(error: Raised | None, *words: str) -> bool:
    """Whether one of the words stands in a frame's file, function or code."""
    frames = error.frames if error is not None else []
    return any(word in f"{f.file} {f.function} {f.code}" for f in frames for word in words)
