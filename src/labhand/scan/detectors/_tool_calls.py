"""Calls of tools that no tool can take, and results that belong to no call."""

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data, Part
from labhand.scan.detectors import _objects
from labhand.scan.detectors._cells import share, shown
from labhand.scan.transcripts import Call, Transcript, transcripts

HABIT = 0.2
"""The share of transcripts from which on what they do is how the data is."""
LIKE = 0.75
"""How like a rare name must be to one that is often called, to be a slip of it."""
MANY_TIMES = 20
"""How much oftener the right name must be called."""
_OFFERED = ("tools", "functions", "available_tools", "tool_definitions", "tool_schemas")


def unreadable(data: Data, part: Part) -> Iterable[Anomaly]:
    """Transcripts with calls whose arguments are no JSON or of another make, or of a tool that nobody offers."""
    told = transcripts(data, part)
    every = [(one.row, call) for one in told for m in one.messages for call in m.calls]
    why: dict[int, str] = {}
    for row, call in every:
        if call.torn:
            why.setdefault(row, f"the arguments of {shown(call.name)} are no JSON: {shown(call.torn)}")  # fmt: skip
    for row, said in (*_unoffered(part, every), *_slips(every), *_odd(every)):
        why.setdefault(row, said)
    yield from _told(
        part,
        told,
        why,
        "call a tool in a way that it cannot take",
        "mend the calls, or drop the rows",
        "calls name a tool that is there, with arguments that it takes",
    )


def unanswered(data: Data, part: Part) -> Iterable[Anomaly]:
    """Transcripts with results that name no call before them, or calls that others answer and these do not."""
    told = transcripts(data, part)
    why: dict[int, str] = {}
    for one in told:
        if (said := _unmatched(one)) is not None:
            why[one.row] = said
    yield from _told(
        part,
        told,
        why,
        "have results of tools that belong to no call",
        "give each result the number of its call, or drop the rows",
        "each result names a call before it",
    )


def _unmatched(one: Transcript) -> str | None:
    called: set[str] = set()
    for message in one.messages:
        if message.answers and message.answers not in called and called:
            return f"the result {message.number} names {shown(message.answers)}, which no call before has"  # fmt: skip
        called |= {call.number for call in message.calls if call.number}
    return None


def _unoffered(part: Part, every: list[tuple[int, Call]]) -> Iterator[tuple[int, str]]:
    """Calls of a tool that is not among those which the row offers."""
    name = next((n for n in part.names if n.lower() in _OFFERED), None)
    if name is None:
        return
    rows = sorted({row for row, _ in every})
    offered = {row: _names(cell) for row, cell in zip(rows, part.at(rows, [name])[name].to_list(), strict=True)}  # fmt: skip
    for row, call in every:
        if offered[row] and call.name not in offered[row]:
            yield row, f"{shown(call.name)} is none of the tools that are offered"


def _names(cell: Any) -> set[str]:
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except ValueError:
            return set()
    found: set[str] = set()
    for one in cell if isinstance(cell, list) else []:
        told = one.get("function", one) if isinstance(one, dict) else one
        name = told.get("name") if isinstance(told, dict) else told
        found |= {name} if isinstance(name, str) else set()
    return found


def _slips(every: list[tuple[int, Call]]) -> Iterator[tuple[int, str]]:
    """Calls of a name that is hardly called, and nearly one that is often called."""
    times = Counter(call.name for _, call in every)
    for name, number in times.items():
        often = [n for n, t in times.items() if t >= MANY_TIMES * number]
        near = difflib.get_close_matches(name, often, 1, LIKE)
        if near and number <= 5:
            said = f"{shown(name)} is hardly ever called, {shown(near[0])} {times[near[0]]:,} times"
            yield from ((row, said) for row, call in every if call.name == name)


def _odd(every: list[tuple[int, Call]]) -> Iterator[tuple[int, str]]:
    """Calls whose arguments are unlike those of the other calls of the tool."""
    by_name: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for row, call in every:
        if not call.torn:
            by_name[call.name].append((row, call.arguments))
    for name, calls in by_name.items():
        odd = {row: why for row, why in _objects.odd(calls).items() if "lacks" in why or " is a" in why}  # fmt: skip
        yield from ((row, f"of {shown(name)}: {why}") for row, why in odd.items())


def _told(
    part: Part, told: list[Transcript], why: dict[int, str], what: str, advice: str, normal: str
) -> Iterator[Anomaly]:
    if not why or len(why) > HABIT * len(told) + 1:
        return
    row, first = next(iter(why.items()))
    yield Anomaly(
        part,
        f"{len(why):,} of {len(told):,} transcripts ({share(len(why), len(told))}) {what}, as row {row}: {first}",
        advice,
        0.85,
        made(why),
        sorted({one.column for one in told}),
        normal=normal,
        evidence={"why": {str(r): w for r, w in list(why.items())[:20]}},
        group=what,
    )
