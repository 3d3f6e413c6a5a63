"""Whether what lies far out is the end of a tail, or apart from it."""

from typing import Any

GAP = 1.5
"""How many times as far as the last of the others the odd ones begin."""
MOST_TAIL, CHANCE = 200, 0.001
"""The chance of such a gap by the tail of the others, above which the odd ones are its end."""


def leads_out(others: Any, nearest: float, beyond: int) -> bool:
    """Whether the tail of the others brings so many so far out by chance (Hill 1975)."""
    import numpy as np

    tail = np.sort(others)[::-1][: max(5, min(MOST_TAIL, len(others) // 20))]
    falls = float(np.log(tail / tail[-1]).mean())
    if nearest < GAP * tail[0]:
        return True
    return falls > 0 and float(nearest / tail[0]) ** (-beyond / falls) > CHANCE
