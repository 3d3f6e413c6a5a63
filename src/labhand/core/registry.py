"""Extensions, found by their file name: built-in, from installed packages, from the project.

An extension is one module that defines one class, named as its kind (`Rule`, `Detector`, …); its
name is the file's name with hyphens, its docstring its documentation. Listing imports nothing.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.core.errors import NotFoundError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Kind(NamedTuple):
    """A kind of extension: where the built-in ones are and what their one class is called."""

    name: str
    package: str
    folder: str
    verb: str

    @property
    def symbol(self) -> str:
        """The name of the class that a module of this kind defines."""
        return self.name.rpartition("-")[2].capitalize()

    @property
    def group(self) -> str:
        """The entry-point group of outside packages."""
        return f"labhand.{self.folder.replace('/', '.')}"


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("rule", "labhand.check.rules", "rules", "check"),
        Kind("detector", "labhand.watch.detectors", "detectors", "watch"),
        Kind("reader", "labhand.watch.readers", "readers", "watch"),
        Kind("scan-detector", "labhand.scan.detectors", "scan/detectors", "scan"),
        Kind("scan-reader", "labhand.scan.readers", "scan/readers", "scan"),
        Kind("launcher", "labhand.launch.launchers", "launchers", "launch"),
        Kind("failure", "labhand.launch.failures", "failures", "launch"),
        Kind("fixer", "labhand.launch.fixers", "fixers", "launch"),
        Kind("agent", "labhand.implement.agents", "agents", "implement"),
    )
}


class Extension(NamedTuple):
    """One extension that can be loaded. `origin` is `built-in`, `project` or a package's name."""

    kind: Kind
    name: str
    origin: str
    target: str

    def load(self) -> Any:
        """The class of the extension. Imports its module; whatever that raises comes through."""
        if self.origin == "project":
            folder = self.kind.folder.replace("/", "_")
            module_name = f"labhand_project_{folder}_{Path(self.target).stem}"
            spec = importlib.util.spec_from_file_location(module_name, self.target)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module
            spec.loader.exec_module(module)
            return getattr(module, self.kind.symbol)
        module_path, _, symbol = self.target.partition(":")
        return getattr(importlib.import_module(module_path), symbol)


class Broken(NamedTuple):
    """An extension that could not be loaded; `labhand doctor` shows it."""

    extension: Extension
    why: str


@cache
def extensions(kind: str, home: Path | None = None) -> tuple[Extension, ...]:
    """Every extension of a kind, by name; a project's own beats a package's beats a built-in."""
    which = KINDS[kind]
    found = {e.name: e for e in _built_in(which)}
    found |= {e.name: e for e in _installed(which)}
    if home is not None:
        found |= {e.name: e for e in _in_folder(which, home / which.folder, "project")}
    return tuple(found[name] for name in sorted(found))


def load_all(kind: str, home: Path | None = None) -> tuple[dict[str, Any], list[Broken]]:
    """The classes of a kind by extension name, and those that failed to load, with the reason."""
    loaded: dict[str, Any] = {}
    broken: list[Broken] = []
    for extension in extensions(kind, home):
        try:
            loaded[extension.name] = extension.load()
        except Exception as error:  # whatever an outside file raises must not stop a run
            broken.append(Broken(extension, f"{type(error).__name__}: {error}"))
    return loaded, broken


def find(name: str, home: Path | None = None) -> Extension:
    """The extension of that name, of whatever kind; the first, where two rooms have one.

    Raises:
        NotFoundError: there is none.
    """
    return named(name, home)[0]


def named(name: str, home: Path | None = None) -> list[Extension]:
    """Every extension of that name, at least one: rooms may use a name for what each sees.

    Raises:
        NotFoundError: there is none.
    """
    everything = [e for kind in KINDS for e in extensions(kind, home)]
    found = [extension for extension in everything if extension.name == name]
    if not found:
        raise NotFoundError.named("rule", name, [e.name for e in everything], "labhand rule --list")
    return found


def source_of(extension: Extension) -> Path:
    """The file that an extension is written in."""
    if extension.origin == "project":
        return Path(extension.target)
    spec = importlib.util.find_spec(extension.target.partition(":")[0])
    assert spec is not None and spec.origin is not None
    return Path(spec.origin)


def _built_in(kind: Kind) -> Iterator[Extension]:
    spec = importlib.util.find_spec(kind.package)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        for extension in _in_folder(kind, Path(location), "built-in"):
            module = f"{kind.package}.{Path(extension.target).stem}:{kind.symbol}"
            yield extension._replace(target=module)


def _in_folder(kind: Kind, folder: Path, origin: str) -> Iterator[Extension]:
    for path in sorted(folder.glob("[!_]*.py")):
        yield Extension(kind, path.stem.replace("_", "-"), origin, str(path))


@cache
def _registered() -> list["EntryPoint"]:
    """What installed packages register with us, read once."""
    if not any(map(_may_register, sys.path)):
        return []
    from importlib.metadata import entry_points

    told = entry_points()
    return [point for kind in KINDS.values() for point in told.select(group=kind.group)]


def _may_register(place: str) -> bool:
    """Whether a package in a folder names us. To parse all that they tell takes twenty times as long."""
    try:
        packages = [e.path for e in os.scandir(place or ".") if e.name.endswith("-info")]
    except FileNotFoundError:
        return False
    except OSError:
        return True  # an archive, or something that only importlib can read
    for package in packages:
        with suppress(OSError), open(f"{package}/entry_points.txt", "rb") as file:  # noqa: PTH123
            if b"[labhand." in file.read():
                return True
    return False


def _installed(kind: Kind) -> Iterator[Extension]:
    for point in _registered():
        if point.group == kind.group:
            origin = point.dist.name if point.dist else "?"
            yield Extension(kind, point.name, origin, point.value)
