"""Runs that go on side by side in one folder: what one wrote is no result of another."""

import sys

SCRIPT = """
import argparse, os, pathlib, time
p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
a = p.parse_args()
place = pathlib.Path({place})
place.mkdir(parents=True, exist_ok=True)
pathlib.Path(f"here-{{a.seed}}").touch()
while not all(pathlib.Path(f"here-{{i}}").exists() for i in (0, 1)):
    time.sleep(0.01)
(place / "log.csv").write_text("step,val_loss\\n")
for step in range(20):
    with open(place / "log.csv", "a") as file:
        file.write(f"{{step}},{{a.seed + 0.5 ** step:.4f}}\\n")
    time.sleep(0.02)
pathlib.Path(f"done-{{a.seed}}").touch()
while not all(pathlib.Path(f"done-{{i}}").exists() for i in (0, 1)):
    time.sleep(0.01)
print(f"step 19 final_loss {{a.seed + 10}}")
"""


def both(lab, place):
    lab.script("labhand.toml", "")
    lab.script("train.py", SCRIPT.format(place=place))
    done = lab("run", "--name", "pair", "--seeds", "2", "--", sys.executable, "train.py")
    assert done.returncode == 0, done.stderr
    runs = [lab.show(f"pair-{number}") for number in (1, 2)]
    return {run["config"]["seed"]: run["metrics"] for run in runs}


def test_each_run_is_told_what_it_wrote_itself(lab):
    found = both(lab, 'f"out/{a.seed}"')
    for seed, metrics in found.items():
        assert metrics["val_loss"]["first"] == seed + 1
        assert metrics["val_loss"]["last"] == round(seed + 0.5**19, 4)
        assert metrics["val_loss"]["points"] == 20


def test_a_file_that_both_write_is_nobodys_result(lab):
    found = both(lab, '"out"')
    assert sorted(found) == [0, 1]
    for seed, metrics in found.items():
        assert "val_loss" not in metrics
        assert metrics["final_loss"]["last"] == seed + 10
