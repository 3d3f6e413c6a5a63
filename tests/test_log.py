"""`labhand.log` and `labhand.config`: under `labhand run` and in a script that stands alone."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from labhand.core.run import Run
from labhand.core.store import Store
from labhand.kit import points


def python(folder: Path, code: str, *arguments: str, **variables: str):
    script = folder / "train.py"
    script.write_text(textwrap.dedent(code), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def the_run(folder: Path) -> Run:
    store = Store(folder / ".labhand")
    (run_id,) = store.ids()
    return store.read(run_id)


def folder_of(folder: Path) -> Path:
    return Store(folder / ".labhand").folder(the_run(folder).id)


def test_under_labhand_run_it_writes_to_the_attempt(tmp_path):
    attempt = tmp_path / "attempt"
    attempt.mkdir()
    done = python(
        tmp_path,
        """
        import sys, labhand
        labhand.config({"lr": 0.1})
        labhand.log({"loss": 0.5}, step=3)
        labhand.log({"loss": 0.4, "val": {"acc": 0.9}})
        print([n for n in ("numpy", "torch", "msgspec", "click", "polars") if n in sys.modules])
        """,
        LABHAND_ATTEMPT=str(attempt),
    )
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "[]")
    rows = points.Tail(attempt).read()
    assert [(r.source, r.step, r.names, r.values) for r in rows] == [
        ("log", 3, ("loss",), (0.5,)),
        ("log", 4, ("loss", "val/acc"), (0.4, 0.9)),
    ]
    (events,) = attempt.glob("events.*.jsonl")
    event = json.loads(events.read_text())
    assert (event["kind"], event["data"]) == ("config", {"lr": 0.1})
    assert not (tmp_path / ".labhand").exists()


def test_the_probe_and_the_script_share_one_set_of_writers(tmp_path):
    done = python(
        tmp_path,
        """
        import sys, types, labhand
        from importlib import util
        found = util.find_spec("labhand.probe")
        probe = types.ModuleType("_labhand_probe")
        probe.__path__ = list(found.submodule_search_locations)
        sys.modules["_labhand_probe"] = probe
        labhand.log({"loss": 1.0})
        print([n for n in sys.modules if n.endswith("probe.points")])
        """,
        LABHAND_ATTEMPT=str(tmp_path),
    )
    assert done.stdout.strip() == "['_labhand_probe.points']", done.stderr
    assert len(points.Tail(tmp_path).read()) == 1


def test_alone_the_first_call_makes_a_run_that_ends_with_the_script(tmp_path):
    done = python(
        tmp_path,
        """
        import labhand
        for step in range(100):
            labhand.log({"loss": 1 / (step + 1)}, step=step)
        labhand.config({"lr": 0.1, "model": {"layers": 2}})
        labhand.config({"seed": 1, "api_key": "sk-abcdefghij0123456789abcdefghij"})
        """,
        "--lr",
        "0.1",
    )
    assert (done.returncode, done.stderr) == (0, "")
    run = the_run(tmp_path)
    assert (run.status, run.exit_code, run.schema) == ("finished", 0, "labhand.run/1")
    assert run.command == [sys.executable, "train.py", "--lr", "0.1"]
    assert run.cwd == str(tmp_path)
    assert run.metrics["loss"].points == 100 and run.metrics["loss"].last == 0.01
    assert run.config["lr"] == 0.1 and run.config["model"] == {"layers": 2}
    assert "abcdefghij" not in msgspec.json.encode(run).decode()
    assert len(run.attempts) == 1 and run.attempts[0].exit_code == 0
    assert run.ended is not None and run.wall_s is not None
    assert points.series(folder_of(tmp_path), "loss").steps.tolist() == list(range(100))
    secret = "abcdefghij0123"
    for path in (tmp_path / ".labhand").rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [
        ("raise ValueError('bad')", "failed", 1),
        ("import sys; sys.exit(3)", "failed", 3),
        ("import sys; sys.exit('bad')", "failed", 1),
        ("import sys; sys.exit()", "finished", 0),
        ("raise KeyboardInterrupt", "failed", 130),
    ],
)
def test_alone_the_end_of_the_script_is_told_as_it_was(tmp_path, ending, status, code):
    done = python(tmp_path, f"import labhand\nlabhand.log({{'loss': 1}})\n{ending}")
    run = the_run(tmp_path)
    assert (run.status, run.exit_code) == (status, code)
    assert done.returncode == (-signal.SIGINT if code == 130 else code)
    assert "labhand" not in done.stderr
    assert ("ValueError: bad" in done.stderr) == ("ValueError" in ending)


def test_alone_an_argument_that_is_no_text_is_no_trouble(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import labhand\nlabhand.log({'loss': 1})")
    subprocess.run([sys.executable, script, b"caf\xe9"], cwd=tmp_path, check=True, timeout=60)
    assert the_run(tmp_path).command[-1].startswith("caf")


def test_alone_a_hook_of_the_script_is_still_called(tmp_path):
    done = python(
        tmp_path,
        """
        import sys, labhand
        sys.excepthook = lambda kind, error, trace: print("hooked", error)
        labhand.log({"loss": 1})
        raise ValueError("bad")
        """,
    )
    assert done.stdout == "hooked bad\n"
    assert the_run(tmp_path).status == "failed"


def test_alone_a_killed_script_leaves_its_points_and_a_lost_run(tmp_path):
    done = python(
        tmp_path,
        """
        import os, signal, labhand
        for step in range(1000):
            labhand.log({"loss": 1 / (step + 1)})
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert done.returncode == -signal.SIGKILL
    assert the_run(tmp_path).status == "running"
    assert len(points.series(folder_of(tmp_path), "loss").steps) == 1000


