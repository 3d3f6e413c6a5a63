"""The budget of a sweep: a time from its first start on, or money that its runs cost together."""

import time
from contextlib import suppress
from pathlib import Path

from labhand.core import event
from labhand.core.errors import LabhandError
from labhand.core.run import Run
from labhand.core.store import Store, project_root
from labhand.cycle import limit, sweep
from labhand.cycle.request import Request
from labhand.cycle.sweep import Sweep, run_ids
from labhand.cycle.sweeping import take_out
from labhand.kit import configuration

OVER = "over"
"""In a sweep's folder: its budget was used up."""
LOOK_S = 1.0
"""How often it is looked what runs have spent."""
READ_A_SECOND = 20
"""Records of runs that go on and are read for it, by each process that carries one."""


def used_up(store: Store, many: Sweep) -> bool:
    """Whether a sweep was ended because its budget was used up."""
    return (sweep.folder(store, many.id) / OVER).exists()


class Purse:
    """What is left of the budget of a sweep, as the record of its runs tells; without one: everything.

    Each process that carries a run of the sweep holds it, wherever it is, so that the budget is kept
    though all others have died.
    """

    def __init__(self, store: Store, many: Sweep) -> None:
        self._store = store
        self._many = many
        self._time_s = self._run_s = float("inf")
        self._became: dict[int, str] = {}
        self._spent_s: dict[str, float] = {}
        self._began = float("inf")
        self._due = 0.0
        self._over = False
        if many.budget is not None:
            self._time_s = limit.time(many.budget) or self._time_s
            if limit.money(many.budget) is not None:
                price = configuration.read(project_root(Path(many.cwd))).price
                self._run_s = limit.seconds(many.budget, price)

    @classmethod
    def of(cls, request: Request, store: Store) -> "Purse | None":
        """That of the sweep which a run belongs to; None: it has no budget."""
        if request.budget is None or request.sweep is None:
            return None
        return cls(store, sweep.read(store, request.sweep))

    @property
    def said(self) -> str:
        """The budget as it was typed."""
        return self._many.budget or ""

    def used_up(self) -> bool:
        """Whether nothing is left. Reads the record once in a second, less often where many runs go on."""
        if self._over or self._many.budget is None:
            return self._over
        now = time.monotonic()
        if now >= self._due:
            going = self._look()
            self._due = now + LOOK_S * max(1.0, going / READ_A_SECOND)
        return self._over

    def _look(self) -> int:
        """Looks whether nothing is left; how many runs go on."""
        going_s: list[float] = []
        # The first of them has begun: of a time nothing else matters.
        told = {} if self._spends_time() else run_ids(self._store, self._many, self._became)
        for run_id in told.values():
            if run_id.startswith("!") or run_id in self._spent_s:
                continue
            with suppress(LabhandError):
                run = self._store.read(run_id)
                self._began = min(self._began, event.seconds(run.started))
                if run.status == "running":
                    going_s.append(_seconds(run))
                else:
                    self._spent_s[run_id] = _seconds(run)
        spent_s = sum(self._spent_s.values()) + sum(going_s)
        self._over = spent_s >= self._run_s or time.time() - self._began >= self._time_s
        return len(going_s)

    def _spends_time(self) -> bool:
        return self._run_s == float("inf") and self._began < float("inf")

    def close(self) -> None:
        """Lets no further run of the sweep start. Blocks while an engine takes its jobs back."""
        (sweep.folder(self._store, self._many.id) / OVER).touch(mode=0o600)
        take_out(self._store, self._many)


def _seconds(run: Run) -> float:
    """For how long the attempts of a run have gone on, up to now."""
    ended = sum(attempt.wall_s or 0.0 for attempt in run.attempts)
    last = run.attempts[-1] if run.attempts and run.status == "running" else None
    if last is None or last.wall_s is not None:
        return ended
    return ended + max(0.0, time.time() - event.seconds(last.started))
