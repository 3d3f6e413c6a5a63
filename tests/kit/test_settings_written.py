"""Settings that stand in running code are found, and change what runs."""

import json
from pathlib import Path

import pytest

from labhand.core.errors import UsageError
from labhand.kit import settings

CALLS = """
import torch
from torch.utils.data import DataLoader

class Net(torch.nn.Module):
    def __init__(self, width, depth=2):
        super().__init__()

def main():
    seed = 13
    best = 0.0
    torch.manual_seed(seed)
    train = DataLoader([1], batch_size=32)
    test = DataLoader([1], batch_size=100)
    net = Net(width=64)
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(20):
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)

if __name__ == "__main__":
    main()
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def changed(folder: Path, command: str = "python train.py", **values: str) -> str:
    """The texts that run in place of the files, one after another."""
    given = {key.replace("__", "."): value for key, value in values.items()}
    return "\n".join(settings.apply(given, command.split(), folder, folder).overlay.values())


def found(folder: Path) -> dict[str, object]:
    return {s.name: s.default for s in settings.discover(folder / "train.py", folder)}


def test_arguments_loops_and_names_of_what_runs_are_settings(tmp_path: Path) -> None:
    write(tmp_path, train=CALLS)
    assert found(tmp_path).items() >= {
        "seed": 13, "lr": 0.1, "momentum": 0.9, "width": 64, "epochs": 20, "max_norm": 1.0,
    }.items()  # fmt: skip
    assert "best" not in found(tmp_path)
    text = changed(tmp_path, momentum="0.5", epochs="3", max_norm="0.25", width="8")
    assert "lr=0.1, momentum=0.5)" in text
    assert "range(3)" in text
    assert "parameters(), 0.25)" in text
    assert "Net(width=8)" in text


def test_arguments_of_one_name_are_told_apart_by_what_they_make(tmp_path: Path) -> None:
    write(tmp_path, train=CALLS)
    with pytest.raises(UsageError, match=r"`test\.batch_size` or `train\.batch_size`"):
        changed(tmp_path, batch_size="8")
    assert "batch_size=8)\n    test = DataLoader([1], batch_size=100)" in changed(
        tmp_path, train__batch_size="8"
    )


def test_defaults_that_no_call_gives_are_settings(tmp_path: Path) -> None:
    write(
        tmp_path, train="def train(steps, lr=1e-3, width=64):\n    pass\n\ntrain(100, width=32)\n"
    )
    assert found(tmp_path) == {"steps": 100, "lr": 1e-3, "width": 32}
    assert "lr=0.01, width=64" in changed(tmp_path, lr="0.01")


def test_fields_of_bags_are_settings_by_their_path(tmp_path: Path) -> None:
    write(
        tmp_path,
        train="from types import SimpleNamespace\nfrom model import get_config\ncfg = get_config()\n",
        model="from ml_collections import ConfigDict\ndef get_config():\n    config = ConfigDict()\n"
        "    config.train = ConfigDict()\n    config.train.lr = 1e-3\n    config.seed = 1\n    return config\n",
    )
    assert found(tmp_path) == {"train.lr": 1e-3, "seed": 1}
    assert "config.train.lr = 0.5" in changed(tmp_path, lr="0.5")


def test_the_config_file_of_ml_collections_is_reached_by_its_flag(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    write(
        tmp_path,
        train="from ml_collections import config_flags\nconfig_flags.DEFINE_config_file('config', 'configs/a.py')\n",
    )
    write(
        tmp_path / "configs",
        a="import ml_collections\ndef get_config():\n    config = ml_collections.ConfigDict()\n    config.lr = 1e-3\n    return config\n",
    )
    applied = settings.apply({"lr": "0.5"}, ["python", "train.py"], tmp_path, tmp_path)
    assert applied.command == ["python", "train.py", "--config.lr=0.5"]


def test_a_device_that_code_chooses_can_be_set(tmp_path: Path) -> None:
    write(
        tmp_path,
        train="import torch\ndevice = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\n",
    )
    assert 'torch.device("cpu")' in changed(tmp_path, device="cpu")


def test_json_files_are_read_and_the_one_the_command_names_changes(tmp_path: Path) -> None:
    script = "import argparse, json\np = argparse.ArgumentParser()\np.add_argument('--config')\njson.load(open(p.parse_args().config))\n"
    write(tmp_path, train=script)
    (tmp_path / "configs").mkdir()
    for name, lr in (("small", 0.1), ("large", 0.01)):
        text = json.dumps({"optim": {"lr": lr, "name": "adam"}, "epochs": 3})
        (tmp_path / "configs" / f"{name}.json").write_text(text)
    assert found(tmp_path)["optim.lr"] is None  # the files differ in it
    with pytest.raises(UsageError, match="say in the command which one is read"):
        changed(tmp_path, lr="0.5")
    command = "python train.py --config configs/small.json"
    assert json.loads(changed(tmp_path, command, lr="0.5"))["optim"] == {"lr": 0.5, "name": "adam"}


@pytest.mark.parametrize("layer", ["torch.nn.Dropout(0.1)", "torch.nn.Dropout2d(p=0.1)"])
def test_the_one_rate_of_dropout_is_a_setting_and_of_several_none_is(
    tmp_path: Path, layer: str
) -> None:
    one = CALLS.replace("super().__init__()", f"super().__init__()\n        self.drop = {layer}")
    write(tmp_path, train=one)
    assert found(tmp_path)["dropout"] == 0.1
    assert layer.replace("0.1", "0.3") in changed(tmp_path, dropout="0.3")
    write(
        tmp_path,
        train=one.replace("self.drop", "self.other = torch.nn.Dropout(0.5)\n        self.drop"),
    )
    assert "dropout" not in found(tmp_path)
