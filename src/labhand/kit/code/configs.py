"""The settings of a plain YAML, TOML, JSON, INI or gin file that a script reads by itself, without Hydra."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from labhand.core.errors import UsageError
from labhand.kit.code import hydra, modules
from labhand.kit.code.data import SETTINGS_NAME, Setting, literal, untyped
from labhand.kit.code.project import Project
from labhand.kit.code.source import Source

_READS = re.compile(
    r"\byaml\.(?:safe_|full_|unsafe_)?load(?:_all)?\(|\bOmegaConf\.load\(|\bYAML\(|\b(?:json|toml|tomllib|tomli)\.loads?\(|\bConfigParser\(|\bgin\.parse_config"
)
_NAME = re.compile(r"[\w./-]+\.(?:ya?ml|json|toml|ini|cfg|conf|gin)")
_FLAG = re.compile(
    r"[\"']--?(?:\w+[-_])?(?:config|cfg|hparams?|hyps?|opt)(?:[-_](?:file|path))?[\"']"
)
"""A flag that names a file of settings."""
_GIVEN = re.compile(r"\bsys\.argv\b")
"""A word of the command that may name it, where no flag does."""
_FOLDERS = (".", "config", "configs", "conf", "cfg", "cfgs", "hparams")
_MOST_FILES = 40
_STRUCTURE = ("&", "*", "|", ">", "{", "!")
"""What a value begins with that is more than one plain line."""
_PLAIN = re.compile(r"[A-Za-z_./][\w./-]*")
_WORDS = frozenset("null true false yes no on off y n nan inf".split())


def settings(project: Project, sources: Sequence[Source]) -> Iterator[Setting]:
    """The values of the file of settings that a script reads; keys are dotted.

    It is the one that the code names, else what lies where such files lie and a flag chooses among.
    Where those differ in a value its default is None: which one is read only the command says.
    """
    if "hydra.main" in sources[0].text:
        return
    written, told = modules.paths(project, sources)
    yield from (s for path in written for s in _of_file(path)) if told else _of_any(written)
    if not any(_READS.search(s.text) for s in sources):
        yield from _of_libraries(project, sources)
        return
    named = {
        p: None
        for s in sources
        if _READS.search(s.text)
        for name in _named(s.tree)
        for p in _places(project, s, name)
    }
    every = [list(_of_file(path)) for path in named]
    names = [s.name for held in every for s in held]
    alike = len(set(names)) < len(names)  # only the command says which of them is read
    if named and not alike:
        yield from (s for held in every for s in held)
    elif not named and any(_FLAG.search(s.text) or _GIVEN.search(s.text) for s in sources):
        yield from _of_any(_lying(sources[0].path.parent))


def _of_libraries(project: Project, sources: Sequence[Source]) -> Iterator[Setting]:
    """The values of a file of settings that the code names for a library to read: `deepspeed="ds.json"`."""
    for source in sources:
        for node in source.index.by_type.get(ast.keyword, ()):
            if not isinstance(node, ast.keyword):
                continue
            name = literal(node.value)[1]
            told = SETTINGS_NAME.search(f"{node.arg} {name}") or node.arg == "deepspeed"
            if told and isinstance(name, str) and _NAME.fullmatch(name):
                for path in _places(project, source, name):
                    yield from _of_file(path)


def _of_file(path: Path) -> Iterator[Setting]:
    if path.suffix == ".py":
        yield from modules.settings(path)
        return
    if path.suffix == ".json":
        yield from _of_mapping(path, _read_json(path), "")
        return
    if path.suffix == ".toml":
        yield from _of_toml(path)
        return
    if path.suffix in _LINES:
        yield from _of_lines(path)
        return
    for setting in hydra.of_yaml(path, ""):
        if not str(setting.default).startswith(_STRUCTURE):
            yield setting._replace(kind="config", flag="", spellings=())


_LINES = (".ini", ".cfg", ".conf", ".gin")
_SWITCHES = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


def _of_lines(path: Path) -> Iterator[Setting]:
    """The values of an INI or gin file, of which each stands on a line of its own."""
    lines = _text(path).split("\n")
    lined = _toml_lines(lines)
    for name, number in lined.items():
        text = re.split(r"\s[#;]", lines[number - 1].partition("=")[2], maxsplit=1)[0].strip()
        told = re.split(r"\s[#;]", lines[number - 1], maxsplit=1)
        macro = lined.get(text[1:]) if text.startswith("%") else None
        if macro is not None:
            text = lines[macro - 1].partition("=")[2].strip()
        if text.startswith(("@", "%", "{")):
            continue  # what gin makes elsewhere
        value = _plain_value(text)
        yield Setting(
            name=name,
            kind="config",
            file=path,
            line=number,
            type=untyped(name, value),
            default=value,
            help=told[1].strip() if len(told) > 1 else "",
        )


def _plain_value(text: str) -> object:
    if text.lower() in _SWITCHES:
        return _SWITCHES[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _of_toml(path: Path) -> Iterator[Setting]:
    try:
        text = path.read_text(encoding="utf-8")
        read = tomllib.loads(text)
    except (OSError, ValueError):
        return
    lines = text.split("\n")
    places = _toml_lines(lines)
    for setting in _of_mapping(path, read, ""):
        line = places.get(setting.name)
        if line is not None and not isinstance(setting.default, list | dict):
            told = lines[line - 1].partition(" #")[2].strip()
            yield setting._replace(line=line, help=told)
        elif line is not None:
            yield setting._replace(line=line)


def _toml_lines(lines: Sequence[str]) -> dict[str, int]:
    """The line of each plain value, by its dotted key."""
    found, table = dict[str, int](), ""
    for number, line in enumerate(lines, 1):
        if head := re.match(r"\s*\[([\w.-]+)\]\s*(?:#.*)?$", line):
            table = f"{head[1]}."
        elif entry := re.match(r"\s*([\w.-]+)\s*=\s*\S", line):
            found.setdefault(table + entry[1], number)
    return found


def _of_any(paths: list[Path]) -> Iterator[Setting]:
    """What is in any of files that are alike, a value only where all have the same."""
    every = [{s.name: s for s in _of_file(path)} for path in paths]
    every = [e for e in every if len(e) > 2]
    first = every[0] if every else {}
    if any(2 * len(first.keys() & e.keys()) < len(first) for e in every):
        return
    for name in dict.fromkeys(name for e in every for name in e):
        held = [e[name] for e in every if name in e]
        same = len(held) == len(every) and all(s.default == held[0].default for s in held)
        told = next((s for s in held if s.type), held[0])
        yield told if same else told._replace(default=None)


def _lying(folder: Path) -> list[Path]:
    found = [
        path.resolve()
        for name in _FOLDERS
        for path in sorted((folder / name).glob("*"))
        if _NAME.fullmatch(path.name) and (name != "." or SETTINGS_NAME.search(path.stem))
    ]
    return found[:_MOST_FILES]


def _read_json(path: Path) -> dict[str, object]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _of_mapping(path: Path, mapping: dict[str, object], prefix: str) -> Iterator[Setting]:
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield from _of_mapping(path, value, f"{prefix}{key}.")
        else:
            yield Setting(
                name=f"{prefix}{key}",
                kind="config",
                file=path,
                line=1,
                type=untyped(key, value),
                default=value,
            )


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
    """The file that is read: where a flag names it, the one that the command gives.

    Raises:
        UsageError: files differ in the setting, and the command names none.
    """
    for flag in known:
        default = flag.default
        named = isinstance(default, str) and default and setting.file.as_posix().endswith(default)
        if not flag.flag or not (named or (not default and _FLAG.search(f'"{flag.flag}"'))):
            continue
        for position, word in enumerate(words):
            head, equals, value = word.partition("=")
            if head in flag.spellings:
                given = (
                    value if equals else words[position + 1] if position + 1 < len(words) else ""
                )
                beside = setting.file.parent / Path(given).name
                direct = (cwd / given).resolve()
                return direct if direct.is_file() or not beside.is_file() else beside
        if named:
            return setting.file  # what is read where the command says nothing
    for word in words:
        path = (cwd / word).resolve()
        held = path.suffix != ".py" or (path.is_file() and modules.is_one(path))
        if path.suffix == setting.file.suffix and path.is_file() and held:
            return path
    lying = setting.file.parent.glob(f"*{setting.file.suffix}")
    if setting.default is None and any(path.name != setting.file.name for path in lying):
        raise UsageError(
            f"`{setting.name}` differs among the files in {setting.file.parent.name}; say in the "
            "command which one is read"
        )
    return setting.file


def changed(path: Path, text: str, key: str, value: object) -> str:
    """The text of a YAML, TOML, JSON or Python file with one value changed, all else as it is.

    Raises:
        UsageError: it has no such key, on one plain line in YAML and TOML.
    """
    if path.suffix == ".json":
        return _changed_json(path, text, key, value)
    if path.suffix == ".py":
        made = modules.changed(text, key, value)
        if made is None:
            raise UsageError(
                f"`{path.name}` has no plain value `{key}`; write it there, then set it"
            )
        return made
    lines = text.split("\n")
    if path.suffix in (".toml", *_LINES):
        line = _toml_lines(lines).get(key)
    else:
        line = next((s.line for s in hydra.of_yaml(path, "") if s.name == key), None)
    form = r"(\s*[\w.-]+\s*(?:=\s*|:\s+))(.*?)(\s+#.*|\s*)$"
    found = re.match(form, lines[line - 1]) if line else None
    whole = found is not None and found[2].count("[") == found[2].count("]")
    if path.suffix == ".toml" and (value is None or not whole):
        found = None
    if line is None or found is None:
        raise UsageError(f"`{path.name}` has no plain value `{key}`; write it there, then set it")
    plain = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else written(value)
    told = plain if path.suffix == ".toml" else written(value)
    if found is not None and path.suffix in _LINES:
        told = _in_its_way(path, value, found[2])
    lines[line - 1] = f"{found[1]}{told}{found[3]}"
    return "\n".join(lines)


def _in_its_way(path: Path, value: object, now: str) -> str:
    """A value as an INI file or gin writes it: a switch in the words of the present one."""
    if path.suffix == ".gin":
        return repr(value)
    if isinstance(value, bool):
        pair = {"yes": "yes no", "no": "yes no", "on": "on off", "off": "on off"}
        return pair.get(now.lower(), "true false").split()[not value]
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _changed_json(path: Path, text: str, key: str, value: object) -> str:
    read = json.loads(text)
    inner = read
    *above, last = key.split(".")
    for part in above:
        inner = inner.get(part) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or last not in inner:
        raise UsageError(f"`{path.name}` has no value `{key}`; write it there, then set it")
    inner[last] = value
    return json.dumps(read, indent=4, ensure_ascii=False) + "\n"


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
