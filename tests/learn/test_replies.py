"""What a person answers to questions about instructions is kept, learned, and asked no more."""

import pytest

from labhand.cli import main
from labhand.core.store import Store
from labhand.interpret import interpret
from labhand.kit import replies
from labhand.learn import learn

SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--dropout", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=10)
if __name__ == "__main__":
    parser.parse_args()
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def test_a_question_that_is_always_answered_alike_is_answered(project):
    home = Store.at(project).home
    (question,) = interpret("more dropout", project).intent.questions
    assert question.default == 0.2
    for _ in range(6):
        replies.add(home, question, 0.4)
    (entry,) = learn(project).entries
    assert "asked for `dropout`, you usually answer 0.4 (6 of 6 times)" in entry.habit.text
    intent = interpret("more dropout", project).intent
    assert intent.questions == []
    (choice,) = intent.settings
    assert (choice.key, choice.value, choice.origin) == ("dropout", 0.4, "learned")
    assert any("you usually answer 0.4" in a for a in intent.assumptions)


def test_few_or_mixed_answers_teach_nothing(project):
    home = Store.at(project).home
    (question,) = interpret("more dropout", project).intent.questions
    for answer in (0.4, 0.2, 0.4, 0.2, 0.4, 0.2):
        replies.add(home, question, answer)
    with pytest.raises(SystemExit):
        main(["learn", "-C", str(project)])
    assert interpret("more dropout", project).intent.questions == [question]


def test_a_line_that_is_no_answer_is_passed_over(project):
    home = Store.at(project).home
    (question,) = interpret("more dropout", project).intent.questions
    replies.add(home, question, 0.4)
    with (home / replies.FILE).open("a") as file:
        file.write("nonsense\n")
    (said,) = replies.read(home)
    assert (said.about, said.answer, said.default) == ("dropout", 0.4, 0.2)
