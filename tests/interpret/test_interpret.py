"""What a researcher gets who says what is wanted."""

import json

import pytest

from labhand.core.errors import UsageError
from labhand.interpret import interpret

ARGPARSE = """
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--epochs", type=int, default=10)
args = parser.parse_args()
for epoch in range(args.epochs):
    print(epoch, args.lr)
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "labhand.toml").write_text("")
    (tmp_path / "train.py").write_text(ARGPARSE)
    return tmp_path


def test_an_empty_instruction_is_told_what_to_say(project):
    with pytest.raises(UsageError, match="empty"):
        interpret("  ", project)


def test_what_is_said_exactly_is_set(project):
    reading = interpret("lr=3e-4", project)
    assert [(c.key, c.value, c.origin) for c in reading.intent.settings] == [("lr", 3e-4, "said")]
    assert reading.line() == "labhand run --set lr=0.0003 -- python train.py"


def test_the_json_is_the_contract(project, capsys, monkeypatch):
    from labhand.cli import main

    monkeypatch.chdir(project)
    with pytest.raises(SystemExit):
        main(["interpret", "lr=3e-4", "--json"])
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
