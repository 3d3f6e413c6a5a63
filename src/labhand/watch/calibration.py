"""How rare a score is among healthy runs, and so whether a person is told.

Every detector that judges by degree keeps one statistic whose largest value in a run, its *peak*, is
compared with the peaks of healthy runs. The run is the unit, not the step: under exchangeable runs the
chance of a false alarm is then at most what was asked for (conformal prediction; Vovk, Gammerman and
Shafer, *Algorithmic Learning in a Random World*, 2005). The detectors share one budget by one
combined score, the rarest of their peaks.
"""

import functools
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Literal

import msgspec

from labhand.kit.verdicts import Verdict

BUDGET = 3.0
"""False alarms in a thousand healthy runs."""
WARNING, NOTE = 10.0, 50.0
"""What is rarer than this in a thousand healthy runs is a warning, or at least a note."""
TAIL = 0.1
"""The share of the largest peaks that the tail beyond the data is fitted to."""

OWN = 5.0
"""What a run of the project itself counts, beside one of those that labhand ships with."""
LIKE = 1.2
"""A score at most so many times one that was called fine is like it."""

Level = Literal["alarm", "warning", "note"]


class Tail(msgspec.Struct, frozen=True):
    """The largest of `count` peaks, in rising order."""

    count: float
    largest: list[float]

    @classmethod
    def of(cls, peaks: Iterable[float]) -> "Tail":
        """The tail of peaks; NaN counts as the smallest."""
        known = sorted(-math.inf if peak != peak else peak for peak in peaks)
        kept = [peak for peak in known[-max(1, math.ceil(TAIL * len(known))) :] if peak > -math.inf]
        return cls(float(len(known)), [round(peak, 6) for peak in kept])

    def joined(self, peaks: Iterable[float], weight: float) -> "Tail":
        """The tail with more peaks, each of which counts as so many."""
        known = [-math.inf if peak != peak else peak for peak in peaks]
        least = self.largest[0] if self.largest else -math.inf
        more = [round(peak, 6) for peak in known if peak >= least and peak > -math.inf]
        largest = sorted([*self.largest, *(peak for peak in more for _ in range(round(weight)))])
        return Tail(self.count + weight * len(known), largest)

    def rarity(self, score: float) -> float:
        """-log10 of the chance that a healthy run has a peak as large, continued beyond the data.

        Within the data it is the conformal p-value (1 + peaks as large) / (1 + all); beyond it the
        exponential tail through the data's excesses. From 0; 0 where nothing is known.
        """
        if not self.largest or score != score:
            return 0.0
        beyond = score - self.largest[-1]
        at_least = len(self.largest) - bisect_left(self.largest, score)
        rarity = -math.log10((1 + at_least) / (1 + self.count))
        if beyond <= 0 or len(self.largest) < 3:
            return rarity
        mean = sum(peak - self.largest[0] for peak in self.largest) / len(self.largest)
        return rarity + (beyond / mean / math.log(10) if mean > 0 else 0.0)


class Calibration(msgspec.Struct, frozen=True):
    """The tails of the detectors' peaks in healthy runs, and that of the combined score.

    `budget` is the number of false alarms that is accepted in a thousand healthy runs; `fine` the
    score of each detector up to which a person takes it for fine.
    """

    peaks: Mapping[str, Tail] = {}
    combined: Tail = Tail(0.0, [])
    budget: float = BUDGET
    fine: Mapping[str, float] = {}

    @classmethod
    def fit(cls, runs: Sequence[Mapping[str, float]], budget: float = BUDGET) -> "Calibration":
        """The calibration by healthy runs, each given as the peak of every detector."""
        names = sorted({name for run in runs for name in run})
        tails = {name: Tail.of(run.get(name, -math.inf) for run in runs) for name in names}
        combined = Tail.of(
            max((tails[name].rarity(score) for name, score in run.items()), default=0.0)
            for run in runs
        )
        return cls(tails, combined, budget)

    @classmethod
    def prior(cls, budget: float = BUDGET) -> "Calibration":
        """What ships with labhand, fitted on public training runs. Reads a file, once."""
        return msgspec.structs.replace(_shipped(), budget=budget)

    def adapted(
        self, runs: Sequence[Mapping[str, float]], verdicts: Iterable[Verdict] = ()
    ) -> "Calibration":
        """The calibration for a project: with its own healthy runs, and what a person said of findings.

        A run of the project, given as the peak of every detector, counts as five of those that ship.
        Scores up to 1.2 times one that was called fine are at most a note from then on, unless less was
        called real; taking the verdict back undoes that.
        """
        names = sorted({*self.peaks, *(name for run in runs for name in run)})
        none = Tail(self.combined.count, [])
        tails = {
            name: self.peaks.get(name, none).joined((run.get(name, -math.inf) for run in runs), OWN)
            for name in names
        }
        rarest = (
            max((tails[name].rarity(score) for name, score in run.items()), default=0.0)
            for run in runs
        )
        combined = self.combined.joined(rarest, OWN)
        return Calibration(tails, combined, self.budget, dict(self.fine) | _fine(verdicts))

    def is_like_fine(self, rule: str, score: float) -> bool:
        """Whether a person has called a like of it fine."""
        return score <= self.fine.get(rule, -math.inf)

    def chance(self, rule: str, score: float) -> float:
        """How many of a thousand healthy runs would be told of by a score as rare, any detector's."""
        if rule not in self.peaks or not self.combined.largest:
            return 1000.0
        return 1000.0 * 10 ** -self.combined.rarity(self.peaks[rule].rarity(score))

    def level(self, rule: str, score: float) -> Level | None:
        """How a person is told of a score; None: not at all."""
        if self.is_like_fine(rule, score):
            return "note"
        chance = self.chance(rule, score)
        if chance <= self.budget:
            return "alarm"
        return "warning" if chance <= WARNING else "note" if chance <= NOTE else None


def _fine(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """The score of each rule up to which a person takes it for fine."""
    fine: dict[str, float] = {}
    real: dict[str, float] = {}
    for said in verdicts:
        if said.score is None or said.job != "watch":
            continue
        if said.answer == "fine":
            fine[said.rule] = max(fine.get(said.rule, -math.inf), LIKE * said.score)
        elif said.answer == "real":
            real[said.rule] = min(real.get(said.rule, math.inf), said.score)
    below = {rule: math.nextafter(score, -math.inf) for rule, score in real.items()}
    return {rule: min(score, below.get(rule, math.inf)) for rule, score in fine.items()}


@functools.cache
def _shipped() -> Calibration:
    text = resources.files("labhand.watch").joinpath("calibration.json").read_bytes()
    return msgspec.json.decode(text, type=Calibration)
