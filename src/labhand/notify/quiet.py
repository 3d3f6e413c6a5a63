"""Quiet hours, and what is held back in them: `.labhand/held.jsonl`."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from labhand.core import event
from labhand.core.home import make_folder
from labhand.kit.configuration import HOURS
from labhand.notify.news import News

FILE = "held.jsonl"


class Quiet(NamedTuple):
    """The hours of the day, local time, in minutes after midnight, in which nobody is disturbed."""

    begin: int
    end: int

    @classmethod
    def of(cls, text: str) -> "Quiet | None":
        """The quiet hours that `22:00-07:00` means; None for nothing."""
        found = HOURS.fullmatch(text)
        if found is None:
            return None
        hour, minute, last_hour, last_minute = map(int, found.groups())
        return cls(hour * 60 + minute, last_hour * 60 + last_minute)

    def left(self, now: datetime) -> float:
        """The seconds until they are over; 0 outside of them."""
        minute = now.hour * 60 + now.minute
        inside = (
            self.begin <= minute < self.end
            if self.begin <= self.end
            else minute >= self.begin or minute < self.end
        )
        if not inside:
            return 0.0
        over = now.replace(hour=self.end // 60, minute=self.end % 60, second=0, microsecond=0)
        return ((over if over > now else over + timedelta(days=1)) - now).total_seconds()


class Held(msgspec.Struct, kw_only=True):
    """News that waits. `service`: the only one that still has to send it; None: all."""

    news: News
    service: str | None = None


@contextmanager
def opened(home: Path) -> Iterator["Waiting"]:
    """What waits, for this process alone within the block. Blocks while another has it."""
    make_folder(str(home))
    descriptor = os.open(home / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield Waiting(file)


class Waiting:
    """The open file of what waits."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self) -> list[Held]:
        """What waits, the newest word on each thing, in the order in which they came up."""
        self._file.seek(0)
        latest: dict[tuple[str, str, str | None], Held] = {}
        for line in self._file.read().splitlines():
            try:
                happened = msgspec.json.decode(line, type=event.Event)
                held = msgspec.convert(happened.data, Held)
            except ValueError:
                continue  # a torn line is no reason to lose the rest
            latest[held.news.run, held.news.key, held.service] = held
        return list(latest.values())

    def write(self, waiting: list[Held]) -> None:
        """Replaces what waits."""
        self._file.seek(0)
        for held in waiting:
            self._file.write(event.encode("held", **event.plain(held)))
        self._file.truncate()
        self._file.flush()
