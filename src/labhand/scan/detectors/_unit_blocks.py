"""Stretches of rows, one after the other, in which one column alone is in another unit."""

import functools
import math
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part
from labhand.scan.detectors._rows import grouped

LEAST, MOST = 100, 1_000_000
LENGTHS = (8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 60, 75, 90, 140)
"""Rows of a stretch that are looked for; its ends are then moved to where it fits best."""
CLEAR, CLEARER = 2.8, 1.5
"""How far, in deviations of such differences elsewhere, a stretch must stand off both its sides, and how many times
as far as any other."""
OTHERS = 0.5
"""The share of its distance from which on another column that also stands off means another sort of rows."""
INSIDE = 0.85
"""The share of rows of the stretch, and of its sides, that must be nearer to their own middle."""
FEWEST_TIMES = 2.0
"""A factor below which a stretch of rows is merely larger."""
NEAR, CLEAR_OF_FEW = 0.2, 4.5
"""The same for a smaller factor, and how clearly such a stretch must stand off."""
MUCH, LOOSE = 5.0, 0.7
"""A factor above which few others are near, and how far a step may be from its logarithm at most."""
DECIMALS = (10, 100, 1000, 1e6)
WIDE = 4.0
"""Deviations beyond which a cell counts no more."""
GROUPS, KEYS = 500, 6
NUMBERED = r"(?:^|_|\b)(?:id|no|nr|code|key|zip|index|idx|row_?names?|row|year)$"
"""Names of columns that number things."""
MANY = 40
"""Columns that are looked at."""


class Stretch(NamedTuple):
    """Rows from `first` up to and without `end`, and how far they stand off."""

    first: int
    end: int
    clear: float


def told(
    data: Data,
    part: Part,
    known: Collection[str],
    factors: tuple[float, ...],
    scales: Any,
    temperature: str,
) -> Iterator[Anomaly]:
    """At most one claim a column, but for those of which something is known already."""
    apart = {data.role("id"), data.role("label"), data.role("prediction"), data.role("time")}
    columns = [
        c for c in part.columns.values()
        if c.kind == "number" and c.unique >= 20 and not c.is_id and c.name not in apart
        and not re.search(NUMBERED, c.name.lower())
    ][:MANY]  # fmt: skip
    if not LEAST <= part.rows <= MOST or part.broken or not columns:
        return
    values = part.numbers([c.name for c in columns])
    for at, column in enumerate(columns):
        if column.name in known:
            continue
        met = None
        if re.search(temperature, column.name.lower()):
            met = _of_scale(values, at, scales)
        if met is None and (values[:, at] <= 0).mean() < 0.01:
            met = _of_factor(values, at, factors)
        if met is not None and not _of_one_sort(data, part, met[0]):
            yield _claim(part, column, values[:, at], *met)


def _of_one_sort(data: Data, part: Part, met: Stretch) -> bool:
    """Whether the rows of a stretch share a word that those before and after have not, as the name of a thing."""
    import numpy as np

    words = part.groupings(GROUPS, KEYS, (data.role("prediction"),))
    whole = [c.name for c in part.columns.values() if c.kind == "number" and c.whole][:MANY]
    numbers = list(part.numbers(whole).T) if whole else []
    for codes in (*(grouped(data, part, key)[0].astype(float) for key in words), *numbers):
        inside, sides = _sides(codes, met)
        if not len(inside):
            continue
        values, times = np.unique(inside, return_counts=True)
        same = values[times.argmax()]
        if times.max() >= 0.9 * len(inside) and (sides == same).mean() < 0.5:
            return True
    return False


