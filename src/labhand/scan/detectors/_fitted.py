"""Numbers that the other columns of a row tell, but in a few rows: a body mass index beside height and weight."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import counted, shown
from labhand.scan.detectors._tails import leads_out

LEAST = 100
COLUMNS = 14
STEPS = 20
"""Different values below which a column of numbers is of counts or codes, which others hardly tell."""
SOME = 20_000
MOST = 0.03
"""The share of rows up to which those that are not as the others tell are the mistakes."""
TOLD = 0.05
"""How closely the others must tell a column: by the spread of what is left of its own."""
FAR = 15.0
"""Deviations of what is left, beyond which a cell is not what the others tell."""
AWAY = 0.25
"""The same in spreads of the column itself: less is no mistake that anybody would mend."""
LOOSE, FEWER = 0.01, 0.015
"""What the others leave from which on the columns may only go along, and the share of rows then."""
HOPELESS = 4
"""How many times as far as may be the first fits may leave, for further ones to be made."""
FITTED = 0.9
"""The share of rows, those that agree best, that each step of the fit is made with."""
TURNS, FIRST = 6, 2
POSITIVE = 0.99
"""The share of cells above zero from which on products and powers are looked for, by logarithms."""


class _Fit(NamedTuple):
    """How some columns tell one, in logarithms or as they are: `at` is its place among them."""

    at: int
    others: list[int]
    logs: bool
    weights: Any
    left: float
    """The deviation of what is left, by its median."""
    share: float
    """The same in spreads of the column."""


def broken(data: Data, part: Part, known: Collection[int]) -> Iterator[Anomaly]:
    """One anomaly a column that the others tell closely and do not in a few rows, but those that are `known`."""
    apart = {data.role("id"), data.role("prediction"), data.role("time")}
    columns = [
        c for c in part.columns.values()
        if c.kind == "number" and c.unique >= STEPS and c.std and not c.is_id and c.name not in apart
    ][:COLUMNS]  # fmt: skip
    if part.rows < LEAST or len(columns) < 2:
        return
    names = [c.name for c in columns]
    every = max(1, part.rows // SOME)
    some = part.numbers(names, every)
    fits = sorted(_fits(some), key=lambda fit: fit.share)
    seen = set(known)
    whole = None
    for fit in fits:
        if not len(_odd(fit, some)):
            continue
        if whole is None:
            whole = part.numbers(names) if every > 1 else some
        odd = _odd(fit, whole)
        rows = part.row_numbers[odd]
        new = [row not in seen for row in rows.tolist()]
        if sum(new) <= len(new) / 2 or _by_itself(columns[fit.at], whole[odd, fit.at]):
            continue
        if _at_the_edge(fit, whole, odd, columns):
            continue
        seen |= set(rows.tolist())
        yield _anomaly(part, columns, fit, whole, odd)


def _fits(some: Any) -> Iterator[_Fit]:
    """For each column the closer of two fits, where it is close enough."""
    import numpy as np

    with np.errstate(all="ignore"):
        logs = np.where(some > 0, np.log(some), np.nan)
    filled = np.isfinite(some).mean(axis=0)
    above = np.isfinite(logs).mean(axis=0) / np.where(filled > 0, filled, 1)
    for at in range(some.shape[1]):
        others = [k for k in range(some.shape[1]) if k != at and filled[k] >= 0.9]
        made = [_fit(some, at, others, logs=False)]
        if above[at] >= POSITIVE:
            made.append(_fit(logs, at, [k for k in others if above[k] >= POSITIVE], logs=True))
        close = [fit for fit in made if fit is not None and fit.share <= TOLD]
        if close:
            yield min(close, key=lambda fit: fit.share)


def _fit(cells: Any, at: int, others: list[int], *, logs: bool) -> _Fit | None:
    """The least squares of the rows that agree best, after Rousseeuw and Van Driessen (2006)."""
    import numpy as np

    known = np.isfinite(cells[:, [at, *others]]).all(axis=1)
    if not others or known.sum() < LEAST:
        return None
    goal, lines = cells[known, at], _lines(cells[known], others)
    low, high = np.quantile(goal, [0.25, 0.75])
    spread = float(high - low) / 1.349
    # what lies far out would draw the first fit to itself
    ends = np.quantile(lines[:, :-1], [0.02, 0.98], axis=0)
    kept = ((lines[:, :-1] >= ends[0]) & (lines[:, :-1] <= ends[1])).all(axis=1)
    if spread <= 0 or kept.sum() < LEAST / 2:
        return None
    weights = None
    for turn in range(TURNS):
        weights = np.linalg.lstsq(lines[kept], goal[kept], rcond=1e-10)[0]
        away = np.abs(goal - lines @ weights)
        kept = away <= np.quantile(away, FITTED)
        left = 1.4826 * float(np.median(away))
        if turn >= FIRST and left > HOPELESS * TOLD * spread:
            return None
    return _Fit(at, others, logs, weights, left, left / spread)


def _lines(cells: Any, others: list[int]) -> Any:
    import numpy as np

    return np.column_stack([cells[:, others], np.ones(len(cells))])


def _told(fit: _Fit, cells: Any) -> Any:
    """What the others tell of the column, row by row, in its own unit."""
    import numpy as np

    with np.errstate(all="ignore"):
        some = np.log(cells) if fit.logs else cells
        told = _lines(some, fit.others) @ fit.weights
        return np.exp(told) if fit.logs else told


def _odd(fit: _Fit, cells: Any) -> Any:
    """The places of the rows that are not as the others tell, the farthest first; none where these are a tail."""
    import numpy as np

    with np.errstate(all="ignore"):
        some = np.log(cells) if fit.logs else cells
        away = np.abs(some[:, fit.at] - _lines(some, fit.others) @ fit.weights)
    known = np.isfinite(away)
    low, high = np.quantile(some[known, fit.at], [0.25, 0.75])
    least = max(FAR * fit.left, AWAY * (high - low))
    odd = np.flatnonzero(known & (away > least))
    if not 0 < len(odd) <= (MOST if fit.share < LOOSE else FEWER) * known.sum():
        return odd[:0]
    # of what is exact, the last digits have a tail of their own
    others = np.maximum(
        away[known & (away <= least)], max(3 * fit.left, 0.01 * AWAY * (high - low))
    )
    if leads_out(others, away[odd].min(), len(odd)):
        return odd[:0]
    return odd[np.argsort(-away[odd], kind="stable")]


def _by_itself(column: Column, values: Any) -> bool:
    """Whether most of the cells lie outside of the column's own numbers, which other rules tell."""
    low, high = column.q01, column.q99
    assert low is not None and high is not None
    room = 0.5 * (high - low)
    return bool(((values < low - room) | (values > high + room)).mean() > 0.5)


