"""Patches applied to a copy of the data, shown as a diff, and undone byte for byte."""

import difflib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from labhand.core.errors import InputError, UsageError
from labhand.core.store import write_whole
from labhand.scan.data import ROW
from labhand.scan.opening import open_data
from labhand.scan.patch import applied, as_filter, operations

if TYPE_CHECKING:
    import polars as pl

WRITERS = {".csv": ",", ".tsv": "\t", ".jsonl": "", ".ndjson": "", ".parquet": "", ".arrow": ""}
"""What a copy can be written as, with the delimiter."""
MOST_SHOWN = 50
_UNDO = ".undo.json"


class _Undo(msgspec.Struct):
    """What takes a patch back: where the bytes of before are kept, and the hash of the copy."""

    kept: str
    before: str
    after: str
    patch: str


def diff(patch: Path) -> Iterator[str]:
    """The lines of a unified diff of the rows that a patch changes, at most 50, and its filter.

    Raises:
        InputError: the patch or its data cannot be read.
    """
    header, done = operations(patch)
    frame = _frame(header)
    import polars as pl

    rows = sorted({o["row"] for o in done})[:MOST_SHOWN]
    some = frame.filter(pl.col(ROW).is_in(rows))
    after = applied(some, [o for o in done if o["row"] in set(rows)])
    lines = difflib.unified_diff(
        _lines(some), _lines(after), header["path"], f"{header['path']} mended", lineterm="", n=0
    )
    yield from lines
    total = len({o["row"] for o in done})
    if total > len(rows):
        yield f"… and {total - len(rows):,} rows more"
    if any(o["op"] == "drop" for o in done):
        yield f"as a polars filter: {as_filter(header, done)}"


def mend(patch: Path, to: Path, home: Path) -> int:
    """How many rows the patch changed in the copy that was written to `to`. The data stays as it is.

    The bytes of the data are kept in the labhand home, and beside the copy stands what `undo` needs.

    Raises:
        UsageError: `to` is the data itself, or of a format that is not written.
        InputError: the patch or its data cannot be read.
    """
    header, done = operations(patch)
    source = Path(header["path"])
    if to.resolve() == source.resolve():
        raise UsageError(f"{to} is the data itself; name another file for the copy")
    if to.suffix.lower() not in WRITERS:
        known = ", ".join(WRITERS)
        raise UsageError(f"a copy cannot be written as `{to.suffix}`; there are {known}")
    frame = applied(_frame(header), done).drop(ROW)
    before = _hash(source)
    kept = home / "scan" / "kept" / before
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        shutil.copyfile(source, kept)
    _write(frame, to)
    undo = _Undo(str(kept), before, _hash(to), str(patch))
    write_whole(to.with_name(to.name + _UNDO), msgspec.json.encode(undo))
    return len({o["row"] for o in done})


def undo(copy: Path) -> None:
    """Makes a mended copy what the data was before, byte for byte.

    Raises:
        InputError: there is nothing to undo, or the copy was changed since.
    """
    note = copy.with_name(copy.name + _UNDO)
    try:
        told = msgspec.json.decode(note.read_bytes(), type=_Undo)
    except (OSError, ValueError) as error:
        raise InputError(f"{copy} was not written by a patch: {note.name} is missing") from error
    if _hash(copy) != told.after:
        raise InputError(
            f"{copy} was changed since the patch; copy it aside and apply the patch anew"
        )
    if not Path(told.kept).is_file() or _hash(Path(told.kept)) != told.before:
        raise InputError(
            f"the bytes of before are gone from {told.kept}; the data itself still has them"
        )
    shutil.copyfile(told.kept, copy)
    note.unlink()


def _frame(header: dict[str, Any]) -> "pl.DataFrame":
    source = Path(header["path"])
    if not source.is_file():
        raise InputError(f"{source} is no single file; a patch applies to one file, use its filter")
    part = open_data([source]).data.parts[0]
    frame = part.lazy.collect()
    if header["split"] is None and len(frame) != header["rows"]:
        raise InputError(
            f"{source} has {len(frame):,} rows, the patch is for {header['rows']:,}: scan it anew"
        )
    return frame


def _lines(frame: "pl.DataFrame") -> list[str]:
    return [f"{row[0]}: {', '.join(map(str, row[1:]))}" for row in frame.iter_rows()]


def _write(frame: "pl.DataFrame", to: Path) -> None:
    suffix = to.suffix.lower()
    if suffix == ".parquet":
        frame.write_parquet(to)
    elif suffix == ".arrow":
        frame.write_ipc(to)
    elif WRITERS[suffix]:
        frame.write_csv(to, separator=WRITERS[suffix])
    else:
        frame.write_ndjson(to)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
