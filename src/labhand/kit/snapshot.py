"""The code of a run, kept whole: uncommitted and untracked files included, nothing touched.

In git it is a tree under the private ref `refs/labhand/<run>`, made through an index of its own:
neither the user's index nor a branch nor the worktree changes. Outside git, or where git fails, it
is a content-addressed copy in `<home>/objects`, and the tree is named `objects:<hash>`.
Submodules and repositories within the folder are kept as plain files.
"""

import contextlib
import difflib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from labhand.core.errors import InputError, RecordError
from labhand.core.home import make_folder
from labhand.core.run import Code
from labhand.core.store import write_whole
from labhand.kit.choice import JUNK, LeftOut, choose, configures, is_code, walk
from labhand.kit.git import Entry, GitError, Repository

DIFF_BYTES = 400_000
LARGEST_CHANGED_BYTES = 100_000_000
"""A tracked file that was changed and is larger is kept as it was committed."""

OBJECTS = "objects:"
_LARGEST_COMPARED_BYTES = 2_000_000


class Kept(NamedTuple):
    """A code that was kept, and what of the folder is not in it: path, bytes, why."""

    code: Code
    left_out: list[LeftOut]


class _Manifest(msgspec.Struct):
    """What `objects:<hash>` names: the files of a code with their contents' hashes."""

    files: dict[str, Entry]
    schema: str = "labhand.manifest/1"


def keep(root: Path, run_id: str, home: Path) -> Kept:
    """The code of a folder, kept as it stands. Writes into the repository or the home, never fails.

    A folder that is no project (the home folder, `/`, more than 50,000 files) is kept only as far
    as its own `*.py` files.
    """
    commit = None
    try:
        repository = _repository(root)
        with _index(repository) as index:
            commit, head_tree = repository.head()
            tree, dirty, left_out = _tree(repository, index, home, head_tree)
            repository.keep(f"refs/labhand/{run_id}", tree)
            return Kept(Code(commit=commit, dirty=dirty, tree=tree), left_out)
    except (GitError, OSError):
        pass
    files, left_out = walk(root, home)
    try:
        manifest = _stored(root, home, files, left_out)
    except OSError as error:
        left_out.append((".", 0, f"nothing was kept: {error.strerror}"))
        return Kept(Code(commit=commit), left_out)
    return Kept(Code(commit=commit, dirty=commit is not None, tree=manifest), left_out)


def keep_again(root: Path, run_id: str, code: Code) -> None:
    """Keeps a code that was kept before for one more run. Never fails."""
    with contextlib.suppress(GitError, OSError):
        if code.tree and not code.tree.startswith(OBJECTS):
            _repository(root).keep(f"refs/labhand/{run_id}", code.tree)


def let_go(root: Path, run_ids: list[str], *, write: bool) -> int:
    """How many of the runs have their code kept in git; with `write` it is kept no longer."""
    try:
        refs = [f"refs/labhand/{run_id}" for run_id in run_ids]
        return len(_repository(root).let_go(refs, write=write))
    except (GitError, OSError):
        return 0


def lay_out(code: Code, root: Path, home: Path, dest: Path) -> None:
    """Writes a kept code into `dest`, a folder that is empty or not there yet.

    Raises:
        InputError: `dest` is not empty, or cannot be written.
        RecordError: the code is not on this machine.
    """
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise InputError(f"{dest} is not an empty folder; name one that is")
    kept = _kept(code, root, home)
    try:
        dest.mkdir(parents=True, exist_ok=True)
        kept.lay_out(dest)
    except (OSError, GitError) as error:
        raise InputError(f"the code cannot be laid out in {dest}: {error}") from error


def diff(root: Path, home: Path, a: Code, b: Code) -> str:
    """The unified diff from one kept code to another, 400 kB at most; empty where they are equal.

    Raises:
        RecordError: one of them is not on this machine.
    """
    return _diff(_kept(a, root, home), _kept(b, root, home))


def diff_now(root: Path, home: Path, code: Code) -> str:
    """The unified diff from a kept code to the folder as it stands.

    Raises:
        RecordError: the code is not on this machine.
    """
    return _diff(_kept(code, root, home), _now(root, home))


def same(root: Path, home: Path, code: Code, *, results: bool = True) -> bool:
    """Whether the folder stands as the kept code does.

    Files that came new count only where they are code: a run leaves results behind. Without
    `results` no file counts that is neither code nor configuration: other runs write theirs now.
    """
    try:
        kept, now = _kept(code, root, home), _now(root, home)
    except RecordError:
        return False
    if _hash_kinds_differ(kept, now):
        now = _Folder(root, *walk(root, home)) if isinstance(kept, _Objects) else now
    new = [path for path in now.entries if path not in kept.entries]
    gone = [path for path in kept.entries if path not in now.entries]
    if any(map(is_code, new)) or any(results or configures(path) for path in gone):
        return False
    if _hash_kinds_differ(kept, now):
        counted = [path for path in kept.entries if results or configures(path)]
        return all(kept.read(p) == now.read(p) for p in counted)
    return all(
        now.entries[path] == entry
        for path, entry in kept.entries.items()
        if results or configures(path)
    )


