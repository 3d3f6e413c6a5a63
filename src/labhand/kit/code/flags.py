"""The command-line settings that code declares, for each of the common libraries."""

import ast
from collections.abc import Iterator

from labhand.kit.code.data import (
    CONVERTERS,
    Kind,
    Setting,
    Takes,
    choices,
    dataclass_fields,
    documented,
    literal,
    options,
    remark,
    type_of,
    unannotated,
)
from labhand.kit.code.model import FunctionNode
from labhand.kit.code.origins import origins
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

ABSL = {
    "DEFINE_float": "float",
    "DEFINE_integer": "int",
    "DEFINE_string": "str",
    "DEFINE_bool": "bool",
    "DEFINE_boolean": "bool",
    "DEFINE_enum": "str",
    "DEFINE_list": "list",
    "DEFINE_multi_string": "list",
    "DEFINE_multi_integer": "list",
    "DEFINE_multi_float": "list",
}


def declared(project: Project, source: Source) -> list[Setting]:
    """The command-line settings that a file declares, in the order of its lines."""
    found: list[Setting] = []
    for scope in source.index.scopes:
        where = Where(source, scope)
        for call in scope.calls:
            found += _of_call(project, call, where)
        if isinstance(scope.node, FunctionNode):
            found += _of_command(project, scope.node, where)
    return sorted(found, key=lambda s: s.line)


def _of_call(project: Project, call: ast.Call, where: Where) -> Iterator[Setting]:
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr == "add_argument":
        yield from filter(None, [_argparse(project, call, where)])
        return
    name = project.canonical(function, where) or ""
    last = name.rpartition(".")[2]
    if last in ABSL and ("flags" in name or "absl" in name):
        yield from _absl(call, where, ABSL[last])
    elif name in _CLICK and not _decorates(call, where):
        loose = _click(project, call, where.scope.node, where)
        yield from (f._replace(where=where) for f in [loose] if f is not None)
    elif name == "fire.Fire" and call.args:
        yield from _fire(project, call.args[0], where)
    elif name == "typer.run" and call.args:
        target = project.definition(call.args[0], where)
        if isinstance(target, Where):
            yield from _typer(project, target)
    elif name in ("transformers.HfArgumentParser", "trl.TrlParser") or name.startswith("tyro.cli"):
        kind: Kind = "tyro" if name.startswith("tyro") else "hf"
        for target in _classes(project, call, where):
            yield from map(_as_flag, dataclass_fields(project, target, kind))


def _argparse(project: Project, call: ast.Call, where: Where) -> Setting | None:
    names = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if not names or len(names) != len(call.args):
        return None
    given = {k.arg: k.value for k in call.keywords if k.arg}
    action = _text(given.get("action"))
    if action in ("help", "version"):
        return None
    options = [n for n in names if n.startswith("-")]
    long = [n for n in options if n.startswith("--")]
    main = (long or options or names)[0]
    dest = _text(given.get("dest")) or main.lstrip("-").replace("-", "_")
    known, default = literal(given.get("default"))
    default = default if known else _path_of(given.get("default"))
    kind, takes, off = _argparse_type(project, given, action, default, main, where)
    if action == "store_true" and not known:
        default = False
    if action == "store_false" and not known:
        default = True
    return Setting(
        name=dest,
        kind="argparse",
        file=where.source.path,
        line=call.args[0].lineno,
        flag=main if options else "",
        spellings=tuple(options),
        type=kind,
        default=default,
        choices=choices(project, given.get("choices"), where),
        takes=takes,
        off=off,
        positional=not options,
        value=given.get("default"),
        node=call.args[0],
        where=where,
        help=_text(given.get("help")),
    )


def _path_of(default: ast.expr | None) -> str | None:
    """The path below a folder that the code knows, of `ROOT / "data.csv"`; None for all else."""
    if not isinstance(default, ast.BinOp) or not isinstance(default.op, ast.Div):
        return None
    below = literal(default.right)[1]
    return below if isinstance(below, str) else None


def _argparse_type(
    project: Project,
    given: dict[str, ast.expr],
    action: str,
    default: object,
    main: str,
    where: Where,
) -> tuple[str | None, Takes, str]:
    if action in ("store_true", "store_false"):
        return "bool", "on" if action == "store_true" else "off", ""
    written = given.get("action")
    if written is not None and ast.unparse(written).endswith("BooleanOptionalAction"):
        return "bool", "switch", f"--no-{main.lstrip('-')}"
    converter = given.get("type")
    kind = _converted(project, converter, where) if converter is not None else type_of(default)
    if converter is None and kind not in (None, "list"):
        kind = "str"  # argparse hands over text where no type is declared
    nargs = given.get("nargs")
    many = nargs is not None and ast.unparse(nargs) not in ("'?'", "None")
    if many or action in ("append", "extend"):
        return "list", "many" if many else "each", ""
    return kind, "word" if kind == "bool" else "value", ""


