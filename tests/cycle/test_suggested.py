"""A failure that nobody knows is put to the language model that is set; what it proposes, a person accepts."""

import os
import sys

import pytest

from labhand.implement.scripted import Line, Scripted

TRAINING = """
import random, sys
random.seed(0)
lr = 0.1
loss = 4.0
for step in range(4):
    loss *= 1 - lr * random.random()
    print(f"step {step} loss {loss:.6f}")
END
print("saved")
"""
FAILS = "print('licence of the viewer: none')\nsys.exit(7)"
EDIT = """train.py
<<<<<<< SEARCH
{old}
=======
{new}
>>>>>>> REPLACE
DONE The viewer is not opened"""
RIGHT = EDIT.format(old="sys.exit(7)", new="pass")


@pytest.fixture
def asked(lab):
    """Runs the training with a model that gives these answers; the end of it, the run, what was asked."""

    def run(*answers, fix="neutral", end=FAILS):
        (lab.folder / "train.py").write_text(TRAINING.replace("END", end))
        with Scripted(answers) as model:
            env = {"LABHAND_MODEL": "scripted", "LABHAND_BASE_URL": model.url}
            words = ("run", "--no-check", "--fix", fix, "--", sys.executable, "train.py")
            done = lab(*words, env=os.environ | env)
        return done, lab.show(), model.requests

    return run


def test_it_is_proposed_as_a_patch_and_the_file_stays(asked, lab):
    done, run, requests = asked(RIGHT)
    (attempt,) = run["attempts"]
    proposed = attempt["failure"]["evidence"]["proposed"]
    assert done.returncode == 7 and attempt["fix"] is None
    assert "-sys.exit(7)" in proposed["patch"] and "The viewer is not opened" in proposed["summary"]
    assert "--fix all" in " ".join(done.stderr.split())
    assert "licence of the viewer" in requests[0]["messages"][-1]["content"]
    assert (lab.folder / "train.py").read_text() == TRAINING.replace("END", FAILS)


def test_with_consent_it_is_tried_on_the_copy_of_the_run(asked, lab):
    done, run, _ = asked(RIGHT, fix="all")
    assert done.returncode == 0 and "saved" in done.stdout
    assert run["attempts"][0]["fix"]["kind"] == "unknown"
    assert (lab.folder / "train.py").read_text() == TRAINING.replace("END", FAILS)


def test_a_change_of_the_science_is_seen_and_called_so(asked):
    both = EDIT.format(old="lr = 0.1", new="lr = 0.5") + "\n" + RIGHT
    _, run, _ = asked(both, fix="all")
    assert run["attempts"][0]["fix"]["safety"] == "scientific"


def test_an_edit_that_fits_nowhere_goes_back_to_the_model(asked):
    done, _, requests = asked(EDIT.format(old="sys.exit(9)", new="pass"), RIGHT, fix="all")
    assert done.returncode == 0 and len(requests) == 2


@pytest.mark.parametrize("answer", ["It waits for a licence.", Line(status=401, text="no key")])
def test_where_it_changes_nothing_or_is_away_the_run_ends_with_the_failure(asked, answer):
    done, run, _ = asked(answer, fix="all")
    (attempt,) = run["attempts"]
    assert done.returncode == 7 and attempt["failure"]["kind"] == "unknown"
    assert "scripted" in attempt["failure"]["evidence"]["advice"]


def test_ones_own_logic_is_not_put_to_it(asked):
    done, run, requests = asked(RIGHT, fix="all", end="assert loss < 0")
    assert done.returncode == 1 and requests == []
    assert run["attempts"][0]["failure"]["kind"] != "unknown"
