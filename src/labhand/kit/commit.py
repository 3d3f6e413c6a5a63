"""A diff applied to a project and made a commit of: all of it, or nothing."""

import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import InputError
from labhand.kit import git
from labhand.kit.git import GitError, Repository

_AUTHOR = ("-c", "user.name=labhand", "-c", "user.email=labhand@localhost")
_APPLY = ("apply", "--whitespace=nowarn")


class Committed(NamedTuple):
    """The commit (None outside git), and files of which uncommitted changes went into it."""

    commit: str | None
    mixed: list[str]


def commit(root: Path, diff: str, paths: list[str], message: str) -> Committed:
    """The commit that a diff became, on the branch that is checked out. Writes the files and the branch.

    What a person changed and did not commit stays uncommitted, but where the diff builds on it.

    Raises:
        InputError: it does not apply to the files as they are, or git fails; nothing was changed.
    """
    data = diff.encode("utf-8", "surrogateescape")
    try:
        repository = Repository.at(root)
    except GitError:
        if shutil.which("git") is None:
            raise InputError("git is not installed, and it applies patches; install it") from None
        return _plain(root, data)
    return _Commit(repository, data, paths).make(message)


def holds(root: Path, diff: str) -> bool:
    """Whether the files are already as the diff would make them. Only reads."""
    try:
        repository = Repository.at(root)
        top, where = repository.top, _beneath(repository)
    except GitError:
        top, where = root, ()
    try:
        git.run(top, *_APPLY, "-R", "--check", *where, "-", data=diff.encode("utf-8", "surrogateescape"))  # fmt: skip
    except GitError:
        return False
    return True


def _beneath(repository: Repository) -> tuple[str, ...]:
    """What says that the paths of a diff are those of a folder beneath the repository's."""
    return (f"--directory={repository.prefix.rstrip('/')}",) if repository.prefix else ()


def _plain(root: Path, data: bytes) -> Committed:
    _check(root, data, ())
    try:
        git.run(root, *_APPLY, "-", data=data)
    except GitError as error:
        raise InputError(f"the patch cannot be applied: {error}; nothing was changed") from error
    return Committed(None, [])


def _check(folder: Path, data: bytes, where: tuple[str, ...]) -> None:
    try:
        git.run(folder, *_APPLY, "--check", *where, "-", data=data)
    except GitError as error:
        found = re.search(r"error: (?:patch failed: )?([^\n:]+)", str(error))
        place = f" ({found[1].strip()})" if found else ""
        raise InputError(
            f"the patch does not apply any more: the code has changed since it was proposed{place}; "
            "nothing was changed; have it made again"
        ) from error


class _Commit:
    """One commit on its way."""

    def __init__(self, repository: Repository, data: bytes, paths: list[str]) -> None:
        self.repository = repository
        self.data = data
        self.where = _beneath(repository)
        self.paths = [repository.prefix + path for path in paths]
        self.head, _ = repository.head()

    def make(self, message: str) -> Committed:
        top = self.repository.top
        _check(top, self.data, self.where)
        with tempfile.TemporaryDirectory(prefix="labhand-") as folder:
            index = Path(folder) / "index"
            try:
                clean = self._prepared(index)
                git.run(top, *_APPLY, *self.where, "-", data=self.data)
            except GitError as error:
                raise InputError(f"git fails: {error}; nothing was changed") from error
            try:
                if not clean:
                    self._add(index)
                made = self._commit(index, message)
            except GitError as error:
                git.run(top, *_APPLY, "-R", *self.where, "-", data=self.data)
                raise InputError(f"git makes no commit: {error}; nothing was changed") from error
        self._index_follows()
        return Committed(made, [] if clean else self.paths)

    def _prepared(self, index: Path) -> bool:
        """An index of what is committed with the diff; False: the diff builds on what is not."""
        top = self.repository.top
        git.run(top, "read-tree", self.head or "--empty", index=index)
        try:
            git.run(top, *_APPLY, "--cached", *self.where, "-", index=index, data=self.data)
        except GitError:
            return False
        return True

    def _add(self, index: Path) -> None:
        names = b"".join(p.encode("utf-8", "surrogateescape") + b"\0" for p in self.paths)
        flags = ("update-index", "--add", "--remove", "-z", "--stdin")
        git.run(self.repository.top, *flags, index=index, data=names)

    def _commit(self, index: Path, message: str) -> str:
        top = self.repository.top
        tree = git.run(top, "write-tree", index=index).decode().strip()
        parent = ("-p", self.head) if self.head else ()
        made = ("commit-tree", tree, *parent, "-F", "-")
        try:
            told = git.run(top, *made, data=message.encode())
        except GitError:  # no name is set here
            told = git.run(top, *_AUTHOR, *made, data=message.encode())
        new = told.decode().strip()
        git.run(
            top,
            "update-ref",
            "-m",
            "labhand accept",
            "HEAD",
            new,
            *([self.head] if self.head else []),
        )
        return new

    def _index_follows(self) -> None:
        """Brings the person's own index to the new commit for the files of the diff."""
        with suppress(GitError):
            try:
                git.run(self.repository.top, *_APPLY, "--cached", *self.where, "-", data=self.data)
            except GitError:
                git.run(self.repository.top, "reset", "-q", "--", *self.paths)
