"""Scripts of the kinds people have, and what the record says of them."""

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("steps", "packed"), [(30, False), (4000, True)])
def test_only_points_worth_it_are_packed_and_all_are_read_the_same(lab, steps, packed):
    text = f"import labhand\nfor i in range({steps}):\n    labhand.log({{'loss': i / 2}}, step=i)\n"
    lab.script("train.py", text)
    assert lab.run("train.py").returncode == 0
    folder = lab.attempt().parent.parent
    assert (folder / "points.parquet").exists() == packed
    assert bool(list(lab.attempt().glob("points.log-*.log"))) != packed
    assert lab.show()["metrics"]["loss"] == {
        "points": steps,
        "first": 0.0,
        "last": (steps - 1) / 2,
        "min": 0.0,
        "max": (steps - 1) / 2,
        "last_step": steps - 1,
        "non_finite": 0,
    }


BOTH = """
file = open("log.csv", "w")
file.write("step,loss\\n")
for step in range(80):
    print(f"step {step}: loss {1 / (step + 1):.4f}", flush=True)
    file.write(f"{step},{1 / (step + 1)}\\n")
"""


def test_a_file_that_comes_after_the_printed_lines_is_the_truth_and_no_spike(lab):
    lab.script("train.py", BOTH)
    assert lab.run("train.py").returncode == 0
    shown = lab.show()
    assert shown["metrics"]["loss"]["points"] == 80
    assert shown["metrics"]["loss"]["last"] == 1 / 80
    assert shown["findings"] == []


def test_a_line_that_is_printed_and_logged_counts_once(lab):
    text = (
        "import logging\nlogging.basicConfig(level=logging.INFO)\n"
        "for step in range(5):\n    line = f'step {step}: loss {1 / (step + 1):.3f}'\n"
        "    print(line)\n    logging.info(line)\n"
    )
    lab.script("train.py", text)
    assert lab.run("train.py").returncode == 0
    assert lab.show()["metrics"]["loss"]["points"] == 5


def test_a_file_that_cannot_be_imported_is_named_with_what_to_do(lab):
    lab.script("layers.py", "x = 1\ndef f(:\n    pass\n")
    lab.script("train.py", "import layers\n")
    done = lab.run("train.py")
    failure = lab.show()["attempts"][0]["failure"]
    assert (failure["kind"], failure["evidence"]["line"]) == ("syntax", 2)
    assert failure["message"].endswith("layers.py, line 2, is not valid Python: invalid syntax")
    assert "correct the line or the one before it" in done.stderr
    assert "correct the line or the one before it" in lab("show", "last").stdout


def test_a_secret_argument_in_an_exception_never_reaches_the_disk(lab):
    text = "import sys\nraise RuntimeError(f'login failed for {sys.argv[2]} at {sys.argv[3]}')\n"
    lab.script("train.py", text)
    lab.run("train.py", "--password", "S3cretPassw0rd!", "--token=tok-12345")
    kept = [path for path in lab.folder.rglob("*") if path.is_file()]
    assert len(kept) > 5
    for secret in (b"S3cretPassw0rd!", b"tok-12345"):
        assert [path for path in kept if secret in path.read_bytes()] == []
    assert "login failed for" in lab.show()["attempts"][0]["failure"]["message"]


@pytest.mark.parametrize("marks", [[], ["pyproject.toml"]])
def test_a_rerun_has_the_code_the_settings_and_the_record_of_the_run(lab, marks):
    for mark in marks:
        lab.script(mark, "")
    script = lab.script("train.py", "lr = 0.1\nprint(f'loss: {lr}')\n")
    first = lab("run", "--name", "a", "--set", "lr=0.5", "--", lab.python, "train.py")
    assert first.stdout == "loss: 0.5\n", first.stderr
    again = lab("rerun", "a", "--name", "b")
    assert again.stdout == "loss: 0.5\n", again.stderr
    script.write_text("lr = 0.2\nprint(f'loss: {lr + 1}')\n")
    for before, name in (("a", "c"), ("c", "d")):
        done = lab("rerun", before, "--name", name)
        assert done.stdout == "loss: 0.5\n", done.stderr
        assert lab.show(name)["code"] == lab.show("a")["code"]
        assert lab.show(name)["config"]["lr"] == 0.5
    assert [run["name"] for run in lab_runs(lab)] == ["d", "c", "b", "a"]
    assert json.loads(lab("compare", "a", "d", "--json").stdout)["code"][0]["files"] == []


def lab_runs(lab):
    return json.loads(lab("runs", "--json").stdout)["runs"]


STEADY = """
import os, time
for step in range(40):
    print(f"step {step}: loss {1 / (step + 1):.4f}", flush=True)
    while step == 9 and not os.path.exists("go"):
        time.sleep(0.01)
print("step 40: loss 0.0125", end="")
"""


def test_what_is_printed_when_labhand_is_gone_is_in_the_record(lab, until):
    lab.script("train.py", STEADY)
    labhand = lab.start(
        "run", "--name", "a", "--", lab.python, "train.py", stdin=subprocess.DEVNULL
    )
    first = until(
        lambda: [p for p in lab.folder.glob(".labhand/runs/*/attempts/1/points.output-*")]
    )
    until(lambda: b"step 9" in (first[0].parent / "output.log").read_bytes())
    labhand.kill()
    labhand.communicate()
    (lab.folder / "go").touch()
    until(lambda: lab.show("a")["status"] == "finished")
    loss = lab.show("a")["metrics"]["loss"]
    assert (loss["points"], loss["first"], loss["last"], loss["last_step"]) == (41, 1.0, 0.0125, 40)


TRAINING = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float)
p.add_argument("--epochs", type=int, default=200)
a = p.parse_args()
for step in range(a.epochs):
    print(f"step {step}: loss {2.3 * a.lr * 0.97 ** step + 0.01 * (step % 3):.4f}", flush=True)
"""


def test_trainings_one_after_another_are_each_watched_from_its_own_beginning(lab):
    lab.script("train.py", TRAINING)
    lab.script(
        "all.sh", f"for lr in 0.5 1.0; do {sys.executable} train.py --lr $lr || exit 1; done\n"
    )
    done = lab("run", "--", "sh", "all.sh")
    assert done.returncode == 0, done.stderr
    shown = lab.show()
    assert shown["config"]["lr"] == "0.5 and 1.0"
    assert shown["config"]["epochs"] == 200
    assert shown["metrics"]["loss"]["points"] == 400
    assert shown["findings"] == []


def test_a_training_that_fails_and_begins_again_is_one_training(lab):
    again = "import os\n" + TRAINING.replace("2.3 *", "(2.4 - 0.1 * os.path.exists('again')) *")
    lab.script("train.py", again + "1 / 0\n")
    lab.script(
        "all.sh", f"until {sys.executable} train.py --lr 1 || [ -e again ]; do touch again; done\n"
    )
    lab("run", "--fix", "off", "--", "sh", "all.sh")
    assert "checkpoint-not-loaded" in [finding["rule"] for finding in lab.show()["findings"]]


def test_what_a_training_starts_beside_itself_changes_none_of_its_settings(lab):
    lab.script("evaluate.py", TRAINING)
    lab.script(
        "train.py",
        TRAINING
        + "import subprocess, sys\nsubprocess.run([sys.executable, 'evaluate.py', '--lr', '9'])\n",
    )
    done = lab("run", "--", sys.executable, "train.py", "--lr", "0.5")
    assert done.returncode == 0, done.stderr
    assert lab.show()["config"]["lr"] == 0.5
