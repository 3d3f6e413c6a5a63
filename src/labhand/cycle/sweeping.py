"""How a sweep stands, and what came of it: setups by their results, held against the noise."""

from contextlib import suppress
from pathlib import Path

import msgspec

from labhand.core.errors import LabhandError, RecordError
from labhand.core.run import Run
from labhand.core.store import Store
from labhand.cycle import settle
from labhand.cycle.compare import Comparison, Estimate, estimate, in_record
from labhand.cycle.queue import Queue
from labhand.cycle.sweep import Sweep, run_ids
from labhand.cycle.waiting import named, sweep_named
from labhand.kit.metric_names import direction, headlines

SHOWN = 3
"""Metrics of a sweep that are shown."""


class Row(msgspec.Struct, kw_only=True):
    """One run of a sweep as it stands. `status` is that of the run, or `waiting`, `starting`, `refused`."""

    number: int
    name: str
    settings: dict[str, str]
    status: str
    run: str | None = None
    step: int | None = None
    metrics: dict[str, float] = {}
    seconds: float | None = None
    refused: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status not in ("waiting", "starting", "running")


def rows(store: Store, many: Sweep, ended: dict[int, "Row"]) -> list[Row]:
    """All runs of a sweep by number. `ended` keeps those that need not be looked at again."""
    became = run_ids(store, many)
    queue = Queue(store)
    left = {e.number for e in [*queue.waiting(), *queue.starting()] if e.sweep_id == many.id}
    found: list[Row] = []
    for number, settings in enumerate(many.settings):
        row = ended.get(number)
        if row is None:
            row = Row(number=number, name=many.name_of(number), settings=settings, status="waiting")
            _look(store, row, became.get(number), number in left)
            if row.ended:
                ended[number] = row
        found.append(row)
    return found


def _look(store: Store, row: Row, became: str | None, waits: bool) -> None:
    if became is None:
        row.status = "waiting" if waits else "withdrawn"
        return
    if became.startswith("!"):
        row.status, row.refused = "refused", became[2:]
        return
    row.run = became
    try:
        run = settle.settle(store, store.read(became))
    except RecordError:
        row.status = "starting" if waits else "lost"
        return
    row.status, row.seconds = run.status, run.wall_s
    for name in headlines(run.metrics)[:SHOWN]:
        metric = run.metrics[name]
        row.step = max(row.step or 0, metric.last_step)
        if metric.last is not None:
            row.metrics[name] = metric.last


def withdraw(store: Store, many: Sweep, grace_s: float = 10.0) -> tuple[int, int]:
    """How many runs of a sweep were taken out of the queue, and how many stopped. Blocks for these."""
    queue = Queue(store)
    out = sum(queue.take_out(entry) for entry in queue.waiting() if entry.sweep_id == many.id)
    stopped = 0
    for told in run_ids(store, many).values():
        with suppress(LabhandError):
            if not told.startswith("!") and store.read(told).status == "running":
                settle.stop_run(store, told, grace_s)
                stopped += 1
    return out, stopped


def stop_named(store: Store, reference: str, grace_s: float) -> str | None:
    """What was done with the waiting run or the sweep of that name; None where it is neither."""
    entries = named(store, reference)
    many = sweep_named(store, reference)
    if many is not None and many.keys:
        out, stopped = withdraw(store, many, grace_s)
        return f"{many.name}: {out} taken out of the queue, {stopped} stopped"
    if entries and all([Queue(store).take_out(entry) for entry in entries]):
        return f"{reference} taken out of the queue"
    return None


class Outcome(msgspec.Struct, kw_only=True):
    """Runs of a sweep that share all settings but the seed. `told` of the `runs` have a result."""

    settings: dict[str, str]
    runs: list[str]
    told: int
    results: dict[str, Estimate]


class Outcomes(msgspec.Struct, kw_only=True):
    """What came of a sweep (`labhand.sweep-outcome/1`): the setups, the best first by `metrics[0]`.

    `said`: the sentences that tell what is more than noise, held to the setup of the first run.
    """

    schema: str = "labhand.sweep-outcome/1"
    name: str
    keys: list[str]
    metrics: list[str]
    setups: list[Outcome]
    said: list[str]
    comparison: Comparison | None = None


def outcome(store: Store, root: Path, many: Sweep) -> Outcomes:
    """What came of a sweep so far.

    Raises:
        RecordError: a run of it cannot be read.
    """
    keys = [key for key in many.keys if key != many.seed]
    runs = {n: store.read(told) for n, told in run_ids(store, many).items() if told[:1] != "!"}
    names = dict.fromkeys(name for run in runs.values() for name in run.metrics)
    metrics = [name for name in headlines(list(names)) if direction(name)] or headlines(list(names))
    metrics = metrics[:SHOWN]
    groups: dict[tuple[str, ...], list[Run]] = {}
    for number, run in runs.items():
        values = tuple(many.settings[number][key] for key in keys)
        groups.setdefault(values, []).append(run)
    setups = [
        _outcome(dict(zip(keys, v, strict=True)), group, metrics) for v, group in groups.items()
    ]
    ordered = [run for group in groups.values() for run in group]
    comparison = in_record(store, root, ordered) if len(ordered) > 1 else None
    return Outcomes(
        name=many.name,
        keys=keys,
        metrics=metrics,
        setups=_ranked(setups, metrics),
        said=_said(comparison, setups, metrics),
        comparison=comparison,
    )


def _outcome(settings: dict[str, str], runs: list[Run], metrics: list[str]) -> Outcome:
    finished = [run for run in runs if run.status == "finished"]
    found = {name: e for name in metrics if (e := estimate(name, finished))}
    told = sum(any(name in run.metrics for name in metrics) for run in finished)
    return Outcome(settings=settings, runs=[run.id for run in runs], told=told, results=found)


def _ranked(setups: list[Outcome], metrics: list[str]) -> list[Outcome]:
    way = direction(metrics[0]) if metrics else None
    if way is None:
        return setups
    sign = -1.0 if way == "up" else 1.0

    def place(setup: Outcome) -> tuple[bool, float]:
        found = setup.results.get(metrics[0])
        return (found is None, sign * found.mean if found else 0.0)

    return sorted(setups, key=place)


def _said(comparison: Comparison | None, setups: list[Outcome], metrics: list[str]) -> list[str]:
    """One sentence on the best setup, and on how many differ from the first by more than noise."""
    if comparison is None:
        return []
    if len(setups) < 2:
        return [comparison.caution]
    best = _ranked(setups, metrics)[0]
    clear = [j for j in comparison.judgements if j.outcome in ("improved", "worse")]
    judged = next((j for j in comparison.judgements if set(j.runs) & set(best.runs)), None)
    said = (
        [judged.said]
        if judged
        else [f"the first setup is the best by `{metrics[0]}`"]
        if metrics
        else []
    )
    if len(comparison.judgements) > 1:
        said.append(
            f"{len(clear)} of {len(comparison.judgements)} other setups differ from the first by more "
            "than noise"
        )
    return said
