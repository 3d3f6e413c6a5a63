"""What one setting alone explains is taken; what several explain, or none, is told and left."""

from pathlib import Path

import pytest

from labhand.interpret import interpret

SCRIPT = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--val-fraction", type=float, default=0.1)
p.add_argument("--crop-size", type=int, default=512)
p.add_argument("--num-labeled", type=int, default=4000)
p.add_argument("--threshold", type=float, default=0.95)
p.add_argument("--class-cond", action="store_true")
p.add_argument("--bar", action="store_true", help="Show a progress bar")
p.add_argument("--start-training", type=int, default=1000)
p.add_argument("--max-steps", type=int, default=9000)
p.add_argument("--sched", default="cos", help="cos | step")
p.add_argument("--type", default="cnn", help="model type, mlp|cnn|vit")
p.add_argument("--save-dir", default="out")
p.add_argument("--save-every", type=int, default=100)
p.add_argument("--huber", action="store_true")
args = p.parse_args()
if args.sched == "step": pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("use 20 % for validation", {"val_fraction": 0.2}),
        ("crops of 256", {"crop_size": 256}),
        ("threshold .8, 40 labels", {"threshold": 0.8, "num_labeled": 40}),
        ("class conditional", {"class_cond": True}),
        ("step decay instead of cos", {"sched": "step"}),
        ("mlp model", {"type": "mlp"}),
        ("save every 500 steps to runs/b", {"save_every": 500, "save_dir": "runs/b"}),
        ("every 100 iters", {}),
        ("half of the crop size, 3x the labels", {"crop_size": 256, "num_labeled": 12000}),
        ("threshold .9 with 400 labeled", {"threshold": 0.9, "num_labeled": 400}),
        ("less class cond", {}),
        ("4 experts per crop", {}),
    ],
)
def test_a_setting_is_taken_where_it_alone_explains_the_words(project, said, meant):
    assert {c.key: c.value for c in interpret(said, project).intent.settings} == meant


def test_a_length_is_no_value_of_what_is_named_beside_it(project):
    intent = interpret("start training after 5000 steps", project).intent
    assert "max_steps" not in {c.key for c in intent.settings}


LOOP = """
import argparse
import torch
p = argparse.ArgumentParser()
p.add_argument("--actor-lr", type=float, default=1e-4)
p.add_argument("--critic-lr", type=float, default=1e-4)
p.add_argument("--wd", type=float, default=0.0)
p.add_argument("--optimizer", default="adam", choices=["adam", "adamw"])
p.add_argument("--sched", default="cosine", choices=["cosine", "step"])
p.add_argument("--act", default="relu")
p.add_argument("--spectral-norm", action="store_true")
p.add_argument("--use-lora", action="store_true")
p.add_argument("--lora-r", type=int, default=8)
p.add_argument("--sync", type=int, default=100)
p.add_argument("--probe-freq", type=int, default=50, help="Steps between linear probes")
p.add_argument("--memory-freq", type=int, default=4)
p.add_argument("--n-episodes", type=int, default=1000)
p.add_argument("--max-steps", type=int, default=500)
args = p.parse_args()
act = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[args.act]
for episode in range(args.n_episodes):
    if episode % args.sync == 0:
        update_target(net)
"""


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("update the target every 20 episodes", {"sync": 20}),
        ("linear probes every 500 steps", {"probe_freq": 500}),
        ("both lrs to 3e-4", {"actor_lr": 3e-4, "critic_lr": 3e-4}),
        ("actor and critic lr 3e-4", {"actor_lr": 3e-4, "critic_lr": 3e-4}),
        ("tanh, sn on, cos", {"act": "tanh", "spectral_norm": True, "sched": "cosine"}),
        ("lora rank 16", {"use_lora": True, "lora_r": 16}),
        ("half as long", {"n_episodes": 500}),
        ("memory of 1M", {}),
    ],
)
def test_what_the_code_does_with_a_setting_tells_what_it_is(tmp_path, said, meant):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(LOOP)
    assert {c.key: c.value for c in interpret(said, tmp_path).intent.settings} == meant


@pytest.mark.parametrize("said", ["adamw 3e-4 wd .1 bs256", "bs 256 and wd .1, adamw at 3e-4", "adamw, train at 3e-4 with bs256, wd .1"])  # fmt: skip
def test_a_rate_is_one_without_its_name_in_any_order(tmp_path, said):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(
        'config = {"lr": 0.1, "wd": 0.0, "batch_size": 64, "optimizer": "adam"}\nmodel.fit(config)\n'
    )
    wanted = {"lr": 3e-4, "wd": 0.1, "batch_size": 256, "optimizer": "adamw"}
    assert {c.key: c.value for c in interpret(said, tmp_path).intent.settings} == wanted


def test_an_owner_named_in_the_clause_decides(tmp_path):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(
        'import yaml\ncfg = yaml.safe_load(open("c.yaml"))\nmodel.fit(cfg)\n'
    )
    (tmp_path / "c.yaml").write_text(
        "train:\n  lr: 0.1\n  epochs: 9\neval:\n  lr: 30\n  epochs: 50\n"
    )
    for said, meant in (
        ("lr 1, 20 epochs", "train"),
        ("linear eval for 20 epochs at lr 1", "eval"),
    ):
        found = {c.key: c.value for c in interpret(said, tmp_path).intent.settings}
        assert found == {f"{meant}.lr": 1, f"{meant}.epochs": 20}


