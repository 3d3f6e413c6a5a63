"""The examples, run as they are: what labhand records of real trainings nobody has changed."""

import math
import shutil
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(lab):
    def run(name, *options, arguments=()):
        shutil.copy(EXAMPLES / name / "train.py", lab.folder / "train.py")
        (lab.folder / "labhand.toml").touch()
        done = lab("run", *options, "--", sys.executable, "train.py", *arguments)
        assert done.returncode == 0, done.stderr
        return done, lab.show()

    return run


@pytest.mark.torch
def test_digits_are_mended_measured_and_reported(example, lab):
    done, shown = example("digits", arguments=["--epochs", "6"])
    assert [a["exit_code"] for a in shown["attempts"]] == [1, 0]
    assert shown["attempts"][0]["fix"]["patch"].startswith("mkdir -p")
    grave = [f["rule"] for f in shown["findings"] if f["severity"] != "note"]
    assert grave == ["config-arg-unused"]
    metrics = shown["metrics"]
    assert metrics["val_accuracy"]["points"] == 6 and metrics["val_accuracy"]["last"] > 0.9
    assert metrics["probe/lr"]["last"] == 0.1
    assert metrics["probe/loss"]["last"] < 1 < metrics["probe/loss"]["first"]
    assert metrics["probe/grad_norm"]["min"] > 0 and metrics["system/rss_bytes"]["max"] > 1e7
    assert shown["config"]["hidden"] == 128
    assert "torch" in shown["environment"]["packages"]
    assert "val_accuracy" in done.stderr and "report.html" in done.stderr


@pytest.mark.torch
def test_digits_with_a_ruinous_rate_is_one_alarm_that_names_the_weights(example):
    _, shown = example("digits", "--set", "lr=1e4", arguments=["--epochs", "4"])
    found = [f for f in shown["findings"] if f.get("alarm")]
    assert [(f["rule"], f["severity"]) for f in found] == [("non-finite", "error")]
    assert found[0]["where"]["layer"] is not None
    assert shown["config"]["lr"] == 1e4


@pytest.mark.torch
def test_characters_are_read_from_the_lines_and_a_constant_is_set(example, lab):
    _, shown = example("chars", "--set", "max_iters=60", "--set", "n_layer=1")
    metrics = shown["metrics"]
    assert shown["config"]["max_iters"] == 60 and shown["config"]["n_embd"] == 64
    losses = [name for name in metrics if name.endswith("loss") and not name.startswith("probe/")]
    assert {"train/loss", "val/loss"} <= set(losses) or {"train_loss", "val_loss"} <= set(losses)
    assert max(metrics[name]["last_step"] for name in losses) == 60
    assert metrics["probe/lr"]["max"] == pytest.approx(1e-3, rel=0.06)
    assert "max_iters = 300" in (lab.folder / "train.py").read_text()
    assert not [f for f in shown["findings"] if f["severity"] != "note"]


def test_boosting_that_only_prints(example):
    _, shown = example("boosting", arguments=["--rounds", "8"])
    metrics = shown["metrics"]
    assert metrics["val_loss"]["points"] == 8
    assert metrics["val_loss"]["last"] < metrics["val_loss"]["first"]
    assert metrics["val_accuracy"]["last_step"] == 8
    grave = [f["rule"] for f in shown["findings"] if f["severity"] != "note"]
    assert grave == ["config-arg-unused"]


def test_a_model_in_numpy_that_diverges_is_told(example):
    done, shown = example("bigram", "--set", "lr=1e6", arguments=["--steps", "400"])
    assert [f["rule"] for f in shown["findings"] if f.get("alarm")] == ["non-finite"]
    assert "non-finite" in done.stderr
    assert math.isfinite(shown["metrics"]["train_loss"]["first"])
