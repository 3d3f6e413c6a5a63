"""`labhand do`: from words to results that were held against noise."""

import json
import re

import pytest

from implement.projects import DECAY, TRAIN, git, implement, labhand, project, whole
from labhand.core.errors import UsageError
from labhand.core.intent import Choice, Goal, Intent, Question
from labhand.interpret import answered


@pytest.fixture
def folder(tmp_path):
    return project(tmp_path / "project")


def test_settings_and_seeds_run_without_a_model_and_are_judged(folder):
    done = labhand(folder, "do", "two seeds, lr 0.01 and 0.2", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [run["settings"] for run in told["runs"]] == [
        {"lr": lr, "seed": seed} for seed in ("0", "1") for lr in ("0.01", "0.2")
    ]
    assert told["judgements"][0]["metric"] == "val_loss" and told["patch"] is None
    assert git(folder, "status", "--porcelain") == ""


def test_new_code_is_proven_accepted_run_and_held_against_itself_left_off(folder):
    words = "add weight decay as an option --decay, with 0.5 and two seeds"
    done, told, _ = implement(folder, [whole(DECAY)], "--yes", verb="do", instruction=words)
    assert done.returncode == 0, done.stderr
    assert [r["settings"] for r in told["runs"]] == [{"decay": "0.5", "seed": s} for s in "01"]
    assert [r["settings"] for r in told["baseline"]] == [{"seed": "0"}, {"seed": "1"}]
    assert told["judgements"][0]["outcome"] == "noise"
    assert told["patch"]["status"] == "accepted" and (folder / "train.py").read_text() == DECAY


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_nothing_is_accepted_that_nobody_saw_or_that_cheats(folder, yes):
    answer = DECAY.replace("/ len(data)", "/ 1000") if yes else DECAY
    done, told, _ = implement(folder, [whole(answer)], *yes, verb="do")
    assert done.returncode == 1 and told["ended"] == "not-accepted" and not told["runs"]
    assert (folder / "train.py").read_text() == TRAIN


def test_no_run_stops_before_the_runs(folder):
    done = labhand(folder, "do", "lr 0.01", "--no-run", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["ended"] == "not-run" and not told["runs"]
    assert told["command"] == "labhand run --set lr=0.01 -- python train.py"


def test_a_failing_run_ends_with_its_own_code(tmp_path):
    text = TRAIN.replace(
        "    w = 0.0\n", "    w = 0.0\n    if args.lr > 1:\n        raise SystemExit(7)\n"
    )
    folder = project(tmp_path / "p", text=text)
    done = labhand(folder, "do", "lr 5", "--json")
    assert done.returncode == 7 and json.loads(done.stdout)["ended"] == "failed"


SEEDED = '    parser.add_argument("--seed", type=int, default=0)\n'


def test_seeds_of_a_script_that_seeds_nothing_are_refused_before_anything_runs(tmp_path):
    text = TRAIN.replace(SEEDED, "").replace("    random.seed(args.seed)\n", "")
    folder = project(tmp_path / "p", text=text)
    done = labhand(folder, "do", "three seeds")
    assert done.returncode == 2 and "seed" in done.stderr and len(done.stderr.splitlines()) <= 12
    assert not (folder / ".labhand" / "runs").exists()


def test_a_seed_that_is_a_mere_number_is_varied_and_the_script_stays_as_it_is(tmp_path):
    text = TRAIN.replace(SEEDED, "").replace("args.seed", "0")
    folder = project(tmp_path / "p", text=text)
    done = labhand(folder, "do", "three seeds")
    assert done.returncode == 0, done.stderr
    assert re.search(r"val_loss [\d.]+ ± 0\.[0-9]*[1-9][0-9]* over 3 seeds", done.stderr)
    assert (folder / "train.py").read_text() == text


def test_an_unknown_setting_is_told_with_the_nearest_where_nobody_writes_code(folder):
    done = labhand(folder, "do", "set zeta_coeff to 3")
    assert done.returncode == 2 and "zeta_coeff" in done.stderr
    assert not (folder / ".labhand" / "runs").exists()


def _asked(text, options, **parts):
    question = Question(text=text, options=options, default=options[0], worth=2.0)
    return Intent(instruction="i", goal="g", **parts), question


def _choice(key, value):
    return Choice(key=key, value=value, origin="default", confidence=0.5, why="w")


def test_the_value_that_was_answered_is_what_runs():
    text = 'How far shall "smaller lr" go: `lr` is 0.1 now?'
    intent, question = _asked(text, [0.05, 0.025, 0.1], settings=[_choice("lr", 0.05)])
    for answer, value in ((0.025, 0.025), ("0.03", "0.03")):
        (choice,) = answered(intent, question, answer).settings
        assert (choice.key, choice.value, choice.origin) == ("lr", value, "said")
    assert answered(intent, question, 0.05) == intent
    text = 'Which setting is "rate": `lr` or `drop`?'
    intent, question = _asked(text, ["lr", "drop"], settings=[_choice("lr", 0.3)])
    assert answered(intent, question, "drop").settings[0].key == "drop"
    intent, question = _asked(text, ["lr", "drop"], sweep={"lr": [1, 2]})
    assert answered(intent, question, "drop").sweep == {"drop": [1, 2]}


def test_answers_change_the_metric_and_lengths_and_what_cannot_run_is_refused():
    goal = Goal(name="val_loss", direction="down")
    intent, question = _asked("Which metric shall get better?", ["val_loss", "acc"], metric=goal)
    assert answered(intent, question, "acc").metric == Goal(name="acc", direction="up")
    intent, question = _asked("How many `steps` are 3 epochs? It is 20 now.", [20, "compute it"])
    assert answered(intent, question, "60").settings[0].value == 60
    with pytest.raises(UsageError, match="compute it"):
        answered(intent, question, "compute it")


def test_a_budget_in_seconds_ends_the_runs_and_is_told(tmp_path):
    slow = TRAIN.replace("    w = 0.0\n", "    w = 0.0\n    import time\n    time.sleep(60)\n")
    folder = project(tmp_path / "p", text=slow)
    done = labhand(folder, "do", "lr 0.01 and 0.2 within 4 seconds", "--yes", "--json")
    told = json.loads(done.stdout)
    assert told["intent"]["budget"] == {"seconds": 4}
    assert {run["status"] for run in told["runs"]} <= {"stopped", "withdrawn"}
    assert any("budget of 4s is used up" in sentence for sentence in told["said"])


def test_a_tie_is_called_one(folder):
    done = labhand(folder, "do", "lr 0.01, 0.010001 and 0.010002 with two seeds", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert any("a tie: by `val_loss`" in s for s in json.loads(done.stdout)["said"])
