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
CLAIM = 0.05
"""Up to this probability a difference is held to be more than noise."""
UNUSUAL = 0.001
"""A setup of a spread as few have by chance, as where training diverges, is no measure for others."""


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
    pooled t; which, says the basis. Where one side is of unusual spread, as where training diverges, and
    each of its runs is farther off than those of the other side come to be, that is the claim.
    """
    a, b = before.values(), after.values()
    if not a or not b:
        return None
    shared = [seed for seed in before.seeded if seed in after.seeded]
    if len(shared) >= LEAST_PAIRS:
        found = _paired([after.seeded[s] - before.seeded[s] for s in shared])
    elif min(len(a), len(b)) >= 2 and (_spread(a) or _spread(b)):
        found = _welch(a, b)
    else:
        return _pooled(a, b, [group.values() for group in like])
    if found.p <= CLAIM:
        return found
    if _is_wild(a, b):
        return _of_each_run(a, b, statistics.variance(a), len(a) - 1) or found
    if _is_wild(b, a) and (back := _of_each_run(b, a, statistics.variance(b), len(b) - 1)):
        turned = {"difference": -back.difference, "low": -back.high, "high": -back.low}
        return msgspec.structs.replace(back, **turned)
    return found


def q_values(probabilities: Mapping[str, float]) -> dict[str, float]:
    """The false discovery rate at which each claim would hold, by key (Benjamini, Hochberg 1995)."""
    ranked = sorted(probabilities, key=lambda key: probabilities[key], reverse=True)
    found: dict[str, float] = {}
    least = 1.0
    for above, key in enumerate(ranked):
        least = min(least, probabilities[key] * len(ranked) / (len(ranked) - above))
        found[key] = least
    return found


def beside_best(best: Sample, others: Sequence[Sample]) -> list[Effect] | None:
    """How much each of the others differs from the best of them; None where no noise is known.

    The best was chosen by these very results, so all pairs of setups count as tried: intervals hold for
    all at once, and `p` is for all at once (Bonferroni over the pairs). The noise is the spread between
    runs of a setup, pooled over the setups whose spread is usual, less what a seed does to all of them
    alike where they share their seeds. A setup of unusual spread, as where training diverges, has its own
    (Welch 1947), unless each single run of it is farther off than runs of usual spread come to be.
    """
    everyone = [best, *others]
    groups = [s.values() for s in everyone]
    variances = [statistics.variance(g) if len(g) > 1 else 0.0 for g in groups]
    telling = [variance for variance in variances if variance]
    if not telling:
        return None
    usual = statistics.median(telling)
    wild = [v > usual * _most(len(g) - 1) for v, g in zip(variances, groups, strict=True)]
    variance, degrees = _within([s for s, far in zip(everyone, wild, strict=True) if not far])
    parts = [
        (own / len(g), len(g) - 1) if far else (variance / len(g), degrees)
        for own, far, g in zip(variances, wild, groups, strict=True)
    ]
    pairs = len(everyone) * (len(everyone) - 1) // 2
    return [
        (far and not wild[0] and _of_each_run(groups[0], other.values(), variance, degrees, pairs))
        or _of_many(best, other, parts[0], part, pairs)
        for other, part, far in zip(others, parts[1:], wild[1:], strict=True)
    ]


def _of_each_run(
    best: Sequence[float], runs: Sequence[float], variance: float, degrees: int, pairs: int = 1
) -> Effect | None:
    """How much runs of unusual spread differ, where each of them does so by more than usual noise.

    A statement on these runs rather than on a mean: the mean of runs that diverge is known to nobody. `p`
    is that of the nearest of them (intersection-union test), and the interval holds all of them.
    """
    from scipy.special import stdtr, stdtrit

    middle = statistics.fmean(best)
    apart = [run - middle for run in runs]
    error = math.sqrt(variance * (1 + 1 / len(best)))
    p = min(1.0, pairs * 2 * float(stdtr(degrees, -min(map(abs, apart)) / error)))
    if min(apart) < 0 < max(apart) or p > CLAIM:
        return None
    reach = float(stdtrit(degrees, 1 - 0.025 / pairs)) * error
    return Effect(
        difference=statistics.fmean(apart),
        low=min(apart) - reach,
        high=max(apart) + reach,
        p=p,
        basis="seeds",
        count=degrees,
    )


def _most(degrees: int) -> float:
    """How many times the median a variance is by chance in one of a thousand cases."""
    from scipy.special import chdtri

    return float(chdtri(degrees, UNUSUAL) / chdtri(degrees, 0.5)) if degrees else math.inf


def _within(setups: Sequence[Sample]) -> tuple[float, int]:
    """The variance of like runs, and on how many degrees of freedom it rests."""
    groups = [s.values() for s in setups if len(s.values()) > 1]
    means = [statistics.fmean(group) for group in groups]
    shared = set.intersection(*(set(s.seeded) for s in setups))
    alike = all(set(s.seeded) == shared and not s.loose for s in setups) and len(setups) > 2
    if alike and len(shared) > 1:  # a seed that is good for all setups is no noise between them
        middle = statistics.fmean(means)
        effects = {k: statistics.fmean(s.seeded[k] for s in setups) - middle for k in shared}
        rests = [
            (s.seeded[k] - mean - effects[k]) ** 2
            for s, mean in zip(setups, means, strict=True)
            for k in shared
        ]
        degrees = (len(setups) - 1) * (len(shared) - 1)
        return sum(rests) / degrees, degrees
    degrees = sum(len(g) - 1 for g in groups)
    return sum(statistics.variance(g) * (len(g) - 1) for g in groups) / degrees, degrees


def _of_many(
    best: Sample,
    other: Sample,
    one: tuple[float, float],
    two: tuple[float, float],
    pairs: int,
) -> Effect:
    """`one` and `two` are the squared errors of the two means with their degrees of freedom."""
    from scipy.special import stdtr, stdtrit

    square = one[0] + two[0]
    same = one[1] == two[1]
    degrees = one[1] if same else square**2 / (one[0] ** 2 / one[1] + two[0] ** 2 / two[1])
    difference = statistics.fmean(other.values()) - statistics.fmean(best.values())
    error = math.sqrt(square)
    reach = float(stdtrit(degrees, 1 - 0.025 / pairs)) * error
    p = float(2 * stdtr(degrees, -abs(difference) / error)) if error else float(difference == 0)
    return Effect(
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p=min(1.0, p * pairs),
        basis="seeds",
        count=math.floor(degrees),
    )


def _paired(differences: list[float]) -> Effect:
    n = len(differences)
    error = statistics.stdev(differences) / math.sqrt(n)
    return _t(statistics.fmean(differences), error, n - 1, "pairs", n)


def _welch(a: list[float], b: list[float]) -> Effect:
    one, two = statistics.variance(a) / len(a), statistics.variance(b) / len(b)
    degrees = (one + two) ** 2 / (one**2 / (len(a) - 1) + two**2 / (len(b) - 1))
    difference = statistics.fmean(b) - statistics.fmean(a)
    return _t(difference, math.sqrt(one + two), degrees, "seeds", math.floor(degrees))


def _is_wild(a: list[float], b: list[float]) -> bool:
    """Whether the second spread is so much larger that both are no draws of one noise (F test)."""
    from scipy.special import fdtrc

    usual = statistics.variance(a)
    return bool(usual and fdtrc(len(b) - 1, len(a) - 1, statistics.variance(b) / usual) < UNUSUAL)


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
