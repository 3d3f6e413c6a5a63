"""What a researcher gets who says what is wanted."""

import json
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from labhand.cli import main
from labhand.core.errors import LabhandError, NotFoundError, UsageError
from labhand.core.run import Metric, Run
from labhand.core.store import Store
from labhand.interpret import interpret

PROJECTS = Path(__file__).parents[2] / "benchmarks" / "interpret" / "projects"


@pytest.fixture
def project(tmp_path):
    def make(name):
        place = tmp_path / name
        shutil.copytree(PROJECTS / name, place)
        (place / "labhand.toml").touch()
        return place

    return make


def settings(intent):
    return {c.key: c.value for c in intent.settings}


SAID = [
    ("digits", "lr=3e-4 batch_size=128", {"lr": 3e-4, "batch_size": 128}),
    ("digits", "10x smaller lr and half the batch", {"lr": 1e-4, "batch_size": 32}),
    ("digits", "turn off augmentation, sgd with momentum .95",
     {"no_augment": True, "optimizer": "sgd", "momentum": 0.95}),
    ("digits", "leraning rate 1e-2, droput 0.3", {"lr": 0.01, "dropout": 0.3}),
    ("digits", "Lernrate 0,001, ohne Dropout", {"lr": 0.001, "dropout": 0.0}),
    ("digits", "change lr from 1e-3 to 3e-4, don't change anything else", {"lr": 3e-4}),
    ("digits", "I think dropout hurts. Turn it off.", {"dropout": 0.0}),
    ("digits", "dropout 0.1, no wait, 0.2", {"dropout": 0.2}),
    ("nano", "twice as deep, context length 512, bf16", {"n_layer": 12, "block_size": 512, "dtype": "bfloat16"}),
    ("nano", "10k iterations, 10% warmup", {"max_iters": 10_000, "warmup_iters": 1000}),
    ("conf", "use the large model, fp16, no warmup",
     {"model": "large", "trainer.precision": "16-mixed", "warmup_epochs": 0}),
    ("click_cli", "freeze the encoder, roberta-large on mnli",
     {"freeze_encoder": True, "model_name": "roberta-large", "task": "mnli"}),
    ("typer_cli", "resnet50 on cifar100, nesterov off", {"arch": "resnet50", "dataset": "cifar100", "nesterov": False}),
    ("ppo", "no lr annealing, 8 envs, 1M timesteps", {"anneal_lr": False, "num_envs": 8, "total_timesteps": 1_000_000}),
    ("hf", "lora rank 16, grad accumulation 8, save every 1000 steps",
     {"lora_r": 16, "gradient_accumulation_steps": 8, "save_steps": 1000}),
    ("digits", "double the batch size and scale the lr linearly", {"batch_size": 128, "lr": 2e-3}),
    ("digits", "batch size 256 with sqrt lr scaling", {"batch_size": 256, "lr": 2e-3}),
    ("nano", "5x longer warmup", {"warmup_iters": 500}),
    ("boosting", "500 trees of depth 4", {"n_estimators": 500, "max_depth": 4}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "expected"), SAID, ids=[s for _, s, _ in SAID])
def test_what_is_said_is_set_and_nothing_else(project, name, said, expected):
    intent = interpret(said, project(name)).intent
    assert settings(intent) == expected
    assert {c.origin for c in intent.settings} == {"said"}
    assert (intent.sweep, intent.edits, intent.needs_model, intent.questions) == ({}, [], False, [])


SWEPT = [
    ("lr 1e-3 and 3e-4", {"lr": [1e-3, 3e-4]}),
    ("try 3 values of dropout from .1 to .3", {"dropout": [0.1, 0.2, 0.3]}),
    ("lr between 1e-4 and 1e-2 log scale, 3 points", {"lr": [1e-4, 1e-3, 1e-2]}),
    ("lr in [1e-4, 1e-2] log spaced, 3 values", {"lr": [1e-4, 1e-3, 1e-2]}),
    ("lr in [1e-4, 1e-2]", {"lr": [1e-4, 1e-2]}),
    ("grid of lr {1e-3, 3e-4} and bs {32, 64}", {"lr": [1e-3, 3e-4], "batch_size": [32, 64]}),
    ("adam vs adamw", {"optimizer": ["adam", "adamw"]}),
    ("with and without augmentation", {"no_augment": [False, True]}),
]


@pytest.mark.parametrize(("said", "expected"), SWEPT, ids=[s for s, _ in SWEPT])
def test_what_shall_be_tried_is_swept_and_never_set_as_well(project, said, expected):
    intent = interpret(said, project("digits")).intent
    assert (intent.sweep, intent.settings) == (expected, [])


