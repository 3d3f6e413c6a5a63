"""Where the time of a step goes."""

from __future__ import annotations

from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional


class Clock:
    """The time split of the step that is under way. The probe's own time is in none of the parts.

    A step reaches from the end of one optimizer step to the end of the next. `data`: inside the
    DataLoader and from there to the model's call (where there is no loader: from the last step's end
    to the model's call); `forward`: from the model's call to backward; `optimizer`: from backward to
    the end of the step, so clipping too. What lies outside (logging, saving) is only in the total.
    On a GPU these are the times of the launching side; their sum over many steps is right.
    """

    def __init__(self) -> None:
        self.began = self.last = perf_counter()
        self.own = 0.0
        self.loader = False
        self.clear()

    def clear(self) -> None:
        """Forgets the parts of the step."""
        self.data = self.forward = self.backward = self.optimizer = 0.0
        self.loaded = self.evaluated = self.ran = False
        self.calls = 0

    def loader_begins(self, now: float) -> None:
        """The script asks a DataLoader for a batch."""
        self.last = now

    def loader_ends(self, now: float) -> None:
        """The batch is there."""
        self.data += now - self.last
        self.last = now
        self.loaded = self.loader = True
        self.ran = False

    def model_begins(self, now: float) -> None:
        """The model is called; a second call before backward is part of the forward time."""
        if not self.ran:
            if self.loaded or not self.loader:
                self.data += now - self.last
            self.last = now
            self.ran = True

    def backward_begins(self, now: float) -> None:
        """Forward has ended."""
        self.forward += now - self.last
        self.last = now

    def backward_ends(self, now: float) -> None:
        """Backward has ended; another micro-batch or the optimizer follows."""
        self.backward += now - self.last
        self.last = now
        self.ran = self.loaded = False

    def optimizer_ends(self, now: float) -> None:
        """An optimizer has stepped."""
        self.optimizer += now - self.last
        self.last = now

    def total(self, now: float) -> float:
        """Seconds since the step before ended."""
        return now - self.began

    def parts(self, seconds: float, work: Optional[float]) -> Dict[str, float]:
        """The points of a step that took so long in all.

        `work` is the processor's in a step, None where evaluations or rollouts are in it. Where models
        were called several times, so an episode long, the times are of as many calls.
        """
        return {
            **({} if work is None else {"probe/work_s": work}),
            **({"probe/calls": self.calls} if self.calls > 1 else {}),
            "probe/step_s": seconds,
            "probe/data_s": self.data,
            "probe/forward_s": self.forward,
            "probe/backward_s": self.backward,
            "probe/optimizer_s": self.optimizer,
        }

    def next_step(self, now: float) -> None:
        """The main optimizer has stepped: a new step begins."""
        self.clear()
        self.began = self.last = now
