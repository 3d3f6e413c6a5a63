"""The room watch: a live run or a log → findings, alarms."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labhand.watch.follow import Follower
    from labhand.watch.logs import open_log, replay
    from labhand.watch.watcher import Watcher

__all__ = ["Follower", "Watcher", "open_log", "replay"]

_HOMES = {"Watcher": "watcher", "replay": "logs", "open_log": "logs", "Follower": "follow"}


def __getattr__(name: str) -> Any:
    """The face of the room, loaded when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
