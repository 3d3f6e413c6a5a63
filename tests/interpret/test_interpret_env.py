"""The environment of interpret rewards what it should, and nothing else."""

import pytest

from labhand.core.intent import Choice, Intent, Question
from labhand.interpret import env

SEEDS = range(12)


def said(settings):
    return [
        Choice(key=k, value=v, origin="said", confidence=1.0, why="") for k, v in settings.items()
    ]


def asks(keys):
    return [
        Question(text=f"Which value shall `{k}` have?", options=[1, 2], default=1, worth=2.0)
        for k in keys
    ]


def nothing(problem):
    return Intent(instruction="", goal="")


def ask_everything(problem):
    return Intent(
        instruction="", goal="", settings=said(problem.task.expected["stated"]),
        questions=asks(problem.task.facts["defaults"]),
    )  # fmt: skip


def do_everything(problem):
    every = {k: v * 2 or 1 for k, v in problem.task.facts["defaults"].items()}
    return Intent(
        instruction="", goal="", settings=said({**every, **problem.task.expected["stated"]})
    )


def hedge(problem):
    stated = problem.task.expected["stated"]
    swept = {
        k: [v, v * 2 or 1] for k, v in problem.task.facts["defaults"].items() if k not in stated
    }
    return Intent(instruction="", goal="", settings=said(stated), sweep=swept)


@pytest.mark.parametrize("seed", SEEDS)
def test_knowing_scores_one_and_every_cheat_nothing(seed):
    problem = env.make(seed)
    assert env.score(problem.task, env.oracle(problem)).value == 1.0
    for cheat in (nothing, ask_everything, do_everything, hedge):
        assert env.score(problem.task, cheat(problem)).value == 0.0, cheat.__name__


def test_a_guess_at_the_unknowable_is_worth_less_than_the_question():
    problem = env.make(1)
    knowing = env.oracle(problem)
    detail = next(d for d in problem.task.expected["details"] if d["recoverable"] == "unknowable")
    knowing.questions = []
    knowing.settings += said({detail["key"]: detail["value"]})
    assert env.score(problem.task, knowing).value < 1.0


def test_problems_are_the_same_for_a_seed_and_differ_between():
    assert env.make(3).task == env.make(3).task
    assert len({env.make(seed).task.prompt for seed in SEEDS}) > 8


def test_labhand_itself_does_well(tmp_path):
    values = []
    for seed in SEEDS:
        place = tmp_path / str(seed)
        place.mkdir()
        problem = env.make(seed)
        values.append(env.score(problem.task, env.solve(problem, place)).value)
    assert sum(values) / len(values) > 0.7
