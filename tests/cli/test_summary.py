"""The ending of a run in the terminal, and runs as text."""

import re
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.cli.summary import comparison, show, summary, table
from labhand.core.finding import Finding, in_code, in_run
from labhand.core.run import Attempt, Failure, Fix, Run
from labhand.core.store import Store
from labhand.cycle.compare import compare_runs
from labhand.kit import points
from labhand.kit.catalog import Catalog
from labhand.probe.points import Writer
from labhand.web import words

STARTED = "2027-01-15T08:00:00.000+00:00"


def finding(rule="spike", severity="note", message="Up.", where=None):
    return Finding(
        id=rule, job="watch", rule=rule, severity=severity, confidence=1, message=message,
        where=where or in_run("r", 1, step=3), advice="Look.",
    )  # fmt: skip


def recorded(folder: Path, values=(2.5, 1.0, 0.30000000000000004), **fields) -> Run:
    store = Store(folder / ".labhand")
    run_id, _ = store.create()
    attempt = store.attempt(run_id, 1)
    attempt.mkdir(parents=True)
    writer = Writer(str(attempt), "log")
    for step, value in enumerate(values):
        writer.row({"train/loss": value, "epoch": step}, step=step)
    writer.close()
    fields = {"status": "finished", "exit_code": 0, "wall_s": 65.2, "name": "bold-heron"} | fields
    run = Run(
        id=run_id,
        command=["python", "train.py", "--lr", "0.1"],
        cwd=str(folder),
        started=STARTED,
        attempts=[Attempt(number=1, command=["python"], exit_code=0, started=STARTED)],
        metrics=points.metrics(store.folder(run_id)),
        **fields,
    )
    store.write(run)
    return run


def test_a_calm_run_ends_in_three_lines(tmp_path):
    run = recorded(tmp_path)
    report = Store(tmp_path / ".labhand").folder(run.id) / "report.html"
    lines = click.unstyle(summary(run, None, report, 100)).splitlines()
    assert lines[0] == "bold-heron  finished in 1 min 5 s"
    assert lines[1] == "  train/loss  █▃▁  2.5 → 0.3"
    assert lines[2] == f"  report  {report}"
    assert len(lines) == 3


def test_curves_come_before_single_points_and_nothing_is_told_twice(tmp_path):
    run = recorded(tmp_path)
    folder = Store(tmp_path / ".labhand").folder(run.id)
    writer = Writer(str(folder / "attempts" / "1"), "file")
    writer.row({"Loss/test": 2.25, "test_loss": 2.25, "Loss/train": 2.27}, step=2)
    writer.close()
    run.metrics = points.metrics(folder)
    lines = click.unstyle(summary(run, None, folder / "report.html", 100)).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["Loss/test", "train/loss", "Loss/train"]


def test_an_eventful_run_tells_it_all_in_a_dozen_lines(tmp_path):
    before = recorded(tmp_path, config={"lr": 0.1})
    run = recorded(tmp_path, config={"lr": 0.2}, status="failed", exit_code=3)
    run.findings = [
        finding(),
        finding("non-finite", "error", "Loss became NaN at step 3 in `encoder.1`."),
        finding("grad-zero-missing", "warning", "Never zeroed.", in_code("train.py", 12)),
    ]
    run.attempts[0].failure = Failure("missing-folder", "The folder out does not exist.")
    run.attempts[0].fix = Fix("missing-folder", "Make the folder out", "neutral", "mkdir out")
    compared = compare_runs([before, run], tmp_path, tmp_path)
    text = click.unstyle(summary(run, compared, None, 100))
    lines = text.splitlines()
    assert lines[0] == "bold-heron  failed in 1 min 5 s, exit code 3"
    assert "  changed since bold-heron:  lr 0.1 → 0.2, code not known" in lines
    assert any("neutral fix: Make the folder out" in line for line in lines)
    marks = [line.split()[:2] for line in lines if line.split()[0] in "✗!·"]
    assert marks == [["✗", "non-finite"], ["!", "grad-zero-missing"], ["·", "spike"]]
    assert "train.py:12" in text
    assert len(lines) <= 12


@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(tmp_path, width):
    run = recorded(tmp_path)
    run.findings = [finding(message="word " * 60)] * 9
    lines = click.unstyle(summary(run, None, None, width)).splitlines()
    assert max(map(len, lines)) <= width
    assert "5 more findings in the report" in lines[-1]


