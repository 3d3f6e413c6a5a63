"""Where a run runs, and the load it makes."""

import os
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from labhand.kit import machine
from labhand.kit.interpreter import interpreter
from labhand.kit.machine import System, environment, gpus, host

HERE = Path(sys.executable)


def script(place: Path, text: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    place.chmod(0o755)
    return place


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with programs of all sorts, in `bin`, and a project with a `.venv`."""
    python = script(tmp_path / "bin/python3.12", "#!/bin/sh\n")
    script(tmp_path / "bin/python", "#!/bin/sh\n")
    script(tmp_path / "bin/torchrun", f"#!{python}\nimport torch\n")
    script(tmp_path / "bin/accelerate", "#!/usr/bin/env python3.12\n")
    script(tmp_path / "bin/split", "#!/usr/bin/env -S python3.12 -u\n")
    script(
        tmp_path / "bin/long", f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\nimport x\n"
    )
    script(tmp_path / "bin/tool", "#!/bin/bash\n")
    script(tmp_path / "train.py", f"#!{python}\n")
    script(tmp_path / "project/.venv/bin/python", "#!/bin/sh\n")
    script(tmp_path / "project/.pixi/envs/default/bin/python", "#!/bin/sh\n")
    script(tmp_path / "conda/envs/lab/bin/python", "#!/bin/sh\n")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("python train.py", "bin/python"),
        ("python3.12 -m pkg.train", "bin/python3.12"),
        ("bin/python3.12 train.py", "bin/python3.12"),
        ("torchrun --nproc_per_node 2 train.py", "bin/python3.12"),
        ("accelerate launch train.py", "bin/python3.12"),
        ("split", "bin/python3.12"),
        ("long x", "bin/python3.12"),
        ("./train.py --lr 1", "bin/python3.12"),
        ("env -u A B=1 python train.py", "bin/python"),
        ("C=1 nice -n 5 nohup stdbuf -oL python train.py", "bin/python"),
        ("timeout -k 5 60 taskset -c 1 python train.py", "bin/python"),
        ("uv run --directory project train.py", "project/.venv/bin/python"),
        ("poetry run -C project python train.py", "project/.venv/bin/python"),
        ("pixi run --project project train", "project/.pixi/envs/default/bin/python"),
        ("conda run -n lab python train.py", "conda/envs/lab/bin/python"),
        ("conda run -p conda/envs/lab python train.py", "conda/envs/lab/bin/python"),
        ("bash x.sh", None),
        ("tool python", None),
        ("uv run --with torch train.py", None),
        ("uv run train.py", None),
        ("missing.py", None),
        ("python9 train.py", None),
        ("nice", None),
        ("", None),
    ],
)
def test_the_interpreter_of_a_command(place: Path, command: str, found: str | None) -> None:
    variables = {"PATH": str(place / "bin"), "CONDA_EXE": str(place / "conda/bin/conda")}
    python = interpreter(command.split(), place, variables)
    if found is None:
        assert python is None
    else:
        assert python is not None
        assert (place / python).resolve() == (place / found).resolve()


def test_the_environment_is_that_of_the_command_and_not_ours(tmp_path: Path) -> None:
    venv.create(tmp_path / "theirs", with_pip=False, symlinks=True)
    python = str(tmp_path / "theirs/bin/python")
    (site,) = (tmp_path / "theirs/lib").glob("python*/site-packages")
    (site / "Their_Package-1.2.3.dist-info").mkdir()
    (site / "old-0.1-py3.11.egg-info").mkdir()
    (site / "evil.pth").write_text("import sys; sys.exit(3)\n")
    extra = tmp_path / "extra"
    (extra / "vendored-9.dist-info").mkdir(parents=True)
    variables = {"PYTHONPATH": str(extra), "WANDB_API_KEY": "never-to-be-seen"}
    told = environment(python, variables, tmp_path / "home")
    assert told.python == ".".join(map(str, sys.version_info[:3]))
    assert told.packages == {"old": "0.1", "their-package": "1.2.3", "vendored": "9"}
    assert told.variables == ["PYTHONPATH", "WANDB_API_KEY"]
    assert "never-to-be-seen" not in repr(told)
    assert told.host["cores"] > 0 and told.host["memory_bytes"] > 1 << 20

    # the answer is remembered, what is installed is not
    (site / "new-2.dist-info").mkdir()
    (tmp_path / "home/cache/interpreters.json").read_bytes()
    assert environment(python, {}, tmp_path / "home").packages["new"] == "2"


def test_our_own_interpreter() -> None:
    told = environment(str(HERE), os.environ)
    assert {"pytest", "msgspec", "numpy"} <= told.packages.keys()


@pytest.mark.parametrize(
    "text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho nonsense\n", "no program"]
)
def test_an_interpreter_that_does_not_answer_leaves_the_rest(tmp_path: Path, text: str) -> None:
    python = script(tmp_path / "python", text)
    told = environment(str(python), {"A": "b"}, tmp_path)
    assert (told.python, told.packages, told.variables) == ("", {}, ["A"])
    assert environment(str(tmp_path / "missing"), {}).host["name"] == told.host["name"]
    assert environment(None, {}).python == ""


def test_gpus_by_the_command_where_there_is_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    script(
        tmp_path / "nvidia-smi",
        "#!/bin/sh\ncase $1 in *driver*) echo '0, NVIDIA H100 80GB HBM3, 81559, 570.1' ;;\n"
        "*) echo '0, 37, 1024' ;; esac\n",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert gpus() == [
        {
            "index": 0,
            "name": "NVIDIA H100 80GB HBM3",
            "memory_bytes": 81559 << 20,
            "driver": "570.1",
        }
    ]
    told = System(os.getpid(), tmp_path).sample()
    assert told["system/gpu0_percent"] == 37.0
    assert told["system/gpu0_memory_bytes"] == 1 << 30
    script(tmp_path / "nvidia-smi", "#!/bin/sh\necho 'No devices were found'; exit 9\n")
    assert gpus() == []
    assert "system/gpu0_percent" not in System(os.getpid(), tmp_path).sample()


def test_the_load_of_a_process_and_its_children(tmp_path: Path) -> None:
    busy = "x = bytearray(30_000_000)\nprint('on', flush=True)\nwhile True: pass"
    parent = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', {busy!r}])\np.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        try:
            sampler = System(process.pid, tmp_path)
            deadline = time.monotonic() + 20
            while (told := sampler.sample()).get("system/cpu_percent", 0) < 5:
                assert time.monotonic() < deadline, told
            assert told["system/rss_bytes"] > 30_000_000
            assert 0 < told["system/memory_percent"] <= 100
            assert told["system/disk_free_bytes"] > 0
        finally:
            subprocess.run(["kill", "-9", *_children(process.pid), str(process.pid)], check=True)
    gone = sampler.sample()
    assert "system/rss_bytes" not in gone and "system/memory_percent" in gone
    assert "system/disk_free_bytes" not in System(process.pid, tmp_path / "missing").sample()


def _children(pid: int) -> list[str]:
    import psutil

    return [str(child.pid) for child in psutil.Process(pid).children(recursive=True)]


def test_the_limits_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Path("/proc/self/cgroup").read_text().splitlines()
    assert group
    monkeypatch.setattr(
        machine, "_cgroup_folders", lambda _: [tmp_path / "job/step", tmp_path / "job"]
    )
    (tmp_path / "job/step").mkdir(parents=True)
    (tmp_path / "job/step/memory.max").write_text("max\n")
    (tmp_path / "job/memory.max").write_text(f"{256 << 20}\n")
    (tmp_path / "job/memory.current").write_text(f"{192 << 20}\n")
    (tmp_path / "job/memory.stat").write_text(f"anon 1\ninactive_file {64 << 20}\n")
    (tmp_path / "job/cpu.max").write_text("50000 100000\n")
    told = host()
    assert (told["memory_limit_bytes"], told["cores"]) == (256 << 20, 0.5)
    assert System(os.getpid(), tmp_path).sample()["system/memory_percent"] == 50.0
