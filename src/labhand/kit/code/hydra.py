"""The settings of a Hydra application: its YAML config, defaults groups and structured configs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from labhand.kit.code.data import Setting, dataclass_fields, literal, type_of
from labhand.kit.code.model import FunctionNode
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

_ENTRY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z_][\w.-]*)\s*:(?:\s+(?P<value>.*?))?\s*$")
_GROUP = re.compile(
    r"^\s*-\s*(?:override\s+|optional\s+)*/?(?P<group>[\w/]+)(?P<package>@[\w.]+)?\s*:\s*(?P<name>[\w-]+)"
)
_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*([eE][+-]?\d+)?|\.\d+)$")


def settings(project: Project, source: Source) -> Iterator[Setting]:
    """The settings of every `@hydra.main` in a file; keys are dotted."""
    for scope in source.index.scopes:
        if not isinstance(scope.node, FunctionNode):
            continue
        where = Where(source, scope.parent or scope)
        for decorator in scope.node.decorator_list:
            if not isinstance(decorator, ast.Call):
                continue
            if project.canonical(decorator.func, where) in ("hydra.main", "hydra.main.main"):
                yield from _of_main(project, decorator, where)


def _of_main(project: Project, call: ast.Call, where: Where) -> Iterator[Setting]:
    given = {k.arg: literal(k.value)[1] for k in call.keywords if k.arg}
    place = where.source.path.parent / str(given.get("config_path") or ".")
    # Hydra before 1.0 took the file itself, and put the keys of a group at the top.
    old = place.suffix in (".yaml", ".yml") and place.is_file()
    name = place.stem if old else str(given.get("config_name") or "config").removesuffix(".yaml")
    folder = place.parent if old else place
    main = folder / f"{name}.yaml"
    if not main.is_file():
        yield from _structured(project, name, where)
        return
    yield from of_yaml(main, "")
    for line in _lines(main):
        group = _GROUP.match(line)
        if group and group["package"] == "@_global_":
            yield from _global(main, folder / group["group"], group["group"], group["name"])
        elif group:
            chosen = folder / group["group"] / f"{group['name']}.yaml"
            if chosen.is_file():
                if not group["package"]:
                    yield _group(main, group["group"], chosen)
                yield from of_yaml(chosen, "" if old else group["group"].replace("/", ".") + ".")
            elif group["name"] == "null" and chosen.parent.is_dir() and not group["package"]:
                yield _group(main, group["group"], chosen)._replace(default=None)


_SAME_GROUP = re.compile(r"^\s*-\s*(?:/?\w+/)?(?P<name>[A-Za-z]\w*)\s*$")


def _global(main: Path, folder: Path, group: str, name: str, depth: int = 3) -> Iterator[Setting]:
    """A group whose keys stand at the top, with what its files take from others of the group."""
    chosen = folder / f"{name}.yaml"
    if not chosen.is_file() or not depth:
        return
    if depth == 3:
        flag = f"{group}@_global_"
        yield _group(main, group, chosen)._replace(flag=flag, spellings=(flag, group))
    yield from of_yaml(chosen, "")
    for line in _lines(chosen):
        further = _SAME_GROUP.match(line)
        if further is not None:
            yield from _global(main, folder, group, further["name"], depth - 1)


def _group(main: Path, name: str, chosen: Path) -> Setting:
    """The choice among the files of a group, as `model=small`."""
    return Setting(
        name=name,
        kind="hydra",
        file=main,
        line=1,
        flag=name,
        spellings=(name,),
        type="str",
        default=chosen.stem,
        choices=tuple(sorted(path.stem for path in chosen.parent.glob("*.yaml"))),
    )


def _structured(project: Project, name: str, where: Where) -> Iterator[Setting]:
    for scope in where.source.index.scopes:
        for call in scope.calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr != "store":
                continue
            given = {k.arg: k.value for k in call.keywords if k.arg}
            node = given.get("node")
            if literal(given.get("name"))[1] != name or node is None:
                continue
            stored = literal(node)[1]
            if isinstance(stored, dict):
                yield from _of_mapping(where.source.path, node.lineno, stored, "")
            plain = node.func if isinstance(node, ast.Call) else node
            known = project.definition(plain, where)
            if isinstance(known, Known):
                yield from _of_class(project, known, "")


def _of_class(project: Project, known: Known, prefix: str, depth: int = 4) -> Iterator[Setting]:
    """The fields of a structured config; those of the dataclasses it holds are dotted."""
    for field in dataclass_fields(project, known):
        name = prefix + field.name
        inner = field.where and field.holds and ast.Name(field.holds, ast.Load())
        held = project.definition(inner, field.where) if inner and field.where else None
        if isinstance(held, Known) and depth:
            yield from _of_class(project, held, name + ".", depth - 1)
        else:
            yield field._replace(name=name, kind="hydra", flag=name, spellings=(name,), value=None)


def _of_mapping(
    path: Path, line: int, mapping: dict[object, object], prefix: str
) -> Iterator[Setting]:
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _of_mapping(path, line, value, name + ".")
        elif not name.startswith(("hydra.", "defaults")):
            yield _key(path, line, name, value)


def _key(path: Path, line: int, name: str, default: object, told: str = "") -> Setting:
    return Setting(
        name=name,
        kind="hydra",
        file=path,
        line=line,
        flag=name,
        spellings=(name,),
        type=type_of(default),
        default=default,
        help=told,
    )


def of_yaml(path: Path, prefix: str) -> Iterator[Setting]:
    """The plain values of a YAML file, in the order of its lines; keys are dotted, after a prefix."""
    above: list[tuple[int, str]] = []
    for number, line in enumerate(_lines(path), 1):
        entry = _ENTRY.match(line)
        if entry is None:
            continue
        indent = len(entry["indent"])
        above = [(i, k) for i, k in above if i < indent]
        value = _uncommented(entry["value"] or "")
        if value == "":
            above.append((indent, entry["key"]))
            continue
        name = prefix + ".".join([*(k for _, k in above), entry["key"]])
        if name.startswith(("hydra.", "defaults")):
            continue
        told = (entry["value"] or "").partition(" #")[2].strip()
        yield _key(path, number, name, _scalar(value), told)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return []


def _uncommented(value: str) -> str:
    return "" if value.startswith("#") else value.partition(" #")[0].strip()


def _scalar(text: str) -> object:
    lowered = text.lower()
    if lowered in ("null", "~"):
        return None
    if lowered in ("true", "false"):
        return lowered == "true"
    if _NUMBER.match(text):
        return float(text) if re.search(r"[.eE]", text) else int(text)
    if text[:1] in "\"'" and text[-1:] == text[:1]:
        return text[1:-1]
    if text.startswith("["):
        return [_scalar(part.strip()) for part in text.strip("[]").split(",") if part.strip()]
    return text
