"""Which distribution holds a module: by our own table, and by what the project itself declares."""

import re
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as ConfigError
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from labhand.kit.interpreter import normal

_REQUIREMENT = re.compile(
    r"^(?P<name>[A-Za-z0-9][\w.-]*?)\s*(?P<extras>\[[^\]]*\])?\s*(?P<rest>[<>=!~@(].*)?$"
)
_EGG = re.compile(r"^(?:-e\s+)?(?P<url>(?:git|hg)\+\S+?)#(?:\S*&)?egg=(?P<name>[\w.-]+)")
_SOMETIMES = re.compile(r"python_version|python_full_version|platform|os_name|implementation")
_CONDA = re.compile(r"^\s*-\s*(?:[\w-]+::)?(?P<name>[A-Za-z][\w.-]*)\s*(?P<rest>[=<>!~][^\s#]*)?")
_CONDA_NAMES = {"pytorch": "torch", "opencv": "opencv-python-headless", "pytables": "tables"}


class Requirement(NamedTuple):
    """What to install for a module. `origin` is the project's file, or `table`."""

    text: str
    origin: str


@cache
def table() -> dict[str, tuple[str, ...]]:
    """The distributions that hold a module, the usual one first, by the module's name."""
    lines = Path(__file__).with_name("packages.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(":", 1) for line in lines if line and not line.startswith("#"))
    return {module: tuple(names.split()) for module, names in pairs}


def release(place: Path) -> str:
    """The distribution of an installed module that lies at `place`, with its version where that is told."""
    folder = _told_in(place)
    if folder is None:
        return place.name
    name, _, version = folder.name.removesuffix(".dist-info").partition("-")
    return f"{name.replace('_', '-')} {version}"


def _told_in(place: Path) -> Path | None:
    """The folder that describes the distribution of the module at `place`."""
    names = {normal(name) for name in (place.name, *table().get(place.name, ()))}
    folders = place.parent.glob("*.dist-info")
    return next((f for f in folders if normal(f.name.partition("-")[0]) in names), None)


def known_namespaces() -> set[str]:
    """The names with a dot that are packages of their own."""
    return {module for module in table() if "." in module}


def requirement_for(module: str, root: Path, by: str = "") -> Requirement | None:
    """What to install for a module; None: nobody has declared it, and the table does not know it.

    The project's own word counts most, then that of the installed package whose file `by` imports it.
    """
    known = table().get(module, ())
    declared = required_by(Path(by)) | declarations(root) if by else declarations(root)
    for name in (*known, module):
        found = declared.get(normal(re.split("[<>=!~]", name)[0]))
        if found is not None:
            return found
    return Requirement(known[0], "table") if known else None


def required_by(file: Path) -> dict[str, Requirement]:
    """What the installed distribution that the file belongs to may need, by normal name."""
    site = next((p for p in file.parents if p.name in ("site-packages", "dist-packages")), None)
    if site is None:
        return {}
    place = site / file.relative_to(site).parts[0]
    folder = _told_in(place.with_suffix("") if place.is_file() else place)
    found: dict[str, Requirement] = {}
    if folder is None:
        return found
    with suppress(OSError):
        head = (folder / "METADATA").read_text(encoding="utf-8").partition("\n\n")[0]
        lines = [line for line in head.splitlines() if line.startswith("Requires-Dist:")]
        # of several, those first that hold for every Python and system
        for line in sorted(lines, key=lambda line: bool(_SOMETIMES.search(line))):
            wanted = line.removeprefix("Requires-Dist:").partition(";")[0]
            for name, text in _named([re.sub(r"[()]", "", wanted)]):
                found.setdefault(normal(name), Requirement(text.replace(" ", ""), folder.name))
    return found


def declarations(root: Path) -> dict[str, Requirement]:
    """What the project's own files declare, by normal name; a lock file counts more than the rest."""
    found: dict[str, Requirement] = {}
    for path, read in _sources(root):
        try:
            pairs = list(read(path))
        except (OSError, ValueError, ConfigError, TypeError, AttributeError):
            continue  # a file of another form than ours to read tells nothing
        for name, text in pairs:
            found.setdefault(normal(name), Requirement(text, str(path.relative_to(root))))
    return found


def _sources(root: Path) -> Iterator[tuple[Path, Any]]:
    for name in ("uv.lock", "poetry.lock"):
        yield root / name, _lock
    for pattern in ("requirements*.txt", "requirements/*.txt", "*requirements.txt"):
        for path in sorted(root.glob(pattern)):
            yield path, _requirements
    yield root / "pyproject.toml", _pyproject
    yield root / "setup.cfg", _setup_cfg
    for pattern in ("environment*.yml", "environment*.yaml", "conda*.yml", "conda*.yaml"):
        for path in sorted(root.glob(pattern)):
            yield path, _conda


def _lock(path: Path) -> Iterator[tuple[str, str]]:
    for package in tomllib.loads(path.read_text(encoding="utf-8")).get("package", ()):
        name, version = package.get("name"), package.get("version")
        if name and version and not {"editable", "virtual"} & set(package.get("source", {})):
            yield name, f"{name}=={version}"


def _requirements(path: Path) -> Iterator[tuple[str, str]]:
    yield from _named(path.read_text(encoding="utf-8", errors="replace").splitlines())


def _named(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        text = re.split(r"\s#|\s--|;|\\$", line.strip())[0].strip()
        egg = _EGG.match(line.strip())
        if egg:
            yield egg["name"], f"{egg['name']} @ {egg['url']}"
        elif (found := _REQUIREMENT.match(text)) and not text.endswith((".txt", ".whl")):
            yield found["name"], text


def _pyproject(path: Path) -> Iterator[tuple[str, str]]:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    project = data.get("project", {})
    lists = [
        project.get("dependencies", []),
        *project.get("optional-dependencies", {}).values(),
        *data.get("dependency-groups", {}).values(),
    ]
    for entries in lists:
        yield from _named([entry for entry in entries if isinstance(entry, str)])
    poetry = data.get("tool", {}).get("poetry", {})
    groups = [group.get("dependencies", {}) for group in poetry.get("group", {}).values()]
    for group in (poetry.get("dependencies", {}), poetry.get("dev-dependencies", {}), *groups):
        for name, wanted in group.items():
            version = wanted.get("version", "*") if isinstance(wanted, dict) else wanted
            if name != "python" and isinstance(version, str):
                yield name, name + poetry_range(version)


def poetry_range(version: str) -> str:
    """Poetry's `^1.2`, `~1.2`, `1.2` and `*` in the words of package indexes."""
    version = version.strip()
    if version in ("", "*"):
        return ""
    found = re.match(r"^([~^])\s*(\d+(?:\.\d+)*)", version)
    if not found:
        return version if version[0] in "<>=!~" else f"=={version}"
    parts = [int(part) for part in found[2].split(".")]
    if found[1] == "~":
        place = min(1, len(parts) - 1)
    else:
        place = next((i for i, part in enumerate(parts) if part), len(parts) - 1)
    above = [*parts[:place], parts[place] + 1]
    return f">={found[2]},<{'.'.join(map(str, above))}"


def _setup_cfg(path: Path) -> Iterator[tuple[str, str]]:
    parser = ConfigParser(interpolation=None)
    parser.read_string(path.read_text(encoding="utf-8"))
    for section in ("options", "options.extras_require"):
        if parser.has_section(section):
            for key, value in parser.items(section):
                if section != "options" or key == "install_requires":
                    yield from _named(value.splitlines())


def _conda(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        found = _CONDA.match(line)
        if found and found["name"] not in ("pip", "python", "defaults"):
            name = _CONDA_NAMES.get(found["name"], found["name"])
            yield name, name + conda_range(found["rest"] or "")


def conda_range(rest: str) -> str:
    """Conda's `=1.2=build` in the words of package indexes."""
    exact = re.match(r"^={1}(?!=)(?P<version>[\w.]+?)(?:\.\*)?(?:=.*)?$", rest)
    if not exact:
        return rest
    version = exact["version"]
    return f"=={version}" if "=" in rest[1:] else f"=={version}.*"
