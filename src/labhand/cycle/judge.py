"""Whether a change did what was hoped: more than noise, and more than many tries bring by luck."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from labhand.core.run import Run
from labhand.cycle.limit import timed_out
from labhand.kit.metric_names import direction, headlines
from labhand.kit.noise import Effect, Sample, effect, q_values

Outcome = Literal[
    "improved", "worse", "noise", "nothing-changed", "failed", "interrupted", "not-finite",
    "no-metric", "harness-touched", "timed-out",
]  # fmt: skip

LEVEL = 0.05
"""A claim holds where at most one in twenty such claims is wrong."""
_NO_RESULT = {
    "failed": "failed, so there is no result to hold against it",
    "interrupted": "did not come to an end, so there is no result yet",
    "timed-out": "was stopped at its limit, before there was a result",
    "not-finite": "ended in values that are not finite",
    "no-metric": "has no metric whose better direction is known, so nothing is judged",
}
_BASIS = {
    "pairs": "{} pairs of seeds",
    "seeds": "the spread between seeds, {} degrees of freedom",
    "like-runs": "the spread of like runs, {} degrees of freedom",
}


class Setup(NamedTuple):
    """Runs that share all but the seed; of each its seed, None where that is not known."""

    runs: list[Run]
    seeds: list[str | None]


class Judgement(msgspec.Struct, kw_only=True):
    """What became of one setup, held to the first one, by the metric that tells most.

    `tries`: how many setups were tried against the first one, this one among them; `q`: the false
    discovery rate at which the claim holds over all of them. `said` is one sentence.
    """

    runs: list[str]
    metric: str | None
    outcome: Outcome
    effect: Effect | None = None
    tries: int = 1
    q: float | None = None
    said: str


def judge(first: Setup, later: Sequence[Setup], known: Sequence[Setup]) -> list[Judgement]:
    """The judgement of each later setup against the first one; nothing changed where there is none.

    `known` are all setups of the same script in the record, those judged among them with whatever
    further runs they have: they tell the noise, and how often something was tried since.
    """
    if not later:
        return [_unchanged(first)]
    names = list(dict.fromkeys(name for run in first.runs for name in run.metrics))
    metric = next((name for name in headlines(names) if direction(name)), None)
    return [_judged(first, setup, known, metric) for setup in later]


def _unchanged(setup: Setup) -> Judgement:
    ids = [run.id for run in setup.runs]
    said = (
        f"nothing but the seed differs between {_who(setup)}: what differs in the results is noise"
    )
    return Judgement(runs=ids, metric=None, outcome="nothing-changed", said=said)


def _judged(first: Setup, setup: Setup, known: Sequence[Setup], metric: str | None) -> Judgement:
    ids = [run.id for run in setup.runs]
    missing = "no-metric" if metric is None else _without_result(setup.runs, metric)
    if metric is None or missing:
        said = f"{_who(setup)} {_NO_RESULT[missing]}"
        if metric is not None and missing == "no-metric":
            said = f"{_who(setup)} has no value of `{metric}`, so nothing is judged"
        return Judgement(runs=ids, metric=metric, outcome=missing or "no-metric", said=said)
    like = [sample(other, metric) for other in known]
    found = effect(sample(first, metric), sample(setup, metric), like)
    q, tries = _over_all_tries(first, setup, known, metric, found)
    outcome = _outcome(found, q, metric)
    return Judgement(
        runs=ids,
        metric=metric,
        outcome=outcome,
        effect=found,
        tries=tries,
        q=q,
        said=_said(first, setup, metric, outcome, found, tries, q),
    )


def _without_result(runs: Sequence[Run], metric: str) -> Outcome | Literal[""]:
    """Why none of the runs has a result; empty where one has."""
    if any(result(run, metric) is not None for run in runs):
        return ""
    if any(_not_finite(run) for run in runs):
        return "not-finite"
    if any(run.status == "failed" for run in runs):
        return "failed"
    if any(timed_out(run) for run in runs):
        return "timed-out"
    return "no-metric" if any(run.status == "finished" for run in runs) else "interrupted"


def result(run: Run, metric: str) -> float | None:
    """The last value of the metric of a run that came to its end and stayed finite."""
    if run.status != "finished" or _not_finite(run) or metric not in run.metrics:
        return None
    return run.metrics[metric].last


def _not_finite(run: Run) -> bool:
    return any(
        f.rule == "non-finite" and f.state in ("confirmed", "closed") and f.alarm
        for f in run.findings
    )


def sample(setup: Setup, metric: str) -> Sample:
    """The results of a setup by seed."""
    by_seed: dict[str, list[float]] = {}
    loose: list[float] = []
    for run, seed in zip(setup.runs, setup.seeds, strict=True):
        value = result(run, metric)
        if value is not None:
            (loose if seed is None else by_seed.setdefault(seed, [])).append(value)
    return Sample({seed: sum(v) / len(v) for seed, v in by_seed.items()}, loose)


def _over_all_tries(
    first: Setup, setup: Setup, known: Sequence[Setup], metric: str, found: Effect | None
) -> tuple[float | None, int]:
    """The q-value among all setups that were tried since the first one, and how many they are."""
    began = min(run.id for run in first.runs)
    ours = {run.id for run in [*first.runs, *setup.runs]}
    others = [
        other
        for other in known
        if ours.isdisjoint(run.id for run in other.runs)
        and max(run.id for run in other.runs) > began
    ]
    if found is None:
        return None, 1 + len(others)
    before = sample(first, metric)
    like = [sample(other, metric) for other in known]
    claims = {"": found.p}
    for other in others:
        told = effect(before, sample(other, metric), like)
        claims[other.runs[0].id] = 1.0 if told is None else told.p
    return q_values(claims)[""], len(claims)


def _outcome(found: Effect | None, q: float | None, metric: str) -> Outcome:
    if found is None or q is None or q > LEVEL:
        return "noise"
    return "improved" if (found.difference < 0) == (direction(metric) == "down") else "worse"


def _said(
    first: Setup,
    setup: Setup,
    metric: str,
    outcome: Outcome,
    found: Effect | None,
    tries: int,
    q: float | None,
) -> str:
    lead = f"`{metric}` of {_who(setup)} against {_who(first)}"
    if found is None or q is None:
        return (
            f"{lead}: whether it is more than noise is not known, since no like runs with several "
            "seeds are there; `labhand compare … --confirm 3` runs both sides with fresh seeds"
        )
    rests = _BASIS[found.basis].format(found.count)
    told = f"{found.difference:+.3g} (95 % {found.low:.3g} to {found.high:.3g}; {rests})"
    if outcome != "noise":
        luck = f", also after {tries} tries ({_level(q)})" if tries > 1 else ""
        return f"{lead}: {outcome} by more than noise, {told}{luck}"
    if found.p <= LEVEL:
        return (
            f"{lead}: {told} would be more than noise alone, but {tries} setups were tried: among so "
            f"many one such comes up by luck ({_level(q)})"
        )
    return f"{lead}: not more than noise, {told}"


def _level(q: float) -> str:
    return f"q = {q:.2g}" if q >= 0.001 else "q < 0.001"


def _who(setup: Setup) -> str:
    names: Iterable[str] = [run.name for run in setup.runs]
    first, *more = names
    return f"{first} and {len(more)} more" if len(more) > 1 else " and ".join([first, *more])
