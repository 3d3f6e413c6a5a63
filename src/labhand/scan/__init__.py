"""The room scan: data → findings, down to the rows."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labhand.scan.engine import scan
    from labhand.scan.mending import diff, mend, undo
    from labhand.scan.opening import folder_of, open_data

__all__ = ["diff", "folder_of", "mend", "open_data", "scan", "undo"]

_HOMES = {
    "scan": "engine",
    "folder_of": "opening",
    "open_data": "opening",
    "diff": "mending",
    "mend": "mending",
    "undo": "mending",
}


def __getattr__(name: str) -> Any:
    """The face of the room, loaded when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
