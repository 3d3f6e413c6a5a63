"""What a person gets of `labhand implement`: the patch, its proof, and a tree that is as it was."""

import pytest

from implement.projects import DECAY, FLAG, TRAIN, git, implement, labhand, project, rungs, whole


@pytest.fixture
def folder(tmp_path):
    return project(tmp_path / "project")


def untouched(folder):
    return (folder / "train.py").read_text() == TRAIN and not git(folder, "status", "--porcelain")


def test_a_good_change_is_proven_and_becomes_a_commit_only_when_accepted(folder):
    done, patch, _ = implement(folder, [whole(DECAY)])
    assert done.returncode == 0, done.stderr
    assert rungs(patch) == dict.fromkeys(
        ["parses", "check", "imports", "one-step", "unchanged", "short-run"], "passed"
    ) | {"tests": "skipped"}
    assert patch["settings"] == {"decay": 0.0} and not patch["harness_touched"]
    assert untouched(folder)
    accepted = labhand(folder, "accept")
    assert accepted.returncode == 0, accepted.stderr
    assert (folder / "train.py").read_text() == DECAY
    message = git(folder, "log", "-1", "--format=%an%n%B")
    assert "A Person" in message and "Proof passed: parses" in message and "builtin" in message
    assert not git(folder, "status", "--porcelain")
    again = labhand(folder, "accept", patch["name"])
    assert again.returncode == 2 and "accepted already" in again.stderr


def test_what_fails_the_proof_goes_back_to_the_agent(folder):
    broken = TRAIN.replace("w = 0.0", "w = 0.0 +")
    always_on = DECAY.replace("default=0.0)", "default=0.5)")
    done, patch, asked = implement(folder, [whole(broken), whole(always_on), whole(DECAY)])
    assert done.returncode == 0, done.stderr
    assert patch["proven"] and patch["steps"] >= 3
    said = " ".join(str(m["content"]) for m in asked[-1]["messages"])
    assert "invalid syntax" in said and "old behaviour is not kept" in said


def test_a_change_that_stays_bad_is_told_as_failed(folder):
    done, patch, _ = implement(folder, [whole(DECAY.replace("default=0.0)", "default=0.5)"))])
    assert done.returncode == 1 and not patch["proven"]
    assert rungs(patch)["unchanged"] == "failed"
    assert untouched(folder)


def test_a_patch_that_touches_the_evaluation_is_flagged(folder):
    cheat = DECAY.replace("/ len(data)", "/ len(data) / 10")
    done, patch, _ = implement(folder, [whole(cheat)])
    assert done.returncode == 1 and patch["harness_touched"]
    assert {t["what"] for t in patch["touches"]} == {"evaluation"}
    assert untouched(folder)


def test_without_a_model_nothing_is_changed_and_the_remedy_is_told(folder):
    done = labhand(folder, "implement", "add a transformer encoder to the model")
    assert done.returncode == 2 and "LABHAND_MODEL" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (folder / ".labhand" / "patches").exists()


def test_what_settings_can_do_needs_no_model(folder):
    done = labhand(folder, "implement", "lr 0.01 and 50 steps", "--json")
    assert done.returncode == 0, done.stderr
    assert '"not-needed"' in done.stdout and "--set lr=0.01" in done.stdout


def test_uncommitted_changes_are_built_on_and_stay_uncommitted(folder):
    mine = TRAIN.replace("range(40)", "range(44)")
    (folder / "train.py").write_text(mine)
    done, patch, _ = implement(folder, [whole(DECAY.replace("range(40)", "range(44)"))])
    assert done.returncode == 0, done.stderr
    assert "range(44)" not in "".join(
        line for line in patch["diff"].splitlines(True) if line.startswith(("+", "-"))
    )
    assert labhand(folder, "accept").returncode == 0
    assert "range(40)" in git(folder, "show", "HEAD:train.py")
    assert "--decay" in git(folder, "show", "HEAD:train.py")
    assert "range(44)" in (folder / "train.py").read_text()
    assert git(folder, "status", "--porcelain") == " M train.py\n"


def test_a_patch_that_does_not_apply_any_more_changes_nothing(folder):
    assert implement(folder, [whole(DECAY)])[0].returncode == 0
    other = TRAIN.replace(FLAG, "")
    (folder / "train.py").write_text(other)
    done = labhand(folder, "accept")
    assert done.returncode == 2 and "does not apply any more" in done.stderr
    assert (folder / "train.py").read_text() == other


def test_what_a_person_edits_before_accepting_is_kept_beside_what_was_proposed(folder):
    _, patch, _ = implement(folder, [whole(DECAY)])
    edited = DECAY.replace("--decay", "--weight-decay").replace("args.decay", "args.weight_decay")
    (folder / ".labhand" / "patches" / patch["id"] / "tree" / "train.py").write_text(edited)
    assert labhand(folder, "accept").returncode == 0
    kept = folder / ".labhand" / "patches" / patch["id"]
    assert "--decay" in (kept / "proposed.diff").read_text()
    assert "--weight-decay" in (kept / "final.diff").read_text()
    assert (folder / "train.py").read_text() == edited
    assert '"edited"' in (folder / ".labhand" / "patches.jsonl").read_text()


def test_rejected_with_a_reason(folder):
    implement(folder, [whole(DECAY)])
    done = labhand(folder, "reject", "last", "call it --wd")
    assert done.returncode == 0 and untouched(folder)
    assert "call it --wd" in (folder / ".labhand" / "patches.jsonl").read_text()


def test_a_project_without_git(tmp_path):
    folder = project(tmp_path / "plain", in_git=False)
    done, _, _ = implement(folder, [whole(DECAY)])
    assert done.returncode == 0, done.stderr
    assert (folder / "train.py").read_text() == TRAIN
    accepted = labhand(folder, "accept")
    assert accepted.returncode == 0 and "no git" in accepted.stdout
    assert (folder / "train.py").read_text() == DECAY
