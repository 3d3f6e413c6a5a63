"""Settings that are declared elsewhere than where the command is parsed: a docstring, fields, entries, parameters, bags."""

from pathlib import Path

import pytest

from labhand.kit import settings

DOCOPT = '''"""Train vectors.

Usage:
  train.py <corpus> [options]

Options:
  -d N --dim=N       Size of the vectors [default: 100].
  --min-rate=R       Where the rate ends
                     [default: 1e-4].
  --cbow             Another objective.
  -h --help          This text.
"""
from docopt import docopt
given = docopt(__doc__)
'''
FIELDS = """
import argparse, attr, dataclasses

@dataclasses.dataclass
class Config:
    lr: float = 0.1
    batch_size: int = 32

@attr.s(auto_attribs=True)
class Net:
    width: int = attr.ib(default=64)
    drop: float = attr.ib(0.1)

parser = argparse.ArgumentParser()
for field in dataclasses.fields(Config):
    parser.add_argument("--" + field.name.replace("_", "-"), type=field.type, default=field.default)
for field in attr.fields(Net):
    parser.add_argument(f"--{field.name}", type=field.type, default=field.default)
"""
ENTRIES = """
import argparse
usual = dict(lr=0.1)
defaults = {"epochs": 5, "sampler": "uniform"}
parser = argparse.ArgumentParser()
for name, value in defaults.items():
    parser.add_argument(f"--{name}", type=type(value), default=value)
"""
CLASSES = """
from jsonargparse import CLI, ArgumentParser

class Net:
    def __init__(self, width: int = 64, act="relu"): ...

def main(lr: float = 0.1): ...

parser = ArgumentParser()
parser.add_class_arguments(Net, "net")
CLI(main)
"""
EXPERIMENT = """
from sacred import Experiment
ex = Experiment("nodes")

@ex.config
def settings():
    lr = 0.01
    model = {"hidden": 16, "drop": 0.5}

@ex.named_config
def other():
    lr = 0.5
"""
BAGS = """
from easydict import EasyDict as edict
cfg = edict()
cfg.SEED = 7
cfg.TRAIN = edict(dict(BATCH=64, EPOCHS=200))
cfg.DATA = edict({"SIZE": 32})
config = {"lr": 0.1, "opt": dict(name="adam", wd=0.01)}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "labhand.toml").touch()
    return tmp_path


def found(folder: Path, source: str) -> dict[str, object]:
    (folder / "train.py").write_text(source)
    return {s.name: s.default for s in settings.discover(folder / "train.py", folder)}


def command(folder: Path, *words: str, **wanted: str) -> list[str]:
    plain = {name.replace("__", "."): value for name, value in wanted.items()}
    return settings.apply(plain, ["python", "train.py", *words], folder, folder).command[2:]


def text(folder: Path, **wanted: str) -> str:
    plain = {name.replace("__", "."): value for name, value in wanted.items()}
    overlay = settings.apply(plain, ["python", "train.py"], folder, folder).overlay
    return overlay[folder / "train.py"]


def test_options_of_a_docstring(folder: Path) -> None:
    assert found(folder, DOCOPT) == {"dim": 100, "min_rate": 1e-4, "cbow": False}
    assert command(folder, "text8", dim="50", cbow="true") == ["text8", "--dim", "50", "--cbow"]


def test_flags_made_of_the_fields_of_a_class(folder: Path) -> None:
    told = found(folder, FIELDS)
    assert told.items() >= {"lr": 0.1, "batch_size": 32, "width": 64, "drop": 0.1}.items()
    assert command(folder, batch_size="8", width="9") == ["--batch-size", "8", "--width", "9"]


def test_flags_made_of_the_entries_of_a_dictionary(folder: Path) -> None:
    assert found(folder, ENTRIES).items() >= {"epochs": 5, "sampler": "uniform"}.items()
    assert command(folder, epochs="9") == ["--epochs", "9"]


def test_parameters_that_jsonargparse_takes_for_arguments(folder: Path) -> None:
    told = found(folder, CLASSES)
    assert told.items() >= {"net.width": 64, "net.act": "relu", "lr": 0.1}.items()
    assert command(folder, net__width="32") == ["--net.width", "32"]


def test_the_configuration_of_an_experiment(folder: Path) -> None:
    told = found(folder, EXPERIMENT)
    assert told.items() >= {"lr": 0.01, "model.hidden": 16, "model.drop": 0.5}.items()
    changed = text(folder, lr="0.2", model__drop="0.1")
    assert "lr = 0.2" in changed and '"drop": 0.1' in changed and "lr = 0.5" in changed


def test_entries_of_bags_within_bags(folder: Path) -> None:
    told = found(folder, BAGS)
    wanted = {"SEED": 7, "TRAIN.BATCH": 64, "DATA.SIZE": 32, "opt.name": "adam", "opt.wd": 0.01}
    assert told.items() >= wanted.items()
    changed = text(folder, TRAIN__BATCH="8", DATA__SIZE="16", opt__wd="0.1")
    assert all(t in changed for t in ("BATCH=8", '"SIZE": 16', "wd=0.1"))


def test_a_file_of_settings_that_a_word_of_the_command_names(folder: Path) -> None:
    (folder / "configs").mkdir()
    for name, rate in (("a", 0.1), ("b", 0.2)):
        lines = f"epochs = 5\n[optim]\nrate = {rate}\nclip = 1.0\n"
        (folder / "configs" / f"{name}.toml").write_text(lines)
    source = "import sys, tomllib\nconfig = tomllib.load(open(sys.argv[1], 'rb'))\n"
    assert found(folder, source) == {"epochs": 5, "optim.rate": None, "optim.clip": 1.0}
    words = ["python", "train.py", "configs/b.toml"]
    (path,) = settings.apply({"optim.rate": "0.3"}, words, folder, folder).overlay
    assert path == folder / "configs" / "b.toml"
