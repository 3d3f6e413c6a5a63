"""The jobs of runs that were handed to an engine, as their files in a sweep's folder tell of them.

```
.labhand/sweeps/<id>/jobs/<number>            what the job that carries the run leaves
.labhand/sweeps/<id>/jobs/<number>.channel/   its channel, as long as it waits or goes on
.labhand/runs/<id>/job                        which of them carries the run
```
"""

import time
from contextlib import suppress
from pathlib import Path

from labhand.core.errors import LabhandError
from labhand.core.store import Store, write_whole
from labhand.cycle import sweep
from labhand.cycle.sweep import Sweep
from labhand.launch import channel, places
from labhand.launch.distant import ASK_S, Distant

JOB = "job"
LATE_S = 60.0
"""A channel that was used within this time is left alone: somebody may still read the last of it."""
_asked: dict[str, tuple[float, dict[int, str]]] = {}


def folder(store: Store, many: Sweep) -> Path:
    """Where the jobs of a sweep are, whether or not it was handed to an engine."""
    return sweep.folder(store, many.id) / "jobs"


def standing(store: Store, many: Sweep) -> dict[int, str]:
    """How the engine says the jobs of the runs stand, by number; those that have gone are left out.

    A few seconds old at most. Blocks while the engine is asked; the channels of jobs that have gone
    are cleared away.
    """
    when, known = _asked.get(many.id, (-ASK_S, {}))
    if time.monotonic() - when < ASK_S:
        return known
    tickets = _tickets(store, many)
    states: dict[str, str] = {}
    with suppress(LabhandError):
        states = places.states(list(tickets.values()), store.home)
    now = {number: states[t.id] for number, t in tickets.items() if t.id in states}
    for number in tickets.keys() - now.keys():
        place = _channel(store, many, number)
        if time.time() - max(p.stat().st_mtime for p in (place, *place.glob("out"))) > LATE_S:
            channel.remove(place)
    _asked[many.id] = (time.monotonic(), now)
    return now


def take_back(store: Store, many: Sweep) -> int:
    """How many jobs that had not become a run were taken back: they will not start any more."""
    became, taken = sweep.run_ids(store, many), 0
    for number in _tickets(store, many).keys() - became.keys():
        process = places.found(folder(store, many) / str(number), store.home)
        if process is not None:
            process.engine.cancel()
            process.abandon()
            taken += 1
    _asked.pop(many.id, None)
    return taken


def becomes(store: Store, many: Sweep, number: int, told: str) -> None:
    """Notes which run it became, or `! why` it could not."""
    path: Path = sweep.folder(store, many.id) / str(number)
    aside = path.with_name(f".{path.name}")
    aside.write_text(told, encoding="utf-8")
    aside.rename(path)
    if not told.startswith("!"):
        job = (folder(store, many) / str(number)).relative_to(store.home)
        write_whole(store.folder(told) / JOB, str(job).encode())


def job_of(store: Store, run_id: str) -> Distant | None:
    """The job that carries a run; None: it was not handed to an engine, or the job has ended.

    Raises:
        LabhandError: its launcher is not here.
    """
    try:
        told = (store.folder(run_id) / JOB).read_text(encoding="utf-8")
    except OSError:
        return None
    return places.found(store.home / told, store.home)


def _tickets(store: Store, many: Sweep) -> dict[int, channel.Ticket]:
    found: dict[int, channel.Ticket] = {}
    for path in folder(store, many).glob("[0-9]*.channel"):
        ticket = channel.noted(path)
        if ticket is not None:
            found[int(path.name.removesuffix(".channel"))] = ticket
    return dict(sorted(found.items()))


def _channel(store: Store, many: Sweep, number: int) -> Path:
    return channel.folder(str(folder(store, many) / str(number)))
