"""What is told when only news is asked for, and which comments silence nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from labhand.check import check
from labhand.check.contract import RuleContract
from labhand.core.errors import InputError, UsageError

ROOT = Path(__file__).parents[2]
CLEAN = """\
import torch

def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for x in loader:
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()
"""
BAD = CLEAN.replace("        optimizer.zero_grad()\n", "")


class TestUnusedSuppression(RuleContract):
    @pytest.fixture
    def files(self):
        name = "unused_suppression"
        return (
            ROOT / f"src/labhand/check/rules/{name}.py",
            ROOT / "cases/check" / "unused-suppression.md",
        )


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A repository whose project, in a folder of it, has one old finding in each of two files."""
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "old.py").write_text(BAD)
    (lab / "moved.py").write_text(BAD)
    (lab / "data.bin").write_bytes(b"\x00" * 100)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return lab


def rules_since(lab, revision="HEAD"):
    found = check([], root=lab, since=revision)
    return [(f.where.path, f.rule) for f in found.findings], found.summary["untouched"]


def test_since_tells_only_what_a_change_brought(repository):
    assert rules_since(repository) == ([], 2)
    (repository / "old.py").write_text("import os\n\n" + BAD.replace("0.1", "0.2"))
    git(repository, "mv", "moved.py", "elsewhere.py")
    (repository / "new.py").write_text(CLEAN)
    assert rules_since(repository) == ([], 2)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "second")
    (repository / "new.py").write_text(
        BAD
    )  # the line that was taken out is not the line of the finding
    told, old = rules_since(repository)
    assert told == [("new.py", "grad-zero-missing")] and old == 2
    told, old = rules_since(repository, "HEAD~1")
    assert told == [("new.py", "grad-zero-missing")] and old == 2


@pytest.mark.parametrize("revision", ["nothing", "--output=x", "HEAD:old.py"])
def test_a_revision_that_is_none_is_told(repository, revision):
    (repository / "a.py").write_text(BAD)
    with pytest.raises(UsageError, match="cannot be had: there is no such revision"):
        check([], root=repository, since=revision)


def test_since_without_a_repository_is_told(tmp_path):
    (tmp_path / "a.py").write_text(BAD)
    with pytest.raises(UsageError, match="--since takes a revision"):
        check([], root=tmp_path, since="HEAD")


def test_a_baseline_holds_after_edits_elsewhere(lab):
    lab.script("pyproject.toml", "")
    lab.script("train.py", BAD)
    lab.script("known.json", lab("check", "--format", "json").stdout)
    lab.script("train.py", "import os\n\n\n" + BAD + BAD.replace("train", "again"))
    done = lab("check", "--baseline", "known.json")
    assert done.returncode == 1 and "train.py:17:9: error grad-zero-missing" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 finding in 1 file; 1 known from the baseline"
    for content in ("{", '{"findings": 3}'):
        lab.script("known.json", content)
        done = lab("check", "--baseline", "known.json")
        assert done.returncode == 2 and "it is no findings document" in done.stderr
    with pytest.raises(InputError, match="labhand check --format json > "):
        check([], root=lab.folder, baseline=lab.folder / "nowhere.json")


def test_a_baseline_stands_in_the_projects_settings(lab):
    lab.script("labhand.toml", "")
    lab.script("train.py", BAD)
    lab.script("known.json", lab("check", "--format", "json").stdout)
    lab.script("labhand.toml", 'baseline = "known.json"\n')
    done = lab("check")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "no findings in 1 file; 1 known from the baseline"
    lab.script("labhand.toml", 'baseline = "gone.json"\n')
    done = lab("check")
    assert done.returncode == 2 and "gone.json" in done.stderr


def test_a_comment_that_silences_nothing_is_removed_by_fix(lab):
    lab.script("pyproject.toml", "")
    path = lab.script(
        "train.py", CLEAN.replace("step()\n", "step()  # labhand: ignore[grad-zero-missing] x\n")
    )
    done = lab("check", "--format", "json")
    assert done.returncode == 0  # a note
    assert [f["rule"] for f in json.loads(done.stdout)["findings"]] == ["unused-suppression"]
    assert lab("check", "--fix").returncode == 0 and path.read_text() == CLEAN


def test_rules_of_the_project_are_known_to_its_comments(lab):
    lab.script("pyproject.toml", "")
    lab.script(
        ".labhand/rules/steps.py",
        "class Rule:\n    severity = 'note'\n    level = 'suspicious'\n    def check(self, code):\n"
        "        for call in code.calls('.step'):\n            yield code.claim(call.node, 'it steps', 'look')\n",
    )
    lab.script("train.py", CLEAN.replace("step()\n", "step()  # labhand: ignore[steps] mine\n"))
    told = json.loads(lab("check", "--format", "json").stdout)
    assert told["findings"] == [] and told["summary"]["suppressed"] == 1
