"""What came of a sweep: its setups by their results, and which of them are better by more than noise."""

from collections import Counter

import msgspec

from labhand.core.errors import RecordError
from labhand.core.run import Run
from labhand.core.store import Store
from labhand.cycle.compare import Estimate, estimate
from labhand.cycle.judge import LEVEL, Setup, result, sample
from labhand.cycle.sweep import Sweep, run_ids
from labhand.kit.metric_names import Direction, direction, headlines
from labhand.kit.noise import Effect, Sample, beside_best

SHOWN = 3
"""Metrics of a sweep that are shown."""
NAMED = 4
"""Setups of a tie that are named."""


class Outcome(msgspec.Struct, kw_only=True):
    """Runs of a sweep that share all settings but the seed. `told` of the `runs` have a result.

    `place`: by the first metric the best, not different from the best by more than noise, worse than it,
    of unknown standing, or without a result. `behind`: how much it differs from the best, with the
    interval and the p-value that hold for all pairs of setups at once.
    """

    settings: dict[str, str]
    runs: list[str]
    told: int
    results: dict[str, Estimate]
    place: str = "without-result"
    behind: Effect | None = None


class Outcomes(msgspec.Struct, kw_only=True):
    """What came of a sweep (`labhand.sweep-outcome/1`): the setups, the best first by `metrics[0]`.

    `said`: the sentences that tell it. `counts`: its runs by how they stand.
    """

    schema: str = "labhand.sweep-outcome/1"
    name: str
    keys: list[str]
    seed: str | None = None
    metrics: list[str]
    direction: Direction | None = None
    setups: list[Outcome]
    counts: dict[str, int] = {}
    said: list[str] = []


def outcome(store: Store, many: Sweep) -> Outcomes:
    """What came of a sweep so far. A run whose record cannot be read has no result."""
    keys = [key for key in many.keys if key != many.seed]
    runs = _read(store, many)
    names = dict.fromkeys(name for run in runs.values() for name in run.metrics)
    metrics = [name for name in headlines(list(names)) if direction(name)] or headlines(list(names))
    metrics = metrics[:SHOWN]
    groups: dict[tuple[str, ...], list[int]] = {}
    for number in runs:
        values = tuple(many.settings[number].get(key, "") for key in keys)
        groups.setdefault(values, []).append(number)
    setups = [
        _outcome(dict(zip(keys, values, strict=True)), [runs[n] for n in numbers], metrics)
        for values, numbers in groups.items()
    ]
    found = Outcomes(
        name=many.name,
        keys=keys,
        seed=many.seed,
        metrics=metrics,
        direction=direction(metrics[0]) if metrics else None,
        setups=setups,
        counts=Counter(run.status for run in runs.values()),
    )
    if metrics:
        seeded = [
            Setup([runs[n] for n in numbers], [_seed(many, n) for n in numbers])
            for numbers in groups.values()
        ]
        samples = [sample(setup, metrics[0]) for setup in seeded]
        _rank(found, list(zip(setups, samples, strict=True)))
    return found


def _read(store: Store, many: Sweep) -> dict[int, Run]:
    found: dict[int, Run] = {}
    for number, told in run_ids(store, many).items():
        if not told.startswith("!"):
            try:
                found[number] = store.read(told)
            except RecordError:
                continue
    return found


def _seed(many: Sweep, number: int) -> str | None:
    return many.settings[number].get(many.seed) if many.seed else None


def _outcome(settings: dict[str, str], runs: list[Run], metrics: list[str]) -> Outcome:
    found: dict[str, Estimate] = {}
    for name in metrics:
        if value := estimate(name, [run for run in runs if result(run, name) is not None]):
            found[name] = value
    told = sum(any(result(run, name) is not None for name in metrics) for run in runs)
    return Outcome(settings=settings, runs=[run.id for run in runs], told=told, results=found)


def _rank(found: Outcomes, results: list[tuple[Outcome, Sample]]) -> None:
    """Puts the best first, holds the others against it, and says what that comes to."""
    name, way = found.metrics[0], found.direction
    placed = [pair for pair in results if name in pair[0].results]
    if way is not None:
        placed.sort(key=lambda pair: pair[0].results[name].mean * (-1 if way == "up" else 1))
    found.setups = [s for s, _ in placed] + [s for s, _ in results if name not in s.results]
    if not placed:
        return
    for setup, _ in placed:
        setup.place = "unknown"
    if way is None:
        found.said.append(
            f"which way `{name}` gets better is not known, so no setup is called best"
        )
        return
    placed[0][0].place = "best"
    effects = beside_best(placed[0][1], [told for _, told in placed[1:]]) if placed[1:] else None
    for (setup, _), effect in zip(placed[1:], effects or [], strict=False):
        setup.behind = effect
        setup.place = "worse" if effect.p <= LEVEL else "tied"
    found.said += _said(found, [setup for setup, _ in placed])
    missing = len(found.setups) - len(placed)
    if missing:
        found.said.append(f"{missing} {'setup has' if missing == 1 else 'setups have'} no result")


def _said(found: Outcomes, placed: list[Outcome]) -> list[str]:
    name = found.metrics[0]
    first = placed[0]
    value = _value(first.results[name])
    if len(placed) == 1:
        seeds = f" over {first.told} seeds" if first.told > 1 else ""
        alone = f"{_called(first)} alone has a result: " if len(found.setups) > 1 else ""
        return [f"{alone}`{name}` {value}{seeds}"]
    lead = f"{_called(first)} has the {'highest' if found.direction == 'up' else 'lowest'} `{name}`"
    if placed[1].place == "unknown":
        why = (
            "runs of several seeds end alike to the last bit"
            if any(setup.told > 1 for setup in placed)
            else "each setup has one run; `--seeds 3` tells"
        )
        return [f"{lead}, {value}; whether that is more than noise is not known, since {why}"]
    tied = [setup for setup in placed if setup.place in ("best", "tied")]
    worse = [setup for setup in placed if setup.place == "worse"]
    if len(tied) == 1:
        nearest = min(worse, key=lambda s: abs(s.behind.difference) if s.behind else 0.0)
        assert nearest.behind is not None
        low, high = sorted((abs(nearest.behind.low), abs(nearest.behind.high)))
        rest = "the other setup" if len(worse) == 1 else f"each of the {len(worse)} other setups"
        return [
            f"{lead}, {value}: better than {rest} by more than noise, than {_called(nearest)} by "
            f"{abs(nearest.behind.difference):.3g} (95 % {low:.3g} to {high:.3g})"
        ]
    names = [_called(setup) for setup in tied[:NAMED]]
    more = f" and {len(tied) - NAMED} more" if len(tied) > NAMED else ""
    if not worse:
        both = "the two setups do" if len(tied) == 2 else f"the {len(tied)} setups do"
        return [f"a tie: by `{name}` {both} not differ from the best, {value}, by more than noise"]
    rest = "the other one is" if len(worse) == 1 else f"the {len(worse)} others are"
    return [
        f"a tie: by `{name}` {', '.join(names)}{more} do not differ from the best, {value}, by more "
        f"than noise; {rest} worse by more than it"
    ]


def _called(setup: Outcome) -> str:
    told = [f"`{key}={value}`" for key, value in setup.settings.items() if value]
    return " ".join(told) or "the code as it stands"


def _value(told: Estimate) -> str:
    error = f" ± {told.standard_error:.2g}" if told.standard_error is not None else ""
    return f"{told.mean:.4g}{error}"
