"""The built-in rules keep the contract that rules of others are held to."""

from pathlib import Path

import pytest

from labhand.check.contract import RuleContract
from labhand.check.env import findings_in, tasks, twins
from labhand.core import registry
from labhand.core.task import score_pairs

ROOT = Path(__file__).parents[2]


class TestBuiltInRules(RuleContract):
    @pytest.fixture(params=[e.name for e in registry.extensions("rule")])
    def files(self, request: pytest.FixtureRequest) -> tuple[Path, Path]:
        code = registry.source_of(registry.find(request.param))
        return code, ROOT / "cases" / "check" / f"{request.param}.md"


def test_every_injected_twin_is_found() -> None:
    made = [t for t in tasks(ROOT / "cases" / "check") if ":twin" in t.id]
    assert len(made) >= 6
    for task in made:
        answer = findings_in(task.prompt, task.facts["beside"])
        assert score_pairs(task, answer).value == 1.0, task.id


def test_a_twin_differs_by_one_optimizers_clearing() -> None:
    text = "for x in y:\n    a.zero_grad(); b.zero_grad()\n    f(x).backward()\n    a.step()\n    b.step()\n"
    first, second = twins(text)
    assert first == (text.replace("a.zero_grad()", "pass"), 4)
    assert second == (text.replace("b.zero_grad()", "pass"), 5)


def test_a_score_counts_hits_misses_and_false_alarms() -> None:
    task = next(t for t in tasks(ROOT / "cases" / "check") if len(t.expected) == 1)
    rule, line = task.expected[0]
    assert score_pairs(task, [(rule, line)]).value == 1.0
    assert score_pairs(task, []).value == 0.0
    half = score_pairs(task, [(rule, line), (rule, line + 1)])
    assert (half.hits, half.misses, half.false_alarms) == (1, 0, 1)
