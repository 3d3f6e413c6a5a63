"""The queue: runs that wait for a free slot, as plain files, and the process that starts them.

```
.labhand/sweeps/<id>/sweep.json      what the runs share, their settings by number
.labhand/sweeps/<id>/<number>        the id of the run that it became, or `! why it could not`
.labhand/queue/<rank>-<id>-<number>  waits; an empty file, so that none can be torn
.labhand/queue/claimed/…             is about to start; locked by the process that does it
.labhand/queue/lock                  locked by the one process that starts runs; `paused`: none may
```
A run is started by whoever moves its file to `claimed`: one only can. Where the machine went away
between that and the first attempt, the file is moved back. The process that starts runs ends when
nothing waits.
"""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import InputError, LabhandError
from labhand.core.store import Store, project_root
from labhand.cycle import sweep
from labhand.cycle.request import Request
from labhand.cycle.sweep import Sweep
from labhand.kit import configuration, slots

MIDDLE = 5000
"""The rank of a run whose priority is 0; a lower rank is started first."""
LOOK_S = 1.0
"""How often slots that others hold are looked at."""
AT_ONCE = 64
"""Runs that one process starts and waits for at most."""


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

    def put(self, many: Sweep, priority: int) -> None:
        """Lets all runs of a sweep wait.

        Raises:
            InputError: the queue cannot be written; then none of them waits.
        """
        rank = max(0, min(9999, MIDDLE - priority))
        made: list[Path] = []
        try:
            self.claimed.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(len(many.settings)):
                path = self.folder / Waiting(rank, many.id, number).file
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
                made.append(path)
        except OSError as error:
            for path in made:
                path.unlink(missing_ok=True)
            raise InputError(
                f"the queue cannot be written in {self.folder}: {error.strerror}; make room"
            ) from error

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
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
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


class Claim(NamedTuple):
    """A run that this process is about to carry."""

    queue: Queue
    sweep: Sweep
    entry: Waiting
    held: slots.Held
    fd: int
    in_place: bool

    def request(self) -> Request:
        """What is asked of the run; the environment is made as it was when it was asked for."""
        secret = {n: v for n, v in os.environ.items() if n not in self.sweep.variables}
        os.environ.clear()
        os.environ.update(secret | self.sweep.variables)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(self.held.gpus)
        if not self.held.gpus and not slots_of_gpus(self.sweep):
            del os.environ["CUDA_VISIBLE_DEVICES"]
        store, number = self.queue.store, self.entry.number
        return sweep.request_of(store, self.sweep, number, in_place=self.in_place)

    def becomes(self, run_id: str) -> None:
        """Notes which run it became, before that begins."""
        os.pwrite(self.fd, run_id.encode(), 0)
        self._tell(run_id)
        self.held.note(self.queue.store.folder(run_id))

    def begun(self) -> None:
        """The first attempt is on disk: it will not be started again."""
        (self.queue.claimed / self.entry.file).unlink(missing_ok=True)

    def refused(self, why: str) -> None:
        """It cannot be started; nothing of it waits any longer."""
        self._tell(f"! {why}")
        self.begun()

    def _tell(self, content: str) -> None:
        place = sweep.folder(self.queue.store, self.sweep.id) / str(self.entry.number)
        aside = place.with_name(f".{place.name}")
        aside.write_text(content, encoding="utf-8")
        aside.rename(place)


def slots_for(request: Request, *, alone: bool, priority: int) -> slots.Held | None:
    """The slots of a run that shall start at once; None where others hold them, or wait before it.

    `alone`: a person waits before the screen, so that it takes no core and queues behind nobody. Sets
    `CUDA_VISIBLE_DEVICES` where it gets GPUs of its own.

    Raises:
        UsageError: the machine has not so many GPUs.
    """
    store = Store.at(request.cwd)
    queue = Queue(store)
    gpus = sweep.gpus_of(request)
    first = queue.waiting()[:1]
    if not alone and (queue.paused() or (first and first[0].rank <= MIDDLE - priority)):
        return None
    at_once = configuration.read(project_root(request.cwd)).slots
    cores = 0 if alone else 1
    held = slots.take(cores, gpus, at_once or slots.all_cores(), slots.all_gpus())
    if held is not None and (held.gpus or request.gpus == 0):
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(held.gpus)
    return held


