import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.core.errors import NotFoundError, UsageError
from labhand.kit import settings
from labhand.kit.settings import apply, discover, seed_setting

ARGPARSE = """\
import argparse

def get_parser():
    parser = argparse.ArgumentParser()
    group = parser.add_argument_group("optim")
    group.add_argument("--learning-rate", "--lr", type=float, default=0.1)
    parser.add_argument("-b", "--batch-size", type=int, default=32, dest="bs")
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--opt", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--seed", type=int, default=0)
    return parser

if __name__ == "__main__":
    print(sorted(vars(get_parser().parse_args()).items()))
"""

NANO = """\
# how we train
learning_rate = 6e-4  # max learning rate
grad_accum = 5 * 8
out_dir = 'out'
compile = True
betas = (0.9, 0.95)
device = None
_private = 3
if True:
    steps = 2
exec(open('configurator.py').read())
print(learning_rate, grad_accum, out_dir, compile, betas, device)
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def set_in(folder: Path, command: str, **values: str) -> settings.Applied:
    return apply(values, command.split(), folder, folder)


def run(folder: Path, applied: settings.Applied) -> str:
    for path, text in applied.overlay.items():
        path.write_text(text)
    command = [sys.executable if w == "python" else w for w in applied.command]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def by_name(folder: Path, script: str = "train.py") -> dict[str, settings.Setting]:
    return {s.name: s for s in discover(folder / script, folder)}


def test_argparse_flags_are_found_with_types_defaults_and_choices(tmp_path: Path) -> None:
    found = by_name(write(tmp_path, train_py=ARGPARSE))
    assert found["learning_rate"].type == "float" and found["learning_rate"].default == 0.1
    assert found["bs"].flag == "--batch-size"
    assert found["amp"].default is False and found["amp"].type == "bool"
    assert found["opt"].choices == ("sgd", "adam")
    assert found["sizes"].type == "list"


def test_flags_are_appended_and_the_script_takes_them(tmp_path: Path) -> None:
    write(tmp_path, train_py=ARGPARSE)
    applied = set_in(
        tmp_path, "python train.py", lr="1e-3", batch_size="64", amp="true", shuffle="no",
        sizes="3,4,5", opt="adam",
    )  # fmt: skip
    assert applied.overlay == {}
    assert applied.resolved["learning_rate"] == 1e-3
    out = run(tmp_path, applied)
    assert "('learning_rate', 0.001)" in out and "('bs', 64)" in out and "('amp', True)" in out
    assert "('shuffle', False)" in out and "('sizes', [3, 4, 5])" in out and "'adam'" in out


def test_flags_that_are_there_are_replaced_where_they_stand(tmp_path: Path) -> None:
    write(tmp_path, train_py=ARGPARSE)
    applied = set_in(
        tmp_path, "python train.py --lr=0.5 --amp --sizes 7 8 --seed 3", lr="-2", amp="false",
        sizes="9",
    )  # fmt: skip
    assert applied.command == "python train.py --learning-rate=-2 --sizes 9 --seed 3".split()
    assert "('learning_rate', -2.0)" in run(tmp_path, applied)


def test_an_unknown_key_names_the_nearest_and_lists_them(tmp_path: Path) -> None:
    write(tmp_path, train_py=ARGPARSE)
    with pytest.raises(
        NotFoundError, match=r"did you mean `learning_rate`.*It has: learning_rate, bs"
    ):
        set_in(tmp_path, "python train.py", learnin_rate="1")


def test_values_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write(tmp_path, train_py=ARGPARSE)
    for key, value, says in (
        ("lr", "fast", "a number"),
        ("batch-size", "1.5", "a whole number"),
        ("amp", "maybe", "true or false"),
        ("opt", "adan", "one of sgd, adam"),
    ):
        with pytest.raises(UsageError, match=says):
            apply({key: value}, ["python", "train.py"], tmp_path, tmp_path)


def test_constants_change_in_an_overlay_that_is_otherwise_the_same(tmp_path: Path) -> None:
    write(tmp_path, train_py=NANO, configurator_py="")
    applied = set_in(
        tmp_path, "python train.py", learning_rate="1e-3", grad_accum="4", out_dir="it's",
        compile="off", betas="0.8,0.9", device="cuda:0",
    )  # fmt: skip
    text = applied.overlay[tmp_path / "train.py"]
    assert (tmp_path / "train.py").read_text() == NANO
    assert text == (
        NANO.replace("6e-4", "1e-3").replace("5 * 8", "4").replace("'out'", r"'it\'s'")
        .replace("= True", "= False").replace("(0.9, 0.95)", "(0.8, 0.9)").replace("None", '"cuda:0"')
    )  # fmt: skip
    assert run(tmp_path, applied).split() == "0.001 4 it's False (0.8, 0.9) cuda:0".split()


def test_a_configurator_that_runs_over_arguments_gets_a_flag(tmp_path: Path) -> None:
    write(tmp_path, train_py=NANO, configurator_py="")
    applied = set_in(
        tmp_path, "python train.py config/x.py --learning_rate=3", learning_rate="1e-3"
    )
    assert applied.overlay == {}
    assert applied.command == "python train.py config/x.py --learning_rate=1e-3".split()


def test_windows_line_ends_and_other_alphabets_survive_the_overlay(tmp_path: Path) -> None:
    text = "name = 'größe'; lr = 0.1  # Größe\r\nπ = 3\r\nprint(lr)\r\n"
    (tmp_path / "train.py").write_bytes(text.encode())
    applied = set_in(tmp_path, "python train.py", lr="0.2")
    assert applied.overlay[tmp_path / "train.py"] == text.replace("0.1", "0.2")


DATACLASS = """\
from dataclasses import dataclass, field
from typing import Literal

