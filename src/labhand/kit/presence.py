"""Whether a process that was once noted down is still there, even after its number was reused."""

import os
import socket
from pathlib import Path

import msgspec

from labhand.core.store import write_whole
from labhand.kit.born import born


class Presence(msgspec.Struct):
    """A process as it was when it was noted. `created` is unix seconds, as the system tells it."""

    pid: int
    created: float
    host: str


def mine() -> Presence:
    """The presence of this process."""
    return Presence(os.getpid(), born(), socket.gethostname())


def note(path: Path) -> None:
    """Writes the presence of this process to `path`."""
    write_whole(path, msgspec.json.encode(mine()))


def read(path: Path) -> Presence | None:
    """The presence noted in `path`; None where there is none or it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Presence)
    except (OSError, ValueError):
        return None


def there(presence: Presence | None) -> bool:
    """Whether that process still runs. One on another host is taken to run: we cannot know."""
    if presence is None:
        return False
    if presence.host != socket.gethostname():
        return True
    import psutil

    try:
        process = psutil.Process(presence.pid)
        # The system rounds creation times to clock ticks; a reused pid is off by far more.
        same = abs(process.create_time() - presence.created) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
