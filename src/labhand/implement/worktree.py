"""A project's code in a working tree of its own, as it stands, uncommitted changes included.

It is a repository by itself, not a linked worktree: whatever an agent does to its branches and its
history, the person's repository has nothing of it.
"""

import contextlib
import os
import re
import shutil
from pathlib import Path

from labhand.core.run import Code
from labhand.implement.touches import changed_files
from labhand.kit import git, snapshot
from labhand.kit.choice import JUNK, says_what_runs

_RESULTS = re.compile(r"^(out|outputs?|runs?|results?|logs?|checkpoints?|ckpts?|wandb|mlruns|lightning_logs|models?|saved.*|tmp|temp|build|dist|site|\..*|.*\.(log|pt|pth|ckpt|egg-info))$", re.I)  # fmt: skip
_MOST_LINKS = 200
_AUTHOR = ("-c", "user.name=labhand", "-c", "user.email=labhand@localhost", "-c", "commit.gpgSign=false")  # fmt: skip


class Worktree:
    """The code of a project at `folder`, with `start`, the code as it was when it was laid out."""

    def __init__(self, folder: Path, home: Path, start: Code) -> None:
        self.folder = folder
        self.home = home
        self.start = start

    @classmethod
    def make(cls, root: Path, home: Path, name: str, folder: Path) -> "Worktree":
        """A worktree of the project as it stands. Writes `folder`; touches nothing of the project.

        Raises:
            LabhandError: it cannot be written.
        """
        kept = snapshot.keep(root, name, home)
        snapshot.lay_out(kept.code, root, home, folder)
        _link_data(root, home, folder, [path for path, _, _ in kept.left_out])
        with contextlib.suppress(git.GitError):
            git.run(folder, "init", "-q", ".")
            (folder / ".git" / "info").mkdir(exist_ok=True)
            (folder / ".git" / "info" / "exclude").write_text("__pycache__/\n*.pyc\n")
            git.run(folder, "add", "-A", timeout_s=120.0)
            git.run(folder, *_AUTHOR, "commit", "-q", "--allow-empty", "-m", "The code as it was")
        return cls(folder, home, snapshot.keep(folder, "start", home).code)

    @classmethod
    def again(cls, folder: Path, home: Path) -> "Worktree | None":
        """A worktree that was made before; None where it is gone."""
        if not folder.is_dir():
            return None
        for ref in ("refs/labhand/start",):
            with contextlib.suppress(git.GitError):
                told = git.run(folder, "rev-parse", "--show-toplevel", ref).decode().splitlines()
                if Path(told[0]).resolve() == folder.resolve():
                    return cls(folder, home, Code(tree=told[1]))
        return None

    def diff(self, written: set[str]) -> str:
        """The unified diff of what was changed; of new files, those that are code or were `written`."""
        now = snapshot.keep(self.folder, "now", self.home).code
        whole = snapshot.diff(self.folder, self.home, self.start, now)
        parts = re.split(r"^(?=diff --git )", whole, flags=re.M)
        return "".join(part for part in parts if part and self._belongs(part, written))

    def _belongs(self, part: str, written: set[str]) -> bool:
        paths = [file.path for file in changed_files(part)]
        path = paths[0] if paths else ""
        new = "--- /dev/null" in part or re.search(r"^new file mode", part, re.M)
        return not new or path in written or (says_what_runs(path) and not (self.folder / path).is_symlink())  # fmt: skip

    def copy(self, into: Path, *, before: bool = False) -> None:
        """Writes the code into a new folder: as it is now, or as it was `before` it was changed."""
        if before:
            snapshot.lay_out(self.start, self.folder, self.home, into)
            for link in self.folder.iterdir():
                if link.is_symlink() and not os.path.lexists(into / link.name):
                    (into / link.name).symlink_to(link.readlink())
            return
        shutil.copytree(self.folder, into, symlinks=True, ignore=shutil.ignore_patterns(".git", "__pycache__"))  # fmt: skip


def _link_data(root: Path, home: Path, folder: Path, left_out: list[str]) -> None:
    """Links what is ignored or too large to be kept, so that the code finds its data; no results."""
    with contextlib.suppress(git.GitError):
        told = git.run(root, "ls-files", "-z", "-o", "-i", "--exclude-standard", "--directory")
        left_out = left_out + [os.fsdecode(p) for p in told.split(b"\0") if p]
    for path in left_out[:_MOST_LINKS]:
        place, link = root / path.rstrip("/"), folder / path.rstrip("/")
        names = Path(path).parts
        if any(_RESULTS.match(n) or n in JUNK for n in names) or "__pycache__" in names:
            continue
        if place.resolve() == home.resolve() or os.path.lexists(link) or not place.exists():
            continue
        with contextlib.suppress(OSError):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(place.resolve())
