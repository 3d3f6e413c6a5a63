"""Settings that a script takes from outside its code: the environment, TOML, places in the command."""

from pathlib import Path

import pytest

from labhand.core.errors import UsageError
from labhand.kit import settings

ENVIRONMENT = """
import os
MODEL = os.environ.get("MODEL", "cnn")  # cnn or rnn
RATE = float(os.getenv("RATE", "0.1"))
LAYERS = int(os.environ.get("LAYERS", 2))
AMP = os.environ.get("AMP", "0") == "1"
RANK = int(os.environ.get("LOCAL_RANK", 0))
print(MODEL, RATE, LAYERS, AMP)
"""
TOML = """# one experiment
title = "base"

[net]
width = 300   # units of each layer
kind = "gin"
[train]
lr = 1e-3
sizes = [1, 2]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "labhand.toml").touch()
    return tmp_path


def known(folder: Path) -> dict[str, settings.Setting]:
    return {s.name: s for s in settings.discover(folder / "train.py", folder)}


def run(source: str) -> list[object]:
    told: list[object] = []
    exec(source, {"print": lambda *values: told.extend(values)})
    return told


def test_variables_of_the_environment_with_a_default_are_settings(folder: Path) -> None:
    (folder / "train.py").write_text(ENVIRONMENT)
    found = known(folder)
    assert {n: (s.type, s.default) for n, s in found.items()} == {
        "MODEL": ("str", "cnn"), "RATE": ("float", 0.1), "LAYERS": ("int", 2), "AMP": ("bool", False),
    }  # fmt: skip
    wanted = {"MODEL": "rnn", "RATE": "0.5", "LAYERS": "3", "AMP": "true"}
    applied = settings.apply(wanted, ["python", "train.py"], folder, folder)
    assert run(applied.overlay[folder / "train.py"]) == ["rnn", 0.5, 3, True]


def test_a_variable_that_is_set_beats_the_default(folder: Path, monkeypatch) -> None:
    (folder / "train.py").write_text(ENVIRONMENT)
    monkeypatch.setenv("LAYERS", "5")
    with pytest.raises(UsageError, match="`LAYERS` is `5` in the environment"):
        settings.apply({"LAYERS": "3"}, ["python", "train.py"], folder, folder)


def test_values_of_a_toml_file_are_settings(folder: Path) -> None:
    (folder / "train.py").write_text("import tomllib\ntomllib.load(open('c.toml', 'rb'))\n")
    (folder / "c.toml").write_text(TOML)
    assert known(folder)["net.width"].help == "units of each layer"
    wanted = {"net.width": "64", "net.kind": "gat", "train.lr": "1e-4", "train.sizes": "[3, 4]"}
    text = settings.apply(wanted, ["python", "train.py"], folder, folder).overlay[folder / "c.toml"]
    changed = [("300 ", "64 "), ('"gin"', '"gat"'), ("1e-3", "0.0001"), ("[1, 2]", "[3, 4]")]
    expected = TOML
    for old, new in changed:
        expected = expected.replace(old, new)
    assert text == expected


def test_attributes_of_a_config_without_annotations_are_settings(folder: Path) -> None:
    source = "from dataclasses import dataclass\n@dataclass\nclass Config:\n    size = 128  # of an image\n    lr: float = 0.1\nConfig()\n"
    (folder / "train.py").write_text(source)
    assert known(folder)["size"].help == "of an image"
    applied = settings.apply({"size": "64"}, ["python", "train.py"], folder, folder)
    assert "size = 64  # of an image" in applied.overlay[folder / "train.py"]


def test_what_has_no_flag_is_given_by_its_place(folder: Path) -> None:
    (folder / "train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\np.add_argument('out')\n"
        "p.add_argument('--lr', type=float)\np.add_argument('--amp', action='store_true')\np.parse_args()\n"
    )

    def command(text: str, **values: str) -> str:
        return " ".join(settings.apply(values, text.split(), folder, folder).command)

    given = command("python train.py --lr 0.1 a/ --amp b/", out="c/", lr="0.2")
    assert given == "python train.py --lr 0.2 a/ --amp c/"
    assert command("python train.py --amp", data="a/") == "python train.py a/ --amp"
    with pytest.raises(UsageError, match="after `data`"):
        command("python train.py", out="c/")
