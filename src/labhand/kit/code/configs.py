"""The settings of a plain YAML file that a script reads by itself, without Hydra."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from labhand.core.errors import UsageError
from labhand.kit.code import hydra
from labhand.kit.code.data import Setting
from labhand.kit.code.project import Project
from labhand.kit.code.source import Source

_READS = re.compile(r"\byaml\.(?:safe_|full_|unsafe_)?load\(|\bOmegaConf\.load\(|\bYAML\(")
_NAME = re.compile(r"[\w./-]+\.ya?ml")
_STRUCTURE = ("&", "*", "|", ">", "{", "!")
"""What a value begins with that is more than one plain line."""
_PLAIN = re.compile(r"[A-Za-z_./][\w./-]*")
_WORDS = frozenset("null true false yes no on off y n nan inf".split())


def settings(project: Project, source: Source) -> Iterator[Setting]:
    """The values of the one YAML file that a script names and reads; keys are dotted."""
    if not _READS.search(source.text) or "hydra.main" in source.text:
        return
    found = {p: None for name in _named(source.tree) for p in _places(project, source, name)}
    if len(found) != 1:
        return
    path = next(iter(found))
    for setting in hydra.of_yaml(path, ""):
        if not str(setting.default).startswith(_STRUCTURE):
            yield setting._replace(kind="config", flag="", spellings=())


def _named(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, str) and _NAME.fullmatch(value):
            yield value


def _places(project: Project, source: Source, name: str) -> Iterator[Path]:
    tried = dict.fromkeys([source.path.parent / name, project.root / name])
    found = [path.resolve() for path in tried if path.is_file()]
    yield from found[:1]


def file_of(setting: Setting, known: list[Setting], words: list[str], cwd: Path) -> Path:
    """The file that is read: where a flag names it, the one that the command gives."""
    for flag in known:
        default = flag.default
        if not (
            flag.flag and isinstance(default, str) and setting.file.as_posix().endswith(default)
        ):
            continue
        for position, word in enumerate(words):
            head, equals, value = word.partition("=")
            if head in flag.spellings:
                given = (
                    value if equals else words[position + 1] if position + 1 < len(words) else ""
                )
                return (cwd / given).resolve()
    return setting.file


def changed(path: Path, text: str, key: str, value: object) -> str:
    """The text of a YAML file with one value changed, all else as it is.

    Raises:
        UsageError: it has no such key on one plain line.
    """
    line = next((s.line for s in hydra.of_yaml(path, "") if s.name == key), None)
    lines = text.split("\n")
    found = re.match(r"(\s*[\w.-]+\s*:\s+)(.*?)(\s+#.*|\s*)$", lines[line - 1]) if line else None
    if line is None or found is None:
        raise UsageError(f"`{path.name}` has no plain value `{key}`; write it there, then set it")
    lines[line - 1] = f"{found[1]}{written(value)}{found[3]}"
    return "\n".join(lines)


def written(value: object) -> str:
    """A value as YAML 1.1 reads it back: `1e-05` alone would be text there."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    text = repr(value)
    return re.sub(r"^(-?\d+)e", r"\1.0e", text)
