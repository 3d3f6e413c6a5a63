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


def test_lightning_cli_takes_what_its_classes_and_its_file_say(tmp_path: Path) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "config.yaml").write_text(
        "trainer:\n  max_epochs: 80\n  gradient_clip_val: null\nmodel:\n  lr: 1.0e-2\n"
    )
    (tmp_path / "run.py").write_text(
        '"""python run.py fit --config config.yaml"""\n'
        "import lightning as L\nfrom lightning.pytorch.cli import LightningCLI\n"
        "class Net(L.LightningModule):\n    def __init__(self, lr: float = 1e-3, tta: bool = False):\n        super().__init__()\n"
        "class Data(L.LightningDataModule):\n    def __init__(self, crop: int = 512):\n        super().__init__()\n"
        "LightningCLI(Net, Data)\n"
    )
    found = {s.name: s for s in settings.discover(tmp_path / "run.py", tmp_path)}
    assert found["model.lr"].default == 0.01
    assert found["model.tta"].type == "bool"
    assert {"data.crop", "trainer.max_epochs", "trainer.gradient_clip_val"} <= set(found)
    applied = settings.apply(
        {"model.lr": "1e-4", "trainer.max_epochs": "9"},
        ["python", "run.py", "fit", "--config", "config.yaml"],
        tmp_path,
        tmp_path,
    )
    assert applied.command[2:] == [
        "fit", "--config", "config.yaml", "--model.lr=1e-4", "--trainer.max_epochs=9",
    ]  # fmt: skip


def test_a_parser_of_own_classes_has_no_training_arguments(tmp_path: Path) -> None:
    script = (
        "from dataclasses import dataclass, field\nfrom transformers import HfArgumentParser, TrainingArguments\n"
        "@dataclass\nclass Own:\n    peak_lr: float = 1e-4\n"
        "    loss: str = field(default='dpo', metadata={'help': 'which', 'choices': ['dpo', 'ipo']})\n"
        "(own,) = HfArgumentParser((Own,)).parse_args_into_dataclasses()\n"
        "args = TrainingArguments(output_dir='x', learning_rate=own.peak_lr)\n"
    )
    (tmp_path / "a.py").write_text(script)
    (tmp_path / "b.py").write_text(script.replace("((Own,))", "((Own, TrainingArguments))"))
    found = {s.name: s for s in settings.discover(tmp_path / "a.py", tmp_path)}
    assert "learning_rate" not in found
    assert found["loss"].choices == ("dpo", "ipo")
    assert "learning_rate" in {s.name for s in settings.discover(tmp_path / "b.py", tmp_path)}


def test_each_command_of_fire_has_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import fire\ndef train(utd=1, tau=0.005):\n    pass\ndef play(episodes=3):\n    pass\n"
        "fire.Fire({'train': train, 'play': play})\n"
    )
    found = {s.name: s.default for s in settings.discover(tmp_path / "a.py", tmp_path)}
    assert found == {"utd": 1, "tau": 0.005, "episodes": 3}


INI = "[train]\nlr = 1e-3  ; of the head\namp = yes\nsplit = scaffold\n[out]\nsave = off\n"
GIN = "import gin.torch\n\ntrain.lr = 5e-4  # peak\ntrain.words = ['yes', 'no']\nNet.act = @relu\nNet.depth = 4\n"


def test_ini_and_gin_files_hold_settings_and_are_changed_in_their_own_way(tmp_path: Path) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "a.cfg").write_text(INI)
    (tmp_path / "b.gin").write_text(GIN)
    (tmp_path / "a.py").write_text(
        "import configparser\nc = configparser.ConfigParser()\nc.read('a.cfg')\n"
    )
    (tmp_path / "b.py").write_text("import gin\ngin.parse_config_file('b.gin')\n")
    ini = {s.name: s for s in settings.discover(tmp_path / "a.py", tmp_path)}
    assert (ini["train.lr"].default, ini["train.lr"].help) == (1e-3, "of the head")
    assert ini["train.amp"].default is True
    assert ini["out.save"].default is False
    gin = {s.name: s for s in settings.discover(tmp_path / "b.py", tmp_path)}
    assert gin["train.words"].default == ["yes", "no"]
    assert "Net.act" not in gin
    changed = settings.apply(
        {"train.amp": "false", "train.lr": "0.01"}, ["python", "a.py"], tmp_path, tmp_path
    )
    (text,) = changed.overlay.values()
    assert "amp = no\n" in text
    assert "lr = 0.01" in text
    changed = settings.apply({"Net.depth": "6"}, ["python", "b.py"], tmp_path, tmp_path)
    (text,) = changed.overlay.values()
    assert "Net.depth = 6\n" in text


def test_a_function_of_the_script_may_read_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import os\ndef env(name, default):\n    raw = os.environ.get(name)\n"
        "    return default if raw is None else type(default)(raw)\n"
        "RATE = env('RATE_OF_IT', 1e-3)\nAMP = env('AMP_OF_IT', True)\n"
    )
    found = {s.name: s for s in settings.discover(tmp_path / "a.py", tmp_path)}
    assert (found["RATE_OF_IT"].type, found["RATE_OF_IT"].default) == ("float", 1e-3)
    assert found["AMP_OF_IT"].default is True
    changed = settings.apply({"RATE_OF_IT": "0.1"}, ["python", "a.py"], tmp_path, tmp_path)
    (text,) = changed.overlay.values()
    assert "env('RATE_OF_IT', 0.1)" in text