def test_not_finite_values_are_seen(tmp_path):
    run = recorded(tmp_path, values=[1.0, float("nan"), 0.5])
    report = Store(tmp_path / ".labhand").folder(run.id) / "report.html"
    assert "█×▁  1 → 0.5  1 not finite" in summary(run, None, report, 100)
    run = recorded(tmp_path, values=[1.0, 0.5, float("nan")])
    report = Store(tmp_path / ".labhand").folder(run.id) / "report.html"
    assert "█▁×  1 → NaN  1 not finite" in summary(run, None, report, 100)


def test_show_tells_every_metric_setting_finding_and_attempt(tmp_path):
    run = recorded(tmp_path, config={"model": {"width": 64}})
    run.findings = [finding(where=in_run("r", 1, step=3, layer="head", batch_rows=[7]))]
    text = click.unstyle(show(run, Store(tmp_path / ".labhand")))
    assert "python train.py --lr 0.1" in text
    assert re.search(r"model\.width +64", text)
    assert re.search(r"train/loss +2\.5 +0\.3 +0\.3 +2\.5 +3$", text, re.M)
    assert "step 3 · layer head · batch rows 7" in text
    assert "Look." in text


def test_a_comparison_shows_settings_results_and_caution(tmp_path):
    before = recorded(tmp_path, config={"lr": 0.1}, name="calm-owl")
    after = recorded(tmp_path, values=[2.0, 0.2], config={"lr": 0.2, "momentum": 0.9})
    text = click.unstyle(comparison(compare_runs([before, after], tmp_path, tmp_path)))
    assert text.startswith("calm-owl → bold-heron")
    assert re.search(r"lr +0\.1 +0\.2", text)
    assert re.search(r"momentum +– +0\.9", text)
    assert re.search(r"train/loss +0\.3 +0\.2 +−0\.1 better", text)
    assert "One run each: a difference may be noise." in text


def test_the_table_has_a_line_a_run_in_the_order_given(tmp_path):
    recorded(tmp_path)
    run = recorded(tmp_path, status="failed", exit_code=1, name="calm-owl")
    run.findings = [finding("non-finite", "error"), finding()]
    store = Store(tmp_path / ".labhand")
    store.write(run)
    # two runs of one second are in the order of their ids' random ends
    rows = sorted(Catalog(store).rows(), key=lambda row: row.name, reverse=True)
    head, *lines = click.unstyle(table(rows)).splitlines()
    assert head.split()[:3] == ["name", "status", "started"]
    assert [line.split()[0] for line in lines] == ["calm-owl", "bold-heron"]
    assert "failed ✗1 " in lines[0]
    assert "train/loss 0.3" in lines[0]
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"), (0.0062831, "0.006283"), (12345.678, "12,346"), (1_204_000, "1,204,000"),
        (-2.5, "−2.5"), (3.0, "3"), (1e-7, "1e−7"), (3.25e9, "3.25e9"), (float("nan"), "NaN"),
        (float("inf"), "∞"), (None, "–"), (0, "0"), (0.99999, "1"), (99999.5, "100,000"),
    ],
)  # fmt: skip
def test_numbers_have_four_significant_digits(value, text):
    assert words.number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_number_as_told_is_near_the_number(value):
    told = float(words.number(value).replace(",", "").replace("−", "-"))
    assert told == pytest.approx(value, rel=6e-4, abs=1e-300)
    assert len(words.number(value)) <= 11


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0031, "3.1 ms"), (4.2e-5, "42 µs"), (0, "0 s"), (3.14, "3.1 s"), (42.4, "42 s"),
        (60, "1 min"), (65, "1 min 5 s"), (3599.7, "1 h"), (8040, "2 h 14 min"), (90000, "1 d 1 h"),
        (None, "–"),
    ],
)  # fmt: skip
def test_durations_are_said_as_a_person_says_them(seconds, text):
    assert words.duration(seconds) == text


@given(st.lists(st.floats(), max_size=200), st.integers(1, 40))
def test_the_course_of_a_series_always_draws(values, width):
    drawn = words.course(values, width)
    assert len(drawn) == min(width, len(values))
    assert set(drawn) <= set("▁▂▃▄▅▆▇█×")


@given(st.text())
def test_output_is_told_plainly(text):
    plain = words.plain(text)
    assert "\x1b[" not in plain
    assert not re.search(r"[\x00-\x08\x0e-\x1f\u202e]", plain)


def test_of_a_progress_bar_the_last_state_stands():
    assert words.plain("10%\r50%\r\x1b[32m100%\x1b[0m\r\ndone\r\n") == "100%\ndone\n"
