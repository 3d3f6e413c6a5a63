"""Habits are found where they are, and only there; a person's word on them stands."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from labhand.cli import main
from labhand.core.finding import Finding, Where
from labhand.core.run import Attempt, Failure, Run
from labhand.core.store import Store
from labhand.kit import verdicts
from labhand.kit.habits import sentences

NOISE = {
    "depth": [4, 6, 8],
    "dropout": [0.0, 0.1, 0.2],
    "batch_size": [32, 64, 128],
    "use_ema": [True, False],
}


def record(project, number, config, *, failure=None, seed=0):
    """Writes a run as labhand keeps it."""
    store = Store(project / ".labhand")
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number)
    run_id = f"{at:%Y%m%d-%H%M%S}-0000"
    store.folder(run_id).mkdir(parents=True, exist_ok=True)
    command = ["python", "train.py"]
    ended = Attempt(number=1, command=command, started=at.isoformat())
    ended.failure = failure and Failure(failure, "")
    status = "failed" if failure else "finished"
    config = {**config, "seed": seed, "epochs": 10}
    store.write(
        Run(id=run_id, name=f"run-{number}", status=status, command=command, cwd=str(project),
            started=at.isoformat(), attempts=[ended], config=config)
    )  # fmt: skip


def drawn(rng):
    return {key: rng.choice(values) for key, values in NOISE.items()}


@pytest.fixture
def learned(tmp_path, capsys):
    def call(*words):
        with pytest.raises(SystemExit) as end:
            main(["learn", *words, "-C", str(tmp_path)])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return end.value.code, out, err

    def habits(*words):
        code, out, err = call("--json", *words)
        assert (code, err) == (0, "")
        document = json.loads(out)
        assert document["schema"] == "labhand.habits/1"
        return {habit["id"]: habit for habit in document["habits"]}

    call.habits = habits
    return call


def test_usual_values_a_switch_and_no_habit_in_noise(tmp_path, learned):
    rng = random.Random(1)
    for number in range(40):
        usual = "adamw" if number < 20 else "lion"
        config = {**drawn(rng), "optimizer": usual, "weight_decay": 0.1}
        if number % 9 == 4:
            config["weight_decay"] = 0.01
        if number in (6, 15, 27, 33):
            config["optimizer"] = "sgd"
        record(tmp_path, number, config)
    found = learned.habits()
    assert set(found) == {"usual-weight-decay", "usual-optimizer"}
    weights, optimizer = found["usual-weight-decay"], found["usual-optimizer"]
    assert (weights["kind"], weights["when"], weights["then"]) == (
        "value",
        {},
        {"weight_decay": 0.1},
    )
    assert (weights["support"], weights["against"]) == (36, 4)
    assert 0.7 < weights["confidence"] < 0.9
    assert optimizer["then"] == {"optimizer": "lion"}
    assert optimizer["since"].startswith("2026-03-01T20")
    assert "before that it was adamw" in optimizer["text"]
    assert optimizer["evidence"][-1] == "run-39"


def test_a_value_that_depends_on_another(tmp_path, learned):
    rng = random.Random(2)
    for number in range(60):
        optimizer = rng.choice(["sgd", "adamw"])
        lr = {"sgd": 0.1, "adamw": 3e-4}[optimizer]
        if rng.random() < 0.1:
            lr = 1e-3
        record(tmp_path, number, {**drawn(rng), "optimizer": optimizer, "lr": lr})
    found = {(json.dumps(h["when"]), json.dumps(h["then"])) for h in learned.habits().values()}
    assert found == {
        ('{"optimizer": "sgd"}', '{"lr": 0.1}'),
        ('{"optimizer": "adamw"}', '{"lr": 0.0003}'),
    }


def test_what_is_changed_together_and_what_follows_a_failure(tmp_path, learned):
    rng = random.Random(3)
    config, failure = {**drawn(rng), "lr": 1e-3, "steps": 1000, "warmup": 100}, None
    for number in range(120):
        key = rng.choice([*NOISE, "steps"])
        if failure:
            config["batch_size"] /= 2
        elif key == "steps":
            times = rng.choice([2, 0.5])
            config |= {"steps": config["steps"] * times, "warmup": config["warmup"] * times}
        else:
            config[key] = rng.choice([v for v in NOISE[key] if v != config[key]])
        failure = rng.choice([None, None, None, "out-of-memory"])
        record(tmp_path, number, config, failure=failure)
    found = learned.habits()
    together = found.pop("steps-with-warmup")
    assert together["kind"] == "together" and together["against"] == 0
    assert "by the same factor" in together["text"]
    follows = found.pop("batch-size-after-out-of-memory")
    assert (follows["kind"], follows["when"]) == ("next", {"failure": "out-of-memory"})
    assert follows["then"] == {"batch_size": "×0.5"}
    assert found == {}


def test_how_many_seeds_are_usual(tmp_path, learned):
    rng = random.Random(4)
    for choice in range(12):
        config = drawn(rng)
        for seed in range(3):
            record(tmp_path, 3 * choice + seed, config, seed=seed)
    assert learned.habits()["usual-seeds"]["then"] == {"seeds": 3}


def test_the_seeds_of_one_sweep_are_one_choice(tmp_path, learned):
    rng = random.Random(4)
    for choice in range(12):
        config = drawn(rng)
        for seed in range(3):
            record(tmp_path, 3 * choice + seed, config, seed=seed)
    folder = tmp_path / ".labhand" / "sweeps" / "20260301-000000-0001"
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text('{"name": "run", "keys": ["lr"]}')
    assert "usual-seeds" not in learned.habits()


def test_the_runs_of_one_grid_are_one_choice(tmp_path, learned):
    rng = random.Random(5)
    for number in range(40):
        record(tmp_path, number, {**drawn(rng), "optimizer": "lion" if number > 3 else "adamw"})
    assert "usual-optimizer" in learned.habits()
    folder = tmp_path / ".labhand" / "sweeps" / "20260301-000000-0001"
    folder.mkdir(parents=True)
    (folder / "sweep.json").write_text('{"name": "run", "keys": ["lr"]}')
    assert "usual-optimizer" not in learned.habits()


@pytest.mark.parametrize("seed", range(4))
def test_settings_that_are_left_to_stand_are_no_habits(tmp_path, learned, seed):
    rng = random.Random(seed)
    config = drawn(rng)
    for number in range(60):
        key = rng.choice(list(NOISE))
        config[key] = rng.choice([v for v in NOISE[key] if v != config[key]])
        record(tmp_path, number, config)
    assert learned.habits() == {}
    _, out, _ = learned()
    assert out == "nothing is certain enough yet to be called a habit\n"


def usual_decay(project, numbers):
    rng = random.Random(5)
    for number in numbers:
        record(project, number, {**drawn(rng), "wd": 0.01 if number % 10 == 3 else 0.1})


def test_what_a_person_writes_wins_and_stays(tmp_path, learned):
    usual_decay(tmp_path, range(20))
    assert learned.habits()["usual-wd"]["support"] == 18
    file = tmp_path / ".labhand" / "habits.toml"
    own = "# for the big one\n[habits.big]\nthen = { lr = 1e-4 }   # never more\n"
    text = file.read_text().replace("wd = 0.1 }", "wd = 0.05 }")
    file.write_text(f"{text}\n{own}")
    usual_decay(tmp_path, range(20, 40))
    found = learned.habits()
    assert found["usual-wd"]["then"] == {"wd": 0.05}
    assert found["big"]["then"] == {"lr": 1e-4} and found["big"]["confidence"] == 1
    assert own.strip() in file.read_text()
    once = file.read_text()
    learned.habits()
    assert file.read_text() == once


def test_what_is_forgotten_returns_only_with_more_evidence_than_before(tmp_path, learned):
    usual_decay(tmp_path, range(20))
    learned()
    code, out, _ = learned("forget", "usual-wd")
    assert code == 0 and "wd" in out
    assert learned.habits() == {}
    file = tmp_path / ".labhand" / "habits.toml"
    text = file.read_text()
    assert "[forgotten.usual-wd]" in text and "support = 18" in text
    file.write_text(text.replace(text.split('at = "')[1][:19], "2026-03-01T20:30:00"))
    usual_decay(tmp_path, range(20, 38))
    assert learned.habits() == {}
    usual_decay(tmp_path, range(38, 50))
    assert learned.habits()["usual-wd"]["support"] == 45
    assert "forgotten" not in file.read_text().split("[habits", 1)[1]


def test_bad_input_is_told_in_one_sentence_and_nothing_is_lost(tmp_path, learned):
    code, _, err = learned()
    assert code == 2 and "no run" in err and err.count("\n") == 1
    assert not (tmp_path / ".labhand").exists()
    usual_decay(tmp_path, range(20))
    learned()
    code, _, err = learned("forget", "usual-w")
    assert code == 2 and "`usual-wd`" in err
    code, _, err = learned("forgt", "usual-wd")
    assert code == 2 and "forget HABIT" in err
    file = tmp_path / ".labhand" / "habits.toml"
    for broken in (
        "[habits.x\n",
        "[habits.x]\nthen = 3\n",
        "habits = 1\n",
        '[habits.x]\ntext = "a"\nconfidence = 7\n',
    ):
        file.write_text(broken)
        code, out, err = learned("--json")
        assert (code, out) == (2, "") and "habits.toml" in err and err.count("\n") == 1
        assert file.read_text() == broken


def test_what_is_always_answered_alike_and_the_block_for_agents(tmp_path, learned):
    home = tmp_path / ".labhand"
    usual_decay(tmp_path, range(20))
    for number in range(8):
        for rule, answer in (("config-arg-unused", "fine"), ("grad-not-zeroed", "fr"[number % 2])):
            finding = Finding(
                id=f"{rule}{number}", job="check", rule=rule, severity="warning", confidence=1,
                message="", where=Where(), advice="",
            )  # fmt: skip
            verdicts.add(
                home, finding, f"run-{number}", {"f": "fine", "r": "real"}.get(answer, answer)
            )
    found = learned.habits()
    fine = found["verdict-on-config-arg-unused"]
    assert fine["kind"] == "next" and fine["when"] == {"finding": "config-arg-unused"}
    assert fine["then"] == {"verdict": "fine"} and fine["support"] == 8
    assert "verdict-on-grad-not-zeroed" not in found
    code, out, _ = learned("--block")
    assert code == 0 and out.startswith("## What this researcher usually does\n")
    assert "- you usually set `wd` to 0.1" in out
    assert sentences(home) == [line[2:] for line in out.splitlines() if line.startswith("- ")]
