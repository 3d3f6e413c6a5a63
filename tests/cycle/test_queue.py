"""Sweeps, seeds and the queue: many runs, none started twice, none lost."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.core.store import Store
from labhand.cycle import sweep
from labhand.cycle.queue import Queue, Waiting
from labhand.cycle.request import Request
from labhand.cycle.waiting import listing
from labhand.kit import slots

TRAIN = """
import argparse, random
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--seed", type=int, default=0)
a = p.parse_args()
random.seed(a.seed)
loss = 2.0
for step in range(20):
    loss = loss * (1 - a.lr) + random.gauss(0, 0.01)
    print(f"step {step} loss {loss:.4f}")
"""
HELD = """
import time, pathlib
with open("starts", "a") as file:
    file.write("x")
while not pathlib.Path("go").exists():
    time.sleep(0.02)
"""


def run(lab, *words):
    return lab("run", *words, "--", sys.executable, "train.py")


def runs(lab):
    return json.loads(lab("runs", "--json").stdout)


def axis(lab, *texts, seeds=None, **given):
    request = Request(command=[sys.executable, "train.py"], cwd=lab.folder, **given)
    return sweep.runs_of(texts, seeds, request)


def test_a_sweep_with_seeds_ends_in_one_comparison_with_noise(lab):
    lab.script("train.py", TRAIN)
    done = run(lab, "--name", "lrs", "--sweep", "lr=0.05,0.3", "--seeds", "2")
    assert done.returncode == 0, done.stderr
    told = runs(lab)
    assert sorted(r["name"] for r in told["runs"]) == ["lrs-1", "lrs-2", "lrs-3", "lrs-4"]
    assert {r["status"] for r in told["runs"]} == {"finished"} and told["waiting"] == []
    configs = [lab.show(f"lrs-{n}")["config"] for n in (1, 2, 3, 4)]
    assert [(c["lr"], c["seed"]) for c in configs] == [(0.05, 0), (0.05, 1), (0.3, 0), (0.3, 1)]
    table = [
        line.split()
        for line in done.stderr.splitlines()
        if line.count("±") == 1 and ":" not in line
    ]
    assert [row[0] for row in table] == ["0.3", "0.05"]  # the best first
    assert "lr=0.3 has the lowest loss" in done.stderr and "by more than noise" in done.stderr


def test_the_code_of_a_waiting_run_is_that_of_when_it_was_asked_for(lab):
    script = lab.script("train.py", "value = 1\nprint('step 0 loss', value)\n")
    lab("queue", "pause")
    assert run(lab, "--detach", "--name", "early").returncode == 0
    assert [w["name"] for w in runs(lab)["waiting"]] == ["early"]
    script.write_text("value = 2\nprint('step 0 loss', value)\n")
    assert run(lab, "--name", "now").returncode == 0
    lab("queue", "resume")
    _until_all_ended(lab, 2)
    assert lab.show("now")["metrics"]["loss"]["last"] == 2
    assert lab.show("early")["metrics"]["loss"]["last"] == 1


def _until_all_ended(lab, count):
    for _ in range(300):
        told = runs(lab)
        over = [r for r in told["runs"] if r["status"] != "running"]
        if len(over) == count and not told["waiting"]:
            return
    raise AssertionError(told)


def test_runs_beyond_the_slots_wait_in_order_and_each_is_started_once(lab, until):
    lab.script("train.py", HELD)
    (lab.folder / "labhand.toml").write_text("slots = 1\n")
    for name in ("one", "two", "three"):
        assert run(lab, "--detach", "--name", name).returncode == 0
    until(lambda: (lab.folder / "starts").exists())
    assert [w["name"] for w in runs(lab)["waiting"]] == ["two", "three"]
    assert run(lab, "--detach", "--name", "urgent", "--priority", "1").returncode == 0
    lab("queue", "first", "three")
    assert [w["name"] for w in runs(lab)["waiting"]] == ["three", "urgent", "two"]
    assert "taken out" in lab("stop", "two").stdout
    (lab.folder / "go").touch()
    _until_all_ended(lab, 3)
    assert [r["name"] for r in runs(lab)["runs"]] == ["urgent", "three", "one"]
    assert (lab.folder / "starts").read_text() == "xxx"


def test_what_was_claimed_when_the_machine_went_away_waits_again(lab):
    lab.script("train.py", "print('step 0 loss 1')\n")
    lab("queue", "pause")
    run(lab, "--detach", "--name", "lost-and-found")
    queue = Queue(Store.at(lab.folder))
    (entry,) = queue.waiting()
    os.close(queue.claim(entry))
    assert queue.waiting() == []
    queue.settle()
    assert queue.waiting() == [entry]
    assert queue.claim(entry) is not None and queue.claim(entry) is None


def test_a_run_that_has_begun_is_not_put_back(lab):
    lab.script("train.py", "print('step 0 loss 1')\n")
    lab("queue", "pause")
    run(lab, "--detach")
    store = Store.at(lab.folder)
    queue = Queue(store)
    (entry,) = queue.waiting()
    fd = queue.claim(entry)
    run_id, _ = store.create()
    store.attempt(run_id, 1).mkdir(parents=True)
    os.write(fd, run_id.encode())
    os.close(fd)
    queue.settle()
    assert queue.waiting() == [] and queue.starting() == []


def test_a_damaged_sweep_is_told_and_holds_up_nobody(lab):
    lab.script("train.py", "print('step 0 loss 1')\n")
    lab("queue", "pause")
    run(lab, "--detach", "--name", "torn")
    store = Store.at(lab.folder)
    (entry,) = Queue(store).waiting()
    (sweep.folder(store, entry.sweep_id) / "sweep.json").write_text('{"schema": "lab')
    run(lab, "--detach", "--name", "whole")
    assert len(listing(store).problems) == 1
    assert "nothing starts them" not in lab("queue", "resume").stdout
    _until_all_ended(lab, 1)
    assert lab.show("whole")["status"] == "finished"
    assert Queue(store).waiting() == [entry]


def test_ctrl_c_ends_a_sweep_and_empties_the_queue(lab, until):
    lab.script("train.py", HELD.replace('"starts", "a"', '"starts", "a", buffering=1'))
    (lab.folder / "labhand.toml").write_text("slots = 1\n")
    (lab.folder / "train.py").write_text("n = 0\n" + HELD)
    going = lab.start(
        "run", "--name", "many", "--sweep", "n=1..5", "--", sys.executable, "train.py"
    )
    until(lambda: (lab.folder / "starts").exists())
    going.send_signal(signal.SIGINT)
    assert going.wait(60) == 130
    going.communicate()
    told = runs(lab)
    assert told["waiting"] == [] and [r["status"] for r in told["runs"]] == ["stopped"]


def test_gpus_are_handed_out_once(lab, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,GPU-7")
    assert slots.all_gpus() == ["0", "1", "GPU-7"]
    first = slots.take(slots.Need(0, 2), 1, slots.all_gpus())
    assert first.gpus == ["0", "1"]
    assert slots.take(slots.Need(0, 2), 1, slots.all_gpus()) is None
    second = slots.take(slots.Need(0, 1), 1, slots.all_gpus())
    assert second.gpus == ["GPU-7"]
    lab.script("train.py", "import os\nprint('sees', os.environ['CUDA_VISIBLE_DEVICES'])\n")
    assert "others use them" in run(lab, "--gpus", "2").stderr
    first.close()
    assert "sees 0,1\n" in run(lab, "--gpus", "2").stdout
    second.close()


def test_memory_is_handed_out_once(lab):
    half = slots.all_memory() // 2
    first = slots.take(slots.Need(0, 0, half), 1, [])
    lab.script("train.py", "print('ran')\n")
    told = run(lab, "--memory", f"{half + slots.MEMORY_BYTES * 2}").stderr
    assert "others use them" in told
    first.close()
    assert "ran" in run(lab, "--memory", "300M").stdout


def test_a_sweep_ends_in_one_report_and_can_be_shown(lab):
    lab.script("train.py", TRAIN)
    assert run(lab, "--name", "pair", "--sweep", "lr=0.05,bad", "--seeds", "2").returncode == 2
    done = run(lab, "--name", "pair", "--sweep", "lr=0.05,0.3", "--seeds", "2")
    (report,) = lab.folder.glob(".labhand/sweeps/*/report.html")
    assert done.stderr.rstrip().endswith(str(report.relative_to(lab.folder)))
    page = report.read_text()
    told = json.loads(lab("show", "pair", "--json").stdout)
    assert told["schema"] == "labhand.sweep-outcome/1"
    assert [s["settings"]["lr"] for s in told["setups"]] == ["0.3", "0.05"]
    assert [s["place"] for s in told["setups"]] == ["best", "worse"]
    for run_id in told["setups"][0]["runs"]:
        its_own = (report.parents[2] / "runs" / run_id / "report.html").read_text()
        assert f"../../runs/{run_id}/report.html" in page and "sweep pair" in its_own
        assert "Changed since the last run" not in its_own


def test_a_tie_is_called_one(lab):
    lab.script("train.py", TRAIN + "other = 1\n")
    done = run(lab, "--name", "tie", "--sweep", "other=1..3", "--seeds", "2")
    assert "a tie: by loss the 3 setups do not differ" in " ".join(done.stderr.split())
    assert "best" not in done.stderr.replace("from the best", "")
    alone = run(lab, "--sweep", "lr=0.1,0.2").stderr
    assert "is not known, since each setup has one run" in " ".join(alone.split())


def test_runs_that_failed_are_told_with_why(lab):
    lab.script("train.py", "n = 0\nprint('step 0 loss', n)\nassert n != 2, 'two is too many'\n")
    done = run(lab, "--name", "some", "--sweep", "n=1,2,3")
    assert done.returncode == 1
    assert "some-2 failed: AssertionError: two is too many" in done.stderr
    (report,) = lab.folder.glob(".labhand/sweeps/*/report.html")
    assert "two is too many" in report.read_text()


def test_a_budget_ends_a_sweep(lab):
    lab.script("train.py", "n = 0\nimport time\nprint('step 0 loss', n)\ntime.sleep(60)\n")
    (lab.folder / "labhand.toml").write_text("slots = 1\n")
    done = run(lab, "--name", "short", "--sweep", "n=1..4", "--budget", "2s")
    assert "the budget of 2s is used up: 3 runs not started" in done.stderr
    assert [r["status"] for r in runs(lab)["runs"]] == ["stopped"]


def test_a_budget_is_held_though_the_process_that_starts_runs_has_died(lab, until):
    lab.script("train.py", "n = 0\nimport time\nprint('step 0 loss', n)\ntime.sleep(60)\n")
    (lab.folder / "labhand.toml").write_text("slots = 1\nprice = 3600\n")
    assert (
        run(lab, "--detach", "--name", "paid", "--sweep", "n=1..4", "--budget", "4$").returncode
        == 0
    )
    until(lambda: runs(lab)["runs"])
    (folder,) = (lab.folder / ".labhand/runs").iterdir()
    until((folder / "attempts/1/process.json").exists)
    carrier = json.loads((folder / "labhand.json").read_text())["pid"]
    os.kill(psutil.Process(carrier).ppid(), signal.SIGKILL)
    until(lambda: [r["status"] for r in runs(lab)["runs"]] == ["stopped"], 60)
    assert "nothing waits" in lab("queue").stdout
    told = lab("show", "paid").stdout
    assert "the budget of its sweep, 4$, is used up" in " ".join(told.split())
    alone = run(lab, "--budget", "2s")
    assert alone.returncode == 2 and "--limit" in alone.stderr


def test_runs_that_are_hopeless_beside_the_others_are_stopped_where_asked(lab):
    lab.script(
        "train.py",
        "lr = 0.1\nimport time\nloss = 2.0\nfor step in range(100):\n    loss = loss * (1 - lr) if lr < 1 else 9.0\n"
        "    print(f'step {step} loss {loss:.4f}', flush=True)\n    time.sleep(0.03 * (lr > 1))\n",
    )
    (lab.folder / "labhand.toml").write_text("slots = 1\n")
    axis = "lr=0.1,0.11,0.12,0.13,0.2,5"
    done = run(lab, "--name", "some", "--stop-lost", "--sweep", axis)
    assert "some-6 stopped: it was stopped as hopeless beside its siblings" in done.stderr
    assert [r["status"] for r in runs(lab)["runs"]] == ["stopped"] + ["finished"] * 5


RESUMES = """
import argparse, pathlib, signal, sys, time
p = argparse.ArgumentParser()
p.add_argument("--resume")
a = p.parse_args()
import json
start = json.loads(pathlib.Path(a.resume).read_text())["step"] if a.resume else 0
print("begins at", start)
for step in range(start, 6):
    pathlib.Path(f"ckpt-{step}.json").write_text(json.dumps({"step": step}))
    print(f"step {step} loss {1 / (step + 1)}", flush=True)
    while step == 3 and not pathlib.Path("go").exists():
        time.sleep(0.02)
