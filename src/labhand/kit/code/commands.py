"""Settings of a command that is declared elsewhere than where it is parsed: fields, entries, parameters, a docstring."""

import ast
import contextlib
import re
from collections.abc import Iterator

from labhand.kit.code.data import Setting, dataclass_fields, literal, type_of
from labhand.kit.code.flags import parameters
from labhand.kit.code.model import FunctionNode
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

_FIELDS = ("dataclasses.fields", "attr.fields", "attrs.fields")
_OPTION = re.compile(
    r"^[ \t]+(?:-\w(?:[ ,]+[A-Z<]\S*)?[ ,]+)?--(?P<name>[\w-]+)(?:[= ](?P<value>[A-Z<]\S*))?(?:[ \t]{2,}(?P<told>.*(?:\n(?![ \t]*-)[ \t]{4,}\S.*)*))?$",
    re.M,
)
_DEFAULT = re.compile(r"\[default: ([^\]]*)\]")


def looped(project: Project, source: Source) -> Iterator[Setting]:
    """What a loop over the fields of a class, or the entries of a dictionary, adds to a parser as flags."""
    if "add_argument" not in source.text:
        return
    for scope in source.index.scopes:
        where = Where(source, scope)
        for call in scope.calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr != "add_argument":
                continue
            loop = next((n for n in source.index.ancestors(call) if isinstance(n, ast.For)), None)
            if loop is None or not call.args or isinstance(call.args[0], ast.Constant):
                continue
            text = ast.unparse(call.args[0])
            if text.startswith(("'--", 'f"--', "f'--", '"--')):
                yield from _of_loop(project, loop, where, "'_', '-'" in text)


def _of_loop(project: Project, loop: ast.For, where: Where, dashed: bool) -> Iterator[Setting]:
    over = loop.iter
    plain = over.func if isinstance(over, ast.Call) else None
    target: ast.expr | None = None
    if isinstance(over, ast.Call) and project.canonical(over.func, where) in _FIELDS:
        target = over.args[0] if over.args else None
    elif isinstance(plain, ast.Attribute) and plain.attr in ("items", "values", "keys"):
        target = plain.value
    if isinstance(target, ast.Attribute) and target.attr in (
        "__dataclass_fields__", "__annotations__", "__attrs_attrs__", "model_fields", "__fields__"
    ):  # fmt: skip
        target = target.value
    known = project.definition(target, where) if target is not None else None
    if isinstance(known, Known):
        for field in dataclass_fields(project, known, "argparse"):
            yield _flag(field, dashed)
    elif isinstance(target, ast.Name):
        yield from _entries(project, target, where, dashed)


def _entries(project: Project, name: ast.Name, where: Where, dashed: bool) -> Iterator[Setting]:
    for bound in project.reaching(name, where)[1]:
        if not isinstance(bound.value, ast.Dict):
            continue
        for key, value in zip(bound.value.keys, bound.value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                default = literal(value)[1]
                setting = Setting(key.value, "argparse", where.source.path, key.lineno, value=value, node=key, where=where)  # fmt: skip
                yield _flag(setting._replace(type=type_of(default), default=default), dashed)


def _flag(setting: Setting, dashed: bool) -> Setting:
    name = setting.name.replace("_", "-") if dashed else setting.name
    return setting._replace(
        flag=f"--{name}",
        spellings=(f"--{name}",),
        takes="word" if setting.type == "bool" else "value",
    )


def of_classes(project: Project, source: Source) -> Iterator[Setting]:
    """The parameters of what jsonargparse takes for arguments: `add_class_arguments`, `CLI`."""
    if "jsonargparse" not in source.text:
        return
    for scope in source.index.scopes:
        where = Where(source, scope)
        for call in scope.calls:
            name = ast.unparse(call.func).rpartition(".")[2]
            if not call.args or name not in ("add_class_arguments", "add_function_arguments", "CLI", "auto_cli"):  # fmt: skip
                continue
            found = project.definition(call.args[0], where)
            found = project.method(found, "__init__") if isinstance(found, Known) else found
            given = call.args[1] if len(call.args) > 1 else None
            given = next((k.value for k in call.keywords if k.arg == "nested_key"), given)
            key = literal(given)[1]
            if not isinstance(found, Where) or not isinstance(found.scope.node, FunctionNode):
                continue
            for setting, annotation, default in parameters(found, "argparse"):
                value = literal(default)[1]
                full = f"{key}.{setting.name}" if isinstance(key, str) else setting.name
                kind = ast.unparse(annotation) if annotation is not None else ""
                kind = kind if kind in ("int", "float", "str", "bool") else type_of(value) or ""
                yield _flag(setting._replace(name=full, type=kind or None, default=value), False)


def of_docstring(project: Project, source: Source) -> Iterator[Setting]:
    """The options that the docstring of a script tells docopt of."""
    told = ast.get_docstring(source.tree, clean=False)
    if "docopt" not in source.text or told is None or "Usage:" not in told:
        return
    where = Where(source, source.index.module)
    begins = source.tree.body[0].lineno
    for option in _OPTION.finditer(told):
        name, about = option["name"], option["told"] or ""
        if name in ("help", "version"):
            continue
        default = _DEFAULT.search(about)
        value: object = default[1].strip() if default else None
        with contextlib.suppress(ValueError, SyntaxError):
            value = ast.literal_eval(str(value)) if default else None
        takes_none = option["value"] is None
        yield Setting(
            name.replace("-", "_"),
            "argparse",
            source.path,
            begins + told.count("\n", 0, option.start("name")),
            flag=f"--{name}",
            spellings=(f"--{name}",),
            type="bool" if takes_none else type_of(value),
            default=False if takes_none else value,
            takes="on" if takes_none else "value",
            where=where,
            help=" ".join(_DEFAULT.sub("", about).split()),
        )
