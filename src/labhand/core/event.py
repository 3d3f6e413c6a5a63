"""Everything that happens is an event, one JSON line in an `events*.jsonl` file (`labhand.event/1`)."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec


class Event(msgspec.Struct, kw_only=True):
    """Something that happened. `kind` is a kebab-case name, `time` ISO 8601 with offset.

    Kinds that labhand writes: attempt-started, finding, alarm, note. Kinds that the probe writes:
    config, exception, non-finite, checkpoint, facts, fault (a trouble of its own, such as a full
    disk).
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


def seconds(time: str) -> float:
    """The unix seconds of an event's time."""
    return datetime.fromisoformat(time).timestamp()


def plain(thing: msgspec.Struct) -> dict[str, Any]:
    """A struct as plain JSON values, for the data of an event."""
    made: dict[str, Any] = msgspec.to_builtins(thing)
    return made


def read_from(path: Path, offsets: dict[Path, int]) -> Iterator[Event]:
    """The whole events that came since the last call with these `offsets`, which it moves on.

    A line that cannot be read is passed over: a torn line is no reason to lose the rest.
    """
    try:
        with path.open("rb") as file:
            file.seek(offsets.get(path, 0))
            new = file.read()
    except OSError:
        return
    whole = new[: new.rfind(b"\n") + 1]
    offsets[path] = offsets.get(path, 0) + len(whole)
    for line in whole.splitlines():
        try:
            yield msgspec.json.decode(line, type=Event)
        except ValueError:
            continue