def _at_the_edge(fit: _Fit, cells: Any, odd: Any, columns: list[Column]) -> bool:
    """Whether what tells most lies at its own ends in most of the rows, where a straight line may no longer hold."""
    import numpy as np

    ends = [(columns[k].q01, columns[k].q99) for k in _telling(fit, cells)]
    lines = cells[odd][:, _telling(fit, cells)]
    low, high = np.array(ends, dtype=float).T
    return bool(((lines <= low) | (lines >= high)).any(axis=1).mean() > 0.5)


def _anomaly(part: Part, columns: list[Column], fit: _Fit, cells: Any, odd: Any) -> Anomaly:
    import numpy as np
    import polars as pl

    told = _told(fit, cells[odd])
    found = pl.DataFrame(
        {
            "row": part.row_numbers[odd],
            "score": np.abs(cells[odd, fit.at] - told),
            "value": [f"{value:.10g}" for value in cells[odd, fit.at]],
            "suggested": [f"{value:.4g}" for value in told],
        }
    ).with_columns(pl.lit(columns[fit.at].name).alias("column"))
    name, first = columns[fit.at].name, found.row(0, named=True)
    by = " and ".join(f"`{columns[k].name}`" for k in _telling(fit, cells))
    return Anomaly(
        part,
        f"`{name}` follows from {by} in all but {counted(len(odd), 'row')} of {part.rows:,}, as row "
        f"{first['row']}: {shown(first['value'])} where about {shown(first['suggested'])} is to be expected",
        "look which of the columns is wrong in these rows",
        0.75,
        found,
        [name, *(columns[k].name for k in fit.others)],
        "warning",
        normal=f"what the other columns do not tell of `{name}` is {100 * fit.share:.2g} % of its spread",
        group="dependency-violation fitted",
    )


def _telling(fit: _Fit, cells: Any) -> list[int]:
    """The columns that move it most, by what one spread of each does; at most three."""
    import numpy as np

    with np.errstate(all="ignore"):
        some = np.log(cells) if fit.logs else cells
    low, high = np.nanquantile(some[:, fit.others], [0.25, 0.75], axis=0)
    moved = np.abs(fit.weights[:-1]) * (high - low)
    return [fit.others[k] for k in np.argsort(-moved)[:3] if moved[k] > 0.1 * moved.max()]
