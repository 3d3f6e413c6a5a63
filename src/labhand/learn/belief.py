"""How much evidence makes a habit: shares with their lower bounds, switches, and chance.

A habit holds in more than half of all cases, and that is what must be certain: the lower bound of
its share (Jeffreys' Beta posterior; Brown, Cai and DasGupta 2001) has to lie above one half.
Shares are told with exponential forgetting. A switch is where two spans, each with a share of its
own, tell the sequence better than one (marginal likelihoods of Krichevsky and Trofimov 1981).
"""

import itertools
import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

SURE = 0.05
"""The chance that a share lies below its lower bound."""
LEAST = 5
"""So many times at least a habit was seen to hold since it began."""
HALF_LIFE = 60.0
"""After so many further cases one counts half."""
SPANS = 8
"""More spans than these are no preferences, but restlessness."""


class Settled(NamedTuple):
    """What a sequence has come to: its usual value in the last span, which begins at `start`.

    `before` is the usual value of the span before, None without one; `bound` the lower bound of the
    share, recent cases counting more.
    """

    value: Hashable
    support: int
    against: int
    start: int
    before: Hashable | None
    bound: float


def lower(support: float, against: float, chance: float = SURE) -> float:
    """The share that is exceeded with probability 1 - `chance`, from Jeffreys' posterior."""
    from scipy.special import betaincinv

    return float(betaincinv(support + 0.5, against + 0.5, chance))


def faded(holds: Sequence[bool]) -> tuple[float, float]:
    """How often it held and how often not, the newest (last) counting 1, older ones less."""
    weights = [0.5 ** ((len(holds) - 1 - i) / HALF_LIFE) for i in range(len(holds))]
    held = sum(w for w, h in zip(weights, holds, strict=True) if h)
    return held, sum(weights) - held


def spans(values: Sequence[Hashable]) -> list[int]:
    """Where the spans of a sequence begin, the first at 0; a new one only on strong evidence."""
    found, open_ = [0], [(0, len(values))]
    while open_:
        begin, end = open_.pop()
        at = _split(values[begin:end], len(set(values)), len(values))
        if at:
            found.append(begin + at)
            open_ += [(begin, begin + at), (begin + at, end)]
    return sorted(found)


def _split(values: Sequence[Hashable], kinds: int, total: int) -> int:
    """The best place for a switch; 0 where one span tells it as well."""
    if len(values) < 2 * LEAST:
        return 0
    left = _evidence(values, kinds)
    right = _evidence(values[::-1], kinds)[::-1]
    gains = [
        (left[at - 1] + right[at] - left[-1], at) for at in range(LEAST, len(values) - LEAST + 1)
    ]
    gain, at = max(gains)
    return at if gain > math.log(total) + 2 else 0


def _evidence(values: Sequence[Hashable], kinds: int) -> list[float]:
    """The log marginal likelihood of the values up to each place."""
    counts: Counter[Hashable] = Counter()
    total, along = 0.0, []
    for number, value in enumerate(values):
        total += math.log((counts[value] + 0.5) / (number + 0.5 * max(kinds, 2)))
        counts[value] += 1
        along.append(total)
    return along


def settled(values: Sequence[Hashable], chance: float = SURE) -> Settled | None:
    """The usual value of the last span; None where nothing is usual there."""
    if len(values) < LEAST:
        return None
    starts = spans(values)
    if len(starts) > SPANS:
        return None
    last = values[starts[-1] :]
    value, support = Counter(last).most_common(1)[0]
    against = len(last) - support
    if len(starts) > 1:
        chance /= 4  # the span was chosen among others by what it holds
    if support < LEAST or lower(support, against, chance) <= 0.5:
        return None
    bound = lower(*faded([v == value for v in last]))
    before = None
    if len(starts) > 1:
        before = Counter(values[starts[-2] : starts[-1]]).most_common(1)[0][0]
    start = starts[-1]
    while start and values[start] != value:
        start += 1
    return Settled(value, support, against, start, before if before != value else None, bound)


def chosen_anew(values: Sequence[Hashable]) -> bool:
    """Whether the sequence reads as a choice made each time rather than one that was left to stand.

    Compares a usual value with exceptions against a value that stays until it is changed to any
    other: by the second, long stretches are no evidence of a preference.
    """
    count, kinds = len(values), len(set(values))
    changes = sum(a != b for a, b in itertools.pairwise(values))
    starts = [*spans(values), count]
    each = sum(_evidence(values[a:b], kinds)[-1] for a, b in itertools.pairwise(starts)) - math.log(
        count
    ) * (len(starts) - 2)
    rate = (changes + 0.5) / count
    stays = changes * math.log(rate / max(kinds - 1, 1)) - math.log(max(kinds, 2))
    stays += (count - 1 - changes) * math.log(1 - min(rate, 0.999)) - 0.5 * math.log(count)
    return each > stays + 1.5


def few(changes: int, chances: int, rate: float) -> float:
    """The probability of so few changes, or fewer, where each chance has this rate (binomial)."""
    from scipy.special import bdtr

    return float(bdtr(changes, chances, rate))


def by_chance(both: int, first: int, second: int, total: int) -> float:
    """The probability that two things meet so often or more by chance (Fisher's exact test).

    `first` and `second` are how often each was there among `total` cases, `both` how often together.
    """
    if both * total <= first * second:
        return 1.0
    ways = _log_ways(total, first)
    return math.fsum(
        math.exp(_log_ways(second, n) + _log_ways(total - second, first - n) - ways)
        for n in range(both, min(first, second) + 1)
        if first - n <= total - second
    )


def _log_ways(all_: int, chosen: int) -> float:
    return math.lgamma(all_ + 1) - math.lgamma(chosen + 1) - math.lgamma(all_ - chosen + 1)
