"""What the methods of optimizers, schedules, modules and the like do, told by their names."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from labhand.kit.code.knowledge import tables
from labhand.kit.code.trace.values import (
    NONE,
    UNKNOWN,
    Const,
    Function,
    Names,
    Seq,
    Thing,
    Value,
    is_optimizer,
)

if TYPE_CHECKING:
    from labhand.kit.code.trace.machine import Machine

_Does = Callable[["Machine", Value, list[Value], dict[str, Value], ast.Call, Names], Value]


def _zero(
    machine: "Machine",
    of: Value,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    machine.tell("clear", node, names, of)
    return NONE


def _step(
    machine: "Machine",
    of: Value,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    closure = next((a for a in (*args, *options.values()) if isinstance(a, Function)), None)
    if closure is not None:
        machine.run(closure, [], {}, node, names)
    stepped = next((a for a in args if is_optimizer(machine.project, a)), of)
    made = of.name or "" if isinstance(of, Thing) else ""
    own = of.known if isinstance(of, Thing) else None
    bases = machine.project.lineage(own)[1] if own is not None else set()
    schedules = (
        made.startswith("torch.optim.lr_scheduler.")
        or tables.entry("schedulers", made) is not None
        or any(b.startswith("torch.optim.lr_scheduler.") for b in bases)
    )
    if schedules:
        machine.tell("schedule", node, names, of, args)
    else:
        machine.tell("step", node, names, stepped, args)
    return UNKNOWN


def _backward(
    machine: "Machine",
    of: Value,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    machine.tell("backward", node, names, args[0] if args else of, args)
    return UNKNOWN


def _mode(
    machine: "Machine",
    of: Value,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    given = args[0] if args else options.get("mode")
    word = "eval" if isinstance(node.func, ast.Attribute) and node.func.attr == "eval" else "train"
    if word == "train" and given is not None:
        word = ("train" if given.value else "eval") if isinstance(given, Const) else "unknown"
    machine.tell("mode", node, names, of, (), word)
    return of


def _scaled(
    machine: "Machine",
    of: Value,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    return args[0] if args else UNKNOWN


def _prepared(
    machine: "Machine",
    of: Value,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    # What comes back of an optimizer clears and steps by rules of its own.
    given = [UNKNOWN if is_optimizer(machine.project, a) else a for a in args]
    return given[0] if len(given) == 1 else Seq(given)


DOING: dict[str, _Does] = {
    "zero_grad": _zero,
    "step": _step,
    "backward": _backward,
    "manual_backward": _backward,
    "train": _mode,
    "eval": _mode,
    "scale": _scaled,
    "prepare": _prepared,
    "setup": _prepared,
}
