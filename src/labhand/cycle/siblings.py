"""Whether a run of a sweep is hopeless beside its siblings: the median rule, with a margin for noise.

After Golovin et al., "Google Vizier: A Service for Black-Box Optimization" (KDD 2017), section 3.2.2: a run
is stopped where its best value by a step is worse than the median of what the others had by that step.
Here it must be worse by more than noise, and so far that it would not come level by the end at the pace of
its last quarter. It is looked at three times: at a quarter, half and three quarters of the way.
"""

import statistics
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate

from labhand.core.errors import LabhandError
from labhand.core.run import Failure
from labhand.core.store import Store
from labhand.cycle.request import Request, Status
from labhand.cycle.sweep import Sweep, read, run_ids
from labhand.kit.configuration import Configuration
from labhand.kit.metric_names import direction

LEAST = 4
"""Siblings that must have finished."""
QUARTERS = (0.25, 0.5, 0.75)
MARGIN = 3.0
"""Standard deviations of the noise that it must be worse by."""
POINTS = 400
"""Points of a curve that are looked at."""


class _Course:
    """The values of one run, turned so that less is better; `best` holds the best so far."""

    def __init__(self, steps: Sequence[int], values: Sequence[float], setup: object) -> None:
        self.steps = list(steps)
        self.values = list(values)
        self.best = list(accumulate(values, min))
        self.setup = setup

    def by(self, step: float) -> float:
        """The best value by a step."""
        return self.best[max(0, bisect_right(self.steps, step) - 1)]

    def jitter(self) -> float:
        """How much a value differs from the next by chance: robust, so that a trend counts little."""
        changes = [abs(b - a) for a, b in zip(self.values, self.values[1:], strict=False)]
        return statistics.median(changes) if changes else 0.0


class Siblings:
    """The other runs of the sweep that a run belongs to."""

    def __init__(self, store: Store, sweep_id: str, run_id: str) -> None:
        self._store = store
        self._sweep = sweep_id
        self._run = run_id
        self._many: Sweep | None = None
        self._known: dict[str, _Course] = {}
        self._looked = 0

    @classmethod
    def of(
        cls, request: Request, chosen: Configuration, store: Store, run_id: str
    ) -> "Siblings | None":
        """Those of a run, where it is to be stopped once it is lost beside them."""
        wanted = chosen.stop_lost if request.stop_lost is None else request.stop_lost
        return cls(store, request.sweep, run_id) if wanted and request.sweep else None

    def hopeless(self, status: Status) -> Failure | None:
        """Why the run should be stopped; None: it should not, or it is not known yet."""
        name = next((name for name in status.metrics if direction(name)), None)
        if name is None or status.step is None or self._looked >= len(QUARTERS):
            return None
        if self._many is None:
            self._many = read(self._store, self._sweep)
        others = self._finished(name)
        if len(others) < LEAST:
            return None
        length = statistics.median(course.steps[-1] for course in others)
        if status.step < QUARTERS[self._looked] * length:
            return None
        while self._looked < len(QUARTERS) and status.step >= QUARTERS[self._looked] * length:
            self._looked += 1
        own = self._course(self._run, name, None)
        return _judged(own, others, length, name) if own else None

    def _finished(self, name: str) -> list[_Course]:
        assert self._many is not None
        for number, told in run_ids(self._store, self._many).items():
            if told.startswith("!") or told in self._known or told == self._run:
                continue
            with suppress(LabhandError):
                if self._store.read(told).status == "finished":
                    settings = self._many.settings[number]
                    setup = tuple(v for k, v in settings.items() if k != self._many.seed)
                    if course := self._course(told, name, setup):
                        self._known[told] = course
        return list(self._known.values())

    def _course(self, run_id: str, name: str, setup: object) -> _Course | None:
        from labhand.kit.points import curves

        found = curves(self._store.folder(run_id), [name], POINTS).get(name)
        if found is None:
            return None
        sign = -1.0 if direction(name) == "up" else 1.0
        finite = [(step, sign * value) for step, _, value in found.points() if value == value]
        return _Course([s for s, _ in finite], [v for _, v in finite], setup) if finite else None


def _judged(own: _Course, others: list[_Course], length: float, name: str) -> Failure | None:
    now = own.steps[-1]
    here = own.by(now)
    median = statistics.median(course.by(now) for course in others)
    noise = max(own.jitter(), _between_seeds(others, lambda course: course.by(now)))
    at_the_end = statistics.median(course.by(length) for course in others)
    gained = own.by(now - length / 4) - here
    if (
        here - median <= MARGIN * noise
        or here - gained / (length / 4) * (length - now) <= at_the_end
    ):
        return None
    sign = -1.0 if direction(name) == "up" else 1.0
    return Failure(
        "killed",
        f"it was stopped as hopeless beside its siblings: at step {now:,} its best `{name}` was "
        f"{sign * here:.4g}, the median of {len(others)} finished ones was {sign * median:.4g} by then",
        {
            "hopeless": True,
            "step": now,
            "best": sign * here,
            "median": sign * median,
            "noise": noise,
            "advice": "`labhand rerun` runs it again by itself, to its end",
        },
    )


def _between_seeds(others: list[_Course], value: Callable[[_Course], float]) -> float:
    """The standard deviation between runs of a setup; 0 where no setup has several."""
    groups: dict[object, list[float]] = {}
    for course in others:
        groups.setdefault(course.setup, []).append(value(course))
    several = [group for group in groups.values() if len(group) > 1]
    if not several:
        return 0.0
    degrees = sum(len(group) - 1 for group in several)
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in several)
    return float((squares / degrees) ** 0.5)
