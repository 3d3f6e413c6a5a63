"""Inspect logs (`.eval`, and `.json`): one row a sample of an evaluation.

Columns: `run`, `item`, `epoch`, `input`, `target`, `output`, `messages` (JSON), `error`, `stop` (why the model
or the sample ended), and of each scorer `score/<scorer>` and `answer/<scorer>`, as text. Facts: `holds` says
`runs`; `repeat` is the column that counts repeats of a sample; `task`, `model`, `status`.
"""

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError
from labhand.scan.readers import Table
from labhand.scan.readers._content import is_evaluation, unzstd
from labhand.scan.readers.json import framed

_LOCAL = b"PK\x03\x04"
_DESCRIPTION = b"PK\x07\x08"
ZSTD = 93
"""How logs of Inspect are packed since 2025; `zipfile` knows it from Python 3.14 on."""
ATTACHED = "attachment://"


class Reader:
    """Reads the samples of an Inspect log."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is a zip archive that is named as a log, or a log as JSON."""
        if path.suffix.lower() == ".eval":
            return head.startswith(b"PK")
        return path.suffix.lower() == ".json" and is_evaluation(head)

    def tables(self, path: Path) -> Iterator[Table]:
        """One table of all samples."""
        header, samples, troubles = (
            _of_json(path) if path.suffix.lower() == ".json" else _of_zip(path)
        )
        if not samples:
            why = troubles[0] if troubles else "the run may have failed early"
            raise InputError(f"{path} is an Inspect log without a sample; {why}")
        evaluation = header.get("eval") or {}
        run = str(evaluation.get("run_id") or path.stem)
        facts = {
            "holds": ("runs",),
            "repeat": "epoch",
            "task": evaluation.get("task"),
            "model": evaluation.get("model"),
            "status": header.get("status"),
        }
        rows = [_row(s, run) for s in samples if isinstance(s, dict)]
        yield Table(framed(rows), troubles=tuple(troubles), facts=facts)


def _of_json(path: Path) -> tuple[dict[str, Any], list[Any], list[str]]:
    try:
        whole = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(
            f"{path} is a torn Inspect log: {error}; copy it anew, or wait for its end"
        ) from error
    return whole, whole.get("samples") or [], []


def _of_zip(path: Path) -> tuple[dict[str, Any], list[Any], list[str]]:
    """Header and samples; of an archive that is torn, those that stand in it whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = {name: _read(archive, name) for name in archive.namelist() if _wanted(name)}
        troubles = []
    except (zipfile.BadZipFile, OSError, RuntimeError, struct.error) as error:
        parts = dict(_salvaged(path.read_bytes()))
        troubles = [f"the archive is torn ({error}); the samples that are whole were read"]
    told: dict[str, Any] = {}
    bad = 0
    for name, raw in parts.items():
        try:
            told[name] = json.loads(raw or b"")
        except ValueError:
            bad += 1
    if bad:
        troubles.append(f"{bad} samples cannot be read; they were left out")
    header = told.get("header.json") or told.get("_journal/start.json") or {}
    return (
        header,
        [told[n] for n in sorted(told, key=_counted) if n.startswith("samples/")],
        troubles,
    )


def _counted(name: str) -> list[tuple[int, str]]:
    """By which `2_epoch_1` comes before `10_epoch_1`."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", name)]


def _wanted(name: str) -> bool:
    return name.startswith("samples/") or name in ("header.json", "_journal/start.json")


def _read(archive: zipfile.ZipFile, name: str) -> bytes | None:
    info = archive.getinfo(name)
    try:
        if info.compress_type == ZSTD and archive.fp is not None:
            archive.fp.seek(info.header_offset + 26)
            apart = sum(struct.unpack("<HH", archive.fp.read(4)))
            archive.fp.seek(apart, 1)
            return _unzstd(archive.fp.read(info.compress_size))
        return archive.read(name)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError):
        return None


def _salvaged(raw: bytes) -> Iterator[tuple[str, bytes | None]]:
    """The files of a zip archive whose directory, at its end, is missing (APPNOTE 4.3.7)."""
    at = raw.find(_LOCAL)
    while 0 <= at <= len(raw) - 30:
        _, flags, method, _, _, _, size, _, name_size, extra = struct.unpack(
            "<HHHHHIIIHH", raw[at + 4 : at + 30]
        )
        start = at + 30 + name_size + extra
        name = raw[at + 30 : at + 30 + name_size].decode("utf-8", "replace")
        if _wanted(name):
            yield name, _inflated(raw[start:], method, None if flags & 8 else size)
        at = raw.find(_LOCAL, start)


def _inflated(raw: bytes, method: int, size: int | None) -> bytes | None:
    if method == 0:
        return raw[:size] if size is not None and len(raw) >= size else None
    if method == ZSTD:
        ends = [at for mark in (_DESCRIPTION, _LOCAL) if (at := raw.find(mark)) >= 0]
        return _unzstd(raw[:size] if size else raw[: min(ends, default=0)])
    if method != 8:
        return None
    made = zlib.decompressobj(-15)
    try:
        content = made.decompress(raw)
    except zlib.error:
        return None
    return content if made.eof else None


def _unzstd(raw: bytes) -> bytes | None:
    import polars as pl

    try:
        return unzstd(raw)
    except (pl.exceptions.PolarsError, OSError):
        return None


def _row(sample: dict[str, Any], run: str) -> dict[str, Any]:
    output = sample.get("output") or {}
    choices = output.get("choices") or [{}]
    attached = sample.get("attachments") or {}
    said = output.get("completion") or (choices[0].get("message") or {}).get("content")
    row = {
        "run": run,
        "item": str(sample.get("id")),
        "epoch": sample.get("epoch"),
        "input": _text(_whole(sample.get("input"), attached)),
        "target": _text(sample.get("target")),
        "output": _said(_whole(said, attached)),
        "stop": _stop(sample, choices[0]),
        "messages": json.dumps(_whole(sample.get("messages") or [], attached), ensure_ascii=False),
        "error": _text((sample.get("error") or {}).get("message")),
    }
    for scorer, score in (sample.get("scores") or {}).items():
        told = score if isinstance(score, dict) else {"value": score}
        value = told.get("value")
        for key, inner in value.items() if isinstance(value, dict) else (("", value),):
            row[f"score/{scorer}/{key}".rstrip("/")] = _text(inner)
        if told.get("answer") is not None:
            row[f"answer/{scorer}"] = _text(told["answer"])
    if row["error"] is None:
        del row["error"]
    return row


def _stop(sample: dict[str, Any], choice: dict[str, Any]) -> str | None:
    limit = sample.get("limit")
    if isinstance(limit, dict) and limit.get("type"):
        return f"{limit['type']} limit"
    return choice.get("stop_reason") or (sample.get("output") or {}).get("stop_reason")


def _whole(value: Any, attached: dict[str, str]) -> Any:
    """With what was kept apart for its length back in its place."""
    if not attached:
        return value
    if isinstance(value, str):
        return (
            attached.get(value.removeprefix(ATTACHED), value)
            if value.startswith(ATTACHED)
            else value
        )
    if isinstance(value, list):
        return [_whole(v, attached) for v in value]
    if isinstance(value, dict):
        return {k: _whole(v, attached) for k, v in value.items()}
    return value


def _said(value: Any) -> str | None:
    """The words of a message; of blocks those that hold text."""
    if isinstance(value, list):
        return "\n".join(str(b.get("text")) for b in value if isinstance(b, dict) and b.get("text"))
    return _text(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
