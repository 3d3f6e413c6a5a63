"""What no name says: a help sentence, every option, both ways, what was named before; and what is asked back."""

from pathlib import Path

import pytest

from labhand.interpret import interpret

SCRIPT = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=1e-3)
p.add_argument("--limit", type=int, default=None, help="score only the first N questions")
p.add_argument("--shots", type=int, default=0, help="solved examples before each question")
p.add_argument("--task", default="easy", choices=["easy", "hard", "open"])
p.add_argument("--dropedge", type=float, default=0.0)
p.add_argument("--topk", type=int, default=10)
p.add_argument("--mlp-layers", type=int, nargs="+", default=[64, 32])
p.add_argument("--revision", default="main", help="branch or checkpoint step")
p.add_argument("--norm", default="length", choices=["none", "length"])
p.add_argument("--corpus", default="alpaca")
p.add_argument("--ema", action="store_true")
p.add_argument("--save-videos", action="store_true", default=True)
p.add_argument("--target-kl", type=float, default=None)
p.add_argument("--clip-vloss", action="store_true", help="clip the value loss")
p.add_argument("--norm-adv", action="store_true")
p.add_argument("--ent-coef", type=float, default=0.01)
args = p.parse_args()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("only the first 100 questions", {"limit": 100}),
        ("all three tasks", {"task": ["easy", "hard", "open"]}),
        ("drop 20% of the edges", {"dropedge": 0.2}),
        ("top 20 instead of top 10", {"topk": 20}),
        ("mlp 128-64", {"mlp_layers": [128, 64]}),
        ("checkpoints step10, step200", {"revision": ["step10", "step200"]}),
        ("without length normalization", {"norm": "none"}),
        ("ema, lr 3e-4, with vs without", {"lr": 3e-4}),
        ("no videos", {"save_videos": False}),
        ("stop when kl goes over 0.02", {"target_kl": 0.02}),
        ("ablate the value clipping", {"clip_vloss": [True, False]}),
        ("the lr looks off. try 3e-4 and 1e-2 as well as what we have", {"lr": [3e-4, 1e-2, 1e-3]}),
        ("lr half, double and as is", {"lr": [5e-4, 2e-3, 1e-3]}),
        ("lr x ent coef: 1e-3 3e-3 by 0 0.1", {"lr": [1e-3, 3e-3], "ent_coef": [0.0, 0.1]}),
        ("open vs foobar", {}),
    ],
)
def test_what_is_said_without_a_name_is_understood(project, said, meant):
    intent = interpret(said, project).intent
    found = {c.key: c.value for c in intent.settings} | intent.sweep
    assert {key: found.get(key) for key in meant} == meant
    assert meant or not found


def test_a_wish_over_time_is_new_code_and_sets_nothing(project):
    intent = interpret("decay the entropy coefficient to zero over training", project).intent
    assert intent.needs_model and not intent.settings


@pytest.mark.parametrize("said", ["lower the weight decay", "use the cleaned corpus"])
def test_what_is_not_there_is_asked_back(project, said):
    intent = interpret(said, project).intent
    assert intent.questions and not intent.settings and not intent.needs_model


def test_classes_of_other_libraries_have_settings(tmp_path):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(
        "from forecasters import Fuser\n"
        "model = Fuser.from_dataset(data, hidden_size=32, lstm_layers=1)\n"
        "model.fit(data)\n"
    )
    intent = interpret("hidden size 64, two lstm layers", tmp_path).intent
    assert {c.key: c.value for c in intent.settings} == {"hidden_size": 64, "lstm_layers": 2}


RENDERER = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=1e-3)
p.add_argument("--half-res", action="store_true")
p.add_argument("--white-bkgd", action="store_true")
p.add_argument("--netwidth", type=int, default=256)
p.add_argument("--timesteps", type=int, default=1000)
p.add_argument("--beta-start", type=float, default=1e-4)
p.add_argument("--steps", type=int, default=100000)
args = p.parse_args()
"""


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("half resolution please", {"half_res": True}),
        ("config: netwidth 64, white background", {"netwidth": 64, "white_bkgd": True}),
        ("500 diffusion steps", {"timesteps": 500}),
        ("50k steps", {"steps": 50000}),
    ],
)
def test_names_cut_short_and_two_kinds_of_steps_are_told_apart(tmp_path, said, meant):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(RENDERER)
    assert {c.key: c.value for c in interpret(said, tmp_path).intent.settings} == meant


def test_what_names_no_setting_turns_no_other_off(tmp_path):
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(RENDERER)
    assert not interpret("without the lr reduction", tmp_path).intent.settings
