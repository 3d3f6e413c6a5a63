"""What a person said of findings is kept, can be taken back, and survives a torn line."""

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labhand.core.finding import Finding, in_run
from labhand.kit import verdicts


def finding(name, score=None):
    return Finding(
        id=name,
        job="watch",
        rule="diverged",
        severity="error",
        confidence=0.9,
        message="m",
        advice="a",
        where=in_run("r", 1),
        evidence={} if score is None else {"score": score, "points": 3},
    )


def test_a_verdict_is_read_back_with_the_score_it_was_given_at(tmp_path):
    verdicts.add(tmp_path / "home", finding("a1", 7.5), "run-1", "fine")
    (said,) = verdicts.read(tmp_path / "home")
    assert (said.finding, said.rule, said.run, said.answer) == ("a1", "diverged", "run-1", "fine")
    assert said.score == 7.5 and said.time


def test_nothing_said_is_an_empty_list(tmp_path):
    assert verdicts.read(tmp_path / "nowhere") == []
    assert not (tmp_path / "nowhere").exists()


def test_a_torn_or_foreign_line_costs_only_itself(tmp_path):
    verdicts.add(tmp_path, finding("a1"), "r", "fine")
    with (tmp_path / verdicts.FILE).open("ab") as file:
        file.write(b'{"kind":"verdict","time":"x","data":{}}\n{"schema":"labh')
    verdicts.add(tmp_path, finding("a2"), "r", "real")
    assert [v.finding for v in verdicts.read(tmp_path)] == ["a1", "a2"]


@pytest.mark.parametrize("answer", ["fine", "real"])
def test_undo_takes_it_back(tmp_path, answer):
    verdicts.add(tmp_path, finding("a1"), "r", answer)
    verdicts.add(tmp_path, finding("a1"), "r", "undo")
    assert verdicts.read(tmp_path) == []


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(string.ascii_lowercase[:3]), st.sampled_from(["fine", "real", "undo"])
        ),
        max_size=12,
    )
)
def test_the_newest_answer_stands(tmp_path_factory, said):
    home = tmp_path_factory.mktemp("home")
    for name, answer in said:
        verdicts.add(home, finding(name), "r", answer)
    expected = {name: answer for name, answer in said}
    standing = {v.finding: v.answer for v in verdicts.read(home)}
    assert standing == {name: a for name, a in expected.items() if a != "undo"}
