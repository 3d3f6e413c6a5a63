"""JSON and JSON Lines: tables, chats (OpenAI messages, ShareGPT), Alpaca, preference pairs.

Facts: `bad_lines` (line numbers from 1 that are no JSON), `bad_bytes` (rows with bytes of another
encoding), `encoding`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labhand.core.errors import InputError
from labhand.scan.data import ROW
from labhand.scan.readers import Table
from labhand.scan.readers._content import Content, content, inner

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = {".json", ".jsonl", ".ndjson"}


class Reader:
    """Reads a JSON array of objects, an object of arrays or objects, and JSON Lines, plain or packed."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is named as JSON, or without a suffix looks like it."""
        if head and inner(path) in SUFFIXES:
            return True
        return not path.suffix and head.lstrip()[:2] in (b'{"', b"[{", b"[[", b"[\n")

    def tables(self, path: Path) -> Iterator[Table]:
        """The tables in the file: one, or one for each list of objects in a larger object."""
        read = content(path)
        for table in _read(read, path):
            facts = {**table.facts, "encoding": read.encoding}
            yield table._replace(troubles=(*read.troubles, *table.troubles), facts=facts)


def _read(read: Content, path: Path) -> Iterator[Table]:
    if fast := _lines_fast(read.text):
        yield fast._replace(facts={"bad_bytes": read.bad} if read.bad else {})
        return
    try:
        whole = json.loads(read.text)
    except ValueError as error:
        yield _lines(read, path, error)
    else:
        yield from _tables(whole, path)


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


def _tables(whole: Any, path: Path) -> Iterator[Table]:
    if isinstance(whole, list):
        yield Table(framed(whole))
    elif isinstance(whole, dict):
        several = list(_lists(whole))
        for name, items in several:
            yield Table(framed(items), name=name if len(several) > 1 else None)
        if not several:
            yield Table(framed(_rows(whole)))
    else:
        raise InputError(f"{path} holds one value, no table; expected an array of objects")


def _lists(whole: dict[str, Any], above: str = "") -> Iterator[tuple[str, list[Any]]]:
    """The lists of objects in an object and in the objects in it, by the way that leads there."""
    for name, value in whole.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield above + name, value
        elif isinstance(value, dict):
            yield from _lists(value, f"{above}{name}.")


def _rows(whole: dict[str, Any]) -> list[Any]:
    """The rows of an object without a list of objects: columns, rows by name, as pandas writes them."""
    values = list(whole.values())
    if isinstance(whole.get("columns"), list) and isinstance(whole.get("data"), list):
        return [dict(zip(whole["columns"], row, strict=False)) for row in whole["data"]]
    if values and all(isinstance(v, list) for v in values) and len(set(map(len, values))) == 1:
        return [dict(zip(whole, row, strict=True)) for row in zip(*values, strict=True)]
    if len(values) < 2 or not all(isinstance(v, dict) for v in values):
        return [whole]
    inside = list(dict.fromkeys(key for value in values for key in value))
    if all(key.isdigit() for key in inside):
        return [{name: column.get(key) for name, column in whole.items()} for key in inside]
    alike = sum(map(len, values)) >= 0.5 * len(inside) * len(values)
    return [{"key": key, **value} for key, value in whole.items()] if alike else [whole]


def _lines(read: Content, path: Path, why: ValueError) -> Table:
    import polars as pl

    rows, items, bad, damaged = [], [], [], []
    at, odd = 0, set(read.bad)
    for number, line in enumerate(read.text.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            items.append(json.loads(line))
            rows.append(at)
            if number - 1 in odd:
                damaged.append(at)
        except ValueError:
            bad.append(number)
        at += 1
    if len(bad) > len(items) and (not items or read.text.lstrip()[:1] == b"["):
        raise InputError(f"{path} is no JSON that can be read: {why}; write it anew")
    frame = framed(items).with_columns(pl.Series(ROW, rows, dtype=pl.Int64))
    facts = {k: v for k, v in (("bad_lines", bad), ("bad_bytes", damaged)) if v}
    told = (
        f"{len(bad):,} {'line is' if len(bad) == 1 else 'lines are'} no JSON (the first: line "
        f"{bad[0]}); left out",
    ) if bad else ()  # fmt: skip
    return Table(frame, troubles=told, facts=facts)


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
