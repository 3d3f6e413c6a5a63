"""What the short way through a step that is not looked at has to know.

Every such step passes three places: the model's call, backward, the optimizer's step. Between two of
them all of the training's own work has gone through the processor's caches, so what counts there is how
many objects are touched and how many functions entered: all state is in this one, and none of the three
calls another function of ours.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional


def nothing() -> None:
    """None, as a reference to what is gone gives."""


class Short:
    """Whether the short way is open: `on` at backward, `calls` at a model's call, `left` at the step."""

    __slots__ = (
        "alone", "busy", "calls", "cut", "epoch", "glance", "goal", "left", "main", "on", "only"
    )  # fmt: skip

    def __init__(self) -> None:
        self.on = self.calls = False
        self.alone = False
        """Whether no other modules than those that are watched are of their classes."""
        self.busy = False
        """Backward runs."""
        self.glance: Optional[Callable[[], bool]] = None
        """Whether one gradient is finite, where that is asked after every backward."""
        self.cut = False
        """Whether inputs of a model come with a graph, which must not be held."""
        self.epoch = 0
        """How often backward was called on the long way."""
        self.goal = 0
        """The number of the step under way when none is `left`."""
        self.left = 0
        """Steps of the main optimizer that are counted here, and no more is done."""
        self.only = False
        """Whether there is no other optimizer."""
        self.main: Callable[[], Any] = nothing

    @property
    def step(self) -> int:
        """The number of the step under way."""
        return self.goal - self.left

    def pass_by(self, steps: int) -> None:
        """Has so many steps counted, and no more done."""
        self.goal, self.left = self.step + steps, steps

    @property
    def moment(self) -> int:
        """Grows with every step, and with every backward on the long way."""
        return self.epoch + self.step

    def close(self) -> None:
        """Lets the step under way, and those until the next look, be seen whole."""
        self.on = self.calls = False
        self.pass_by(0)