def _converted(project: Project, converter: ast.expr, where: Where) -> str | None:
    plain = converter.func if isinstance(converter, ast.Call) else converter
    name = project.canonical(plain, where) or ast.unparse(plain)
    if name in CONVERTERS:
        return CONVERTERS[name]
    return "bool" if "bool" in name.lower() else None


def _of_command(project: Project, node: FunctionNode, where: Where) -> Iterator[Setting]:
    around = Where(where.source, where.scope.parent or where.scope)
    for decorator in node.decorator_list:
        if not isinstance(decorator, ast.Call):
            continue
        name = project.canonical(decorator.func, around) or ""
        if name in _CLICK:
            found = _click(project, decorator, node, around)
            if found is not None:
                yield found._replace(where=where)
        elif _is_typer_command(project, decorator.func, around):
            yield from _typer(project, where)


_CLICK = ("click.option", "rich_click.option", "asyncclick.option")


def _decorates(call: ast.Call, where: Where) -> bool:
    above = where.source.index.parents.get(call)
    return isinstance(above, FunctionNode) and call in above.decorator_list


def _click(
    project: Project, call: ast.Call, node: FunctionNode | ast.Module, where: Where
) -> Setting | None:
    names = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    options = [n for n in names if n.startswith("-")]
    plain = [n for n in names if not n.startswith("-")]
    if not options:
        return None
    main = max((o for o in options), key=lambda o: o.startswith("--"))
    on, _, off = main.partition("/")
    given = {k.arg: k.value for k in call.keywords if k.arg}
    default = literal(given.get("default"))[1]
    is_flag = literal(given.get("is_flag"))[1] is True
    converter = given.get("type")
    kind = _converted(project, converter, where) if converter is not None else type_of(default)
    allowed: tuple[object, ...] = ()
    if isinstance(converter, ast.Call) and ast.unparse(converter.func).endswith("Choice"):
        kind = "str"
        allowed = choices(project, converter.args[0] if converter.args else None, where)
    takes: Takes = "switch" if off else "on" if is_flag else "value"
    many = literal(given.get("multiple"))[1] is True
    return Setting(
        name=plain[0] if plain else on.lstrip("-").replace("-", "_"),
        kind="click",
        file=where.source.path,
        line=call.args[0].lineno,
        flag=on,
        spellings=tuple(o.partition("/")[0] for o in options),
        type="bool" if takes != "value" else "list" if many else kind,
        default=default if default is not None or takes == "value" else False,
        choices=allowed,
        owner="" if isinstance(node, ast.Module) else node.name,
        takes="each" if many else takes,
        off=off.strip(),
        value=given.get("default"),
        node=call.args[0],
        help=_text(given.get("help")),
    )


def _is_typer_command(project: Project, function: ast.expr, where: Where) -> bool:
    if not isinstance(function, ast.Attribute) or function.attr not in ("command", "callback"):
        return False
    return any(o.name == "typer.Typer" for o in origins(project, function.value, where))


def _typer(project: Project, target: Where) -> Iterator[Setting]:
    for setting, annotation, default in parameters(target, "typer"):
        option = _typer_option(project, annotation, default, target)
        plain = unannotated(annotation)
        kind = CONVERTERS.get(project.canonical(plain, target) or "") if plain is not None else None
        allowed = options(project, plain, target)
        given = _typer_default(option, default)
        known, value = literal(given)
        if given is not None and ast.unparse(given) in allowed:
            known, value = True, allowed[ast.unparse(given)]
        if not known and option is None:
            continue  # a positional argument
        flags = [
            a.value
            for a in (option.args if option else [])
            if isinstance(a, ast.Constant) and isinstance(a.value, str) and a.value.startswith("--")
        ]
        flag = str(flags[0]).partition("/")[0] if flags else f"--{setting.name.replace('_', '-')}"
        kind = kind or type_of(value) or ("list" if _is_list(plain) else None)
        switch = kind == "bool"
        yield setting._replace(
            flag=flag,
            spellings=tuple(str(f).partition("/")[0] for f in flags) or (flag,),
            type=kind,
            default=value,
            choices=tuple(allowed.values()),
            takes="switch" if switch else "each" if kind == "list" else "value",
            off=f"--no-{flag.removeprefix('--')}" if switch else "",
            help=_option_help(option) or setting.help,
        )


def _option_help(option: ast.Call | None) -> str:
    given = option.keywords if option is not None else []
    return next((_text(k.value) for k in given if k.arg == "help"), "")


def _is_list(annotation: ast.expr | None) -> bool:
    if not isinstance(annotation, ast.Subscript):
        return False
    return ast.unparse(annotation.value).rpartition(".")[2] in ("list", "List")


def _typer_option(
    project: Project, annotation: ast.expr | None, default: ast.expr | None, target: Where
) -> ast.Call | None:
    candidates = [default]
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Tuple):
        candidates += annotation.slice.elts[1:]
    for candidate in candidates:
        if isinstance(candidate, ast.Call):
            is_option = project.canonical(candidate.func, target) == "typer.Option"
            if is_option:
                return candidate
    return None


