"""A patch becomes a commit, whatever state the repository is in, or nothing changes."""

import pytest

from implement.projects import git
from labhand.core.errors import InputError
from labhand.kit.commit import commit

PATCH = """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,2 +1,2 @@
-x = 1
+x = 2
 y = 1
"""


@pytest.fixture
def folder(tmp_path):
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "user.name", "A")
    git(tmp_path, "config", "user.email", "a@b")
    (tmp_path / "a.py").write_text("x = 1\ny = 1\n")
    return tmp_path


def test_before_the_first_commit(folder):
    done = commit(folder, PATCH, ["a.py"], "change")
    assert git(folder, "log", "--format=%s") == "change\n" and done.mixed == ["a.py"]
    assert git(folder, "show", "HEAD:a.py") == "x = 2\ny = 1\n"
    assert git(folder, "status", "--porcelain") == ""


def test_in_a_folder_of_a_larger_repository(folder):
    inner = folder / "inner"
    inner.mkdir()
    (folder / "a.py").rename(inner / "a.py")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    commit(inner, PATCH, ["a.py"], "change")
    assert git(folder, "show", "HEAD:inner/a.py") == "x = 2\ny = 1\n"
    assert git(folder, "status", "--porcelain") == ""


def test_what_is_staged_stays_staged(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    (folder / "b.py").write_text("new = 1\n")
    git(folder, "add", "b.py")
    commit(folder, PATCH, ["a.py"], "change")
    assert git(folder, "show", "--stat", "--format=", "HEAD").count("|") == 1
    assert git(folder, "status", "--porcelain") == "A  b.py\n"


def test_what_it_builds_on_goes_with_it(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    (folder / "a.py").write_text("x = 1\ny = 5\n")
    done = commit(folder, PATCH.replace(" y = 1", " y = 5"), ["a.py"], "change")
    assert done.mixed == ["a.py"] and git(folder, "show", "HEAD:a.py") == "x = 2\ny = 5\n"


def test_what_does_not_apply_changes_nothing(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    (folder / "a.py").write_text("x = 7\ny = 1\n")
    with pytest.raises(InputError, match=r"does not apply any more.*a\.py"):
        commit(folder, PATCH, ["a.py"], "change")
    assert git(folder, "log", "--format=%s") == "first\n"
    assert (folder / "a.py").read_text() == "x = 7\ny = 1\n"
