"""Where the time of a step goes, and how much of it the probe may take."""

from __future__ import annotations

from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict

FULL_SHARE = 0.0015
"""Share of the step time for measuring: gradient norm, update ratio, memory."""
ROW_SHARE = 0.003
"""Share of the step time for what happens every step: hooks, the loss, its row."""
LEAST_ROWS = 0.0004
"""Share for rows even where the hooks alone take more than theirs."""
CREDIT = 0.002
"""Seconds to start with, so that the first steps are measured whole."""


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

    def next_step(self, now: float) -> None:
        """The main optimizer has stepped: a new step begins."""
        self.clear()
        self.began = self.last = now


class Budget:
    """What the probe may spend: steps earn a share of their time, measuring costs what it took.

    Two purses, so that cheap rows do not starve the full measuring and the other way round.
    """

    def __init__(self) -> None:
        self.full = self.rows = CREDIT
        self.costs: Dict[str, float] = {"full": 2e-4, "rows": 1e-5}
        self.steps = 0
        self.spent = 0.0
        self.elapsed = 0.0
        self.hooks = 0.0

    def earn(self, seconds: float, hooks: float) -> None:
        """A step took `seconds`, of which the hooks that always run took `hooks`."""
        self.steps += 1
        self.elapsed += seconds
        self.spent += hooks
        self.hooks += 0.05 * (hooks - self.hooks)
        # A purse holds what one long step earns, no more: after a break nothing is made up for.
        self.full = min(self.full + FULL_SHARE * seconds, 10 * self.costs["full"] + CREDIT)
        gain = max(ROW_SHARE * seconds - hooks, LEAST_ROWS * seconds)
        self.rows = min(self.rows + gain, 10 * self.costs["rows"] + CREDIT)

    def affords(self, purse: str) -> bool:
        """Whether the purse holds what this kind of work took the last times."""
        return (self.full if purse == "full" else self.rows) >= self.costs[purse]

    def spend(self, purse: str, seconds: float) -> None:
        """The work took `seconds`."""
        self.spent += seconds
        self.costs[purse] += 0.2 * (seconds - self.costs[purse])
        if purse == "full":
            self.full -= seconds
        else:
            self.rows -= seconds

    @property
    def tight(self) -> bool:
        """Whether the steps are so short that even the hooks of every step must be thinned."""
        return self.steps > 20 and self.hooks > ROW_SHARE * self.elapsed / self.steps

    @property
    def share(self) -> float:
        """Share of the time of all steps so far that the probe took, by its own clock."""
        return self.spent / self.elapsed if self.elapsed > 0 else 0.0
