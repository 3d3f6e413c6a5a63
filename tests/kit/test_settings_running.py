"""Settings of code that runs from a script, wherever it stands and whatever library lies between."""

from pathlib import Path

from labhand.kit.settings import apply, discover

MODEL = """\
import torch


class Net(torch.nn.Module):
    def __init__(self, inputs, width=64, dropout=0.1, activation="relu"):
        super().__init__()

    def forward(self, x, scale=2.0):
        return x


class Unused:
    def __init__(self, patience=3):
        pass
"""
TRAIN = """\
import torch
from model import Net

optim = dict(lr=0.1, momentum=0.9)


def main(steps=100, **kwargs):
    net = Net(8, 128)
    opt = torch.optim.SGD(net.parameters(), **optim)
    warmup = kwargs.get("warmup", 10)
    for step in range(steps):
        loss = recon(net) + 0.5 * kl(net)
        if step % 20 == 0:
            evaluate(net)


if __name__ == "__main__":
    some_library.call(main)
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def found(folder: Path) -> dict[str, object]:
    return {s.name: s.default for s in discover(folder / "train.py", folder)}


def test_defaults_and_places_of_other_files_are_settings(tmp_path: Path) -> None:
    known = found(write(tmp_path, model=MODEL, train=TRAIN))
    assert known["width"] == 128
    assert known["dropout"] == 0.1
    assert known["activation"] == "relu"
    assert "patience" not in known
    assert "scale" not in known


def test_what_is_handed_to_a_library_runs(tmp_path: Path) -> None:
    known = found(write(tmp_path, model=MODEL, train=TRAIN))
    assert known["steps"] == 100
    assert known["warmup"] == 10
    assert (known["lr"], known["momentum"]) == (0.1, 0.9)


def test_numbers_without_a_name_are_called_by_what_they_are_about(tmp_path: Path) -> None:
    known = found(write(tmp_path, model=MODEL, train=TRAIN))
    assert known["kl_weight"] == 0.5
    assert known["evaluate_every"] == 20
    folder = write(tmp_path)
    changed = apply({"kl_weight": "2.0", "width": "32"}, ["python", "train.py"], folder, folder)
    text = changed.overlay[tmp_path / "train.py"]
    assert "2.0 * kl(net)" in text
    assert "Net(8, 32)" in text


def test_a_file_of_settings_in_python_is_changed_where_the_command_names_it(tmp_path: Path) -> None:
    script = "import argparse\nap = argparse.ArgumentParser()\nap.add_argument('config')\nargs = ap.parse_args()\ncfg = Config.fromfile(args.config)\n"
    config = "model = dict(depth=50)\ndata = dict(train=dict(scale=(1000, 600)))\noptimizer = dict(type='SGD', lr=0.01)\n"
    write(tmp_path, train=script, small=config)
    known = found(tmp_path)
    assert known["optimizer.lr"] == 0.01
    command = ["python", "train.py", "small.py"]
    changed = apply({"optimizer.lr": "0.1", "scale": "[500, 300]"}, command, tmp_path, tmp_path)
    text = changed.overlay[tmp_path / "small.py"]
    assert "dict(type='SGD', lr=0.1)" in text
    assert "scale=(500, 300)" in text


def test_records_of_any_library_are_settings(tmp_path: Path) -> None:
    text = "from pydantic import BaseModel, Field\nclass Cfg(BaseModel):\n    depth: int = Field(3, ge=1)\n    rate: float = 0.1\n"
    known = found(write(tmp_path, train=text))
    assert known == {"depth": 3, "rate": 0.1}


def test_a_command_that_lacks_its_subcommand_gets_it(tmp_path: Path) -> None:
    parser = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--seed', type=int, default=0)\nsub = p.add_subparsers()\nft = sub.add_parser('finetune')\nft.add_argument('--lr', type=float, default=0.1)\n"
    write(tmp_path, train=parser)
    changed = apply({"lr": "0.5", "seed": "1"}, ["python", "train.py"], tmp_path, tmp_path)
    assert changed.command[2:] == ["--seed", "1", "finetune", "--lr", "0.5"]
    click = "import click\n@click.group()\ndef cli(): pass\n@cli.command('fit')\n@click.option('--lr', default=0.1)\ndef train(lr): pass\n"
    write(tmp_path, train=click)
    changed = apply({"lr": "0.5"}, ["python", "train.py"], tmp_path, tmp_path)
    assert changed.command[2:] == ["fit", "--lr", "0.5"]
    changed = apply({"lr": "0.5"}, ["python", "train.py", "fit"], tmp_path, tmp_path)
    assert changed.command[2:] == ["fit", "--lr", "0.5"]