CLIPPED = """
import torch
GRAD_CLIP = 1.0
net = torch.nn.Linear(2, 1)
for step in range(3):
    net(torch.ones(1, 2)).sum().backward()
    {ask}torch.nn.utils.clip_grad_norm_(net.parameters(), GRAD_CLIP)
"""


@pytest.mark.parametrize(("ask", "said", "value"), [
    ("", "no gradient clipping", 1e9), ("if GRAD_CLIP: ", "no gradient clipping", 0.0), ("", "grad clip 0", 0.0),
])  # fmt: skip
def test_no_clipping_is_no_clipping(tmp_path, ask, said, value):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(CLIPPED.format(ask=ask))
    assert settings(interpret(said, tmp_path).intent) == {"GRAD_CLIP": value}


FOREST = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--depth", type=int, default=None)
p.add_argument("--rs", type=int, default=0, help="random state")
args = p.parse_args()
for step in range(3):
    print("step", step, "loss", args.depth or args.rs)
"""


def test_none_is_a_value_where_it_is_the_default(tmp_path):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "fit.py").write_text(FOREST)
    intent = interpret("try depth 4, 8 and none, 3 seeds", tmp_path).intent
    assert (intent.sweep, intent.seeds) == ({"depth": [4, 8, None]}, 3)
    assert "the seeds are `rs` 0 to 2" in " ".join(intent.assumptions)


SHORT = """
import argparse, torch
from torch.utils.data import DataLoader
a = argparse.ArgumentParser()
a.add_argument("--eta", type=float, default=0.01)
a.add_argument("--lam", type=float, default=1e-4)
a.add_argument("--b", type=int, default=16)
a.add_argument("--T", type=int, default=30)
a.add_argument("--q", type=float, default=0.2)
o = a.parse_args()
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(o.q), torch.nn.Linear(8, 1))
data = DataLoader(list(torch.randn(64, 4)), o.b, shuffle=True)
opt = torch.optim.SGD(net.parameters(), lr=o.eta, weight_decay=o.lam)
for epoch in range(o.T):
    for x in data:
        opt.zero_grad()
        net(x).pow(2).mean().backward()
        opt.step()
