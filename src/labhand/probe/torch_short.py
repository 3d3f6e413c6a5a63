"""What the short way through a step that is not looked at has to know.

Every such step passes three places: the model's call, backward, the optimizer's step. Between two of
them all of the training's own work has gone through the processor's caches, so what counts there is how
many objects are touched: all state is in this one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional


def nothing() -> None:
    """None, as a reference to what is gone gives."""


class Short:
    """Whether the short way is open: `on` at backward, `calls` at a model's call, `brief` at the step."""

    __slots__ = ("brief", "busy", "calls", "cut", "epoch", "glance", "main", "on", "since")

    def __init__(self) -> None:
        self.on = self.calls = False
        self.busy = False
        """Backward runs."""
        self.glance: Optional[Callable[[], bool]] = None
        """Whether one gradient is finite, where that is asked after every backward."""
        self.cut = False
        """Whether inputs of a model come with a graph, which must not be held."""
        self.epoch = 0
        """How often backward was called on the long way, and how many steps had gone when one was looked at."""
        self.since = 0
        """Steps since the last one that was looked at."""
        self.brief = 0
        """As long as `since` is smaller, a step of the main optimizer is counted and no more."""
        self.main: Callable[[], Any] = nothing

    @property
    def moment(self) -> int:
        """Grows with every step, and with every backward on the long way."""
        return self.epoch + self.since

    def looked(self) -> None:
        """The step under way was looked at: they are counted anew."""
        self.epoch += self.since
        self.since = 0

    def close(self) -> None:
        """Lets the step under way, and those until the next look, be seen whole."""
        self.on = self.calls = False
        self.brief = 0
