"""The points of a run that has ended, packed into one Parquet file (`labhand.packed/1`).

Each row of the file is one array of numbers: `what` is order, step, time or value; `name` is the
metric of a value; `group` says which arrays belong together: those of one list of names in one
points file, in `column`s; a long array goes on in the next row. `data` holds the numbers' 64-bit
patterns as differences from one to the next, zigzag, in byte planes: it halves what is to be stored
of a random walk, and NaN payloads and -0.0 come back as they were. `METADATA`, which the file
carries, says how to read it in three lines of numpy.
"""

import os
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labhand.core.errors import RecordError
from labhand.kit.points import Group, raw_files, raw_groups
from labhand.kit.records import Blocks, Origin

if TYPE_CHECKING:
    import polars as pl

NAME = "points.parquet"
PIECE = 1 << 19
"""The longest array, in numbers."""
ROW_GROUP_BYTES = 1 << 20
METADATA = {
    "schema": "labhand.packed/1",
    "read": (
        "z = numpy.frombuffer(data, 'u1').reshape(8, -1).T.copy().view('<u8').ravel(); "
        "bits = ((z >> 1) ^ (0 - (z & 1))).cumsum(dtype='u8'); "
        "bits.view('<f8') for what = time and value, bits.view('<i8') for order and step"
    ),
}
SCHEMA = {
    "attempt": "Int32",
    "writer": "String",
    "source": "String",
    "rank": "Int32",
    "pid": "Int64",
    "group": "Int32",
    "column": "Int32",
    "what": "String",
    "name": "String",
    "data": "Binary",
}
_KIND = {"order": "<i8", "step": "<i8", "time": "<f8", "value": "<f8"}


def encode(numbers: Any) -> bytes:
    """The numbers, 8 bytes each, as bytes that compress well."""
    import numpy as np

    bits = np.ascontiguousarray(numbers).view(np.int64)
    steps = np.diff(bits, prepend=np.int64(0))  # wraps around, and back when they are summed up
    zigzag = (steps << 1) ^ (steps >> 63)
    return np.ascontiguousarray(zigzag.view(np.uint8).reshape(-1, 8).T).tobytes()


def decode(data: bytes, kind: str) -> Any:
    """The numbers that `encode` was given; `kind` is their numpy type."""
    import numpy as np

    planes = np.frombuffer(data, np.uint8).reshape(8, -1)
    apart = np.empty((planes.shape[1], 8), np.uint8)
    for index, plane in enumerate(planes):
        apart[:, index] = plane
    bits = apart.view(np.uint64).ravel()
    negative = bits & np.uint64(1)
    bits >>= np.uint64(1)
    bits ^= np.negative(negative, out=negative)
    return np.cumsum(bits, dtype=np.uint64, out=bits).view(kind)


def pack(run_dir: Path) -> bool:
    """Packs the raw points of a run, and those packed before; False: there are none to pack.

    Holds all points of the run in memory, about 40 bytes each. A raw file with damage inside stays,
    though it is packed, for whoever can make more of it.

    Raises:
        OSError: the disk is full or not writable; the raw files stay.
        RecordError: what was read back is not what was written; the raw files stay.
    """
    done = writers(run_dir)
    raw = [
        (number, Blocks(path))
        for number, path in raw_files(run_dir)
        if (number, path.name) not in done
    ]
    try:
        sizes = [blocks.path.stat().st_size for _, blocks in raw]
        made = [group for number, blocks in raw for group in raw_groups(number, blocks)]
        if not made or not _put(run_dir, [*(groups(run_dir) if done else []), *made], raw, sizes):
            return False
    except FileNotFoundError:
        return False  # another labhand packed it meanwhile
    for _, blocks in raw:
        if not blocks.reader.damaged:
            blocks.path.unlink(missing_ok=True)
    return True


def _put(run_dir: Path, made: list[Group], raw: list[tuple[int, Blocks]], sizes: list[int]) -> bool:
    """Writes the packed file and reads it back; False where a raw file has grown meanwhile."""
    handle, name = tempfile.mkstemp(dir=run_dir, prefix=f".{NAME}.")
    temporary = Path(name)
    try:
        os.close(handle)
        _frame(made).write_parquet(
            temporary,
            compression="zstd",
            statistics=False,
            row_group_size=_rows_a_group(made),
            metadata=METADATA,
        )
        _sync(temporary)
        if not _same(made, list(_read(temporary, None))):
            raise RecordError(
                f"the points of {run_dir} could not be packed: what was read back differs; the raw "
                "files stay and are read as before"
            )
        if [blocks.path.stat().st_size for _, blocks in raw] != sizes:
            return False  # a process of the run still writes
        temporary.replace(run_dir / NAME)
        _sync(run_dir)
        return True
    finally:
        temporary.unlink(missing_ok=True)


