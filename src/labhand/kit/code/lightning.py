"""The settings of a script that `LightningCLI` starts: the arguments of its classes, and its YAML file."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from labhand.kit.code import hydra
from labhand.kit.code.data import CONVERTERS, Setting, literal, type_of, unannotated
from labhand.kit.code.flags import parameters
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

_PARTS = (("model", 0, "model_class"), ("data", 1, "datamodule_class"))
"""What a key of the command begins with, for the place and the name of each class."""
_SECTION = re.compile(r"^(?:trainer|model|data|fit):", re.M)
_MOST_FILES = 40


def settings(project: Project, source: Source) -> Iterator[Setting]:
    """The settings of every `LightningCLI` in a file; keys are dotted, values those of its YAML file."""
    for scope in source.index.scopes:
        where = Where(source, scope)
        for call in scope.calls:
            if (project.canonical(call.func, where) or "").endswith("LightningCLI"):
                yield from _of_cli(project, call, where)


def _of_cli(project: Project, call: ast.Call, where: Where) -> Iterator[Setting]:
    path = _file(where.source)
    written = {s.name: s for s in hydra.of_yaml(path, "")} if path is not None else {}
    named = {k.arg: k.value for k in call.keywords if k.arg}
    seen: set[str] = set()
    for prefix, place, keyword in _PARTS:
        given = named.get(keyword) or (call.args[place] if place < len(call.args) else None)
        found = project.definition(given, where) if given is not None else None
        init = project.method(found, "__init__") if isinstance(found, Known) else None
        for setting in _arguments(project, init, prefix) if init is not None else ():
            now = written.get(setting.name)
            seen.add(setting.name)
            yield (
                setting
                if now is None
                else setting._replace(
                    default=now.default,
                    type=setting.type or now.type,
                    help=setting.help or now.help,
                )
            )
    for name, setting in written.items():
        if name not in seen:
            yield _as_flag(setting)


def _arguments(project: Project, init: Where, prefix: str) -> Iterator[Setting]:
    for setting, annotation, default in parameters(init, "hydra"):
        plain = unannotated(annotation)
        kind = CONVERTERS.get(project.canonical(plain, init) or "") if plain is not None else None
        value = literal(default)[1]
        yield _as_flag(
            setting._replace(
                name=f"{prefix}.{setting.name}",
                type=kind or type_of(value),
                default=value,
                value=None,
            )
        )


def _as_flag(setting: Setting) -> Setting:
    flag = f"--{setting.name}"
    return setting._replace(flag=flag, spellings=(flag,), owner="")


def _file(source: Source) -> Path | None:
    """The YAML file that the script's text names, else the only one beside it that has these sections."""
    lying = [
        path
        for pattern in ("*.y*ml", "conf*/*.y*ml", "cfg*/*.y*ml")
        for path in sorted(source.path.parent.glob(pattern))[:_MOST_FILES]
    ]
    fitting = [p for p in lying if _SECTION.search(_text(p))]
    told = [p for p in fitting if p.name in source.text]
    return told[0] if told else fitting[0] if len(fitting) == 1 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
