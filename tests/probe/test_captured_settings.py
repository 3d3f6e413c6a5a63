"""The settings a script ran with are in the record, however it reads them."""

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreters import PYTHONS, Home

from labhand.probe import values

NANOGPT = '''
"""Docstring."""
import os, sys, time
out_dir = "out"
eval_interval: int = 2000
learning_rate = 6e-4
decay_lr = True
min_lr = 1e-4 * 0.5
dtype = "bfloat16" if sys.version_info < (3,) else "float16"
seed = int(os.environ.get("SEED", "7"))
beta1, beta2 = 0.9, 0.95
wandb_token = "0123456789abcdef"
_private = 3
exec(open("overrides.py").read())
tokens = eval_interval * 2
start = time.time()
iter_num = 0
best = 1e9
names = [1, 2]
betas = (0.9, 0.95)
losses = [0.0]
losses.append(1.0)
none = []
hparams = {"depth": 2, "model": {"width": 8}}
scores = {"a": 1}
def helper():
    global counter
    counter = 1
counter = 0
if __name__ == "__main__":
    warmup = 100
    while iter_num < 3:
        iter_num += 1
        best = min(best, 1.0)
'''
NANOGPT_SETTINGS = {
    "out_dir": "out",
    "eval_interval": 2000,
    "learning_rate": 0.5,
    "decay_lr": True,
    "min_lr": 5e-5,
    "dtype": "float16",
    "seed": 7,
    "beta1": 0.9,
    "beta2": 0.95,
    "wandb_token": "***",
    "names": [1, 2],
    "betas": [0.9, 0.95],
    "hparams": {"depth": 2, "model": {"width": 8}},
    "warmup": 100,
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(params=sorted(PYTHONS), ids=lambda version: "py" + version)
def python(request: pytest.FixtureRequest) -> str:
    return PYTHONS[request.param]


def test_constants_of_the_main_script(home: Home, python: str) -> None:
    home.write("overrides.py", "learning_rate = 0.5")
    home.write("train.py", NANOGPT)
    ran = home.run("train.py", python=python)
    assert (ran.code, ran.err, ran.config()) == (0, "", NANOGPT_SETTINGS)


def test_a_config_object_of_the_main_script(home: Home, python: str) -> None:
    home.write(
        "train.py",
        "from dataclasses import dataclass, field\nfrom fractions import Fraction\n"
        "@dataclass\nclass Optim:\n    lr: float = 0.1\n"
        "@dataclass\nclass Config:\n    depth: int = 2\n    api_key: str = 'sk-123'\n"
        "    optim: Optim = field(default_factory=Optim)\n"
        "@dataclass\nclass Batch:\n    x: int = 1\n"
        "cfg = Config(depth=4)\nbatch = Batch()\ncfg.optim.lr = 0.5\n",
    )
    ran = home.run("train.py", python=python)
    assert (ran.code, ran.err) == (0, "")
    assert ran.config() == {"depth": 4, "api_key": "***", "optim": {"lr": 0.5}}


def test_a_config_object_of_a_function_that_is_running(home: Home, python: str) -> None:
    home.write("tensorboardX.py", "class SummaryWriter:\n    def add_scalar(self, *a): pass\n")
    home.write(
        "train.py",
        "from dataclasses import dataclass\nimport tensorboardX\n"
        "@dataclass\nclass TrainConfig:\n    depth: int = 2\n    lr: float = 0.1\n"
        "@dataclass\nclass Batch:\n    x: int = 1\n"
        "def fit(config, batch):\n"
        "    config.lr /= 2\n"
        "    tensorboardX.SummaryWriter().add_scalar('x', 1.0, 0)\n"
        "    config.lr = 99\n"
        "def main():\n"
        "    config = TrainConfig(depth=4)\n"
        "    fit(config, Batch())\n"
        "main()\n",
    )
    ran = home.run("train.py", python=python)
    assert (ran.code, ran.err) == (0, "")
    assert ran.config() == {"depth": 4, "lr": 0.05}


def test_argparse_as_parsed_and_as_used(home: Home, python: str) -> None:
    home.write("tensorboardX.py", "class SummaryWriter:\n    def add_scalar(self, *a): pass\n")
    home.write("options.py", "import argparse\nimport tool\ndef read(p): return p.parse_args()\n")
    home.write(
        "tool.py", "import argparse\nq = argparse.ArgumentParser()\nq.parse_known_args(['x'])\n"
    )
    home.write(
        "train.py",
        "import argparse, pathlib, tensorboardX, options\n"
        "p = argparse.ArgumentParser()\n"
        "p.add_argument('--lr', type=float, default=0.1)\n"
        "p.add_argument('--out', type=pathlib.Path)\n"
        "p.add_argument('--hf_token')\n"
        "p.set_defaults(run=print)\n"
        "sub = p.add_subparsers().add_parser('fit')\n"
        "sub.add_argument('--layers', type=int, nargs='*')\n"
        "args = options.read(p)\n"
        "args.lr *= 2\n"
        "tensorboardX.SummaryWriter().add_scalar('x', 1.0, 0)\n"
        "args.lr = 99\n",
    )
    ran = home.run(
        "train.py",
        "--out",
        "a/b",
        "--hf_token",
        "s3cret-value",
        "fit",
        "--layers",
        "1",
        "2",
        python=python,
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.config() == {"lr": 0.2, "out": "a/b", "hf_token": "***", "layers": [1, 2]}
    assert "s3cret" not in "".join(
        path.read_text(errors="replace") for path in home.attempt.iterdir()
    )


def test_other_ranks_stay_silent(home: Home) -> None:
    home.write("train.py", "lr = 0.5\n")
    assert home.run("train.py", RANK="1").config() == {}
    assert home.run("train.py", RANK="0").config() == {"lr": 0.5}


def test_tools_that_the_script_starts_say_nothing(home: Home) -> None:
    home.write("tool.py", "depth = 3\n")
    home.write(
        "train.py", "import subprocess, sys\nlr = 1\nsubprocess.run([sys.executable, 'tool.py'])\n"
    )
    assert home.run("train.py").config() == {"lr": 1}


SCRIPTS = {
    "click": (
        "import click\n"
        "@click.group()\n@click.option('--seed', default=1)\ndef main(seed): pass\n"
        "@main.command()\n@click.option('--lr', default=0.1)\n@click.option('--password')\n"
        "def train(lr, password): pass\n"
        "main()\n",
        ["--seed", "3", "train", "--lr", "0.2", "--password", "hush"],
        {"seed": 3, "lr": 0.2, "password": "***"},
    ),
    "typer": (
        "import typer\ndef main(lr: float = 0.1, name: str = 'x'): pass\ntyper.run(main)\n",
        ["--lr", "0.2"],
        {"lr": 0.2, "name": "x"},
    ),
    "fire": (
        "import fire\ndef main(lr=0.1, layers=2): pass\nfire.Fire(main)\n",
        ["--lr", "0.2"],
        {"lr": 0.2, "layers": 2},
    ),
    "absl": (
        "from absl import app, flags\nflags.DEFINE_float('lr', 0.1, '')\napp.run(lambda _: None)\n",
        ["--lr", "0.2"],
        {"lr": 0.2},
    ),
    "hydra": (
        "import hydra\n"
        "@hydra.main(version_base=None, config_path='conf', config_name='c')\n"
        "def main(cfg): pass\n"
        "main()\n",
        ["lr=0.2"],
        {"lr": 0.2, "twice": 0.2, "model": {"width": 3}},
    ),
    "yaml": (
        "import yaml\nwith open('conf/c.yaml') as file:\n    cfg = yaml.safe_load(file)\nyaml.safe_load('a: 1')\n",
        [],
        {"lr": 0.1, "twice": "${lr}", "model": {"width": 3}},
    ),
    "transformers": (
        "from dataclasses import dataclass\nfrom transformers import HfArgumentParser\n"
        "@dataclass\nclass A:\n    lr: float = 0.1\n    name: str = 'm'\n"
        "HfArgumentParser(A).parse_args_into_dataclasses()\n",
        ["--lr", "0.2"],
        {"lr": 0.2, "name": "m"},
    ),
}


@pytest.mark.parametrize("parser", SCRIPTS)
def test_parsers(home: Home, parser: str) -> None:
    if importlib.util.find_spec(parser) is None:
        pytest.skip(f"{parser} is not installed")
    text, arguments, expected = SCRIPTS[parser]
    home.write("train.py", text)
    home.write("conf/c.yaml", "lr: 0.1\ntwice: ${lr}\nmodel:\n  width: 3\n")
    ran = home.run("train.py", *arguments)
    assert (ran.code, ran.config(), ran.events("fault")) == (0, expected, [])


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
TREES = st.recursive(
    LEAVES | st.builds(object),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=30,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), TREES))
def test_any_settings_become_strict_json(given_settings: dict) -> None:
    told = values.plain(given_settings)
    text = json.dumps(told, allow_nan=False, ensure_ascii=False)
    assert json.loads(text.encode("utf-8")) == told
    assert len(told) <= len(given_settings)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        *[
            (name, True)
            for name in (
                "api_key",
                "WANDB_API_KEY",
                "hf_token",
                "token",
                "db_password",
                "aws_secret",
            )
        ],
        *[
            (name, False)
            for name in ("pad_token", "max_tokens", "monitor_key", "tokenizer", "author", "keys")
        ],
    ],
)
def test_secrets_are_known_by_their_names(name: str, hidden: bool) -> None:
    assert values.plain({name: "plain value"}) == {name: "***" if hidden else "plain value"}
    assert values.plain({name: 12}) == {name: 12}


def test_secrets_are_known_by_their_shape_and_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", "value-of-the-variable")
    key = "AKIA" + "Q7" * 8
    told = values.plain(
        {"url": "https://me:pass@host/x", "a": f"id {key}.", "b": "=value-of-the-variable"}
    )
    assert told == {"url": "https://***@host/x", "a": "id ***.", "b": "=***"}
