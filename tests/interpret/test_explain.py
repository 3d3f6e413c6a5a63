"""A setting is meant where no other comes near and nothing else is said; what was only proposed is set by its answer."""

from pathlib import Path

import pytest

from labhand.core.intent import Question
from labhand.interpret import interpret
from labhand.interpret.answered import answered

SCRIPT = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=1e-3)
p.add_argument("--epochs", type=int, default=20)
p.add_argument("--patience", type=int, default=5)
p.add_argument("--warmup-iters", type=int, default=100)
p.add_argument("--num-point", type=int, default=1024)
p.add_argument("--pde-weight", type=float, default=1.0)
p.add_argument("--val-fraction", type=float, default=0.2)
p.add_argument("--row-normalize", type=lambda s: s == "1", default=True)
p.add_argument("--residual", action="store_true", help="skip connections around each layer")
p.add_argument("--hflip", action=argparse.BooleanOptionalAction, default=True)
p.add_argument("--max-depth", type=int, default=6)
p.add_argument("--encoder", default="unet", choices=["unet", "fpn"])
p.add_argument("--max-iters", type=int, default=9000)
p.add_argument("--test-every", type=int, default=1)
args = p.parse_args()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def meant(intent):
    return {c.key: c.value for c in intent.settings if c.origin == "said"} | dict(intent.sweep)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("use 2048 points", {"num_point": 2048}),
        ("use 10 % for validation", {"val_fraction": 0.1}),
        ("kill the flips", {"hflip": False}),
        ("with skip connections", {"residual": True}),
        ("give up after 7 epochs without progress", {"patience": 7}),
        ("be more patient: 10 epochs", {"patience": 10}),
        ("lr 5e-4. hm no wait, make that 8e-5", {"lr": 8e-05}),
        ("max depth 4..8", {"max_depth": [4, 5, 6, 7, 8]}),
        ("warmup 0, 50, 100 and 200 iterations", {"warmup_iters": [0, 50, 100, 200]}),
        ("pde weight 5 vs off", {"pde_weight": [5.0, 0.0]}),
        ("unet++ please", {}),
        ("throw out everything over 12s", {}),
        ("test every fifth epoch", {"test_every": 5}),
    ],
)
def test_what_stands_alone_is_taken(project, said, wanted):
    intent = interpret(said, project).intent
    assert meant(intent) == wanted
    assert not (intent.budget or {}).get("seconds")


def test_an_answer_that_was_proposed_is_set(project):
    intent = interpret("lr 1e-4", project).intent
    question = Question(
        text='Which setting is meant by "12 rounds"?',
        options=["none of them", "epochs=12", "patience=3,4"],
        default="none of them",
        worth=2.0,
    )
    intent.questions = [question]
    assert {c.key: c.value for c in answered(intent, question, "epochs=12").settings} == {
        "lr": 1e-4,
        "epochs": 12,
    }
    assert answered(intent, question, "patience=3,4").sweep == {"patience": [3, 4]}