def _of_factor(values: Any, at: int, factors: tuple[float, ...]) -> tuple[Stretch, str] | None:
    import numpy as np

    with np.errstate(all="ignore"):
        logs = np.log(np.where(values[:, at] > 0, values[:, at], np.nan))
    met = _stretch(logs)
    if met is None:
        return None
    inside, sides = _sides(logs, met)
    if min(len(inside), len(sides)) < LENGTHS[0] // 2 or _few(inside):
        return None
    step = float(np.median(inside) - np.median(sides))
    spread = 1.4826 * float(np.median(np.abs(sides - np.median(sides))))
    slack = 1.25 * spread * math.sqrt(1 / len(inside) + 1 / len(sides))
    fits = [
        f for f in factors
        if f >= FEWEST_TIMES
        and abs(abs(step) - math.log(f)) <= max(0.06, min(LOOSE, 4 * slack) if f >= MUCH else min(NEAR, 2 * slack))
        and (f >= MUCH or met.clear >= CLEAR_OF_FEW)
    ]  # fmt: skip
    if not fits:
        return None
    # a decimal point is lost oftener than any other unit
    factor = min(fits, key=lambda f: (f not in DECIMALS, abs(abs(step) - math.log(f))))
    by = math.copysign(math.log(factor), step)
    if not _among(inside - by, sides) or not _alone(values, at, met):
        return None
    return met, f"{'divided by' if step > 0 else 'times'} {factor:.5g}"


def _of_scale(values: Any, at: int, scales: Any) -> tuple[Stretch, str] | None:
    import numpy as np

    met = _stretch(values[:, at])
    if met is None:
        return None
    inside, sides = _sides(values[:, at], met)
    if min(len(inside), len(sides)) < LENGTHS[0] // 2 or _few(inside):
        return None
    for turned, scale, shift in scales:
        mended = inside * scale + shift
        middle, room = np.median(sides), np.subtract(*np.quantile(sides, [0.75, 0.25]))
        near = abs(np.median(mended) - middle) <= max(room, 1.0)
        if near and _among(mended, sides):
            alone = _alone(values, at, met, functools.partial(_turned, scale, shift))
            return (met, f"turned from {turned}") if alone else None
    return None


def _few(inside: Any) -> bool:
    """Whether the cells of a stretch come again and again, as those of one person do, or only rise or fall."""
    import numpy as np

    steps = np.sign(np.diff(inside))
    goes_on = max((steps > 0).mean(), (steps < 0).mean()) > 0.9
    return bool(len(set(inside.tolist())) < max(5, len(inside) / 2) or goes_on)


def _turned(scale: float, shift: float, values: Any) -> Any:
    return values * scale + shift


def _among(mended: Any, sides: Any) -> bool:
    """Whether the mended cells lie among those before and after."""
    import numpy as np

    low, high = np.quantile(sides, [0.0, 1.0])
    room = 0.25 * (high - low)
    return bool(((mended >= low - room) & (mended <= high + room)).mean() >= 0.95)


def _sides(values: Any, met: Stretch) -> tuple[Any, Any]:
    """The finite cells of a stretch, and of twice as many rows before and after it."""
    import numpy as np

    reach = max(20, 2 * (met.end - met.first))
    inside = values[met.first : met.end]
    sides = np.r_[values[max(0, met.first - reach) : met.first], values[met.end : met.end + reach]]
    return inside[np.isfinite(inside)], sides[np.isfinite(sides)]


def _stretch(values: Any) -> Stretch | None:
    """The stretch that stands off most clearly from what is before and after it; None where none does."""
    import numpy as np

    known = np.isfinite(values)
    if known.sum() < LEAST:
        return None
    middle = np.median(values[known])
    spread = 1.4826 * np.median(np.abs(values[known] - middle)) or np.std(values[known])
    if not spread > 0:
        return None
    scaled = np.where(known, np.clip((values - middle) / spread, -WIDE, WIDE), 0.0)
    best: Stretch | None = None
    for length in LENGTHS:
        if 6 * length > len(values):
            break
        clear = _clear(scaled, length)
        place = int(np.argmax(clear))
        elsewhere = np.r_[
            0.0, clear[: max(0, place - 3 * length)], clear[place + 3 * length :]
        ].max()
        if clear[place] < max(CLEAR, CLEARER * elsewhere):
            continue
        if best is None or clear[place] > best.clear:
            best = Stretch(place + length, place + 2 * length, float(clear[place]))
    return None if best is None else _fitted(scaled, best)


