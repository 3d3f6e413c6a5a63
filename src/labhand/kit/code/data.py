"""The settings that are written as data: constants, config classes, dataclass fields."""

import ast
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from labhand.kit.code.model import Class
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

Kind = Literal[
    "argparse",
    "click",
    "typer",
    "fire",
    "absl",
    "hydra",
    "hf",
    "tyro",
    "dataclass",
    "constant",
    "config",
    "env",
]
Takes = Literal["value", "many", "each", "on", "off", "switch", "word"]
"""How a flag takes its value: one, several, one each time it is given, by being there (on, off),
`--x/--no-x`, `--x True`."""

CONVERTERS = {
    **{name: name for name in ("int", "float", "str", "bool")},
    **{"click.INT": "int", "click.FLOAT": "float", "click.STRING": "str", "click.BOOL": "bool"},
    **{"click.Path": "str", "click.IntRange": "int", "click.FloatRange": "float"},
    "pathlib.Path": "str",
}


BAGS = frozenset(
    "dict HParams SimpleNamespace Namespace EasyDict edict AttrDict DotDict Munch Box ConfigDict CN CfgNode".split()
)
"""What makes a bag of settings from keyword arguments or a dictionary."""
SETTINGS_NAME = re.compile(
    r"config|cfg|conf$|args|arguments|param|setting|option|hyp|default|^opts?$|^hps?$", re.I
)
"""What things are called that hold settings."""


class Setting(NamedTuple):
    """One thing that can be set from outside.

    `flag` is its main spelling on the command line, empty where it is only in the code; `type` is
    int, float, str, bool, list or None where it is not known; `owner` the class or command it
    belongs to; `holds` the class of the project whose fields it groups; `value` the expression of
    its default in the code; `help` what the code says of it: its help text, docstring or comment;
    `compared` the texts that the code compares it with, of which it may take others too.
    """

    name: str
    kind: Kind
    file: Path
    line: int
    flag: str = ""
    spellings: tuple[str, ...] = ()
    type: str | None = None
    default: object = None
    choices: tuple[object, ...] = ()
    owner: str = ""
    holds: str = ""
    takes: Takes = "value"
    off: str = ""
    positional: bool = False
    value: ast.expr | None = None
    node: ast.expr | ast.stmt | None = None
    where: Where | None = None
    help: str = ""
    compared: tuple[str, ...] = ()


def remark(source: Source, node: ast.expr | ast.stmt | ast.arg | None) -> str:
    """The comment that follows a piece of code on its last line; empty where there is none."""
    if node is None or node.end_lineno is None or node.end_col_offset is None:
        return ""
    lines = source.text.split("\n")
    line = lines[node.end_lineno - 1] if node.end_lineno <= len(lines) else ""
    found = re.match(
        r"[\s,)]*#+\s*(.*)", line.encode()[node.end_col_offset :].decode(errors="replace")
    )
    return found[1].strip() if found else ""


_DOCUMENTED = re.compile(
    r"^[ \t]*(?:[:@]param(?:eter)? +(?:\w+ +)?)?(?P<name>\w+)(?: *\([^()\n]*\))? ?:[ \t]*(?P<text>\S[^\n]*)(?:\n(?P<next>[ \t]+[^\n:]+))?$",
    re.M,
)


