"""Opens what a person names: files, folders, globs and shards → parts with roles."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.core.errors import InputError, LabhandError, UsageError
from labhand.core.finding import Skipped, stable_id
from labhand.core.registry import load_all
from labhand.scan.data import Data, Part
from labhand.scan.readers import ReaderProtocol, Table
from labhand.scan.roles import find_roles, is_called

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

HEAD = 1 << 16
"""Bytes of a file by which its format is told."""
SPLITS = re.compile(
    r"^(train(ing)?|test(ing)?|val(id(ation)?)?|dev(el|elopment)?|eval(uation)?|holdout)(?=$|[-_.\d])",
    re.I,
)
_SHARD = re.compile(r"\d+")


class Opened(NamedTuple):
    """The data, and what of it could not be read, each in one sentence."""

    data: Data
    skipped: list[Skipped]


class _Given(NamedTuple):
    path: Path
    split: str | None


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
    given = [_Given(path, None) for path in paths]
    given += [_Given(path, name) for name, path in (splits or {}).items()]
    parts: list[Part] = []
    skipped: list[Skipped] = []
    for one in given:
        for group, split in _groups(one, readers):
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
        guessed=[
            role
            for role, column in found.items()
            if role == "label" and role not in (roles or {}) and not is_called(role, column)
        ],
    )
    return Opened(data, skipped)


def _groups(
    given: _Given, readers: Mapping[str, ReaderProtocol]
) -> Iterator[tuple[list[Path], str | None]]:
    """What is read together: a file, a folder that is a format, or the shards of one table."""
    path, split = given
    if not path.exists() and any(c in str(path) for c in "*?["):
        root = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor) if path.is_absolute() else path)
        files = sorted(p for p in root.glob(pattern) if p.is_file())
        if not files:
            raise InputError(f"no file matches {path}; check the pattern")
        yield from _sharded(files, split)
    elif not path.exists():
        raise InputError(f"there is no file or folder {path}; check the spelling of the path")
    elif path.is_dir() and not _reader(path, b"", readers):
        files = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
        if not files:
            raise InputError(f"the folder {path} is empty; name one that holds data")
        yield from _sharded(files, split)
    else:
        yield [path], split


def _hidden(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    return any(part.startswith((".", "_")) for part in parts)


def _sharded(files: list[Path], split: str | None) -> Iterator[tuple[list[Path], str | None]]:
    """Files whose names differ in numbers alone are shards of one table."""
    alike: dict[str, list[Path]] = {}
    for file in files:
        alike.setdefault(_SHARD.sub("#", str(file)), []).append(file)
    for group in alike.values():
        yield group, split


def _reader(
    path: Path, head: bytes, readers: Mapping[str, ReaderProtocol]
) -> ReaderProtocol | None:
    ordered = sorted(readers.items(), key=lambda kv: (getattr(kv[1], "fallback", False), kv[0]))
    return next((reader for _, reader in ordered if reader.accepts(path, head)), None)


def _parts(
    group: list[Path],
    split: str | None,
    readers: Mapping[str, ReaderProtocol],
    skipped: list[Skipped],
    memory: int,
) -> list[Part]:
    """The parts that some files give; shards of one table become one part."""
    tables: dict[tuple[str | None, str | None], list[tuple[Path, Table]]] = {}
    for path in group:
        try:
            for table in _tables(path, readers):
                skipped += [Skipped("*", f"{path}: {trouble}") for trouble in table.troubles]
                tables.setdefault((table.name, table.split), []).append((path, table))
        except LabhandError as error:
            skipped.append(Skipped("*", str(error)))
        except OSError as error:
            why = f"{path} cannot be read: {error.strerror or error}; check its permissions"
            skipped.append(Skipped("*", why))
        except Exception as error:  # whatever a damaged file makes a library raise
            told = " ".join(str(error).split())[:200]
            skipped.append(Skipped("*", f"{path} cannot be read: {type(error).__name__}: {told}"))
    return [_part(found, split, len(tables), memory) for found in tables.values()]


def _tables(path: Path, readers: Mapping[str, ReaderProtocol]) -> Iterator[Table]:
    if path.is_dir():
        head = b""
    else:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if not head:
            raise InputError(f"{path} is empty; nothing is to scan in it")
    reader = _reader(path, head, readers)
    if reader is None:
        raise InputError(
            f"{path} is of no format that labhand reads; `labhand rule --list` lists the scan-readers"
        )
    yield from reader.tables(path)


def _part(found: list[tuple[Path, Table]], split: str | None, several: int, memory: int) -> Part:
    path, first = found[0]
    name = _SHARD.sub("*", path.name) if len(found) > 1 else path.name
    shown = str(path.parent / name)
    if first.name is not None and several > 1:
        shown = f"{shown}#{first.name}"
    frame, files = _stacked(found)
    guessed = first.split or _split_of(first.name or path.stem) or _split_of(path.parent.name)
    return Part(
        shown,
        split if split is not None and several == 1 else guessed or split,
        frame,
        facts={k: v for _, table in found for k, v in table.facts.items()},
        keep=_size(found) < memory / 3,
        files=files,
    )


def _split_of(name: str) -> str | None:
    match = SPLITS.match(name)
    return match[0] if match else None


def _stacked(
    found: list[tuple[Path, Table]],
) -> tuple["pl.LazyFrame | pl.DataFrame", list[tuple[str, int]]]:
    import polars as pl

    if len(found) == 1:
        return found[0][1].frame, []
    files: list[tuple[str, int]] = []
    total = 0
    for path, table in found:
        files.append((str(path), total))
        total += int(table.frame.lazy().select(pl.len()).collect().item())
    frames = [table.frame.lazy() for _, table in found]
    return pl.concat(frames, how="diagonal_relaxed"), files


def _size(found: list[tuple[Path, Table]]) -> int:
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
