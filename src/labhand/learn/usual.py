"""Usual values of settings, and the conditions that they depend on."""

import itertools
import statistics
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from labhand.kit.values import shown
from labhand.learn import belief
from labhand.learn.evidence import Case, Learned, learned, slug
from labhand.learn.history import Trial, is_given

RESTLESS = 0.4
"""Where the other settings change so often, none is left to stand."""
MOST_KINDS = 12
"""A setting with more values than these is no condition for another."""
Default = Callable[[str, str], tuple[bool, Hashable]]
"""Whether the code of a script tells the default of a setting, and which."""


class Usual(NamedTuple):
    """What was learned of values: the habits, and the pairs of settings that are told by them."""

    habits: list[Learned]
    pairs: set[frozenset[str]]


def usual(trials: Sequence[Trial], default: Default, scaled: set[frozenset[str]]) -> Usual:
    """The usual value of each setting that is chosen at all, alone and under conditions.

    Pairs of settings that are `scaled` with each other are no conditions for each other.
    """
    trials = _choices(trials)
    keys = _varying(trials)
    chance = max(belief.SURE / max(len(keys), 1), 0.005)
    plain = [*_plain(trials, keys, chance, default), *_constant(trials, keys, default)]
    held = {next(iter(found.habit.then.items())) for found in plain if not found.habit.when}
    under = _conditional(trials, keys, chance, held, scaled)
    pairs = {frozenset([*found.habit.when, *found.habit.then]) for found in under}
    return Usual([*plain, *under, *_seeds(trials)], pairs)


def _choices(trials: Sequence[Trial]) -> list[Trial]:
    """The trials, those of one sweep as one: what all of it has was chosen once, what it tried was not."""
    by_sweep: dict[str, list[Trial]] = {}
    for trial in trials:
        by_sweep.setdefault(trial.sweep or trial.name, []).append(trial)
    found = []
    for of_one in by_sweep.values():
        first = of_one[0]
        same = {k: v for k, v in first.values.items() if all(t.values.get(k) == v for t in of_one)}
        changed = {k: v for k, v in first.changed.items() if k in same}
        found.append(first._replace(values=same, changed=changed))
    return found


def _varying(trials: Sequence[Trial]) -> dict[str, int]:
    """The settings that have several values, and how many."""
    found: dict[str, set[Hashable]] = {}
    for trial in trials:
        for key, value in trial.values.items():
            found.setdefault(key, set()).add(value)
    return {key: len(values) for key, values in found.items() if len(values) > 1}


def _plain(
    trials: Sequence[Trial], keys: dict[str, int], chance: float, default: Default
) -> Iterator[Learned]:
    scripts = list(dict.fromkeys(t.script for t in trials))
    rates = {key: _rate(trials, key) for key in keys}
    for key in keys:
        found = _of_key(trials, key, chance, rates, default)
        if found is not None:
            yield found
        elif len(scripts) > 1:
            for script in scripts:
                mine = [t for t in trials if t.script == script]
                found = _of_key(mine, key, chance, rates, default, script)
                if found is not None:
                    yield found


def _rate(trials: Sequence[Trial], key: str) -> float:
    """How often a setting is changed, a trial."""
    there = sum(key in t.values for t in trials)
    return sum(key in t.changed for t in trials) / max(there - 1, 1)


def _of_key(
    trials: Sequence[Trial],
    key: str,
    chance: float,
    rates: dict[str, float],
    default: Default,
    script: str = "",
) -> Learned | None:
    there = [t for t in trials if key in t.values]
    values = [t.values[key] for t in there]
    found = belief.settled(values, chance)
    if found is None or len(set(values)) < 2:
        return None
    others = [rate for other, rate in rates.items() if other != key and rate > 0]
    given = sum(is_given(key, t.given) for t in there) >= 0.8 * len(there)
    if not _deliberate(values, others, given):
        return None
    told, coded = default(there[-1].script, key)
    left = told and coded == found.value and not any(is_given(key, t.given) for t in there[-20:])
    if left and found.before is None:
        return None
    cases = [Case(t.values[key] == found.value, t.name, t.time) for t in there[found.start :]]
    before = "" if found.before is None else f"; before that it was {shown(found.before)}"
    where = f" in {script}" if script else ""
    return learned(
        "value",
        f"usual-{key}{'-in-' + script if script else ''}",
        f"you usually set `{key}` to {shown(found.value)}{where}{_since(there, found)}{before}",
        {"script": script} if script else {},
        {key: found.value},
        cases,
    )


def _since(there: Sequence[Trial], found: belief.Settled) -> str:
    return f" since {there[found.start].time[:10]}" if found.before is not None else ""


def _deliberate(values: Sequence[Hashable], others: list[float], given: bool) -> bool:
    """Whether a usual value is one that is chosen, not one that was left to stand."""
    if (others and statistics.median(others) > RESTLESS) or belief.chosen_anew(values):
        return True
    changes = sum(a != b for a, b in itertools.pairwise(values))
    if changes > 2:
        return False
    if len(others) >= 2:
        return belief.few(changes, len(values) - 1, statistics.median(others)) < 0.02
    return given or belief.few(changes, len(values) - 1, 0.25) < 0.05