# ── git ──────────────────────────────────────────────────────────────────────────────────────────


def _repository(root: Path) -> Repository:
    repository = Repository.at(root)
    if repository.top in (Path.home(), Path(repository.top.anchor)):
        raise GitError("the home folder is no project")
    return repository


@contextlib.contextmanager
def _index(repository: Repository) -> Iterator[Path]:
    """A copy of the repository's index, so that only what changed has to be hashed."""
    with tempfile.TemporaryDirectory(prefix="labhand-") as folder:
        index = Path(folder) / "index"
        with contextlib.suppress(FileNotFoundError):
            # with its times: git trusts an entry only where it is older than the index
            shutil.copy2(repository.index, index)
        yield index


def _tree(
    repository: Repository, index: Path, home: Path, head_tree: str | None
) -> tuple[str, bool, list[LeftOut]]:
    """The tree of the folder as it stands, whether it differs from the commit, what is not in it."""
    root = repository.folder
    tracked = repository.tracked(index)
    ours = _prefix(root, home)
    repository.remove(index, [path for path in tracked if path.startswith(ours)])
    untracked = [p for p in repository.untracked(JUNK, index) if not p.startswith(ours)]
    changed, left_out = _changed(root, repository.changed(index), ours)
    embedded = [path for path in untracked if path.endswith("/")]
    chosen, too_much = choose(root, [path for path in untracked if not path.endswith("/")])
    left_out += too_much
    left_out += _unreadable(root, repository.add(index, changed + chosen))
    tree = repository.write_tree(index)
    dirty = tree != head_tree
    modules = [f"{path}/" for path, entry in tracked.items() if entry.mode == "160000"]
    inner, inner_dirty = _inner(root, embedded + modules)
    if inner:
        chosen, too_much = choose(root, inner)
        left_out += too_much
        left_out += _unreadable(root, repository.add(index, chosen))
        tree = repository.write_tree(index)
    return tree, dirty or inner_dirty or bool(embedded), left_out


def _changed(root: Path, paths: list[str], ours: str) -> tuple[list[str], list[LeftOut]]:
    kept: list[str] = []
    left_out: list[LeftOut] = []
    for path in paths:
        if path.startswith(ours):
            continue
        size = _size(root / path)
        if size > LARGEST_CHANGED_BYTES:
            left_out.append((path, size, "changed, and too large: kept as it was committed"))
        else:
            kept.append(path)
    return kept, left_out


def _inner(root: Path, folders: list[str]) -> tuple[list[str], bool]:
    """The files of the repositories within a folder, and whether one differs from its commit."""
    files: list[str] = []
    dirty = False
    for folder in folders:
        place = root / folder
        if not (place / ".git").exists():
            continue
        try:
            repository = Repository.at(place)
            tracked = repository.tracked()
            untracked = repository.untracked(JUNK)
            dirty |= bool(untracked or repository.changed(repository.index))
        except GitError:
            continue
        modules = [f"{path}/" for path, entry in tracked.items() if entry.mode == "160000"]
        deeper, deeper_dirty = _inner(place, modules + [p for p in untracked if p.endswith("/")])
        dirty |= deeper_dirty
        plain = [p for p in tracked if f"{p}/" not in modules]
        plain += [p for p in untracked if not p.endswith("/")]
        files += [folder + path for path in [*plain, *deeper] if os.path.lexists(place / path)]
    return files, dirty


def _unreadable(root: Path, paths: list[str]) -> list[LeftOut]:
    return [(path, _size(root / path), "cannot be read") for path in paths]


def _prefix(root: Path, home: Path) -> str:
    """What every path of the labhand home begins with, seen from `root`; a lone NUL outside it."""
    try:
        inside = home.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return ".labhand/"
    return f"{inside}/" if inside != "." else "\0"


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


# ── kept codes, of whatever kind ─────────────────────────────────────────────────────────────────


class _Git:
    """A tree in a repository."""

    def __init__(self, repository: Repository, tree: str) -> None:
        self.repository = repository
        self.tree = tree
        self.entries = repository.entries(tree)

    def read(self, path: str) -> bytes:
        return self.repository.read(self.entries[path])

    def lay_out(self, dest: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="labhand-") as folder:
            self.repository.lay_out(self.tree, Path(folder) / "index", dest.resolve())


class _Objects:
    """A manifest and its contents in `<home>/objects`."""

    def __init__(self, home: Path, name: str) -> None:
        self.home = home
        manifest = _object(home, name.removeprefix(OBJECTS)).read_bytes()
        self.entries = msgspec.json.decode(manifest, type=_Manifest).files

    def read(self, path: str) -> bytes:
        return _object(self.home, self.entries[path].id).read_bytes()

    def lay_out(self, dest: Path) -> None:
        for path, entry in self.entries.items():
            place = dest / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if entry.mode == "120000":
                place.symlink_to(os.fsdecode(self.read(path)))
            else:
                place.write_bytes(self.read(path))
                place.chmod(0o755 if entry.mode == "100755" else 0o644)


