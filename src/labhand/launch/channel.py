"""The way between labhand and a job that runs elsewhere: files in a folder that both of them see.

```
<attempt>.channel/plan.json   what to start, written once by this side
<attempt>.channel/job.json    the launcher and the number that its engine gave the job
<attempt>.channel/again       the job has ended here and goes back into the queue
<attempt>.channel/out         frames from there: output, that it has begun, how it ended
<attempt>.channel/in          frames from here: typed bytes, signals, the size of the terminal
```
A frame is a kind (one byte), the length of its content (four bytes, big endian) and the content,
put there by one `write(2)` on a file opened for appending. A file is opened anew for each look: on
NFS that alone shows what another host has written.
"""

import os
import shutil
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from labhand.core.errors import InputError
from labhand.core.store import write_whole
from labhand.kit.scrub import scrub
from labhand.kit.secret_kinds import secret_variable
from labhand.launch.job import Job

STDOUT, STDERR, BEGUN, AGAIN, REFUSED, ENDED = b"o", b"e", b"b", b"w", b"!", b"x"
"""From there. BEGUN holds `{"pid","host"}`, AGAIN that it waits once more, ENDED its `end.json`."""
TYPED, SIGNAL, KILL, RESIZE = b"t", b"s", b"k", b"r"
"""From here."""
AGAIN_FILE = "again"
VARIABLE = "LABHAND_CHANNEL"
"""Tells a command that was sent here which channel it came by."""
_HEAD = struct.Struct(">cI")
_AT_ONCE = 1 << 20


class Frame(NamedTuple):
    """One message."""

    kind: bytes
    content: bytes


class Ticket(msgspec.Struct):
    """Where a job was handed in: `job.json`."""

    launcher: str
    id: str


class Frames:
    """The frames of one file, as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._rest = b""

    def read(self) -> list[Frame]:
        """The whole frames that came since the last look; a torn one waits for its rest."""
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(self._at)
                data = file.read(_AT_ONCE)
        except OSError:
            return []
        self._at += len(data)
        data = self._rest + data
        frames, at = [], 0
        while len(data) - at >= _HEAD.size:
            kind, size = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + size
            if end > len(data):
                break
            frames.append(Frame(kind, data[at + _HEAD.size : end]))
            at = end
        self._rest = data[at:]
        return frames


def send(path: Path, kind: bytes, content: bytes = b"") -> None:
    """Adds a frame to the file. Raises OSError."""
    data = _HEAD.pack(kind, len(content)) + content
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)


def folder(attempt_dir: str) -> Path:
    """The channel of an attempt, whether or not it exists."""
    return Path(f"{attempt_dir}.channel")


def make(job: Job, *, whole: bool) -> Path:
    """The folder of a new channel, the plan in it, private to the user.

    Secrets are never written: the environment goes in without the variables that hold one, and not
    at all where the engine hands it on `whole`.

    Raises:
        InputError: the folder cannot be written, or the job was handed in before.
    """
    place = folder(job.attempt_dir)
    env = {} if whole else without_secrets(job.env)
    try:
        place.mkdir(mode=0o700)
        write_whole(place / "plan.json", msgspec.json.encode(msgspec.structs.replace(job, env=env)))
    except OSError as error:
        raise InputError(
            f"the job cannot be handed in: {place}: {error.strerror}; make room or set LABHAND_HOME "
            "to a folder on a disk that the cluster shares"
        ) from error
    return place


def remove(place: Path) -> None:
    """Takes a channel away: whatever still comes to start the job finds nothing to start."""
    shutil.rmtree(place, ignore_errors=True)


def put_back(place: Path) -> bool:
    """Whether the job of a channel goes back into the engine's queue, to be taken up again."""
    return (place / AGAIN_FILE).exists()


def plan(place: Path) -> Job:
    """The job of a channel. Raises OSError, msgspec.DecodeError."""
    return msgspec.json.decode((place / "plan.json").read_bytes(), type=Job)


def note(place: Path, ticket: Ticket) -> None:
    """Notes where the job was handed in."""
    write_whole(place / "job.json", msgspec.json.encode(ticket))


def noted(place: Path) -> Ticket | None:
    """Where the job was handed in; None: nowhere yet, or the file is torn."""
    with suppress(OSError, ValueError):
        return msgspec.json.decode((place / "job.json").read_bytes(), type=Ticket)
    return None


def without_secrets(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that hold no secret."""
    return {n: v for n, v in env.items() if not secret_variable(n) and scrub(v) == v}
