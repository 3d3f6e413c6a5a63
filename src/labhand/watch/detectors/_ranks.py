"""Ranks that drift apart, told by what each of them logs: sizes of its weights, and its loss."""

import math
from typing import NamedTuple

from labhand.watch.levels import Levels
from labhand.watch.measures import rank_in
from labhand.watch.roles import role
from labhand.watch.signals import Points
from labhand.watch.tracks import median

APART = 1e-3
"""Sizes of weights further apart than this share of them differ: logs round to a few digits."""
STEPS = 5
"""Steps in a row at which they must differ."""
BLOCKS = 6
GAP = 0.5
"""A loss so far above those of the other ranks, in its logarithm, at its latest levels."""
BEYOND_NOISE = 6.0


class Apart(NamedTuple):
    """What differs: the metric without its rank, two ranks with their values, since which step."""

    metric: str
    ranks: tuple[int, int]
    values: tuple[float, float]
    since: int
    weights: bool


class Ranks:
    """Compares the ranks' own rows, or the columns of one row whose names hold a rank."""

    def __init__(self) -> None:
        self._weights: dict[str, tuple[int, dict[int, float]]] = {}
        self._differ: dict[str, list[int]] = {}
        self._losses: dict[str, dict[int, Levels]] = {}
        self._names: dict[str, tuple[str, int | None, bool] | None] = {}
        self.compared = False

    def see(self, row: Points) -> Apart | None:
        """The difference that this row proves."""
        found = None
        for name, value in row.values.items():
            if name not in self._names:
                self._names[name] = _known(name)
            known = self._names[name]
            if known is None or value - value != 0:
                continue
            base, told, weights = known
            rank = row.rank if told is None else told
            if rank is not None:
                looked = self._weight if weights else self._loss
                found = looked(base, rank, value, row.step) or found
        return found

    def _weight(self, base: str, rank: int, value: float, step: int) -> Apart | None:
        at, here = self._weights.setdefault(base, (step, {}))
        if at == step:
            here[rank] = value
            return None
        # a step is judged once the next one comes: then all ranks have told theirs
        self._weights[base] = step, {rank: value}
        if len(here) < 2:
            return None
        self.compared = True
        differ = self._differ.setdefault(base, [])
        low, high = min(here, key=here.__getitem__), max(here, key=here.__getitem__)
        if here[high] - here[low] <= APART * max(abs(here[high]), abs(here[low])):
            differ.clear()
            return None
        differ.append(at)
        if len(differ) < STEPS:
            return None
        ranks = min(low, high), max(low, high)
        return Apart(base, ranks, (here[ranks[0]], here[ranks[1]]), differ[0], weights=True)

    def _loss(self, base: str, rank: int, value: float, step: int) -> Apart | None:
        ranks = self._losses.setdefault(base, {})
        if rank not in ranks:
            ranks[rank] = Levels()
        if not ranks[rank].add(value, step):
            return None
        known = {
            r: levels
            for r, levels in ranks.items()
            if len(levels.blocks) >= BLOCKS and not levels.raw
        }
        if len(known) < 2 or rank not in known or len(known) < len(ranks):
            return None
        self.compared = True
        own = known[rank]
        others = median([max(levels.lately) for r, levels in known.items() if r != rank])
        gap = min(own.lately) - others
        if gap < max(GAP, BEYOND_NOISE * own.noise) or not own.first > 0:
            return None
        nearest = min(
            (r for r in known if r != rank), key=lambda r: abs(max(known[r].lately) - others)
        )
        values = math.exp(own.lately[-1]), math.exp(known[nearest].lately[-1])
        since = own.steps[-BLOCKS + 1]
        return Apart(base, (rank, nearest), values, since, weights=False)


def _known(name: str) -> tuple[str, int | None, bool] | None:
    """The metric without its rank, the rank that its name tells, and whether it is of weights."""
    told = rank_in(name)
    base = name if told is None else told[0]
    of = role(base)
    if of == "weight-norm":
        return base, None if told is None else told[1], True
    return (base, None if told is None else told[1], False) if of == "train-loss" else None
