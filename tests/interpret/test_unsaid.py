"""What is left open is asked back; what is told in passing, by the code's own remarks, is understood."""

from pathlib import Path

import pytest

from labhand.interpret import interpret

SCRIPT = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("data_dir")
p.add_argument("-a", "--arch", default="resnet18", choices=["resnet18", "wrn28_10", "mlp"])
p.add_argument("--lr", type=float, default=1e-3)
p.add_argument("--width", type=int, default=64)
p.add_argument("--dropout", type=float, default=0.1)
p.add_argument("--milestones", type=int, nargs="+", default=[100, 150])
p.add_argument("--weight-decay", type=float, default=1e-4)
p.add_argument("--freeze", type=int, default=0, help="layers kept frozen: backbone=10, stem=2")
p.add_argument("--features", default="M", choices=["M", "S"], help="M: multivariate, S: univariate")
p.add_argument("--snr-gamma", type=float, default=0.0, help="min-SNR weighting, 0 is off")
p.add_argument("--fp16-run", action="store_true", default=True)
p.add_argument("--seed", type=int, default=0)
args = p.parse_args()
for epoch in range(3):
    print(f"epoch={epoch} val/prec@1={epoch:.2f} t2i_r1={epoch:.2f}")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


@pytest.mark.parametrize(
    "said",
    [
        "use a smaller one",
        "try the other model",
        "add more data",
        "fix the collapse",
        "increase regularisation",
    ],
)
def test_a_wish_that_leaves_open_what_shall_change_is_asked_back(project, said):
    intent = interpret(said, project).intent
    assert intent.questions
    assert not [c for c in intent.settings if c.origin == "said"]
    assert not intent.edits


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("does the width matter? 32, 64, 128", {"width": [32, 64, 128]}),
        ("wide resnet", {"arch": "wrn28_10"}),
        ("freeze the backbone", {"freeze": 10}),
        ("do the univariate version", {"features": "S"}),
        ("use min-SNR weighting with gamma = 5", {"snr_gamma": 5.0}),
        ("no mixed precision", {"fp16_run": False}),
        ("a grid: weight decay 0, 1e-3 times lr 1e-3, 1e-2", {"weight_decay": [0.0, 1e-3], "lr": [1e-3, 1e-2]}),
        ("drop the lr at epochs 60, 120 and 160 rather than 100/150", {"milestones": [60, 120, 160]}),
        ("use the data in /corpora/news", {"data_dir": "/corpora/news"}),
        ("try lr 1e-3, 1e-4 on two seeds", {"lr": [1e-3, 1e-4]}),
        ("EMA of the weights, decay 0.999", {}),
    ],
)  # fmt: skip
def test_what_remarks_and_the_field_tell_is_understood(project, said, meant):
    intent = interpret(said, project).intent
    assert {c.key: c.value for c in intent.settings} | intent.sweep == meant


@pytest.mark.parametrize(
    ("said", "name"),
    [("lr 1e-2, prec@1", "val/prec@1"), ("t2i recall is all i need", "t2i_r1")],
)
def test_metrics_are_named_as_people_say_them(project, said, name):
    goal = interpret(said, project).intent.metric
    assert goal is not None
    assert (goal.name, goal.direction) == (name, "up")


IMPLIED = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--do-train", action="store_true")
p.add_argument("--do-eval", action="store_true")
p.add_argument("--use-calendar", action="store_true", default=True)
p.add_argument("--use-prices", action="store_true", default=True)
p.add_argument("--remove-punctuation", action="store_true", default=True)
p.add_argument("--lowercase", action="store_true", default=True)
p.add_argument("--train-embeddings", action="store_true", default=True)
p.add_argument("--use-glove", action="store_true")
p.add_argument("--use-ema", action="store_true")
p.add_argument("--ema-decay", type=float, default=0.9999)
p.add_argument("--peak-lr", type=float, default=1e-3)
p.add_argument("--init-lr", type=float, default=1e-4)
p.add_argument("--final-lr", type=float, default=1e-4)
p.add_argument("--attn-dropout", type=float, default=0.1)
p.add_argument("--ffn-dropout", type=float, default=0.1)
p.add_argument("--target-modules", default="q_proj,v_proj")
p.add_argument("--max-seconds", type=float, default=30.0, help="longer recordings are left out")
p.add_argument("--load-in-4bit", action="store_true", help="quantize the model (QLoRA)")
args = p.parse_args()
"""


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("train and eval", {"do_train": True, "do_eval": True}),
        ("are calendar and prices worth it?", {"use_calendar": [True, False], "use_prices": [True, False]}),
        ("keep the casing and the punctuation", {"lowercase": False, "remove_punctuation": False}),
        ("frozen glove embeddings", {"train_embeddings": False, "use_glove": True}),
        ("turn EMA on, 0.999", {"use_ema": True, "ema_decay": 0.999}),
        ("peak lr 5e-4, initial and final 5e-5", {"peak_lr": 5e-4, "init_lr": 5e-5, "final_lr": 5e-5}),
        ("attention dropout 0.2 everywhere", {"attn_dropout": 0.2, "ffn_dropout": 0.2}),
        ("adapt these: q_proj, k_proj, v_proj", {"target_modules": "q_proj,k_proj,v_proj"}),
        ("only recordings up to 15 secs", {"max_seconds": 15.0}),
        ("qlora instead", {"load_in_4bit": True}),
    ],
)  # fmt: skip
def test_what_a_sentence_implies_is_set(tmp_path, said, meant):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(IMPLIED)
    intent = interpret(said, tmp_path).intent
    assert {c.key: c.value for c in intent.settings} | intent.sweep == meant
    assert not intent.edits
    assert not intent.budget
