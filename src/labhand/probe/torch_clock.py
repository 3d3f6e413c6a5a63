"""Where the time of a step goes, and how much of it the probe may take."""

from __future__ import annotations

from time import perf_counter

FULL_SHARE = 0.001
"""Share of the step time for measuring: gradient norm, update ratio, memory."""
ROW_SHARE = 0.0015
"""Share of the step time for looking at a step: its times, its gradients' soundness, its row."""
GLANCE_SHARE = 0.002
"""Share of the step time for looking at one gradient in every step, also where nothing else is."""
STRIDE_MAX = 1000
EVERY_STEP = 6e-6
"""Seconds that every step costs, looked at or not, as `benchmarks/probe.py` measures them."""
GOAL = 0.009
"""Share of the step time that all of it may take."""
SHARES = 0.0045
"""What of it goes to looks and measuring: less where `EVERY_STEP` leaves less."""
EASE_MIN = 0.05
COLD = 8
SPREAD = 8
"""However short the steps, a look comes before the run is an eighth longer: a short run has its curve."""
CREDIT = 0.002
"""Seconds for measuring to start with, so that the first steps are measured whole."""


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
    """What the probe may spend: how often it looks at a step, and how often it measures one whole.

    A look writes a row; every `stride`-th step gets one, so that looks cost `ROW_SHARE` of the time at
    most. Measuring is paid from a purse into which each step puts `FULL_SHARE` of its time.
    """

    def __init__(self) -> None:
        self.look_cost = 2e-5
        self.full_cost = 2e-4
        self.glance_cost = 1e-5
        self.purse = CREDIT
        self.typical = 0.0
        self.stride = 1
        self.looks = self.fulls = self.steps = 0
        self.spent = 0.0
        self.elapsed = 0.0

    def looked(self, seconds: float, steps: int, own: float, gap: bool) -> None:
        """A step that was looked at took `seconds`, `own` of it the probe; it stands for `steps`.

        With a `gap`, such as an evaluation, its time says nothing about the next ones.
        """
        self.looks += 1
        self.steps += steps
        self.spent += own
        self.elapsed += seconds * steps
        if self.looks > 2:  # the first ones open files and meet everything cold
            self.look_cost += 0.1 * (min(own, 4 * self.look_cost) - self.look_cost)
        if not gap:
            known = self.typical or seconds
            if self.looks < COLD:  # what is met for the first time takes longer
                self.typical = min(seconds, known)
            else:
                self.typical = known + 0.1 * (min(seconds, 4 * known) - known)
        # The purse holds a few measurings, no more: after a pause nothing is made up for.
        self.purse = min(
            self.purse + FULL_SHARE * self.typical * self.ease * steps,
            4 * self.full_cost + CREDIT,
        )
        if self.typical and self.looks > COLD:
            wanted = self.look_cost / (ROW_SHARE * self.typical * self.ease)
            self.stride = min(STRIDE_MAX, max(1, round(wanted)), 1 + self.steps // SPREAD)

    @property
    def ease(self) -> float:
        """By how much looks and measuring are cut down, where steps are so short that the rest is felt."""
        left = GOAL - EVERY_STEP / self.typical if self.typical else GOAL
        return min(1.0, max(EASE_MIN, left / SHARES))

    def glanced(self, seconds: float) -> None:
        """Looking at one gradient took `seconds`."""
        self.glance_cost += 0.1 * (min(seconds, 4 * self.glance_cost) - self.glance_cost)

    @property
    def affords_glances(self) -> bool:
        """Whether one gradient may be looked at in every step."""
        return self.glance_cost <= GLANCE_SHARE * self.typical

    @property
    def affords_full(self) -> bool:
        """Whether the purse holds what measuring took the last times."""
        return self.purse >= self.full_cost

    def measured(self, seconds: float) -> None:
        """Measuring took `seconds`."""
        self.fulls += 1
        self.spent += seconds
        self.purse -= min(seconds, 4 * self.full_cost)
        if self.fulls > 2:
            self.full_cost += 0.2 * (min(seconds, 4 * self.full_cost) - self.full_cost)

    @property
    def share(self) -> float:
        """Share of the step time that looking and measuring took, by the probe's own clock."""
        return self.spent / self.elapsed if self.elapsed > 0 else 0.0
