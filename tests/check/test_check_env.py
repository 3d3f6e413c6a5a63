"""The environment of check: what is planted is there, twins change nothing, and scores are earned."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labhand.check import effects, env
from labhand.check.fault import every, mutants
from labhand.check.planting import Edit, Planted, Program
from labhand.check.twins import MAIN, twin
from labhand.core import registry

PROGRAMS = Path(__file__).parents[2] / "cases" / "check" / "programs"
TEXTS = {p.stem: p.read_text(encoding="utf-8") for p in sorted(PROGRAMS.glob("*.py"))}


def differ(program: str, variants: list[str]) -> list[list[str]]:
    """In what the runs of variants differ from that of a program."""
    asked = json.dumps({"program": program, "variants": variants, "seconds": 100})
    command = [sys.executable, effects.__file__]
    run = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    told: list[list[str]] = json.loads(run.stdout)
    assert told is not None, run.stderr
    return told


@pytest.mark.parametrize("name", TEXTS)
def test_a_clean_program_brings_no_finding(name: str) -> None:
    assert env.run_case(TEXTS[name]) == []


def test_programs_of_all_frameworks_are_there() -> None:
    together = "\n".join(TEXTS.values())
    assert len(TEXTS) >= 12
    for framework in ("torch", "lightning", "transformers", "accelerate", "keras", "sklearn"):
        assert f"import {framework}" in together or f"from {framework}" in together
    assert "flax" in together and "optax" in together and "gymnasium" in together


def test_nearly_every_rule_has_a_fault_to_plant_and_each_mutant_is_python() -> None:
    planted = set()
    for text in TEXTS.values():
        for mutant in mutants(text):
            planted.add(mutant.rule)
            number = mutant.text.count("\n") + 1
            assert mutant.text != text and all(1 <= line <= number for line in mutant.lines)
            compile(mutant.text, "mutant", "exec")
    rules = {e.name for e in registry.extensions("rule")}
    assert {fault.rule for fault in every()} <= rules
    assert len(planted) >= 50


def test_a_label_is_where_the_fault_is() -> None:
    text = TEXTS["torch_functions"]
    lines = text.split("\n")
    (one,) = [m for m in mutants(text, "grad-zero-missing") if m.shape == "clearing taken out"]
    assert "zero_grad" not in one.text
    assert one.text.split("\n")[one.lines[0] - 1].strip() == "optimizer.step()"
    swapped = next(m for m in mutants(text, "mode-eval-missing"))
    assert "model(inputs)" in swapped.text.split("\n")[swapped.lines[0] - 1]
    assert len(swapped.text.split("\n")) == len(lines) - 1


def test_edits_that_overlap_plant_nothing() -> None:
    program = Program("a = 1\nb = 2\n")
    one, other = Edit(0, 5, "c = 3"), Edit(2, 8, "d")
    assert program.planted("rule", "shape", Planted([one, other], [one])) is None
    made = program.planted(
        "rule", "shape", Planted([Edit(6, 6, "x = 0\n")], [program.tree.body[1]])
    )
    assert made is not None and made.text == "a = 1\nx = 0\nb = 2\n" and made.lines == (3,)


@given(st.integers(0, 10_000), st.sampled_from(sorted(TEXTS)))
@settings(max_examples=20, deadline=None)
def test_a_twin_is_python_of_the_same_program(seed: int, name: str) -> None:
    files = twin(TEXTS[name], random.Random(seed))
    for text in files.values():
        compile(text, "twin", "exec")
    assert files == twin(TEXTS[name], random.Random(seed))
    assert MAIN in files


@pytest.mark.parametrize("name", ["torch_distill", "sklearn_table"])
def test_a_twin_does_what_its_program_does(name: str) -> None:
    twins = [twin(TEXTS[name], random.Random(seed)) for seed in range(6)]
    alone = [files[MAIN] for files in twins if len(files) == 1 and files[MAIN] != TEXTS[name]]
    assert alone
    assert differ(TEXTS[name], alone) == [[] for _ in alone]


def test_what_is_planted_changes_gradients_and_scores() -> None:
    text = TEXTS["torch_distill"]
    wanted = {m.rule: m.text for m in mutants(text)}
    rules = ["grad-zero-missing", "mode-eval-missing", "no-grad-missing", "loss-kl-reduction"]
    gradients, mode, graph, loss = differ(text, [wanted[rule] for rule in rules])
    assert {"gradients", "printed"} <= set(gradients)
    assert "mode" in mode
    assert graph == ["graph"]
    assert {"gradients", "loss"} <= set(loss)


def test_the_oracle_gets_one_and_silence_and_flagging_everything_nothing() -> None:
    rules = [e.name for e in registry.extensions("rule")]
    for task in env.problems(PROGRAMS, range(20)):
        assert env.score(task, env.oracle(task)).value == 1.0
        assert env.score(task, []).value == 0.0
        lines = [(p, n) for p, t in task.facts["files"].items() for n in range(1, t.count("\n"))]
        everything = [(path, line, rule) for path, line in lines for rule in rules]
        assert env.score(task, everything).value == 0.0


def test_false_findings_have_their_price() -> None:
    task = next(env.problems(PROGRAMS, [0]))
    right = env.oracle(task)
    false = [(env.DECOY, number, "grad-zero-missing") for number in (1, 2)]
    values = [env.score(task, [*right, *false[:n]]).value for n in range(3)]
    assert values == pytest.approx([1.0, 2 / 3 - 0.1, 0.5 - 0.2])


def test_problems_are_the_same_for_the_same_seed_and_say_what_was_measured() -> None:
    first, again = (list(env.problems(PROGRAMS, range(8))) for _ in range(2))
    assert first == again
    for task in first:
        label = task.expected[0]
        assert label["line"] in label["lines"]
        assert label["path"] in task.facts["files"]
        assert task.facts["effect"]  # in what its run differs, or `not run`


def test_labhand_finds_most_of_what_is_planted_and_little_else() -> None:
    scores = [env.score(task, env.solve(task)) for task in env.problems(PROGRAMS, range(60))]
    assert sum(s.hits for s in scores) >= 45
    assert sum(s.false_alarms for s in scores) <= 6
