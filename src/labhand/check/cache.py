"""Findings kept by the content of the project and the version of the rules."""

import hashlib
from functools import cached_property
from pathlib import Path

import msgspec

from labhand.check.chosen import Chosen
from labhand.core.finding import Finding, Skipped
from labhand.core.home import make_folder
from labhand.core.store import write_whole
from labhand.kit.code import Project

MOST_ENTRIES = 500


class Told(msgspec.Struct):
    """What the rules said of one file, before suppression."""

    findings: list[Finding]
    skipped: list[Skipped]


class Cache:
    """Answers for files that were checked before; empty where there is no labhand home.

    A finding may rest on any file of the project, so any change in the project makes it stale.
    """

    def __init__(self, home: Path | None, project: Project, rules: Chosen) -> None:
        self.folder = home / "cache" / "check" if home is not None and home.is_dir() else None
        self.project = project
        self.rules = rules

    @cached_property
    def _state(self) -> str:
        digest = hashlib.sha256(self.project.signature.encode())
        digest.update("\0".join([*sorted(self.rules), str(self.rules.selected)]).encode())
        digest.update(self.rules.code.encode())
        return digest.hexdigest()

    def _entry(self, path: Path) -> Path | None:
        if self.folder is None:
            return None
        root = self.project.root
        shown = path.relative_to(root) if path.is_relative_to(root) else path
        key = f"{self._state}\0{shown}\0{hashlib.sha256(path.read_bytes()).hexdigest()}"
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def read(self, path: Path) -> Told | None:
        """What the rules said of a file when it and all around it were as they are now."""
        try:
            entry = self._entry(path)
            if entry is None:
                return None
            return msgspec.json.decode(entry.read_bytes(), type=Told)
        except (OSError, ValueError):
            return None

    def write(self, path: Path, told: Told) -> Told:
        """Keeps what the rules said, and gives it back. A disk that refuses is no trouble."""
        try:
            entry = self._entry(path)
            if entry is not None:
                make_folder(str(entry.parent))
                write_whole(entry, msgspec.json.encode(told))
                _prune(entry.parent)
        except OSError:
            pass
        return told


def _prune(folder: Path) -> None:
    entries = list(folder.glob("*.json"))
    if len(entries) > MOST_ENTRIES * 2:
        for old in sorted(entries, key=lambda p: p.stat().st_mtime)[:-MOST_ENTRIES]:
            old.unlink(missing_ok=True)
