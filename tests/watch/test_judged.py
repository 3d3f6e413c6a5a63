"""Logs of other shapes than the curves that labhand was calibrated on: what is told of each, and what is not."""

import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labhand.watch import replay

Rows = Iterator[dict[str, float]]


def noise(scale: float = 0.02) -> float:
    return chance.gauss(0, scale)


def fell(row: int, start: float = 2.3, end: float = 0.3, knee: float = 20) -> float:
    return end + (start - end) * (1 + row / knee) ** -0.7


def values_that_grow_with_the_reward() -> Rows:
    for i in range(400):
        loss = 0.01 * (1 + i / 30) ** 1.2 * math.exp(noise(0.5))
        yield {"step": i * 1000, "loss": loss, "rollout/ep_rew_mean": 20 + 0.6 * i + noise(25)}


def a_penalty_that_grows_with_the_reward() -> Rows:
    for i in range(400):
        loss = abs(noise(0.0005)) + 4e-5 * i
        yield {
            "step": i,
            "loss": loss,
            "reward": 0.2 + 0.5 * (1 - math.exp(-i / 100)) + noise(0.08),
        }


def a_reward_that_collapses() -> Rows:
    for i in range(400):
        reward = 300 * (1 - math.exp(-i / 50)) if i < 200 else 10
        yield {"step": i, "train/loss": math.exp(2 + noise(1)), "ep_rew_mean": reward + noise(20)}


def scores_alone_that_collapse() -> Rows:
    for i in range(50):
        score = 0.3 + 0.6 * (1 - math.exp(-i / 5)) if i < 25 else 0.1
        yield {"epoch": i, "val_acc": score + noise(0.005)}


def scores_alone_that_rise() -> Rows:
    for i in range(60):
        yield {"epoch": i, "val_acc": 0.3 + 0.5 * (1 - math.exp(-i / 9)) + noise(0.02)}


def noisy_batches_beside_a_loss_that_creeps_up() -> Rows:
    for i in range(400):
        yield {"step": i, "train_loss": fell(i, 2.3, 0.05) * math.exp(noise(0.3))}
        if i % 40 == 39:
            yield {"step": i, "val_loss": 0.09 + 0.0001 * i}


def another_fold_in_the_same_log() -> Rows:
    for _ in range(4):
        for i in range(150):
            yield {"step": i, "loss": fell(i) * math.exp(noise())}


def every_epoch_counts_its_batches_anew() -> Rows:
    for i in range(600):
        yield {"step": i % 100, "loss": fell(i) * math.exp(noise())}


def guessing_by_epochs() -> Rows:
    for i in range(30):
        yield {"epoch": i, "train_loss": 2.3027 + noise(5e-4), "val_loss": 2.3026 + noise(3e-4), "val_acc": 10.0}  # fmt: skip


def guessing_by_batches() -> Rows:
    for i in range(600):
        yield {"step": i, "loss": 2.3026 + noise(0.01), "acc": 0.1 + noise(0.02)}


def guessing_among_tokens() -> Rows:
    for i in range(300):
        yield {"step": i * 10, "loss": 10.83 + noise(0.02)}


def a_rate_so_high_that_the_loss_never_comes_back() -> Rows:
    for i in range(300):
        yield {"step": i, "loss": 2.31 if i == 0 else 2.4 + abs(3 + noise(2))}
        if i % 10 == 9:
            yield {"step": i, "val_acc": 0.1}


def preferences_that_begin_at_ln_2() -> Rows:
    for i in range(200):
        yield {"step": i, "loss": 0.693 - 0.12 * (1 - math.exp(-i / 90)) + noise(), "rewards/chosen": -i / 100}  # fmt: skip


def a_validation_loss_that_turns_nan() -> Rows:
    for i in range(30):
        yield {"epoch": i, "train_loss": fell(i), "val_loss": fell(i) if i < 12 else math.nan}


