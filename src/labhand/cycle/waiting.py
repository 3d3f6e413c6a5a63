"""The runs that wait in the queue, as a person is told of them and names them."""

from contextlib import suppress

import msgspec

from labhand.core.errors import LabhandError
from labhand.core.store import Store
from labhand.cycle import placed, sweep
from labhand.cycle.queue import MIDDLE, Queue, Waiting
from labhand.cycle.sweep import Sweep


class WaitingRun(msgspec.Struct, kw_only=True):
    """A run that waits; it has no id before it starts. `engine`: where else it waits, and how."""

    name: str
    sweep: str
    command: list[str]
    settings: dict[str, str]
    queued: str
    priority: int
    gpus: int
    engine: str = ""

    @property
    def said(self) -> str:
        """What else a person wants to know of it."""
        asked = f"{self.gpus} GPU{'s' if self.gpus != 1 else ''}" if self.gpus else ""
        ahead = f"priority {self.priority}" if self.priority else ""
        return ", ".join(filter(None, [self.engine, asked, ahead]))


class Listing(msgspec.Struct, kw_only=True):
    """The queue (`labhand.queue/1`), the next run first.

    `served`: a process is there that starts runs. `problems`: what of it cannot be read, and why.
    """

    schema: str = "labhand.queue/1"
    runs: list[WaitingRun]
    paused: bool
    served: bool
    problems: list[str]


def listing(store: Store) -> Listing:
    """The queue as it stands."""
    queue = Queue(store)
    known, problems = _sweeps(store, queue.waiting())
    runs = [
        WaitingRun(
            name=many.name_of(entry.number),
            sweep=many.name,
            command=many.command,
            settings=many.settings[entry.number],
            queued=many.queued,
            priority=MIDDLE - entry.rank,
            gpus=many.gpus,
        )
        for entry in queue.waiting()
        if (many := known.get(entry.sweep_id))
    ]
    served = not runs or queue.started_by_someone()
    runs += _elsewhere(store)
    return Listing(runs=runs, paused=queue.paused(), served=served, problems=problems)


def _elsewhere(store: Store) -> list[WaitingRun]:
    """The runs that wait in the queues of engines."""
    runs: list[WaitingRun] = []
    folders = sorted({path.parent.parent for path in store.home.glob("sweeps/*/jobs/*.channel")})
    for folder in folders:
        with suppress(LabhandError):
            many = sweep.read(store, folder.name)
            became = sweep.run_ids(store, many)
            runs += [
                WaitingRun(
                    name=many.name_of(number),
                    sweep=many.name,
                    command=many.command,
                    settings=many.settings[number],
                    queued=many.queued,
                    priority=0,
                    gpus=many.gpus,
                    engine=f"{many.launcher}: {state}",
                )
                for number, state in placed.standing(store, many).items()
                if number not in became
            ]
    return runs


def named(store: Store, reference: str) -> list[Waiting]:
    """The waiting runs that a name means: one, or all of a sweep; empty where none waits."""
    entries = Queue(store).waiting()
    known, _ = _sweeps(store, entries)
    return [
        entry
        for entry in entries
        if (many := known.get(entry.sweep_id))
        and reference in (many.name, many.id, many.name_of(entry.number))
    ]


def sweep_named(store: Store, reference: str) -> Sweep | None:
    """The newest sweep of that name or id; None where there is none."""
    folder = store.home / "sweeps"
    ids = sorted((p.name for p in folder.iterdir()), reverse=True) if folder.is_dir() else []
    for sweep_id in ids:
        try:
            many = sweep.read(store, sweep_id)
        except LabhandError:
            continue
        if reference in (many.id, many.name):
            return many
    return None


def _sweeps(store: Store, entries: list[Waiting]) -> tuple[dict[str, Sweep], list[str]]:
    known: dict[str, Sweep] = {}
    problems: list[str] = []
    for sweep_id in dict.fromkeys(entry.sweep_id for entry in entries):
        try:
            known[sweep_id] = sweep.read(store, sweep_id)
        except LabhandError as error:
            problems.append(str(error))
    return known, problems
