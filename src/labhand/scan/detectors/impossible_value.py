"""Values that cannot be."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from labhand.scan.anomaly import Anomaly, Repair, drops, edits
from labhand.scan.anomaly import found as made
from labhand.scan.columns import SORTED, Column
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors import _places, _tokens, _unit_blocks, _units
from labhand.scan.detectors._cells import counted, shown
from labhand.scan.detectors.disguised_missing import codes_below

if TYPE_CHECKING:
    import polars as pl

FAR = 8.0
"""Interquartile ranges from the middle; of numbers above zero `FAR_IN_LOG` on a logarithmic scale."""
FAR_IN_LOG = 6.0
FEW = 0.005
"""The share of cells up to which those far away are mistakes and not a tail."""


SKEWED = 3.0
"""How many times as wide the lower half is from which on large numbers have no long tail."""
WIDE, ALIKE_FAR = 4.0, 0.02
"""How many times as far as the others they lie for a larger share to be mistakes, and that share."""
GAP = 2.5
"""How many times as far as the last of the others a value is that no others lead out to."""
MOST_TAIL = 200
CHANCE = 0.02
"""The chance of a gap by the tail of the column itself, above which it is one of the tail."""
IN_ANOTHER_UNIT = 0.1
"""The share of cells up to which those in another unit are mistakes."""
LEAST_ALIKE = 3
"""So many far cells must all fall among the others by one factor: of fewer some factor is likely to fit."""
APART = 1.5
"""How many times as far away as the farthest of the others cells in another unit are, on a logarithmic scale."""
ROOM = 0.05
"""How far beyond the others, by their range, such cells may come to lie."""
FACTORS = (10, 100, 1000, 1e6, 2.54, 2.2046, 3.2808, 1.6093, 60, 3600, 24, 12, 1024, 4.184, 14.504, 28.35,
           18.016, 38.67, 88.42)  # fmt: skip
"""What lies between units of one thing: decimals, inches, pounds, feet, miles, minutes, hours, days, months,
bytes, calories, bars, ounces, and mg/dl of glucose, cholesterol and creatinine."""
SMALL = 0.02
"""The share of cells up to which far smaller ones are mistakes: there are small things of many kinds."""
BOTH = 0.25
"""How many may be so far away on the other side, beside one: more are tails."""
FAR_BESIDE = 1.5
"""The same as `FAR_IN_LOG` of temperatures, whose units do not begin at one zero."""
TEMPERATURE = (
    r"temp|tmp|celsius|kelvin|fahr|t2m|(^|_)(t_?(min|max|avg|mean|air|body)|deg_?c|dew\w*)($|_)"
)
SCALES = (
    ("Fahrenheit to Celsius", 1 / 1.8, -32 / 1.8),
    ("Celsius to Fahrenheit", 1.8, 32.0),
    ("Kelvin to Celsius", 1.0, -273.15),
    ("Celsius to Kelvin", 1.0, 273.15),
)
"""Units that do not begin at one zero: the factor, and what is added then."""
SCALE, COMMON = 15, 0.05
"""Steps of a scale of grades or stars, and the share of rows that have its last one."""
STEPS = 20
"""Different values of an age below which many rows are not persons: days until a test, weeks of treatment."""
WRONG_SIGN = 0.005
"""The share of cells up to which those below zero have a wrong sign."""
MEANT = 0.2
"""The share of infinite cells from which on they are meant."""


class _Range(NamedTuple):
    names: str
    low: float
    high: float
    why: str


RANGES = (
    _Range(r"age|age_?(years?|yrs)|\w+_age", 0, 125, "an age"),
    _Range(r"lat|latitude|\w+_lat(itude)?", -90, 90, "a latitude"),
    _Range(r"lng|lon|long|longitude|\w+_lon(gitude)?", -180, 360, "a longitude"),
    _Range(r"\w*(percent|percentage|pct)\w*", -100, 1000, "a percentage"),
    _Range(r"prob|probability|proba|p_value|pvalue|\w+_prob(ability)?", 0, 1, "a probability"),
    _Range(r"month|\w+_month", 0, 12, "a month"),
    _Range(r"hour|\w+_hour", 0, 24, "an hour of the day"),
    _Range(r"minute", 0, 60, "a minute"),
    _Range(r"(iou|f1|auc|accuracy|precision|recall)(_?score)?", 0, 100, "a score"),
    _Range(
        r"(\w+_)?(price|cost|weight|height|length|width|distance|duration|count|quantity|qty|size"
        r"|mass|volume|salary|income|population|mileage|mpg|horsepower|cylinders|bmi|pressure"
        r"|heart_?rate|glucose|insulin|humidity|fare|rooms|sqft|area|speed)(_\w+)?",
        0, float("inf"), "such a quantity",
    ),
)  # fmt: skip
"""What columns of some names cannot hold."""


class Detector:
    """Values that cannot be.

    ## What it does
    Finds infinite numbers; ages, latitudes, months, probabilities and quantities outside what these can
    be, by the name of the column; a few values so far from all others that a unit or a decimal point is
    wrong; groups that are measured in another unit; places whose
    latitude and longitude are exchanged, zero, or have lost a sign; stretches of rows and days that are so too; days
    that lie years away; tokens beyond the vocabulary of the others; a 7 among stars from 1 to 5. Of annotations: boxes beyond their image or without an area, and categories and
    images that the file does not have.

    ## Why is this bad
    One such cell moves the mean and the scale of its column, and so every other row.

    ## Known problems
    A column that is called `weight` and holds weights of a network. Long tails are looked at on a
    logarithmic scale; values alone beyond them are a guess, and told with less confidence.

    ## Example
    `age: 34, 29, 340`

    ## Use instead
    Mend the unit or the decimal point, or make the cell empty.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column and reason."""
        for part in data.parts:
            for columns, what, rows in part.facts.get("impossible", ()):
                yield _known(part, columns, what, rows)
            told = [*_places.misplaced(part), *_tokens.beyond(part)]
            known = {name for claim in told for name in claim.columns}
            for column in part.columns.values():
                if column.name not in known:
                    found = list(_of_column(data, part, column))
                    known |= {column.name} if found else set()
                    told += found
            told += _unit_blocks.told(data, part, known, FACTORS, SCALES, TEMPERATURE)
            yield from told


def _of_column(data: Data, part: Part, column: Column) -> Iterator[Anomaly]:
    if column.name == data.role("id") or column.kind != "number" or column.min is None:
        yield from _units.days(part, column)
    elif column.name == data.role("label"):
        yield from _off_the_scale(part, column)
    else:
        told = list(_look(part, column)) or list(_units.of_groups(data, part, column))
        yield from told or _units.within_groups(data, part, column)


def _known(part: Part, columns: list[str], what: str, rows: list[int]) -> Anomaly:
    """What the reader saw that cannot be."""
    return Anomaly(
        part,
        f"{len(rows):,} of {part.rows:,} annotations {what}, as row {rows[0]}",
        "mend them, or leave them out",
        0.95,
        made(rows),
        columns,
        "warning",
        normal="a box lies in an image of the file and has an area, and its category is known",
        repair=Repair("scientific", f"drop {counted(len(rows), 'annotation')}", drops(rows)),
        group=f"impossible {what}",
    )


def _look(part: Part, column: Column) -> Iterator[Anomaly]:
    if column.odd and len(infinite := _cells(part, column, number(column).is_infinite(), 1.0)):
        found = _anomaly(part, column, infinite, "infinite", "numbers are finite", 0.97)
        # so many are no accident: an open end of an interval is written so
        often = len(infinite) > MEANT * column.filled
        yield found._replace(severity="note", confidence=0.5) if often else found
    signed = False
    for known in RANGES:
        if re.fullmatch(known.names, re.sub(r"[^a-z0-9]+", "_", column.name.lower()).strip("_")):
            odd = list(_outside(part, column, known))
            yield from odd
            if odd:
                return
            signed = known.low < 0
            break
    yield from () if signed else _below_zero(part, column)
    yield from _off_the_scale(part, column)
    if "images" in part.facts.get("holds", ()):
        return  # what a file measures has one unit
    yield from (list(_in_another_unit(part, column)) or _far(part, column))


def _off_the_scale(part: Part, column: Column) -> Iterator[Anomaly]:
    """A 7 among stars from 1 to 5: beyond a step that is missing, where the last one before is common."""
    import polars as pl

    counts = part.counts(column.name) if column.whole and 4 <= column.unique <= SCALE else None
    if counts is None or column.filled < 10 * SCALE:
        return
    steps = (
        counts.drop_nulls("value")
        .select(v=pl.col("value").cast(pl.Int64, strict=False), n="count")
        .sort("v")
    )
    values, times = steps["v"].to_list(), steps["n"].to_list()
    if None in values:
        return
    for edge in range(len(values) - 1, 2, -1):
        beyond = sum(times[edge:])
        is_gap = values[edge] - values[edge - 1] > 1 and values[edge - 1] - values[0] == edge - 1
        if is_gap and beyond <= FEW * column.filled and times[edge - 1] >= COMMON * column.filled:
            cell = number(column)
            found = _cells(part, column, cell.is_finite() & (cell >= values[edge]), cell.abs())
            usual = f"all others lie from {values[0]} to {values[edge - 1]}"
            yield _anomaly(part, column, found, "off the scale", usual, 0.85)
            return


def _below_zero(part: Part, column: Column) -> Iterator[Anomaly]:
    """A few cells below zero that are as large as the others are: a tail would begin beside zero."""
    low, middle = column.q25, column.median
    assert column.min is not None
    if column.min >= 0 or column.filled < 200 or middle is None or low is None or low < 0:
        return
    if codes_below(part, column):
        return
    cell = number(column)
    found = _cells(part, column, cell.is_finite() & (cell < 0), cell.abs())
    if not 2 <= len(found) <= WRONG_SIGN * column.filled:
        return
    above = cell.filter(cell > 0)
    told = part.select(
        few=above.quantile(0.1), middle=above.median(), below=cell.filter(cell < 0).median()
    ).row(0, named=True)
    if -told["below"] < max(told["few"], 0.3 * told["middle"]):
        return
    few, what = (
        _usual(column),
        "below zero, and as large as the others: the sign is wrong, or they take back",
    )
    yield _anomaly(part, column, found, what, few, 0.65)


def _outside(part: Part, column: Column, known: _Range) -> Iterator[Anomaly]:
    assert column.min is not None and column.max is not None
    if known.low <= column.min and column.max <= known.high:
        return
    cell = number(column)
    odd = cell.is_finite() & ((cell < known.low) | (cell > known.high))
    found = _cells(part, column, odd, cell.abs())
    if known.low == 0 and column.max <= known.high and codes_below(part, column):
        return  # what stands for nothing is told by `disguised-missing`
    # where many are outside, the column is not what its name says; ages of things come in a few steps
    stepped = known.why == "an age" and column.unique < STEPS and column.filled > 10 * STEPS
    if len(found) and not stepped and len(found) <= 0.05 * column.filled:
        what = f"no value for {known.why}"
        yield _anomaly(part, column, found, what, _usual(column), 0.9)


def _in_another_unit(part: Part, column: Column) -> Iterator[Anomaly]:
    """Cells far above, or far below, all others, which one factor or scale takes among them."""
    import math

    low, middle, high = column.q25, column.median, column.q75
    if column.unique < 10 or column.filled < 30 or low is None or middle is None or high is None:
        return
    assert column.min is not None and column.max is not None
    if high <= low:
        return
    cell = number(column)
    looks = []
    if column.min > 0:
        least = FAR_IN_LOG * max(math.log(high / low), 0.05)
        away = cell.log() - math.log(middle)
        looks.append((away, math.log(column.max / middle), least))
        looks.append((-away, math.log(middle / column.min), least))
    if re.search(TEMPERATURE, column.name.lower()):
        least = FAR_BESIDE * (high - low)
        looks.append((cell - middle, column.max - middle, least))
        looks.append((middle - cell, middle - column.min, least))
    for away, farthest, least in looks:
        # the farthest cell rules most columns out
        if farthest > 0.999 * least and (told := next(_as_others(part, column, away, least), None)):
            yield told
            return


def _as_others(part: Part, column: Column, away: "pl.Expr", least: float) -> Iterator[Anomaly]:
    """The claim that the cells so far away on one side are in another unit."""
    cell = number(column)
    odd = cell.is_finite() & (away > least)
    if _lead_out(part, cell, away, least):
        return
    found = _cells(part, column, odd, away)
    if not LEAST_ALIKE <= len(found) <= IN_ANOTHER_UNIT * column.filled:
        return
    others = cell.is_finite() & (away <= least)
    told = part.select(
        low=cell.filter(others).min(),
        high=cell.filter(others).max(),
        farthest=away.filter(others).abs().max(),
        nearest=away.filter(odd).min(),
        several=cell.filter(odd).n_unique(),
        other_side=(cell.is_finite() & (away < -least)).sum(),
    ).row(0, named=True)
    if told["nearest"] < APART * told["farthest"] or told["several"] < LEAST_ALIKE:
        return
    if told["other_side"] > BOTH * len(found):
        return
    values = found["value"].cast(float).to_numpy()
    # the farthest of all may be among those that are in another unit
    beside = ROOM * (told["high"] - told["low"])
    lowest, highest = told["low"] - beside, told["high"] + beside
    scales = SCALES if re.search(TEMPERATURE, column.name.lower()) else ()
    for turned, scale, shift in scales:
        as_others = values * scale + shift
        if as_others.min() >= lowest and as_others.max() <= highest:
            what = f"in another unit, as the others when turned from {turned}"
            yield _anomaly(part, column, found, what, _usual(column), 0.85)
            return
    if told["low"] <= 0:
        return
    # there are small things of many kinds; of many of them only a decimal point can be lost
    many_small = values.max() < told["low"] and len(found) > SMALL * column.filled
    factors = _unit_blocks.DECIMALS if many_small and not _of_one_source(part, found) else FACTORS
    for factor in (f for one in factors for f in (one, 1 / one)):
        as_others = values * factor
        if as_others.min() >= lowest and as_others.max() <= highest:
            yield _converted(part, column, found, factor)
            return


def _lead_out(part: Part, cell: "pl.Expr", away: "pl.Expr", least: float) -> bool:
    """Whether cells lead out to the far ones, by some of many rows: among all are no fewer between."""
    import polars as pl

    every = part.rows // SORTED
    if every < 2:
        return False
    rows = part.lazy.gather_every(every).filter(cell.is_finite())
    some = part.collected(rows.select(v=away))["v"]
    beyond, others = some.filter(some > least), some.filter(some <= least)
    if not len(beyond) or not len(others):
        return False
    farthest = others.to_frame().select(pl.col("v").abs().max()).item()
    return bool(beyond.min() < APART * farthest)


def _of_one_source(part: Part, found: "pl.DataFrame") -> bool:
    """Whether these rows are nearly all that a site, a sensor or a batch has."""
    import polars as pl

    for key in part.groupings(30, 4):
        word = pl.col(key).cast(pl.String)
        here = part.at(found["row"].to_list(), [key]).select(word)[key].value_counts(sort=True)
        value, times = here.row(0)
        everywhere = part.select((word == value).sum()).item()
        if times >= 0.9 * len(found) and everywhere <= 1.5 * len(found):
            return True
    return False


def _converted(part: Part, column: Column, found: "pl.DataFrame", factor: float) -> Anomaly:
    import polars as pl

    by = f"times {factor:.10g}" if factor >= 1 else f"divided by {1 / factor:.10g}"
    told = _anomaly(
        part, column, found, f"in another unit, as the others when {by}", _usual(column), 0.85
    )
    if not column.dtype.is_float() and column.dtype != pl.String and factor < 1:
        return told
    mended = [f"{float(value) * factor:.10g}" for value in found["value"]]
    return told._replace(
        advice=f"mend the unit: they are as the others when {by}",
        repair=Repair(
            "scientific",
            f"take {counted(len(found), 'cell')} of `{column.name}` {by}",
            edits(found["row"], column.name, mended),
        ),
    )


def _far(part: Part, column: Column) -> Iterator[Anomaly]:
    import math

    low, middle, high = column.q25, column.median, column.q75
    if column.unique < 10 or column.filled < 30 or low is None or middle is None or high is None:
        return
    assert column.min is not None and column.max is not None
    if high <= low or max(column.max - middle, middle - column.min) < FAR * (high - low):
        return
    cell = number(column)
    away, least = (cell - middle).abs() / (high - low), FAR
    if column.min > 0 and low > 0 and high - middle >= (middle - low) / SKEWED:
        spread = math.log(high) - math.log(low)
        away = (cell.log() - math.log(middle)).abs() / max(spread, 0.05)
        least = FAR_IN_LOG
    odd = cell.is_finite() & (away > least)
    found = _cells(part, column, odd, away)
    if not len(found):
        return
    farthest = part.select(away.filter(~odd & cell.is_finite()).max()).item() or 0.0
    few = FEW if float(found["score"].min()) < WIDE * farthest else ALIKE_FAR  # type: ignore[arg-type]
    if len(found) > max(1, min(3, 0.03 * column.filled), few * column.filled):
        return
    if _is_tail(part, cell, odd, middle):
        return
    yield _anomaly(part, column, found, "far from all others", _usual(column), 0.65)


def _is_tail(part: Part, cell: "pl.Expr", odd: "pl.Expr", middle: float) -> bool:
    """Whether the values between lead out to the far ones, as heavy as the tail of the others is.

    By Hill (1975) the largest of the others tell how the tail falls; among values of such a tail a gap
    comes about by chance with its width to the power of the tail's index, for each value beyond it.
    """
    import numpy as np

    away = (cell - middle).abs()
    told = part.select(
        away.filter(odd).min().alias("nearest"),
        odd.sum().alias("beyond"),
        away.filter(~odd & cell.is_finite()).top_k(MOST_TAIL).implode().alias("last"),
    )
    nearest, beyond, last = told.row(0)
    last = np.sort([v for v in last if v])[::-1]
    if len(last) < 2 or nearest < GAP * last[0]:
        return True
    tail = last[: max(5, min(len(last), part.rows // 20))]
    falls = float(np.log(tail[:-1] / tail[-1]).mean()) if len(tail) > 1 else 0.0
    return falls > 0 and float(nearest / last[0]) ** (-beyond / falls) > CHANCE


def _usual(column: Column) -> str:
    return f"98 % of `{column.name}` lie from {column.q01:.4g} to {column.q99:.4g}"


def _cells(part: Part, column: Column, odd: "pl.Expr", score: object) -> "pl.DataFrame":
    import polars as pl

    shown_as = pl.col(column.name).cast(pl.String, strict=False)
    return part.where(odd, score, column=pl.lit(column.name), value=shown_as)


def _anomaly(
    part: Part, column: Column, found: "pl.DataFrame", what: str, normal: str, confidence: float
) -> Anomaly:
    few = ", ".join(shown(v) for v in found["value"].unique(maintain_order=True)[:3])
    return Anomaly(
        part,
        f"{counted(len(found), 'cell')} of `{column.name}` {'is' if len(found) == 1 else 'are'} {what}: "
        f"{few}; {normal}",
        "mend the unit or the decimal point, or make the cells empty",
        confidence,
        found,
        [column.name],
        "warning",
        normal=normal,
        group="impossible-value",
    )
