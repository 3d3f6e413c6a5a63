"""The built-in fixers keep the contract that those of others are held to, each on the real end of a command."""

import os
import resource
import sys
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from wheels import wheel

from labhand.core import registry
from labhand.core.run import Attempt, Failure
from labhand.launch import Evidence, Job, Situation, diagnose, mend, start
from labhand.launch.checkpoints import found, intact
from labhand.launch.contract import FixerContract, finish
from labhand.launch.env import lay_out, tasks

FLAGS = "import argparse\np = argparse.ArgumentParser()\n"
MADE = {
    "out-of-memory": FLAGS
    + "p.add_argument('--batch-size', type=int, default=32)\np.add_argument('--accumulate', type=int, default=1)\n"
    "a = p.parse_args()\nif a.batch_size > 16:\n    raise MemoryError\nprint(a)\n",
    "dtype-unsupported": FLAGS
    + "p.add_argument('--precision', default='16', choices=['16', '32'])\na = p.parse_args()\nif a.precision == '16':\n"
    "    raise RuntimeError('\"addmm_impl_cpu_\" not implemented for \\'Half\\'')\n",
    "worker-died": FLAGS
    + "p.add_argument('--num-workers', type=int, default=4)\na = p.parse_args()\nif a.num_workers:\n"
    "    raise RuntimeError('DataLoader worker (pid(s) 42) exited unexpectedly')\n",
    "disk-full": "import tempfile\nraise OSError(28, 'No space left on device', tempfile.gettempdir() + '/x.bin')\n",
    "numpy-abi": "raise ValueError('numpy.dtype size changed, may indicate binary incompatibility.')\n",
    "missing-system-library": "",
}
WHEELS = {
    "numpy-abi": ("numpy", "1.26.4", "numpy"),
    "missing-system-library": ("opencv_python_headless", "4.10", "cv2"),
}


def job_of(command: list[str], cwd: Path, env: dict[str, str], root: Path) -> Job:
    attempt = root / ".labhand" / "runs" / "r" / "attempts" / "1"
    attempt.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in env.items() if not name.startswith("PYTHONSAFE")}
    return Job(command=command, cwd=str(cwd), env=kept, attempt_dir=str(attempt))


def failed(job: Job, root: Path) -> tuple[Failure, Situation]:
    end, said = finish(start(job))
    tail = (said["stdout"] + said["stderr"]).decode()
    failure = diagnose(
        Evidence(
            exit_code=end.exit_code,
            signal=end.signal,
            tail=tail,
            command=job.command,
            cwd=job.cwd,
            env=job.env,
        )
    )
    assert failure is not None, tail
    attempt = Attempt(number=1, command=job.command, exit_code=1, started="", failure=failure)
    situation = Situation(job=job, attempts=[attempt], root=str(root), home=str(root / ".labhand"))
    return failure, situation


class TestBuiltInFixers(FixerContract):
    """Each on a fault of the environment, or on a script that fails in the very words."""

    @pytest.fixture(params=registry.extensions("fixer"), ids=lambda e: e.name, scope="class")
    @classmethod
    def case(cls, request: pytest.FixtureRequest, tmp_path_factory, person: Path):
        tmp_path = tmp_path_factory.mktemp("case")
        name = request.param.name
        with ExitStack() as stack:
            if name in MADE:
                root = tmp_path / "project"
                root.mkdir()
                (root / "train.py").write_text(MADE[name])
                env = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
                env |= {
                    "PIP_NO_INDEX": "1",
                    "PIP_FIND_LINKS": str(tmp_path / "wheels"),
                    "PIP_CONFIG_FILE": os.devnull,
                }
                command, cwd = [sys.executable, "train.py"], root
                if name == "disk-full":
                    env["TMPDIR"] = str(tmp_path / "small")
                    (tmp_path / "small").mkdir()
                if name in WHEELS:
                    package, version, module = WHEELS[name]
                    wheel(tmp_path / "wheels", package, version, {f"{module}.py": ""})
                    command[0] = str(person)
                if name == "missing-system-library":
                    text = "libGL.so.1: cannot open shared object file: No such file or directory"
                    (root / "train.py").write_text(f"raise ImportError({text!r})  # import cv2\n")
            else:
                task = next(t for t in tasks([0], [name]) if t.expected["fix"])
                root = tmp_path / "project"
                command, cwd, env = stack.enter_context(lay_out(task, tmp_path))
                if limit := task.facts["open_files"]:
                    before = resource.getrlimit(resource.RLIMIT_NOFILE)
                    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
                    stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
            failure, at = failed(job_of(command, cwd, env, root), root)
            assert failure.kind == name, failure
            yield registry.source_of(request.param), failure, at


