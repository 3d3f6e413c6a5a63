"""Many rows of a log at once, as columns: of tables and JSON lines whose cells are plain numbers."""

import io
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from labhand.watch.roles import role
from labhand.watch.rows import TIMES, moment, number
from labhand.watch.stretch import NOTHING, Column

LEAST_BYTES = 4096
"""Less is not worth it."""
_ODD = re.compile(rb'["#]|\r(?!\n)|\n\r?\n|^\r?\n')
"""Quotes, comments and blank lines: what only the reader of single lines knows."""


def plain_columns(
    body: bytes, names: Sequence[str], delimiter: str, texts: set[str]
) -> tuple[dict[str, Column], int] | None:
    """The columns of a table without its head, and its number of rows; None where a cell is no plain number.

    `texts` are columns that hold text, and none of them a number; those that turn out so are added.
    """
    import polars as pl
    from polars.exceptions import PolarsError

    if len(body) < LEAST_BYTES or len(set(names)) < len(names) or "" in names or _ODD.search(body):
        return None
    clocks = {name for name in names if name.lower() in TIMES}

    def read() -> "pl.DataFrame":
        schema = {n: pl.String if n in texts or n in clocks else pl.Float64 for n in names}
        return pl.read_csv(io.BytesIO(body), has_header=False, separator=delimiter, schema=schema)

    try:
        frame = read()
    except PolarsError:
        _learn_texts(body, names, delimiter, texts)
        try:
            frame = read()
        except PolarsError:
            return None
    found: dict[str, Column] = {}
    for name in names:
        cells: Any = frame[name]
        if name in texts:
            if _tells(cells.unique().to_list(), name):
                return None
            continue
        if name in clocks and (cells := _times(cells)) is None:
            return None
        if cells.null_count() < frame.height:
            found[name] = column(cells)
    return found, frame.height


def _tells(texts: Iterable[str | None], name: str) -> bool:
    """Whether a column of text tells something: a number, or which batch it was."""
    return role(name) == "batch-identity" or any(number(text) is not None for text in texts)


def _times(cells: Any) -> Any:
    """A column of times as numbers; None where a cell is neither a number nor a time."""
    import polars as pl

    plain = cells.cast(pl.Float64, strict=False)
    if plain.null_count() == cells.null_count():
        return plain
    told = [None if cell is None else moment(cell) for cell in cells.to_list()]
    known = pl.Series(cells.name, told, dtype=pl.Float64)
    return known if known.null_count() == cells.null_count() else None


def _learn_texts(body: bytes, names: Sequence[str], delimiter: str, texts: set[str]) -> None:
    """Notes the columns of which no cell is a number."""
    lines = body[:65536].decode("utf-8", "replace").splitlines()[:-1]
    rows = [line.split(delimiter) for line in lines]
    for name, cells in zip(names, itertools.zip_longest(*rows, fillvalue=""), strict=False):
        said = [cell for cell in cells if cell.strip()]
        if said and name.lower() not in TIMES and all(number(cell) is None for cell in said):
            texts.add(name)


def column(cells: Any) -> Column:
    """A series of polars as a column: a null is no value."""
    values = cells.to_numpy().astype(np.float64)
    if not cells.null_count():
        return Column(np.arange(len(values)), values)
    there = cells.is_not_null().to_numpy()
    return Column(there.nonzero()[0], values[there])


def columns_of(entries: Sequence[dict[str, Any]]) -> dict[str, Column] | None:
    """The columns of flat objects; None where a value is no number, or names stand in another order."""
    shapes: dict[tuple[str, ...], tuple[list[int], list[Iterable[Any]]]] = {}
    for place, entry in enumerate(entries):
        shape = tuple(entry)
        known = shapes.get(shape)
        if known is None:
            known = shapes[shape] = ([], [])
        known[0].append(place)
        known[1].append(entry.values())
    order: dict[str, int] = {}
    for shape in shapes:
        for name in shape:
            order.setdefault(name, len(order))
        if [order[n] for n in shape] != sorted(order[n] for n in shape):
            return None
    parts: dict[str, list[Column]] = {name: [] for name in order}
    for shape, (places, rows) in shapes.items():
        for name, cells in zip(shape, zip(*rows, strict=True), strict=True):
            made = _numbers(name, places, cells)
            if made is None:
                return None
            parts[name].append(made)
    joined = {name: _joined(several) for name, several in parts.items()}
    return {name: made for name, made in joined.items() if len(made.rows)}


def _numbers(name: str, places: list[int], cells: Sequence[Any]) -> Column | None:
    """The numbers of one metric; none of text, None where some cells are text that tells a number."""
    kinds = set(map(type, cells))
    if str in kinds and name.lower() in TIMES:
        cells = [moment(cell) for cell in cells]
        kinds = set(map(type, cells))
        if kinds != {float}:
            return None
    if str in kinds and kinds <= {str, type(None)}:
        return None if _tells({cell for cell in cells if cell is not None}, name) else NOTHING
    if not kinds <= {int, float, bool, type(None)}:
        return None
    rows = np.asarray(places, np.int64)
    try:
        values = np.asarray(cells, np.float64)
    except (OverflowError, TypeError):
        return None
    if type(None) in kinds:
        there = np.asarray([cell is not None for cell in cells])
        return Column(rows[there], values[there])
    return Column(rows, values)


def _joined(parts: list[Column]) -> Column:
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows)
    return Column(rows[order], np.concatenate([part.values for part in parts])[order])
