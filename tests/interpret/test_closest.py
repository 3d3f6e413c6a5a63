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
    ],
)
def test_a_setting_is_taken_where_it_alone_explains_the_words(project, said, meant):
    assert {c.key: c.value for c in interpret(said, project).intent.settings} == meant


def test_a_length_is_no_value_of_what_is_named_beside_it(project):
    intent = interpret("start training after 5000 steps", project).intent
    assert "max_steps" not in {c.key for c in intent.settings}
