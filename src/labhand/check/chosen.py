"""The rules that a check asks for: known by name at once, loaded when the first one is needed."""

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from labhand.check.claim import RuleLike, made
from labhand.check.measured import BEYOND
from labhand.core import registry
from labhand.core.errors import NotFoundError
from labhand.core.finding import Skipped
from labhand.core.home import make_folder
from labhand.core.store import write_whole

MOST_ANSWERS = 50
_OWN = ("labhand.check", "labhand.kit.code")


class Chosen(Mapping[str, RuleLike]):
    """The rules of a call by name. `run`: names that only a run can prove may be among them.

    Which of them run is remembered in `home`, so that a project whose answers are kept loads none.

    Raises:
        NotFoundError: no rule has a name in `select` or `ignore`.
    """

    def __init__(
        self, home: Path | None, select: Sequence[str], ignore: Sequence[str], run: bool = False
    ) -> None:
        self._extensions = registry.extensions("rule", home)
        known = [e.name for e in self._extensions]
        for name in (*select, *ignore):
            if name not in known and not (run and name in BEYOND):
                raise NotFoundError.named("rule", name, known, "labhand rule --list")
        self._home = home
        self._select = select
        self._ignore = ignore
        self._memory = home / "cache" / "rules.json" if home and home.is_dir() else None

    @cached_property
    def code(self) -> str:
        """A hash that changes when the code of any rule, or of what they stand on, does."""
        digest = hashlib.sha256()
        for path in sorted(_own_code()):
            told = os.stat(path)  # noqa: PTH116  hundreds of them
            digest.update(f"{path}\0{told.st_size}\0{told.st_mtime_ns}\0".encode())
        for extension in self._extensions:
            digest.update(extension.name.encode())
            if extension.origin != "built-in":
                digest.update(registry.source_of(extension).read_bytes())
        return digest.hexdigest()

    @property
    def selected(self) -> bool:
        """Whether rules were asked for by name: then what is merely possible is told too."""
        return bool(self._select)

    @property
    def skipped(self) -> list[Skipped]:
        """The rules that cannot run, each with the reason."""
        return [] if self._remembered is not None else self._loaded[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded[0] if self._remembered is None else self._remembered)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> RuleLike:
        return self._loaded[0][name]

    @cached_property
    def _key(self) -> str:
        asked = "\0".join((self.code, *sorted(self._select), "", *sorted(self._ignore)))
        return hashlib.sha256(asked.encode()).hexdigest()[:32]

    @cached_property
    def _remembered(self) -> list[str] | None:
        return self._answers().get(self._key)

    def _answers(self) -> dict[str, list[str]]:
        try:
            content = self._memory.read_bytes() if self._memory is not None else b"{}"
            return msgspec.json.decode(content, type=dict[str, list[str]])
        except (OSError, ValueError):
            return {}

    @cached_property
    def _loaded(self) -> tuple[dict[str, RuleLike], list[Skipped]]:
        loaded, broken = registry.load_all("rule", self._home)
        skipped = [
            Skipped(b.extension.name, f"its file cannot be loaded: {b.why}")
            for b in broken
            if self._wanted(b.extension.name)
        ]
        rules: dict[str, RuleLike] = {}
        for name, kind in loaded.items():
            if not self._wanted(name):
                continue
            try:
                rule = made(kind)
            except Exception as error:  # an outside rule must not stop the others
                skipped.append(Skipped(name, f"it cannot be used: {error}"))
                continue
            if self.selected or rule.level != "possible":
                rules[name] = rule
        if not skipped:  # what is broken may be mended elsewhere
            self._remember(list(rules))
        return rules, skipped

    def _wanted(self, name: str) -> bool:
        return name not in self._ignore and (not self._select or name in self._select)

    def _remember(self, names: list[str]) -> None:
        if self._memory is None:
            return
        answers = self._answers() | {self._key: names}
        kept = dict(list(answers.items())[-MOST_ANSWERS:])
        try:
            make_folder(str(self._memory.parent))
            write_whole(self._memory, msgspec.json.encode(kept))
        except OSError:  # a disk that refuses is no trouble
            return


def _own_code() -> Iterator[str]:
    """The paths of the files of which the built-in rules are made."""
    for package in _OWN:
        spec = importlib.util.find_spec(package)
        for top in (spec.submodule_search_locations or ()) if spec else ():
            for folder, _, names in os.walk(top):
                yield from (f"{folder}/{n}" for n in names if n.endswith((".py", ".toml")))