TWO = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--enc-layers", type=int, default=4)
p.add_argument("--dec-layers", type=int, default=4)
p.add_argument("--lr", type=float, default=1e-3)
p.add_argument("--epochs", type=int, default=10)
p.add_argument("--warmup", type=int, default=100, help="warmup steps")
p.add_argument("--data", default="wmt14")
args = p.parse_args()
"""


@pytest.mark.parametrize(
    ("said", "meant", "code"),
    [
        ("6 layers in the encoder and decoder", {"enc_layers": 6, "dec_layers": 6}, False),
        ("6 layers in the decoder, lr 3e-4", {"dec_layers": 6, "lr": 3e-4}, False),
        ("on wmt16", {"data": "wmt16"}, False),
        ("lr 3e-4, otherwise like before", {"lr": 3e-4}, False),
        ("lr 3e-3 only for the first 2 epochs", {}, True),
        ("warmup for the first 500 steps", {"warmup": 500}, False),
    ],
)
def test_a_value_is_of_all_that_it_is_said_of_and_of_no_other(tmp_path, said, meant, code):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(TWO)
    intent = interpret(said, tmp_path).intent
    assert {c.key: c.value for c in intent.settings} == meant
    assert intent.needs_model is code


SERIES = """
import fire
import gymnasium as gym

def main(
    lookback=96,
    horizon=24,
    env_name="CartPole-v1",
    lags="1,7,14",
    layer_sizes=[64, 64],
    negatives=4,
    neg_dim=32,
    lr_g=1e-4,
    lr_d=1e-4,
    dropout=0.3,
    noise_prob=0.5,
):
    '''Trains.

    Args:
        lookback: how many past hours are seen
        horizon (int): hours that are foretold
    '''
    print(f"epoch 1 psnr {1:.2f}")

fire.Fire(main)
"""


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("predict two days ahead from one week", {"horizon": 48, "lookback": 168}),
        ("look back two weeks", {"lookback": 336}),
        ("on acrobot", {"env_name": "Acrobot-v1"}),
        ("HalfCheetah please", {"env_name": "HalfCheetah-v5"}),
        ("lags 1, 2 and 7", {"lags": "1,2,7"}),
        ("three layers of 128", {"layer_sizes": [128, 128, 128]}),
        ("8 negatives of dim 16", {"negatives": 8, "neg_dim": 16}),
        ("discriminator lr 4e-4", {"lr_d": 4e-4}),
        ("no noise", {"noise_prob": 0.0}),
        ("noise a quarter of the time", {"noise_prob": 0.25}),
        ("noise half of the time", {}),  # it is so already, and that is told
        ("2 hours at most", {}),
    ],
)
def test_what_data_environments_and_layers_are_called(tmp_path, said, meant):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(SERIES)
    assert {c.key: c.value for c in interpret(said, tmp_path).intent.settings} == meant


def test_a_wish_without_a_setting_is_asked_and_a_printed_metric_decides(tmp_path):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(SERIES)
    less = interpret("less regularization", tmp_path).intent
    assert [q.default for q in less.questions] == [0.15] and not less.needs_model
    metric = interpret("lr_g 1e-3 and 1e-4, by psnr", tmp_path).intent.metric
    assert metric is not None and (metric.name, metric.direction) == ("psnr", "up")


PAIRS = """
import fire

def main(
    betas=(0.9, 0.999),
    keep_prob=0.5,
    lr=0.1,
    milestones=[100, 150],
    scale_min=0.5,
    scale_max=2.0,
    ema_codebook=True,
    mask_time_prob=0.05,
    max_steps=10000,
    likelihood="bernoulli",  # or gaussian
    teacher="resnet50",
    student="resnet18",
):
    ...

fire.Fire(main)
"""


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("beta2 .95", {"betas": [0.9, 0.95]}),
        ("20% dropout", {"keep_prob": 0.8}),
        ("drop the lr at 60, 120 and 160", {"milestones": [60, 120, 160]}),
        ("scales from .75 to 1.5", {"scale_min": 0.75, "scale_max": 1.5}),
        ("no ema", {"ema_codebook": False}),
        ("mask 10% of the time steps", {"mask_time_prob": 0.1}),
        ("gaussian likelihood", {"likelihood": "gaussian"}),
        ("resnet101 as the teacher", {"teacher": "resnet101"}),
        ("two thirds of the lr", {"lr": 0.0666667}),
        ("temperature fixed at .5", {}),
    ],
)
def test_what_another_setting_says_is_read(tmp_path, said, meant):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(PAIRS)
    assert {c.key: c.value for c in interpret(said, tmp_path).intent.settings} == meant


def test_a_flag_of_absl_is_turned_off(tmp_path):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(
        "from absl import app, flags\nflags.DEFINE_bool('actnorm', True, '')\n\n\ndef main(_): ...\n\n\napp.run(main)\n"
    )
    assert [c.value for c in interpret("no actnorm", tmp_path).intent.settings] == [False]