def documented(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> dict[str, str]:
    """What the docstring of a function or class says of each of its parameters, by their names.

    Google's, Sphinx's and numpy's forms are read; in numpy's the sentence stands below the type.
    """
    found: dict[str, str] = {}
    for told in _DOCUMENTED.finditer(ast.get_docstring(node) or ""):
        typed = re.fullmatch(r"(?:int|float|str|bool|list|tuple)\b.*", told["text"])
        text = told["next"] if typed and told["next"] else told["text"]
        found.setdefault(told["name"], text.strip())
    return found


def literal(expression: ast.expr | None) -> tuple[bool, object]:
    """Whether an expression is plain data, and which; arithmetic on numbers counts."""
    if expression is None:
        return False, None
    if isinstance(expression, ast.BinOp):
        folded = _arithmetic(expression)
        return folded is not None, folded
    if isinstance(expression, ast.Call) and len(expression.args) == 1 and not expression.keywords:
        return _converted(ast.unparse(expression.func), expression.args[0])
    try:
        return True, ast.literal_eval(expression)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False, None


def _converted(name: str, given: ast.expr) -> tuple[bool, object]:
    """The number that `int(1e5)` or `float(3)` writes."""
    number = literal(given)[1] if name in ("int", "float") else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False, None
    return True, int(number) if name == "int" else float(number)


def type_of(value: object) -> str | None:
    """The name of a default's type: int, float, str, bool, list; None where it says nothing."""
    if isinstance(value, list | tuple):
        return "list"
    name = type(value).__name__
    return name if name in ("int", "float", "str", "bool") else None


_FRACTIONS = re.compile(
    r"decay|(^|_)lr$|rate$|drop|momentum|coef|smooth|(^|_)eps|gamma|beta|lambda|weight$", re.I
)


def untyped(name: str, value: object) -> str | None:
    """The type of a value that nothing declares: a `weight_decay` of 0 takes fractions all the same."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value in (0, 1)
    return "float" if whole and _FRACTIONS.search(name) else type_of(value)


def dataclass_fields(project: Project, known: Known, kind: Kind = "dataclass") -> Iterator[Setting]:
    """The fields of a dataclass and of its ancestors in the project."""
    seen: set[str] = set()
    for member in project.lineage(known)[0]:
        for statement in member.klass.node.body:
            if not isinstance(statement, ast.AnnAssign) or not isinstance(
                statement.target, ast.Name
            ):
                continue
            name = statement.target.id
            if (
                name.startswith("_")
                or name in seen
                or re.search("ClassVar|Suppress", ast.unparse(statement.annotation))
            ):
                continue
            seen.add(name)
            field = _field(project, statement, name, member, kind)
            yield field._replace(help=field.help or _told_below(member, statement))


def _told_below(member: Known, statement: ast.stmt) -> str:
    """The string that stands below a field, or the comment beside it."""
    body = member.klass.node.body
    after = body[body.index(statement) + 1 :][:1]
    if after and isinstance(after[0], ast.Expr) and isinstance(after[0].value, ast.Constant):
        return str(after[0].value.value).strip()
    return remark(member.source, statement)


_RECORDS = frozenset(
    "dataclass dataclasses define frozen mutable attrs s chz BaseModel BaseSettings NamedTuple Struct PyTreeNode".split()
)
"""What makes a class a record of its annotated fields, as a decorator or as what it is derived from."""


def is_dataclass(project: Project, known: Known) -> bool:
    """Whether the annotated names of a class are its fields, whatever library makes them so."""
    node = known.klass.node
    told = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    if any(ast.unparse(d).rpartition(".")[2] in _RECORDS for d in told):
        return True
    return any(base.rpartition(".")[2] in _RECORDS for base in project.lineage(known)[1])


def constants(source: Source) -> Iterator[Setting]:
    """The module-level constants of a file, and the class attributes that are plain data.

    The entries of a dictionary named as settings are, such as `config`, are settings each. A name
    that is assigned twice is no constant; nor is one with a leading underscore.
    """
    module = Where(source, source.index.module)
    body = [*source.tree.body, *_main_block(source.tree)]
    seen = Counter(n for n, _, _ in _plain_assignments(body))
    bound = source.index.module.bindings
    for name, value, statement in _plain_assignments(body):
        if seen[name] == 1 and not any(
            b.how in ("parameter", "import", "augment") for b in bound[name]
        ):
            yield from _constant(name, value, statement, module)
            if SETTINGS_NAME.search(name) or is_read_by_key(source, name, value):
                yield from _entries(value, statement, module, name)
    yield from _of_experiments(source, module)
    for known in source.index.classes:
        body = known.node.body
        if known.node.decorator_list:  # without an annotation it is no field, but an attribute
            plain = all("dataclass" in ast.unparse(d) for d in known.node.decorator_list)
            body = [s for s in body if plain and isinstance(s, ast.Assign)]
        if not _is_code(known) and not _is_enum(known):
            for name, value, statement in _plain_assignments(body):
                yield from _constant(name, value, statement, module, known.name)


def _of_experiments(source: Source, where: Where) -> Iterator[Setting]:
    """The names of a function that sacred takes for the settings of an experiment."""
    for function in source.tree.body if "sacred" in source.text else ():
        if not isinstance(function, ast.FunctionDef):
            continue
        if any(ast.unparse(d).endswith(".config") for d in function.decorator_list):
            for name, value, inner in _plain_assignments(function.body):
                yield from _constant(name, value, inner, where, function.name)
                yield from _entries(value, inner, where, function.name, f"{name}.")


def _main_block(tree: ast.Module) -> list[ast.stmt]:
    """What stands under `if __name__ == "__main__":`, where some scripts keep their settings."""
    return [
        inner
        for statement in tree.body
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"
        for inner in statement.body
    ]


def pairs_of(value: ast.expr | None) -> list[tuple[str, ast.expr]]:
    """Name and value of each entry of a dictionary, or of what makes a bag of settings; none of anything else."""
    if isinstance(value, ast.Dict):
        both = zip(value.keys, value.values, strict=True)
        return [
            (k.value, v)
            for k, v in both
            if isinstance(k, ast.Constant) and isinstance(k.value, str)
        ]
    if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in BAGS:
        inner = [pair for given in value.args for pair in pairs_of(given)]
        return [*inner, *((k.arg, k.value) for k in value.keywords if k.arg)]
    return []


def is_read_by_key(source: Source, name: str, value: ast.expr | None) -> bool:
    """Whether what a name holds is taken apart by keys that the code writes out, or handed on as arguments."""
    if not pairs_of(value):
        return False
    key = rf"\*\*(?:dict\()?{name}\b|(?<![\w.]){name}(?:\[|\.get\(|\.pop\()[\"']"
    fields = (
        rf"|(?<![\w.]){name}\.(?!get|pop|items|keys|values|update|copy)\w"
        if isinstance(value, ast.Call)
        else ""
    )
    return re.search(key + fields, source.text) is not None


def _entries(
    given: ast.expr | None, statement: ast.stmt, where: Where, owner: str, above: str = ""
) -> Iterator[Setting]:
    """The plain entries of a dictionary or bag, nested names joined by dots."""
    for key, value in pairs_of(given):
        if pairs_of(value):
            yield from _entries(value, statement, where, owner, f"{above}{key}.")
        else:
            yield from _constant(above + key, value, statement, where, owner)


def _is_code(known: Class) -> bool:
    """Whether a class is more than a bag of settings."""
    return bool(known.methods) and not SETTINGS_NAME.search(known.name)


def _is_enum(known: Class) -> bool:
    return any(ast.unparse(base).endswith(("Enum", "Flag")) for base in known.node.bases)


def options(
    project: Project, annotation: ast.expr | None, where: Where, *, by_name: bool = False
) -> dict[str, object]:
    """The values that an annotation allows, by how code writes them: of a `Literal` or an enum.

    Empty where it allows any. `by_name`: an enum's members are chosen by name, not by value.
    """
    plain = unannotated(annotation)
    if isinstance(plain, ast.Subscript) and ast.unparse(plain.value).endswith("Literal"):
        elements = plain.slice.elts if isinstance(plain.slice, ast.Tuple) else [plain.slice]
        return {ast.unparse(e): literal(e)[1] for e in elements}
    held = project.definition(plain, where) if plain is not None else None
    if not isinstance(held, Known) or not _is_enum(held.klass):
        return {}
    members = list(_plain_assignments(held.klass.node.body))
    return {
        f"{held.klass.name}.{name}": name if by_name else literal(value)[1]
        for name, value, _ in members
    }


def choices(project: Project, expression: ast.expr | None, where: Where) -> tuple[object, ...]:
    """The values of a list of choices, also where it is the keys of a table of the project."""
    known, found = literal(expression)
    if known:
        return tuple(found) if isinstance(found, list | tuple | range) else ()
    if not isinstance(expression, ast.expr):
        return ()
    inner: ast.expr = expression
    while isinstance(inner, ast.Call):
        name = ast.unparse(inner.func)
        if name in ("list", "sorted", "tuple", "set") and len(inner.args) == 1:
            inner = inner.args[0]
        elif isinstance(inner.func, ast.Attribute) and inner.func.attr == "keys":
            inner = inner.func.value
        else:
            return ()
    table = _table(project, inner, where)
    given = table.keys if isinstance(table, ast.Dict) else getattr(table, "elts", [])
    plain = [literal(item) for item in given]
    return tuple(value for _, value in plain) if all(known for known, _ in plain) else ()


def _table(project: Project, expression: ast.expr, where: Where) -> ast.expr | None:
    """What a name of the project was assigned, through one import."""
    if not isinstance(expression, ast.Name):
        return None
    home, bindings = project.binding(expression.id, where)
    if len(bindings) != 1:
        return None
    bound = bindings[0]
    if bound.how == "assign" and not bound.path:
        return bound.value
    if bound.how != "import" or not isinstance(bound.node, ast.ImportFrom):
        return None
    module = project.module(bound.node.module or "", bound.node.level, home.source)
    name = bound.target.rpartition(".")[2]
    if module is None:
        return None
    found = [v for n, v, _ in _plain_assignments(module.tree.body) if n == name]
    return found[0] if len(found) == 1 else None


def _plain_assignments(
    body: list[ast.stmt],
) -> Iterator[tuple[str, ast.expr | None, ast.stmt]]:
    """Name, value and statement of each assignment; `lr, steps = 0.1, 100` are two."""
    for statement in body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign):
            target = statement.target
        else:
            continue
        pairs: list[tuple[ast.expr, ast.expr | None]] = [(target, statement.value)]
        if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
            pairs = list(zip(target.elts, statement.value.elts, strict=False))
        for one, value in pairs:
            if isinstance(one, ast.Name) and not one.id.startswith("_"):
                yield one.id, value, statement


def _constant(
    name: str, value: ast.expr | None, statement: ast.stmt, where: Where, owner: str = ""
) -> Iterator[Setting]:
    value, either = alternatives(value)
    known, default = (True, None) if either else literal(value)
    if known and not isinstance(default, dict | set | bytes):
        yield Setting(
            name=name,
            kind="constant",
            file=where.source.path,
            line=value.lineno if value else statement.lineno,
            type="str" if either else untyped(name, default),
            default=default,
            owner=owner,
            value=value,
            node=statement,
            where=where,
            help=remark(where.source, value or statement),
            compared=either,
        )


def alternatives(value: ast.expr | None) -> tuple[ast.expr | None, tuple[str, ...]]:
    """The choice between two texts that code makes, and these: of `"cuda" if cuda_is_there else "cpu"`.

    The choice may be what `torch.device(...)` is called with. Else the value itself, and none.
    """
    inner = value
    if isinstance(value, ast.Call) and len(value.args) == 1 and not value.keywords:
        inner = value.args[0]
    if not isinstance(inner, ast.IfExp):
        return value, ()
    texts = [literal(e)[1] for e in (inner.body, inner.orelse)]
    return (
        (inner, tuple(map(str, texts))) if all(isinstance(t, str) for t in texts) else (value, ())
    )


def unannotated(annotation: ast.expr | None) -> ast.expr | None:
    """The type inside `Annotated[T, …]`, `Optional[T]` and `T | None`."""
    if isinstance(annotation, ast.Subscript):
        outer = ast.unparse(annotation.value).rpartition(".")[2]
        if outer in ("Annotated", "Optional"):
            inner = annotation.slice
            return unannotated(inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
    if isinstance(annotation, ast.BinOp) and ast.unparse(annotation.right) == "None":
        return unannotated(annotation.left)
    return annotation


def _field(
    project: Project, statement: ast.AnnAssign, name: str, member: Known, kind: Kind
) -> Setting:
    value, told, listed = statement.value, "", None
    if isinstance(value, ast.Call):
        given = {k.arg: k.value for k in value.keywords if k.arg}
        about = literal(given.get("metadata"))[1]
        about = about if isinstance(about, dict) else {}
        told = str(about.get("help") or "")
        listed = about.get("choices")
        factory = given.get("default_factory")
        first = statement.value.args[:1] if isinstance(statement.value, ast.Call) else []
        made = ast.unparse(value.func).rpartition(".")[2] in ("Field", "ib", "attrib")
        value = given.get("default", first[0] if first and made else None)
        if isinstance(factory, ast.Lambda):
            value = factory.body
    where = Where(member.source, member.klass.scope)
    plain = unannotated(statement.annotation)
    known = CONVERTERS.get(project.canonical(plain, where) or "") if plain is not None else None
    if isinstance(plain, ast.Subscript):
        outer = ast.unparse(plain.value).rpartition(".")[2]
        known = "list" if outer in ("list", "List", "tuple", "Tuple") else known
    allowed = options(project, plain, where, by_name=kind == "tyro")
    default = allowed.get(ast.unparse(value)) if value is not None else None
    default = literal(value)[1] if default is None else default
    held = project.definition(plain, where) if plain is not None else None
    return Setting(
        name=name,
        kind=kind,
        holds=held.klass.name if isinstance(held, Known) and not allowed else "",
        file=member.source.path,
        line=statement.lineno,
        type=known or type_of(default),
        default=default,
        choices=tuple(allowed.values() or (listed if isinstance(listed, list | tuple) else ())),
        owner=member.klass.name,
        value=value,
        node=statement.target,
        where=where,
        help=told,
    )


_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


def _arithmetic(expression: ast.expr) -> int | float | None:
    if isinstance(expression, ast.Constant):
        value = expression.value
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if not isinstance(expression, ast.BinOp) or type(expression.op) not in _OPERATIONS:
        return None
    left, right = _arithmetic(expression.left), _arithmetic(expression.right)
    if left is None or right is None or (isinstance(expression.op, ast.Pow) and abs(right) > 64):
        return None
    try:
        found = _OPERATIONS[type(expression.op)](left, right)
    except (ArithmeticError, ValueError):
        return None
    return found if isinstance(found, int | float) else None