def torn(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_a_torn_checkpoint_is_passed_over(tmp_path: Path) -> None:
    import json
    import pickle

    import numpy

    def write(name: str, when: float) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".npz"):
            numpy.savez(path, w=numpy.arange(1000.0))
        elif name.endswith(".npy"):
            numpy.save(path, numpy.arange(1000.0))
        elif name.endswith(".json"):
            path.write_text(json.dumps({"step": 3, "w": list(range(100))}))
        else:
            path.write_bytes(pickle.dumps({"w": list(range(1000))}))
        os.utime(path, (when, when))
        return path

    for name in ("ckpt/a.npz", "ckpt/state.npy", "ckpt/state.json", "ckpt/step-3.pkl"):
        path = write(name, 100)
        assert intact(path)
        assert not intact(torn(path)), name
        path.unlink()
    old, new = write("ckpt/step-1.pkl", 100), write("ckpt/step-2.pkl", 200)
    assert next(filter(intact, found(tmp_path, [], 0))) == new
    torn(new)
    os.utime(new, (200, 200))
    assert next(filter(intact, found(tmp_path, [], 0))) == old
    assert not any(map(intact, found(tmp_path, [], 150)))
    write("out/checkpoint-500/model.npz", 300)
    torn(write("out/checkpoint-900/model.npz", 400))
    os.utime(tmp_path / "out/checkpoint-900/model.npz", (400, 400))
    assert next(filter(intact, found(tmp_path, [], 0))) == tmp_path / "out/checkpoint-500"


@pytest.mark.torch
def test_the_checkpoints_of_torch_are_read_to_their_end(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "last.pt"
    torch.save({"w": torch.zeros(1000)}, path)
    assert intact(path) and not intact(torn(path))
    torch.save({"w": torch.zeros(1000)}, path, _use_new_zipfile_serialization=False)
    assert intact(path)


@pytest.mark.torch
def test_harmless_classes_of_a_checkpoint_are_allowed_and_others_are_not(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "labhand.toml").touch()
    script = tmp_path / "train.py"
    script.write_text(
        "import argparse, numpy, torch\n"
        "def main():\n"
        "    torch.save({'a': argparse.Namespace(lr=1), 'b': numpy.float64(2), 'c': numpy.zeros(2)}, 'c.pt')\n"
        "    state = torch.load('c.pt')\n"
        "    print('lr', state['a'].lr, state['b'])\n"
        "main()\n"
    )
    job = job_of([sys.executable, "train.py"], tmp_path, dict(os.environ), tmp_path)
    for _ in range(2):
        failure, at = failed(job, tmp_path)
        assert failure.kind == "weights-only"
        mending = mend(failure, at)
        assert mending is not None and "add_safe_globals" in mending.fix.patch
        script.write_text(mending.apply().overlay[str(script)])
    end, said = finish(start(job))
    assert end.exit_code == 0 and b"lr 1 2.0" in said["stdout"]
    failure.evidence["classes"] = ["__main__.Own"]
    assert mend(failure, at) is None


def test_a_fix_never_proposes_what_hides_a_fault() -> None:
    """No fixer writes of the shortcuts by which a fault is hidden rather than mended."""
    for extension in registry.extensions("fixer"):
        text = registry.source_of(extension).read_text(encoding="utf-8")
        code = "".join(line for line in text.splitlines(keepends=True) if "never" not in line)
        for shortcut in (
            "weights_only=False",
            "strict=False)",
            "verify=False",
            "retain_graph=True",
        ):
            assert shortcut not in code, (extension.name, shortcut)


def test_the_changed_text_runs_the_same_but_for_the_edit(tmp_path: Path) -> None:
    from labhand.launch.change import before_line, begun, edited, tree_of

    text = '#!/usr/bin/env python\n# coding: utf-8\n"""Words.\n\nMore."""\nfrom __future__ import annotations\n\nx = (\n    "é", 1,\n)\n'
    changed = begun(text, "import os")
    assert changed.index("import os") > changed.index("__future__")
    assert tree_of(changed) is not None
    tree = tree_of(text)
    assert tree is not None
    number = tree.body[-1].value.elts[1]  # type: ignore[attr-defined]
    assert edited(text, [(number, "2")]) == text.replace('"é", 1', '"é", 2')
    assert (
        before_line("def f():\n    return g(\n        1)\n", 3, "h()")
        == "def f():\n    h()\n    return g(\n        1)\n"
    )


def test_job_keeps_its_words() -> None:
    job = Job(command=["x"], cwd="/", env={}, attempt_dir="/", overlay={"/a": "b"}, open_files=3)
    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job
