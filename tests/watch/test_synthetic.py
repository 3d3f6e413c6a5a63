"""Made curves: the same for a seed, and what each family looks like."""

import math
import statistics
from itertools import pairwise

import pytest

from labhand.core.task import Score
from labhand.watch import env
from labhand.watch.roles import ROLES, role
from labhand.watch.synthetic import HEALTHY, ILL, Curve, curve, curves

SEEDS = range(5)


def each(family: str) -> list[Curve]:
    return [curve(family, seed) for seed in SEEDS]


def level(values: list[float]) -> float:
    return statistics.median(values)


def parts(values: list[float], count: int) -> list[float]:
    """The level of each of so many equal parts."""
    size = len(values) // count
    return [level(values[i * size : (i + 1) * size]) for i in range(count)]


@pytest.mark.parametrize("family", [*HEALTHY, *ILL])
class TestEveryFamily:
    def test_is_the_same_for_the_same_seed_and_another_for_another(self, family: str) -> None:
        first, again, other = curve(family, 1), curve(family, 1), curve(family, 2)
        assert repr(first) == repr(again)
        assert first.table() != other.table()

    def test_has_rows_in_the_order_of_their_steps(self, family: str) -> None:
        for made in each(family):
            assert len(made.rows) >= 300
            assert all(a.step < b.step for a, b in pairwise(made.rows))
            assert all(role(name) in ROLES for name in made.names)

    def test_says_from_when_to_when_it_can_be_told(self, family: str) -> None:
        for made in each(family):
            if family in HEALTHY:
                assert (made.rule, made.opening) == (None, None)
            else:
                assert made.rule and made.opening is not None
                assert 0 <= made.opening <= made.opening + made.tolerance < len(made.rows)

    def test_its_table_reads_back_as_the_same_rows(self, family: str) -> None:
        made = curve(family, 3)
        read = [signal for _, signal in env.signals_of(made.table())][:-1]
        assert len(read) == len(made.rows)
        for row, point in zip(made.rows, read, strict=True):
            assert row.step == point.step
            assert row.values == pytest.approx(dict(point.values), rel=1e-5, nan_ok=True)


def test_families_are_drawn_for_every_seed() -> None:
    made = list(curves(SEEDS))
    assert len(made) == len(SEEDS) * (len(HEALTHY) + len(ILL))
    assert {c.family for c in made if c.rule is None} == set(HEALTHY)
    with pytest.raises(KeyError):
        curve("of-nobody", 0)


