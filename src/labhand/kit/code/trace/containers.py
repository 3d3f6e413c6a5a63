"""What the methods of lists, dicts and strings do."""

import ast
from typing import TYPE_CHECKING

from labhand.kit.code.trace.values import (
    NONE,
    UNKNOWN,
    Const,
    Names,
    Seq,
    Table,
    Value,
    element,
    joined,
)

if TYPE_CHECKING:
    from labhand.kit.code.trace.machine import Machine


def method(
    machine: "Machine", of: Value, name: str, args: list[Value], node: ast.Call, names: Names
) -> Value:
    """What a method of a container or of a constant gives."""
    if isinstance(of, Seq):
        return _of_list(machine, of, name, args, node, names)
    if isinstance(of, Table):
        return _of_dict(of, name, args)
    plain = name in ("lower", "upper", "strip") and not args
    if plain and isinstance(of, Const) and isinstance(of.value, str):
        return Const(getattr(of.value, name)())
    return UNKNOWN


def _of_list(
    machine: "Machine", of: Seq, name: str, args: list[Value], node: ast.Call, names: Names
) -> Value:
    given = args[-1] if args else UNKNOWN
    if name in ("append", "add", "insert"):
        machine.tell("append", node, names, of, (given,))
        if machine.looping or machine.conditional:
            of.each = given if of.each is None else joined((of.each, given))
        else:
            of.items.append(given)
        return NONE
    if name in ("extend", "update"):
        more = element(given)
        if isinstance(given, Seq) and given.each is None and not machine.looping:
            of.items += given.items
        else:
            of.each = more if of.each is None else joined((of.each, more))
        return NONE
    if name in ("pop", "popleft"):
        return element(of)
    if name == "copy":
        return Seq(of.items, of.each, of.of)
    return NONE if name == "clear" else UNKNOWN


def _of_dict(of: Table, name: str, args: list[Value]) -> Value:
    rest = None if of.each is None else of.each
    if name == "items":
        pairs = [Seq([Const(k), v]) for k, v in of.items.items()]
        return Seq(pairs, None if rest is None else Seq([UNKNOWN, rest]))
    if name == "values":
        return Seq(of.items.values(), rest)
    if name == "keys":
        return Seq([Const(k) for k in of.items], None if rest is None else UNKNOWN)
    if name in ("get", "pop", "setdefault"):
        return _got(of, args)
    if name == "update" and args and isinstance(args[0], Table):
        of.items.update(args[0].items)
        return NONE
    if name == "copy":
        return Table(dict(of.items), of.each)
    return UNKNOWN


def _got(of: Table, args: list[Value]) -> Value:
    key = args[0] if args else UNKNOWN
    if not isinstance(key, Const):
        return joined([*of.items.values(), *args[1:2]]) if of.each is None else UNKNOWN
    try:
        if key.value in of.items:
            return of.items[key.value]
    except TypeError:
        return UNKNOWN
    if of.each is not None:
        return joined([of.each, *args[1:2]])
    return args[1] if len(args) > 1 else NONE