"""


def _gone(lab, reference):
    """Kills all of a run at once, as a machine that goes away does."""
    folder = lab.folder / ".labhand/runs" / lab.show(reference)["id"]
    process = json.loads((folder / "attempts/1/process.json").read_text())
    carrier = json.loads((folder / "labhand.json").read_text())["pid"]
    for pid in (carrier, process["keeper"], process["pid"]):
        os.kill(pid, signal.SIGKILL)


def test_a_lost_run_goes_on_from_its_newest_whole_checkpoint(lab, until):
    lab.script("train.py", RESUMES)
    run(lab, "--detach", "--name", "gone")
    until(lambda: (lab.folder / "ckpt-3.json").exists())
    _gone(lab, "gone")
    until(lambda: lab.show("gone")["status"] == "lost")
    (lab.folder / "ckpt-3.json").write_text('{"ste')
    (lab.folder / "go").touch()
    done = lab("rerun", "gone", "--resume", "--name", "again")
    assert (
        "goes on from ckpt-2.json by `resume`; ckpt-3.json is torn and passed over" in done.stderr
    )
    assert "begins at 2" in done.stdout
    assert lab.show("again")["parents"] == [lab.show("gone")["id"]]
    lab.script("plain.py", "print('step 0 loss 1')\n")
    lab("run", "--name", "plain", "--", sys.executable, "plain.py")
    refused = lab("rerun", "plain", "--resume")
    assert refused.returncode == 2 and "cannot be taken up" in refused.stderr


def test_the_lost_runs_of_a_sweep_go_back_into_the_queue(lab, until):
    lab.script("train.py", "n = 0\n" + HELD)
    (lab.folder / "labhand.toml").write_text("slots = 1\n")
    run(lab, "--detach", "--name", "many", "--sweep", "n=1,2")
    until(lambda: (lab.folder / "starts").exists())
    _gone(lab, "last")
    until(lambda: lab.show("many-1")["status"] == "lost")
    (lab.folder / "go").touch()
    assert "1 run in the queue again" in lab("rerun", "many").stdout
    _until_all_ended(lab, 3)
    assert sorted(r["status"] for r in runs(lab)["runs"]) == ["finished", "finished", "lost"]
    assert lab("rerun", "many").returncode == 2


WARM = """
import os, sys
from pathlib import Path
from labhand.cli.queued import Carrier
from labhand.core.store import Store
from labhand.cycle import sweep
from labhand.cycle.queue import Queue
from labhand.cycle.starter import Claim
from labhand.kit import slots
queue, carrier = Queue(Store.at(Path.cwd())), Carrier()
(entry,) = queue.waiting()
many = sweep.read(queue.store, entry.sweep_id)
carrier.warm(queue.store)
before = set(sys.modules)
held = slots.take(slots.Need(), 1, [])
assert carrier.carry(Claim(queue, many, entry, held, queue.claim(entry), True)) == 0
print("MISSING", sorted(set(sys.modules) - before))
"""


def test_a_run_of_the_queue_loads_nothing_that_is_not_there_already(lab):
    lab.script("train.py", "for i in range(9):\n    print('step', i, 'loss', 1 / (i + 1))\n")
    lab("queue", "pause")
    run(lab, "--no-check", "--detach", "--name", "one")
    done = subprocess.run(
        [sys.executable, "-c", WARM], cwd=lab.folder, capture_output=True, text=True
    )
    assert "MISSING []" in done.stdout, done.stdout + done.stderr


def test_axes(lab):
    lab.script("train.py", TRAIN)
    assert [r["lr"] for r in axis(lab, "lr=1e-4..1e-1:4 log")[2]] == [
        "0.0001",
        "0.001",
        "0.01",
        "0.1",
    ]
    assert [r["seed"] for r in axis(lab, "seed=1..3")[2]] == ["1", "2", "3"]
    assert [r["lr"] for r in axis(lab, "lr=0..1:3")[2]] == ["0", "0.5", "1"]
    (lab.folder / "plan.csv").write_text("lr,seed\n0.1,3\n0.2,4\n")
    assert axis(lab, "@plan.csv")[2] == [{"lr": "0.1", "seed": "3"}, {"lr": "0.2", "seed": "4"}]
    assert axis(lab, seeds="5,7")[1:] == ("seed", [{"seed": "5"}, {"seed": "7"}])
    assert len(axis(lab, "lr=0.1,0.2", seeds="3")[2]) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sweep", "lr=0..1:1000", "--seeds", "1000"], "1,000,000 runs"),
        (["--sweep", "lrr=1,2"], "lr"),
        (["--sweep", "lr"], "KEY=V1,V2"),
        (["--sweep", "lr=1,x"], "lr"),
        (["--sweep", "@none.csv"], "none.csv"),
        (["--sweep", "lr=1,2", "--set", "lr=3"], "twice"),
        (["--seeds", "0"], "seeds"),
        (["--gpus", "64"], "64 GPUs"),
        (["--cpus", "4096"], "4096 CPUs"),
        (["--memory", "900T"], "--memory 900T"),
        (["--memory", "much"], "such as 8G"),
        (["--sweep", "lr=1,2", "--budget", "soon"], "90m"),
    ],
)
def test_a_wrong_sweep_is_one_sentence_and_leaves_nothing(lab, words, said):
    lab.script("train.py", TRAIN)
    done = run(lab, *words)
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not list(lab.folder.glob(".labhand/*/2*"))


def test_a_seed_that_cannot_be_set_is_said(lab):
    lab.script("train.py", "lr = 1\nprint(lr)\n")
    done = run(lab, "--seeds", "3")
    assert done.returncode == 2 and "no setting for its seed" in done.stderr


@given(st.lists(st.text("ab1.[](){}'\"", min_size=1, max_size=8), min_size=1, max_size=5))
def test_values_without_commas_come_back_as_they_were(values):
    plain = [v for v in values if not set(v) & set("[](){}'\"")]
    assert sweep.listed(",".join(plain)) == plain


def test_commas_within_brackets_belong_to_the_value():
    assert sweep.listed("[1, 2],(3,4),'a,b',c") == ["[1, 2]", "(3,4)", "'a,b'", "c"]


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_the_file_of_a_waiting_run_tells_all_of_it(rank, number):
    entry = Waiting(rank, "20261129-210234-b369", number)
    from labhand.cycle.queue import parsed

    assert parsed(entry.file) == entry
    assert parsed("lock") is None