class TestHealthy:
    def test_only_loss_scaling_has_values_that_are_not_finite(self) -> None:
        for made in (c for family in HEALTHY for c in each(family)):
            for name in made.names:
                bad = [v for v in made.column(name) if not math.isfinite(v)]
                if made.family == "loss-scale" and name == "grad_norm":
                    assert 0 < len(bad) < 10 and all(v == math.inf for v in bad)
                else:
                    assert bad == []

    @pytest.mark.parametrize(
        "family", "plateau rate-steps small-batches below-train gap lone-spikes".split()
    )
    def test_ends_far_below_where_it_began(self, family: str) -> None:
        for made in each(family):
            loss = made.column("loss")
            assert level(loss[-30:]) < 0.6 * level(loss[:10])

    def test_a_plateau_stands_for_a_third_of_the_run_and_ends(self) -> None:
        for made in each("plateau"):
            levels = parts(made.column("loss"), 12)
            middle = levels[4:8]
            assert max(middle) < 1.06 * min(middle)
            assert levels[-1] < 0.85 * min(middle)

    def test_a_restart_brings_the_rate_and_the_loss_up(self) -> None:
        for made in each("warm-restarts"):
            rate, loss = made.column("lr"), made.column("loss")
            jumps = [i for i, (a, b) in enumerate(pairwise(rate), 1) if b > 10 * a]
            assert 2 <= len(jumps) <= 4
            assert all(level(loss[i : i + 3]) > 1.05 * level(loss[i - 5 : i]) for i in jumps)
            assert level(loss[-20:]) < level(loss[jumps[0] - 20 : jumps[0]])

    def test_a_drop_of_the_rate_is_a_drop_of_the_loss(self) -> None:
        for made in each("rate-steps"):
            rate, loss = made.column("lr"), made.column("loss")
            drops = [i for i, (a, b) in enumerate(pairwise(rate), 1) if b < 0.5 * a]
            assert len(drops) == 3
            assert all(level(loss[i : i + 5]) < 0.85 * level(loss[i - 5 : i]) for i in drops)

    def test_grokking_wakes_up_late(self) -> None:
        for made in each("grokking"):
            right = made.column("val_acc")
            half = len(right) // 2
            assert max(right[: half - 1]) < 0.3 and right[-1] > 0.95
            held = made.column("val_loss")
            assert max(held[:half]) > 1.2 * held[0] and held[-1] < 0.1

    def test_a_policy_has_a_reward_that_rises_and_a_loss_about_zero(self) -> None:
        for made in each("reward"):
            reward, loss = parts(made.column("reward"), 4), made.column("policy_loss")
            assert reward[-1] > 1.5 * reward[0]
            assert min(loss) < 0 < max(loss)

    def test_adversaries_swing_and_do_not_fall(self) -> None:
        for made in each("adversarial"):
            first, *_, last = parts(made.column("g_loss"), 3)
            assert 0.6 < last / first < 1.6
            assert max(made.column("d_loss")) > 2 * min(made.column("d_loss"))

    def test_a_density_goes_through_zero(self) -> None:
        for made in each("negative"):
            loss = made.column("loss")
            assert loss[0] > 0 > loss[-1]

    def test_small_batches_jump_threefold(self) -> None:
        for made in each("small-batches"):
            loss = made.column("loss")[50:]
            moves = sorted(abs(math.log(b / a)) for a, b in pairwise(loss))
            assert moves[int(0.9 * len(moves))] > math.log(2)

    def test_validation_lies_below_training(self) -> None:
        for made in each("below-train"):
            assert level(made.column("val_loss")) < level(made.column("loss"))

    def test_the_descent_is_double(self) -> None:
        for made in each("double-descent"):
            held = made.column("val_loss")
            peak = max(range(len(held) // 4, 3 * len(held) // 4), key=held.__getitem__)
            assert held[peak] > 1.1 * min(held[:peak])
            assert held[-1] < min(held[:peak])

    def test_a_stage_steps_up_while_validation_falls(self) -> None:
        for made in each("curriculum"):
            loss, held = made.column("loss"), made.column("val_loss")
            jumps = [b / a for a, b in pairwise(parts(loss, len(loss) // 5))]
            assert max(jumps) > 1.1
            assert held[-1] < held[0] and max(b / a for a, b in pairwise(held)) < 1.05

    def test_fine_tuning_hardly_falls(self) -> None:
        for made in each("fine-tuning"):
            first, *_, last = parts(made.column("loss"), 5)
            assert 0.75 < last / first < 1.05
            assert made.column("val_acc")[-1] > made.column("val_acc")[0]

    def test_a_gap_opens_and_validation_loses_nothing(self) -> None:
        for made in each("gap"):
            held = made.column("val_loss")
            assert level(held[-5:]) > 1.4 * level(made.column("loss")[-30:])
            assert level(held[-5:]) < 1.1 * min(held)

    def test_spikes_are_back_with_the_next_row(self) -> None:
        for made in each("lone-spikes"):
            loss = made.column("loss")
            high = [i for i in range(10, len(loss) - 2) if loss[i] > 1.7 * level(loss[i - 9 : i])]
            assert high
            assert all(min(loss[i + 1 : i + 3]) < 1.5 * level(loss[i - 9 : i]) for i in high)


class TestIll:
    @pytest.mark.parametrize("family", [family for family in ILL if "diverged" in family])
    def test_what_diverges_ends_at_twice_its_best(self, family: str) -> None:
        for made in each(family):
            loss, opening = made.column("loss"), made.opening or 0
            assert level(loss[-20:]) > 1.5 * level(loss[opening - 10 : opening])

    def test_what_diverges_without_a_spike_has_no_row_far_from_the_last(self) -> None:
        for made in each("diverged-without-spike") + each("diverged-slow"):
            loss = made.column("loss")[20:]
            smooth = parts(loss, len(loss) // 5)
            assert max(b / a for a, b in pairwise(smooth)) < 1.6

    def test_fast_means_within_some_rows(self) -> None:
        for made in each("diverged-fast"):
            loss, opening = made.column("loss"), made.opening or 0
            assert level(loss[opening + 40 : opening + 50]) > 3 * level(
                loss[opening - 10 : opening]
            )

    def test_who_does_not_learn_stays_at_the_floor_of_chance(self) -> None:
        for made in each("at-ln-k"):
            right = level(made.column("val_acc"))
            assert level(made.column("loss")[-50:]) == pytest.approx(math.log(1 / right), rel=0.05)
        for made in each("at-variance"):
            held = level(made.column("val_loss"))
            assert level(made.column("loss")[-50:]) == pytest.approx(held, rel=0.2)

    def test_the_softmax_taken_twice_has_a_floor(self) -> None:
        for made in each("softmax-twice"):
            loss = made.column("loss")
            assert min(loss) >= 1.461 and level(loss[-30:]) < 1.75
            assert made.column("val_acc")[-1] > 0.6

    def test_a_hidden_nan_is_exactly_zero_to_the_end(self) -> None:
        for made in each("hidden-nan"):
            loss, opening = made.column("loss"), made.opening or 0
            assert min(loss[:opening]) > 0 and set(loss[opening:]) == {0.0}

    def test_a_nan_stays_and_comes_after_a_climb(self) -> None:
        for made in each("non-finite"):
            loss, opening = made.column("loss"), made.opening or 0
            assert all(math.isfinite(v) for v in loss[:opening])
            assert all(math.isnan(v) for v in loss[opening:])
            assert loss[opening - 1] > 2 * level(loss[opening - 30 : opening - 6])

    def test_overfitting_loses_on_validation_while_training_falls(self) -> None:
        for made in each("overfitting"):
            held, loss = made.column("val_loss"), made.column("loss")
            assert held[-1] > 1.25 * min(held)
            assert level(loss[-20:]) < level(loss[(made.opening or 0) : (made.opening or 0) + 20])
            assert made.column("val_acc")[-1] < max(made.column("val_acc"))

    def test_the_rate_jumps_and_the_loss_with_it(self) -> None:
        for made in each("rate-jump"):
            rate, loss, at = made.column("lr"), made.column("loss"), made.opening or 0
            assert rate[at] > 20 * rate[at - 1]
            assert level(loss[at : at + 10]) > 1.8 * level(loss[at - 10 : at])

    def test_an_exhausted_rate_is_zero_with_the_loss_standing(self) -> None:
        for made in each("rate-exhausted"):
            rate, loss, at = made.column("lr"), made.column("loss"), made.opening or 0
            assert min(rate[:at]) > 0 and set(rate[at:]) == {0.0}
            assert level(loss[-30:]) == pytest.approx(level(loss[at : at + 30]), rel=0.1)

    def test_validation_at_chance_while_training_learns(self) -> None:
        for made in each("at-chance"):
            loss = made.column("loss")
            assert level(loss[-20:]) < 0.5 * loss[0]
            assert max(made.column("val_acc")) < 0.15
            assert min(made.column("val_loss")) > loss[0]

    def test_a_leak_has_a_perfect_score_early(self) -> None:
        for made in each("too-good"):
            right, at = made.column("val_acc"), made.opening or 0
            assert at < len(made.rows) / 4
            assert set(right[-5:]) == {1.0} and "val_acc" in made.rows[at].values


class TestAsProblems:
    """The environment sets them as problems, and forgives what comes a little later."""

    def score(self, family: str, *answer: tuple[str, int]) -> Score:
        (task,) = env.synthetic_tasks([0], [family])
        return env.score(task, answer)

    def test_each_is_a_table_with_its_rule_and_line(self) -> None:
        tasks = list(env.synthetic_tasks([0, 1]))
        assert len({task.id for task in tasks}) == len(tasks) == 2 * (len(HEALTHY) + len(ILL))
        made = curve("hidden-nan", 1)
        task = next(task for task in tasks if task.id == "hidden-nan:1")
        assert task.expected == [["hidden-nan", (made.opening or 0) + 2]]
        assert task.prompt == made.table() and task.facts["synthetic"] is True

    def test_telling_it_in_time_is_right(self) -> None:
        made = curve("non-finite", 0)
        line = (made.opening or 0) + 2
        for late in (0, made.tolerance):
            assert self.score("non-finite", ("non-finite", line + late)).value == 1.0

    def test_too_early_too_late_or_by_another_name_is_wrong(self) -> None:
        made = curve("non-finite", 0)
        line = (made.opening or 0) + 2
        for answer in (("non-finite", line - 1), ("non-finite", line + 6), ("crashed", line)):
            told = self.score("non-finite", answer)
            assert (told.hits, told.misses, told.false_alarms) == (0, 1, 1)

    def test_what_is_right_too_counts_neither_way(self) -> None:
        made = curve("rate-jump", 0)
        line = (made.opening or 0) + 2
        told = self.score("rate-jump", ("learning-rate-jump", line), ("diverged", line + 9))
        assert (told.hits, told.misses, told.false_alarms) == (1, 0, 0)

    def test_silence_is_right_of_the_healthy_and_an_alarm_is_not(self) -> None:
        assert self.score("plateau").value == 1.0
        assert self.score("plateau", ("not-learning", 90)).false_alarms == 1

    def test_the_watcher_is_right_about_a_nan_and_quiet_about_loss_scaling(self) -> None:
        for task in env.synthetic_tasks(SEEDS, ["non-finite", "loss-scale"]):
            assert env.score(task, env.disturbed(task.prompt)).value == 1.0, task.id
