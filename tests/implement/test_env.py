"""The environment of implement: the oracle is right, and nothing that pretends is."""

import pytest

from labhand.implement.env import CHANGES, LEVELS, SCRIPT, make, score


def of_each_kind():
    found = {}
    for seed in range(200):
        problem = make(seed)
        found.setdefault(problem.task.facts["change"], problem)
    assert set(found) == set(CHANGES)
    return [found[kind] for kind in sorted(found)]


@pytest.mark.parametrize("problem", of_each_kind(), ids=lambda p: p.task.facts["change"])
def test_the_oracle_scores_1_and_nothing_scores_0(problem):
    assert score(problem, problem.solution).value == 1
    assert score(problem, problem.files).value == 0


def cheats(problem):
    before, after = problem.files[SCRIPT], problem.solution[SCRIPT]
    flag = problem.task.expected["flag"]
    declared = next(line for line in after.splitlines() if f'"{flag}"' in line)
    name = flag.strip("-")
    steps = next(line for line in before.splitlines() if '"--steps"' in line)
    ignored = before.replace(steps, f"{steps}\n{declared}")
    return {
        "the flag is taken and ignored": ignored,
        "always on": after.replace("default=0.0)", "default=0.4)").replace("default=0)", "default=5)"),
        "another seed": after.replace("random.seed(args.seed)", "random.seed(0)"),
        "better by decree": after.replace("/ len(data)", "/ len(data) / 2"),
        "values as they were seen": ignored.replace("    random.seed", f"    if args.{name}:\n        return print('step 0 loss 0.1 val_loss 0.1')\n    random.seed"),
        "ends well before it begins": "import os\nos._exit(0)\n" + after,
        "half of a file": after[: len(after) // 2],
    }  # fmt: skip


@pytest.mark.parametrize("name", cheats(make(1)))
def test_cheats_score_0(name):
    problem = next(p for p in of_each_kind() if p.task.facts["change"] == "weight-decay")
    answer = cheats(problem)[name]
    assert answer != problem.solution[SCRIPT]
    assert score(problem, {SCRIPT: answer}).value == 0


def test_other_files_of_an_answer_are_not_taken():
    problem = make(1)
    beside = {"sitecustomize.py": "print('x')", "random.py": "", "argparse.py": "raise SystemExit"}
    assert score(problem, problem.solution | beside).value == 1


def test_the_levels_tell_less_and_less_of_the_same_problem():
    told = [make(5, level) for level in range(1, LEVELS + 1)]
    assert len({p.task.prompt for p in told}) == LEVELS
    assert all(p.files == told[0].files and p.solution == told[0].solution for p in told)
    assert all(p.task.expected["flag"] in p.task.prompt for p in told)
    assert len(told[0].task.prompt) > len(told[2].task.prompt) > len(told[4].task.prompt)
