"""What the trace knows of values: constants, functions, objects with an identity, tensors, and not knowing."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from labhand.kit.code import knowledge
from labhand.kit.code.facts import Step
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

MOST = 5
"""So many different values are kept apart; of more nothing is known."""
_DEEPEST = 12


class Value:
    """Something that exists; of this class itself nothing is known."""

    __slots__ = ()


UNKNOWN = Value()


class Const(Value):
    """A number, a string, True, False or None that is written out."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


NONE = Const(None)


class Api(Value):
    """A module, function or class from outside the project, by its canonical name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Module(Value):
    """A file of the project that was imported."""

    __slots__ = ("source",)

    def __init__(self, source: Source) -> None:
        self.source = source


class Klass(Value):
    """A class of the project."""

    __slots__ = ("around", "known")

    def __init__(self, known: Known, around: "Names") -> None:
        self.known = known
        self.around = around


class Function(Value):
    """A function or lambda of the project, with the names around it and what is bound to it already."""

    __slots__ = ("args", "around", "node", "options", "where")

    def __init__(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        where: Where,
        around: "Names",
        args: "tuple[Value, ...]" = (),
        options: "dict[str, Value] | None" = None,
    ) -> None:
        self.node = node
        self.where = where
        self.around = around
        self.args = args
        self.options = options or {}

    def bound(self, *args: Value, **options: Value) -> "Function":
        """The same function with more arguments given."""
        given = (*self.args, *args)
        return Function(self.node, self.where, self.around, given, self.options | options)


class Method(Value):
    """A method of something from outside: of an optimizer, a tensor, or what is not known."""

    __slots__ = ("name", "of")

    def __init__(self, of: Value, name: str) -> None:
        self.of = of
        self.name = name


class Thing(Value):
    """An object with an identity: made by an outside API (`name`), of a class of the project, or neither."""

    __slots__ = ("args", "attributes", "depth", "known", "name", "options", "site", "where")

    def __init__(
        self,
        name: str | None,
        site: ast.expr | None = None,
        where: Where | None = None,
        known: Known | None = None,
        depth: int = 0,
    ) -> None:
        self.name = name
        self.site = site
        self.where = where
        self.known = known
        self.depth = depth
        self.args: list[Value] = []
        self.options: dict[str, Value] = {}
        self.attributes: dict[str, Value] = {}

    def given(self, position: int, *names: str) -> Value | None:
        """What it was made with at a position or under one of the names."""
        for name in names:
            if name in self.options:
                return self.options[name]
        return self.args[position] if position < len(self.args) else None


class Seq(Value):
    """A list, tuple or set. `each` stands for elements that were added in loops, or are not counted."""

    __slots__ = ("each", "items", "of")

    def __init__(
        self, items: Iterable[Value] = (), each: Value | None = None, of: "Value | None" = None
    ) -> None:
        self.items = list(items)
        self.each = each
        self.of = of
        """What it goes over, where that is one thing: a loader."""


class Table(Value):
    """A dict. `each` stands for what is under keys that are not known."""

    __slots__ = ("each", "items")

    def __init__(
        self, items: "Mapping[Any, Value] | None" = None, each: Value | None = None
    ) -> None:
        self.items: dict[Any, Value] = dict(items or {})
        self.each = each


class Tensor(NamedTuple):
    """What is computed: its role, the modules whose weights its gradients reach, what it was made by.

    `graph` None: not known; `part`: train or test, where a split made it; `made`: the calls that it went
    through; `chain`: what proves the role.
    """

    role: str | None = None
    graph: frozenset[Value] | None = None
    part: str | None = None
    made: frozenset[tuple[ast.expr, Where]] = frozenset()
    chain: tuple[Step, ...] = ()


class Data(Value):
    """A tensor, array or table of numbers."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class Choice(Value):
    """One of several values, depending on conditions that are not known."""

    __slots__ = ("options",)

    def __init__(self, options: tuple[Value, ...]) -> None:
        self.options = options


class Names:
    """The names of one call of a function, or of a module."""

    __slots__ = ("around", "outer", "returned", "this", "values", "where", "yields")

    def __init__(self, where: Where, around: "Names | None" = None) -> None:
        self.where = where
        self.around = around
        self.values: dict[str, Value] = {}
        self.returned: list[Value] = []
        self.yields: list[Value] = []
        self.outer: set[str] = set()
        self.this: Value | None = None

    def find(self, name: str) -> Value | None:
        """What a name is bound to, here or around."""
        names: Names | None = self
        while names is not None:
            if name in names.values:
                return names.values[name]
            names = names.around
        return None


