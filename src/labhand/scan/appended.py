"""Rows that were added to data since its last scan, looked at for about the price of these rows.

Beside the report of a scan is kept what the next one needs: the hashes of the files in blocks, the
findings, some of the rows, and of each row the hash of what it says. Where a table has only grown, the
new rows are looked at beside those that were kept, and the earlier findings stand as they are.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from labhand.core.finding import Finding, Findings
from labhand.core.store import write_whole
from labhand.scan.asked import Asked
from labhand.scan.data import ROW, Data, Part
from labhand.scan.detectors._cells import counted
from labhand.scan.files import tables
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


class File(msgspec.Struct):
    """A file as it was: its bytes and the hashes of its blocks."""

    path: str
    size: int
    blocks: list[str]


class Kept(msgspec.Struct):
    """What is kept of a part: its one file, how many rows it has, and of how many it had at first."""

    file: File
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
        file = _hashed(Path(part.path), None)
        kept.append(Kept(file, part.split, max(rows, first), whole, compared))
    state = State(key_of(asked, names), kept, data.roles, sorted(data.guessed), said)
    write_whole(folder / "state.json", msgspec.json.encode(state))


def _is_for(part: Part) -> bool:
    path = Path(part.path)
    plain = path.is_file() and path.suffix.lower() in LINES
    return plain and not part.files and not part.broken and not part.facts.get("holds")


def _compared(data: Data, part: Part) -> list[str]:
    from labhand.scan.detectors._rows import compared

    return [n for n in compared(data, part) if n != data.role("label")]


def _keep_rows(folder: Path, at: int, part: Part, first: int, names: list[str], label: str) -> None:
    import polars as pl

    new = part.lazy.filter(pl.col(ROW) >= first)
    key = pl.struct(names).hash().alias("key") if names else pl.lit(0, pl.UInt64).alias("key")
    also = [pl.col(label).alias("label")] if label in part.names else []
    index = new.select(ROW, key, *also).collect(engine="streaming")
    rows = new.filter(pl.col(ROW) % max(1, (len(index) + first) // SOME) == 0)
    some = rows.collect(engine="streaming")
    for name, frame in (("rows", some), ("index", index)):
        path = folder / f"{name}-{at}.parquet"
        if first and path.is_file():
            frame = pl.concat([pl.read_parquet(path), frame], how="diagonal_relaxed")
        frame.write_parquet(path)


def _hashed(path: Path, upto: int | None) -> File:
    """The file, or its first bytes, by the hash of each block."""
    blocks, size = [], 0
    with path.open("rb") as file:
        while upto is None or size < upto:
            some = file.read(BLOCK if upto is None else min(BLOCK, upto - size))
            if not some:
                break
            size += len(some)
            blocks.append(hashlib.blake2b(some, digest_size=16).hexdigest())
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
    for at, kept in enumerate(state.parts):
        part = _part(folder, at, kept, state, readers)
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


def _part(
    folder: Path, at: int, kept: Kept, state: State, readers: dict[str, ReaderProtocol]
) -> Part | None:
    import polars as pl

    path = Path(kept.file.path)
    if not path.is_file() or path.stat().st_size < kept.file.size:
        return None
    if _hashed(path, kept.file.size).blocks != kept.file.blocks:
        return None
    some = pl.read_parquet(folder / f"rows-{at}.parquet")
    with path.open("rb") as file:
        head = file.read(min(HEAD, kept.file.size))
        file.seek(kept.file.size - 1)
        ended = file.read(1) == b"\n"
        tail = file.read()
    if not tail:
        return Part(str(path), kept.split, some)
    lines = _whole_lines(head)
    new = _read(path, lines, tail, readers) if ended and lines else None
    if new is None or set(new.columns) != set(some.columns) - {ROW}:
        return None
    new = new.with_row_index(ROW, offset=kept.rows).with_columns(pl.col(ROW).cast(pl.Int64))
    new = _typed(new, some)
    same = _same(new, pl.read_parquet(folder / f"index-{at}.parquet"), kept, state)
    frame = pl.concat([some, same, new], how="diagonal_relaxed").unique(ROW, keep="first")
    return Part(str(path), kept.split, frame.sort(ROW))


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
            troubles: list[str] = []
            read = list(tables(whole, readers, troubles))
            if troubles or len(read) != 1:
                return None
            frames.append(read[0].table.frame.lazy().collect())
            if ROW in frames[-1].columns:
                return None
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
