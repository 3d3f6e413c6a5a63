"""A full disk: the training goes on, the person is told, what was there before stays."""

import json
import os
import resource
import subprocess
import sys

LIMIT = 400_000
SCRIPT = """
import labhand
for step in range(20_000):
    labhand.log({"loss": 1 / (step + 1), "accuracy": step / 20_000}, step=step)
    if step % 100 == 0:
        print(f"step {step}: " + "x" * 4000, flush=True)
print("reached the end", flush=True)
"""


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


def test_the_training_goes_on_and_the_person_is_told_once(lab):
    lab.script("train.py", SCRIPT)
    done = subprocess.run(
        [sys.executable, "-m", "labhand", "run", "--", sys.executable, "train.py"],
        cwd=lab.folder,
        preexec_fn=limited,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "reached the end" in done.stdout
    told = [line for line in done.stderr.splitlines() if "cannot be written" in line]
    assert len([line for line in told if "output.log" in line]) == 1
    assert done.stderr.count("of points could not be written") == 1
    assert "Traceback" not in done.stderr
    attempt = lab.attempt()
    assert (attempt / "output.log").stat().st_size <= LIMIT
    shown = lab.show()
    assert shown["status"] == "finished"
    kept = shown["metrics"]["loss"]
    assert 5_000 < kept["points"] < 20_000 and kept["first"] == 1.0


def test_a_record_on_a_full_file_system(lab, tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        import pytest

        pytest.skip(
            "a small file system cannot be mounted here; the file size limit is tested above"
        )
    try:
        lab.script("train.py", SCRIPT)
        done = lab.run("train.py", env={**os.environ, "LABHAND_HOME": str(place / "home")})
        assert done.returncode == 0, done.stderr
        assert "reached the end" in done.stdout and "Traceback" not in done.stderr
        assert done.stderr.count("cannot be written") == 1 and "Error(" not in done.stderr
        assert " finished in " in done.stderr, "the end is told all the same"
        shown = lab(
            "show", "last", "--json", env={**os.environ, "LABHAND_HOME": str(place / "home")}
        )
        if shown.returncode == 0:
            assert json.loads(shown.stdout)["attempts"]
    finally:
        subprocess.run(["umount", str(place)], check=True)
