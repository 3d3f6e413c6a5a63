"""What is known of a training from its loss and its evaluations, and what is told of it."""

import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.core.finding import Finding
from labhand.watch.causes import causes_of
from labhand.watch.chance import softmax_twice
from labhand.watch.levels import MOST, Levels
from labhand.watch.signals import Fact, Points
from labhand.watch.synthetic import HEALTHY, curves
from labhand.watch.view import Before, View
from labhand.watch.watcher import Watcher


def watched(rows: Iterable[dict[str, float]], watcher: Watcher | None = None) -> Watcher:
    watcher = watcher or Watcher(None, None)
    for step, row in enumerate(rows):
        watcher.feed(Points(math.nan, "log", step, row))
    return watcher


def of(watcher: Watcher, rule: str) -> list[Finding]:
    return [f for f in watcher.findings().findings if f.rule == rule]


def falling(count: int, seed: int = 0, noise: float = 0.02) -> list[float]:
    generator = random.Random(seed)
    return [(0.5 + 4 / (1 + i / 8)) * generator.lognormvariate(0, noise) for i in range(count)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=900))
def test_levels_take_whatever_is_finite_and_stay_few(values: list[float]) -> None:
    levels = Levels()
    for value in values:
        levels.add(value, 0)
    assert len(levels.blocks) < MOST and levels.count == len(values)
    assert all(math.isfinite(block) for block in levels.blocks) or levels.raw


@pytest.mark.parametrize("every", [1, 2, 7, 40])
def test_a_divergence_is_told_however_often_the_loss_is_logged(every: int) -> None:
    loss = falling(100)
    loss = [v if i < 60 else v + min(4.0, (i - 60) * 0.3) for i, v in enumerate(loss)]
    dense = [v for v in loss for _ in range(every)]
    (found,) = of(watched({"loss": v} for v in dense), "diverged")
    assert found.alarm and 58 * every <= found.opened_step <= 72 * every


def test_a_log_of_a_hundred_thousand_noisy_steps_stays_quiet() -> None:
    generator = random.Random(3)
    rows = (
        {"loss": (1 + 3 / (1 + i / 500)) * generator.lognormvariate(0, 0.5)} for i in range(30_000)
    )
    assert not of(watched(rows), "diverged")


def test_healthy_curves_of_every_family_bring_no_alarm() -> None:
    for curve in (c for c in curves(range(3)) if c.family in HEALTHY):
        watcher = Watcher(None, None)
        for row in curve.rows:
            watcher.feed(Points(math.nan, "parquet", row.step, row.values))
        alarms = [f.rule for f in watcher.findings().findings if f.alarm]
        assert alarms == [], f"{curve.family} {curve.seed}"


def test_the_learning_rate_that_jumped_is_the_likeliest_cause() -> None:
    loss = [v if i < 60 else 4.5 for i, v in enumerate(falling(100))]
    rows = [{"loss": v, "lr": 1e-3 if i < 58 else 1e-1} for i, v in enumerate(loss)]
    (found,) = of(watched(rows), "diverged")
    causes = found.evidence["causes"]
    assert causes[0]["cause"] == "the learning rate jumped"
    assert causes[0]["evidence"] == "`lr` went from 0.001 to 0.1 at step 58, 2 steps before"
    assert "no gradient norm is logged" in found.evidence["unchecked"]


def test_the_same_spike_in_other_runs_means_the_data() -> None:
    curve = [(i, v * (3 if i == 60 else 1)) for i, v in enumerate(falling(100, seed=1))]
    earlier = [Before(f"run-{i}", True, {"lr": 0.1}, lambda _: curve) for i in range(2)]
    watcher = Watcher(None, None, earlier=earlier, config={"lr": 0.4})
    watched(({"loss": v if i < 60 else 4.4} for i, v in enumerate(falling(100))), watcher)
    (found,) = of(watcher, "diverged")
    told = {cause["cause"]: cause["evidence"] for cause in found.evidence["causes"]}
    assert told["the data of that step: the order is the same in other runs"].startswith(
        "`run-0`, `run-1`"
    )
    other = told["another setting than the latest run that went well: `lr`"]
    assert other == "`run-0` had `lr` 0.1 and not 0.4"


def test_a_training_that_begins_anew_is_known_as_such() -> None:
    watcher = watched({"loss": v} for v in [*falling(120), *falling(40, seed=5)])
    causes, _ = causes_of(watcher.view, 120)
    assert causes[0].cause == "the training began anew from its first weights"


def test_a_learning_rate_of_nothing_is_why_nothing_is_learned() -> None:
    generator = random.Random(2)
    watcher = Watcher(None, None)
    for step in range(200):
        row = {"loss": 2.3026 + generator.gauss(0, 0.002), "lr": 0.0}
        watcher.feed(
            Points(math.nan, "log", step, row | ({"val_acc": 0.001} if step % 5 == 4 else {}))
        )
    (found,) = of(watcher, "not-learning")
    assert found.alarm and found.evidence["causes"][0]["cause"] == "the learning rate is 0"
    assert "ln 10 = 2.303 is the level of guessing" in found.message


def test_the_number_of_classes_that_the_probe_saw_makes_the_level_of_guessing_sure() -> None:
    generator = random.Random(2)
    rows = [{"loss": math.log(37) + generator.gauss(0, 0.005)} for _ in range(1500)]
    (unsure,) = of(watched(rows), "not-learning")
    assert not unsure.alarm and "has stayed where it began, at 3.6" in unsure.message
    knowing = Watcher(None, None)
    knowing.feed(Fact(math.nan, "objective", {"classes": 37, "step": 0}))
    (found,) = of(watched(rows, knowing), "not-learning")
    assert found.alarm and "ln 37 = 3.611" in found.message


def test_the_floor_of_a_doubled_softmax() -> None:
    assert round(softmax_twice(10), 3) == 1.461


def test_a_bad_loss_that_is_not_a_number_is_told_with_its_candidates() -> None:
    rows = [
        {"loss": v, "grad_norm": 1.0 if i < 55 else 9.0 ** (i - 54)}
        for i, v in enumerate(falling(60))
    ]
    watcher = watched([*rows, {"loss": math.nan}, {"loss": math.nan}])
    (found,) = of(watcher, "non-finite")
    assert (
        found.evidence["causes"][0]["cause"] == "the updates became too large before the loss did"
    )


@pytest.mark.parametrize("names", [("train", "val"), ("x", "val_loss"), ("metric_1", "t")])
def test_names_that_tell_nothing_are_known_by_what_the_metrics_do(names: tuple[str, str]) -> None:
    first, second = names
    loss = [v if i < 60 else 4.4 for i, v in enumerate(falling(100))]
    watcher = watched(
        {first: v}
        | ({second: 0.6 + 1 / (1 + i) if second != "t" else float(i)} if i % 5 == 0 else {})
        for i, v in enumerate(loss)
    )
    told = watcher.findings().summary["assumptions"]
    assert f"`{first}` is the training loss (by how it behaves)" in told
    assert watcher.view.course.loss is not None and watcher.view.course.loss.name == first


def test_a_schedule_or_a_clock_is_no_loss() -> None:
    watcher = watched({"x": 1 - i / 200, "elapsed": i * 1.0, "y": float(i % 7)} for i in range(100))
    assert watcher.findings().summary["assumptions"] == []
    assert View().course.loss is None