@dataclass
class Optim:
    lr: float = 0.1
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])

@dataclass
class Model:
    width: int = 8
    act: Literal["relu", "gelu"] = "relu"
    lr: float = 1.0
"""


def test_dataclass_defaults_change_in_the_file_that_holds_them(tmp_path: Path) -> None:
    script = "from conf import Model, Optim\nprint(Optim(), Model(width=4))\n"
    write(tmp_path, conf_py=DATACLASS, train_py=script)
    applied = apply(
        {"Optim.lr": "3e-4", "betas": "0.5,0.6", "act": "gelu"}, ["python", "train.py"], tmp_path,
        tmp_path,
    )  # fmt: skip
    assert list(applied.overlay) == [tmp_path / "conf.py"]
    assert "lr=0.0003, betas=[0.5, 0.6]" in run(tmp_path, applied)
    with pytest.raises(UsageError, match=r"`Model.lr` or `Optim.lr`"):
        set_in(tmp_path, "python train.py", lr="1")
    with pytest.raises(UsageError, match="one of relu, gelu"):
        set_in(tmp_path, "python train.py", act="silu")


def test_a_value_passed_to_the_constructor_is_the_one_that_changes(tmp_path: Path) -> None:
    script = "from conf import Model\nprint(Model(width=4))\n"
    write(tmp_path, conf_py=DATACLASS, train_py=script)
    applied = set_in(tmp_path, "python train.py", width="16")
    assert applied.overlay == {tmp_path / "train.py": script.replace("4", "16")}


@pytest.mark.parametrize(
    "command",
    [
        "python train.py",
        "python3.11 -u -W ignore train.py",
        "uv run train.py",
        "torchrun --nproc_per_node 2 --standalone train.py",
        "accelerate launch --num_processes 1 train.py",
        "python -m torch.distributed.run --nproc_per_node=2 train.py",
        "python -m train",
        "env A=1 python train.py",
    ],
)
def test_the_script_is_found_behind_launchers(tmp_path: Path, command: str) -> None:
    write(tmp_path, train_py=ARGPARSE)
    applied = set_in(tmp_path, command, lr="2")
    assert applied.command == [*command.split(), "--learning-rate", "2"]


def test_shell_scripts_and_other_programs_are_told_so(tmp_path: Path) -> None:
    write(tmp_path, train_py=ARGPARSE)
    with pytest.raises(UsageError, match="hides its Python command in a shell script"):
        set_in(tmp_path, "bash x.sh", lr="1")
    with pytest.raises(UsageError, match="sees no Python script"):
        set_in(tmp_path, "make train", lr="1")
    (tmp_path / "train.py").write_text("def f(:\n")
    with pytest.raises(UsageError, match="line 1 is no Python"):
        set_in(tmp_path, "python train.py", lr="1")


CLICK = """\
import click

