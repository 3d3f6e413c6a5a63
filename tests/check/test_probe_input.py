"""A probe of a command that cannot be looked at: one sentence, and nothing of the project is changed."""

import importlib.util
import json
import sys

import pytest
from test_probe import CLASSIFIER, planted, probed, told

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]

WRONG = {
    "no torch": ("print('hello')\n", "never imported PyTorch"),
    "never trains": ("import torch\nprint(torch.ones(2))\n", "ended without an optimizer step"),
    "raises": ("import torch\nraise ValueError('no data')\n", "ValueError: no data at train.py:2"),
    "waits": ("import torch\nname = input('name? ')\n", "it waits for input"),
    "asks for CUDA": ("import torch\ntorch.zeros(1, device='cuda')\n", "it asks for a GPU"),
    "writes outside": ("import torch\nopen('/etc/labhand-was-here', 'w')\n", "it writes outside"),
    "wants the network": (
        "import torch, urllib.request\nurllib.request.urlopen('http://192.0.2.1/x', timeout=5)\n",
        "it wants the network",
    ),
    "arguments": (
        "import argparse, torch\np = argparse.ArgumentParser()\n"
        "p.add_argument('--data', required=True)\np.parse_args()\n",
        "the following arguments are required: --data",
    ),
    "missing module": ("import torch\nimport nothing_of_that_name\n", "install it"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_command_that_comes_to_no_step_is_told_in_one_sentence(lab, name):
    if name == "asks for CUDA":
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
    text, sentence = WRONG[name]
    lab.script("train.py", text)
    ran = lab("check", "--probe", "--", lab.python, "train.py", timeout=300)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith("labhand: ") and ran.stderr.count("\n") == 1
    assert sentence in ran.stderr
    assert sorted(p.name for p in lab.folder.iterdir()) == ["train.py"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--probe"], "takes the command that trains"),
        (["--probe", "--"], "takes the command that trains"),
        (["--probe", "--", sys.executable, "tarin.py"], "there is no script tarin.py"),
        (["--probe", "--", "no-such-command", "x"], "there is no command `no-such-command`"),
    ],
)
def test_a_call_that_is_wrong_starts_nothing(lab, arguments, sentence):
    lab.script("train.py", "import torch\n")
    ran = lab("check", *arguments)
    assert ran.returncode == 2
    assert sentence in ran.stderr and ran.stderr.count("\n") == 1


def test_nothing_is_written_into_the_project_and_what_was_seen_before_an_error_is_told(lab):
    text = planted(
        CLASSIFIER,
        ("        optimizer.zero_grad()\n", ""),
        ("        torch.save(", "        assert epoch < 0, 'enough'\n        torch.save("),
    )
    before = {p.name: p.read_bytes() for p in lab.folder.iterdir()}
    answer = probed(lab, text)
    assert list(told(answer)) == ["grad-zero-missing"]
    assert "AssertionError: enough at train.py:" in answer["summary"]["probe"]["trouble"]
    after = {p.name: p.read_bytes() for p in lab.folder.iterdir() if p.name != "train.py"}
    assert after == before


def test_a_script_may_write_where_it_likes_in_its_copy_of_the_project(lab):
    lab.script("out/old.txt", "kept")
    text = planted(
        CLASSIFIER,
        ('"last.pt")\n', '"out/last.pt")\n        open("out/old.txt", "w").close()\n'),
    )
    answer = probed(lab, text)
    assert answer["summary"]["probe"]["trouble"] is None
    assert sorted(p.name for p in lab.folder.iterdir()) == ["out", "train.py"]
    assert [p.name for p in (lab.folder / "out").iterdir()] == ["old.txt"]
    assert (lab.folder / "out/old.txt").read_text() == "kept"


def test_a_script_in_a_folder_of_the_project_finds_its_modules_and_its_data(lab, monkeypatch):
    lab.script("labhand.toml", "")
    lab.script("src/net.py", CLASSIFIER)
    lab.script(
        "src/train.py",
        "import json, os\nfrom net import main\n"
        "assert json.load(open('../data/rows.json')) == [1, 2]\n"
        "assert 'DATA' in os.environ and 'MY_API_KEY' not in os.environ\nmain()\n",
    )
    lab.script("data/rows.json", "[1, 2]")
    monkeypatch.setenv("DATA", "here")
    monkeypatch.setenv("MY_API_KEY", "sk-1234567890abcdef")
    ran = lab(
        "check", "-C", "src", "--probe", "--format", "json", "--", lab.python, "train.py",
        "--epochs", "3", timeout=300,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr
    assert json.loads(ran.stdout)["summary"]["probe"]["steps"] >= 8
