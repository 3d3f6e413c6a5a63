"""What Python's own functions give."""

import ast
import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING

from labhand.kit.code.trace.values import (
    NONE,
    UNKNOWN,
    Api,
    Choice,
    Const,
    Data,
    Function,
    Klass,
    Names,
    Seq,
    Table,
    Tensor,
    Thing,
    Value,
    element,
    joined,
    parts,
)

if TYPE_CHECKING:
    from labhand.kit.code.trace.machine import Machine

NAMES = frozenset(dir(builtins)) - {"__name__"}
_Does = Callable[["Machine", list[Value], dict[str, Value], ast.Call, Names], Value]
_MOST = 16


def _getattr(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    from labhand.kit.code.trace import expressions

    if len(args) < 2:
        return UNKNOWN
    name = args[1]
    if isinstance(name, Const) and isinstance(name.value, str):
        return expressions.attribute(machine, args[0], name.value, node, names)
    if isinstance(args[0], Api) and args[0].name == "torch.optim":
        return Api("torch.optim.Optimizer")
    return UNKNOWN


def _setattr(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    if len(args) == 3 and isinstance(args[1], Const):
        machine.put(args[0], str(args[1].value), args[2])
    return NONE


def _hasattr(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    from labhand.kit.code.trace import expressions

    if len(args) != 2 or not isinstance(args[0], Thing) or not isinstance(args[1], Const):
        return UNKNOWN
    name = str(args[1].value)
    if name in args[0].attributes or expressions.method(machine, args[0], name) is not None:
        return Const(True)
    return UNKNOWN


def _isinstance(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    if len(args) != 2 or not isinstance(args[0], Thing):
        return UNKNOWN
    wanted = args[1].items if isinstance(args[1], Seq) else [args[1]]
    line = machine.project.lineage(args[0].known) if args[0].known is not None else None
    for one in wanted:
        if isinstance(one, Klass) and line is not None:
            if any(m.klass is one.known.klass for m in line[0]):
                return Const(True)
        elif isinstance(one, Api) and (
            one.name == args[0].name or (line is not None and one.name in line[1])
        ):
            return Const(True)
    sure = all(isinstance(w, Klass) for w in wanted) and line is not None
    return Const(False) if sure else UNKNOWN


def _first(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    return args[0] if args else UNKNOWN


def _second(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    return args[1] if len(args) > 1 else UNKNOWN


def _list(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    if not args:
        return Seq()
    given = args[0]
    if isinstance(given, Seq):
        return Seq(given.items, given.each, given.of)
    if isinstance(given, Table):
        return Seq([Const(k) for k in given.items], UNKNOWN if given.each else None)
    return given if isinstance(given, Data) else Seq([], element(given), given)


def _dict(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    made = Table(dict(options))
    if args and isinstance(args[0], Table):
        made.items = args[0].items | made.items
        made.each = args[0].each
    elif args:
        made.each = UNKNOWN
    return made


def _enumerate(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    given = args[0] if args else UNKNOWN
    if isinstance(given, Seq) and given.each is None:
        return Seq(Seq([Const(i), v]) for i, v in enumerate(given.items))
    return Seq([], Seq([UNKNOWN, element(given)]), given)


def _zip(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    if args and all(isinstance(a, Seq) and a.each is None for a in args):
        columns = [a.items for a in args if isinstance(a, Seq)]
        return Seq(Seq(row) for row in zip(*columns, strict=False))
    return Seq([], Seq(element(a) for a in args), args[0] if args else None)


def _range(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    return Seq([], UNKNOWN)


def _sum(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    return element(args[0]) if args else UNKNOWN


def _number(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    given = args[0] if args else UNKNOWN
    if isinstance(given, Data):
        return Data(given.tensor._replace(graph=frozenset()))
    return given if isinstance(given, Const) else UNKNOWN


def _len(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    given = args[0] if args else UNKNOWN
    if isinstance(given, Seq) and given.each is None:
        return Const(len(given.items))
    if isinstance(given, Table) and given.each is None:
        return Const(len(given.items))
    return UNKNOWN


def _chain(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    return Seq([], joined(element(a) for a in args), args[0] if args else None)


def _copy(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    return copied(args[0], {}) if args else UNKNOWN


def copied(value: Value, done: dict[Value, Value], depth: int = 8) -> Value:
    """A deep copy: other objects with the same insides."""
    if value in done or depth == 0:
        return done.get(value, UNKNOWN)
    if isinstance(value, Thing):
        made = Thing(value.name, value.site, value.where, value.known, value.depth)
        done[value] = made
        made.args = [copied(a, done, depth - 1) for a in value.args]
        made.options = {k: copied(v, done, depth - 1) for k, v in value.options.items()}
        inner = value.attributes.items()
        made.attributes = {k: copied(v, done, depth - 1) for k, v in inner}
        return made
    if isinstance(value, Seq):
        each = None if value.each is None else copied(value.each, done, depth - 1)
        return Seq([copied(v, done, depth - 1) for v in value.items], each)
    if isinstance(value, Table):
        each = None if value.each is None else copied(value.each, done, depth - 1)
        return Table({k: copied(v, done, depth - 1) for k, v in value.items.items()}, each)
    if isinstance(value, Choice):
        return joined(copied(v, done, depth - 1) for v in value.options)
    return value


def _leaves(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    return Api("exit()")


def _nothing(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    return NONE


def _spawn(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    start = args[0] if args else UNKNOWN
    given = options.get("args") or (args[1] if len(args) > 1 else UNKNOWN)
    if isinstance(start, Function):
        rest = given.items if isinstance(given, Seq) else []
        machine.run(start, [UNKNOWN, *rest], {}, node, names)
    return NONE


def _parameter(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    made = Thing("torch.nn.Parameter", node, names.where, None, machine.conditional)
    return Data(Tensor(None, frozenset({made})))


def _cat(
    machine: "Machine", args: list[Value], options: dict[str, Value], node: ast.Call, names: Names
) -> Value:
    from labhand.kit.code.trace import outside

    inside = parts(args[0]) if args else []
    found = [p.tensor for p in inside if isinstance(p, Data)]
    roles = {p.role for p in found}
    role = roles.pop() if len(roles) == 1 and len(found) == len(inside) else None
    made = outside.together(found, role)
    open_ = frozenset({UNKNOWN}) if len(found) < len(inside) or not inside else frozenset()
    graph = frozenset() if machine.without else (made.graph or frozenset()) | open_
    return Data(made._replace(graph=graph))


DOES: dict[str, _Does] = {
    "getattr": _getattr,
    "setattr": _setattr,
    "hasattr": _hasattr,
    "isinstance": _isinstance,
    "list": _list,
    "tuple": _list,
    "set": _list,
    "sorted": _list,
    "reversed": _list,
    "dict": _dict,
    "collections.OrderedDict": _dict,
    "collections.defaultdict": lambda m, a, o, n, s: Table(),
    "enumerate": _enumerate,
    "zip": _zip,
    "range": _range,
    "trange": _range,
    "tqdm.trange": _range,
    "iter": _first,
    "next": lambda m, a, o, n, s: element(a[0]) if a else UNKNOWN,
    "tqdm": _first,
    "tqdm.tqdm": _first,
    "tqdm.auto.tqdm": _first,
    "tqdm.notebook.tqdm": _first,
    "filter": _second,
    "sum": _sum,
    "float": _number,
    "int": _number,
    "str": _number,
    "bool": _number,
    "len": _len,
    "itertools.chain": _chain,
    "copy.deepcopy": _copy,
    "copy.copy": _first,
    "sys.exit": _leaves,
    "exit": _leaves,
    "quit": _leaves,
    "print": _nothing,
    "torch.nn.Parameter": _parameter,
    "torch.autograd.Variable": _first,
    "torch.multiprocessing.spawn": _spawn,
    "torch.cat": _cat,
    "torch.stack": _cat,
    "torch.concat": _cat,
}
