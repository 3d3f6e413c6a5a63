"""Everything that happens is an event, one JSON line in an `events*.jsonl` file (`labhand.event/1`)."""

from datetime import datetime
from typing import Any

import msgspec


class Event(msgspec.Struct, kw_only=True):
    """Something that happened. `kind` is a kebab-case name, `time` ISO 8601 with offset.

    Kinds that labhand writes: attempt-started, attempt-ended, failure, fix, finding, alarm, note,
    verdict, config, fault (a trouble of labhand's own, such as a full disk). Kinds that the probe
    writes: config, exception, non-finite, checkpoint, seed, facts, fault.
    """

    schema: str = "labhand.event/1"
    kind: str
    time: str
    data: dict[str, Any] = {}


def now() -> str:
    """The time now, ISO 8601 with the local offset, to the millisecond."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def encode(kind: str, **data: Any) -> bytes:
    """One line for an events file, stamped with the time now."""
    return msgspec.json.encode(Event(kind=kind, time=now(), data=data)) + b"\n"
