"""JSON and JSON Lines: tables, chats (OpenAI messages, ShareGPT), Alpaca, preference pairs.

Facts: `bad_lines` (line numbers from 1 that are no JSON).
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labhand.core.errors import InputError
from labhand.scan.data import ROW
from labhand.scan.readers import Table

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = {".json", ".jsonl", ".ndjson"}


class Reader:
    """Reads a JSON array of objects, an object of arrays, and JSON Lines, plain or gzipped."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is named as JSON, or without a suffix looks like it."""
        suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
        if head and suffixes and suffixes[-1] in SUFFIXES:
            return True
        return not suffixes and head.lstrip()[:2] in (b'{"', b"[{", b"[[", b"[\n")

    def tables(self, path: Path) -> Iterator[Table]:
        """The one table in the file."""
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        raw = raw.removeprefix(b"\xef\xbb\xbf")
        if fast := _lines_fast(raw):
            yield fast
            return
        whole = _whole(raw)
        if whole is not None:
            yield from _tables(whole, path)
            return
        yield _lines(raw, path)


def _lines_fast(raw: bytes) -> Table | None:
    """JSON Lines by polars, where every line is an object of the same shape."""
    import polars as pl

    if raw.lstrip()[:1] != b"{" or b"\n" not in raw.strip():
        return None
    try:
        frame = pl.read_ndjson(raw, infer_schema_length=10_000)
    except Exception:  # of whatever kind: the slow way tells what is wrong
        return None
    lines = raw.count(b"\n") + (not raw.endswith(b"\n"))
    return Table(frame) if frame.height == lines and frame.width else None


def _whole(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _tables(whole: Any, path: Path) -> Iterator[Table]:
    if isinstance(whole, dict):
        lists = {k: v for k, v in whole.items() if isinstance(v, list)}
        of_objects = {k: v for k, v in lists.items() if v and isinstance(v[0], dict)}
        if of_objects:
            for name, items in of_objects.items():
                yield Table(framed(items), name=name if len(of_objects) > 1 else None)
        elif lists and len({len(v) for v in lists.values()}) == 1:
            names = list(lists)
            rows = zip(*lists.values(), strict=True)
            yield Table(framed([dict(zip(names, row, strict=True)) for row in rows]))
        else:
            yield Table(framed([whole]))
    elif isinstance(whole, list):
        yield Table(framed(whole))
    else:
        raise InputError(f"{path} holds one value, no table; expected an array of objects")


def _lines(raw: bytes, path: Path) -> Table:
    import polars as pl

    rows, items, bad = [], [], []
    at = 0
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            items.append(json.loads(line))
            rows.append(at)
        except ValueError:
            bad.append(number)
        at += 1
    if not items:
        raise InputError(
            f"{path} holds no line that is JSON; the first that is none: line {bad[0]}"
        )
    frame = framed(items).with_columns(pl.Series(ROW, rows, dtype=pl.Int64))
    if not bad:
        return Table(frame)
    told = f"{len(bad)} lines are no JSON (the first: line {bad[0]}); they were left out"
    return Table(frame, troubles=(told,), facts={"bad_lines": bad})


def framed(items: list[Any]) -> "pl.DataFrame":
    """Objects as a table; what has no common type is kept as text, nested values as JSON."""
    import polars as pl

    if items and all(isinstance(i, list) for i in items):
        items = [{"vector": i} for i in items]
    objects = [i if isinstance(i, dict) else {"value": i} for i in items]
    names = list(dict.fromkeys(name for item in objects for name in item))
    return pl.DataFrame({name: _series([item.get(name) for item in objects]) for name in names})


def _series(values: list[Any]) -> "pl.Series":
    import polars as pl

    try:
        return pl.Series(values, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        pass
    numbers = all(v is None or isinstance(v, int | float) for v in values)
    if numbers:
        return pl.Series([None if v is None else float(v) for v in values], dtype=pl.Float64)
    return pl.Series([_text(v) for v in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