def each(value: Value) -> tuple[Value, ...]:
    """Every value that one can be."""
    return value.options if isinstance(value, Choice) else (value,)


def joined(values: Iterable[Value]) -> Value:
    """One of several values."""
    kept: list[Value] = []
    for value in values:
        for option in each(value):
            if not any(same(option, k) for k in kept):
                kept.append(option)
    if not kept or len(kept) > MOST:
        return UNKNOWN
    return kept[0] if len(kept) == 1 else Choice(tuple(kept))


def same(one: Value, other: Value) -> bool:
    """Whether two values are one, as far as rules can tell."""
    if one is other:
        return True
    if isinstance(one, Const) and isinstance(other, Const):
        return type(one.value) is type(other.value) and one.value == other.value
    if isinstance(one, Data) and isinstance(other, Data):
        return one.tensor == other.tensor
    return isinstance(one, Api) and isinstance(other, Api) and one.name == other.name


def truth(value: Value) -> bool | None:
    """Whether a value counts as true; None: not known."""
    if isinstance(value, Const):
        return bool(value.value)
    if isinstance(value, Choice):
        found = {truth(v) for v in value.options}
        return found.pop() if len(found) == 1 else None
    if isinstance(value, Function | Klass | Module | Api):
        return True
    if isinstance(value, Thing) and (value.known or is_module_name(value.name)):
        return True
    if isinstance(value, Seq) and value.items:
        return True
    return None


def element(value: Value) -> Value:
    """What going over a value hands out."""
    if isinstance(value, Seq):
        rest = [] if value.each is None else [value.each]
        return joined([*value.items, *rest])
    if isinstance(value, Table):
        return joined(Const(k) for k in value.items)
    if isinstance(value, Data):
        return value
    if isinstance(value, Choice):
        return joined(element(v) for v in value.options)
    return UNKNOWN


def is_module_name(name: str | None) -> bool:
    """Whether an API name is that of a module's class."""
    return bool(name) and str(name).startswith(
        ("torch.nn.", "torchvision.models.", "timm.create_model")
    )


def is_module(project: Project, value: Value) -> bool:
    """Whether a value surely is a torch module."""
    if not isinstance(value, Thing):
        return False
    if value.known is not None:
        return any(
            b == "torch.nn.Module" or is_module_name(b) or b.endswith("LightningModule")
            for b in project.lineage(value.known)[1]
        )
    return is_module_name(value.name)


def leaves(value: Value, depth: int = _DEEPEST) -> Iterator[Value]:
    """The things whose weights a module or a collection of parameters holds, down to the single layers."""
    if depth == 0:
        return
    if isinstance(value, Thing):
        if value.known is None and not (value.name == "torch.nn.Parameter" and value.args):
            yield value
        for part in (*value.args, *value.attributes.values()):
            if isinstance(part, Thing | Seq | Table | Choice) and part is not value:
                yield from leaves(part, depth - 1)
        return
    for part in parts(value):
        yield from leaves(part, depth - 1)


def parts(value: Value) -> list[Value]:
    """What a container holds, or what a choice can be."""
    if isinstance(value, Choice):
        return [*value.options]
    rest = [value.each] if isinstance(value, Seq | Table) and value.each is not None else []
    if isinstance(value, Seq):
        return [*value.items, *rest]
    return [*value.items.values(), *rest] if isinstance(value, Table) else []


def is_optimizer(project: Project, value: Value) -> bool:
    """Whether a value surely is an optimizer that leaves gradients alone at its step."""
    if not isinstance(value, Thing):
        return False
    if value.known is not None:
        return any(knowledge.is_optimizer(b) for b in project.lineage(value.known)[1])
    return value.name is not None and knowledge.is_optimizer(value.name)


def shown(value: Value) -> Any:
    """A value for people, in one word."""
    if isinstance(value, Const):
        return repr(value.value)
    if isinstance(value, Thing):
        return value.known.klass.name if value.known else value.name or "?"
    return type(value).__name__.lower()
