"""Settings that are changed with each other, and what is changed after a result."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from labhand.kit.values import shown
from labhand.learn import belief
from labhand.learn.evidence import Case, Learned, learned
from labhand.learn.history import Trial

CHANGED = "changed"
_ALIKE = 0.8
"""What holds in so many of the cases is said of all."""
_RANKS = ("finding", "failure", "status", "result", "changed")
"""Of results that mean the same cases, the one that says most."""


def together(trials: Sequence[Trial]) -> dict[frozenset[str], Learned]:
    """The pairs of settings that are changed together."""
    changes = [t for t in trials if t.changed]
    counts = Counter(key for t in changes for key in t.changed)
    keys = [key for key, count in counts.items() if count >= belief.LEAST]
    order = {key: (_is_number(changes, key), place) for place, key in enumerate(keys)}
    found: dict[frozenset[str], Learned] = {}
    for one in sorted(keys, key=lambda key: order[key]):
        for other in keys:
            pair = frozenset((one, other))
            if one == other:
                continue
            made = _together(changes, one, other, counts, len(keys))
            if made is None:
                continue
            # Of the two directions the first in the order of the settings, unless far less sure.
            if pair not in found or _sure(made) > _sure(found[pair]) + 0.15:
                found[pair] = made
    return found


def scaled(made: Learned) -> bool:
    """Whether the settings are changed by factors that go together."""
    return "factor" in made.habit.text


def _sure(made: Learned) -> float:
    return made.habit.confidence


def _is_number(changes: Sequence[Trial], key: str) -> bool:
    new = next(t.changed[key][1] for t in changes if key in t.changed)
    return isinstance(new, int | float) and not isinstance(new, bool)


def _together(
    changes: Sequence[Trial], one: str, other: str, counts: Counter[str], keys: int
) -> Learned | None:
    there = [t for t in changes if one in t.changed]
    settled = belief.settled([other in t.changed for t in there])
    if settled is None or settled.value is not True:
        return None
    both = sum(other in t.changed for t in there)
    if belief.by_chance(both, len(there), counts[other], len(changes)) * keys * keys > belief.SURE:
        return None
    there = there[settled.start :]
    return learned(
        "together",
        f"{one}-with-{other}",
        f"when you change `{one}` you change `{other}` too{_ratio(there, one, other)}",
        {one: CHANGED},
        {other: CHANGED},
        [Case(other in t.changed, t.name, t.time) for t in there],
    )


def _ratio(there: Sequence[Trial], one: str, other: str) -> str:
    """How the sizes of two changes go together, in words; nothing where they do not."""
    both = [t for t in there if other in t.changed]
    ways = Counter(_way(t.changed[one], t.changed[other]) for t in both)
    ways["in the same direction"] += ways["by the same factor"]
    ways["the other way"] += ways["by the inverse factor"]
    for way in (
        "by the same factor",
        "by the inverse factor",
        "in the same direction",
        "the other way",
    ):
        if ways[way] >= _ALIKE * len(both):
            return f", {way}"
    return ""


def _way(one: tuple[Hashable, Hashable], other: tuple[Hashable, Hashable]) -> str:
    first, second = factor(*one), factor(*other)
    if first is None or second is None:
        return ""
    if abs(first / second - 1) < 0.01:
        return "by the same factor"
    if abs(first * second - 1) < 0.01:
        return "by the inverse factor"
    return "in the same direction" if (first > 1) == (second > 1) else "the other way"


def factor(old: Hashable, new: Hashable) -> float | None:
    """How many times the old value the new one is; None where that means nothing."""
    if isinstance(old, bool) or isinstance(new, bool):
        return None
    if not isinstance(old, int | float) or not isinstance(new, int | float):
        return None
    return new / old if old > 0 and new > 0 else None


class _Follows(NamedTuple):
    """What follows a result: the effect on a setting."""

    result: tuple[str, str]
    key: str
    effect: Hashable
    cases: list[tuple[Trial, bool]]
    bound: float


def after(trials: Sequence[Trial]) -> list[Learned]:
    """What is changed next after a result or after another change."""
    steps = list(_steps(trials))
    seen = Counter(tag for step in steps for tag in step.tags)
    everywhere = Counter(mark for step in steps for mark in step.marks)
    made: list[_Follows] = []
    for tag in (tag for tag, count in seen.items() if count >= belief.LEAST):
        mine = [step for step in steps if tag in step.tags]
        made += _follows(mine, tag, everywhere, len(steps), len(seen))
    made.sort(key=lambda f: (-round(f.bound, 1), _RANKS.index(f.result[0]), -f.bound))
    taken: list[_Follows] = []
    for follows in made:
        if not any(_same_cases(follows, other) for other in taken):
            taken.append(follows)
    return [_told(follows) for follows in taken]


class _Step(NamedTuple):
    """A trial, what was known before it, and its changes, each by all its names."""

    tags: frozenset[tuple[str, str]]
    trial: Trial
    marks: frozenset[tuple[str, Hashable]]


def _steps(trials: Sequence[Trial]) -> Iterator[_Step]:
    """Each trial but the first of its script."""
    last: dict[str, Trial] = {}
    for trial in trials:
        before = last.get(trial.script)
        if before is not None:
            tags = before.came_of_it | {("changed", key) for key in before.changed}
            marks = {(k, e) for k, change in trial.changed.items() for e in effects(*change)}
            yield _Step(tags, trial, frozenset(marks))
        last[trial.script] = trial


def effects(old: Hashable, new: Hashable) -> list[Hashable]:
    """What a change is, the most exact first: the factor or the value, the direction, a change."""
    size = factor(old, new)
    if size is not None:
        return [f"×{size:.3g}", "higher" if size > 1 else "lower", CHANGED]
    if isinstance(new, int | float) and isinstance(old, int | float) and not isinstance(new, bool):
        return [new, "higher" if new > old else "lower", CHANGED]
    return [new, CHANGED]


def _follows(
    mine: list[_Step],
    tag: tuple[str, str],
    everywhere: Counter[tuple[str, Hashable]],
    total: int,
    tags: int,
) -> Iterator[_Follows]:
    """The most exact effect on each setting that a result usually has, where it is no chance."""
    counts = Counter(mark for step in mine for mark in step.marks)
    tests = tags * len({key for key, _ in counts})
    best: dict[str, _Follows] = {}
    for mark in sorted(counts, key=lambda mark: _exactness(mark[1])):
        key, effect = mark
        if counts[mark] < belief.LEAST or tag == ("changed", key):
            continue
        if (
            belief.by_chance(counts[mark], len(mine), everywhere[mark], total) * tests * 4
            > belief.SURE
        ):
            continue
        hits = [mark in step.marks for step in mine]
        settled = belief.settled(hits, max(belief.SURE / tests, 0.002))
        if settled is None or settled.value is not True:
            continue
        known = best.get(key)
        if known is None or settled.support >= 0.85 * sum(h for _, h in known.cases):
            cases = [(s.trial, h) for s, h in zip(mine, hits, strict=True)][settled.start :]
            best[key] = _Follows(tag, key, effect, cases, settled.bound)
    yield from best.values()


def _exactness(effect: Hashable) -> int:
    return 0 if effect == CHANGED else 1 if effect in ("lower", "higher") else 2


def _same_cases(follows: _Follows, other: _Follows) -> bool:
    if follows.key != other.key:
        return False
    mine = {t.name for t, holds in follows.cases if holds}
    its = {t.name for t, holds in other.cases if holds}
    return len(mine & its) >= 0.7 * min(len(mine), len(its))


def _told(follows: _Follows) -> Learned:
    kind, what = follows.result
    came = {
        "changed": f"a change of `{what}`",
        "result": f"a {what} result",
        "status": f"a run that {what}" if what == "failed" else f"a run that was {what}",
        "failure": f"the failure {what}",
        "finding": f"the finding {what}",
    }[kind]
    return learned(
        "next",
        f"{follows.key}-after-{what}",
        f"after {came} you usually {_done(follows)}",
        {kind: what},
        {follows.key: follows.effect},
        [Case(holds, t.name, t.time) for t, holds in follows.cases],
    )


def _done(follows: _Follows) -> str:
    key, effect = follows.key, follows.effect
    if effect == CHANGED:
        return f"change `{key}`"
    if effect in ("lower", "higher"):
        return f"set `{key}` {effect}"
    if isinstance(effect, str) and effect.startswith("×"):
        return f"multiply `{key}` by {effect[1:]}"
    return f"set `{key}` to {shown(effect)}"
