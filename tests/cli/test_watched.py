"""What a person sees of a replay: the curve with the incident on it, why, what to do, what was assumed."""

import json
import math

import click
from hypothesis import given, settings
from hypothesis import strategies as st

from labhand.cli.chart import CAPACITY, Course, Mark, chart
from labhand.cli.watched import Courses, watched
from labhand.core.finding import Finding, Findings, Skipped, in_run
from labhand.watch.rows import Row


def course_of(values, steps=None):
    made = Course()
    for i, value in enumerate(values):
        made.add(i if steps is None else steps[i], value)
    return made


def drawn(*arguments):
    return [click.unstyle(line) for line in chart(*arguments)]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(2**40), 2**40), st.floats()), max_size=60),
    st.integers(1, 300),
    st.lists(st.integers(-(2**41), 2**41), max_size=3),
)
def test_any_curve_is_drawn_within_its_width(points, width, marked):
    course = course_of([v for _, v in points], [s for s, _ in points])
    marks = [Mark(step, "1", "red") for step in marked]
    lines = drawn("loss", course, marks, width)
    finite = [v for _, v in points if math.isfinite(v)]
    assert bool(lines) == (len(points) > 1 and bool(finite))
    assert all(len(line) <= max(width, 34) for line in lines[1:-1])
    if lines and any(not math.isfinite(v) for _, v in points):
        assert "×" in lines[1]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_a_long_series_stays_small_and_keeps_its_extremes(some):
    values = [some[i % len(some)] for i in range(CAPACITY * 2 + 7)]
    course = course_of(values)
    assert len(course.values) <= CAPACITY
    assert course.steps[0] == 0
    assert min(course.values) == min(values) and max(course.values) == max(values)


def test_a_value_that_is_not_finite_survives_the_thinning():
    values = [1.0] * (CAPACITY * 4)
    values[100] = math.nan
    assert any(math.isnan(v) for v in course_of(values).values)


def test_the_incident_stands_at_its_step():
    lines = drawn("loss", course_of([1.0] * 101), [Mark(50, "1", "red")], 60)
    axis = lines[-2]
    assert abs(axis.index("1") - axis.index("└") - (len(axis) - axis.index("└")) / 2) <= 2
    assert any(line[axis.index("1") :][:1] == "┊" for line in lines)


def test_decades_are_drawn_on_a_logarithmic_axis():
    assert "logarithmic" in drawn("loss", course_of([10.0**-i for i in range(9)]), [], 60)[0]
    assert "logarithmic" not in drawn("loss", course_of([2.0, 1.0, 0.5]), [], 60)[0]


def finding(run, rule="diverged", **more):
    return Finding(
        id=f"{run}-{rule}",
        job="watch",
        rule=rule,
        severity="error",
        confidence=0.9,
        message="`loss` rose from 1 to 9",
        where=in_run(run, None, step=12, metric="loss"),
        advice="lower the learning rate",
        state="closed",
        alarm=True,
        opened_step=12,
        confirmed_step=15,
        **more,
    )


def replayed(runs, found, skipped=()):
    courses = Courses()
    for run in runs:
        for step in range(20):
            courses.see(run, Row(step, None, {"loss": 1.0 + step}))
    told = {
        "rows": 20,
        "roles": {"loss": "train-loss"},
        "assumptions": ["`loss` is the training loss"],
    }
    summary = {"runs": {run: told for run in runs}, "incidents": len(found), "alarms": len(found)}
    findings = Findings(findings=found, skipped=list(skipped), summary=summary)
    return click.unstyle(watched(findings, courses, 100))


def test_an_incident_comes_with_its_life_cause_and_next_step():
    evidence = {
        "causes": [
            {"cause": "the learning rate rose", "confidence": 0.8, "evidence": "lr 0.1 at step 11"},
            {"cause": "bad rows", "confidence": 0.1, "evidence": ""},
        ],
        "unchecked": ["gradients were not logged"],
    }
    text = replayed(["a.csv"], [finding("a.csv", evidence=evidence)])
    assert "✗ 1 diverged  alarm  since step 12, confirmed at 15" in text
    assert "cause  the learning rate rose (80 %): lr 0.1 at step 11" in text
    assert "or  bad rows (10 %)" in text
    assert "not checked  gradients were not logged" in text
    assert "next   lower the learning rate" in text
    assert "assumed  loss: the training loss" in text


def test_of_many_runs_the_healthy_are_counted_and_the_others_get_a_line():
    runs = [f"run-{i}.csv" for i in range(30)]
    text = replayed(runs, [finding("run-7.csv")])
    assert next(line for line in text.splitlines() if "run-" in line).startswith("run-7.csv  ▁")
    assert text.count("run-") == 1 and "✓ 29 runs with nothing off" in text


def test_what_was_not_looked_at_is_told_once_a_reason():
    skipped = [
        Skipped("dead-units", "it needs the probe's look at the layers"),
        Skipped("stalled", "no time"),
        Skipped("slowdown", "no time"),
        Skipped("input-bound", "it needs the probe's split of the step time"),
    ]
    text = replayed(["a.csv"], [], skipped)
    text = " ".join(text.split())
    assert "stalled, slowdown (no time); dead-units, input-bound (the probe is needed" in text
    assert "✓ nothing is off" in text


def test_a_log_of_unknown_names_is_not_called_fine(lab):
    lab.script("log.csv", "a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(30)))
    told = lab("watch", "log.csv").stdout
    assert "nothing is off" not in told and "--role b=train-loss" in told


def test_the_budget_of_alarms_decides_whether_a_person_is_told(lab):
    rows = [f"{i},{2 * math.exp(-i / 60) + 0.05 + i % 7 / 700 + 3 * (i > 300)}" for i in range(400)]
    lab.script("log.csv", "\n".join(["step,loss", *rows]))
    told = {
        n: json.loads(lab("watch", "log.csv", "--format", "json", "--alarms-per-1000", n).stdout)
        for n in ("1e-9", "3")
    }
    assert told["1e-9"]["summary"]["alarms"] == 0 < told["3"]["summary"]["alarms"]
    assert lab("watch", "log.csv", "--alarms-per-1000", "0").returncode == 2