class _Folder:
    """A folder as it stands."""

    def __init__(self, root: Path, files: list[str], left_out: list[LeftOut]) -> None:
        self.root = root
        self.entries: dict[str, Entry] = {}
        for path in files:
            try:
                mode, content = _content(root / path)
            except OSError:
                left_out.append((path, _size(root / path), "cannot be read"))
            else:
                self.entries[path] = Entry(mode, hashlib.sha256(content).hexdigest())

    def read(self, path: str) -> bytes:
        return _content(self.root / path)[1]


def _kept(code: Code, root: Path, home: Path) -> "_Git | _Objects":
    if code.tree is None:
        raise RecordError("the code of this run was not kept")
    try:
        if code.tree.startswith(OBJECTS):
            return _Objects(home, code.tree)
        return _Git(Repository.at(root), code.tree)
    except (GitError, OSError, ValueError) as error:
        raise RecordError(
            f"the kept code {code.tree[:20]} is not on this machine: {error}; look at it where "
            "the run was made"
        ) from error


def _now(root: Path, home: Path) -> "_Git | _Folder":
    try:
        repository = _repository(root)
        with _index(repository) as index:
            return _Git(repository, _tree(repository, index, home, None)[0])
    except (GitError, OSError):
        return _Folder(root, *walk(root, home))


def _stored(root: Path, home: Path, files: list[str], left_out: list[LeftOut]) -> str:
    """The name of the manifest of a folder, its files copied into the home's objects."""
    folder = _Folder(root, files, left_out)
    for path in list(folder.entries):
        place = _object(home, folder.entries[path].id)
        if not place.exists():
            content = folder.read(path)
            # the file may have changed since it was hashed
            entry = Entry(folder.entries[path].mode, hashlib.sha256(content).hexdigest())
            folder.entries[path] = entry
            _put(_object(home, entry.id), content)
    manifest = msgspec.json.encode(_Manifest(folder.entries), order="deterministic")
    name = hashlib.sha256(manifest).hexdigest()
    if not _object(home, name).exists():
        _put(_object(home, name), manifest)
    return OBJECTS + name


def _put(place: Path, content: bytes) -> None:
    make_folder(str(place.parent))
    write_whole(place, content)


def _object(home: Path, name: str) -> Path:
    return home / "objects" / name[:2] / name[2:]


def _content(path: Path) -> tuple[str, bytes]:
    about = path.lstat()
    if stat.S_ISLNK(about.st_mode):
        return "120000", os.fsencode(path.readlink())
    if not stat.S_ISREG(about.st_mode):
        raise OSError("no regular file")
    return "100755" if about.st_mode & 0o100 else "100644", path.read_bytes()


def _hash_kinds_differ(a: "_Git | _Objects", b: "_Git | _Objects | _Folder") -> bool:
    return isinstance(a, _Git) != isinstance(b, _Git)


# ── differences ──────────────────────────────────────────────────────────────────────────────────


def _diff(a: "_Git | _Objects", b: "_Git | _Objects | _Folder") -> str:
    if isinstance(a, _Git) and isinstance(b, _Git):
        told = a.repository.diff(a.tree, b.tree, DIFF_BYTES + 1)
        return _bounded([told.decode("utf-8", "replace")])
    alike = not _hash_kinds_differ(a, b)
    return _bounded(
        _file_diff(path, a, b)
        for path in sorted(a.entries.keys() | b.entries.keys())
        if not (alike and a.entries.get(path) == b.entries.get(path))
    )


def _bounded(parts: "Iterator[str] | list[str]") -> str:
    told = ""
    for part in parts:
        told += part
        if len(told.encode("utf-8", "surrogateescape")) > DIFF_BYTES:
            cut = told.encode("utf-8", "surrogateescape")[:DIFF_BYTES].decode("utf-8", "ignore")
            return cut[: cut.rfind("\n") + 1] + f"... cut after {DIFF_BYTES // 1000} kB\n"
    return told


def _file_diff(path: str, a: "_Git | _Objects", b: "_Git | _Objects | _Folder") -> str:
    old = a.read(path) if path in a.entries else None
    new = b.read(path) if path in b.entries else None
    if old == new:
        return ""
    before = f"a/{path}" if old is not None else os.devnull
    after = f"b/{path}" if new is not None else os.devnull
    head = f"diff --git a/{path} b/{path}\n"
    contents = (old or b"", new or b"")
    if any(b"\0" in c[:8000] or len(c) > _LARGEST_COMPARED_BYTES for c in contents):
        return f"{head}Binary files {before} and {after} differ\n"
    one, other = (c.decode("utf-8", "replace").splitlines(keepends=True) for c in contents)
    told = difflib.unified_diff(one, other, before, after)
    return head + "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in told
    )
