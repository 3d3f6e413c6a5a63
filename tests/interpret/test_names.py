"""Settings are meant by the field's words inside their names, by their help text, and by how often."""

import pytest

from labhand.interpret import interpret

SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1, help="initial learning rate")
parser.add_argument("--batch-size", type=int, default=128)
parser.add_argument("--micro-batch-size", type=int, default=4)
parser.add_argument("--re-prob", type=float, default=0.0, help="Random erase prob (default: 0.)")
parser.add_argument("--print-freq", type=int, default=10, help="print frequency")
parser.add_argument("--ckpt-every", type=int, default=50_000)
parser.add_argument("--accum-steps", type=int, default=2)
parser.add_argument("--clip-vloss", action=argparse.BooleanOptionalAction, default=True, help="clip the value loss")
parser.add_argument("--net", default="LSTM", help="type of net (LSTM, GRU, Transformer)")
parser.add_argument("--teacher-model", default="")
parser.add_argument("--model", default="resnet50")
parser.add_argument("--resume", default="")
parser.add_argument("--lin1-size", type=int, default=64)
parser.add_argument("--decay-epochs", type=float, default=30)
parser.add_argument("--decay-rate", type=float, default=0.5)
parser.add_argument("--patience", type=int, default=10)
parser.add_argument("--wandb-project", default="")
parser.add_argument("--data-set", choices=["CIFAR", "IMNET"], default="IMNET")
parser.add_argument("--data-path", default="/data/imnet")
parser.add_argument("--aug", choices=["noaug", "ada"], default="ada")
parser.add_argument("--tied", action="store_true")
parser.add_argument("--cpu", action="store_true")
parser.add_argument("--n-critic", type=int, default=5)
parser.add_argument("--finetune", default="")
parser.add_argument("--env-id", default="CartPole-v1")
"""

SAID = [
    ("micro bs 8", {"micro_batch_size": 8}),
    ("random erasing .25", {"re_prob": 0.25}),
    ("lower lr 10x", {"lr": 0.01}),
    ("10x the lr", {"lr": 1.0}),
    ("print less often, every 100", {"print_freq": 100}),
    ("checkpoint twice as often", {"ckpt_every": 25_000}),
    ("print 5x less often", {"print_freq": 50}),
    ("accumulate 8x", {"accum_steps": 8}),
    ("no grad accum", {"accum_steps": 1}),
    ("turn off value loss clipping", {"clip_vloss": False}),
    ("gru instead of lstm", {"net": "GRU"}),
    ("distill from resnet152", {"teacher_model": "resnet152"}),
    ("resume from out/ckpt-199.pth", {"resume": "out/ckpt-199.pth"}),
    ("lin1 128", {"lin1_size": 128}),
    ("decay every 20 epochs by .1", {"decay_epochs": 20, "decay_rate": 0.1}),
    ("stop early if val loss doesn't improve for 3 epochs", {"patience": 3}),
    ("on hopper-v4", {"env_id": "Hopper-v4"}),
    ("transformer, no augmentation", {"net": "Transformer", "aug": "noaug"}),
    ("patience = n_critic = 7", {"patience": 7, "n_critic": 7}),
    ("data in /data/cifar", {"data_path": "/data/cifar"}),
    ("run on the cpu", {"cpu": True}),
    ("5 critic steps -> 3", {"n_critic": 3}),
    ("wandb project abl-2, 7 critic steps", {"wandb_project": "abl-2", "n_critic": 7}),
    ("lr 0.1 blows up, try 0.03", {"lr": 0.03}),
    ("finetune at 384: lr 0.01", {"lr": 0.01}),
    ("start from runs/last.pth", {"resume": "runs/last.pth"}),
]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


@pytest.mark.parametrize(("said", "wanted"), SAID, ids=[s for s, _ in SAID])
def test_a_setting_is_meant_by_other_words(project, said, wanted):
    intent = interpret(said, project).intent
    assert {c.key: c.value for c in intent.settings} == wanted
    assert not intent.needs_model


def test_an_effective_batch_is_the_batch_size_where_a_part_of_it_has_its_own(tmp_path):
    script = SCRIPT.replace('parser.add_argument("--accum-steps", type=int, default=2)\n', "")
    (tmp_path / "train.py").write_text(script)
    intent = interpret("micro bs 8, effective bs stays 256", tmp_path).intent
    assert {c.key: c.value for c in intent.settings} == {"micro_batch_size": 8, "batch_size": 256}


def test_both_ways_and_what_fails_are_told_apart(project):
    assert interpret("tied vs not", project).intent.sweep == {"tied": [True, False]}
    intent = interpret("lr 1.0 diverged", project).intent
    assert intent.settings == []
    assert any("tells what went wrong" in a for a in intent.assumptions)


def test_settings_under_the_main_guard_are_found(tmp_path):
    (tmp_path / "train.py").write_text(
        "if __name__ == '__main__':\n    Init_lr = 1e-2\n    wd = 0.1\n"
    )
    intent = interpret("init lr 1e-3, wd 0", tmp_path).intent
    assert {c.key: c.value for c in intent.settings} == {"Init_lr": 1e-3, "wd": 0.0}


NOT_SAID = [
    "the resnet101 recipe",
    "match the resnet101 numbers",
    "log the grad norm",
    "wait for 40 rollouts of 2048, then stop",
]


@pytest.mark.parametrize("said", NOT_SAID)
def test_what_is_no_value_here_sets_nothing(project, said):
    intent = interpret(said, project).intent
    assert (intent.settings, intent.sweep) == ([], {})


def test_a_missing_setting_names_what_is_near_and_where_the_script_speaks_of_it(tmp_path):
    (tmp_path / "train.py").write_text(
        "decay_lr = True\nlr_decay_iters = 100\ncompile = True\n# a cosine from here on\n"
        "if __name__ == '__main__':\n    print(decay_lr)\n"
    )
    told = interpret("cosine", tmp_path).intent.assumptions[0]
    assert "`decay_lr`, `lr_decay_iters`" in told
    assert 'train.py line 4 speaks of "cosine"' in told
    assert "compile" not in told
