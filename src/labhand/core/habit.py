"""A habit: what one researcher usually does, with its evidence (`labhand.habits/1`)."""

from typing import Any, Literal

import msgspec


class Habit(msgspec.Struct, kw_only=True):
    """One habit. `when` are the conditions, `then` what follows; both by the words of their kind.

    Kinds: `value` (`then` maps a setting to its usual value), `together` (what is changed with
    what), `next` (what follows a result), `convention` (naming and style), `files` (which files
    change together). `support` and `against` count the evidence, `confidence` is from 0 to 1.
    """

    id: str
    text: str
    kind: Literal["value", "together", "next", "convention", "files"]
    when: dict[str, Any] = {}
    then: dict[str, Any] = {}
    support: int = 0
    against: int = 0
    confidence: float = 0.0
    since: str | None = None
    evidence: list[str] = []


class Habits(msgspec.Struct, kw_only=True):
    """What `labhand learn --json` prints."""

    schema: str = "labhand.habits/1"
    habits: list[Habit] = []
