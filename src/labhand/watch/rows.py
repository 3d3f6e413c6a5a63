"""Rows of a log, and how the step and the time are found among the names of a row."""

import codecs
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from labhand.watch.roles import role
from labhand.watch.signals import Points

if TYPE_CHECKING:
    from labhand.watch.stretch import Column, Stretch


class Row(NamedTuple):
    """One row of a log. `time` is unix seconds, None where the log does not tell it."""

    step: int
    time: float | None
    values: dict[str, float]


Rows = Iterator[Row]
Pieces = Iterator["Row | Stretch"]
"""Rows in order, some of them many at a time, as columns."""
Part = tuple[str | None, Pieces]
"""The rows of one run in a log that may hold several, with the run's name where it has one."""

STEPS = (
    "global_step trainer/global_step _step step steps train_step train/step train/global_step "
    "global_steps iter iteration iterations iters it num_updates update updates n_iter num_steps "
    "total_timesteps time/total_timesteps timesteps timestep num_timesteps optimizer_step batch_idx "
    "episode round trial epoch epochs ep"
).split()
"""Names of a step, the finest first."""
_RANK = {name: rank for rank, name in enumerate(STEPS)}
TIMES = (
    "_timestamp",
    "timestamp",
    "wall_time",
    "walltime",
    "time",
    "date",
    "datetime",
    "created_at",
)
RUNS = ("run", "run_id", "run_name")
"""Names of a column that tells several runs in one table apart."""
_CLOCK = (1e8, 1e11)
"""What unix seconds lie between: 1973 to 5138."""


_BARE = re.compile(rb"(?<=[:\s,\[])(-?(?:NaN|Infinity|nan|inf))(?=\s*[,}\]])")


def loose_json(content: bytes) -> object:
    """What the JSON says, in which Python's bare `NaN` and `Infinity` may stand: they become text.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return msgspec.json.decode(content)
    except (ValueError, RecursionError):
        quoted = _BARE.sub(rb'"\1"', content)
    try:
        return msgspec.json.decode(quoted)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def number(value: object) -> float | None:
    """The number that a value of JSON or a table's cell is; None for anything else."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str):
        try:
            return float(value.removesuffix("%")) if "_" not in value else None
        except ValueError:
            return None
    return None


def moment(value: object) -> float | None:
    """Unix seconds of a time in seconds, milliseconds or ISO 8601; None for anything else."""
    found = number(value)
    if found is not None:
        if _CLOCK[0] < found < _CLOCK[1]:
            return found
        return found / 1000 if _CLOCK[0] < found / 1000 < _CLOCK[1] else None
    if isinstance(value, str) and 10 <= len(value) <= 40 and value[4:5] == "-":
        try:
            return datetime.fromisoformat(value.replace(",", ".")).timestamp()
        except ValueError:
            return None
    return None


def flat(entry: Mapping[str, object], prefix: str = "", depth: int = 0) -> dict[str, object]:
    """The entries of nested mappings, names joined by `/`."""
    found: dict[str, object] = {}
    for key, value in entry.items():
        if isinstance(value, Mapping):
            if depth < 8:
                found |= flat(value, f"{prefix}{key}/", depth + 1)
        else:
            found[f"{prefix}{key}"] = value
    return found


def shown(row: Row, source: str) -> Points:
    """The row as a watcher is fed it; a column `rank` tells whose it is."""
    rank = row.values.get("rank")
    time = math.nan if row.time is None else row.time
    whose = None if rank is None or not 0 <= rank < 1e6 else int(rank)
    return Points(time, source, row.step, row.values, whose)


def singly(pieces: Pieces) -> Rows:
    """The rows one by one."""
    for piece in pieces:
        if isinstance(piece, Row):
            yield piece
        else:
            yield from piece


def is_step(name: str) -> bool:
    """Whether the name is that of a step."""
    return name.lower() in _RANK


