"""How a sweep stands, run by run, and how it is ended."""

import signal
from contextlib import suppress

import msgspec

from labhand.core.errors import LabhandError, RecordError
from labhand.core.run import Run
from labhand.core.store import Store
from labhand.cycle import placed, settle
from labhand.cycle.outcome import SHOWN
from labhand.cycle.queue import Queue
from labhand.cycle.sweep import BEFORE, Sweep, folder, run_ids
from labhand.cycle.waiting import named, sweep_named
from labhand.kit.metric_names import headlines


class Row(msgspec.Struct, kw_only=True):
    """One run of a sweep as it stands.

    `status` is that of the run, or `waiting`, `starting`, `refused`, `withdrawn`; `why`: why it has no
    result, in a sentence.
    """

    number: int
    name: str
    settings: dict[str, str]
    status: str
    run: str | None = None
    step: int | None = None
    metrics: dict[str, float] = {}
    seconds: float | None = None
    why: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status not in ("waiting", "starting", "running")


class Standing:
    """The runs of a sweep, looked at again and again; those that have ended are not read anew."""

    def __init__(self, store: Store, many: Sweep) -> None:
        self._store = store
        self._many = many
        self._became: dict[int, str] = {}
        self._ended: dict[int, Row] = {}

    def rows(self) -> list[Row]:
        """All runs by number, as they stand now."""
        run_ids(self._store, self._many, self._became)
        queue = Queue(self._store)
        entries = [*queue.waiting(), *queue.starting()]
        left = {entry.number for entry in entries if entry.sweep_id == self._many.id}
        left |= set(placed.standing(self._store, self._many))
        return [self._row(number, number in left) for number in range(len(self._many.settings))]

    def _row(self, number: int, waits: bool) -> Row:
        row = self._ended.get(number)
        if row is None:
            settings = self._many.settings[number]
            name = self._many.name_of(number)
            row = Row(number=number, name=name, settings=settings, status="waiting")
            _look(self._store, row, self._became.get(number), waits)
            if row.ended:
                self._ended[number] = row
        return row


def rows(store: Store, many: Sweep) -> list[Row]:
    """All runs of a sweep by number, as they stand now."""
    return Standing(store, many).rows()


def _look(store: Store, row: Row, became: str | None, waits: bool) -> None:
    if became is None:
        row.status = "waiting" if waits else "withdrawn"
        return
    if became.startswith("!"):
        row.status, row.why = "refused", became[2:]
        return
    row.run = became
    try:
        run = settle.settle(store, store.read(became))
    except RecordError:
        row.status = "starting" if waits else "lost"
        return
    row.status, row.seconds, row.why = run.status, run.wall_s, _why(run)
    for name in headlines(run.metrics)[:SHOWN]:
        metric = run.metrics[name]
        row.step = max(row.step or 0, metric.last_step)
        if metric.last is not None:
            row.metrics[name] = metric.last


def _why(run: Run) -> str:
    """Why a run has no result, as far as its record tells."""
    if run.status == "lost":
        return "its machine or its labhand went away; `labhand rerun` takes it up again"
    failure = run.attempts[-1].failure if run.attempts else None
    if failure is None or run.status == "finished":
        return ""
    return failure.message


_FROM_OUTSIDE = (signal.SIGTERM, signal.SIGKILL, signal.SIGHUP)


def take_up(store: Store, many: Sweep) -> int:
    """How many runs of a sweep were put back into the queue: those that were lost, or ended from outside."""
    place = folder(store, many.id)
    queue = Queue(store)
    back = [row.number for row in rows(store, many) if _taken_away(store, row)]
    for number in back:
        (place / str(number)).replace(place / f"{number}{BEFORE}")
    queue.put(many, 0, back)
    return len(back)


def _taken_away(store: Store, row: Row) -> bool:
    if row.status != "failed" or row.run is None:
        return row.status == "lost"
    attempts = store.read(row.run).attempts
    failure = attempts[-1].failure
    code = attempts[-1].exit_code or 0
    return (failure is None or failure.kind == "killed") and (
        attempts[-1].signal in _FROM_OUTSIDE or code - 128 in _FROM_OUTSIDE
    )


def take_out(store: Store, many: Sweep) -> int:
    """How many runs of a sweep that waited, here or in an engine, do so no longer."""
    queue = Queue(store)
    out = sum(queue.take_out(entry) for entry in queue.waiting() if entry.sweep_id == many.id)
    return out + placed.take_back(store, many)


def withdraw(store: Store, many: Sweep, grace_s: float = 10.0) -> tuple[int, int]:
    """How many runs of a sweep were taken out of the queue, and how many stopped. Blocks for these."""
    out = take_out(store, many)
    going = []
    for told in run_ids(store, many).values():
        with suppress(LabhandError):
            if not told.startswith("!") and store.read(told).status == "running":
                going.append(told)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max(1, len(going))) as pool:  # all have the same time to save
        return out, sum(pool.map(lambda run_id: _stopped(store, run_id, grace_s), going))


def _stopped(store: Store, run_id: str, grace_s: float) -> bool:
    with suppress(LabhandError):
        settle.stop_run(store, run_id, grace_s)
        return True
    return False


def stop_named(store: Store, reference: str, grace_s: float) -> str | None:
    """What was done with the waiting run or the sweep of that name; None where it is neither."""
    entries = named(store, reference)
    many = sweep_named(store, reference)
    if many is not None and many.keys:
        out, stopped = withdraw(store, many, grace_s)
        return f"{many.name}: {out} taken out of the queue, {stopped} stopped"
    if many is not None and placed.take_back(store, many):
        return f"{reference} taken back from {many.launcher}"
    if entries and all([Queue(store).take_out(entry) for entry in entries]):
        return f"{reference} taken out of the queue"
    return None
