"""Runs a script in the abstract: its statements in order, calls entered, loops once, both sides of conditions."""

import ast
from collections.abc import Callable, Iterable
from typing import Any

from labhand.kit.code.knowledge import canonical_name, tables
from labhand.kit.code.model import Scope
from labhand.kit.code.project import CallSite, Known, Project, Where
from labhand.kit.code.source import Source
from labhand.kit.code.trace import expressions, operations, outside
from labhand.kit.code.trace.happenings import Around, Event, Happening
from labhand.kit.code.trace.values import (
    NONE,
    UNKNOWN,
    Api,
    Const,
    Data,
    Function,
    Klass,
    Module,
    Names,
    Seq,
    Table,
    Thing,
    Value,
    each,
    element,
    joined,
    truth,
)

DEEPEST = 12
FUEL = 3000
_ENTRIES = 6
_WRITTEN_OUT = 4


class Spent(Exception):
    """The script is longer than what may be looked at."""


class Machine:
    """One script on its way. What it leaves behind is `happened`, and the values of expressions in `known`."""

    def __init__(self, project: Project, fuel: int = FUEL) -> None:
        self.project = project
        self.fuel = fuel
        self.happened: list[Happening] = []
        self.known: dict[ast.AST, list[Value]] = {}
        self.entered: dict[ast.AST, int] = {}
        self.ran: dict[ast.Call, dict[Scope, Where]] = {}
        self.reached: dict[Scope, dict[ast.Call, CallSite]] = {}
        self.modules: dict[Source, Names] = {}
        self.sites: list[tuple[ast.Call, Where]] = []
        self.open: set[ast.AST] = set()
        self.conditional = 0
        self.looping = 0
        self.without = 0
        self.cut = False

    # What happens

    def tell(
        self,
        kind: str,
        node: ast.expr | ast.stmt,
        names: Names,
        of: Value = UNKNOWN,
        given: Iterable[Value] = (),
        word: str = "",
    ) -> None:
        """Adds an event."""
        sites = tuple(self.sites)
        event = Event(kind, node, names.where, of, tuple(given), sites, word, not self.without)
        self.happened.append(event)

    def apart(self, run: Callable[[], object]) -> list[Happening]:
        """What happens while something runs, kept apart."""
        outer, self.happened = self.happened, []
        try:
            run()
            return self.happened
        finally:
            self.happened = outer

    # Scripts and files

    def script(self, source: Source) -> None:
        """Runs a file as the script that was started."""
        self.module(source, main=True)

    def module(self, source: Source, main: bool = False) -> Names:
        """The names of a file, which is run when it is first asked for."""
        if source not in self.modules:
            names = Names(Where(source, source.index.module))
            names.values["__name__"] = Const("__main__" if main else source.path.stem)
            self.modules[source] = names
            conditional, self.conditional = self.conditional, 0
            self.block(source.tree.body, names)
            self.conditional = conditional
        return self.modules[source]

    # Statements: each answers whether what follows it can run

    def block(self, body: list[ast.stmt], names: Names) -> bool:
        """Runs statements in order."""
        for statement in body:
            self.fuel -= 1
            if self.fuel < 0:
                raise Spent
            run = _STATEMENTS.get(type(statement))
            if run is not None and not run(self, statement, names):
                return False
        return True

    def value(self, node: ast.expr | None, names: Names) -> Value:
        """What an expression gives."""
        return expressions.value(self, node, names) if node is not None else NONE

    def _expression(self, node: Any, names: Names) -> bool:
        found = self.value(node.value, names)
        return not (isinstance(found, Api) and found.name == "exit()")

    def _function(self, node: Any, names: Names) -> bool:
        where = Where(names.where.source, names.where.source.index.of_node[node])
        names.values[node.name] = Function(node, where, names)
        return True

    def _class(self, node: Any, names: Names) -> bool:
        index = names.where.source.index
        klass = next((c for c in index.classes if c.node is node), None)
        if klass is not None:
            names.values[node.name] = Klass(Known(names.where.source, klass), names)
        return True

    def _assign(self, node: Any, names: Names) -> bool:
        given = self.value(node.value, names)
        for target in node.targets:
            self.bind(target, given, names)
        return True

    def _annotated(self, node: Any, names: Names) -> bool:
        if node.value is not None:
            self.bind(node.target, self.value(node.value, names), names)
        return True

    def _augmented(self, node: Any, names: Names) -> bool:
        old = self.value(node.target, names)
        new = self.value(node.value, names)
        if isinstance(node.op, ast.Add):
            self.tell("add", node, names, old, (new,))
        self.bind(node.target, operations.operation(node.op, old, new), names)
        return True

    def bind(self, target: ast.expr, given: Value, names: Names) -> None:
        """Binds what a target names to a value."""
        match target:
            case ast.Name():
                home = names if target.id not in names.outer else self.modules[names.where.source]
                home.values[target.id] = given
            case ast.Tuple() | ast.List():
                for position, part in enumerate(target.elts):
                    if isinstance(part, ast.Starred):
                        self.bind(part.value, UNKNOWN, names)
                    else:
                        self.bind(part, expressions.item(given, position), names)
            case ast.Attribute():
                if target.attr == "grad":
                    self.tell("clear", target, names)
                owner = self.value(target.value, names)
                if self.looping:
                    self.tell("put", target, names, owner, (given,), target.attr)
                self.put(owner, target.attr, given)
            case ast.Subscript():
                self._store(target, given, names)

    def put(self, owner: Value, attribute: str, given: Value) -> None:
        """Sets an attribute; where a condition decides, it may also stay as it was."""
        for one in each(owner):
            if isinstance(one, Module):
                self.module(one.source).values[attribute] = given
            if not isinstance(one, Thing):
                continue
            old = one.attributes.get(attribute)
            sure = one.depth >= self.conditional and one is owner
            one.attributes[attribute] = given if sure or old is None else joined((old, given))

    def _store(self, target: ast.Subscript, given: Value, names: Names) -> None:
        holder = self.value(target.value, names)
        key = self.value(target.slice, names)
        if isinstance(holder, Table) and isinstance(key, Const):
            try:
                holder.items[key.value] = given
            except TypeError:
                holder.each = given
        elif isinstance(holder, Table | Seq):
            holder.each = given if holder.each is None else joined((holder.each, given))
        elif isinstance(holder, Data) and isinstance(given, Data):
            # Part of it comes from elsewhere now: `frame[columns] = scaler.fit_transform(…)`.
            mixed = holder.tensor._replace(made=holder.tensor.made | given.tensor.made)
            inner: ast.expr = target.value
            while isinstance(inner, ast.Attribute) and inner.attr in ("loc", "iloc", "at"):
                inner = inner.value
            if isinstance(inner, ast.Name | ast.Attribute):
                self.bind(inner, Data(mixed), names)

    def _import(self, node: Any, names: Names) -> bool:
        for alias in node.names:
            whole = self.project.module(alias.name, 0, names.where.source)
            head = alias.name.partition(".")[0]
            if whole is not None and (alias.asname or head == alias.name):
                self.module(whole)
                names.values[alias.asname or head] = Module(whole)
            else:
                names.values[alias.asname or head] = Api(
                    canonical_name(alias.name if alias.asname else head)
                )
        return True

    def _import_from(self, node: Any, names: Names) -> bool:
        source = names.where.source
        module = self.project.module(node.module or "", node.level, source)
        inside = self.module(module) if module is not None else None
        for alias in node.names:
            if alias.name == "*":
                names.values.update(inside.values if inside is not None else {})
                continue
            found = inside.find(alias.name) if inside is not None else None
            if found is None:
                name = f"{node.module}.{alias.name}" if node.module else alias.name
                inner = self.project.module(name, node.level, source)
                if inner is not None:
                    self.module(inner)
                    found = Module(inner)
                elif module is None and not node.level:
                    found = Api(canonical_name(name))
            names.values[alias.asname or alias.name] = found or UNKNOWN
        return True

    def _if(self, node: Any, names: Names) -> bool:
        known = truth(self.value(node.test, names))
        if known is not None:
            return self.block(node.body if known else node.orelse, names)
        ways = [lambda: self.block(node.body, names), lambda: self.block(node.orelse, names)]
        return self.parted(node, ways, names)

    def parted(
        self, node: ast.stmt | ast.expr, ways: list[Callable[[], bool]], names: Names
    ) -> bool:
        """Runs each of several ways from the same names on; after them, names are what some way left."""
        before = names.values
        told: list[list[Happening]] = []
        left: list[dict[str, Value]] = []
        for way in ways:
            names.values = dict(before)
            self.conditional += 1
            on: list[bool] = []
            try:
                told.append(self.apart(lambda way=way, on=on: on.append(way())))  # type: ignore[misc]
            finally:
                self.conditional -= 1
            if on and on[0]:
                left.append(names.values)
        if any(told):
            self.happened.append(Around(node, names.where, False, tuple(told)))
        merged = left[0] if left else dict(before)
        for other in left[1:]:
            for name in {*merged, *other}:
                one, two = merged.get(name), other.get(name)
                if one is not two:
                    merged[name] = joined(v for v in (one, two) if v is not None)
        names.values = merged
        return bool(left)

    def _for(self, node: Any, names: Names) -> bool:
        over = self.value(node.iter, names)
        parts = over.items if isinstance(over, Seq) and over.each is None else None
        if parts is not None and len(parts) <= _WRITTEN_OUT and not isinstance(over, Data):
            for part in parts:
                self.bind(node.target, part, names)
                self.block(node.body, names)
            return True
        self.bind(node.target, element(over), names)
        self.looped(node, node.body, over, names)
        self.block(node.orelse, names)
        return True

    def looped(self, node: Any, body: list[ast.stmt], over: Value, names: Names) -> None:
        """Runs the body of a loop, once for all its passes."""
        self.looping += 1
        try:
            inside = self.apart(lambda: self.block(body, names))
        finally:
            self.looping -= 1
        if inside:
            self.happened.append(Around(node, names.where, True, (inside,), over))

    def _while(self, node: Any, names: Names) -> bool:
        known = truth(self.value(node.test, names))
        if known is False and isinstance(node.test, ast.Constant):
            return True
        self.looped(node, node.body, UNKNOWN, names)
        return True

    def _with(self, node: Any, names: Names) -> bool:
        off = 0
        for item in node.items:
            context = self.value(item.context_expr, names)
            off += outside.turns_off(context)
            if item.optional_vars is not None:
                entered = expressions.method(self, context, "__enter__")
                if isinstance(entered, Function):
                    context = self.run(entered, [], {}, item.context_expr, names)
                self.bind(item.optional_vars, context, names)
        self.without += off
        try:
            return self.block(node.body, names)
        finally:
            self.without -= off

    def _try(self, node: Any, names: Names) -> bool:
        on = self.block(node.body, names)
        on = on and self.block(node.orelse, names)
        handlers = [h for h in node.handlers if not isinstance(h.body[-1], ast.Raise)]
        if handlers and on:
            ways: list[Callable[[], bool]] = [lambda: True]
            ways += [lambda h=h: self.block(h.body, names) for h in handlers]  # type: ignore[misc]
            self.parted(node, ways, names)
        return self.block(node.finalbody, names) and on

    def _return(self, node: Any, names: Names) -> bool:
        names.returned.append(self.value(node.value, names))
        return False

    def _global(self, node: Any, names: Names) -> bool:
        names.outer.update(node.names)
        return True

    def _ends(self, node: Any, names: Names) -> bool:
        return False

    # Calls

    def run(
        self,
        function: Function,
        args: list[Value],
        options: dict[str, Value],
        node: ast.expr,
        names: Names,
    ) -> Value:
        """What a call of a function of the project gives; what it does is told on the way."""
        inner = function.node
        count = self.entered.get(inner, 0)
        if len(self.sites) >= DEEPEST or count >= _ENTRIES or inner in self.open:
            self.cut = self.cut or inner not in self.open
            self.tell("opaque", node, names, UNKNOWN, (*function.args, *args, *options.values()))
            return UNKNOWN
        self.entered[inner] = count + 1
        mine = Names(function.where, function.around)
        given = [*function.args, *args]
        mine.this = given[0] if given else None
        self._parameters(inner.args, given, function.options | options, mine)
        if isinstance(node, ast.Call):
            self.sites.append((node, names.where))
            if not isinstance(inner, ast.Lambda) and len(function.args) <= 1:
                self.ran.setdefault(node, {})[function.where.scope] = function.where
                calls = self.reached.setdefault(function.where.scope, {})
                calls[node] = CallSite(node, names.where)
        off = _turned_off(self, inner, function.around)
        self.open.add(inner)
        self.without += off
        try:
            if isinstance(inner, ast.Lambda):
                return self.value(inner.body, mine)
            self.block(inner.body, mine)
        finally:
            self.without -= off
            self.open.discard(inner)
            if isinstance(node, ast.Call):
                self.sites.pop()
        if mine.yields:
            return Seq(each=joined(mine.yields))
        return joined(mine.returned) if mine.returned else NONE

    def _parameters(
        self, of: ast.arguments, args: list[Value], options: dict[str, Value], names: Names
    ) -> None:
        plain = [a.arg for a in (*of.posonlyargs, *of.args)]
        rest = args[len(plain) :]
        values = dict(zip(plain, args, strict=False))
        options = dict(options)
        everything = options.pop("**", None)
        for name in (*plain, *(a.arg for a in of.kwonlyargs)):
            if name in options:
                values[name] = options.pop(name)
        start = len(plain) - len(of.defaults)
        pairs = [*zip(plain[start:], of.defaults, strict=True)]
        pairs += [
            (a.arg, d) for a, d in zip(of.kwonlyargs, of.kw_defaults, strict=True) if d is not None
        ]
        for name, default in pairs:
            if name not in values:
                values[name] = (
                    UNKNOWN
                    if everything is not None
                    else self.value(default, names.around or names)
                )
        for name in (*plain, *(a.arg for a in of.kwonlyargs)):
            values.setdefault(name, UNKNOWN)
        if of.vararg is not None:
            values[of.vararg.arg] = Seq(rest)
        if of.kwarg is not None:
            values[of.kwarg.arg] = Table(dict(options), everything)
        names.values = values

    def make(
        self,
        known: Known,
        around: Names,
        args: list[Value],
        options: dict[str, Value],
        node: ast.expr,
        names: Names,
    ) -> Value:
        """A new instance of a class of the project."""
        made = Thing(None, node, names.where, known, self.conditional)
        made.args = []
        start = expressions.method(self, made, "__init__")
        if isinstance(start, Function):
            self.run(start, args, options, node, names)
        else:
            self._fields(made, known, around, args, options)
            after = expressions.method(self, made, "__post_init__")
            if isinstance(after, Function):
                self.run(after, [], {}, node, names)
        return made

    def _fields(
        self,
        made: Thing,
        known: Known,
        around: Names,
        args: list[Value],
        options: dict[str, Value],
    ) -> None:
        """The fields of a dataclass or named tuple; what a subclass of something outside was made with."""
        given = list(args)
        for member in reversed(self.project.lineage(known)[0]):
            for statement in member.klass.node.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    name = statement.target.id
                    if name in options:
                        made.attributes[name] = options[name]
                    elif given:
                        made.attributes[name] = given.pop(0)
                    elif statement.value is not None:
                        made.attributes[name] = self.value(statement.value, around)
        made.options = dict(options)


