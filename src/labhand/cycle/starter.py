"""The process that starts what waits in the queue: one a home, for as long as something waits or goes on.

It has loaded all that carrying a run takes, so that a run costs a fork of it and no start of Python.
A fork and the copies of memory it leads to cost as much as all else of a run that does nothing, so
that short runs of a sweep share one.
"""

import gc
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from labhand.core.errors import LabhandError
from labhand.core.store import Store, project_root
from labhand.cycle import sweep
from labhand.cycle.budget import Purse
from labhand.cycle.needs import at_once
from labhand.cycle.queue import Queue, Waiting
from labhand.cycle.request import Request
from labhand.cycle.sweep import Sweep
from labhand.cycle.sweeping import withdraw
from labhand.kit import configuration, slots
from labhand.launch.kept import keepers_stay

LOOK_S = 1.0
"""How often slots that others hold, and budgets, are looked at."""
SOON_S = 0.2
"""How often a queue is looked at in which nothing waits while runs go on."""
TOGETHER_S = 10.0
"""So long a process that carries runs takes up further ones of the same sweep, one after another."""
AT_ONCE = 64
"""Runs that one process starts and waits for at most."""


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
        if not self.held.gpus and not _sees_gpus(self.sweep):
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


def _sees_gpus(many: Sweep) -> bool:
    """Whether the machine has GPUs, so that a run without any must be told to see none."""
    return bool(slots.all_gpus()) or "CUDA_VISIBLE_DEVICES" in many.variables


class Carrier(Protocol):
    """Whoever carries the runs that are started here, each in a process of its own."""

    def warm(self, store: Store) -> None:
        """Loads what carrying a run takes. Extra: a run is carried without it too."""

    def carry(self, claim: Claim) -> int:
        """Carries a run to its end; its exit code. Called in the run's own process."""

    def conclude(self, store: Store, many: Sweep) -> None:
        """Called in a process of its own once all runs of a sweep have ended."""


def ensure_started(store: Store, carrier: Carrier) -> None:
    """Sees to it that a process of its own starts what waits, and ends when nothing does."""
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
        _Starter(queue, carrier).work()
    finally:
        os._exit(0)


