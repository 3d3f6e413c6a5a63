"""A habit made of its cases, and the words it is told in."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from labhand.core.habit import Habit
from labhand.kit.values import shown
from labhand.learn.belief import faded, lower

SHOWN = 10
"""So many runs or commits are named as evidence, the newest."""


class Case(NamedTuple):
    """One occasion on which a habit could hold: whether it did, in which run or commit, and when."""

    holds: bool
    name: str
    time: str


class Learned(NamedTuple):
    """A habit with every case that counts for or against it, oldest first."""

    habit: Habit
    cases: tuple[Case, ...]


def learned(
    kind: Any,
    name: str,
    text: str,
    when: Mapping[str, Hashable],
    then: Mapping[str, Hashable],
    cases: Sequence[Case],
) -> Learned:
    """A habit of its cases. `text` says what holds; how often and since when is added."""
    held = [case for case in cases if case.holds]
    habit = Habit(
        id=slug(name),
        text=f"{text} ({len(held)} of {len(cases)} times)",
        kind=kind,
        when=dict(when),
        then=dict(then),
        support=len(held),
        against=len(cases) - len(held),
        confidence=round(lower(*faded([case.holds for case in cases])), 2),
        since=held[0].time if held else None,
        evidence=[case.name for case in held[-SHOWN:]],
    )
    return Learned(habit, tuple(cases))


def slug(name: str) -> str:
    """A name that can be typed: small letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:60]


def told(values: Mapping[str, Hashable]) -> str:
    """Settings and their values: `lr` 3e-4 and `optimizer` sgd."""
    return joined(f"`{key}` {shown(value)}" for key, value in values.items())


def joined(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