def _typer_default(option: ast.Call | None, default: ast.expr | None) -> ast.expr | None:
    if option is not None and default is option:
        named = next((k.value for k in option.keywords if k.arg == "default"), None)
        return named or (option.args[0] if option.args else None)
    return default


def _fire(project: Project, target: ast.expr, where: Where) -> Iterator[Setting]:
    """The arguments of what Fire calls, of each command where a dict names several."""
    if isinstance(target, ast.Dict):
        for command in target.values:
            yield from _fire(project, command, where)
        return
    found = project.definition(target, where)
    if isinstance(found, Known):
        found = project.method(found, "__init__")
    if found is None:
        return
    for setting, annotation, default in parameters(found, "fire"):
        value = literal(default)[1]
        plain = unannotated(annotation)
        kind = CONVERTERS.get(project.canonical(plain, found) or "") if plain is not None else None
        flag = f"--{setting.name}"
        yield setting._replace(
            flag=flag,
            spellings=(flag, flag.replace("_", "-")),
            type=kind or type_of(value),
            default=value,
            takes="word",
        )


def parameters(
    target: Where, kind: Kind
) -> Iterator[tuple[Setting, ast.expr | None, ast.expr | None]]:
    """The parameters of a function, each as a setting, with its annotation and its default."""
    node = target.scope.node
    if isinstance(node, ast.Module):
        return
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    pairs = list(zip(plain, [*defaults, *given.defaults], strict=True))
    pairs += list(zip(given.kwonlyargs, given.kw_defaults, strict=True))
    told = documented(node)
    for argument, default in pairs:
        if argument.arg in ("self", "cls", "ctx"):
            continue
        setting = Setting(
            argument.arg,
            kind,
            target.source.path,
            argument.lineno,
            owner=target.scope.name,
            value=default,
            where=target,
            node=default,
            help=remark(target.source, default or argument) or told.get(argument.arg, ""),
        )
        yield setting, argument.annotation, default


def _absl(call: ast.Call, where: Where, kind: str) -> Iterator[Setting]:
    name = _text(call.args[0]) if call.args else ""
    if not name:
        return
    default = literal(call.args[1] if len(call.args) > 1 else None)[1]
    allowed = literal(call.args[2])[1] if kind == "str" and len(call.args) > 3 else None
    yield Setting(
        name=name,
        kind="absl",
        file=where.source.path,
        line=call.args[0].lineno,
        flag=f"--{name}",
        spellings=(f"--{name}", f"-{name}"),
        type=kind,
        default=default,
        choices=tuple(allowed) if isinstance(allowed, list | tuple) else (),
        takes="word" if kind == "bool" else "value",
        value=call.args[1] if len(call.args) > 1 else None,
        node=call.args[0],
        where=where,
        help=_text(call.args[-1] if len(call.args) > 2 else None),
    )


def _classes(project: Project, call: ast.Call, where: Where) -> Iterator[Known]:
    given = call.args[:1] or [k.value for k in call.keywords if k.arg == "dataclass_types"]
    for expression in given:
        parts = expression.elts if isinstance(expression, ast.Tuple | ast.List) else [expression]
        for part in parts:
            found = project.definition(part, where)
            if isinstance(found, Known):
                yield found


_PARSERS = ("transformers.HfArgumentParser", "trl.TrlParser")


def parses_training_arguments(project: Project, source: Source) -> bool:
    """Whether a file has the arguments of a `Trainer` parsed from the command, and does not make them itself."""
    if "HfArgumentParser" not in source.text or "TrainingArguments" not in source.text:
        return False
    for scope in source.index.scopes:
        where = Where(source, scope)
        for call in scope.calls:
            if project.canonical(call.func, where) in _PARSERS:
                return _names_training_arguments(project, call, where)
    return True  # it is parsed elsewhere


def _names_training_arguments(project: Project, call: ast.Call, where: Where) -> bool:
    own = [base for known in _classes(project, call, where) for base in project.lineage(known)[1]]
    given = [*call.args, *(k.value for k in call.keywords)]
    named = [n for e in given for n in ast.walk(e) if isinstance(n, ast.Name | ast.Attribute)]
    told = [project.canonical(n, where) or "" for n in named]
    literal_ = any(isinstance(e, ast.Tuple | ast.List) for e in given)
    return any("TrainingArguments" in name for name in (*own, *told)) or not (
        literal_ or own or told
    )


def _as_flag(field: Setting) -> Setting:
    dashed = field.name.replace("_", "-")
    flag = f"--{dashed if field.kind == 'tyro' else field.name}"
    switch = field.kind == "tyro" and field.type == "bool"
    takes: Takes = "switch" if switch else "word" if field.type == "bool" else field.takes
    return field._replace(
        flag=flag,
        spellings=(flag, f"--{field.name}" if field.kind == "tyro" else f"--{dashed}"),
        takes="many" if field.type == "list" else takes,
        off=f"--no-{dashed}" if switch else "",
    )


def _text(expression: ast.expr | None) -> str:
    is_text = isinstance(expression, ast.Constant) and isinstance(expression.value, str)
    return str(expression.value) if is_text and isinstance(expression, ast.Constant) else ""
