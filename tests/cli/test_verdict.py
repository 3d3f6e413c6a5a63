"""A person says of a finding whether it was right, by the beginning of its id, and can take it back."""

import json

import pytest

ILL = "for step in range(40):\n    print(f'step {step} loss {2.0 if step < 20 else float(\"nan\")}')\n"


@pytest.fixture
def ill(lab):
    lab.script("train.py", ILL)
    lab.run("train.py")
    (found,) = lab.show()["findings"]
    return lab, found


def test_a_verdict_is_kept_listed_shown_and_taken_back(ill):
    lab, found = ill
    done = lab("verdict", found["id"][:4], "fine")
    assert done.returncode == 0 and "non-finite" in done.stdout
    (said,) = json.loads(lab("verdict", "--json").stdout)
    assert said["finding"] == found["id"] and said["answer"] == "fine"
    assert "was fine" in lab("verdict").stdout
    assert "you said: fine" in lab("show", "last").stdout
    lab.run("train.py")  # the verdict is of a run before the last one by now
    assert lab("verdict", found["id"], "undo").returncode == 0
    assert "no verdict yet" in lab("verdict").stdout
    assert lab("verdict", found["id"], "undo").returncode == 2


def test_what_names_nothing_is_told_with_what_there_is(ill):
    lab, found = ill
    done = lab("verdict", "zz", "fine")
    assert done.returncode == 2 and f"`{found['id'][:6]}` (non-finite)" in done.stderr
    assert lab("verdict", found["id"]).returncode == 2
    assert lab("verdict", found["id"], "maybe").returncode == 2
    assert not (lab.folder / ".labhand/verdicts.jsonl").exists()


def test_a_finding_of_a_scan_can_be_answered_without_any_run(lab):
    rows = (
        "".join(f"{i},{i * 0.37 % 5:.2f}\n" for i in range(300)) + "300,-999\n301,-999\n302,-999\n"
    )
    lab.script("data.csv", "id,x\n" + rows)
    lab.script("labhand.toml", "")
    told = [line for line in lab("scan", "data.csv").stdout.splitlines() if "→ read" in line]
    (identity,) = {line.split()[-1] for line in told}
    done = lab("verdict", identity, "fine")
    assert (done.returncode, done.stdout) == (0, "disguised-missing of data.csv: was fine\n")
    assert "· disguised-missing" in lab("scan", "data.csv").stdout
    assert "a scan" in lab("verdict").stdout
    assert lab("verdict", identity, "undo").returncode == 0
    assert "! disguised-missing" in lab("scan", "data.csv").stdout
    assert lab("verdict", "zz", "fine").returncode == 2
