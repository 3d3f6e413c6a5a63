"""The budget of a sweep: a time from its first start on, or money that its runs cost together."""

import time
from pathlib import Path

from labhand.core import event
from labhand.core.errors import LabhandError
from labhand.core.store import Store, project_root
from labhand.cycle import limit, sweep
from labhand.cycle.sweep import Sweep, run_ids
from labhand.cycle.sweeping import withdraw
from labhand.kit import configuration

OVER = "over"
"""In a sweep's folder: its budget was used up."""


def used_up(store: Store, many: Sweep) -> bool:
    """Whether a sweep was ended because its budget was used up."""
    return (sweep.folder(store, many.id) / OVER).exists()


class Purse:
    """What is left of the budget of a sweep, as its runs come and go. Without a budget: everything."""

    def __init__(self, store: Store, many: Sweep) -> None:
        self._store = store
        self._many = many
        self._time_s = self._run_s = float("inf")
        self._going: dict[int, float] = {}
        self._spent_s = 0.0
        self._began = time.time()
        self._closed = False
        if many.budget is None:
            return
        paid = limit.money(many.budget)
        if paid is None:
            self._time_s = limit.time(many.budget) or self._time_s
        else:
            self._run_s = limit.seconds(many.budget, self._chosen().price)
        self._before()

    def _chosen(self) -> configuration.Configuration:
        return configuration.read(project_root(Path(self._many.cwd)))

    def _before(self) -> None:
        """Takes in the runs that were started by another process, before a reboot say."""
        for told in run_ids(self._store, self._many).values():
            try:
                run = self._store.read(told)
            except LabhandError:
                continue
            self._spent_s += run.wall_s or 0.0
            self._began = min(self._began, event.seconds(run.started))

    def opens(self, child: int) -> None:
        """A run has started."""
        self._going[child] = time.monotonic()

    def closes(self, child: int) -> None:
        """A run has ended."""
        self._spent_s += time.monotonic() - self._going.pop(child, time.monotonic())

    def used_up(self) -> bool:
        """Whether nothing is left. True once."""
        now = time.monotonic()
        spent_s = self._spent_s + sum(now - began for began in self._going.values())
        over = spent_s >= self._run_s or time.time() - self._began >= self._time_s
        over, self._closed = over and not self._closed, over or self._closed
        return over

    def close(self) -> None:
        """Takes the sweep's waiting runs out of the queue and stops the others, with time to save."""
        (sweep.folder(self._store, self._many.id) / OVER).touch(mode=0o600)
        withdraw(self._store, self._many, self._chosen().alarm_grace)
