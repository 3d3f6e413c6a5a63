"""What is unlikely to be what was said is asked for, and not set."""

from pathlib import Path

import pytest

from labhand.interpret import interpret, scored

SCRIPT = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.01)\np.add_argument('--epochs', type=int, default=10)\nargs = p.parse_args()\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "labhand.toml").touch()
    return tmp_path


def test_what_is_named_with_its_value_is_set(project: Path) -> None:
    intent = interpret("lr 3e-4, 20 epochs", project).intent
    assert {c.key: c.value for c in intent.settings} == {"lr": 3e-4, "epochs": 20}


def test_what_is_too_unlikely_is_asked_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scored, "_model", lambda: ({"bias": 0.0}, 0.9))
    intent = interpret("lr 3e-4", project).intent
    assert not intent.settings
    assert ["none of them", "lr=3e-4"] in [
        [str(o).replace("0.0003", "3e-4") for o in q.options] for q in intent.questions
    ]


def test_the_chance_follows_the_weights() -> None:
    assert scored.probability({"cut": 1.0}) < scored.probability({"cut": 0.0})
