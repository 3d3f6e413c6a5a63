"""A problem with a known answer, and how well an answer met it."""

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