class Numbered:
    """Makes rows of named cells: finds the step and the time, by name or by how they behave.

    The first column is the step where its name does not tell and it counts up in whole numbers.
    """

    def __init__(self) -> None:
        self._count = 0
        self._first: str | None = None
        self._held: dict[str, object] | None = None
        self._last: float | None = None

    def rows(self, cells: Mapping[str, object]) -> list[Row]:
        """The rows that are certain with this one; the very first may wait for the second."""
        entry = dict(cells)
        if self._count == 0 and self._held is None and not self._named(entry):
            self._held = entry
            return []
        held, self._held = self._held, None
        if held is None:
            return [self._row(entry)]
        first = next(iter(held), None)
        if first is not None and _counts(held.get(first), entry.get(first)):
            self._first = first
        return [self._row(held), self._row(entry)]

    def close(self) -> list[Row]:
        """The row that waited, where no second came."""
        held, self._held = self._held, None
        return [] if held is None else [self._row(held)]

    def stretch(self, columns: "dict[str, Column]", rows: int) -> "Stretch | None":
        """As many rows, given as columns in the order in which their cells stand, as `rows` would tell each.

        None where they are not all alike, in their step or their time: then each must be told by itself.
        """
        from labhand.watch.stretch import Stretch, moments, whole_steps

        if not self._count or self._held is not None or "rank" in columns:
            return None
        columns, times = dict(columns), None
        for name in [n for n in columns if n.lower() in TIMES]:
            found = moments(columns[name], _CLOCK, rows)
            if found is None:
                return None
            if len(found):
                times = found if times is None else times
                del columns[name]
        names = sorted((n for n in columns if n.lower() in _RANK), key=lambda n: _RANK[n.lower()])
        names += [self._first] if self._first in columns and self._first is not None else []
        steps = (
            whole_steps(columns.pop(names[0]), rows)
            if names
            else range(self._count, self._count + rows)
        )
        if steps is None:
            return None
        self._count += rows
        return Stretch.of(steps, times, columns)

    def _named(self, entry: Mapping[str, object]) -> bool:
        return any(name.lower() in _RANK for name in entry)

    def _row(self, entry: dict[str, object]) -> Row:
        time = None
        for name in [n for n in entry if n.lower() in TIMES]:
            found = moment(entry[name])
            if found is not None:
                time = found if time is None else time
                del entry[name]
        step = self._step(entry)
        values = {}
        for name, value in entry.items():
            found = number(value)
            if found is None and isinstance(value, str) and role(name) == "batch-identity":
                found = float(zlib.crc32(value.encode()))  # only whether two are the same counts
            if found is not None:
                values[name] = found
        self._count += 1
        return Row(step, time, values)

    def _step(self, entry: dict[str, object]) -> int:
        """Takes the step out of the entry; the row's number where there is none."""
        names = sorted((n for n in entry if n.lower() in _RANK), key=lambda n: _RANK[n.lower()])
        if self._first is not None:
            names.append(self._first)
        for name in names:
            found = number(entry[name]) if name in entry else None
            if found is None:
                continue
            if found == found and float(found).is_integer() and abs(found) < 2**62:
                del entry[name]
                return int(found)
        return self._count


def _counts(first: object, second: object) -> bool:
    before, after = number(first), number(second)
    if before is None or after is None:
        return False
    return before.is_integer() and after.is_integer() and 0 <= before < after


def head(path: Path, size: int = 65536) -> bytes:
    """The beginning of a file; nothing of a folder."""
    return b"" if path.is_dir() else next(chunks(path, size), b"")


def chunks(path: Path, size: int = 1 << 20) -> Iterator[bytes]:
    """A file's bytes, piece by piece; what PowerShell wrote as UTF-16 as UTF-8."""
    with path.open("rb") as file:
        piece = file.read(size)
        wide = piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        decoder = codecs.getincrementaldecoder("utf-16")("replace") if wide else None
        while piece:
            yield decoder.decode(piece).encode() if decoder else piece
            piece = file.read(size)
