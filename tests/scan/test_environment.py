"""The environment of scan: faults at known rows, and how labhand itself does."""

from labhand.scan.corruption import problems, score_ranked
from labhand.scan.env import solve
from labhand.scan.output_corruption import OPERATORS, output_problems
from labhand.scan.text_corruption import text_problems


def test_problems_are_the_same_for_the_same_seed_and_labhand_solves_them():
    scores = {}
    for problem in problems(3):
        if problem.task.id.split(":")[0] in ("iris", "wine"):
            scores[problem.task.id] = score_ranked(problem.task, solve(problem)).value
    again = [p.task.expected for p in problems(3)]
    assert again == [p.task.expected for p in problems(3)]
    planted = [value for name, value in scores.items() if ":clean:" not in name]
    clean = [value for name, value in scores.items() if ":clean:" in name]
    assert sum(planted) / len(planted) >= 0.85 and min(clean) == 1.0


def test_an_empty_answer_is_worth_nothing_and_a_right_one_everything():
    problem = next(p for p in problems(0) if p.task.facts["rule"])
    right = [(rule, row, 1.0) for rule, row in problem.task.expected]
    assert score_ranked(problem.task, []).value == 0.0
    assert score_ranked(problem.task, right).value == 1.0


def test_faults_of_chats_are_found_and_clean_chats_bring_nothing():
    scores = {}
    for problem in text_problems(5, rows=60):
        form, rule, _ = problem.task.id.split(":")
        if form == "chats":
            scores[rule] = score_ranked(problem.task, solve(problem)).value
    assert len(scores) >= 12 and scores.pop("clean") == 1.0
    assert sum(scores.values()) / len(scores) >= 0.9, scores


def test_faults_of_outputs_and_transcripts_are_found_and_clean_ones_bring_nothing():
    scores = {}
    for problem in output_problems(4):
        form, rule, _ = problem.task.id.split(":")
        scores[form, rule] = score_ranked(problem.task, solve(problem)).value
    clean = [value for (_, rule), value in scores.items() if rule == "clean"]
    planted = {rule: value for (_, rule), value in scores.items() if rule != "clean"}
    assert min(clean) == 1.0 and set(planted) == set(OPERATORS)
    assert min(planted.values()) >= 0.9, planted