"""


def test_what_the_code_does_with_a_setting_says_what_it_is(tmp_path):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "fit.py").write_text(SHORT)
    said = "lr 1e-3, no weight decay, batch size 64, 50 epochs, dropout 0.1"
    expected = {"eta": 1e-3, "lam": 0.0, "b": 64, "T": 50, "q": 0.1}
    assert settings(interpret(said, tmp_path).intent) == expected


def test_how_often_something_is_done_is_no_length(project):
    intent = interpret("log the gradient norm every 10 steps", project("digits")).intent
    assert (intent.budget, settings(intent)) == (None, {})


def test_seeds_budget_and_metric(project):
    place = project("digits")
    intent = interpret("seeds 0-4, for 2 hours, keep the best val acc", place).intent
    assert (intent.seeds, intent.budget) == ([0, 1, 2, 3, 4], {"seconds": 7200})
    assert intent.metric is not None
    assert (intent.metric.name, intent.metric.direction) == ("val_acc", "up")
    assert interpret("three seeds, at most $20", place).intent.budget == {"money": 20}
    assert settings(interpret("seed 42", place).intent) == {"seed": 42}


def test_new_code_is_told_and_never_guessed(project):
    intent = interpret(
        "three seeds, lr 1e-3 and 3e-4, cosine, and log grad norm", project("digits")
    ).intent
    assert (intent.sweep, intent.seeds) == ({"lr": [1e-3, 3e-4]}, 3)
    assert intent.settings == []
    assert [e.path for e in intent.edits] == ["train.py", "train.py"]
    assert "no setting for learning rate schedule" in intent.edits[0].summary
    assert intent.needs_model
    residual = interpret("add a residual connection", project("nano")).intent
    assert [(e.path, e.summary) for e in residual.edits] == [
        ("model.py", "add a residual connection")
    ]


def test_a_bare_goal_has_the_same_shape(project):
    intent = interpret("improve val acc", project("digits")).intent
    assert intent.needs_model
    assert (intent.settings, intent.sweep, intent.edits) == ([], {}, [])
    assert intent.metric is not None


def test_a_wish_without_a_size_is_taken_and_asked(project):
    intent = interpret("train longer", project("digits")).intent
    (choice,) = intent.settings
    assert (choice.key, choice.value, choice.origin) == ("epochs", 20, "default")
    (question,) = intent.questions
    assert question.default == 20
    assert question.default in question.options
    assert question.worth > 1


WRONG = [
    ("", "empty"),
    ("dropout 1.5", "0 to 1"),
    ("batch size 2.5", "whole number"),
    ("batch size 0", "above zero"),
    ("epochs=abc", "whole number"),
    ("optimizer rmsprop", "one of sgd, adam, adamw"),
    ("frobnicate=3", "no setting of train.py is named `frobnicate`"),
    ("dropout 0.1. No dropout.", "contradicts itself"),
    ("don't touch the lr, lr 1e-2", "contradicts itself"),
    ("3 seeds, 5 seeds", "contradicts itself"),
    ("same as the last run", "there is none"),
]


@pytest.mark.parametrize(("said", "told"), WRONG, ids=[s or "empty" for s, _ in WRONG])
def test_what_cannot_be_is_told_in_one_sentence(project, said, told):
    with pytest.raises(LabhandError, match=told) as raised:
        interpret(said, project("digits"))
    assert "\n" not in str(raised.value)
    assert isinstance(raised.value, UsageError | NotFoundError)


def record(place, name, days_ago, loss, **config):
    store = Store.at(place)
    started = datetime.now().astimezone() - timedelta(days=days_ago)
    run_id = f"{started:%Y%m%d-%H%M%S}-{abs(hash(name)) % 65536:04x}"
    store.folder(run_id).mkdir(parents=True)
    metric = Metric(points=1, first=loss, last=loss, min=loss, max=loss, last_step=1, non_finite=0)
    store.write(Run(
        id=run_id, name=name, status="finished", exit_code=0, command=["python", "train.py"], cwd=str(place),
        started=started.isoformat(), wall_s=3600.0, metrics={"val_loss": metric}, config=config,
    ))  # fmt: skip


def test_runs_that_are_referred_to_are_the_start(project):
    place = project("digits")
    of_last_week = datetime.now().astimezone().weekday() + 3
    record(place, "bold-heron", of_last_week, 0.2, lr=0.01, batch_size=128, seed=0)
    record(place, "calm-otter", of_last_week - 1, 0.5, lr=0.5, batch_size=64, seed=0)
    record(place, "dry-crow", 0, 0.9, lr=0.003, batch_size=256, seed=0)
    same = interpret("same as run bold-heron but batch size 32", place).intent
    assert settings(same) == {"lr": 0.01, "batch_size": 32}
    assert {c.key: c.origin for c in same.settings} == {"lr": "project", "batch_size": "said"}
    best = interpret("the best one of last week with dropout 0.1", place).intent
    assert settings(best) == {"lr": 0.01, "batch_size": 128, "dropout": 0.1}
    last = interpret("like last but half the batch", place).intent
    assert settings(last) == {"lr": 0.003, "batch_size": 128}
    assert settings(interpret("use the lr of calm-otter", place).intent) == {"lr": 0.5}
    with pytest.raises(NotFoundError, match="did you mean `bold-heron`"):
        interpret("go back to bold-hern", place)


def test_the_json_is_the_contract(project, capsys, monkeypatch):
    monkeypatch.chdir(project("digits"))
    with pytest.raises(SystemExit) as ended:
        main(["interpret", "lr=3e-4", "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "labhand.intent/1"
    assert (
        list(told)
        == (
            "schema instruction goal settings edits sweep metric seeds budget assumptions questions "
            "needs_model"
        ).split()
    )
    assert list(told["settings"][0]) == ["key", "value", "from", "confidence", "why"]


def test_the_text_ends_in_the_command_that_does_it(project, capsys, monkeypatch):
    monkeypatch.chdir(project("digits"))
    with pytest.raises(SystemExit):
        main(["interpret", "adamw, lr 1e-3 and 3e-4, 3 seeds, train longer"])
    out = capsys.readouterr().out
    assert "6" in out and "asks" in out and "assumes" in out
    assert out.splitlines()[-1] == (
        "labhand run --set optimizer=adamw --set epochs=20 --sweep lr=0.001,0.0003 --seeds 3 -- python train.py"
    )


def test_what_the_code_computes_is_not_set_again(lab):
    lab.script(
        "train.py", "batch = 8\nsteps = 4\nvocab = None\nvocab = 90 + batch\nprint('loss: 0.5')\n"
    )
    command = ("run", "--set", "steps=6", "--", sys.executable, "train.py")
    assert lab(*command).returncode == 0
    assert lab.show()["config"]["vocab"] == 98
    intent = interpret("same as the last run but batch 16", lab.folder).intent
    assert settings(intent) == {"batch": 16, "steps": 6}
