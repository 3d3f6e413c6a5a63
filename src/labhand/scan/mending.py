"""Patches applied to a copy of the data, shown as a diff, and undone byte for byte."""

import difflib
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from labhand.core.errors import InputError, UsageError
from labhand.core.store import write_whole
from labhand.scan import views
from labhand.scan.data import ROW, Part
from labhand.scan.opening import open_data
from labhand.scan.patch import applied, as_filter, operations
from labhand.scan.readers._coco import coco

if TYPE_CHECKING:
    import polars as pl

WRITERS = {".csv": ",", ".tsv": "\t", ".jsonl": "", ".ndjson": "", ".parquet": "", ".arrow": ""}
"""What a copy can be written as, with the delimiter."""
RECORDS = {".json", ".jsonl", ".ndjson"}
"""Formats in which a record that no patch names is copied as it stands."""
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
    frame = _frame(_parts(header))
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

    Of a folder of images the copy is a folder of links to the pictures that stay; a COCO file in it is
    written anew. The bytes of other data are kept in the labhand home, and beside the copy stands what
    `undo` needs.

    Raises:
        UsageError: `to` is the data itself, or of a format that is not written.
        InputError: the patch or its data cannot be read.
    """
    header, done = operations(patch)
    source = _source(header)
    if to.resolve() == source.resolve():
        raise UsageError(f"{to} is the data itself; name another file for the copy")
    parts = _parts(header)
    note = to.with_name(to.name + _UNDO)
    if source.is_dir():
        views.view(source, parts[0], done, to)
        undo = _Undo(str(source.absolute()), views.listed(source), views.listed(to), str(patch))
    else:
        before = _hash(source)
        _write_copy(source, parts, done, to)
        kept = home / "scan" / "kept" / before
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not kept.exists():
            shutil.copyfile(source, kept)
        undo = _Undo(str(kept), before, _hash(to), str(patch))
    write_whole(note, msgspec.json.encode(undo))
    return len({o["row"] for o in done})


def _write_copy(source: Path, parts: list[Part], done: list[dict[str, Any]], to: Path) -> None:
    suffix = to.suffix.lower()
    if source.suffix.lower() == ".json" and coco(source) is not None:
        if suffix != ".json":
            raise UsageError(
                f"a COCO file is copied as JSON: expected `{to.stem}.json`, found {to}"
            )
        write_whole(to, views.edited(source, parts[0], done))
    elif (
        suffix in RECORDS
        and suffix == source.suffix.lower()
        and (made := _records(source, parts, done))
    ):
        write_whole(to, made)
    elif suffix in WRITERS:
        _write(applied(_frame(parts), done).drop(ROW), to)
    else:
        known = ", ".join(WRITERS)
        raise UsageError(f"a copy cannot be written as `{to.suffix}`; there are {known}")


def _records(source: Path, parts: list[Part], done: list[dict[str, Any]]) -> bytes | None:
    """A file of JSON records with the operations done, each other record as it stands.

    None where the rows of the table are no records of the file.
    """
    lines = source.suffix.lower() != ".json"
    text = source.read_bytes()
    try:
        raw = [line for line in text.splitlines() if line.strip()] if lines else json.loads(text)
    except ValueError:
        return None
    if not isinstance(raw, list) or len(raw) != sum(part.rows for part in parts):
        return None
    changed: dict[int, dict[str, Any]] = {}
    for o in (o for o in done if o["op"] == "edit"):
        record = changed.setdefault(o["row"], json.loads(raw[o["row"]]) if lines else raw[o["row"]])
        if not isinstance(record, dict) or o["column"] not in record:
            return None
        value = o.get("value")
        as_is = value is None or isinstance(record[o["column"]], str)
        record[o["column"]] = value if as_is else json.loads(str(value))
    gone = {o["row"] for o in done if o["op"] in ("drop", "merge")}
    kept = [(row, one) for row, one in enumerate(raw) if row not in gone]
    if not lines:
        return json.dumps([one for _, one in kept], ensure_ascii=False, indent=1).encode()
    made = [
        json.dumps(changed[row], ensure_ascii=False).encode() if row in changed else one
        for row, one in kept
    ]
    return b"".join(one + b"\n" for one in made)


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
    state, put_back = (views.listed, views.whole) if copy.is_dir() else (_hash, shutil.copyfile)
    if state(copy) != told.after:
        raise InputError(
            f"{copy} was changed since the patch; copy it aside and apply the patch anew"
        )
    kept = Path(told.kept)
    if not kept.exists() or state(kept) != told.before:
        raise InputError(f"what was before is gone from {kept} or has changed; copy the data anew")
    put_back(kept, copy)
    note.unlink()


def _source(header: dict[str, Any]) -> Path:
    """The file or folder that the patch is for; a table in it stands after `#`."""
    path = Path(header["path"])
    return path if path.exists() else Path(header["path"].rpartition("#")[0] or path)


def _parts(header: dict[str, Any]) -> list[Part]:
    """The table that a patch is for; several parts where a column divides it into splits."""
    source = _source(header)
    if not source.exists():
        raise InputError(f"{source} is no single file; a patch applies to one file, use its filter")
    parts = open_data([source]).data.parts
    several = source.is_dir() or len({p.path for p in parts}) > 1
    meant = [p for p in parts if p.path == header["path"] and p.split == header["split"]]
    if several and not (
        meant and (meant[0].facts.get("holds") or meant[0].facts.get("impossible"))
    ):
        raise InputError(f"{source} holds several tables; a patch applies to one, use its filter")
    found = (meant or parts)[0]
    if found.rows != header["rows"]:
        raise InputError(
            f"{source} has {found.rows:,} rows, the patch is for {header['rows']:,}: scan it anew"
        )
    return meant if several else parts


def _frame(parts: list[Part]) -> "pl.DataFrame":
    import polars as pl

    frames = [part.lazy.collect() for part in parts]
    return pl.concat(frames, how="diagonal_relaxed").sort(ROW)


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
