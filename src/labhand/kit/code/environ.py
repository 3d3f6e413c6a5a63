"""The settings that a script takes from variables of the environment, with a default in the code."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from labhand.kit.code.data import CONVERTERS, Setting, literal, remark, type_of
from labhand.kit.code.source import Source

_READS = frozenset(("os.environ.get", "environ.get", "os.getenv", "getenv"))
_MACHINE = re.compile(
    r"RANK|WORLD_SIZE|MASTER_|NODE|^(?:CUDA|SLURM|WANDB|HF|NCCL|OMP|MKL|TF|XLA|JAX|TORCH|PYTORCH|TOKENIZERS|AWS|PMI|OMPI)_|"
    r"^(?:HOME|USER|PATH|TMPDIR|TMP|SHELL|HOSTNAME|DISPLAY)$|KEY|TOKEN$|SECRET|PASSWORD"
)
"""Variables of the machine and of libraries: no settings of an experiment."""


def settings(
    sources: Sequence[Source], compared: Mapping[str, tuple[str, ...]]
) -> Iterator[Setting]:
    """The variables that are read once, with a plain default; of a switch `compared` begins with what turns it on."""
    found = [pair for source in sources for pair in _read(source)]
    times = Counter(name for _, name, _ in found)
    for source, name, call in found:
        fallback = _fallback(source, call)
        known, default = literal(fallback)
        if times[name] > 1 or not known or _MACHINE.search(name):
            continue
        outer, converter, on = _around(source, call)
        statement = source.index.parents.get(outer)
        target = _target(statement)
        typed = "bool" if on else CONVERTERS.get(converter) or type_of(default)
        yield Setting(
            name=name,
            kind="env",
            file=source.path,
            line=call.lineno,
            type=typed,
            default=_converted(typed, default, on),
            value=fallback,
            node=statement if isinstance(statement, ast.stmt) else call,
            help=remark(source, statement if isinstance(statement, ast.stmt) else outer),
            compared=(on,) if on else compared.get(target, ()),
        )


def code(setting: Setting, value: object) -> str:
    """The text that a variable must have for this value, as Python code."""
    if isinstance(setting.value, ast.Constant) and not isinstance(setting.value.value, str | None):
        return repr(value)  # a function of the script makes it what the default is
    on = setting.compared[0] if setting.type == "bool" else ""
    if setting.type == "bool":
        return repr(on if value else "0" if on == "1" else "false")
    return repr("" if value is None else str(value))


def _helpers(source: Source) -> set[str]:
    """The functions of a file that read the variable their first argument names: `env("LR", 1e-3)`."""
    return {
        node.name
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef) and len(node.args.args) > 1
        if any(
            f"{r}({node.args.args[0].arg}" in ast.unparse(node) for r in (*_READS, "os.environ[")
        )
    }


def _read(source: Source) -> Iterator[tuple[Source, str, ast.Call]]:
    reads = _READS | _helpers(source)
    for node in source.index.by_type.get(ast.Call, ()):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in reads
            and _fallback(source, node) is not None
        ):
            name = literal(node.args[0])[1]
            if isinstance(name, str):
                yield source, name, node


def _fallback(source: Source, call: ast.Call) -> ast.expr | None:
    """What stands where the variable is not given: the second argument, or what follows `or`."""
    if len(call.args) == 2:
        return call.args[1]
    above = source.index.parents.get(call)
    plain = isinstance(above, ast.BoolOp) and isinstance(above.op, ast.Or) and len(call.args) == 1
    return (
        above.values[1]
        if plain and isinstance(above, ast.BoolOp) and above.values[0] is call
        else None
    )


def _around(source: Source, call: ast.Call) -> tuple[ast.expr, str, str]:
    """The whole expression that a variable is read in, what converts it, and the text it is compared with if that alone counts."""
    outer: ast.expr = call
    converter, on = "", ""
    while isinstance(above := source.index.parents.get(outer), ast.expr):
        if isinstance(above, ast.Call) and outer in above.args:
            named = ast.unparse(above.func)
            converter = converter or named.removeprefix("pathlib.")
            on = on or ("1" if named == "bool" else "")
        elif isinstance(above, ast.Compare) and isinstance(
            above.ops[0], ast.Eq | ast.In | ast.NotEq
        ):
            told = literal(above.comparators[0])[1]
            first = told[0] if isinstance(told, list | tuple) and told else told
            if isinstance(above.ops[0], ast.NotEq):
                first = "1"  # all else than that text is on
            on = str(first)
        elif not isinstance(above, ast.Attribute | ast.BoolOp) and not (
            isinstance(above, ast.Call) and outer is above.func
        ):
            break
        outer = above
    return outer, "str" if converter == "Path" else converter, on


def _target(statement: ast.AST | None) -> str:
    """What the value is called in the code."""
    targets = (
        statement.targets if isinstance(statement, ast.Assign)
        else [statement.target] if isinstance(statement, ast.AnnAssign) else []
    )  # fmt: skip
    named = targets[0] if targets else None
    return named.id if isinstance(named, ast.Name) else getattr(named, "attr", "")


def _converted(typed: str | None, default: object, on: str) -> object:
    """The default as the code sees it: the number of `int(os.environ.get("N", "3"))`."""
    if not isinstance(default, str):
        return default
    try:
        match typed:
            case "bool":
                return str(default).lower() == on.lower()
            case "int":
                return int(str(default))
            case "float":
                return float(str(default))
    except ValueError:
        return None
    return default
