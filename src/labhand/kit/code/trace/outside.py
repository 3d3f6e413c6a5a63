"""What things from outside the project do when they are called, as far as a training is concerned."""

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labhand.kit.code import knowledge
from labhand.kit.code.facts import Step
from labhand.kit.code.knowledge import tables
from labhand.kit.code.project import Where
from labhand.kit.code.trace import containers, doing, python
from labhand.kit.code.trace.values import (
    NONE,
    UNKNOWN,
    Api,
    Choice,
    Const,
    Data,
    Function,
    Method,
    Names,
    Seq,
    Table,
    Tensor,
    Thing,
    Value,
    element,
    is_module,
    parts,
)

if TYPE_CHECKING:
    from labhand.kit.code.trace.machine import Machine

BUILTINS = python.NAMES
_OPEN: frozenset[Value] = frozenset({UNKNOWN})
_OFF: frozenset[Value] = frozenset()
_PLAIN_DATA = frozenset({"shape", "dtype", "device", "ndim", "columns", "index"})
_NUMBERS = ("torch.", "numpy.", "pandas.", "einops.", "scipy.", "math.")
_WORDS = {"class-indices": "class indices", "one-hot": "one-hot vectors", "loss": "a loss"}


def turns_off(context: Value) -> int:
    """1 where what is entered by `with` turns gradients off."""
    if not isinstance(context, Thing) or context.name is None:
        return 0
    if context.name in tables.words("graph", "off", "context"):
        return 1
    if context.name in tables.words("graph", "off", "switch"):
        given = context.args[0] if context.args else UNKNOWN
        return int(isinstance(given, Const) and not given.value)
    return 0


def attribute(of: Thing, name: str) -> Value:
    """An attribute of a thing whose class does not say what it is."""
    made = of.name or ""
    if name == "module" and (is_plain_module(of) or of.known is not None):
        return of  # what DataParallel wraps
    if name in ("dataset", "sampler", "optimizer", "model") and made:
        given = of.given(0, name)
        if given is not None:
            return given
    return Method(of, name)


def is_plain_module(of: Thing) -> bool:
    """Whether a thing is a layer of an outside library."""
    return (of.name or "").startswith("torch.nn.")


def part(of: Data, name: str) -> Value:
    """An attribute of numbers."""
    if name in _PLAIN_DATA:
        return UNKNOWN
    if name in ("data", "grad"):
        return Data(of.tensor._replace(graph=_OFF))
    if name in ("T", "mT", "values", "loc", "iloc", "real", "str", "dt"):
        return of
    return Method(of, name)


def member(of: Thing, key: Any) -> Value:
    """An element of a thing."""
    inner = of.args[0] if of.args else UNKNOWN
    if of.name in ("torch.nn.ModuleList", "torch.nn.ModuleDict"):
        if isinstance(inner, Table) and key is not ... and key in inner.items:
            return inner.items[key]
        return element(inner) if isinstance(inner, Seq) else UNKNOWN
    if of.name == "torch.nn.Sequential" and isinstance(key, int):
        return of.args[key] if -len(of.args) <= key < len(of.args) else UNKNOWN
    return UNKNOWN


def together(tensors: list[Tensor], role: str | None) -> Tensor:
    """What is computed of several."""
    graph = frozenset[Value]().union(*(p.graph if p.graph is not None else _OPEN for p in tensors))
    made = frozenset[tuple[ast.expr, Where]]().union(*(p.made for p in tensors))
    named = {p.part for p in tensors if p.part is not None}
    chain = next((p.chain for p in tensors if p.chain and p.role == role), ())
    return Tensor(role, graph, named.pop() if len(named) == 1 else None, made, chain)


def role_of(op: ast.operator, left: Value, right: Value) -> str | None:
    """The role of what arithmetic gives."""
    one = left.tensor.role if isinstance(left, Data) else None
    two = right.tensor.role if isinstance(right, Data) else None
    if "loss" in (one, two) and (one is None or two is None or one == two):
        return "loss"
    if one in ("logits", "log-probabilities") and two is None:
        return "logits" if isinstance(op, ast.Mult | ast.Div) else None
    tiny = isinstance(op, ast.Add | ast.Sub) and isinstance(right, Const)
    if one == "probabilities" and tiny:
        return one
    if isinstance(left, Const) and left.value == 1 and isinstance(op, ast.Sub):
        return two if two == "probabilities" else None
    return None


def _data(values: Iterable[Value]) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Data):
            found.append(value.tensor)
        elif isinstance(value, Choice | Seq):
            found += _data(parts(value))
    return found


def _computed(
    machine: "Machine", values: Iterable[Value], role: str | None = None, by: Value | None = None
) -> Data:
    found = together(_data(values), role)
    graph = (found.graph or _OFF) | ({by} if by is not None else set())
    return Data(found._replace(graph=_OFF if machine.without else frozenset(graph)))