def _turned_off(machine: Machine, node: ast.AST, around: Names) -> int:
    """1 where a decorator runs a function without gradients."""
    off = tables.words("graph", "off", "context")
    for decorator in getattr(node, "decorator_list", ()):
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if machine.project.canonical(called, around.where) in off:
            return 1
    return 0


_Run = Callable[[Machine, Any, Names], bool]
_STATEMENTS: dict[type[ast.stmt], _Run] = {
    ast.Expr: Machine._expression,
    ast.FunctionDef: Machine._function,
    ast.AsyncFunctionDef: Machine._function,
    ast.ClassDef: Machine._class,
    ast.Assign: Machine._assign,
    ast.AnnAssign: Machine._annotated,
    ast.AugAssign: Machine._augmented,
    ast.Import: Machine._import,
    ast.ImportFrom: Machine._import_from,
    ast.If: Machine._if,
    ast.For: Machine._for,
    ast.AsyncFor: Machine._for,
    ast.While: Machine._while,
    ast.With: Machine._with,
    ast.AsyncWith: Machine._with,
    ast.Try: Machine._try,
    ast.Return: Machine._return,
    ast.Global: Machine._global,
    ast.Raise: Machine._ends,
    ast.Continue: Machine._ends,
    ast.Break: Machine._ends,
}