@click.command()
@click.option("--lr", type=float, default=0.1)
@click.option("--mode", type=click.Choice(["a", "b"]))
@click.option("--shout/--no-shout", default=False)
@click.option("--tag", "tags", multiple=True, default=["x"])
def main(lr, mode, shout, tags):
    print(lr, mode, shout, tags)

main()
"""


def test_click_options(tmp_path: Path) -> None:
    write(tmp_path, train_py=CLICK)
    applied = set_in(tmp_path, "python train.py", lr="1e-2", mode="b", shout="1", tags="p,q")
    assert run(tmp_path, applied).strip() == "0.01 b True ('p', 'q')"


def test_typer_fire_absl_and_tyro_spell_it_their_way(tmp_path: Path) -> None:
    typer = (
        "import typer\nfrom typing import Annotated\napp = typer.Typer()\n@app.command()\n"
        "def main(data: str, batch_size: int = 3, lr: Annotated[float, typer.Option('--rate')] = 0.1,\n"
        "         amp: bool = typer.Option(False)):\n    pass\n"
    )
    fire = "import fire\ndef train(lr=0.1, amp=False):\n    pass\nfire.Fire(train)\n"
    absl = "from absl import flags\nflags.DEFINE_float('lr', 0.1, 'rate')\nflags.DEFINE_bool('amp', False, '')\n"
    tyro = "import tyro\nfrom dataclasses import dataclass\n@dataclass\nclass Args:\n    total_steps: int = 5\n    amp: bool = True\nargs = tyro.cli(Args)\n"
    hf = tyro.replace("import tyro", "from transformers import HfArgumentParser").replace("tyro.cli(Args)", "HfArgumentParser(Args)")  # fmt: skip
    write(tmp_path, a_py=typer, b_py=fire, c_py=absl, d_py=tyro, e_py=hf)

    def tail(script: str, **values: str) -> str:
        return " ".join(set_in(tmp_path, f"python {script}", **values).command[2:])

    assert tail("a.py", batch_size="4", lr="1", amp="true") == "--batch-size 4 --rate 1 --amp"
    assert "data" not in by_name(tmp_path, "a.py")
    assert tail("b.py", lr="1e-3", amp="yes") == "--lr=1e-3 --amp=True"
    assert tail("c.py", lr="1e-3", amp="yes") == "--lr=1e-3 --amp=True"
    assert tail("d.py", total_steps="7", amp="false") == "--total-steps 7 --no-amp"
    assert tail("e.py", total_steps="7", amp="false") == "--total_steps 7 --amp False"


def test_an_enum_is_one_of_its_values(tmp_path: Path) -> None:
    typer = (
        "import enum, typer\nclass Kind(str, enum.Enum):\n    fast = 'f'\n    slow = 's'\napp = typer.Typer()\n"
        "@app.command()\ndef main(kind: Kind = Kind.fast):\n    print(kind.value)\nif __name__ == '__main__':\n    app()\n"
    )
    tyro = "import enum, tyro\nfrom dataclasses import dataclass\nclass Kind(enum.Enum):\n    fast = 1\n    slow = 2\n@dataclass\nclass Args:\n    kind: Kind = Kind.slow\nargs = tyro.cli(Args)\n"
    write(tmp_path, a_py=typer, b_py=tyro)
    found = by_name(tmp_path, "a.py")
    assert {name: (s.default, s.choices) for name, s in found.items()} == {
        "kind": ("f", ("f", "s"))
    }
    assert by_name(tmp_path, "b.py")["kind"].choices == ("fast", "slow")
    with pytest.raises(UsageError, match="f, s"):
        set_in(tmp_path, "python a.py", kind="quick")


def test_hydra_keys_are_dotted_and_found_by_their_ending(tmp_path: Path) -> None:
    write(
        tmp_path,
        train_py="import hydra\n@hydra.main(config_path='conf', config_name='config', version_base=None)\ndef main(cfg):\n    pass\n",
        conf__config_yaml="defaults:\n  - model: small\n\noptim:\n  lr: 0.1  # rate\n  name: sgd\nseed: 3\n",
        conf__model__small_yaml="width: 8\n",
    )
    found = by_name(tmp_path)
    assert set(found) == {"optim.lr", "optim.name", "seed", "model", "model.width"}
    applied = set_in(tmp_path, "python train.py optim.lr=0.5", lr="1e-3", width="16")
    assert applied.command == "python train.py optim.lr=1e-3 model.width=16".split()
    assert applied.resolved == {"optim.lr": 1e-3, "model.width": 16}


YAML = "import argparse, yaml\nparser = argparse.ArgumentParser()\nparser.add_argument('--config', default='conf/a.yaml')\nprint(yaml.safe_load(open(parser.parse_args().config)))\n"
A = "model:\n  width: 8 # units\n  name: 'mlp'\noptim:\n  LR: 0.1\n  decay: true\n  warm: null\n  sizes: [1, 2]\n"


def test_the_values_of_a_yaml_file_that_the_script_reads_are_settings(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    write(tmp_path, train_py=YAML, conf__a_yaml=A, conf__b_yaml="optim:\n  LR: 3\n")
    found = by_name(tmp_path)
    assert {"config", "model.width", "model.name", "optim.LR", "optim.decay"} <= set(found)
    assert found["model.width"].help == "units"
    applied = set_in(
        tmp_path, "python train.py",
        LR="1e-5", width="16", name="no", decay="false", warm="2", sizes="3,4",
    )  # fmt: skip
    assert applied.command == ["python", "train.py"]
    assert "width: 16 # units" in applied.overlay[tmp_path / "conf/a.yaml"]
    assert run(tmp_path, applied) == (
        "{'model': {'width': 16, 'name': 'no'}, "
        "'optim': {'LR': 1e-05, 'decay': False, 'warm': 2, 'sizes': [3, 4]}}\n"
    )


def test_the_yaml_file_that_the_command_names_is_the_one_that_changes(tmp_path: Path) -> None:
    write(tmp_path, train_py=YAML, conf__a_yaml=A, conf__b_yaml="optim:\n  LR: 3\n")
    applied = set_in(tmp_path, "python train.py --config conf/b.yaml", LR="0.5")
    assert applied.overlay == {tmp_path / "conf/b.yaml": "optim:\n  LR: 0.5\n"}
    with pytest.raises(UsageError, match=r"`b.yaml` has no plain value `model.width`"):
        set_in(tmp_path, "python train.py --config conf/b.yaml", width="16")


HELPED = """\
import argparse
MODELS = {"net-S/2": 1, "net-B/2": 2}
parser = argparse.ArgumentParser()
parser.add_argument("--net", choices=list(MODELS.keys()), default="net-S/2")
parser.add_argument("--re-prob", type=float, default=0.0, help="Random erase prob (default: 0)")
STEPS = int(1e5)  # how long it runs
"""


def test_choices_may_be_the_keys_of_a_table_and_help_is_kept(tmp_path: Path) -> None:
    found = by_name(write(tmp_path, train_py=HELPED))
    assert found["net"].choices == ("net-S/2", "net-B/2")
    assert found["re_prob"].help == "Random erase prob (default: 0)"
    assert (found["STEPS"].default, found["STEPS"].help) == (100000, "how long it runs")


def test_flags_in_another_file_of_the_project_are_found(tmp_path: Path) -> None:
    write(tmp_path, options_py=ARGPARSE, train_py="from options import get_parser\n")
    assert set_in(tmp_path, "python train.py", lr="3").command[-2:] == ["--learning-rate", "3"]


def test_the_seed_is_found_under_its_usual_names(tmp_path: Path) -> None:
    write(tmp_path, train_py="SEED = 1\nlr = 0.1\n", other_py="lr = 0.1\n")
    found = seed_setting(discover(tmp_path / "train.py", tmp_path))
    assert found is not None and found.name == "SEED"
    assert seed_setting(discover(tmp_path / "other.py", tmp_path)) is None


def test_a_flag_that_is_none_by_default_is_left_out_for_none(tmp_path: Path) -> None:
    flags = (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--depth', type=int, default=None)\n"
        "p.add_argument('--rs', type=int, default=0, help='random state')\n"
    )
    write(tmp_path, train_py=flags)
    assert set_in(tmp_path, "python train.py --depth 3", depth="none").command == [
        "python",
        "train.py",
    ]
    seed = seed_setting(discover(tmp_path / "train.py", tmp_path))
    assert seed is not None and seed.name == "rs"


def test_a_computed_constant_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, train_py="import os\nlr = float(os.environ['LR'])\nwidth = 3\n")
    with pytest.raises(NotFoundError, match=r"no setting of train\.py is named `lr`"):
        set_in(tmp_path, "python train.py", lr="1")


@given(
    value=st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False), st.text(max_size=20))
)
def test_whatever_is_set_is_what_the_file_then_says(value: object) -> None:
    import ast
    import tempfile

    default = {int: "1", float: "1.0", str: "'a'"}[type(value)]
    text = str(value)
    if isinstance(value, str):
        text = text.strip()
        if any(c in text for c in "\r\n\x00") or (
            len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
        ):
            return
        value = text
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "train.py").write_text(f"x = {default}\n")
        applied = apply({"x": text}, ["python", "train.py"], root, root)
    assignment = ast.parse(applied.overlay[root / "train.py"]).body[0]
    assert isinstance(assignment, ast.Assign)
    assert eval(ast.unparse(assignment.value), {"float": float}) == value


def test_dictionaries_and_tuples_of_settings_change_entry_by_entry(tmp_path: Path) -> None:
    text = (
        "lr, wd = 0.1, 0.0\nconfig = {'lr': 0.5, 'model': {'depth': 2}, 'tags': ['a']}\n"
        "LABELS = {'cat': 0}\nprint(lr, wd, config)\n"
    )
    write(tmp_path, train_py=text)
    assert "cat" not in by_name(tmp_path)
    values = {"wd": "-1e-2", "config.lr": "1e-3", "model.depth": "7", "tags": "b,c"}
    applied = set_in(tmp_path, "python train.py", **values)
    said = "0.1 -0.01 {'lr': 0.001, 'model': {'depth': 7}, 'tags': ['b', 'c']}\n"
    assert run(tmp_path, applied) == said


NESTED = """
from dataclasses import dataclass, field
@dataclass
class Optim:
    lr: float = 1e-3
