"""Reads the log history of a `trainer_state.json`.

## What it does
The history is read in order; a step may have two entries, of training and of evaluation.

## References
Hugging Face Transformers, `TrainerState`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError
from labhand.watch.rows import Numbered, Part, Row, loose_json


class Reader:
    """The reader of this format."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it is the Trainer's state."""
        return path.suffix == ".json" and (
            b'"log_history"' in head or path.name == "trainer_state.json"
        )

    def parts(self, path: Path) -> Iterator[Part]:
        """The one run whose state it is."""
        yield None, self._rows(path)

    def _rows(self, path: Path) -> Iterator[Row]:
        numbered = Numbered()
        for entry in _history(path):
            yield from numbered.rows({k: v for k, v in entry.items() if v is not None})
        yield from numbered.close()


def _history(path: Path) -> list[dict[str, Any]]:
    content = path.read_bytes()
    try:
        state: Any = loose_json(content)
        history = state["log_history"]
        return [entry for entry in history if isinstance(entry, dict)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} is no whole trainer state: {error}; give one that the Trainer saved"
        ) from error
