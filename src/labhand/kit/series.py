"""Fewer points for drawing, with every extreme kept: a spike is never sampled away."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def downsample(values: "NDArray[np.float64]", points: int) -> "NDArray[np.intp]":
    """The indices of the points to draw, ascending.

    The values are cut into buckets of equal length. Of each bucket stay its lowest and its highest
    finite value and its first non-finite one; the first and the last point stay too. So there are at
    most `points` of them (4 at least), and as many more as buckets hold a non-finite value, which is
    at most `points` / 2.
    """
    import numpy as np

    total = len(values)
    if total <= max(points, 4):
        return np.arange(total)
    buckets = max((points - 2) // 2, 1)
    finite = np.isfinite(values)
    low = _extremes(values, buckets, np.argmin)
    high = _extremes(values, buckets, np.argmax)
    picked = [np.array([0, total - 1]), low, high]
    if not finite.all():
        low = _extremes(np.where(finite, values, np.inf), buckets, np.argmin)
        high = _extremes(np.where(finite, values, -np.inf), buckets, np.argmax)
        odd = _extremes(finite, buckets, np.argmin)
        # A bucket without any finite value has extremes that are none.
        picked = [picked[0], low[finite[low]], high[finite[high]], odd[~finite[odd]]]
    every = np.sort(np.concatenate(picked))
    once: NDArray[np.intp] = every[np.append(True, every[1:] != every[:-1])]
    return once


def _extremes(values: Any, buckets: int, of: Any) -> Any:
    """The index of one extreme a bucket; the last bucket takes what a division leaves over."""
    import numpy as np

    width = -(-len(values) // buckets)
    whole = len(values) // width
    found = of(values[: whole * width].reshape(whole, width), axis=1) + np.arange(whole) * width
    if whole * width < len(values):
        found = np.append(found, whole * width + of(values[whole * width :]))
    return found
