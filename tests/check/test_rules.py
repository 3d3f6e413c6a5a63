"""The built-in rules keep the contract that rules of others are held to."""

from pathlib import Path

import pytest

from labhand.check.contract import RuleContract
from labhand.check.env import case_tasks, score
from labhand.core import registry

ROOT = Path(__file__).parents[2]


class TestBuiltInRules(RuleContract):
    @pytest.fixture(params=[e.name for e in registry.extensions("rule")])
    def files(self, request: pytest.FixtureRequest) -> tuple[Path, Path]:
        code = registry.source_of(registry.find(request.param))
        return code, ROOT / "cases" / "check" / f"{request.param}.md"


def test_a_score_counts_hits_misses_and_false_alarms() -> None:
    task = next(t for t in case_tasks(ROOT / "cases" / "check") if len(t.expected) == 1)
    label = task.expected[0]
    path, line, rule = label["path"], label["line"], label["rule"]
    assert score(task, [(path, line, rule)]).value == 1.0
    assert score(task, []).value == 0.0
    half = score(task, [(path, line, rule), (path, line + 1, rule)])
    assert (half.hits, half.misses, half.false_alarms) == (1, 0, 1)
