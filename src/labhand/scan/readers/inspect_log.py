"""Inspect logs (`.eval`): one row a sample of an evaluation.

Columns: `run`, `item`, `epoch`, `input`, `target`, `output`, `messages` (JSON), `error`, `stop` and one
`score/<scorer>` a scorer, as text. Facts: `holds` says `runs`; `task`, `model`, `status`.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError
from labhand.scan.readers import Table
from labhand.scan.readers.json import framed


class Reader:
    """Reads the samples of an Inspect log."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is a zip archive that is named as a log."""
        return path.suffix.lower() == ".eval" and head.startswith(b"PK")

    def tables(self, path: Path) -> Iterator[Table]:
        """One table of all samples."""
        samples, bad = [], 0
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                header = _header(archive, names)
                for name in sorted(n for n in names if n.startswith("samples/")):
                    try:
                        samples.append(json.loads(archive.read(name)))
                    except (ValueError, zipfile.BadZipFile, NotImplementedError):
                        bad += 1
        except (zipfile.BadZipFile, OSError, RuntimeError) as error:
            raise InputError(f"{path} is a damaged Inspect log: {error}; copy it anew") from error
        if not samples:
            raise InputError(
                f"{path} is an Inspect log without a sample; the run may have failed early"
            )
        told = (f"{bad} samples cannot be read; they were left out",) if bad else ()
        evaluation = header.get("eval", {})
        run = str(evaluation.get("run_id", path.stem))
        facts = {
            "holds": ("runs",),
            "task": evaluation.get("task"),
            "model": evaluation.get("model"),
            "status": header.get("status"),
        }
        yield Table(framed([_row(s, run) for s in samples]), troubles=told, facts=facts)


def _header(archive: zipfile.ZipFile, names: list[str]) -> dict[str, Any]:
    for name in ("header.json", "_journal/start.json"):
        if name in names:
            made: dict[str, Any] = json.loads(archive.read(name))
            return made
    return {}


def _row(sample: dict[str, Any], run: str) -> dict[str, Any]:
    output = sample.get("output") or {}
    choices = output.get("choices") or [{}]
    row = {
        "run": run,
        "item": str(sample.get("id")),
        "epoch": sample.get("epoch"),
        "input": _text(sample.get("input")),
        "target": _text(sample.get("target")),
        "output": _text(
            output.get("completion") or (choices[0].get("message") or {}).get("content")
        ),
        "stop": choices[0].get("stop_reason"),
        "messages": json.dumps(sample.get("messages") or [], ensure_ascii=False),
        "error": _text((sample.get("error") or {}).get("message")),
    }
    for scorer, score in (sample.get("scores") or {}).items():
        row[f"score/{scorer}"] = _text(score.get("value"))
    return row


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
