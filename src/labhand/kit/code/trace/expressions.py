"""What expressions give: names, attributes, elements, operations, and the calls of everything."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labhand.kit.code.knowledge import canonical_name
from labhand.kit.code.project import Where
from labhand.kit.code.trace import operations, outside
from labhand.kit.code.trace.values import (
    NONE,
    UNKNOWN,
    Api,
    Choice,
    Const,
    Data,
    Function,
    Klass,
    Method,
    Module,
    Names,
    Seq,
    Table,
    Thing,
    Value,
    element,
    joined,
    same,
    truth,
)

if TYPE_CHECKING:
    from labhand.kit.code.trace.machine import Machine

_MOST_KNOWN = 6
_KEPT = frozenset({ast.Name, ast.Attribute, ast.Call, ast.Subscript})


def value(machine: "Machine", node: ast.expr, names: Names) -> Value:
    """What an expression gives; told is kept in `machine.known`."""
    read = _EXPRESSIONS.get(type(node))
    if read is None:
        return UNKNOWN
    found = read(machine, node, names)
    if type(node) in _KEPT:
        known = machine.known.get(node)
        if known is None:
            machine.known[node] = [found]
        elif len(known) < _MOST_KNOWN and not any(same(found, k) for k in known):
            known.append(found)
    return found


def _constant(machine: "Machine", node: Any, names: Names) -> Value:
    return Const(node.value)


def _name(machine: "Machine", node: Any, names: Names) -> Value:
    found = names.find(node.id)
    if found is not None:
        return found
    return Api(node.id) if node.id in outside.BUILTINS else UNKNOWN


def _attribute(machine: "Machine", node: Any, names: Names) -> Value:
    return attribute(machine, value(machine, node.value, names), node.attr, node, names)


def attribute(machine: "Machine", of: Value, name: str, node: ast.expr, names: Names) -> Value:
    """What an attribute of a value is."""
    match of:
        case Api():
            return Api(canonical_name(f"{of.name}.{name}"))
        case Module():
            return machine.module(of.source).values.get(name, UNKNOWN)
        case Choice():
            return joined(attribute(machine, o, name, node, names) for o in of.options)
        case Thing():
            if name in of.attributes:
                return of.attributes[name]
            found = method(machine, of, name)
            if isinstance(found, Function) and _is_property(found):
                return machine.run(found, [], {}, node, names)
            return found if found is not None else outside.attribute(of, name)
        case Klass():
            found = _in_class(machine, of, name)
            return found if found is not None else UNKNOWN
        case Data():
            return outside.part(of, name)
    return Method(of, name)


def _is_property(function: Function) -> bool:
    return any(
        ast.unparse(d).rpartition(".")[2] in ("property", "cached_property")
        for d in getattr(function.node, "decorator_list", ())
    )


def method(machine: "Machine", of: Value, name: str) -> Value | None:
    """A method of a class of the project or of its ancestors, bound; an attribute of the class."""
    if not isinstance(of, Thing) or of.known is None:
        return None
    for member in machine.project.lineage(of.known)[0]:
        if name in member.klass.methods:
            scope = member.klass.methods[name]
            where = Where(member.source, scope)
            around = machine.module(member.source)
            assert not isinstance(scope.node, ast.Module)
            made = Function(scope.node, where, around)
            static = any(ast.unparse(d) == "staticmethod" for d in scope.node.decorator_list)
            return made if static else made.bound(of)
        for given, _, _ in member.klass.attributes.get(name, ()):
            if any(given is getattr(s, "value", None) for s in member.klass.node.body):
                return value(machine, given, machine.module(member.source))
    return None


def _in_class(machine: "Machine", of: Klass, name: str) -> Value | None:
    found = method(machine, Thing(None, known=of.known), name)
    if not isinstance(found, Function):
        return found
    decorators = [ast.unparse(d) for d in getattr(found.node, "decorator_list", ())]
    if "classmethod" in decorators:
        return Function(found.node, found.where, found.around, (of,))
    return Function(found.node, found.where, found.around)


def _subscript(machine: "Machine", node: Any, names: Names) -> Value:
    holder = value(machine, node.value, names)
    if isinstance(node.slice, ast.Slice):
        for bound in (node.slice.lower, node.slice.upper):
            if bound is not None:
                value(machine, bound, names)
        return holder if isinstance(holder, Data) else _sliced(holder, node.slice)
    key = value(machine, node.slice, names)
    return item(holder, key.value if isinstance(key, Const) else ...)


def _sliced(holder: Value, of: ast.Slice) -> Value:
    if not isinstance(holder, Seq) or holder.each is not None or of.step is not None:
        return UNKNOWN
    ends = [b.value if isinstance(b, ast.Constant) else b for b in (of.lower, of.upper)]
    first, last = ends
    if isinstance(first, int | None) and isinstance(last, int | None):
        return Seq(holder.items[first:last])
    return Seq([], joined(holder.items)) if holder.items else UNKNOWN


def item(holder: Value, key: Any) -> Value:
    """What stands at a position or under a key; `...`: at some."""
    match holder:
        case Seq():
            fits = isinstance(key, int) and -len(holder.items) <= key < len(holder.items)
            return holder.items[key] if fits else element(holder)
        case Table():
            try:
                if key is not ... and key in holder.items:
                    return holder.items[key]
            except TypeError:
                pass
            if key is not ...:
                return holder.each if holder.each is not None else UNKNOWN
            rest = [holder.each] if holder.each is not None else []
            return joined([*holder.items.values(), *rest])
        case Choice():
            return joined(item(o, key) for o in holder.options)
        case Data():
            return holder
        case Thing():
            return outside.member(holder, key)
    return UNKNOWN


def _operation(machine: "Machine", node: Any, names: Names) -> Value:
    left, right = value(machine, node.left, names), value(machine, node.right, names)
    return operations.operation(node.op, left, right)


def _unary(machine: "Machine", node: Any, names: Names) -> Value:
    of = value(machine, node.operand, names)
    if isinstance(node.op, ast.Not):
        known = truth(of)
        return UNKNOWN if known is None else Const(not known)
    if (
        isinstance(of, Const)
        and isinstance(of.value, int | float)
        and isinstance(node.op, ast.USub)
    ):
        return Const(-of.value)
    return Data(of.tensor._replace(role=None)) if isinstance(of, Data) else UNKNOWN


def _compare(machine: "Machine", node: Any, names: Names) -> Value:
    left = value(machine, node.left, names)
    rights = [value(machine, c, names) for c in node.comparators]
    return operations.compared(node.ops[0], left, rights[0]) if len(rights) == 1 else UNKNOWN


def _either(machine: "Machine", node: Any, names: Names) -> Value:
    found: list[Value] = []
    settles = isinstance(node.op, ast.Or)
    for part in node.values:
        one = value(machine, part, names)
        known = truth(one)
        if known is settles:
            return joined([*found, one]) if found else one
        if known is None or part is node.values[-1]:
            found.append(one)
    return joined(found) if found else UNKNOWN


def _chosen(machine: "Machine", node: Any, names: Names) -> Value:
    known = truth(value(machine, node.test, names))
    if known is not None:
        return value(machine, node.body if known else node.orelse, names)
    found: list[Value] = []

    def way(part: ast.expr) -> Callable[[], bool]:
        def run() -> bool:
            found.append(value(machine, part, names))
            return True

        return run

    machine.parted(node, [way(node.body), way(node.orelse)], names)
    return joined(found)


def _sequence(machine: "Machine", node: Any, names: Names) -> Value:
    items: list[Value] = []
    rest: list[Value] = []
    for part in node.elts:
        found = value(machine, part, names)
        if not isinstance(part, ast.Starred):
            items.append(found)
        elif isinstance(found, Seq):
            items += found.items
            rest += [found.each] if found.each is not None else []
        else:
            rest.append(element(found))
    return Seq(items, joined(rest) if rest else None)


def _starred(machine: "Machine", node: Any, names: Names) -> Value:
    return value(machine, node.value, names)


def _dict(machine: "Machine", node: Any, names: Names) -> Value:
    made = Table()
    for key, part in zip(node.keys, node.values, strict=True):
        given = value(machine, part, names)
        name = value(machine, key, names) if key is not None else None
        if name is None and isinstance(given, Table):
            made.items.update(given.items)
            given = given.each or UNKNOWN
            if given is UNKNOWN:
                continue
        if isinstance(name, Const):
            made.items[name.value] = given
        else:
            made.each = given if made.each is None else joined((made.each, given))
    return made


def _comprehension(machine: "Machine", node: Any, names: Names) -> Value:
    inner = Names(names.where, names)
    over: Value = UNKNOWN
    for part in node.generators:
        over = value(machine, part.iter, inner)
        plain = isinstance(over, Seq) and over.each is None and len(over.items) <= 4
        if plain and isinstance(over, Seq) and len(node.generators) == 1 and not part.ifs:
            return _written_out(machine, node, part.target, over, inner)
        machine.bind(part.target, element(over), inner)
        for test in part.ifs:
            value(machine, test, inner)
    if isinstance(node, ast.DictComp):
        value(machine, node.key, inner)
        return Table({}, value(machine, node.value, inner))
    found: list[Value] = []
    inside = machine.apart(lambda: found.append(value(machine, node.elt, inner)))
    machine.happened += inside
    return Seq([], found[0], over)


def _written_out(machine: "Machine", node: Any, target: ast.expr, over: Seq, inner: Names) -> Value:
    items: list[Value] = []
    table: dict[object, Value] = {}
    for part in over.items:
        machine.bind(target, part, inner)
        if isinstance(node, ast.DictComp):
            key = value(machine, node.key, inner)
            given = value(machine, node.value, inner)
            if isinstance(key, Const):
                table[key.value] = given
        else:
            items.append(value(machine, node.elt, inner))
    return Table(table) if isinstance(node, ast.DictComp) else Seq(items)


def _lambda(machine: "Machine", node: Any, names: Names) -> Value:
    return Function(node, names.where, names)


def _named(machine: "Machine", node: Any, names: Names) -> Value:
    found = value(machine, node.value, names)
    machine.bind(node.target, found, names)
    return found


def _yield(machine: "Machine", node: Any, names: Names) -> Value:
    given = value(machine, node.value, names) if node.value is not None else NONE
    names.yields.append(element(given) if isinstance(node, ast.YieldFrom) else given)
    return UNKNOWN


def _text(machine: "Machine", node: Any, names: Names) -> Value:
    parts: list[str] = []
    for part in node.values:
        found = value(machine, part.value if isinstance(part, ast.FormattedValue) else part, names)
        if not isinstance(found, Const) or getattr(part, "format_spec", None) is not None:
            return UNKNOWN
        parts.append(str(found.value))
    return Const("".join(parts))


def _call(machine: "Machine", node: Any, names: Names) -> Value:
    function = value(machine, node.func, names)
    if _is_super(node.func):
        function = _of_super(machine, node.func, names) or function
    args: list[Value] = []
    for part in node.args:
        found = value(machine, part, names)
        if isinstance(part, ast.Starred) and isinstance(found, Seq) and found.each is None:
            args += found.items
        elif isinstance(part, ast.Starred):
            args.append(element(found))
        else:
            args.append(found)
    options: dict[str, Value] = {}
    for keyword in node.keywords:
        found = value(machine, keyword.value, names)
        if keyword.arg is not None:
            options[keyword.arg] = found
        elif isinstance(found, Table):
            options.update({k: v for k, v in found.items.items() if isinstance(k, str)})
            if found.each is not None:
                options["**"] = found.each
        else:
            options["**"] = UNKNOWN
    return called(machine, function, args, options, node, names)


def called(
    machine: "Machine",
    function: Value,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    """What calling a value gives."""
    match function:
        case Function():
            return machine.run(function, args, options, node, names)
        case Klass():
            return machine.make(function.known, function.around, args, options, node, names)
        case Choice():
            return _any_called(machine, function, args, options, node, names)
        case Thing():
            return outside.run(machine, function, args, options, node, names)
        case Method():
            return outside.method(machine, function, args, options, node, names)
        case Api():
            return outside.api(machine, function.name, args, options, node, names)
        case Data() if getattr(node.func, "attr", "") == "values":
            return Seq([], function)  # of a dict of losses
    return outside.unknown(machine, args, options, node, names)


def _any_called(
    machine: "Machine",
    function: Choice,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    found: list[Value] = []

    def way(one: Value) -> Callable[[], bool]:
        def run() -> bool:
            found.append(called(machine, one, args, options, node, names))
            return True

        return run

    machine.parted(node, [way(o) for o in function.options], names)
    return joined(found)


def _is_super(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Call)
        and isinstance(function.value.func, ast.Name)
        and function.value.func.id == "super"
    )


def _of_super(machine: "Machine", function: ast.Attribute, names: Names) -> Value | None:
    this = names.this
    scope = names.where.scope
    owner = machine.project.owner(names.where)
    if owner is None or not isinstance(this, Thing) or scope.owner is None:
        return None
    for member in machine.project.lineage(owner)[0][1:]:
        found = member.klass.methods.get(function.attr)
        if found is not None and not isinstance(found.node, ast.Module):
            around = machine.module(member.source)
            return Function(found.node, Where(member.source, found), around, (this,))
    return Method(this, function.attr)


_Read = Callable[["Machine", Any, Names], Value]
_EXPRESSIONS: dict[type[ast.expr], _Read] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.BinOp: _operation,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _either,
    ast.IfExp: _chosen,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Starred: _starred,
    ast.Dict: _dict,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
    ast.Await: _starred,
    ast.JoinedStr: _text,
    ast.Call: _call,
}
