"""Samples and evaluations that a script writes are scanned as they land, and what is none is left alone."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, os
words = "river stone lamp garden bridge winter music letter harbour snow cloth tree iron bread moon road".split()
os.makedirs("samples"), os.makedirs("cache")
with open("metrics.csv", "w") as log:
    log.write("step,loss,accuracy\\n")
    for step in range(0, 60, 10):
        log.write(f"{step},{2 / (step + 1):.4f},{step / 60:.3f}\\n")
        with open(f"samples/step_{step}.jsonl", "w") as out:
            for i in range(14):
                place = 7 if step >= SPOILT else step * 31 + i * 7
                text = " ".join(words[(place * (k + 3) + k * k + place // 5) % 16] + str(place % 97) for k in range(12))
                out.write(json.dumps({"prompt": f"Tell story {i}.", "completion": text, "reward": 0.01 * i}) + "\\n")
            out.write(TORN)
        json.dump({"id": step, "model": "x", "vocab": {"a": 1}}, open(f"cache/{step}.json", "w"))
"""


@pytest.fixture
def carried(tmp_path):
    def run(spoilt, torn=""):
        text = SCRIPT.replace("SPOILT", str(spoilt)).replace("TORN", repr(torn))
        (tmp_path / "train.py").write_text(text)
        command = [sys.executable, "-m", "labhand"]
        done = subprocess.run(
            [*command, "run", "--name", "one", "--no-check", "--", sys.executable, "train.py"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        shown = subprocess.run(
            [*command, "show", "one", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
        )  # fmt: skip
        return done.stderr, json.loads(shown.stdout), tmp_path

    return run


def test_samples_that_collapse_are_told_in_terminal_report_and_record(carried):
    told, run, folder = carried(40)
    (found,) = [f for f in run["findings"] if f["job"] == "scan"]
    assert found["rule"] == "mode-collapse" and "from step 40 on" in found["message"]
    assert found["where"]["path"] == "samples/step_*.jsonl" and found["where"]["rows_total"] == 28
    assert "mode-collapse" in told
    (report,) = folder.glob(".labhand/runs/*/report.html")
    assert "mode-collapse" in report.read_text()


def test_good_samples_metrics_and_caches_bring_nothing_and_a_torn_line_is_told(carried):
    told, run, _ = carried(1000, '{"prompt": "Tell')
    assert [f for f in run["findings"] if f["job"] == "scan"] == []
    assert "is no JSON" in told
