"""What rules were worth on code that they had not seen decides whether they speak by default."""

import importlib.util
from pathlib import Path

from labhand.core import registry

spec = importlib.util.spec_from_file_location(
    "check_benchmark", Path(__file__).parents[2] / "benchmarks" / "check.py"
)
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)


def test_a_rule_that_is_often_wrong_at_first_contact_speaks_only_where_it_is_selected() -> None:
    levels = {name: kind.level for name, kind in registry.load_all("rule")[0].items()}
    demoted = {rule for rule, share in benchmark.at_first_contact().items() if share.demotes}
    assert {rule for rule in demoted if levels[rule] != "possible"} == set()


def test_the_newest_rounds_that_hold_enough_findings_count() -> None:
    old = [{"round": 1, "repository": f"r{n}", "judgement": "false"} for n in range(9)]
    new = [{"round": 2, "repository": f"r{n}", "judgement": "true"} for n in range(4)]
    newest = [{"round": 3, "repository": "s", "judgement": "true"}]
    assert benchmark._share([*old, *new, *newest]).rounds == (2, 3)
    assert not benchmark._share([*old, *new, *newest]).demotes
    assert benchmark._share([*old, *newest]).demotes
    assert not benchmark._share(old[:4]).demotes
