"""The points of a run: followed while it goes on, and read as whole series, raw or packed.

A metric that several sources tell is taken from the most trusted one, in each attempt. After a
restart the newest attempt wins from its first step of that metric on; what older attempts had
beyond it stays, not `shown`.
"""

import os
import struct
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.core.errors import NotFoundError
from labhand.core.run import Metric
from labhand.kit.records import Blocks, Origin, Reader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRUST = ("log", "tracker", "probe", "files", "output", "system")
"""The sources of points, the most trusted first."""
READ_AT_ONCE = 1 << 24


def trust(source: str) -> int:
    """The place of a source in the order of trust: 0 is trusted most."""
    return TRUST.index(source) if source in TRUST else len(TRUST)


class Row(NamedTuple):
    """One logging call. `time` is unix seconds."""

    source: str
    rank: int | None
    pid: int
    step: int
    time: float
    names: tuple[str, ...]
    values: tuple[float, ...]


class Tail:
    """Follows the points of an attempt that may still be going on."""

    def __init__(self, attempt_dir: str | os.PathLike[str]) -> None:
        self.folder = Path(attempt_dir)
        self._files: dict[Path, _Followed] = {}

    def read(self) -> list[Row]:
        """The whole rows that came since the last call, in the order of their times."""
        rows: list[Row] = []
        for path in sorted(self.folder.glob("points.*.log")):
            rows += self._files.setdefault(path, _Followed(path)).read()
        return sorted(rows, key=lambda row: row.time) if len(self._files) > 1 else rows


def rows(path: Path) -> Iterator[Row]:
    """The whole rows of one points file, in the order of logging."""
    return _Followed(path).read()


class _Followed:
    """One points file, read up to `_at`: the end of its last whole record."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._reader = Reader(path)
        self._unpack: dict[int, Any] = {}

    def read(self) -> Iterator[Row]:
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(self._at)
                size = READ_AT_ONCE
                while data := file.read(size):
                    at = yield from self._rows(data)
                    self._at += at
                    file.seek(self._at)
                    if len(data) < size:
                        return
                    size = READ_AT_ONCE if at else 2 * size
        except OSError:
            return

    def _rows(self, data: bytes) -> Generator[Row, None, int]:
        at, end = 0, len(data)
        reader = self._reader
        while not isinstance(row := reader.next(data, at, end), int):
            names = reader.names[row.number]
            unpack = self._unpack.get(row.number)
            if unpack is None:
                unpack = struct.Struct(f"<qd{len(names)}d").unpack_from
                self._unpack[row.number] = unpack
            step, time, *values = unpack(data, row.at + 8)
            origin = reader.origin
            yield Row(origin.source, origin.rank, origin.pid, step, time, names, tuple(values))
            at = row.end
        return row


class Group(NamedTuple):
    """The rows of one list of names in one points file, as they were written.

    `order` is where in the file each row lay; `values` is one array a name.
    """

    attempt: int
    origin: Origin
    names: tuple[str, ...]
    order: "NDArray[np.int64]"
    steps: "NDArray[np.int64]"
    times: "NDArray[np.float64]"
    values: "list[NDArray[np.float64]]"


class Series(NamedTuple):
    """All points of a metric, attempt after attempt, each in the order of logging.

    `source` is that of the newest attempt. `times` are unix seconds. `shown`: not superseded by a
    newer attempt.
    """

    name: str
    source: str
    steps: "NDArray[np.int64]"
    times: "NDArray[np.float64]"
    values: "NDArray[np.float64]"
    attempt: "NDArray[np.int32]"
    shown: "NDArray[np.bool_]"


class Curve(NamedTuple):
    """The points of a metric to draw: those not shown first, by attempt, then the shown by step.

    Of `total` points those stay that `kit.series.downsample` picks: every extreme is among them.
    """

    name: str
    source: str
    steps: list[int]
    times: list[float]
    values: list[float]
    attempt: list[int]
    shown: list[bool]
    total: int

    def points(self, shown: bool = True) -> list[tuple[int, float, float]]:
        """Step, time and value of each point that is `shown`, or of each that is not."""
        every = zip(self.steps, self.times, self.values, self.shown, strict=True)
        return [(step, time, value) for step, time, value, is_shown in every if is_shown is shown]


def series(run_dir: Path, name: str, *, rank: int | None = None) -> Series:
    """All points of a metric. Without a `rank`: of rank 0 or none, or the lowest that has it.

    Raises:
        NotFoundError: the run has no such metric, or not of that rank.
    """
    found = _columns(run_dir, {name}).get(name)
    made = _series(name, found, rank) if found else None
    if made is None:
        raise NotFoundError.named("metric", name, names(run_dir), "labhand show RUN")
    return made


def curve(run_dir: Path, name: str, points: int = 2000, *, rank: int | None = None) -> Curve:
    """The points of a metric to draw: about `points` of the shown and as many not shown.

    Raises:
        NotFoundError: the run has no such metric, or not of that rank.
    """
    return _curve(series(run_dir, name, rank=rank), points)


def curves(run_dir: Path, wanted: Collection[str], points: int = 2000) -> dict[str, Curve]:
    """The curves of those of the `wanted` metrics that the run has; the files are read once."""
    from labhand.kit import few

    if (all_of_them := few.curves(run_dir, wanted, points)) is not None:
        return all_of_them
    found = _columns(run_dir, set(wanted))
    made = {name: _series(name, columns, None) for name, columns in found.items()}
    return {name: _curve(whole, points) for name, whole in made.items() if whole is not None}


def names(run_dir: Path) -> list[str]:
    """The names of a run's metrics, sorted."""
    from labhand.kit import packed

    found = packed.names(run_dir)
    for _, path in raw_files(run_dir):
        blocks = Blocks(path, frozenset())
        for _ in blocks:  # reads the file; nothing is wanted of it but the names
            continue
        found |= blocks.names()
    return sorted(found)


