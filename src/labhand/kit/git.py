"""Runs git, and nothing else does: bounded in time, asking nothing, locking nothing of the user's."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TIMEOUT_S = 20.0

# Hooks, monitors and housekeeping are the user's; a snapshot must set none of them off.
_SETTINGS = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.splitIndex=false",
    "core.quotePath=false",
    "core.logAllRefUpdates=false",
    "core.looseCompression=1",
    "core.safecrlf=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "protocol.allow=never",
)
_KEPT_VARIABLES = frozenset(
    "GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM GIT_EXEC_PATH "
    "GIT_CEILING_DIRECTORIES".split()
)


class GitError(Exception):
    """Git is not there, took too long, or ended badly."""


class Entry(NamedTuple):
    """A file of a tree or an index: its mode, such as `100644`, and its content's name."""

    mode: str
    id: str


def run(
    folder: Path,
    *arguments: str,
    index: Path | None = None,
    data: bytes | None = None,
    limit: int | None = None,
    timeout_s: float = TIMEOUT_S,
) -> bytes:
    """What `git ARGUMENTS` prints, run in `folder`; at most `limit` bytes of it.

    Raises:
        GitError: it could not be run, took longer than `timeout_s`, or ended badly.
    """
    program = shutil.which("git")
    if program is None:
        raise GitError("git is not installed")
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    try:
        with subprocess.Popen(
            [program, *settings, *arguments],
            cwd=folder,
            env=_environment(index),
            stdin=subprocess.PIPE if data is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                if limit is not None:
                    return _first(process, limit)
                out, err = process.communicate(data, timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                raise GitError(f"git {arguments[0]} took longer than {timeout_s:g} s") from error
            finally:
                process.kill()
    except OSError as error:
        raise GitError(f"git cannot be run: {error}") from error
    if process.returncode:
        message = err.decode("utf-8", "replace").strip()
        raise GitError(f"git {arguments[0]} failed: {message or process.returncode}")
    return out


class Repository:
    """A folder in the worktree of a git repository. Paths are relative to the folder."""

    def __init__(self, folder: Path, top: Path, prefix: str, index: Path) -> None:
        self.folder = folder
        self.top = top
        self.prefix = prefix
        self.index = index

    @classmethod
    def at(cls, folder: Path) -> "Repository":
        """The repository whose worktree holds `folder`.

        Raises:
            GitError: there is none, or git cannot tell.
        """
        told = run(
            folder, "rev-parse", "--show-toplevel", "--show-prefix", "--git-path", "index"
        ).decode("utf-8", "surrogateescape")
        top, prefix, index = told.split("\n")[:3]
        return cls(folder, Path(top), prefix, folder / index)

    def head(self) -> tuple[str | None, str | None]:
        """The commit that is checked out and its tree for this folder; None where there is none."""
        try:
            commit = run(self.folder, "rev-parse", "-q", "--verify", "HEAD^{commit}")
        except GitError:
            return None, None
        try:
            tree = run(self.folder, "rev-parse", "-q", "--verify", "HEAD:./")
        except GitError:
            return commit.decode().strip(), None
        return commit.decode().strip(), tree.decode().strip()

    def tree(self, revision: str) -> str:
        """The tree of this folder in a revision; an empty one where it was not there.

        Raises:
            GitError: there is no such revision.
        """
        flags = ("rev-parse", "-q", "--verify", "--end-of-options")
        try:
            commit = run(self.folder, *flags, f"{revision}^{{commit}}").decode().strip()
        except GitError as error:
            raise GitError("there is no such revision") from error
        try:
            return run(self.folder, *flags, f"{commit}:./").decode().strip()
        except GitError:
            return run(self.folder, "mktree", data=b"").decode().strip()

    def renamed(self, revision: str) -> dict[str, str]:
        """The old name, in a revision, of each tracked file of this folder that has another now."""
        flags = ("--name-status", "-z", "--relative", "-M", "--diff-filter=R")
        told = _split(run(self.folder, "diff", "--no-ext-diff", *flags, revision, "--"))
        return {new: old for old, new in zip(told[1::3], told[2::3], strict=True)}

    def tracked(self, index: Path | None = None) -> dict[str, Entry]:
        """What the index holds."""
        entries: dict[str, Entry] = {}
        for line in _split(run(self.folder, "ls-files", "-z", "-s", index=index)):
            about, _, path = line.partition("\t")
            mode, name, _ = about.split(" ")
            entries[path] = Entry(mode, name)
        return entries

    def untracked(self, without: Iterable[str], index: Path | None = None) -> list[str]:
        """Files that are neither tracked nor ignored; a repository of its own ends in `/`."""
        excluded = [f"--exclude={pattern}" for pattern in without]
        return _split(
            run(
                self.folder,
                *("ls-files", "-z", "-o", "--exclude-standard", *excluded),
                index=index,
                timeout_s=10.0,
            )
        )

    def changed(self, index: Path) -> list[str]:
        """Tracked files that may differ from the index."""
        told = run(
            self.folder,
            *("diff-files", "-z", "--name-only", "--relative", "--ignore-submodules=dirty"),
            index=index,
        )
        return list(dict.fromkeys(_split(told)))

    def add(self, index: Path, paths: list[str]) -> list[str]:
        """Brings an index up to the files as they are; returns those that cannot be read."""
        if not paths:
            return []
        flags = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
        try:
            run(self.folder, *flags, index=index, data=_joined(paths), timeout_s=60.0)
            return []
        except GitError:
            if len(paths) == 1:
                return paths
        # One that fails takes the whole call with it: halve until it stands alone.
        middle = len(paths) // 2
        return self.add(index, paths[:middle]) + self.add(index, paths[middle:])

    def remove(self, index: Path, paths: list[str]) -> None:
        """Takes paths out of an index."""
        if paths:
            flags = ("update-index", "--force-remove", "-z", "--stdin")
            run(self.folder, *flags, index=index, data=_joined(paths))

    def write_tree(self, index: Path) -> str:
        """The tree of this folder as an index holds it, written into the repository."""
        prefix = [f"--prefix={self.prefix}"] if self.prefix else []
        if prefix and not run(self.folder, "ls-files", "-z", index=index, limit=1):
            return run(self.folder, "mktree", data=b"").decode().strip()
        told = run(self.folder, "write-tree", "--missing-ok", *prefix, index=index)
        return told.decode().strip()

    def keep(self, ref: str, tree: str) -> None:
        """Makes a ref to a tree, so that it is never collected.

        A ref to the bare tree, not to a commit: `git log --all` stays as it was.
        """
        run(self.folder, "update-ref", ref, tree)

    def let_go(self, refs: list[str], *, write: bool) -> list[str]:
        """Those of the refs that are there; with `write` they are no more, and git may collect."""
        told = run(self.folder, "for-each-ref", "--format=%(refname)", *refs) if refs else b""
        found = told.decode().splitlines()
        if found and write:
            lines = "".join(f"delete {ref}\n" for ref in found)
            run(self.folder, "update-ref", "--stdin", data=lines.encode())
        return found

    def entries(self, tree: str) -> dict[str, Entry]:
        """The files of a tree.

        Raises:
            GitError: the tree is not in this repository.
        """
        entries: dict[str, Entry] = {}
        for line in _split(run(self.folder, "ls-tree", "-r", "-z", "--full-tree", tree)):
            about, _, path = line.partition("\t")
            mode, _, name = about.split(" ")
            entries[path] = Entry(mode, name)
        return entries

    def read(self, entry: Entry) -> bytes:
        """The content of a file of a tree."""
        return run(self.folder, "cat-file", "blob", entry.id)

    def lay_out(
        self, tree: str, index: Path, into: Path, paths: Iterable[str] | None = None
    ) -> None:
        """Writes the files of a tree (only these, where given) into a folder, by way of an index."""
        run(self.top, "read-tree", tree, index=index)
        which = ("-a",) if paths is None else ("-z", "--stdin")
        data = None if paths is None else _joined(list(paths))
        flags = ("checkout-index", *which, "-q", "-f", f"--prefix={into}{os.sep}")
        run(self.top, *flags, index=index, data=data, timeout_s=300.0)

    def diff(self, before: str, after: str, limit: int) -> bytes:
        """The unified diff of two trees, at most `limit` bytes."""
        flags = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M", "--no-relative")
        shape = ("--src-prefix=a/", "--dst-prefix=b/", "-U3")
        return run(self.top, *flags, *shape, before, after, "--", limit=limit)


def _environment(index: Path | None) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _KEPT_VARIABLES}
    kept |= {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "LC_ALL": "C",
    }
    if index is not None:
        kept["GIT_INDEX_FILE"] = str(index)
    return kept


def _first(process: "subprocess.Popen[bytes]", limit: int) -> bytes:
    assert process.stdout is not None and process.stderr is not None
    out = process.stdout.read(limit)
    if len(out) < limit:
        error = process.stderr.read()
        if process.wait(TIMEOUT_S):
            raise GitError(error.decode("utf-8", "replace").strip())
    return out


def _split(data: bytes) -> list[str]:
    return [os.fsdecode(part) for part in data.split(b"\0") if part]


def _joined(paths: list[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
