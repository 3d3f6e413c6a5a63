"""Opens what a person names: files, folders, globs and shards → parts with roles."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.core.errors import InputError, UsageError
from labhand.core.finding import Skipped, stable_id
from labhand.core.registry import load_all
from labhand.scan.data import ROW, Data, Part
from labhand.scan.files import NUMBERS, Read, damaged, groups, tables
from labhand.scan.readers import ReaderProtocol
from labhand.scan.roles import find_roles, is_called

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

SPLITS = re.compile(
    r"^(train(ing)?|test(ing)?|val(id(ation)?)?|dev(el|elopment)?|eval(uation)?|holdout)(?=$|[-_.\d])",
    re.I,
)


class Opened(NamedTuple):
    """The data, and what of it could not be read, each in one sentence."""

    data: Data
    skipped: list[Skipped]


def open_data(
    paths: Sequence[Path],
    splits: Mapping[str, Path] | None = None,
    roles: Mapping[str, str] | None = None,
    *,
    probabilities: Path | None = None,
    embeddings: Path | None = None,
    memory: int | None = None,
    thorough: bool = False,
    home: Path | None = None,
) -> Opened:
    """The data in files and folders, with the roles of its columns. Reads; writes nothing.

    Raises:
        UsageError: a role names a column that no part has.
        InputError: nothing of what is named can be read.
    """
    memory = memory or _half_of_memory()
    readers = {name: cls() for name, cls in load_all("scan-reader", home)[0].items()}
    for reader in readers.values():
        if hasattr(reader, "memory"):
            reader.memory = memory
    given = [(None, list(paths)), *((name, [path]) for name, path in (splits or {}).items())]
    parts: list[Part] = []
    skipped: list[Skipped] = []
    for split, named in given:
        for group in groups(named, readers):
            parts += _parts(group, split, readers, skipped, memory)
    if not parts:
        whys = "; ".join(s.why for s in skipped[:3])
        raise InputError(whys or "there is no data to scan; name a file or a folder")
    found = _roles(parts, dict(roles or {}))
    parts = [p for part in parts for p in _split_by(part, found.get("split"))]
    _unique_names(parts)
    data = Data(
        parts,
        found,
        probabilities=_array(probabilities, parts, "--probabilities"),
        embeddings=_array(embeddings, parts, "--embeddings"),
        memory=memory,
        thorough=thorough,
        said=list(roles or {}),
        guessed=[
            role
            for role, column in found.items()
            if role == "label" and role not in (roles or {}) and not is_called(role, column)
        ],
    )
    return Opened(data, skipped)


def _parts(
    group: list[Path],
    split: str | None,
    readers: Mapping[str, ReaderProtocol],
    skipped: list[Skipped],
    memory: int,
) -> list[Part]:
    """The parts that some files give; shards of one table become one part."""
    troubles: list[str] = []
    read = [one for path in group for one in tables(path, readers, troubles)]
    stacks: dict[tuple[str | None, str | None], list[Read]] = {}
    for one in read:
        stacks.setdefault((one.table.name, one.table.split), []).append(one)
    parts = []
    for stack in stacks.values():
        several = _alike(stack, troubles)
        for some in several:
            parts += _made(some, split, len(stacks) * len(several), memory, troubles)
    skipped += [Skipped("*", trouble) for trouble in troubles]
    return parts


def _alike(stack: list[Read], troubles: list[str]) -> list[list[Read]]:
    """Shards by their columns: what has others is no shard of the same table."""
    import polars as pl

    made: dict[frozenset[str], list[Read]] = {}
    for one in stack:
        try:
            names = frozenset(one.table.frame.lazy().collect_schema().names()) - {ROW}
        except (pl.exceptions.PolarsError, OSError) as error:
            troubles.append(damaged(one.path, error))
        else:
            made.setdefault(names, []).append(one)
    first, *others = made.items() or [(frozenset(), [])]
    for names, some in others:
        odd = ", ".join(f"`{n}`" for n in sorted(names ^ first[0])[:4])
        troubles.append(
            f"{some[0].path} has other columns than {first[1][0].path} ({odd}): a part of its own"
        )
    return list(made.values())


def _made(
    some: list[Read], split: str | None, several: int, memory: int, troubles: list[str]
) -> list[Part]:
    """The part of these tables, without those that turn out to be damaged when they are read."""
    import polars as pl

    while some:
        try:
            part = _part(some, split, several, memory)
            _ = part.columns  # reads every cell
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            whole = [one for one in some if len(some) > 1 and _is_whole(one)]
            if len(whole) == len(some):
                whole = []
            troubles += [damaged(one.path, error) for one in some if one not in whole]
            some = whole
        else:
            return [part]
    return []


def _is_whole(one: Read) -> bool:
    import polars as pl

    try:
        one.table.frame.lazy().select(pl.all().null_count()).collect(engine="streaming")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return False
    return True


def _part(found: list[Read], split: str | None, several: int, memory: int) -> Part:
    path, first = found[0]
    name = NUMBERS.sub("*", path.name) if len(found) > 1 else path.name
    shown = str(path.parent / name)
    if first.name is not None and several > 1:
        shown = f"{shown}#{first.name}"
    frame, files = _stacked(found)
    guessed = first.split or _split_of(first.name or path.stem) or _split_of(path.parent.name)
    return Part(
        shown,
        split if split is not None and several == 1 else guessed or split,
        frame,
        facts=_facts(found, files),
        keep=_size(found) < memory / 3,
        files=files,
    )


def _split_of(name: str) -> str | None:
    match = SPLITS.match(name)
    return match[0] if match else None


def _stacked(
    found: list[Read],
) -> tuple["pl.LazyFrame | pl.DataFrame", list[tuple[str, int]]]:
    """Shards as one table, and of each its file and its first row."""
    import polars as pl

    if len(found) == 1:
        return found[0].table.frame, []
    files: list[tuple[str, int]] = []
    frames, total = [], 0
    numbered = any(ROW in one.table.frame.lazy().collect_schema().names() for one in found)
    for path, table in found:
        files.append((str(path), total))
        frame = table.frame.lazy()
        rows = int(frame.select(pl.len()).collect().item())
        if numbered:
            if ROW not in frame.collect_schema().names():
                frame = frame.with_row_index(ROW)
            rows = int(frame.select(pl.col(ROW).max()).collect().item() or 0) + 1
            frame = frame.with_columns(pl.col(ROW).cast(pl.Int64) + total)
        frames.append(frame)
        total += rows
    return pl.concat(frames, how="diagonal_relaxed"), files


def _facts(found: list[Read], files: list[tuple[str, int]]) -> dict[str, Any]:
    """What the readers say of these tables; rows are counted over all of them."""
    made: dict[str, Any] = {}
    firsts = [first for _, first in files] or [0]
    for (_, table), first in zip(found, firsts, strict=True):
        for key, value in table.facts.items():
            rows = isinstance(value, list) and key != "shape"
            made[key] = [*made.get(key, []), *(row + first for row in value)] if rows else value
    return made


def _size(found: list[Read]) -> int:
    """Bytes that the tables may take in memory: compressed formats grow."""
    grown = {".parquet": 4, ".gz": 6, ".zst": 6}
    files = [path for path, _ in found if path.is_file()]
    return sum(path.stat().st_size * grown.get(path.suffix.lower(), 2) for path in files)


def _roles(parts: list[Part], said: dict[str, str]) -> dict[str, str]:
    names = {name for part in parts for name in part.names}
    for role, column in said.items():
        if column not in names:
            import difflib

            near = difflib.get_close_matches(column, names, n=1)
            hint = f"did you mean `{near[0]}`? " if near else ""
            some = ", ".join(f"`{n}`" for n in sorted(names)[:12])
            raise UsageError(f"no column is named `{column}` (--{role}); {hint}there are {some}")
    return find_roles(parts, said)


def _split_by(part: Part, column: str | None) -> list[Part]:
    """The part, or one part a split where a column says of each row which split it is of."""
    import polars as pl

    if column is None or column not in part.names or part.split is not None:
        return [part]
    values = part.counts(column)
    assert values is not None
    return [
        Part(
            part.path,
            str(value) if value is not None else "unnamed",
            part.lazy.filter(pl.col(column).eq_missing(pl.lit(value))),
            facts=part.facts,
            files=part.files,
        )
        for value in values["value"]
    ]


def _unique_names(parts: list[Part]) -> None:
    seen: dict[str, int] = {}
    for part in parts:
        number = seen[part.name] = seen.get(part.name, 0) + 1
        if number > 1 and part.split is not None:
            part.split = None if part.path not in seen else f"{part.split}-{number}"


def _array(path: Path | None, parts: Sequence[Part], flag: str) -> "np.ndarray[Any, Any] | None":
    import numpy as np

    if path is None:
        return None
    try:
        array: np.ndarray[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{flag} {path} is no NumPy array that can be read: {error}") from error
    rows = sum(part.rows for part in parts)
    if array.ndim != 2 or len(array) != rows:
        raise InputError(
            f"{flag} {path} must have one line a row: expected {rows} lines, found the shape "
            f"{'×'.join(map(str, array.shape))}"
        )
    return array


def _half_of_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().available // 2)


def folder_of(home: Path, paths: Sequence[Path]) -> Path:
    """Where the rows and patches of a scan of these lie: the same for the same data."""
    stem = re.sub(r"[^\w.-]+", "-", paths[0].name).strip("-") or "data"
    return home / "scan" / f"{stem}-{stable_id(*(p.resolve() for p in paths))[:6]}"