def metrics(run_dir: Path) -> dict[str, Metric]:
    """Every metric of a run in short, over its shown points, by name."""
    from labhand.kit import few

    if (few_of_them := few.metrics(run_dir)) is not None:
        return few_of_them
    made: dict[str, Metric] = {}
    for name, columns in sorted(_columns(run_dir, None).items()):
        whole = _series(name, columns, None)
        if whole is not None:
            made[name] = _metric(whole)
    return made


def pack(run_dir: Path) -> bool:
    """Packs the points of a run that has ended into `points.parquet`; False: nothing to pack.

    The raw files go only after the packed one was read back, bit for bit the same. A run that went
    on after it was packed may be packed again.

    Raises:
        OSError: the disk is full or not writable; the raw files stay.
    """
    from labhand.kit import packed

    return packed.pack(run_dir)


def raw_files(run_dir: Path) -> list[tuple[int, Path]]:
    """The attempt's number and the path of each raw points file of a run."""
    attempts = (p for p in (run_dir / "attempts").glob("[0-9]*") if p.name.isdigit())
    return [
        (int(attempt.name), path)
        for attempt in sorted(attempts, key=lambda p: int(p.name))
        for path in sorted(attempt.glob("points.*.log"))
    ]


def raw_groups(number: int, blocks: Blocks) -> list[Group]:
    """The groups of one raw points file of the attempt `number`."""
    import numpy as np

    found: dict[tuple[str, ...], list[Any]] = {}
    for block in blocks:
        found.setdefault(block.names, []).append(block)
    return [
        _in_order(
            Group(
                number,
                blocks.reader.origin,
                group,
                np.concatenate([b.order for b in parts]),
                np.concatenate([b.steps for b in parts]),
                np.concatenate([b.times for b in parts]),
                [np.concatenate([b.values[i] for b in parts]) for i in range(len(group))],
            )
        )
        for group, parts in found.items()
    ]


def _in_order(group: Group) -> Group:
    import numpy as np

    if (group.order[1:] > group.order[:-1]).all():
        return group
    by = np.argsort(group.order, kind="stable")
    return group._replace(
        order=group.order[by],
        steps=group.steps[by],
        times=group.times[by],
        values=[column[by] for column in group.values],
    )


def _groups(run_dir: Path, wanted: Collection[str] | None) -> Iterator[Group]:
    from labhand.kit import packed

    done = packed.writers(run_dir)
    if done:
        yield from packed.groups(run_dir, wanted)
    for number, path in raw_files(run_dir):
        if (number, path.name) not in done:
            yield from raw_groups(number, Blocks(path, wanted))


class _Column(NamedTuple):
    attempt: int
    origin: Origin
    order: Any
    steps: Any
    times: Any
    values: Any


def _columns(run_dir: Path, wanted: Collection[str] | None) -> dict[str, list[_Column]]:
    for again in (True, False):
        found: dict[str, list[_Column]] = {}
        try:
            for group in _groups(run_dir, wanted):
                number, origin, group_names, order, steps, times, values = group
                for name, column in zip(group_names, values, strict=True):
                    part = _Column(number, origin, order, steps, times, column)
                    found.setdefault(name, []).append(part)
            return found
        except FileNotFoundError:
            if not again:  # packed while we were reading: then it is all there at the second look
                raise
    raise AssertionError


