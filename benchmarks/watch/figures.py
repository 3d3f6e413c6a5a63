"""Shares with their intervals, and tables."""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from scipy.stats import binomtest

from watch.curves import Run

RESAMPLES = 2000


class Verdict(NamedTuple):
    """What a tool said of a run: its alarms, what is a warning or graver, the row of the first alarm.

    `counted` is False where the tool judges again and again, so that a number of alarms means nothing.
    """

    alarms: int
    warnings: int
    first: int | None
    rules: tuple[tuple[str, str], ...] = ()
    counted: bool = True


Told = dict[str, Verdict]
"""What one tool said of each run, by the run's name."""


def exact(hits: int, of: int) -> str:
    """A share with its 95 % interval by Clopper and Pearson."""
    if not of:
        return "–"
    low, high = binomtest(hits, of).proportion_ci(method="exact")
    return f"{_percent(hits / of)} ({_percent(low)}–{_percent(high)})"


def pooled(runs: Sequence[Run], told: Told) -> str:
    """The share of runs with an alarm, with its 95 % interval by bootstrap of whole groups.

    Where no run has one, or every run, all resamples are the same and say nothing: there the interval
    is that of Clopper and Pearson, marked by a star.
    """
    by_group: dict[tuple[str, str], list[bool]] = {}
    for run in runs:
        by_group.setdefault(run.group, []).append(told[run.name].alarms > 0)
    sums = [(sum(flags), len(flags)) for flags in by_group.values()]
    hits, of = sum(hits for hits, _ in sums), sum(of for _, of in sums)
    if hits in (0, of):
        return f"{hits}/{of} {exact(hits, of)}\\*" if of else "–"
    generator, shares = random.Random(0), []
    for _ in range(RESAMPLES):
        drawn = generator.choices(sums, k=len(sums))
        shares.append(sum(hits for hits, _ in drawn) / sum(of for _, of in drawn))
    shares.sort()
    low, high = shares[int(0.025 * RESAMPLES)], shares[int(0.975 * RESAMPLES) - 1]
    return f"{hits}/{of} {_percent(hits / of)} ({_percent(low)}–{_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def quartiles(values: Iterable[float], form: str = "g") -> str:
    """The median and what the middle half lies between."""
    known = sorted(values)
    if not known:
        return "–"
    picked = [known[min(len(known) - 1, int(q * len(known)))] for q in (0.5, 0.25, 0.75)]
    return f"{picked[0]:{form}} ({picked[1]:{form}}…{picked[2]:{form}})"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints Markdown."""
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