def restarts_that_cost_much_of_what_was_won() -> Rows:
    for i in range(150):
        rate = 0.5 + 0.5 * math.cos(math.pi * (i % 30) / 30)
        loss = 0.2 + 1.2 * rate * math.exp(-i / 150) + noise()
        yield {
            "epoch": i,
            "loss": loss,
            "lr": 0.1 * rate,
            "val_acc": 0.9 - 0.25 * rate + noise(0.01),
        }


def gradients_that_are_nan_for_good() -> Rows:
    for i in range(130):
        norm = 1 + abs(noise(0.2)) if i < 60 else math.nan
        yield {"step": 10 * i, "loss": fell(min(i, 60)) + noise(), "grad_norm": norm}


@pytest.mark.parametrize(
    ("drawn", "rules"),
    [
        (restarts_that_cost_much_of_what_was_won, ()),
        (gradients_that_are_nan_for_good, ("non-finite",)),
        (values_that_grow_with_the_reward, ()),
        (a_penalty_that_grows_with_the_reward, ()),
        (a_reward_that_collapses, ("diverged",)),
        (scores_alone_that_collapse, ("diverged",)),
        (scores_alone_that_rise, ()),
        (noisy_batches_beside_a_loss_that_creeps_up, ()),
        (another_fold_in_the_same_log, ()),
        (every_epoch_counts_its_batches_anew, ()),
        (guessing_by_epochs, ("not-learning",)),
        (guessing_by_batches, ("not-learning",)),
        (guessing_among_tokens, ("not-learning",)),
        (a_rate_so_high_that_the_loss_never_comes_back, ("not-learning",)),
        (preferences_that_begin_at_ln_2, ()),
        (a_validation_loss_that_turns_nan, ("non-finite",)),
    ],
    ids=lambda given: getattr(given, "__name__", None),
)
@pytest.mark.parametrize("seed", range(3))
def test_alarms(
    drawn: Callable[[], Rows], rules: tuple[str, ...], seed: int, tmp_path: Path
) -> None:
    chance.seed(seed)
    path = tmp_path / "log.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in drawn()))
    told = replay([path]).findings
    assert tuple(finding.rule for finding in told if finding.alarm) == rules


chance = random.Random()


ODD = ["nan", "NaN", "-nan", "nan(ind)", "-nan(ind)", "1.#QNAN", "-1.#IND", "tensor(nan)", "inf", "-inf", "1.#INF", "Infinity"]  # fmt: skip


@pytest.mark.parametrize("spelled", ODD)
@pytest.mark.parametrize("line", ["step {} loss {} lr 0.001", "{},{},0.001"])
def test_a_nan_is_one_however_it_is_spelled(spelled: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / ("log.csv" if line.startswith("{}") else "out.log")
    lines = ["step,loss,lr"] if path.suffix == ".csv" else []
    lines += [line.format(i, f"{fell(i):.4f}") for i in range(60)]
    lines += [line.format(i, spelled) for i in range(60, 80)]
    path.write_text("\n".join(lines) + "\n")
    (found,) = replay([path]).findings
    assert (found.rule, found.alarm, found.opened_step) == ("non-finite", True, 60)


def test_a_standstill_of_whole_hours_is_no_clock_that_was_set(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    times = [1.7e9 + 2 * i + (10_800 if i >= 150 else 0) for i in range(300)]
    rows = (f"{i},{time},{fell(i):.4f}\n" for i, time in enumerate(times))
    path.write_text("step,timestamp,loss\n" + "".join(rows))
    assert [found.rule for found in replay([path]).findings] == ["stalled"]


@pytest.mark.parametrize("jump", [-86400, 3600])
def test_a_clock_that_is_set_is_no_stall(jump: int, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    times = [1.7e9 + 2 * i + (jump if i >= 150 else 0) for i in range(300)]
    rows = (f"{i},{time},{fell(i):.4f}\n" for i, time in enumerate(times))
    path.write_text("step,timestamp,loss\n" + "".join(rows))
    assert replay([path]).findings == []