class _Starter:
    """Starts what waits, each run in a child of its own, as slots come free."""

    def __init__(self, queue: Queue, carrier: Carrier) -> None:
        self.queue = queue
        self.carrier = carrier
        self.order = _Order(queue)
        self.lock: int | None = None
        self.children: dict[int, str] = {}
        self.purses: dict[str, Purse] = {}
        self.closed: set[str] = set()
        self.stands = ("", 0.0, False)
        self.minded = time.monotonic()
        self.cores = slots.all_cores()
        self.gpus = slots.all_gpus()

    def work(self) -> None:
        """Blocks until nothing waits that could be started, and nothing goes on."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        # What was put into the queue while we let go of the lock is looked for once more.
        while self.order.next():
            with self.queue.alone() as self.lock:
                if self.lock is None:
                    return
                self.queue.settle()
                with suppress(Exception):
                    self.carrier.warm(self.queue.store)
                gc.collect()
                gc.freeze()  # else the first collection of each child would copy all of it
                self._serve()

    def _serve(self) -> None:
        while (entry := self.order.next()) or self.children:
            self._reap()
            self._mind()
            if entry is None or not self._started(*entry):
                signal.sigtimedwait({signal.SIGCHLD}, LOOK_S if entry else SOON_S)

    def _started(self, entry: Waiting, many: Sweep) -> bool:
        """Whether it waits no longer: it has its slots and a process of its own, or is another's."""
        if len(self.children) >= AT_ONCE:
            return False
        try:
            held = slots.take(many.need, self._at_once(many), self.gpus)
        except OSError:
            return False
        if held is None:
            return False
        in_place = self._code_stands(many)
        claimed = self.queue.claim(entry)
        self.order.drop(entry)
        if claimed is not None:
            claim = Claim(self.queue, many, entry, held, claimed, in_place)
            child = self._apart(partial(self._carry, claim))
            self.children[child] = many.id
            os.close(claimed)
        held.close()
        return True

    def _carry(self, claim: Claim) -> None:
        """Carries a run, and short ones after it, in this process of their own."""
        until = time.monotonic() + TOGETHER_S
        following: Claim | None = claim
        with keepers_stay():
            while following is not None:
                self.carrier.carry(following)
                os.close(following.fd)
                following = self._following(claim) if time.monotonic() < until else None

    def _following(self, claim: Claim) -> Claim | None:
        """The next run, where it is of the same sweep: it gets the slots of the one that has ended."""
        while (found := self.order.next()) and found[1].id == claim.sweep.id:
            entry, many = found
            in_place = self._code_stands(many)
            fd = self.queue.claim(entry)
            self.order.drop(entry)
            if fd is not None:
                return claim._replace(entry=entry, fd=fd, in_place=in_place)
        return None

    def _apart(self, work: Callable[[], object]) -> int:
        """Does it in a process of its own, whose number is returned."""
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            os.setsid()
            if self.lock is not None:
                os.close(self.lock)  # else another could not start runs in place of a dead parent
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            work()
            code = 0
        finally:
            os._exit(code)

    def _code_stands(self, many: Sweep) -> bool:
        """Whether its code stands in the project. Looked at once a second: it takes several git calls."""
        sweep_id, when, stands = self.stands
        if sweep_id != many.id or time.monotonic() - when > LOOK_S:
            stands = sweep.code_stands(self.queue.store, many)
            self.stands = (many.id, time.monotonic(), stands)
        return stands

    def _at_once(self, many: Sweep) -> int:
        with suppress(LabhandError):
            return at_once(Path(many.cwd))
        return self.cores

    def _mind(self) -> None:
        """Ends the sweeps whose budget is used up, runs whose own labhand has died too. Looks once in a while."""
        if time.monotonic() - self.minded < LOOK_S:
            return
        self.minded = time.monotonic()
        for sweep_id in {*self.children.values(), *self.order.known}:
            many = self.order.sweep(sweep_id)
            if many is None or many.budget is None or sweep_id in self.closed:
                continue
            purse = self.purses.setdefault(sweep_id, Purse(self.queue.store, many))
            if purse.used_up():
                self.closed.add(sweep_id)
                purse.close()
                grace_s = configuration.read(project_root(Path(many.cwd))).alarm_grace
                self._apart(partial(withdraw, self.queue.store, many, grace_s))

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                sweep_id = self.children.pop(ended, None)
                if sweep_id is None:
                    continue
                many = self.order.sweep(sweep_id)
                if many and sweep_id not in self.children.values() and not self.order.waits(many):
                    self._apart(partial(self.carrier.conclude, self.queue.store, many))


class _Order:
    """What waits, in its order, without listing thousands of files for each that starts."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.entries: list[Waiting] = []
        self.known: dict[str, Sweep | None] = {}
        self.stamp = -1
        self.listed = 0.0

    def next(self) -> tuple[Waiting, Sweep] | None:
        """The next one: none overtakes it, so that large ones start too."""
        if self.queue.paused():
            return None
        self._look()
        return next(((e, many) for e in self.entries if (many := self.sweep(e.sweep_id))), None)

    def drop(self, entry: Waiting) -> None:
        """It waits no longer."""
        with suppress(ValueError):  # listed anew since, and another's
            self.entries.remove(entry)

    def waits(self, many: Sweep) -> bool:
        """Whether a run of the sweep waits. Lists anew."""
        self.listed = 0.0
        self._look()
        return any(entry.sweep_id == many.id for entry in self.entries)

    def sweep(self, sweep_id: str) -> Sweep | None:
        """The sweep; None where it is damaged: told by `labhand queue`, left where it is."""
        if sweep_id not in self.known:
            self.known[sweep_id] = None
            with suppress(LabhandError):
                self.known[sweep_id] = sweep.read(self.queue.store, sweep_id)
        return self.known[sweep_id]

    def _look(self) -> None:
        """Lists anew once a second, or when nothing is known to wait and another has changed that.

        Not after every change: processes that carry runs change it all the time, and to list ten
        thousand takes as long as a run. What another has taken meanwhile cannot be claimed.
        """
        stamp, now = self.queue.stamp(), time.monotonic()
        if now - self.listed > LOOK_S or (not self.entries and stamp != self.stamp):
            self.stamp, self.listed = stamp, now
            self.entries = self.queue.waiting()