def _clear(scaled: Any, length: int) -> Any:
    """For each place how far the second of three stretches stands off the first and the third."""
    import numpy as np

    whole = np.r_[0.0, np.cumsum(scaled)]
    means = (whole[length:] - whole[:-length]) / length
    before = means[length:-length] - means[: -2 * length]
    after = means[length:-length] - means[2 * length :]
    usual = 1.4826 * np.median(np.abs(before)) + 1e-6
    same = np.sign(before) == np.sign(after)
    return np.where(same, np.minimum(np.abs(before), np.abs(after)) / usual, 0.0)


def _fitted(scaled: Any, met: Stretch) -> Stretch | None:
    """The stretch with its ends where it fits best; None where its rows, or its sides, are mixed."""
    import numpy as np

    length = met.end - met.first
    low, high = max(0, met.first - length), min(len(scaled), met.end + length)
    inner = np.median(scaled[met.first : met.end])
    outer = np.median(np.r_[scaled[low : met.first], scaled[met.end : high]])
    gain = (scaled[low:high] - outer) ** 2 - (scaled[low:high] - inner) ** 2
    best, start, total, ends = 0.0, 0, 0.0, (0, 0)
    for place, one in enumerate(gain):
        if total <= 0:
            start, total = place, 0.0
        total += one
        if total > best:
            best, ends = total, (start, place + 1)
    first, end = low + ends[0], low + ends[1]
    if end - first < LENGTHS[0] - 2 or first == low or end == high:
        return None
    nearer = np.abs(scaled - inner) < np.abs(scaled - outer)
    beside = np.r_[nearer[low:first], nearer[end:high]]
    if nearer[first:end].mean() < INSIDE or (~beside).mean() < INSIDE:
        return None
    return Stretch(first, end, met.clear)


def _alone(values: Any, at: int, met: Stretch, mend: Callable[[Any], Any] | None = None) -> bool:
    """Whether no other column stands off in these rows, unless the same mend helps it: else they are of another sort."""
    import numpy as np

    own = _distance(values[:, at], met)
    for other in range(values.shape[1]):
        cells = values[:, other]
        if other == at or not np.isfinite(cells).any():
            continue
        away = _distance(cells, met)
        helped = mend is not None and _distance(cells, met, mend) <= OTHERS * away
        if away > OTHERS * own and not helped:
            return False
    return True


def _distance(values: Any, met: Stretch, mend: Callable[[Any], Any] | None = None) -> float:
    """How many quartiles the middle of the stretch, or of what a mend makes of it, lies off that of its sides."""
    import numpy as np

    inside, sides = _sides(values, met)
    if not len(sides) or not len(inside):
        return 0.0
    wide = float(np.subtract(*np.quantile(sides, [0.75, 0.25])))
    inside = inside if mend is None else mend(inside)
    away = abs(float(np.median(inside) - np.median(sides)))
    return away / wide if wide > 0 else (math.inf if away else 0.0)


def _claim(part: Part, column: Column, values: Any, met: Stretch, mend: str) -> Anomaly:
    import numpy as np

    rows = part.row_numbers[met.first : met.end].tolist()
    inside, sides = _sides(values, met)
    return Anomaly(
        part,
        f"{len(rows):,} rows one after the other, from row {rows[0]} on, have `{column.name}` in another unit, as the "
        f"others when {mend}: {np.median(inside):.4g} in the middle, where before and after it is {np.median(sides):.4g}",
        "bring them into the unit of the others",
        0.8,
        made(rows, column=[column.name] * len(rows)),
        [column.name],
        "warning",
        normal=f"`{column.name}` goes on as before, and no other column changes in these rows",
        group="impossible-value stretch",
    )
