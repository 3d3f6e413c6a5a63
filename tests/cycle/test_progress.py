"""The quiet line: what is known is told, what is not is left out, and no number is made up."""

import math

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labhand.cli.terminal import status_line
from labhand.cycle.progress import Progress, all_steps
from labhand.cycle.request import Status


def after(rows, *, tail=b"", settings=None, later=0.0):
    progress = Progress()
    for now, step, values in rows:
        progress.row("output", step, values)
        progress.look(now)
    return progress.status("r", 0.0, rows[-1][0] + later, 0, settings or {}, tail)


FALLING = [(float(s), 10 * s, {"loss": 2.0 / (1 + s), "lr": 0.1}) for s in range(12)]


def test_pace_trend_and_time_left():
    told = after(FALLING, tail=b"step 110/210 loss 0.1\n")
    assert told.total == 210 and told.pace == pytest.approx(10) and told.left_s == pytest.approx(10)
    assert told.trends["loss"] == "falls" and told.silent_s is None
    line = click.unstyle(status_line(told, 200))
    assert "step 110/210 · loss 0.1667 ↘ · 10 s left · 10 steps/s" in line


def test_without_a_total_there_is_no_time_left():
    told = after(FALLING, tail=b"batch 3/40 of epoch 7/9, 2026/11")
    assert told.total is None and told.left_s is None


def test_the_settings_tell_the_total_where_the_output_does_not():
    assert all_steps(5, {"trainer.max_steps": 80}, b"") == 80
    assert all_steps(5, {"max-steps": 3}, b"") is None
    assert all_steps(5, {"warmup_steps": 80}, b"") is None
    assert all_steps(5, {"max_steps": 80}, b"6/20") == 20


def test_a_run_that_says_nothing_any_more_is_told_so():
    told = after(FALLING, later=300.0)
    assert told.silent_s == pytest.approx(300)
    line = click.unstyle(status_line(told, 200))
    assert "no step for 5 min" in line and "left" not in line


def test_noise_is_no_trend():
    noisy = [(float(s), s, {"loss": 1.0 + (0.3 if s % 2 else -0.3)}) for s in range(24)]
    assert after(noisy).trends["loss"] == "level"


def test_steps_that_begin_again_do_not_spoil_the_pace():
    again = FALLING + [(12.0 + s, s, {"loss": 1.0}) for s in range(3)]
    assert after(again).pace == pytest.approx(1)


def test_the_probe_alone_is_enough():
    progress = Progress()
    progress.row("probe", 7, {"probe/loss": 0.5, "probe/lr": 0.1})
    progress.row("system", 3, {"system/rss_bytes": 2e9})
    told = progress.status("r", 0.0, 1.0, 0, {}, b"")
    assert (told.step, told.metrics, told.memory_bytes) == (7, {"probe/loss": 0.5}, 2e9)
    progress.row("output", 1, {"val_loss": 0.4})
    assert progress.status("r", 0.0, 1.0, 0, {}, b"").metrics == {"val_loss": 0.4}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1e6), st.integers(-(2**62), 2**62), st.floats()),
        min_size=1,
        max_size=80,
    ),
    st.integers(1, 120),
)
def test_whatever_comes_the_line_fits(rows, width):
    told = after([(now, step, {"loss": value}) for now, step, value in sorted(rows)])
    assert len(click.unstyle(status_line(told, width))) <= width
    assert told.pace is None or math.isfinite(told.pace)


def test_an_alarm_stands_out_and_outlasts_the_rest():
    told = Status("r", 3700.0, 5, {"loss": 1.0}, 2, memory_bytes=1e9)
    assert click.unstyle(status_line(told, 32)) == "labhand · r · 1:01:40 · 2 alarms"


def test_the_cost_is_told_beside_that_of_the_whole():
    told = Status("r", 3600.0, 5, {"loss": 1.0}, 0, left_s=1800.0)
    told.priced(2.0)
    assert "cost 2 of 3" in click.unstyle(status_line(told, 120))


def test_another_terminal_sees_how_a_run_stands(lab, until):
    lab.script(
        "train.py",
        "import time, pathlib\n"
        "for step in range(1, 9):\n"
        "    print(f'step {step}/40 loss {2 / step:.3f}', flush=True)\n"
        "    time.sleep(0.05)\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.02)\n",
    )
    run = lab.start("run", "--name", "slow", "--", lab.python, "train.py")
    until(lambda: "step 8/40" in lab("show", "slow").stdout)
    line = lab("show", "slow").stdout.splitlines()[1]
    assert "labhand · slow · 0:0" in line and "loss 0.25" in line and "left" in line
    (lab.folder / "go").touch()
    run.communicate(timeout=60)
    assert "step 8/40" not in lab("show", "slow").stdout.splitlines()[1]