def _told(name: str, values: list[Value], made: Data, node: ast.Call, names: Names) -> Value | None:
    """What the table of roles says of a call; None where it says nothing."""
    entry = tables.entry("roles", name)
    if entry is None:
        return None
    first = _data(values[:1])
    if "pairs" in entry:
        role = first[0].role if first else None
        return Data(made.tensor._replace(role=role, chain=first[0].chain if first else ()))
    if "gives" in entry:
        word = _WORDS.get(entry["gives"], entry["gives"])
        step = Step(f"`{ast.unparse(node.func)}` gives {word}", names.where.source, node)
        return Data(made.tensor._replace(role=entry["gives"], chain=(step,)))
    if not first:
        return made
    return Data(made.tensor._replace(role=first[0].role, chain=first[0].chain))


def run(
    machine: "Machine",
    of: Thing,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    """What calling an object gives."""
    from labhand.kit.code.trace import expressions

    if of.known is not None:
        start = expressions.method(machine, of, "__call__")
        start = start or expressions.method(machine, of, "forward")
        if isinstance(start, Function):
            machine.tell("forward", node, names, of, args)
            return machine.run(start, args, options, node, names)
        return (
            _module(machine, of, args, node, names) if is_module(machine.project, of) else UNKNOWN
        )
    if of.name == "functools.partial":
        whole, options = [*of.args[1:], *args], of.options | options
        return expressions.called(machine, of.args[0], whole, options, node, names)
    if is_module(machine.project, of):
        return _module(machine, of, args, node, names)
    return unknown(machine, [of, *args], options, node, names)


def _module(
    machine: "Machine", of: Thing, args: list[Value], node: ast.Call, names: Names
) -> Value:
    """What a layer gives of what it is given."""
    from labhand.kit.code.trace import expressions

    name = of.name or ""
    if name == "torch.nn.Sequential":
        given = args[0] if args else UNKNOWN
        for layer in of.args:
            given = expressions.called(machine, layer, [given], {}, node, names)
        return given
    entry = tables.entry("losses", f"{name}()")
    if entry is not None:
        return _loss(machine, f"{name}()", of, args, {}, node, names)
    if tables.entry("layers", name) or not is_plain_module(of):
        machine.tell("forward", node, names, of, args)
    weighted = name not in tables.words("layers", "weights", "none")
    made = _computed(machine, args, None, of if weighted else None)
    found = _told(f"{name}()", args, made, node, names)
    if found is None or not isinstance(found, Data):
        return made
    if found.tensor.chain and found.tensor.chain[0].node is node and of.site is not None:
        word = _WORDS.get(str(found.tensor.role), found.tensor.role)
        site = of.where.source if of.where is not None else names.where.source
        chain = (Step(f"the layer `{ast.unparse(of.site)}` gives {word}", site, of.site),)
        return Data(found.tensor._replace(chain=chain))
    return found


def _loss(
    machine: "Machine",
    name: str,
    of: Value,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    machine.tell("loss", node, names, of, args, name)
    made = _computed(machine, [*args, *options.values()], "loss")
    return made


def method(
    machine: "Machine",
    called: Method,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    """What a method of something from outside gives."""
    of, name = called.of, called.name
    if isinstance(of, Data):
        return _of_data(machine, of, name, args, node, names)
    if isinstance(of, Seq | Table | Const):
        return containers.method(machine, of, name, args, node, names)
    if name in doing.DOING:
        return doing.DOING[name](machine, of, args, options, node, names)
    found = _of_thing(machine, of, name, args, node, names) if isinstance(of, Thing) else None
    return found or unknown(machine, [of, *args], options, node, names)


def _of_thing(
    machine: "Machine", of: Thing, name: str, args: list[Value], node: ast.Call, names: Names
) -> Value | None:
    """What a method of a known kind of object gives."""
    fits = tables.entry("estimators", of.name) or {}
    divides = (tables.entry("splits", of.name) or {}).get("splitter")
    if divides and name == "split":
        machine.tell("split", node, names, of, args)
    if "fits" in fits and name in ("fit", "transform", "fit_transform", "fit_resample"):
        return _estimated(machine, of, name, args, node, names)
    if name in ("parameters", "trainable_parameters", "named_parameters"):
        one = Thing("torch.nn.Parameter", node, names.where)
        one.args = [of]
        return Seq([], one if name != "named_parameters" else Seq([UNKNOWN, one]))
    return of if name in knowledge.RETURNING_SELF else None


def _estimated(
    machine: "Machine", of: Thing, name: str, args: list[Value], node: ast.Call, names: Names
) -> Value:
    if name.startswith("fit"):
        machine.tell("fit", node, names, of, args, name)
    if name == "fit":
        return of
    found = together(_data(args[:1]), None)
    made = Data(found._replace(made=found.made | {(node, names.where)}, graph=_OFF))
    return Seq([made, made]) if name == "fit_resample" else made


def _of_data(
    machine: "Machine", of: Data, name: str, args: list[Value], node: ast.Call, names: Names
) -> Value:
    if name == "backward":
        machine.tell("backward", node, names, of, args)
        return NONE
    if f".{name}" in tables.words("graph", "detaches", "method"):
        found = _told(f".{name}", [of, *args], of, node, names) or of
        tensor = found.tensor if isinstance(found, Data) else of.tensor
        return Data(tensor._replace(graph=_OFF))
    if name.endswith("_") and ".grad." in ast.unparse(node.func):
        machine.tell("clear", node, names)
    if name == "items":
        return Seq([], Seq([UNKNOWN, of]))
    made = _computed(machine, [of, *args])
    if name in ("max", "min", "topk", "sort") and args:
        return Seq([_told(f".{name}", [of], made, node, names) or made, Data(Tensor(graph=_OFF))])
    if name == "log":
        return _turned(of, made, "probabilities", "log-probabilities")
    if name == "exp":
        return _turned(of, made, "log-probabilities", "probabilities")
    if name in ("mean", "sum") and of.tensor.role == "loss":
        return Data(made.tensor._replace(role="loss"))
    if name in ("size", "dim", "numel", "any", "all"):
        return UNKNOWN
    return _told(f".{name}", [of, *args], made, node, names) or made


def _turned(of: Value, made: Data, role: str, into: str) -> Data:
    if isinstance(of, Data) and of.tensor.role == role:
        return Data(made.tensor._replace(role=into, chain=of.tensor.chain))
    return made


def api(
    machine: "Machine",
    name: str,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    """What a function or class of an outside package gives."""
    if name in python.DOES:
        return python.DOES[name](machine, args, options, node, names)
    if name in knowledge.WRAPPERS_OF_MODULES and name != "copy.deepcopy" and args:
        return args[0]
    if tables.entry("losses", name) is not None:
        return _loss(machine, name, Api(name), args, options, node, names)
    if "clip_grad_" in name:
        machine.tell("clip", node, names, args[0] if args else UNKNOWN, args)
        return UNKNOWN
    divides = tables.entry("splits", name) or {}
    if "parts" in divides or "folds" in divides:
        return _divided(machine, divides, args, node, names)
    told = _by_role(machine, name, args, options, node, names)
    if told is not None:
        return told
    if _makes(name):
        return _made(machine, name, args, options, node, names)
    if name in tables.words("graph", "detaches", "function"):
        return Data(together(_data(args), None)._replace(graph=_OFF))
    if name.startswith(_NUMBERS):
        found = _computed(machine, [*args, *options.values()])
        kept = found.tensor.made or {(node, names.where)}
        return Data(found.tensor._replace(made=frozenset(kept)))
    return unknown(machine, args, options, node, names)


def _by_role(
    machine: "Machine",
    name: str,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value | None:
    """What a function gives whose role is known."""
    if name in ("torch.log", "numpy.log") and args:
        return _turned(args[0], _computed(machine, args), "probabilities", "log-probabilities")
    if name in ("torch.exp", "numpy.exp") and args:
        return _turned(args[0], _computed(machine, args), "log-probabilities", "probabilities")
    made = _computed(machine, args)
    return _told(name, [*args, *options.values()], made, node, names)


def _makes(name: str) -> bool:
    last = name.rpartition(".")[2]
    return (
        last[:1].isupper()
        or knowledge.is_optimizer(name)
        or tables.entry("schedulers", name) is not None
        or name.startswith(knowledge.MAKING_PACKAGES)
        or last in knowledge.MAKING_METHODS
        or name in tables.words("graph", "off", "context")
        or name in tables.words("graph", "off", "switch")
        or name in ("functools.partial", "torch.load", "torch.nn.utils.weight_norm")
    )


def _made(
    machine: "Machine",
    name: str,
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    made = Thing(name, node, names.where, None, machine.conditional)
    made.args, made.options = args, options
    if knowledge.is_optimizer(name):
        machine.tell("made", node, names, made, args)
    if name == "functools.partial" and args and isinstance(args[0], Function):
        return args[0].bound(*args[1:], **options)
    return made


def _divided(
    machine: "Machine",
    divides: Any,
    args: list[Value],
    node: ast.Call,
    names: Names,
) -> Value:
    machine.tell("split", node, names, UNKNOWN, args)
    found: list[Value] = []
    if "parts" not in divides:
        return UNKNOWN
    for given in args if divides.get("repeats") else args[:1]:
        inner = together(_data([given]), None)
        kept = inner.made | {(node, names.where)}
        found += [Data(Tensor(None, _OFF, word, kept)) for word in divides["parts"]]
    return Seq(found)


def unknown(
    machine: "Machine",
    args: list[Value],
    options: dict[str, Value],
    node: ast.Call,
    names: Names,
) -> Value:
    """A call of something that is not known: it may do anything with what it is given."""
    given = [*args, *options.values()]
    written = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if knowledge.ZEROING.search(written) or (
        written.endswith("_") and ".grad" in ast.unparse(node.func)
    ):
        machine.tell("clear", node, names)
    held = [g for g in given if isinstance(g, Thing | Seq | Table | Method | Choice)]
    if held and written not in knowledge.HARMLESS_METHODS:
        machine.tell("opaque", node, names, UNKNOWN, held, written)
    for one in given:
        if isinstance(one, Function) and not isinstance(one.node, ast.Lambda):
            machine.run(one, [], {"**": UNKNOWN}, node, names)
    return UNKNOWN
