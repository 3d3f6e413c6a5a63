"""Whether two results differ by more than the noise between like runs.

The noise is taken from the best source there is: pairs of runs with the same seed, else the spread
between seeds on each side, else the spread within like runs. Without any, nothing is claimed.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

Basis = Literal["pairs", "seeds", "like-runs"]

LEAST_PAIRS = 3
"""Below this a paired interval is wider than any difference worth telling."""


class Sample(msgspec.Struct):
    """The results of runs that share all but the seed.

    `seeded` has one value a seed, the mean of its runs: two runs of one seed are no two draws.
    `loose` are the values of runs whose seed is not known.
    """

    seeded: dict[str, float] = {}
    loose: list[float] = []

    def values(self) -> list[float]:
        """All values that count as draws of their own."""
        return [*self.seeded.values(), *self.loose]


class Effect(msgspec.Struct, kw_only=True):
    """How much `after` differs from `before`, in the metric's own unit.

    `low` to `high` is the 95 % interval of the difference of means, `p` the two-sided probability
    of at least such a difference by noise alone. `count` says how much the noise rests on: pairs,
    or degrees of freedom.
    """

    difference: float
    low: float
    high: float
    p: float
    basis: Basis
    count: int


def effect(before: Sample, after: Sample, like: Sequence[Sample]) -> Effect | None:
    """The difference of two results with its interval; None where the noise is not known.

    `like` are all groups of like runs that are known, these two and those of other settings: where
    a side has one run only, their pooled variance stands for its noise. Paired t, Welch's t,
    pooled t; which, says the basis.
    """
    a, b = before.values(), after.values()
    if not a or not b:
        return None
    shared = [seed for seed in before.seeded if seed in after.seeded]
    if len(shared) >= LEAST_PAIRS:
        return _paired([after.seeded[s] - before.seeded[s] for s in shared])
    if min(len(a), len(b)) >= 2 and (_spread(a) or _spread(b)):
        return _welch(a, b)
    return _pooled(a, b, [group.values() for group in like])


def q_values(probabilities: Mapping[str, float]) -> dict[str, float]:
    """The false discovery rate at which each claim would hold, by key (Benjamini, Hochberg 1995)."""
    ranked = sorted(probabilities, key=lambda key: probabilities[key], reverse=True)
    found: dict[str, float] = {}
    least = 1.0
    for above, key in enumerate(ranked):
        least = min(least, probabilities[key] * len(ranked) / (len(ranked) - above))
        found[key] = least
    return found


def _paired(differences: list[float]) -> Effect:
    n = len(differences)
    error = statistics.stdev(differences) / math.sqrt(n)
    return _t(statistics.fmean(differences), error, n - 1, "pairs", n)


def _welch(a: list[float], b: list[float]) -> Effect:
    one, two = statistics.variance(a) / len(a), statistics.variance(b) / len(b)
    degrees = (one + two) ** 2 / (one**2 / (len(a) - 1) + two**2 / (len(b) - 1))
    difference = statistics.fmean(b) - statistics.fmean(a)
    return _t(difference, math.sqrt(one + two), degrees, "seeds", math.floor(degrees))


def _pooled(a: list[float], b: list[float], groups: list[list[float]]) -> Effect | None:
    # Runs that end alike to the last bit are deterministic: they say nothing of the noise.
    telling = [g for g in groups if len(g) > 1 and _spread(g)]
    degrees = sum(len(g) - 1 for g in telling)
    if not degrees:
        return None
    variance = sum(statistics.variance(g) * (len(g) - 1) for g in telling) / degrees
    error = math.sqrt(variance * (1 / len(a) + 1 / len(b)))
    return _t(statistics.fmean(b) - statistics.fmean(a), error, degrees, "like-runs", degrees)


def _t(difference: float, error: float, degrees: float, basis: Basis, count: int) -> Effect:
    from scipy.special import stdtr, stdtrit  # a tenth of what scipy.stats takes to import

    if error == 0:
        p = 1.0 if difference == 0 else 0.0
        return Effect(
            difference=difference, low=difference, high=difference, p=p, basis=basis, count=count
        )
    reach = float(stdtrit(degrees, 0.975)) * error
    return Effect(
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p=float(2 * stdtr(degrees, -abs(difference) / error)),
        basis=basis,
        count=count,
    )


def _spread(values: list[float]) -> bool:
    return max(values) > min(values)
