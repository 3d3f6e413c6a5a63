"""Rows that were added to data since its last scan, looked at for about the price of these rows.

Beside the report of a scan is kept what the next one needs: the hashes of the files in blocks, the
findings, some of the rows, and of each row the hash of what it says. Where a table has only grown, be
it by lines, by rows of a Parquet file that was written anew, or by shards, the new rows are looked at
beside those that were kept, and the earlier findings stand as they are.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from labhand.core.errors import InputError
from labhand.core.finding import Finding, Findings
from labhand.core.store import write_whole
from labhand.scan.asked import Asked
from labhand.scan.data import ROW, Data, Part
from labhand.scan.detectors._cells import counted
from labhand.scan.files import groups, tables
from labhand.scan.readers import ReaderProtocol
from labhand.scan.telling import ranked

if TYPE_CHECKING:
    import polars as pl

BLOCK = 1 << 22
"""Bytes of a file that are hashed together."""
HEAD = 1 << 16
"""Bytes of the first lines by which the form of the added ones is told."""
SOME = 4000
"""Rows of each part that are kept, evenly spread, as what the new ones are beside."""
GROWTH = 1.5
"""How many times as large as at its last whole scan data may be, until it is looked at anew."""
LINES = {".csv", ".tsv", ".jsonl", ".ndjson"}
"""Files to which rows are added at the end."""
WHOLE = {".parquet", ".arrow", ".feather", ".ipc"}
"""Files that are written anew where rows are added; their rows are compared by hash."""


class File(msgspec.Struct):
    """A file as it was: its bytes and the hashes of its blocks."""

    path: str
    size: int
    blocks: list[str]


class Kept(msgspec.Struct):
    """What is kept of a part: its files, how many rows it has, and of how many it had at first.

    `starts` are the numbers of the first row of each file.
    """

    path: str
    files: list[File]
    starts: list[int]
    split: str | None
    rows: int
    first_rows: int
    compared: list[str]


class State(msgspec.Struct):
    """What a scan leaves behind for the next one."""

    key: str
    parts: list[Kept]
    roles: dict[str, str]
    guessed: list[str]
    said: Findings


class New(NamedTuple):
    """The data of a scan of new rows, and the number of the first new row of each part."""

    data: Data
    firsts: dict[str, int]
    state: State


def key_of(asked: Asked, names: Sequence[str]) -> str:
    """What must be as it was for earlier findings to stand: the question, the detectors, labhand."""
    import polars as pl

    told = [
        metadata.version("labhand"),
        pl.__version__,
        *sorted(names),
        msgspec.json.encode(asked).decode(),
    ]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def keep(
    data: Data, asked: Asked, names: Sequence[str], said: Findings, before: New | None
) -> None:
    """Writes into `out` what the next scan of the same data needs; nothing for data it is not for."""
    assert asked.out is not None
    folder = Path(asked.out) / "kept"
    if any(not _is_for(part) for part in data.parts) or data.role("split") is not None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    kept = []
    for at, part in enumerate(data.parts):
        first = before.firsts[part.path] if before else 0
        compared = before.state.parts[at].compared if before else _compared(data, part)
        _keep_rows(folder, at, part, first, compared, str(data.role("label")))
        rows = int(part.row_numbers.max()) + 1 if part.rows else 0
        whole = before.state.parts[at].first_rows if before else rows
        files = part.files or [(part.path, 0)]
        unchanged = _unchanged(before.state.parts[at]) if before else {}
        hashed = [_hashed(Path(path), None, unchanged.get(path)) for path, _ in files]
        starts = [start for _, start in files]
        kept.append(Kept(part.path, hashed, starts, part.split, max(rows, first), whole, compared))
    state = State(key_of(asked, names), kept, data.roles, sorted(data.guessed), said)
    write_whole(folder / "state.json", msgspec.json.encode(state))


def _is_for(part: Part) -> bool:
    paths = [Path(path) for path, _ in part.files or [(part.path, 0)]]
    plain = all(path.is_file() and path.suffix.lower() in LINES | WHOLE for path in paths)
    return plain and not part.broken and not part.facts.get("holds")


def _compared(data: Data, part: Part) -> list[str]:
    from labhand.scan.detectors._rows import compared

    return [n for n in compared(data, part) if n != data.role("label")]


def _keep_rows(folder: Path, at: int, part: Part, first: int, names: list[str], label: str) -> None:
    import polars as pl

    new = part.lazy.filter(pl.col(ROW) >= first)
    key = pl.struct(names).hash().alias("key") if names else pl.lit(0, pl.UInt64).alias("key")
    also = [pl.col(label).alias("label")] if label in part.names else []
    said = pl.struct(n for n in part.names).hash().alias("said")
    index = new.select(ROW, key, said, *also).collect(engine="streaming")
    rows = new.filter(pl.col(ROW) % max(1, (len(index) + first) // SOME) == 0)
    some = rows.collect(engine="streaming")
    path = folder / f"rows-{at}.parquet"
    if first:
        some = pl.concat([pl.read_parquet(path), some], how="diagonal_relaxed")
    else:
        for earlier in folder.glob(f"index-{at}.*.parquet"):
            earlier.unlink()
    some.write_parquet(path)
    index.write_parquet(folder / f"index-{at}.{first}.parquet")


def _index(folder: Path, at: int, rows: int) -> "pl.DataFrame":
    """What is kept of each of the first rows of a part; a piece for each scan that met new ones."""
    import polars as pl

    pieces = {int(p.name.split(".")[1]): p for p in folder.glob(f"index-{at}.*.parquet")}
    read = [pl.read_parquet(pieces[first]) for first in sorted(pieces) if first < max(1, rows)]
    return pl.concat(read, how="diagonal_relaxed")


def _unchanged(kept: Kept) -> dict[str, File]:
    """The files of which the bytes were just found to be what they were, up to their earlier end."""
    grow = len(kept.files) > 1 or Path(kept.path).suffix.lower() in LINES
    return {file.path: file for file in kept.files} if grow else {}


def _hashed(path: Path, upto: int | None, known: File | None = None) -> File:
    """The file, or its first bytes, by the hash of each block; whole blocks that are known are not read."""
    blocks = known.blocks[: known.size // BLOCK] if known else []
    size = BLOCK * len(blocks)
    with path.open("rb") as file:
        file.seek(size)
        while upto is None or size < upto:
            some = file.read(BLOCK if upto is None else min(BLOCK, upto - size))
            if not some:
                break
            size += len(some)
            blocks.append(hashlib.sha256(some).hexdigest())
    return File(str(path), size, blocks)


def grown(asked: Asked, names: Sequence[str], readers: dict[str, ReaderProtocol]) -> New | None:
    """The rows that were added since the last scan, beside some earlier ones; None: look at all.

    None too where a file is no longer what it was, does not end with a line, or has not grown.
    """
    folder = Path(asked.out or "") / "kept"
    try:
        state = msgspec.json.decode((folder / "state.json").read_bytes(), type=State)
    except (OSError, ValueError):
        return None
    if state.key != key_of(asked, names):
        return None
    parts, firsts, added = [], {}, 0
    files = _files(asked, state, readers)
    if files is None:
        return None
    for at, kept in enumerate(state.parts):
        part = _part(folder, at, kept, state, readers, files[at])
        if part is None:
            return None
        parts.append(part)
        firsts[part.path] = kept.rows
        total = int(part.row_numbers.max()) + 1 if part.rows else 0
        added += max(0, total - kept.rows)
        if total > GROWTH * kept.first_rows:
            return None
    if not added:
        return None
    said = [role for role in state.roles if role in asked.roles]
    data = Data(parts, state.roles, guessed=state.guessed, said=said, thorough=asked.thorough)
    return New(data, firsts, state)


def _files(
    asked: Asked, state: State, readers: dict[str, ReaderProtocol]
) -> list[list[Path]] | None:
    """The files of each part as they are now, the earlier ones first; None where a part is new or gone."""
    named = [[Path(p) for p in asked.paths], *([Path(p)] for p in asked.splits.values())]
    try:
        now = [group for paths in named for group in groups(paths, readers)]
    except InputError:
        return None
    before = [[Path(file.path) for file in kept.files] for kept in state.parts]
    met = [next((g for g in now if g[: len(b)] == b), None) for b in before]
    several = all(len(g) == len(b) or len(b) > 1 for g, b in zip(met, before, strict=True) if g)
    known = [group for group in met if group is not None]
    return known if len(known) == len(before) == len(now) and several else None


def _part(
    folder: Path,
    at: int,
    kept: Kept,
    state: State,
    readers: dict[str, ReaderProtocol],
    files: list[Path],
) -> Part | None:
    """The new rows of a part beside some earlier ones; None where the earlier ones have changed."""
    import polars as pl

    some = pl.read_parquet(folder / f"rows-{at}.parquet")
    index = _index(folder, at, kept.rows)
    if len(files) > 1:
        told = _of_shards(kept, files, readers)
    elif files[0].suffix.lower() in LINES:
        told = _of_lines(kept, files[0], readers)
    else:
        told = _of_rows(kept, files[0], readers, index)
    if told is None:
        return None
    new, starts = told
    places = list(zip(map(str, files), starts, strict=True)) if len(files) > 1 else []
    if new is None:
        return Part(kept.path, kept.split, some, files=places)
    if set(new.columns) != set(some.columns) - {ROW}:
        return None
    new = new.with_row_index(ROW, offset=kept.rows).with_columns(pl.col(ROW).cast(pl.Int64))
    new = _typed(new, some)
    same = _same(new, index, kept, state)
    frame = pl.concat([some, same, new], how="diagonal_relaxed").unique(ROW, keep="first")
    return Part(kept.path, kept.split, frame.sort(ROW), files=places)


Told = tuple["pl.DataFrame | None", list[int]]
"""The new rows, None where there are none, and the number of the first row of each file."""


def _of_lines(kept: Kept, path: Path, readers: dict[str, ReaderProtocol]) -> Told | None:
    """The rows in the lines that were added to a file; None where its earlier bytes have changed."""
    (before,) = kept.files
    if path.stat().st_size < before.size or _hashed(path, before.size).blocks != before.blocks:
        return None
    with path.open("rb") as file:
        head = file.read(min(HEAD, before.size))
        file.seek(before.size - 1)
        ended = file.read(1) == b"\n"
        tail = file.read()
    if not tail:
        return None, kept.starts
    lines = _whole_lines(head)
    new = _read(path, lines, tail, readers) if ended and lines else None
    return None if new is None else (new, kept.starts)


def _of_rows(
    kept: Kept, path: Path, readers: dict[str, ReaderProtocol], index: "pl.DataFrame"
) -> Told | None:
    """The rows after the earlier ones, which must say what they said, whatever the bytes are."""
    import polars as pl

    if _hashed(path, None).blocks == kept.files[0].blocks:
        return None, kept.starts
    frame = _one_table(path, readers)
    if frame is None:
        return None
    names = frame.collect_schema().names()
    earlier = frame.head(kept.rows).select(pl.struct(names).hash().alias("said"))
    if not earlier.collect(engine="streaming")["said"].equals(index["said"]):
        return None
    return frame.slice(kept.rows).collect(), kept.starts


def _of_shards(kept: Kept, files: list[Path], readers: dict[str, ReaderProtocol]) -> Told | None:
    """The rows of the files that came after the earlier ones, none of which may have changed."""
    import polars as pl

    if any(_hashed(Path(file.path), None).blocks != file.blocks for file in kept.files):
        return None
    frames, starts, total = [], list(kept.starts), kept.rows
    for path in files[len(kept.files) :]:
        frame = _one_table(path, readers)
        if frame is None:
            return None
        frames.append(frame.collect())
        starts.append(total)
        total += frames[-1].height
    return (pl.concat(frames, how="diagonal_relaxed") if frames else None), starts


def _one_table(path: Path, readers: dict[str, ReaderProtocol]) -> "pl.LazyFrame | None":
    """The one table in a file; None where it has several, or troubles."""
    troubles: list[str] = []
    read = list(tables(path, readers, troubles))
    if troubles or len(read) != 1 or read[0].table.facts.get("holds"):
        return None
    frame = read[0].table.frame.lazy()
    return None if ROW in frame.collect_schema().names() else frame


def _whole_lines(head: bytes) -> bytes:
    return head[: head.rfind(b"\n") + 1]


def _read(
    path: Path, head: bytes, tail: bytes, readers: dict[str, ReaderProtocol]
) -> "pl.DataFrame | None":
    """The rows of the added lines, read below the first lines of the file, whose form they have."""
    frames = []
    with tempfile.TemporaryDirectory() as place:
        for content in (head, head + tail):
            whole = Path(place) / f"rows{path.suffix}"
            whole.write_bytes(content)
            frame = _one_table(whole, readers)
            if frame is None:
                return None
            frames.append(frame.collect())
    return frames[1].slice(frames[0].height)


def _typed(new: "pl.DataFrame", some: "pl.DataFrame") -> "pl.DataFrame":
    """The new rows in the types of the earlier ones, where that loses no cell."""
    import polars as pl

    for name, dtype in some.schema.items():
        if name in new.columns and new.schema[name] != dtype:
            made = new[name].cast(dtype, strict=False)
            if made.null_count() == new[name].null_count():
                new = new.with_columns(made)
    return new.select(pl.col(n) for n in some.columns)


def _same(new: "pl.DataFrame", index: "pl.DataFrame", kept: Kept, state: State) -> "pl.DataFrame":
    """The earlier rows that say what a new one says: copies of it, with their own number and label."""
    import polars as pl

    if not kept.compared:
        return new.clear()
    label = state.roles.get("label")
    keyed = new.with_columns(key=pl.struct(kept.compared).hash()).drop(ROW)
    met = keyed.join(index, on="key", suffix="_earlier").unique(ROW, keep="first")
    if "label" in index.columns and label in new.columns:
        theirs = "label_earlier" if "label" in keyed.columns else "label"
        met = met.with_columns(pl.col(theirs).alias(str(label)))
    return met.select(new.columns)


def together(new: New, said: Findings, out: Path) -> Findings:
    """The earlier findings with what the new rows add to them, and what is found in these alone."""
    made = {f.id: f for f in new.state.said.findings}
    for finding in said.findings:
        fresh = _of_new_rows(finding, new, out)
        if fresh is None:
            continue
        earlier = made.get(fresh.id)
        made[fresh.id] = fresh if earlier is None else _longer(earlier, fresh)
    added = {p.path: int(p.row_numbers.max()) + 1 - new.firsts[p.path] for p in new.data.parts}
    beside = {path: part.rows - added[path] for part in new.data.parts if (path := part.path)}
    summary = new.state.said.summary | {"appended": added, "beside": beside}
    for part in summary["parts"]:
        part["rows"] = new.firsts[part["path"]] + added[part["path"]]
    summary["rows"] = sum(part["rows"] for part in summary["parts"])
    for finding in made.values():
        _patched(finding, {p["path"]: p["rows"] for p in summary["parts"]})
    skipped = new.state.said.skipped + [s for s in said.skipped if s not in new.state.said.skipped]
    return Findings(findings=ranked(made.values()), ran=said.ran, skipped=skipped, summary=summary)


def _patched(finding: Finding, rows: dict[str, int]) -> None:
    """Lets a patch of earlier rows apply to the longer file: their numbers are what they were."""
    path = Path(finding.fix.patch) if finding.fix is not None else None
    if path is not None and path.is_file():
        head, _, rest = path.read_text(encoding="utf-8").partition("\n")
        told = msgspec.json.decode(head)
        told["rows"] = rows.get(told["path"], told["rows"])
        write_whole(path, msgspec.json.encode(told) + b"\n" + rest.encode())


def _of_new_rows(finding: Finding, new: New, out: Path) -> Finding | None:
    """What of a finding is about new rows; claims about whole columns stand as of the last whole scan."""
    import polars as pl

    where = finding.where
    first = new.firsts[str(where.path)]
    if not isinstance(where.rows_file, str):
        return None
    told = pl.read_parquet(where.rows_file).filter(pl.col("row") >= first)
    if not len(told):
        return None
    where.rows_file = str(out / Path(where.rows_file).name)
    rows = told["row"].unique(maintain_order=True)
    where.rows, where.rows_total = rows.head(1000).to_list(), len(rows)
    inside = set(where.rows)
    for name in ("cells", "spans"):
        cells = getattr(where, name)
        if isinstance(cells, list):
            setattr(where, name, [c for c in cells if c["row"] in inside])
    finding.message = f"{counted(len(rows), 'new row')}: {finding.message}"
    finding.fix = None
    finding.evidence["first_new_row"] = first
    if Path(where.rows_file).is_file():
        told = pl.concat([told, pl.read_parquet(where.rows_file)], how="diagonal_relaxed")
    told.write_parquet(where.rows_file)
    return finding


def _longer(earlier: Finding, fresh: Finding) -> Finding:
    """An earlier finding with the new rows first."""
    a, b = earlier.where, fresh.where
    assert isinstance(a.rows, list) and isinstance(b.rows, list)
    assert isinstance(a.rows_total, int) and isinstance(b.rows_total, int)
    a.rows, a.rows_total = [*b.rows, *a.rows][:1000], a.rows_total + b.rows_total
    earlier.message = f"{earlier.message}; {fresh.message}"
    earlier.evidence |= {"first_new_row": fresh.evidence["first_new_row"]}
    earlier.related = [*fresh.related, *earlier.related][:20]
    return earlier
