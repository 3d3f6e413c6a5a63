"""Reads a training's history that was saved as one JSON document at its end.

## What it does
Takes an object of lists of equal length, one a metric (Keras' `History.history`), or a list of objects,
one a row. What is nested in an object under one key, such as `history`, is looked for there.

## References
Keras, `keras.callbacks.History`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labhand.watch.rows import Numbered, Part, Row, flat, head, loose_json, number

_LARGEST = 1 << 28


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it is one JSON document that holds rows."""
        start = head.lstrip()[:1]
        return path.suffix == ".json" and start in (b"{", b"[") and bool(_entries(_whole(path)))

    def parts(self, path: Path) -> Iterator[Part]:
        """The one run whose history it is."""
        yield None, self._rows(path)

    def _rows(self, path: Path) -> Iterator[Row]:
        numbered = Numbered()
        for entry in _entries(_whole(path)):
            yield from numbered.rows({k: v for k, v in flat(entry).items() if v is not None})
        yield from numbered.close()


def _whole(path: Path) -> Any:
    try:
        return loose_json(head(path, _LARGEST))
    except ValueError:
        return None


def _entries(document: Any) -> list[dict[str, Any]]:
    """The rows in a document; none where it is no history."""
    if isinstance(document, list):
        rows = [entry for entry in document if isinstance(entry, dict)]
        return rows if len(rows) == len(document) else []
    if not isinstance(document, dict) or "log_history" in document:
        return []
    columns = {k: v for k, v in document.items() if _is_column(v)}
    length = max(map(len, columns.values()), default=0)
    if length:
        return [{k: v[i] for k, v in columns.items() if i < len(v)} for i in range(length)]
    inside = [found for value in document.values() if (found := _entries(value))]
    return inside[0] if len(inside) == 1 else []


def _is_column(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(v is None or number(v) is not None for v in value)
    )
