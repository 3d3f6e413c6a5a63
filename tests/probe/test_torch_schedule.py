"""What is measured stays within its share of the time, for steps of any length and costs of any size."""

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.probe.torch_schedule import (
    AFTER,
    ANEW_SHARE,
    EVERY_STEP,
    GAP_MAX,
    LEFT_MIN,
    LOOKS,
    NUMBERS,
    PACE,
    ROWS,
    SHARE,
    Schedule,
)

seconds = st.floats(5e-4, 0.5)
cost = st.floats(2e-5, 3e-3)


def trained(schedule: Schedule, step: float, row: float, numbers: float, look: float) -> float:
    """The share that was spent, once what the first steps are given is used up."""
    part = schedule.part(1.0)
    bounds = []
    for until in (200 * step + 20, 400 * step + 60):
        while schedule.elapsed < until:
            gap = schedule.gap
            schedule.pay(schedule.rows, row)
            for other, took in ((schedule.numbers, numbers), (part, look)):
                if other.ready:
                    schedule.pay(other, took)
            schedule.bore(8 * row, row)
            schedule.passed(step, gap, untypical=False)
        bounds.append((schedule.spent, schedule.elapsed))
    (spent, elapsed), (all_spent, all_elapsed) = bounds
    return (all_spent - spent) / (all_elapsed - elapsed)


@given(step=seconds, row=cost, numbers=cost, look=cost)
def test_all_that_is_measured_takes_its_share_and_no_more(step, row, numbers, look) -> None:
    schedule = Schedule()
    share = trained(schedule, step, row, numbers, look)
    every = EVERY_STEP / step
    left = max(LEFT_MIN, SHARE - every)
    rows = ROWS / (ROWS + NUMBERS + LOOKS)
    widest = AFTER * row / (GAP_MAX * step)
    assert share <= 1.15 * (every + left * (1 - rows) + max(left * rows, widest))


def test_short_steps_are_attended_rarely_and_long_ones_all() -> None:
    gaps = {}
    for step in (1e-3, 1e-2, 1e-1):
        schedule = Schedule()
        trained(schedule, step, 1e-4, 3e-4, 5e-4)
        gaps[step] = schedule.gap
    assert gaps[1e-3] > 100 > gaps[1e-2] > 3 > gaps[1e-1] == 1


def test_a_turn_that_was_held_up_does_not_silence_what_follows() -> None:
    schedule = Schedule()
    trained(schedule, 1e-2, 1e-4, 3e-4, 5e-4)
    usual = schedule.rows.cost / (schedule.rate(schedule.rows) * schedule.typical)
    schedule.pay(schedule.rows, 30.0)
    assert schedule.gap <= 4 * PACE * usual + 1 and schedule.rows.cost == pytest.approx(
        1.3e-4, rel=0.1
    )


def test_a_short_training_is_looked_at_before_it_has_earned_anything() -> None:
    schedule = Schedule()
    part = schedule.part(1.0)
    assert not part.ready and schedule.opening.affords(10 * part.cost)
    for _ in range(2000):
        schedule.pay(part, 1e-3, schedule.opening)
    assert not schedule.opening.affords(part.cost)


def test_the_opening_of_a_further_training_is_paid_by_the_time_so_far() -> None:
    schedule = Schedule()
    given = 0.0
    for _ in range(50):
        schedule.opening.holds = schedule.asked.holds = 0.0
        schedule.begin_again()
        given += schedule.opening.holds + schedule.asked.holds
    assert given <= ANEW_SHARE * thread_time() + 1e-9
