"""The history of a repository: one author's commits, and the settings that they changed."""

import ast
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import InputError
from labhand.kit import git
from labhand.learn.history import Trial, plain

MOST_COMMITS = 10_000
"""The newest so many are read."""
SWEEPING = 30
"""A commit of more files says nothing of which belong together."""
LARGEST = 300_000
"""Bytes; a larger file is no code that a person wrote."""
_TIMEOUT_S = 120.0
_FLAG = re.compile(r"""add_argument\(\s*["']--?([A-Za-z][\w-]*)["']((?:[^()]|\([^()]*\))*)\)""")
_OPTION = re.compile(
    r"""@\w+\.option\(\s*["']--([A-Za-z][\w-]*)[^"']*["']((?:[^()]|\([^()]*\))*)\)"""
)
_DEFAULT = re.compile(r"\bdefault\s*=\s*((?:[^,()\[\]]|\([^()]*\)|\[[^\[\]]*\])+)")
_PLAIN = re.compile(r"^([A-Za-z]\w*)[ \t]*(?::[^=\n]+)?=[ \t]*([^=\s].*)$", re.M)
_FIELD = re.compile(r"^(?:    |\t)([a-z]\w*)[ \t]*:[^=\n]+=[ \t]*([^=\s].*)$", re.M)
_ASIDE = frozenset("parser args version __version__ name description help".split())


class Change(NamedTuple):
    """A file of a commit: its text before and after, empty where it was not there or is no Python."""

    path: str
    old: str
    new: str
    added: bool


class Commit(NamedTuple):
    """A commit of the author. `changes` are of all its files; `new_flags` those that it added."""

    id: str
    time: str
    subject: str
    body: str
    changes: list[Change]

    @property
    def name(self) -> str:
        """Its short name."""
        return self.id[:10]


def commits(folder: Path) -> list[Commit]:
    """The commits of the one author, oldest first, without merges.

    The author is whom git's `user.email` names, else who wrote most of it.

    Raises:
        InputError: there is no repository, no commit, or git cannot tell.
    """
    try:
        git.Repository.at(folder)
        told = git.run(folder, *_LOG, timeout_s=_TIMEOUT_S)
        mine = _author(folder, told)
        heads = [_head(part) for part in told.split(b"\x01")[1:]]
        heads = [head for head in heads if head.email == mine][::-1]
        texts = _texts(folder, heads)
    except git.GitError as error:
        raise InputError(
            f"the history of {folder} cannot be read: {str(error).splitlines()[0]}; `labhand learn --from-git` "
            "works in a git repository with a commit"
        ) from error
    return [_commit(head, texts) for head in heads]


_LOG = (
    "log", f"--max-count={MOST_COMMITS}", "--no-merges", "--no-renames", "--raw", "--no-abbrev",
    "--format=%x01%H%x00%ae%x00%cI%x00%s%x00%b%x00", "HEAD",
)  # fmt: skip


def present(folder: Path) -> set[str]:
    """The files that the newest commit holds; of others no habit can be followed."""
    told = git.run(folder, "ls-tree", "-r", "-z", "--name-only", "--full-tree", "HEAD")
    return set(told.decode("utf-8", "replace").split("\0"))


class _Head(NamedTuple):
    id: str
    email: str
    time: str
    subject: str
    body: str
    files: list[tuple[str, str, str]]


def _head(part: bytes) -> _Head:
    fields = part.decode("utf-8", "replace").split("\0")
    files = []
    for line in fields[5].splitlines():
        about, _, path = line.partition("\t")
        if about.startswith(":") and path:
            _, _, old, new, _ = about.split(" ")
            files.append((path, old, new))
    return _Head(fields[0], fields[1].lower(), fields[2], fields[3], fields[4].strip(), files)


def _author(folder: Path, told: bytes) -> str:
    emails = Counter(
        part.split(b"\0")[1].decode("utf-8", "replace").lower() for part in told.split(b"\x01")[1:]
    )
    try:
        own = git.run(folder, "config", "user.email").decode().strip().lower()
    except git.GitError:
        own = ""
    return own if emails[own] >= 5 else emails.most_common(1)[0][0]


