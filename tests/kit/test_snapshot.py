"""The code of a run is kept whole, and nothing of the user's is touched."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from labhand.core.errors import InputError, RecordError
from labhand.core.run import Code
from labhand.kit import snapshot
from labhand.kit.snapshot import diff, diff_now, keep, lay_out, same


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "gitconfig"
    config.write_text(
        "[user]\nname = Mia\nemail = mia@example.org\n[init]\ndefaultBranch = main\n"
        '[protocol "file"]\nallow = always\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        place = folder / name.replace("__", "/").replace("_py", ".py")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a commit, something staged, changed, deleted, new, and ignored."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q")
    write(root, train_py="lr = 1\n", pkg__model_py="class Model: ...\n", old_py="gone = 1\n")
    (root / ".gitignore").write_text("data.bin\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    write(root, train_py="lr = 2\n", staged_py="s = 1\n", pkg__new_py="n = 1\n")
    git(root, "add", "staged.py")
    (root / "old.py").unlink()
    (root / "data.bin").write_bytes(b"x")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link.py").symlink_to("train.py")
    home = root / ".labhand"
    home.mkdir()
    (home / ".gitignore").write_text("*\n")
    (home / "inside.py").write_text("no\n")
    return root


WHOLE = {
    ".gitignore": "data.bin\n",
    "train.py": "lr = 2\n",
    "pkg/model.py": "class Model: ...\n",
    "pkg/new.py": "n = 1\n",
    "staged.py": "s = 1\n",
    "run.sh": "#!/bin/sh\n",
    "link.py": "lr = 2\n",
}


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if not path.is_dir() and path.relative_to(folder).parts[0] not in (".git", ".labhand")
    }


def state(root: Path) -> tuple[object, ...]:
    """Everything of a repository that a snapshot must leave alone."""
    place = root / git(root, "rev-parse", "--git-path", "index")
    head = root / git(root, "rev-parse", "--git-path", "HEAD")
    times = {p: p.lstat().st_mtime_ns for p in root.rglob("*") if ".git" not in p.parts}
    index = (place.read_bytes(), place.stat().st_mtime_ns) if place.exists() else None
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=root, capture_output=True, env=environment
    )
    branches = git(root, "for-each-ref", "refs/heads", "refs/remotes", "refs/tags")
    return index, head.read_bytes(), times, status.stdout, branches


def laid_out(code: Code, root: Path, tmp_path: Path) -> dict[str, str]:
    dest = tmp_path / "laid-out"
    lay_out(code, root, root / ".labhand", dest)
    return content(dest)


def test_the_whole_code_is_kept_and_laid_out_again(project: Path, tmp_path: Path) -> None:
    before = state(project)
    kept = keep(project, "r1", project / ".labhand")
    assert state(project) == before
    assert kept.left_out == []
    assert kept.code.commit == git(project, "rev-parse", "HEAD")
    assert kept.code.dirty
    assert laid_out(kept.code, project, tmp_path) == WHOLE
    assert os.access(tmp_path / "laid-out/run.sh", os.X_OK)
    assert (tmp_path / "laid-out/link.py").is_symlink()
    with pytest.raises(InputError):
        lay_out(kept.code, project, project / ".labhand", tmp_path / "laid-out")


def test_the_tree_outlives_git_gc_and_does_not_show_in_the_log(
    project: Path, tmp_path: Path
) -> None:
    log = git(project, "log", "--all", "--oneline")
    kept = keep(project, "r1", project / ".labhand")
    assert git(project, "log", "--all", "--oneline") == log
    git(project, "gc", "-q", "--prune=now")
    assert laid_out(kept.code, project, tmp_path) == WHOLE
    assert git(project, "rev-parse", "refs/labhand/r1") == kept.code.tree


def test_a_clean_worktree_has_the_tree_of_its_commit(project: Path) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-qm", "all")
    code = keep(project, "r1", project / ".labhand").code
    assert not code.dirty
    assert code.tree == git(project, "rev-parse", "HEAD^{tree}")


def _conflict(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", "ours")
    git(root, "checkout", "-qb", "theirs", "HEAD~1")
    write(root, train_py="lr = 3\n")
    git(root, "commit", "-qam", "theirs")
    merged = subprocess.run(["git", "-C", str(root), "merge", "-q", "main"], capture_output=True)
    assert merged.returncode == 1


def _detached(root: Path) -> None:
    git(root, "checkout", "-q", "--detach")


def _intended(root: Path) -> None:
    git(root, "add", "-N", "pkg/new.py")


@pytest.mark.parametrize("odd", [_conflict, _detached, _intended])
def test_odd_states_of_a_repository(
    project: Path, tmp_path: Path, odd: Callable[[Path], None]
) -> None:
    odd(project)
    before = state(project)
    code = keep(project, "r1", project / ".labhand").code
    assert state(project) == before
    assert code.tree is not None and not code.tree.startswith("objects:")
    there = content(project)
    del there["data.bin"]
    assert laid_out(code, project, tmp_path) == there
    assert odd is not _conflict or "<<<<<<<" in there["train.py"]


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    root = tmp_path / "new"
    root.mkdir()
    git(root, "init", "-q")
    write(root, a_py="a = 1\n")
    code = keep(root, "r1", root / ".labhand").code
    assert (code.commit, code.dirty) == (None, True)
    assert laid_out(code, root, tmp_path) == {"a.py": "a = 1\n"}
    assert not (root / ".git/index").exists()


def test_a_linked_worktree(project: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "-q", str(linked))
    write(linked, train_py="lr = 9\n", extra_py="e = 1\n")
    before = state(linked)
    code = keep(linked, "r1", linked / ".labhand").code
    assert state(linked) == before
    assert laid_out(code, linked, tmp_path)["extra.py"] == "e = 1\n"


def test_submodules_and_repositories_within_are_kept_as_files(
    project: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    write(other, lib_py="v = 1\n")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "lib")
    git(project, "submodule", "--quiet", "add", str(other), "sub")
    git(project, "clone", "-q", str(other), "embedded")
    write(project, sub__lib_py="v = 2\n", sub__new_py="w = 1\n", embedded__lib_py="v = 3\n")
    before = state(project), state(project / "sub"), state(project / "embedded")
    code = keep(project, "r1", project / ".labhand").code
    assert (state(project), state(project / "sub"), state(project / "embedded")) == before
    there = laid_out(code, project, tmp_path)
    assert there["sub/lib.py"] == "v = 2\n"
    assert there["sub/new.py"] == "w = 1\n"
    assert there["embedded/lib.py"] == "v = 3\n"
    write(project, sub__lib_py="v = 4\n")
    assert "+v = 4" in diff_now(project, project / ".labhand", code)


def test_a_project_in_a_folder_of_a_repository(project: Path, tmp_path: Path) -> None:
    code = keep(project / "pkg", "r1", project / "pkg/.labhand").code
    assert laid_out(code, project / "pkg", tmp_path) == {
        "model.py": "class Model: ...\n",
        "new.py": "n = 1\n",
    }
    (project / "void").mkdir()
    write(project, void__a_txt="")
    (project / "void/a_txt").unlink()
    assert keep(project / "void", "r2", project / ".labhand").code.tree


def test_large_secret_unreadable_and_junk_files_are_left_out_by_name(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("labhand.kit.choice.LARGEST_BYTES", 1000)
    monkeypatch.setattr("labhand.kit.choice.MOST_DATA_FILES", 5)
    (project / "weights.pt").write_bytes(b"w" * 2000)
    (project / ".env").write_text("A=b\n")
    (project / ".env.example").write_text("A=\n")
    for i in range(8):
        write(project, **{f"images__{i}": "png"})
    write(project, **{"myenv__pyvenv.cfg": "", "myenv__lib__x_py": "", "venv__y_py": ""})
    os.mkfifo(project / "pipe")
    kept = keep(project, "r1", project / ".labhand")
    assert {path: (size, why) for path, size, why in kept.left_out if path != "pipe"} == {
        "weights.pt": (2000, "larger than 0 MB"),
        ".env": (4, "may hold secrets"),
        "images/": (24, "8 files, taken for data"),
    }
    assert laid_out(kept.code, project, tmp_path) == WHOLE | {".env.example": "A=\n"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("in_git", [True, False])
def test_an_unreadable_file_is_named(project: Path, in_git: bool) -> None:
    if not in_git:
        (project / ".git").rename(project.parent / "elsewhere")
    (project / "pkg/new.py").chmod(0)
    assert ("pkg/new.py", 6, "cannot be read") in keep(project, "r1", project / ".labhand").left_out


def test_a_file_that_git_cannot_take_is_named_and_the_rest_is_kept(
    project: Path, tmp_path: Path
) -> None:
    (project / "pkg/model.py").unlink()
    os.mkfifo(project / "pkg/model.py")
    kept = keep(project, "r1", project / ".labhand")
    assert kept.left_out == [("pkg/model.py", 0, "cannot be read")]
    assert laid_out(kept.code, project, tmp_path)["pkg/new.py"] == "n = 1\n"


def _no_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))


def _outside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".git").rename(project.parent / "elsewhere")


def _broken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".git/HEAD").write_text("nonsense")


def _torn_index(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".git/index").write_bytes(b"DIRC nonsense")


@pytest.mark.parametrize("away", [_no_git, _outside, _broken, _torn_index])
def test_without_git_the_code_is_copied_by_content(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    away: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    (project / "data.bin").unlink()
    away(project, monkeypatch)
    home = project / ".labhand"
    kept = keep(project, "r1", home)
    assert kept.code.tree is not None and kept.code.tree.startswith("objects:")
    assert kept.code.tree == keep(project, "r2", home).code.tree
    assert laid_out(kept.code, project, tmp_path) == WHOLE
    assert same(project, home, kept.code)
    write(project, train_py="lr = 5\n")
    assert not same(project, home, kept.code)
    assert "-lr = 2\n+lr = 5\n" in diff_now(project, home, kept.code)
    stored = [p for p in (home / "objects").rglob("*") if p.is_file()]
    assert stored and all(p.stat().st_mode & 0o077 == 0 for p in stored)


@pytest.mark.parametrize("kinds", ["git git", "objects objects", "git objects", "objects git"])
def test_the_difference_of_two_codes_of_any_kind(
    project: Path, monkeypatch: pytest.MonkeyPatch, kinds: str
) -> None:
    home = project / ".labhand"
    (project / "data.bin").unlink()
    write(project, image="\0binary")

    def kept(kind: str, run_id: str) -> Code:
        with monkeypatch.context() as patch:
            if kind == "objects":
                patch.setenv("PATH", str(project))
            return keep(project, run_id, home).code

    one, other = kinds.split()
    first = kept(one, "r1")
    assert diff(project, home, first, first) == ""
    write(project, train_py="lr = 4", added_py="a = 1\n", image="\0changed")
    (project / "staged.py").unlink()
    told = diff(project, home, first, kept(other, "r2"))
    assert "-lr = 2\n+lr = 4\n\\ No newline at end of file\n" in told
    assert "+++ b/added.py\n@@ -0,0 +1 @@\n+a = 1\n" in told
    assert "--- a/staged.py\n+++ /dev/null\n" in told
    assert "Binary files a/image and b/image differ\n" in told
    assert told.count("diff --git") == 4


def test_a_huge_difference_is_cut_and_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = project / ".labhand"
    first = keep(project, "r1", home).code
    write(project, big_py="x = 1\n" * 100_000)
    for _ in range(2):
        told = diff(project, home, first, keep(project, "r2", home).code)
        assert len(told) < snapshot.DIFF_BYTES + 100
        assert told.endswith("... cut after 400 kB\n")
        monkeypatch.setenv("PATH", "")
        home = project / "elsewhere"
        first = Code(tree=keep(project, "r3", home).code.tree)
        write(project, big_py="y = 1\n" * 100_000)


def test_whether_the_worktree_stands_as_it_was(project: Path) -> None:
    home = project / ".labhand"
    code = keep(project, "r1", home).code
    assert same(project, home, code)
    (project / "results.csv").write_text("loss\n")
    assert same(project, home, code), "what a run leaves behind is no change of its code"
    write(project, another_py="a\n")
    assert not same(project, home, code)
    (project / "another.py").unlink()
    (project / "pkg/model.py").unlink()
    assert not same(project, home, code)
    assert not same(project, home, Code())


def test_a_code_that_is_not_here_is_an_error_for_people(project: Path, tmp_path: Path) -> None:
    for tree in ("0" * 40, "objects:" + "0" * 64, None):
        with pytest.raises(RecordError):
            diff(project, project / ".labhand", Code(tree=tree), Code(tree=tree))


def test_a_folder_that_is_no_project_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "mia", train_py="lr = 1\n", deep__other_py="o = 1\n")
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(tmp_path / "mia"))
    kept = keep(tmp_path / "mia", "r1", home)
    assert laid_out_from(kept.code, tmp_path, home) == {"train.py": "lr = 1\n"}
    assert "no project" in kept.left_out[0][2]
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setattr("labhand.kit.choice.MOST_FILES", 1)
    assert "more than 1 files" in keep(tmp_path / "mia", "r2", home).left_out[0][2]


def laid_out_from(code: Code, root: Path, home: Path) -> dict[str, str]:
    lay_out(code, root, home, root / "laid")
    return content(root / "laid")


def test_variables_of_a_surrounding_git_do_not_lead_astray(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    code = keep(project, "r1", project / ".labhand").code
    assert code.tree is not None and not code.tree.startswith("objects:")


def test_a_committed_labhand_home_is_not_in_it(project: Path, tmp_path: Path) -> None:
    git(project, "add", "-f", ".labhand/inside.py")
    git(project, "commit", "-qm", "oops")
    assert laid_out(keep(project, "r1", project / ".labhand").code, project, tmp_path) == WHOLE


def test_hooks_are_not_run(project: Path) -> None:
    for name in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction"):
        hook = project / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {project}/ran\n")
        hook.chmod(0o755)
    code = keep(project, "r1", project / ".labhand").code
    lay_out(code, project, project / ".labhand", project.parent / "out")
    assert not (project / "ran").exists()
