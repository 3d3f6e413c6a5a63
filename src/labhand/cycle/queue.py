"""The queue: runs that wait for a free slot, as plain files.

```
.labhand/sweeps/<id>/sweep.json      what the runs share, their settings by number
.labhand/sweeps/<id>/<number>        the id of the run that it became, or `! why it could not`
.labhand/sweeps/<id>/<number>.before  that of the lost run which it goes on from
.labhand/queue/<rank>-<id>-<number>  waits; an empty file, so that none can be torn
.labhand/queue/claimed/…             is about to start; locked by the process that does it
.labhand/queue/lock                  locked by the one process that starts runs; `paused`: none may
```
A run is started by whoever moves its file to `claimed`: one only can. Where the machine went away
between that and the first attempt, the file is moved back. The process that starts runs ends when
nothing waits. In a home that a team shares each user has a queue, `.labhand/queue/user-<uid>/`.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import InputError
from labhand.core.home import make_folder, shared
from labhand.core.store import Store
from labhand.cycle import sweep
from labhand.cycle.sweep import Sweep

MIDDLE = 5000
"""The rank of a run whose priority is 0; a lower rank is started first."""


class Waiting(NamedTuple):
    """A run that waits: in the order of the queue."""

    rank: int
    sweep_id: str
    number: int

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.rank:04d}-{self.sweep_id}-{self.number:06d}"


def parsed(name: str) -> Waiting | None:
    """The waiting run that a file of the queue stands for; None: it is another file."""
    rank, _, rest = name.partition("-")
    sweep_id, _, number = rest.rpartition("-")
    if not (rank.isdigit() and number.isdigit() and sweep_id):
        return None
    return Waiting(int(rank), sweep_id, int(number))


class Queue:
    """The queue of one labhand home. Looking at it never creates anything."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.folder = store.home / "queue"
        if shared(str(store.home)):  # what one asked for must not run as another
            self.folder /= f"user-{os.geteuid()}"
        self.claimed = self.folder / "claimed"

    def waiting(self) -> list[Waiting]:
        """The runs that wait, the next one first."""
        return self._listed(self.folder)

    def starting(self) -> list[Waiting]:
        """The runs that are about to start."""
        return self._listed(self.claimed)

    def _listed(self, folder: Path) -> list[Waiting]:
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208  thousands of them
        except OSError:
            return []
        return [entry for name in names if (entry := parsed(name))]

    def put(self, many: Sweep, priority: int, numbers: Iterable[int] | None = None) -> None:
        """Lets runs of a sweep wait, all of them where none are named.

        Raises:
            InputError: the queue cannot be written; then none of them waits.
        """
        rank = max(0, min(9999, MIDDLE - priority))
        made: list[Path] = []
        try:
            make_folder(str(self.claimed))
            for number in range(len(many.settings)) if numbers is None else numbers:
                path = self.folder / Waiting(rank, many.id, number).file
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
                made.append(path)
        except OSError as error:
            for path in made:
                path.unlink(missing_ok=True)
            raise InputError(
                f"the queue cannot be written in {self.folder}: {error.strerror}; make room"
            ) from error

    def stamp(self) -> int:
        """A number that is another one once what waits has changed."""
        try:
            return self.folder.stat().st_mtime_ns
        except OSError:
            return 0

    def take_out(self, entry: Waiting) -> bool:
        """Whether a run that waited does so no longer; False: it has just been started."""
        try:
            (self.folder / entry.file).unlink()
        except FileNotFoundError:
            return False
        return True

    def put_first(self, entries: list[Waiting]) -> None:
        """Lets these runs wait before all others."""
        first = self.waiting()[:1]
        rank = max(0, first[0].rank - 1) if first else MIDDLE
        for entry in entries:
            with suppress(FileNotFoundError):
                (self.folder / entry.file).rename(self.folder / entry._replace(rank=rank).file)

    def paused(self) -> bool:
        """Whether a person wants no further run to start."""
        return (self.folder / "paused").exists()

    def pause(self, *, on: bool) -> None:
        """Lets no further run start, or lets them again. Those that go on are left alone."""
        make_folder(str(self.folder))
        if on:
            (self.folder / "paused").touch(mode=0o600)
        else:
            (self.folder / "paused").unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[int | None]:
        """The lock of the one process that starts runs, as long as the block lasts; None: another is."""
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield fd
        except BlockingIOError:
            yield None
        finally:
            os.close(fd)

    def started_by_someone(self) -> bool:
        """Whether a process is there that starts what waits."""
        if not self.folder.exists():
            return False
        with self.alone() as alone:
            return alone is None

    def claim(self, entry: Waiting) -> int | None:
        """The locked file of a run that this process may start; None: another was faster."""
        path = self.claimed / entry.file
        try:
            (self.folder / entry.file).rename(path)
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd

    def settle(self) -> None:
        """Puts back what was claimed by a process that has gone before the run had begun."""
        for entry in self._listed(self.claimed):
            path = self.claimed / entry.file
            with suppress(OSError):
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._settle(entry, path, os.pread(fd, 100, 0).decode())
                finally:
                    os.close(fd)

    def _settle(self, entry: Waiting, path: Path, run_id: str) -> None:
        if run_id and (self.store.folder(run_id) / "attempts").exists():
            path.unlink()
            return
        if run_id:
            shutil.rmtree(self.store.folder(run_id), ignore_errors=True)
            (sweep.folder(self.store, entry.sweep_id) / str(entry.number)).unlink(missing_ok=True)
        os.truncate(path, 0)
        path.rename(self.folder / entry.file)