@dataclass
class Config:
    lr: float = 0.0
    optim: Optim = field(default_factory=Optim)
print(Config())
"""


def test_a_field_of_a_field_is_named_by_its_path(tmp_path: Path) -> None:
    write(tmp_path, train_py=NESTED)
    applied = set_in(tmp_path, "python train.py", **{"optim.lr": "0.5"})
    assert run(tmp_path, applied) == "Config(lr=0.0, optim=Optim(lr=0.5))\n"


def test_two_fields_that_share_their_defaults_are_not_changed_by_one_name(tmp_path: Path) -> None:
    other = "    other: Optim = field(default_factory=Optim)\n"
    write(tmp_path, train_py=NESTED.replace("print", other + "print"))
    with pytest.raises(UsageError, match="share the defaults of `Optim`"):
        set_in(tmp_path, "python train.py", **{"optim.lr": "0.5"})


def test_a_flag_that_is_given_once_for_each_value_is_repeated(tmp_path: Path) -> None:
    click = "import click\n@click.command()\n@click.option('--layers', multiple=True, type=int)\ndef main(layers):\n    print(layers)\nmain()\n"
    parser = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--layers', action='append', type=int)\nprint(tuple(p.parse_args().layers))\n"
    typer = "import typer\napp = typer.Typer()\n@app.command()\ndef main(layers: list[int] = [1]):\n    pass\n"
    write(tmp_path, a_py=click, b_py=parser, c_py=typer)
    for script in ("a.py", "b.py"):
        command = f"python {script} --layers 9"
        assert run(tmp_path, set_in(tmp_path, command, layers="4,-5")) == "(4, -5)\n"
    applied = set_in(tmp_path, "python c.py", layers="4,5")
    assert applied.command[2:] == ["--layers=4", "--layers=5"]


def test_hydra_takes_groups_and_any_text(tmp_path: Path) -> None:
    write(
        tmp_path,
        train_py="import hydra\n@hydra.main(config_path='conf', config_name='config', version_base=None)\ndef main(cfg):\n    pass\n",
        conf__config_yaml="defaults:\n  - model: small\nname: a\n",
        conf__model__small_yaml="width: 8\n",
        conf__model__large_yaml="width: 9\n",
    )
    assert set_in(tmp_path, "python train.py", model="large").command[-1] == "model=large"
    with pytest.raises(UsageError, match="takes one of large, small"):
        set_in(tmp_path, "python train.py", model="huge")
    told = {"b c": "b c", "b=c": "'b=c'", "it's": r"'it\'s'", "${x}": "${x}", "a,\\": r"'a,\\'"}
    for text, said in told.items():
        assert set_in(tmp_path, "python train.py", name=text).command[-1] == f"name={said}"


def test_a_list_of_numbers_takes_no_words(tmp_path: Path) -> None:
    write(tmp_path, train_py="layers = [1, 2]\nprint(layers)\n")
    with pytest.raises(UsageError, match=r"takes values such as 1,2,3; `wide` is none"):
        set_in(tmp_path, "python train.py", layers="wide")
    assert run(tmp_path, set_in(tmp_path, "python train.py", layers="3, 0.5")) == "[3, 0.5]\n"


@pytest.mark.parametrize(
    "stored",
    [
        "node={'opt': {'lr': 0.1}, 'epochs': 2}",
        "node=Conf",
    ],
)
def test_hydra_takes_what_its_config_store_holds_nested_or_not(tmp_path: Path, stored: str) -> None:
    classes = (
        "@dataclass\nclass Opt:\n    lr: float = 0.1\n"
        "@dataclass\nclass Conf:\n    opt: Opt = field(default_factory=Opt)\n    epochs: int = 2\n"
    )
    train_py = (
        "import hydra\nfrom dataclasses import dataclass, field\n"
        "from hydra.core.config_store import ConfigStore\n"
        + (classes if "Conf" in stored else "")
        + f"ConfigStore.instance().store(name='config', {stored})\n"
        "@hydra.main(config_name='config', version_base=None)\ndef main(cfg):\n    pass\n"
    )
    (tmp_path / "train.py").write_text(train_py)
    given = {"opt.lr": "0.5", "epochs": "3"}
    applied = apply(given, ["python", "train.py"], tmp_path, tmp_path)
    assert applied.command == ["python", "train.py", "opt.lr=0.5", "epochs=3"]
    assert not applied.overlay
