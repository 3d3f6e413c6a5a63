"""The runs of the record as one researcher's history: what was set, what was changed, what came of it."""

import json
import math
import re
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

import msgspec

from labhand.core.run import Attempt, Metric, Status
from labhand.core.store import Store
from labhand.kit import sweeps
from labhand.kit.catalog import script_of
from labhand.kit.metric_names import best, direction, headlines
from labhand.kit.values import flat, guess

SEED = re.compile(r"^(.*[._])?(seed|random_state)$", re.I)
_PLACES = re.compile(r"(^|[._])(dir|path|name|file|id|time|date|timestamp|port|host)$", re.I)
"""Settings that say where or under which name, and nothing of the science."""
_FLAG = re.compile(r"^-{0,2}\+{0,2}([A-Za-z][\w.-]*)(?:=|$)")
LONGEST = 200
"""Longer texts are no values of a setting."""


class _Finding(msgspec.Struct):
    job: str
    rule: str
    state: str = "confirmed"


class _Record(msgspec.Struct):
    """Of `run.json` what a history needs."""

    id: str
    name: str
    command: list[str]
    started: str = ""
    status: Status = "finished"
    config: dict[str, Any] = {}
    findings: list[_Finding] = []
    attempts: list[Attempt] = []
    metrics: dict[str, Metric] = {}
    parents: list[str] = []


class Trial(NamedTuple):
    """One choice of settings, carried out by one run or by several that differ in the seed alone.

    `given` are the settings that its command names; `changed` maps each that differs from the trial
    before of the same script to its old and new value. `came_of_it` are its results, such as
    ("failure", "out-of-memory") or ("result", "worse").
    """

    names: tuple[str, ...]
    time: str
    script: str
    values: dict[str, Hashable]
    given: frozenset[str]
    changed: dict[str, tuple[Hashable, Hashable]]
    came_of_it: frozenset[tuple[str, str]]
    sweep: str = ""
    """The sweep that its first run is of."""

    @property
    def name(self) -> str:
        """Its first run's name."""
        return self.names[0]


def trials(store: Store) -> list[Trial]:
    """The trials of a record, oldest first. Reruns, running and unreadable runs are left out."""
    decoder = msgspec.json.Decoder(_Record)
    found: list[_Record] = []
    for run_id in store.ids():
        try:
            record = decoder.decode((store.folder(run_id) / "run.json").read_bytes())
        except (OSError, ValueError):
            continue
        if record.status != "running" and not record.parents:
            found.append(record)
    known = sweeps.tried(store.home)
    made = []
    for trial in in_order(found):
        sweep = sweeps.of(known, trial.name)
        made.append(trial._replace(sweep=sweep.name) if sweep else trial)
    return made


def in_order(records: Iterable[_Record]) -> list[Trial]:
    """The trials that records make."""
    grouped: list[list[_Record]] = []
    newest: dict[str, list[_Record]] = {}
    for record in sorted(records, key=lambda r: r.id):
        script = script_of(record.command)
        group = newest.get(script)
        if group is not None and _repeats(record, group):
            group.append(record)
        else:
            newest[script] = [record]
            grouped.append(newest[script])
    made: list[Trial] = []
    before: dict[str, tuple[Trial, list[_Record]]] = {}
    for group in grouped:
        script = script_of(group[0].command)
        trial = _trial(group, script, before.get(script))
        before[script] = (trial, group)
        made.append(trial)
    return made


def _repeats(record: _Record, group: list[_Record]) -> bool:
    """Whether a run has the settings of others and a seed of its own."""
    seed = _seeds(record)
    return (
        bool(seed)
        and all(seed != _seeds(other) for other in group)
        and _settings(group[0]) == _settings(record)
    )


def _seeds(record: _Record) -> dict[str, Hashable]:
    return {k: plain(v) for k, v in flat(record.config).items() if SEED.match(k)}


def _trial(group: list[_Record], script: str, before: tuple[Trial, list[_Record]] | None) -> Trial:
    values = _settings(group[0])
    changed: dict[str, tuple[Hashable, Hashable]] = {}
    results = {result for record in group for result in _results(record)}
    if before is not None:
        old = before[0].values
        changed = {k: (old[k], v) for k, v in values.items() if k in old and old[k] != v}
        results |= _compared(group, before[1])
    return Trial(
        names=tuple(record.name for record in group),
        time=group[0].started,
        script=script,
        values=values,
        given=_given(group[0].command),
        changed=changed,
        came_of_it=frozenset(results),
    )


def _settings(record: _Record) -> dict[str, Hashable]:
    """The settings by name, without seeds and places."""
    found: dict[str, Hashable] = {}
    for key, value in flat(record.config or _typed(record.command)).items():
        if not SEED.match(key) and not _PLACES.search(key):
            found[key] = plain(value)
    return found


def _typed(command: list[str]) -> dict[str, Any]:
    """The settings that a command spells, where a run ended before it told them."""
    found: dict[str, Any] = {}
    for word, after in zip(command, [*command[1:], ""], strict=True):
        flag = _FLAG.match(word)
        if flag is None or not (word.startswith("-") or "=" in word) or word == command[0]:
            continue
        text = word[flag.end() :] if "=" in word else after
        if text and not (text.startswith("-") and not re.match(r"-\.?\d", text)):
            found[flag[1].replace("-", "_")] = guess(text)
        elif "=" not in word:
            found[flag[1].replace("-", "_")] = True
    return found


def plain(value: Any) -> Hashable:
    """A value that can be counted; lists as their JSON text."""
    if isinstance(value, str):
        return value[:LONGEST]
    if value is None or isinstance(value, bool | int | float):
        return value
    return json.dumps(value, default=str)[:LONGEST]


def _given(command: list[str]) -> frozenset[str]:
    """The settings that a command names, with underscores."""
    found = (_FLAG.match(word) for word in command[1:] if word.startswith("-") or "=" in word)
    return frozenset(f[1].replace("-", "_") for f in found if f)


def is_given(key: str, given: frozenset[str]) -> bool:
    """Whether a command names a setting."""
    plain_key = key.replace("-", "_")
    return plain_key in given or plain_key.rpartition(".")[2] in given


def _results(record: _Record) -> set[tuple[str, str]]:
    """What came of a run by itself: how it ended, and what was found while it ran."""
    found: set[tuple[str, str]] = set()
    if record.status != "finished":
        found.add(("status", record.status))
    if record.attempts and (failure := record.attempts[-1].failure):
        found.add(("failure", failure.kind))
    found |= {
        ("finding", f.rule) for f in record.findings if f.job == "watch" and f.state != "suspected"
    }
    return found


def _compared(group: list[_Record], before: list[_Record]) -> set[tuple[str, str]]:
    """Whether the metric that tells most is better or worse than that of the trial before."""
    name = next(iter(headlines(group[0].metrics)), None)
    way = direction(name) if name else None
    if name is None or way is None:
        return set()
    new, old = _mean(group, name), _mean(before, name)
    if new is None or old is None or new == old:
        return set()
    return {("result", "better" if (new > old) == (way == "up") else "worse")}


def _mean(group: list[_Record], name: str) -> float | None:
    found = [best(name, r.metrics[name]) for r in group if name in r.metrics]
    numbers = [n for n in found if n is not None and math.isfinite(n)]
    return sum(numbers) / len(numbers) if numbers else None
