"""A problem with a known answer, and how well an answer met it."""

from collections.abc import Iterable
from typing import Any

import msgspec


class Task(msgspec.Struct, kw_only=True):
    """A problem an environment made. `expected` is the answer; for findings, `[rule, line]` pairs."""

    schema: str = "labhand.task/1"
    id: str
    environment: str
    prompt: str
    expected: Any
    facts: dict[str, Any] = {}


class Score(msgspec.Struct, kw_only=True):
    """How an answer did. `value` is from 0 (nothing right) to 1 (all right, nothing wrong)."""

    task: str
    value: float
    hits: int
    misses: int
    false_alarms: int


def score_pairs(task: Task, answer: Iterable[tuple[str, int]]) -> Score:
    """How an answer, pairs of rule and line, meets a task: F1 of the pairs."""
    expected = {(str(rule), int(line)) for rule, line in task.expected}
    given = set(answer)
    hits, misses, false = len(expected & given), len(expected - given), len(given - expected)
    whole = 2 * hits + misses + false
    value = 2 * hits / whole if whole else 1.0
    return Score(task=task.id, value=value, hits=hits, misses=misses, false_alarms=false)
