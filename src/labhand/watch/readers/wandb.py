"""Reads the `.wandb` file of a W&B run, online or offline.

## What it does
The history is taken out of the protobuf records of the log, the step and the time as W&B kept
them; a torn tail and damaged blocks are passed over.

## References
LevelDB, `log_format.md`; W&B, `wandb_internal.proto`.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from labhand.watch.protobuf import fields
from labhand.watch.rows import Numbered, Part, Row, number

_MAGIC = b":W&B"
_BLOCK = 32768
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _RUN = 2, 17


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it begins with W&B's mark."""
        return head.startswith(_MAGIC)

    def parts(self, path: Path) -> Iterator[Part]:
        """The one run in the file, by its display name."""
        data = path.read_bytes()
        yield _run_name(data), _rows(data)


def _records(data: bytes) -> Iterator[bytes]:
    """The records of the log; a torn tail and what is damaged are passed over."""
    at, whole = 7, b""
    while at + 7 <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or size > left - 7:
            at += left  # nothing in the rest of this block can be told apart
            whole = b""
            continue
        piece = data[at + 7 : at + 7 + size]
        at += 7 + size
        if len(piece) < size:
            return
        if kind == _FULL:
            yield piece
        elif kind == _FIRST:
            whole = piece
        else:
            whole += piece
            if kind == _LAST:
                yield whole


def _messages(data: bytes, kind: int) -> Iterator[bytes]:
    for record in _records(data):
        try:
            yield from (m for n, m in fields(record) if n == kind and isinstance(m, bytes))
        except ValueError:
            continue


def _run_name(data: bytes) -> str | None:
    for message in _messages(data, _RUN):
        names = {n: v for n, v in fields(message) if n in (1, 8) and isinstance(v, bytes)}
        return (names.get(8) or names.get(1) or b"").decode("utf-8", "replace") or None
    return None


def _rows(data: bytes) -> Iterator[Row]:
    numbered = Numbered()
    for message in _messages(data, _HISTORY):
        entry: dict[str, object] = {}
        step = None
        for field, content in fields(message):
            if field == 1 and isinstance(content, bytes):
                name, value = _item(content)
                entry |= _numbers(name, value)
            elif field == 2 and isinstance(content, bytes):
                step = next((v for n, v in fields(content) if n == 1), 0)
        if step is not None:
            entry.setdefault("_step", step)
        entry = {k: v for k, v in entry.items() if k not in ("_runtime", "_wandb/runtime")}
        yield from numbered.rows(entry)
    yield from numbered.close()


def _item(message: bytes) -> tuple[str, object]:
    """The name, nested ones joined by `/`, and the JSON value of an item."""
    parts: list[str] = []
    value: object = None
    for field, content in fields(message):
        if field in (1, 2) and isinstance(content, bytes):
            parts.append(content.decode("utf-8", "replace"))
        elif field == 16 and isinstance(content, bytes):
            value = _json(content)
    return "/".join(p for p in parts if p), value


def _json(content: bytes) -> object:
    try:
        return msgspec.json.decode(content)
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")  # NaN and Infinity are no JSON


def _numbers(name: str, value: object) -> dict[str, object]:
    if isinstance(value, dict):
        found: dict[str, object] = {}
        for key, inner in value.items():
            found |= _numbers(f"{name}/{key}", inner)
        return found
    return {} if number(value) is None else {name: value}
