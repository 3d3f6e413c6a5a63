"""Incidents of real trainings under `labhand run`."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import labhand
from labhand.core.store import Store
from labhand.cycle.recorder import Recorder
from labhand.kit.stacks import Stacks
from labhand.launch import Job, start

BOOT = str(Path(labhand.__file__).parent / "probe" / "boot")

POISONED = """
import torch

torch.manual_seed(0)
data = torch.randn(64 * 30, 8)
target = data.sum(1, keepdim=True)
data[64 * 20 + 5, 3] = float("nan")
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
{wrapped}
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
mse = torch.nn.functional.mse_loss
for step in range(30):
    rows = slice(step * 64, (step + 1) * 64)
    loss = mse(model(data[rows]), target[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        held_out = mse(model(data[:64]), target[:64])
        norm = next(model.parameters()).norm()
    print(f"step {{step}} loss {{loss:.4f}} val_loss {{held_out:.4f}} weight_norm {{norm:.3f}}")
"""
DIVIDES = """
class Scale(torch.nn.Module):
    def forward(self, x):
        return x / (x.sum(1, keepdim=True) != 0).float()

with torch.no_grad():
    data.nan_to_num_(0.0)
    data[64 * 20 + 5] = 0.0
model = torch.nn.Sequential(Scale(), *model)
"""


@pytest.mark.torch
@pytest.mark.parametrize(
    ("wrapped", "layer", "words"),
    [("", None, "it came in with the input"), (DIVIDES, "0", "it arose first in `0` (Scale)")],
)
def test_one_bad_row_of_the_data_is_one_incident(lab, wrapped, layer, words) -> None:
    pytest.importorskip("torch")
    lab.script("train.py", POISONED.format(wrapped=wrapped))
    done = lab.run("train.py")
    assert done.returncode == 0, done.stderr
    (found,) = (f for f in lab.show()["findings"] if f["rule"] == "non-finite")
    assert found["alarm"] and found["severity"] == "error"
    assert found["where"]["step"] == 20 and found["where"]["batch_rows"] == [5]
    assert found["where"]["layer"] == layer and words in found["message"]
    assert "from row 5 of the batch of 64" in found["message"]
    spoilt = found["evidence"]["metrics"]
    # the probe looks at a part of such short steps: its own series may end before they turn
    assert {"loss", "val_loss", "weight_norm"} <= spoilt.keys()
    # what the probe looks at only now and then is seen a few steps later
    assert spoilt["loss"] == min(spoilt.values()) == 20
    events = (lab.attempt() / "events.jsonl").read_text().splitlines()
    told = [e for e in map(json.loads, events) if e["kind"] == "alarm"]
    assert [e["data"]["finding"]["id"] for e in told] == [found["id"]]


HANGS = """
import threading, time
import numpy

def fetch(lock):
    lock.acquire()

threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
for step in range(10):
    print(f"step {step} loss {1 / (step + 1):.3f}", flush=True)
    time.sleep(0.05)
lock = threading.Lock()
lock.acquire()
print("hangs", flush=True)
fetch(lock)
"""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("run", "--", sys.executable, "train.py"), "`los` is no role for `obj`; the roles are "),
        (("watch", "m.csv"), "`los` is no role for `obj`; the roles are "),
        (("watch", "--role", "obj=train-lss", "m.csv"), "`train-lss` is no role for `obj`"),
    ],
)
def test_a_role_that_does_not_exist_is_told_before_anything_starts(lab, command, words) -> None:
    lab.script("pyproject.toml", '[tool.labhand]\nroles = {obj = "los"}\n')
    lab.script("train.py", "open('started', 'w')\n")
    lab.script("m.csv", "step,obj\n0,1\n1,nan\n2,nan\n")
    before = sorted(lab.folder.iterdir())
    done = lab(*command)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith(f"labhand: {words}") and len(done.stderr.splitlines()) == 1
    assert sorted(lab.folder.iterdir()) == before


def test_the_roles_of_the_project_hold_for_watch_and_a_flag_beats_them(lab) -> None:
    lab.script("pyproject.toml", '[tool.labhand]\nroles = {obj = "train-loss"}\n')
    lab.script("m.csv", "step,obj\n0,1\n1,nan\n2,nan\n")
    assert lab("watch", "m.csv").returncode == 1
    assert lab("watch", "--role", "obj=other", "m.csv").returncode == 0


class Quiet:
    """A face that only keeps what it was told."""

    def __init__(self):
        self.found = []
        self.said = b""

    def output(self, stream, data):
        self.said += data

    def finding(self, finding):
        self.found.append(finding)

    def status(self, status):
        pass


def attempt_of(lab, *command):
    """A command that was started as `labhand run` starts it, and what records it."""
    store = Store(lab.folder / ".labhand")
    folder = store.attempt("run", 1)
    folder.mkdir(parents=True)
    env = os.environ | {"LABHAND_ATTEMPT": str(folder), "PYTHONPATH": BOOT}
    face = Quiet()
    told = {"cwd": lab.folder, "environment": env, "command": command, "roles": {}}
    recorder = Recorder(store, ("run", "run"), 1, face, **told)
    job = Job(command=list(command), cwd=str(lab.folder), env=env, attempt_dir=str(folder))
    return start(job), recorder, face


@pytest.mark.skipif(sys.platform != "linux", reason="whether a signal is caught is asked of /proc")
def test_a_hang_is_an_alarm_that_says_where_the_training_stands(lab, until, monkeypatch) -> None:
    pytest.importorskip("numpy")
    script = lab.script("train.py", HANGS)
    process, recorder, face = attempt_of(lab, sys.executable, "train.py")
    began, real, speed = time.time(), time.time, [1.0]
    clock = SimpleNamespace(
        monotonic=time.monotonic, time=lambda: began + (real() - began) * speed[0]
    )
    monkeypatch.setattr("labhand.cycle.recorder.time", clock)

    def turned():
        for output in process.read(0.02):
            recorder.output(output.stream, output.data)
        recorder.turn()
        return recorder.watcher.findings().findings

    until(lambda: turned() is not None and b"hangs" in face.said)
    speed[0] = 300.0  # what is minutes for a person is a moment here
    stalled = until(lambda: [f for f in turned() if "stacks" in f.evidence])
    (found,) = stalled
    assert found.rule == "stalled" and found.alarm and found.state == "confirmed"
    assert found.evidence["last_step"] == 9
    (frames,) = found.evidence["stacks"].values()
    line = HANGS.splitlines().index("    lock.acquire()") + 1
    assert frames[0] == f"fetch, {script}:{line}" and frames[1].startswith("<module>, ")
    assert f"it stands in fetch, {script}:{line}" in found.message
    assert process.end() is None, "asking must not end it"
    process.signal(signal.SIGKILL)
    until(lambda: turned() is not None and process.end())
    recorder.end(137, 9, True)
    process.close()


@pytest.mark.skipif(sys.platform != "linux", reason="whether a signal is caught is asked of /proc")
def test_a_process_that_would_end_by_the_question_is_not_asked(lab, until) -> None:
    """An exec takes the handler away, and leaves the file and the pid."""
    pytest.importorskip("numpy")
    lab.script("train.py", "import os, numpy\nprint('ready', flush=True)\nos.execvp('sleep', ['sleep', '600'])\n")  # fmt: skip
    process, recorder, _ = attempt_of(lab, sys.executable, "train.py")
    folder = recorder.folder
    (path,) = until(lambda: list(folder.glob("stacks.*.txt")))
    pid = int(path.name.split(".")[1])
    until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
    stacks = Stacks(folder)
    (folder / "stacks.1.txt").touch()
    (folder / "stacks.x.txt").touch()
    stacks.ask()
    assert stacks.answers() == {} and process.end() is None
    process.kill()
    until(lambda: process.read(0.02) is not None and process.end())
    recorder.end(137, 9, True)
    process.close()


RANKS = """
import os
import subprocess
import sys

import torch
import torch.distributed as dist

if "RANK" not in os.environ:
    every = {**os.environ, "WORLD_SIZE": "2"}
    ranks = [subprocess.Popen([sys.executable, *sys.argv], env={**every, "RANK": r}) for r in "01"]
    sys.exit(max(process.wait() for process in ranks))
rank = int(os.environ["RANK"])
meet = "file://" + os.path.abspath("meet")
dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=2)
torch.manual_seed(rank)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), 1e-2)
for step in range(30):
    x = torch.randn(16, 8)
    loss = torch.nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
dist.destroy_process_group()
"""


@pytest.mark.torch
def test_ranks_that_hold_other_weights_are_told_of_a_training_of_milliseconds(lab) -> None:
    lab.script("train.py", RANKS)
    assert lab.run("train.py").returncode == 0
    (finding,) = [f for f in lab.show()["findings"] if f["rule"] == "ranks-differ"]
    assert finding["opened_step"] == 1 and finding["where"]["rank"] == 1
