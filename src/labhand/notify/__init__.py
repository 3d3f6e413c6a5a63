"""The face that reaches a person who is elsewhere: alarms and the end of a run, sent by apprise."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labhand.notify.notifying import Notifying, around

__all__ = ["Notifying", "around"]


def __getattr__(name: str) -> Any:
    """The face of the room, loaded when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from labhand.notify import notifying

    return getattr(notifying, name)