def writers(run_dir: Path) -> set[tuple[int, str]]:
    """The attempt's number and the file's name of each points file that is packed."""
    path = run_dir / NAME
    if not path.exists():
        return set()
    found = _index(path).select("attempt", "writer").unique()
    return {(number, f"points.{writer}.log") for number, writer in found.iter_rows()}


def names(run_dir: Path) -> set[str]:
    """The names of the metrics that are packed."""
    path = run_dir / NAME
    return set(_index(path)["name"].drop_nulls()) if path.exists() else set()


def groups(run_dir: Path, wanted: Collection[str] | None = None) -> Iterator[Group]:
    """The packed groups of a run; of the columns only the `wanted` names, None: all.

    `order` is told only where it is needed: where a metric stands in several groups of a file.
    """
    yield from _read(run_dir / NAME, wanted)


def _index(path: Path) -> "pl.DataFrame":
    """The rows of the file without their data, numbered."""
    import polars as pl

    return pl.read_parquet(path, columns=[c for c in SCHEMA if c != "data"]).with_row_index("row")


def _read(path: Path, wanted: Collection[str] | None) -> Iterator[Group]:
    import polars as pl

    index = _index(path)
    if wanted is not None:
        of = index.filter(pl.col("name").is_in(list(wanted)))
        several = of.unique(["group", "name"]).select("attempt", "writer", "name").is_duplicated()
        needed = pl.col("what").is_in(["step", "time", *(["order"] if several.any() else [])])
        inside = pl.col("group").is_in(of["group"].unique().to_list())
        index = index.filter(inside & (needed | pl.col("name").is_in(list(wanted))))
    rows = pl.col("row").is_in(index["row"].to_list())
    data = pl.scan_parquet(path, row_index_name="row").filter(rows).select("row", "data").collect()
    for _, group in index.join(data, on="row", maintain_order="left").group_by(
        "group", maintain_order=True
    ):
        yield _group(group)


def _group(rows: "pl.DataFrame") -> Group:
    import numpy as np

    first = rows.row(0, named=True)
    arrays: dict[tuple[int, str, str | None], list[Any]] = {}
    for column, what, name, data in rows.select("column", "what", "name", "data").iter_rows():
        arrays.setdefault((column, what, name), []).append(decode(data, _KIND[what]))
    whole = {key: np.concatenate(parts) for key, parts in arrays.items()}
    clocks = {what: array for (_, what, _), array in whole.items() if what != "value"}
    values = [(name or "", array) for (_, what, name), array in whole.items() if what == "value"]
    return Group(
        first["attempt"],
        Origin(first["writer"], first["source"], first["rank"], first["pid"]),
        tuple(name for name, _ in values),
        clocks.get("order", np.arange(len(clocks["step"]))),
        clocks["step"],
        clocks["time"],
        [array for _, array in values],
    )


def _frame(made: list[Group]) -> "pl.DataFrame":
    import polars as pl

    rows = []
    for number, group in enumerate(made):
        arrays = [
            (None, "order", group.order),
            (None, "step", group.steps),
            (None, "time", group.times),
            *((n, "value", v) for n, v in zip(group.names, group.values, strict=True)),
        ]
        writer, source, rank, pid = group.origin
        whose = (group.attempt, writer, source, rank, pid, number)
        for column, (name, what, array) in enumerate(arrays):
            for at in range(0, len(array), PIECE):
                rows.append((*whose, column, what, name, encode(array[at : at + PIECE])))
    return pl.DataFrame(rows, schema={k: getattr(pl, v) for k, v in SCHEMA.items()}, orient="row")


def _rows_a_group(made: list[Group]) -> int:
    """So many rows of the file that a row group holds about a megabyte: one metric is read alone."""
    arrays = [len(group.order) for group in made for _ in range(3 + len(group.names))]
    pieces = sum(-(-length // PIECE) for length in arrays)
    return max(1, round(pieces * ROW_GROUP_BYTES / max(8 * sum(arrays), 1)))


def _same(written: list[Group], read: list[Group]) -> bool:
    import numpy as np

    def bits(group: Group) -> list[Any]:
        arrays = [group.order, group.steps, group.times, *group.values]
        return [np.ascontiguousarray(array).view(np.int64) for array in arrays]

    return len(written) == len(read) and all(
        a[:3] == b[:3] and all(map(np.array_equal, bits(a), bits(b)))
        for a, b in zip(written, read, strict=True)
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
