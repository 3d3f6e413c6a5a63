"""What was not said comes from the last run and from the researcher's habits, and that is told."""

import pytest

from labhand.core.run import Metric, Run
from labhand.core.store import Store
from labhand.interpret import interpret

SCRIPT = """import argparse

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--out", required=True)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--optimizer", choices=["sgd", "adamw"], default="adamw")
parser.add_argument("--weight-decay", type=float, default=0.0)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
"""
COMMAND = ["python", "train.py", "corpus", "--out", "o", "--batch-size", "128"]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    store = Store(tmp_path / ".labhand")
    run_id, _ = store.create()
    metric = Metric(points=2, first=2, last=1, min=1, max=2, last_step=1, non_finite=0)
    config = {"lr": 1e-3, "batch_size": 128, "optimizer": "adamw", "weight_decay": 0.0, "seed": 0}
    store.write(
        Run(id=run_id, name="bold-heron", status="finished", command=COMMAND, cwd=str(tmp_path),
            started="2026-03-01T00:00:00+00:00", config=config, metrics={"val_loss": metric})
    )  # fmt: skip
    return tmp_path


def habits(project, text):
    (project / ".labhand" / "habits.toml").write_text(text)


def choices(intent):
    return {c.key: (c.value, c.origin) for c in intent.settings}


def test_the_command_and_a_relative_wish_start_from_the_last_run(project):
    reading = interpret("half the batch", project)
    assert reading.command == COMMAND
    assert choices(reading.intent) == {"batch_size": (64, "said")}
    assert "128 in the last run, `bold-heron`" in reading.intent.settings[0].why
    assert any(
        "as in the last run, `bold-heron`: corpus --out o" in a for a in reading.intent.assumptions
    )


def test_what_only_a_sweep_tried_is_no_start(project):
    store = Store(project / ".labhand")
    folder = store.home / "sweeps" / "20260301-000000-0001"
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text('{"name": "calm-owl", "keys": ["lr", "seed"]}')
    run_id, _ = store.create()
    tried = [*COMMAND, "--lr", "100", "--seed=7", "--optimizer", "sgd"]
    store.write(
        Run(id=run_id, name="calm-owl-07", status="finished", command=tried, cwd=str(project),
            started="2026-03-02T00:00:00+00:00", config={"lr": 100.0, "seed": 7, "optimizer": "sgd"})
    )  # fmt: skip
    reading = interpret("half the batch", project)
    assert reading.command == [*COMMAND, "--optimizer", "sgd"]


def test_what_depends_on_what_was_said_is_learned(project):
    habits(project, """
[habits.sgd]
text = "with `optimizer` sgd you usually set `lr` to 0.1"
when = { optimizer = "sgd" }
then = { lr = 0.1 }
confidence = 0.8
evidence = ["a", "bold-heron"]
""")  # fmt: skip
    intent = interpret("use sgd", project).intent
    assert choices(intent) == {"optimizer": ("sgd", "said"), "lr": (0.1, "learned")}
    learned = next(c for c in intent.settings if c.origin == "learned")
    assert learned.confidence == 0.8 and "bold-heron" in learned.why
    assert choices(interpret("sgd, lr 0.3", project).intent)["lr"] == (0.3, "said")
    assert "lr" not in choices(interpret("use sgd, don't change anything else", project).intent)
    assert "lr" not in choices(interpret("batch size 64", project).intent)


def test_a_usual_value_goes_before_the_usual_one_of_the_field(project):
    assert choices(interpret("add weight decay", project).intent)["weight_decay"][1] == "default"
    habits(project, "[habits.wd]\nthen = { weight_decay = 0.3 }\n")
    intent = interpret("add weight decay", project).intent
    assert choices(intent) == {"weight_decay": (0.3, "learned")}
    assert intent.questions == []


def test_what_is_changed_along_and_how_many_seeds(project):
    habits(project, """
[habits.scaled]
kind = "together"
text = "when you change the batch you change `lr` too, by the same factor"
when = { batch_size = "changed" }
then = { lr = "changed" }

[habits.seeds]
then = { seeds = 3 }
""")  # fmt: skip
    intent = interpret("half the batch", project).intent
    assert choices(intent) == {"batch_size": (64, "said"), "lr": (5e-4, "learned")}
    assert intent.seeds == 3 and any("3 seeds" in a for a in intent.assumptions)
    assert interpret("half the batch, one seed", project).intent.seeds == 1


def test_broken_habits_are_told_and_left_out(project):
    habits(project, "[habits.x\n")
    intent = interpret("lr 1e-4", project).intent
    assert choices(intent) == {"lr": (1e-4, "said")}
    assert any("habits are left out" in a for a in intent.assumptions)


@pytest.mark.parametrize("said", ["make it better", "improve the model", "better results please",
                                  "get val loss below 0.5"])  # fmt: skip
def test_a_bare_goal_ends_in_a_metric_and_the_need_of_a_proposal(project, said):
    intent = interpret(said, project).intent
    assert intent.metric is not None and intent.metric.name == "val_loss"
    assert intent.needs_model and not intent.settings and not intent.edits
    assert not any("nothing is to be changed" in a for a in intent.assumptions)