def _constant(
    trials: Sequence[Trial], varying: dict[str, int], default: Default
) -> Iterator[Learned]:
    """Settings that never change, and that are given each time or differ from the code."""
    keys = {key for t in trials for key in t.values if key not in varying}
    for key in sorted(keys):
        there = [t for t in trials if key in t.values]
        given = [t for t in there if is_given(key, t.given)]
        told, coded = default(there[-1].script, key)
        value = there[-1].values[key]
        if told and coded == value:
            continue
        if not told and len(given) < 0.8 * len(there):
            continue
        if belief.settled([t.values[key] for t in there]) is None:
            continue
        yield learned(
            "value",
            f"usual-{key}",
            f"you always set `{key}` to {shown(value)}",
            {},
            {key: value},
            [Case(True, t.name, t.time) for t in there],
        )


def _seeds(trials: Sequence[Trial]) -> Iterator[Learned]:
    """How many seeds a choice of settings is run with."""
    counts = [len(t.names) for t in trials]
    found = belief.settled(counts)
    if found is None or not isinstance(found.value, int) or found.value < 2:
        return
    yield learned(
        "value",
        "usual-seeds",
        f"you usually run each choice of settings {found.value} times{_since(trials, found)}",
        {},
        {"seeds": found.value},
        [Case(len(t.names) == found.value, t.name, t.time) for t in trials[found.start :]],
    )


class _Pair(NamedTuple):
    """A value of a setting under a value of another one."""

    condition: tuple[str, Hashable]
    outcome: tuple[str, Hashable]
    found: belief.Settled
    under: list[Trial]
    order: tuple[float, ...]


def _conditional(
    trials: Sequence[Trial],
    keys: dict[str, int],
    chance: float,
    held: set[tuple[str, Hashable]],
    scaled: set[frozenset[str]],
) -> list[Learned]:
    sets = {key: [t for t in trials if key in t.values] for key in keys}
    sticky = statistics.median(_rate(trials, key) for key in keys) < RESTLESS if keys else True
    pairs = [
        pair
        for given, kinds in keys.items()
        for outcome in keys
        if given != outcome and kinds <= MOST_KINDS and {given, outcome} not in scaled
        for pair in _pairs(sets[given], given, outcome, chance, len(keys), sticky)
        if pair.outcome not in held
    ]
    pairs.sort(key=lambda pair: pair.order)
    taken: list[_Pair] = []
    for pair in pairs:
        if not any(_same_thing(pair, other) for other in taken):
            taken.append(pair)
    return [_under(pair) for pair in taken]


def _pairs(
    there: list[Trial], given: str, outcome: str, chance: float, keys: int, sticky: bool
) -> Iterator[_Pair]:
    there = [t for t in there if outcome in t.values]
    episodes = _episodes(there, given, outcome) if sticky else there
    kinds = Counter(t.values[given] for t in episodes)
    outcomes = Counter(t.values[outcome] for t in episodes)
    pairs = Counter((t.values[given], t.values[outcome]) for t in episodes)
    numeric = _numeric(kinds) and not _numeric(outcomes)
    for value, count in kinds.items():
        if count < belief.LEAST or len(kinds) < 2:
            continue
        every = [t for t in there if t.values[given] == value]
        then = Counter(t.values[outcome] for t in every).most_common(1)[0][0]
        luck = belief.by_chance(pairs[value, then], count, outcomes[then], len(episodes))
        if luck * keys * keys * 4 > belief.SURE:
            continue
        found = belief.settled([t.values[outcome] for t in every], chance)
        if found is not None:
            order = (numeric, -round(found.bound, 1), len(kinds), -found.support)
            yield _Pair((given, value), (outcome, found.value), found, every, order)


def _numeric(values: Iterable[Hashable]) -> bool:
    return any(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _episodes(trials: Sequence[Trial], one: str, other: str) -> list[Trial]:
    """The trials without those that left both settings as they were: they are no new evidence."""
    kept: list[Trial] = []
    last: dict[str, tuple[Hashable, Hashable]] = {}
    for trial in trials:
        pair = (trial.values[one], trial.values[other])
        if last.get(trial.script) != pair:
            kept.append(trial)
        last[trial.script] = pair
    return kept


def _same_thing(pair: _Pair, other: _Pair) -> bool:
    """Whether a pair is told by another one: turned around, or by a setting that goes along."""
    mine = {t.name for t in pair.under if t.values[pair.outcome[0]] == pair.outcome[1]}
    its = {t.name for t in other.under if t.values[other.outcome[0]] == other.outcome[1]}
    related = {pair.condition[0], pair.outcome[0]} & {other.condition[0], other.outcome[0]}
    turned = {pair.condition[0], pair.outcome[0]} == {other.condition[0], other.outcome[0]}
    if turned:
        return pair.condition[0] == other.outcome[0]
    return bool(related) and len(mine & its) >= 0.8 * min(len(mine), len(its))


def _under(pair: _Pair) -> Learned:
    (key, value), (outcome, then) = pair.condition, pair.outcome
    first = pair.under
    if pair.found.before is not None:
        first = _after_switch(pair)
    before = "" if pair.found.before is None else f"; before it was {shown(pair.found.before)}"
    return learned(
        "value",
        f"usual-{outcome}-when-{key}-{slug(shown(value))}",
        f"with `{key}` {shown(value)} you usually set `{outcome}` to {shown(then)}{before}",
        {key: value},
        {outcome: then},
        [Case(t.values[outcome] == then, t.name, t.time) for t in first],
    )


def _after_switch(pair: _Pair) -> list[Trial]:
    """The trials since the value became the usual one: from its first span on."""
    values = [t.values[pair.outcome[0]] for t in pair.under]
    starts = belief.spans(values)
    return pair.under[starts[-1] :]
