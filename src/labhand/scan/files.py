"""The files that a person names, and the tables in them: folders, patterns, shards."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import InputError, LabhandError
from labhand.scan.readers import ReaderProtocol, Table

HEAD = 1 << 16
"""Bytes of a file by which its format is told."""
NUMBERS = re.compile(r"\d+")
"""What the names of shards differ in."""
_OTHERS = {
    ".zip": "an archive; unpack it and name the folder",
    ".7z": "an archive; unpack it and name the folder",
    ".rar": "an archive; unpack it and name the folder",
    ".tar": "an archive; unpack it and name the folder",
    ".tgz": "an archive; unpack it and name the folder",
    ".xlsx": "a workbook; save its sheets as CSV",
    ".xls": "a workbook; save its sheets as CSV",
    ".ods": "a workbook; save its sheets as CSV",
    ".pkl": "a pickle, which may run code when it is opened; save it as Parquet",
    ".pickle": "a pickle, which may run code when it is opened; save it as Parquet",
    ".pt": "a pickle of PyTorch, which may run code when it is opened; save its tensors as .npz",
    ".h5": "HDF5; save what it holds as Parquet or .npz",
    ".hdf5": "HDF5; save what it holds as Parquet or .npz",
    ".mat": "a file of MATLAB; save what it holds as .npz",
    ".rds": "a file of R; save it as Parquet or CSV",
    ".rdata": "a file of R; save it as Parquet or CSV",
    ".sav": "a file of SPSS; save it as Parquet or CSV",
    ".dta": "a file of Stata; save it as Parquet or CSV",
    ".sas7bdat": "a file of SAS; save it as Parquet or CSV",
    ".pdf": "a PDF; take the text or the tables out of it first",
    ".docx": "a document; save its text as .txt",
}
"""Formats that people have data in and that are not read, with what to do."""
_OLE = b"\xd0\xcf\x11\xe0"
"""How old workbooks begin, and new ones that a password protects."""


class Read(NamedTuple):
    """A table and the file that it came from."""

    path: Path
    table: Table


def groups(paths: Sequence[Path], readers: Mapping[str, ReaderProtocol]) -> Iterator[list[Path]]:
    """What is read together: a file, a folder that is a format, or the shards of one table.

    Files whose names differ in numbers alone are shards of one table, in whatever way they are named.

    Raises:
        InputError: a path, a pattern or a folder names nothing.
    """
    alike: dict[str, list[Path]] = {}
    for path in (one for named in paths for one in _expanded(named, readers)):
        name = str(path) if path.is_dir() else NUMBERS.sub("#", str(path))
        alike.setdefault(name, []).append(path)
    yield from alike.values()


def _expanded(path: Path, readers: Mapping[str, ReaderProtocol]) -> Iterable[Path]:
    if not path.exists() and any(c in str(path) for c in "*?["):
        root = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor) if path.is_absolute() else path)
        if files := sorted(p for p in root.glob(pattern) if p.is_file()):
            return files
        raise InputError(f"no file matches {path}; check the pattern")
    if not path.exists():
        raise InputError(f"there is no file or folder {path}; check the spelling of the path")
    if not path.is_dir() or reader_of(path, b"", readers):
        return [path]
    if files := sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path)):
        return files
    raise InputError(f"the folder {path} is empty; name one that holds data")


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def reader_of(
    path: Path, head: bytes, readers: Mapping[str, ReaderProtocol]
) -> ReaderProtocol | None:
    """The reader that accepts a file or folder; those that are a fallback are asked last."""
    ordered = sorted(readers.items(), key=lambda kv: (getattr(kv[1], "fallback", False), kv[0]))
    return next((reader for _, reader in ordered if reader.accepts(path, head)), None)


def tables(
    path: Path, readers: Mapping[str, ReaderProtocol], troubles: list[str]
) -> Iterator[Read]:
    """The tables in a file or folder; what of it cannot be read is a sentence more in `troubles`."""
    import polars as pl

    try:
        for table in _tables(path, readers):
            troubles += [f"{path}: {trouble}" for trouble in table.troubles]
            yield Read(path, table)
    except LabhandError as error:
        troubles.append(str(error))
    except ImportError as error:
        troubles.append(
            f"{path} needs the package {error.name} to be read: pip install {error.name}"
        )
    except PermissionError:
        troubles.append(f"{path} may not be read; check its permissions")
    except OSError as error:
        troubles.append(f"{path} cannot be read: {error.strerror or error}; copy it anew")
    except (
        Exception,
        pl.exceptions.PanicException,
    ) as error:  # whatever a damaged file brings about
        troubles.append(damaged(path, error))


def damaged(path: Path, error: BaseException) -> str:
    """A sentence about a file that made a library raise."""
    told = " ".join(str(error).split())[:200]
    return f"{path} is damaged: {told or type(error).__name__}; copy or write it anew"


def _tables(path: Path, readers: Mapping[str, ReaderProtocol]) -> Iterator[Table]:
    head = b""
    if not path.is_dir():
        with path.open("rb") as file:
            head = file.read(HEAD)
        if not head:
            raise InputError(f"{path} is empty; nothing is to scan in it")
    reader = reader_of(path, head, readers)
    if reader is None:
        raise InputError(f"{path} is {_what(path, head)}")
    yield from reader.tables(path)


def _what(path: Path, head: bytes) -> str:
    """What a file is that no reader accepts, and what to do with it."""
    suffix = path.suffix.lower()
    if head.startswith(_OLE) and suffix == ".xlsx":
        return "a workbook that a password protects; save its sheets as CSV"
    if head.startswith(b"PK\3\4") and head[6] & 1:
        return "an archive that a password protects; unpack it and name the folder"
    if suffix in _OTHERS:
        return _OTHERS[suffix]
    if head.startswith(b"PK\3\4"):
        return _OTHERS[".zip"]
    if head[:2] == b"\x80\x04" or head[:2] == b"\x80\x05":
        return _OTHERS[".pkl"]
    return "of no format that labhand reads; save it as Parquet, CSV or JSON Lines"