def slots_of_gpus(many: Sweep) -> bool:
    """Whether the machine has GPUs, so that a run without any must be told to see none."""
    return bool(slots.all_gpus()) or "CUDA_VISIBLE_DEVICES" in many.variables


def ensure_started(store: Store, carry: Callable[[Claim], int]) -> None:
    """Sees to it that a process of its own starts what waits, and ends when nothing does.

    `carry` carries one claimed run in a process of its own and returns its exit code.
    """
    queue = Queue(store)
    if queue.paused() or not queue.waiting() or queue.started_by_someone():
        return
    if os.fork():
        return
    try:  # the child must never come back to the caller's code
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nowhere, fd)
        _Starter(queue, carry).work()
    finally:
        os._exit(0)


class _Starter:
    """Starts what waits, each run in a child of its own, as slots come free."""

    def __init__(self, queue: Queue, carry: Callable[[Claim], int]) -> None:
        self.queue = queue
        self.carry = carry
        self.known: dict[str, Sweep | None] = {}
        self.lock: int | None = None
        self.children: set[int] = set()
        self.looked: tuple[str, float, bool] = ("", 0.0, False)
        self.cores = slots.all_cores()
        self.gpus = slots.all_gpus()

    def work(self) -> None:
        """Blocks until nothing waits that could be started."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        # What was put into the queue while we let go of the lock is looked for once more.
        while self._next():
            with self.queue.alone() as self.lock:
                if self.lock is None:
                    return
                self.queue.settle()
                while entry := self._next():
                    if not self._started(*entry):
                        signal.sigtimedwait({signal.SIGCHLD}, LOOK_S)

    def _next(self) -> tuple[Waiting, Sweep] | None:
        """The next one in the order of the queue: none overtakes it, so that large ones start too."""
        entries = [] if self.queue.paused() else self.queue.waiting()
        return next(((e, many) for e in entries if (many := self._sweep(e.sweep_id))), None)

    def _sweep(self, sweep_id: str) -> Sweep | None:
        if sweep_id not in self.known:
            self.known[sweep_id] = None  # damaged: told by `labhand queue`, left where it is
            with suppress(LabhandError):
                self.known[sweep_id] = sweep.read(self.queue.store, sweep_id)
        return self.known[sweep_id]

    def _started(self, entry: Waiting, many: Sweep) -> bool:
        """Whether it has its slots now, and so a process of its own."""
        self._reap()
        if len(self.children) >= AT_ONCE:
            return False
        try:
            held = slots.take(1, many.gpus, self._at_once(many), self.gpus)
        except OSError:
            return False
        if held is None:
            return False
        in_place = self._code_stands(many)
        claimed = self.queue.claim(entry)
        if claimed is not None:
            child = os.fork()
            if not child:
                self._carry(Claim(self.queue, many, entry, held, claimed, in_place))
            self.children.add(child)
            os.close(claimed)
        held.close()
        return True

    def _carry(self, claim: Claim) -> None:
        """Carries it in this process, which ends."""
        code = 1
        try:
            os.setsid()
            if self.lock is not None:
                os.close(self.lock)  # else another could not start runs in place of a dead parent
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            code = self.carry(claim)
        finally:
            os._exit(code)

    def _code_stands(self, many: Sweep) -> bool:
        """Whether its code stands in the project. Looked at once a second: it takes several git calls."""
        sweep_id, when, stands = self.looked
        if sweep_id != many.id or time.monotonic() - when > LOOK_S:
            stands = sweep.code_stands(self.queue.store, many)
            self.looked = (many.id, time.monotonic(), stands)
        return stands

    def _at_once(self, many: Sweep) -> int:
        with suppress(LabhandError):
            return configuration.read(project_root(Path(many.cwd))).slots or self.cores
        return self.cores

    def _reap(self) -> None:
        while self.children:
            child, _ = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            self.children.discard(child)