def _texts(folder: Path, heads: list[_Head]) -> dict[str, str]:
    """The text of each version of each Python file."""
    wanted = {
        blob
        for head in heads
        if len(head.files) <= SWEEPING
        for path, old, new in head.files
        if path.endswith(".py")
        for blob in (old, new)
        if blob.strip("0")
    }
    names = "".join(f"{blob}\n" for blob in sorted(wanted)).encode()
    sizes = git.run(folder, "cat-file", "--batch-check", data=names, timeout_s=_TIMEOUT_S)
    small = [
        line.split()[0]
        for line in sizes.decode().splitlines()
        if line.split()[1] == "blob" and int(line.split()[2]) <= LARGEST
    ]
    found: dict[str, str] = {}
    for at in range(0, len(small), 2000):
        some = "".join(f"{blob}\n" for blob in small[at : at + 2000]).encode()
        found |= _split(git.run(folder, "cat-file", "--batch", data=some, timeout_s=_TIMEOUT_S))
    return found


def _split(data: bytes) -> dict[str, str]:
    found, at = {}, 0
    while at < len(data):
        end = data.index(b"\n", at)
        name, _, size = data[at:end].decode().split(" ")
        at = end + 1 + int(size)
        found[name] = data[end + 1 : at].decode("utf-8", "replace")
        at += 1
    return found


def _commit(head: _Head, texts: dict[str, str]) -> Commit:
    changes = [
        Change(path, texts.get(old, ""), texts.get(new, ""), not old.strip("0"))
        for path, old, new in head.files
    ]
    return Commit(head.id, head.time, head.subject, head.body, changes)


def settings_in(text: str) -> dict[str, Hashable]:
    """The settings that a Python file gives a plain default: flags, constants, fields of classes."""
    found: dict[str, Hashable] = {}
    for pattern in (_PLAIN, _FIELD):
        for name, value in pattern.findall(text):
            _enter(found, name, value.split("  #")[0].split(" #")[0])
    for pattern in (_FLAG, _OPTION):
        for name, rest in pattern.findall(text):
            default = _DEFAULT.search(rest)
            if default is not None:
                _enter(found, name.replace("-", "_"), default[1])
    return found


def _enter(found: dict[str, Hashable], name: str, text: str) -> None:
    if name.lower() in _ASIDE or len(text) > 80:
        return
    try:
        value = ast.literal_eval(text.strip().rstrip(","))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        try:
            value = float(text) if "**" not in text and "*" not in text else _product(text)
        except ValueError:
            return
    if isinstance(value, str) and len(value) > 40:
        return
    found[name] = plain(value)


def _product(text: str) -> Hashable:
    numbers = text.strip().rstrip(",").split("*")
    value: float = 1
    for number in numbers:
        value *= float(number) if "." in number or "e" in number else int(number)
    return value


def flags_in(text: str) -> list[str]:
    """The flags that a Python file declares, as they are spelled."""
    return [name for pattern in (_FLAG, _OPTION) for name, _ in pattern.findall(text)]


class Reader:
    """Looks at each version of a file once, as most stand in two commits."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[str, dict[str, Hashable]]] = {}

    def settings(self, text: str) -> dict[str, Hashable]:
        """As `settings_in`."""
        known = self._known.get(hash(text))
        if known is None or known[0] is not text:
            known = (text, settings_in(text))
            self._known[hash(text)] = known
        return known[1]


def trials(history: Iterable[Commit]) -> Iterator[Trial]:
    """The commits that change settings, as trials: what was changed is as in the runs."""
    reader = Reader()
    for commit in history:
        changed: dict[str, tuple[Hashable, Hashable]] = {}
        for change in commit.changes:
            if not change.old or not change.new or change.old == change.new:
                continue
            old, new = reader.settings(change.old), reader.settings(change.new)
            changed |= {k: (old[k], v) for k, v in new.items() if k in old and old[k] != v}
        if changed:
            values = {key: value for key, (_, value) in changed.items()}
            yield Trial((commit.name,), commit.time, "", values, frozenset(), changed, frozenset())
