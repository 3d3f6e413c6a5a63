"""Alarms keep to their budget, and learn from a project and its person."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.kit.verdicts import Verdict
from labhand.watch.calibration import Calibration, Tail
from labhand.watch.detectors.diverged import Detector as Diverged
from labhand.watch.incidents import Claim
from labhand.watch.signals import Points
from labhand.watch.watcher import Watcher


def runs(count: int, seed: int = 0) -> list[dict[str, float]]:
    generator = random.Random(seed)
    return [{"a": generator.expovariate(1), "b": generator.expovariate(9)} for _ in range(count)]


def said(answer: str, score: float | None, rule: str = "a") -> Verdict:
    evidence = {} if score is None else {"score": score}
    return Verdict(finding=f"{answer}{score}", rule=rule, job="watch", run="r", answer=answer, evidence=evidence)  # type: ignore[arg-type]  # fmt: skip


def test_new_healthy_runs_seldom_alarm() -> None:
    fitted = Calibration.fit(runs(1000), budget=10)
    new = runs(20_000, seed=1)
    alarms = sum(any(fitted.level(rule, s) == "alarm" for rule, s in run.items()) for run in new)
    assert alarms / 20 <= 20  # of a thousand; ten are asked for, and a fit has its own chance


def test_what_is_beyond_all_healthy_runs_is_an_alarm_and_the_usual_is_nothing() -> None:
    fitted = Calibration.fit(runs(1000))
    assert fitted.level("a", 30.0) == "alarm" and fitted.level("b", 10.0) == "alarm"
    assert fitted.level("a", 1.0) is None and fitted.level("unknown", 99.0) is None


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.floats(0, 20), st.floats(0, 20))
def test_a_larger_score_is_never_more_usual(peaks: list[float], one: float, other: float) -> None:
    tail = Tail.of(peaks)
    low, high = sorted((one, other))
    assert 0 <= tail.rarity(low) <= tail.rarity(high)
    assert tail.rarity(math.nan) == 0.0


def test_a_project_whose_healthy_runs_look_ill_is_learned() -> None:
    fitted = Calibration.fit(runs(600))
    odd = 1.1 * fitted.peaks["a"].largest[-1]
    assert fitted.level("a", odd) == "alarm"
    own = [{"a": odd * (1 + i / 1000), "b": 0.0} for i in range(10)]
    adapted = fitted.adapted(own)
    assert adapted.level("a", odd) != "alarm" and adapted.level("a", 10 * odd) == "alarm"


def test_few_own_runs_cannot_make_it_cry_wolf() -> None:
    fitted = Calibration.fit(runs(600))
    adapted = fitted.adapted([{"a": 0.0, "b": 0.0}] * 3)
    usual = fitted.peaks["a"].largest[-20]
    assert adapted.level("a", usual) in (None, "note")


def test_a_person_lowers_a_like_and_takes_it_back() -> None:
    fitted = Calibration.fit(runs(600))
    assert fitted.adapted([], [said("fine", 30.0)]).level("a", 33.0) == "note"
    assert fitted.adapted([], [said("fine", 30.0)]).level("a", 60.0) == "alarm"
    assert fitted.adapted([], [said("fine", 30.0)]).level("b", 30.0) == "alarm"
    assert fitted.adapted([], []).level("a", 33.0) == "alarm"
    both = fitted.adapted([], [said("fine", 30.0), said("real", 25.0), said("fine", None)])
    assert both.level("a", 25.0) == "alarm" and both.level("a", 24.0) == "note"


class Loud:
    """A detector that claims whatever the metric `a` says."""

    def __init__(self, view: object) -> None:
        self.peak = math.nan

    def see(self, signal: object) -> list[Claim]:
        if not isinstance(signal, Points):
            return []
        self.peak = signal.values["a"]
        return [
            Claim(key="a", state="confirmed", severity="error", confidence=1.0, message="loud",
                  advice="none", alarm=True, score=self.peak)
        ]  # fmt: skip


@pytest.mark.parametrize(("fine", "alarm"), [(False, True), (True, False)])
def test_the_finding_says_that_its_like_was_called_fine(fine: bool, alarm: bool) -> None:
    calibration = Calibration.fit(runs(600))
    if fine:
        calibration = calibration.adapted([], [said("fine", 40.0)])
    watcher = Watcher(None, None, detectors={"a": Loud}, calibration=calibration)
    (found,) = watcher.feed(Points(math.nan, "log", 0, {"a": 40.0}))
    assert found.alarm is alarm and watcher.peaks() == {"a": 40.0}
    assert ("called_fine_up_to" in found.evidence) is fine


def test_what_ships_knows_the_detectors_that_judge_by_degree() -> None:
    shipped = Calibration.prior()
    assert shipped.peaks.keys() == {
        "diverged",
        "not-learning",
        "overfitting",
        "validation-at-chance",
    }
    assert shipped.combined.count == 580 and hasattr(Diverged, "explained_by")