def _series(name: str, columns: list[_Column], rank: int | None) -> Series | None:
    import numpy as np

    attempts: dict[int, list[_Column]] = {}
    for column in columns:
        attempts.setdefault(column.attempt, []).append(column)
    parts: list[tuple[int, str, Any, Any, Any]] = []
    for number, found in sorted(attempts.items()):
        heard = [found[i] for i in trusted([(c.origin.source, c.origin.rank) for c in found], rank)]
        if heard:
            parts.append((number, heard[0].origin.source, *_merged(heard)))
    if not parts:
        return None
    shown: list[Any] = []
    first: int | None = None
    for _, _, steps, _, _ in reversed(parts):
        shown.append(np.ones(len(steps), bool) if first is None else steps < first)
        first = int(steps.min()) if first is None else min(first, int(steps.min()))
    return Series(
        name,
        parts[-1][1],
        np.concatenate([part[2] for part in parts]),
        np.concatenate([part[3] for part in parts]),
        np.concatenate([part[4] for part in parts]),
        np.concatenate([np.full(len(part[2]), part[0], np.int32) for part in parts]),
        np.concatenate(shown[::-1]),
    )


def trusted(tellers: list[tuple[str, int | None]], rank: int | None) -> list[int]:
    """Which of those who tell a metric, each by source and rank, are heard.

    Those of the most trusted source and of the one rank asked for.
    """
    heard = [i for i, (_, own) in enumerate(tellers) if rank is None or (own or 0) == rank]
    most = min((trust(tellers[i][0]) for i in heard), default=0)
    heard = [i for i in heard if trust(tellers[i][0]) == most]
    lowest = min((tellers[i][1] or 0 for i in heard), default=0)
    return [i for i in heard if (tellers[i][1] or 0) == lowest]


def _merged(columns: list[_Column]) -> tuple[Any, Any, Any]:
    """Steps, times and values: in a file in the order of logging, over several files by time."""
    import numpy as np

    if len(columns) == 1:
        return columns[0].steps, columns[0].times, columns[0].values
    order, steps, times, values = (
        np.concatenate([column[i] for column in columns]) for i in range(2, 6)
    )
    one_file = len({column.origin.writer for column in columns}) == 1
    by = np.argsort(order if one_file else times, kind="stable")
    return steps[by], times[by], values[by]


def _curve(whole: Series, points: int) -> Curve:
    import numpy as np

    from labhand.kit.series import downsample

    hidden = ~whole.shown
    picked: list[Any] = [
        np.flatnonzero(hidden & (whole.attempt == number))
        # np.unique would do, but loads numpy.ma, which takes as long as all the rest of numpy.
        for number in np.flatnonzero(np.bincount(whole.attempt[hidden]))
    ]
    share = max(points // max(len(picked), 1), 4)
    picked = [_drawn(whole, part, share, downsample) for part in picked]
    every = whole.shown.all()
    shown = np.arange(len(whole.steps)) if every else np.flatnonzero(whole.shown)
    by = np.concatenate([*picked, _drawn(whole, shown, points, downsample)])
    columns: list[Any] = [whole.steps, whole.times, whole.values, whole.attempt, whole.shown]
    steps, times, values, attempt, is_shown = (column[by].tolist() for column in columns)
    return Curve(
        whole.name, whole.source, steps, times, values, attempt, is_shown, len(whole.steps)
    )


def _drawn(whole: Series, chosen: Any, points: int, downsample: Any) -> Any:
    import numpy as np

    steps = whole.steps[chosen]
    if (steps[1:] < steps[:-1]).any():
        chosen = chosen[np.argsort(steps, kind="stable")]
    return chosen[downsample(whole.values[chosen], points)]


def _metric(whole: Series) -> Metric:
    import numpy as np

    steps, values = whole.steps[whole.shown], whole.values[whole.shown]
    is_finite = np.isfinite(values)
    finite, at = values[is_finite], steps[is_finite]
    some = len(finite) > 0
    return Metric(
        points=len(values),
        first=float(finite[0]) if some else None,
        # Steps may go back, as in a last line on the best iteration: the latest of the last step.
        last=float(finite[-1 - int(at[::-1].argmax())]) if some else None,
        min=float(finite.min()) if some else None,
        max=float(finite.max()) if some else None,
        last_step=int(steps.max()),
        non_finite=len(values) - len(finite),
    )