CHILDREN = """
import multiprocessing, os, sys, labhand

def child(number):
    labhand.log({"child": number})

if __name__ == "__main__":
    labhand.log({"loss": 1.0})
    context = multiprocessing.get_context(sys.argv[1])
    children = [context.Process(target=child, args=(n,)) for n in range(2)]
    [c.start() for c in children]
    [c.join() for c in children]
    assert [c.exitcode for c in children] == [0, 0]
    if not os.fork():
        labhand.log({"forked": 1.0})
        sys.exit(5)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 5
    labhand.log({"loss": 2.0})
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_alone_children_belong_to_the_run_of_their_parent(tmp_path, start):
    done = python(tmp_path, CHILDREN, start)
    assert (done.returncode, done.stderr) == (0, "")
    run = the_run(tmp_path)
    assert (run.status, run.exit_code) == ("finished", 0)
    assert {name: m.points for name, m in run.metrics.items()} == {
        "child": 2,
        "forked": 1,
        "loss": 2,
    }


def test_alone_without_a_place_to_write_the_script_goes_on_and_is_told(tmp_path):
    done = python(
        tmp_path,
        """
        import labhand
        for _ in range(3):
            labhand.log({"loss": 1})
            labhand.config({"lr": 1})
        print("done")
        """,
        LABHAND_HOME=os.devnull + "/home",
    )
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr.count("nothing is recorded") == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("log(3)", 'labhand.log takes a dict such as {"loss": 0.1}, not int'),
        ("log([('loss', 1)])", 'labhand.log takes a dict such as {"loss": 0.1}, not list'),
        ("log({'loss': 1}, step='x')", "the step of labhand.log is a whole number, not 'x'"),
        ("log({'loss': 1}, step=0.5)", "the step of labhand.log is a whole number, not 0.5"),
        (
            "config(3)",
            "labhand.config takes a mapping, an argparse namespace or a dataclass, not int",
        ),
    ],
)
def test_a_wrong_call_says_what_is_wrong(tmp_path, call, message):
    done = python(tmp_path, f"import labhand\nlabhand.{call}", LABHAND_ATTEMPT=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"TypeError: {message}"


def test_settings_may_be_a_namespace_or_a_dataclass(tmp_path):
    done = python(
        tmp_path,
        """
        import argparse, dataclasses, labhand
        @dataclasses.dataclass
        class Config:
            depth: int = 4
        labhand.config(argparse.Namespace(lr=0.1))
        labhand.config(Config())
        """,
        LABHAND_ATTEMPT=str(tmp_path),
    )
    assert (done.returncode, done.stderr) == (0, "")
    (events,) = tmp_path.glob("events.*.jsonl")
    assert [json.loads(line)["data"] for line in events.read_text().splitlines()] == [
        {"lr": 0.1},
        {"depth": 4},
    ]
