"""Where a parsed namespace or config object goes in a project, and which of its names are read."""

import ast
import re
from collections.abc import Iterable

from labhand.kit.code import knowledge
from labhand.kit.code.model import FunctionNode, Scope
from labhand.kit.code.origins import callee
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

_PARSING = frozenset({"parse_args", "parse_intermixed_args", "parse_args_into_dataclasses"})
_PARTIAL = frozenset({"parse_known_args", "parse_known_intermixed_args"})
_LOADING = re.compile(r"\b(torch|json|pickle|yaml|joblib|dill|np|numpy)\.(safe_|full_)?load")
_WHOLE = frozenset({"vars", "dataclasses.asdict", "copy.copy", "copy.deepcopy"})
_DECLARING = frozenset({"add_argument", "add_parser", "add_scalar", "option", "argument"})
_SELF_LIKE = frozenset({"self", "cls"})


def reads(project: Project, sources: Iterable[Source], own: Source) -> set[str]:
    """The names that some files read off objects: as attributes, or spelled in strings.

    What files beside `own` read off what they parse themselves does not count.
    """
    return set().union(*(_Reads(project, source, source is own).names for source in sources))


class _Reads:
    def __init__(self, project: Project, source: Source, own: bool) -> None:
        self.project = project
        self.own = own
        key = (source.tree, source.index.module, int(own))
        known = project.answers.get(key)
        self.names: set[str] = set() if known is None else known
        if known is None:
            project.answers[key] = self.names
            for node, parent in source.index.parents.items():
                self._note(node, parent, source)

    def _note(self, node: ast.AST, parent: ast.AST, source: Source) -> None:
        if isinstance(node, ast.Attribute):
            new = _loaded(node) and node.attr not in self.names
            if new and self._counts(node, source):
                self.names.add(node.attr)
        elif isinstance(node, ast.Constant):
            text = isinstance(node.value, str) and len(node.value) < 60
            if text and _reads_by_text(node, parent):
                self.names.add(str(node.value))

    def _counts(self, node: ast.Attribute, source: Source) -> bool:
        """Whether this may be the namespace's attribute and not surely something else's."""
        base = node.value
        if not isinstance(base, ast.Name):
            return True
        where = Where(source, source.index.scope(node))
        if base.id == "self":
            owner = self.project.owner(where)
            return owner is None or not _sets_in_a_method(owner, node.attr)
        home, bindings = self.project.binding(base.id, where)
        if bindings and not self.own and all(self._parsed_here(b.value, home) for b in bindings):
            return False
        if not bindings or any(b.how != "import" for b in bindings):
            return True
        return any(
            isinstance(b.node, ast.ImportFrom)
            or self.project.module(b.target, 0, source) is not None
            for b in bindings
        )

    def _parsed_here(self, value: ast.expr | None, where: Where) -> bool:
        """Whether a value is what a parser answers where it stands, not `utils.parse_args()` of the project."""
        function = value.func if isinstance(value, ast.Call) else None
        if not isinstance(function, ast.Attribute) or function.attr not in _PARSING:
            return False
        return self.project.definition(function, where) is None


def _sets_in_a_method(owner: Known, name: str) -> bool:
    return any(
        scope.owner is not None or isinstance(scope.node, FunctionNode)
        for _, scope, _ in owner.klass.attributes.get(name, ())
    )


def _reads_by_text(node: ast.Constant, parent: ast.AST) -> bool:
    if isinstance(parent, ast.Dict):
        return node in parent.values
    if isinstance(parent, ast.Subscript):
        return isinstance(parent.ctx, ast.Load)
    if isinstance(parent, ast.Call):
        function = parent.func
        name = ast.unparse(function).rpartition(".")[2]
        return name not in _DECLARING and not name.startswith("DEFINE_")
    return not isinstance(parent, ast.Expr | ast.keyword | ast.JoinedStr | ast.FormattedValue)


class Flow:
    """Follows namespace objects through a set of files.

    `parsed` is whether there is one at all; `escape` says where one goes out of sight, if it does.
    """

    def __init__(self, project: Project, sources: list[Source]) -> None:
        self.project = project
        self.sources = sources
        self.parsed = False
        self.escape: str | None = None
        self._tainted: set[tuple[Scope, str]] = set()
        self._attributes: set[str] = set()
        self._pending: list[tuple[ast.expr, Source]] = []
        self._text = "\n".join(s.text for s in sources)

    def from_parsers(self) -> "Flow":
        """Follows what every argument parser in the files answers."""
        for source in self.sources:
            for scope in source.index.scopes:
                for call in scope.calls:
                    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
                    canonical = self.project.canonical(call.func, Where(source, scope)) or ""
                    if any(k.arg == "namespace" for k in call.keywords):
                        self._escapes(f"`{name}`")
                    elif name in _PARTIAL:
                        self._partly(call, source, Where(source, scope))
                    elif name in _PARSING or canonical.startswith("tyro.cli"):
                        self.parsed = True
                        self._pending.append((call, source))
        if re.search(r"\bwandb\.config\b(?!\.)|\*\*\w*\.config\b", self._text):
            self._escapes("`wandb.config`")
        return self._run()

    def _partly(self, call: ast.Call, source: Source, where: Where) -> None:
        """Follows `args, rest = parser.parse_known_args()`, where nothing reads the rest."""
        statement = source.index.parents.get(call)
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        rest = target.elts[1:] if isinstance(target, ast.Tuple) else []
        if len(rest) != 1 or not isinstance(rest[0], ast.Name) or not isinstance(target, ast.Tuple):
            return self._escapes("`parse_known_args`")
        name = rest[0].id
        if any(
            isinstance(n, ast.Name) and n.id == name and _loaded(n) for n in source.index.parents
        ):
            return self._escapes(f"`{name}`")
        self.parsed = True
        self._target(target.elts[0], source, where)

    def from_class(self, known: Known) -> "Flow":
        """Follows every instance of a class, and the class itself where it is handed on."""
        for source in self.sources:
            for node, parent in source.index.parents.items():
                if not isinstance(node, ast.Name | ast.Attribute) or not _loaded(node):
                    continue
                if known.klass.name not in (getattr(node, "id", ""), getattr(node, "attr", "")):
                    continue
                found = self.project.definition(node, Where(source, source.index.scope(node)))
                if isinstance(found, Known) and found.klass is known.klass:
                    self._class_used(node, parent, source)
        return self._run()

    def _class_used(self, node: ast.expr, parent: ast.AST, source: Source) -> None:
        where = Where(source, source.index.scope(node))
        if isinstance(parent, ast.Call) and parent.func is node:
            self.parsed = True
            self._pending.append((parent, source))
        elif isinstance(parent, ast.Call) and not self._is(parent, where, "isinstance"):
            self._escapes(f"`{ast.unparse(parent.func)}`")
        elif isinstance(parent, ast.Attribute) and parent.attr not in ("__name__", "__doc__"):
            self._escapes(f"`{ast.unparse(parent)}`")
        elif isinstance(parent, ast.Assign | ast.Dict | ast.List | ast.Tuple | ast.ClassDef):
            self._escapes(f"line {node.lineno}")

    def _run(self) -> "Flow":
        while self._pending and self.escape is None:
            node, source = self._pending.pop()
            self._consume(node, source)
        return self

    def _escapes(self, how: str) -> None:
        self.escape = self.escape or how

    def _consume(self, node: ast.expr, source: Source) -> None:
        parent = source.index.parents.get(node)
        where = Where(source, source.index.scope(node))
        if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            self._assigned(parent, source, where)
        elif isinstance(parent, ast.Attribute):
            self._attribute(parent, source, where)
        elif isinstance(parent, ast.Call):
            self._argument(node, parent, source, where)
        elif isinstance(parent, ast.keyword):
            self._keyword(node, parent, source, where)
        elif isinstance(parent, ast.Return):
            sites = self.project.callers(where) or ()
            self._pending.extend((site.call, site.where.source) for site in sites)
        elif isinstance(parent, ast.IfExp | ast.BoolOp):
            self._pending.append((parent, source))
        elif isinstance(parent, ast.Tuple) and self._element(node, parent, source, where):
            pass
        elif isinstance(parent, ast.Dict) and _kept_in_dict(parent, source):
            pass  # what reads it back reads it by its name, which counts as read
        elif not _looks_only(parent):
            self._escapes(f"line {node.lineno} of {source.path.name}")

    def _element(self, node: ast.expr, given: ast.Tuple, source: Source, where: Where) -> bool:
        """Follows an element of a tuple to what gets it: `a, b = x, y`, a caller, or what is spawned."""
        if isinstance(source.index.parents.get(given), ast.Return):
            return self._given_back(given.elts.index(node), len(given.elts), where)
        own = _element_of(node, given, source)
        if own is not None:
            self._target(own, source, where)
        return own is not None or self._spawned(node, given, source, where)

    def _given_back(self, position: int, length: int, where: Where) -> bool:
        """Follows an element of a returned tuple to the names that the callers give it."""
        for site in self.project.callers(where) or ():
            statement = site.where.source.index.parents.get(site.call)
            target = statement.targets[0] if isinstance(statement, ast.Assign) else None
            if not isinstance(target, ast.Tuple) or len(target.elts) != length:
                return False
            self._target(target.elts[position], site.where.source, site.where)
        return True

    def _spawned(self, node: ast.expr, given: ast.Tuple, source: Source, where: Where) -> bool:
        """Follows `spawn(f, args=(…, namespace))` and `Process(target=f, args=…)` into the project's `f`."""
        parent = source.index.parents.get(given)
        call = source.index.parents.get(parent) if isinstance(parent, ast.keyword) else None
        if not isinstance(call, ast.Call) or getattr(parent, "arg", "") != "args":
            return False
        targets = [k.value for k in call.keywords if k.arg in ("fn", "target")] or call.args[:1]
        target = self.project.definition(targets[0], where) if targets else None
        if not isinstance(target, Where):
            return False
        ranked = ast.unparse(call.func).endswith("spawn")  # which hands the rank over first
        position = given.elts.index(node) + ranked
        names = target.scope.parameters
        if position < len(names):
            self._taint(target.scope, names[position], target.source)
        return position < len(names)

    def _assigned(
        self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr, source: Source, where: Where
    ) -> None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            self._target(target, source, where)
        if isinstance(node, ast.NamedExpr):
            self._pending.append((node, source))

    def _keyword(self, node: ast.expr, parent: ast.keyword, source: Source, where: Where) -> None:
        call = source.index.parents[parent]
        if parent.arg is None or not isinstance(call, ast.Call):
            self._escapes(f"`**{ast.unparse(node)}`")
        else:
            self._argument(node, call, source, where, parent.arg)

    def _attribute(self, node: ast.Attribute, source: Source, where: Where) -> None:
        above = source.index.parents.get(node)
        if node.attr.startswith("__") and node.attr not in ("__class__", "__repr__", "__str__"):
            self._escapes(f"`{ast.unparse(node)}`")
        elif isinstance(above, ast.Call) and above.func is node:
            called = callee(self.project, above, where)
            shows = node.attr in ("__repr__", "__str__")
            hands = node.attr.startswith(("_", "to_", "as", "dict", "items", "keys"))
            if called is None and hands and not shows:
                self._escapes(f"`{ast.unparse(node)}()`")

    def _target(self, target: ast.expr, source: Source, where: Where) -> None:
        if isinstance(target, ast.Name):
            self._taint(where.scope, target.id, source)
        elif isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self._target(element, source, where)
        elif isinstance(target, ast.Attribute):
            self._taint_attribute(target.attr)
        else:
            self._escapes(f"line {target.lineno}")

    def _taint(self, scope: Scope, name: str, source: Source) -> None:
        if any(b.how == "global" for b in scope.bindings.get(name, ())):
            scope = source.index.module
        if (scope, name) in self._tainted:
            return
        self._tainted.add((scope, name))
        self._loads(scope, name, source)
        if scope is source.index.module:
            for other in self.sources:
                self._imported(name, other)

    def _imported(self, name: str, other: Source) -> None:
        """Follows a module's namespace into a file that imports it."""
        for inner in other.index.scopes:
            for bound in inner.bindings.get(name, ()):
                if bound.how == "import" and bound.target.endswith(f".{name}"):
                    self._taint(inner, name, other)
        for node in other.index.parents:
            if isinstance(node, ast.Attribute) and node.attr == name and _loaded(node):
                where = Where(other, other.index.scope(node))
                if self.project.module_of(node.value, where) is not None:
                    self._pending.append((node, other))

    def _loads(self, scope: Scope, name: str, source: Source) -> None:
        for node in source.index.parents:
            if isinstance(node, ast.Name) and node.id == name and _loaded(node):
                here = Where(source, source.index.scope(node))
                home, bindings = self.project.binding(name, here)
                if home.scope is scope or not bindings:
                    self._pending.append((node, source))

    def _taint_attribute(self, name: str) -> None:
        if name in self._attributes:
            return
        self._attributes.add(name)
        for source in self.sources:
            for node in source.index.parents:
                if isinstance(node, ast.Attribute) and node.attr == name and _loaded(node):
                    self._pending.append((node, source))

    def _argument(
        self, node: ast.expr, call: ast.Call, source: Source, where: Where, keyword: str = ""
    ) -> None:
        if call.func is node:
            return self._escapes(f"`{ast.unparse(node)}()`")
        called = callee(self.project, call, where)
        if isinstance(called, Known):
            called = self.project.method(called, "__init__")
        if isinstance(called, Where):
            return self._passed(node, call, called, keyword)
        name = self.project.canonical(call.func, where) or ""
        if name in ("getattr", "hasattr", "setattr"):
            if len(call.args) < 2 or not isinstance(call.args[1], ast.Constant):
                self._escapes(f"`{name}` with a computed name")
        elif name in _WHOLE:
            self._whole(call, source, where)
        elif isinstance(call.func, ast.Attribute) and self._handler(call):
            pass
        elif self._chosen(call.func, where):
            pass  # which of them it is, what it reads by name counts as read
        elif not self._only_tells(call, where):
            self._escapes(f"`{ast.unparse(call.func)}`")

    def _whole(self, call: ast.Call, source: Source, where: Where) -> None:
        """`vars(args)` and its like: harmless where it is only printed, logged or looked into."""
        above = source.index.parents.get(call)
        if isinstance(above, ast.keyword) and above.arg is not None:
            above = source.index.parents.get(above)
        if isinstance(above, ast.Subscript | ast.FormattedValue | ast.Expr):
            return
        if not isinstance(above, ast.Call) or not self._only_tells(above, where):
            self._escapes(f"`{ast.unparse(call)}`")

    def _only_tells(self, call: ast.Call, where: Where) -> bool:
        """Whether a call only shows or keeps what it is given, and nothing is loaded back."""
        name = self.project.canonical(call.func, where) or ""
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name in knowledge.TELLING or method in knowledge.TELLING_METHODS:
            return True
        if method == "format" and isinstance(call.func.value, ast.Constant):  # type: ignore[attr-defined]
            return True
        kept = name in knowledge.KEEPING or method in knowledge.KEEPING_METHODS
        return kept and not _LOADING.search(self._text)

    def _passed(self, node: ast.expr, call: ast.Call, target: Where, keyword: str) -> None:
        names = target.scope.parameters
        if target.scope.owner is not None and names[:1] and names[0] in _SELF_LIKE:
            names = names[1:]
        position = next((i for i, a in enumerate(call.args) if a is node), None)
        if keyword and keyword in names:
            self._taint(target.scope, keyword, target.source)
        elif position is not None and position < len(names) and not _starred(call):
            self._taint(target.scope, names[position], target.source)
        else:
            self._escapes(f"`{target.scope.name}(*…)`")

    def _chosen(self, function: ast.expr, where: Where) -> bool:
        """Whether it is taken by key from a dict of the project's own modules, functions and classes."""
        while isinstance(function, ast.Attribute):
            function = function.value
        if not isinstance(function, ast.Subscript) or not isinstance(function.value, ast.Name):
            return False
        home, bindings = self.project.reaching(function.value, where)
        table = bindings[0].value if len(bindings) == 1 else None
        return isinstance(table, ast.Dict) and all(
            self.project.definition(v, home) is not None
            or self.project.module_of(v, home) is not None
            for v in table.values
        )

    def _handler(self, call: ast.Call) -> bool:
        """Whether this is `args.func(args)` with the project's own functions behind `func`."""
        assert isinstance(call.func, ast.Attribute)
        found = False
        for source in self.sources:
            for scope in source.index.scopes:
                for other in scope.calls:
                    if not isinstance(other.func, ast.Attribute):
                        continue
                    if other.func.attr != "set_defaults":
                        continue
                    given = next((k.value for k in other.keywords if k.arg == call.func.attr), None)
                    target = given and self.project.definition(given, Where(source, scope))
                    if isinstance(target, Where) and target.scope.parameters:
                        found = True
                        self._taint(target.scope, target.scope.parameters[0], target.source)
                    elif given is not None:
                        return False
        return found

    def _is(self, call: ast.Call, where: Where, name: str) -> bool:
        return self.project.canonical(call.func, where) == name


def _element_of(node: ast.expr, given: ast.Tuple, source: Source) -> ast.expr | None:
    """What gets an element in `a, b = x, y`."""
    statement = source.index.parents.get(given)
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    same = isinstance(target, ast.Tuple) and len(target.elts) == len(given.elts)
    return target.elts[given.elts.index(node)] if same and isinstance(target, ast.Tuple) else None


def _kept_in_dict(parent: ast.Dict, source: Source) -> bool:
    """Whether a dict that holds an object goes straight, or by its name, to what saves it."""
    above = source.index.parents.get(parent)
    if isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Name):
        name = above.targets[0].id
        scope = source.index.scope(above)
        found = [
            source.index.parents.get(n)
            for n in source.index.parents
            if isinstance(n, ast.Name)
            and n.id == name
            and _loaded(n)
            and source.index.scope(n) is scope
        ]
        calls = [f for f in found if isinstance(f, ast.Call)]
        return bool(calls) and len(calls) == len(found) and all(_saves(c) for c in calls)
    return isinstance(above, ast.Call) and _saves(above)


def _saves(call: ast.Call) -> bool:
    return ast.unparse(call.func) in ("torch.save", "save_checkpoint", "pickle.dump", "joblib.dump")


def _looks_only(parent: ast.AST | None) -> bool:
    """Whether an object is only looked at there: tested, shown, or asked for one item."""
    if isinstance(parent, ast.Subscript):
        return isinstance(parent.slice, ast.Constant)
    if isinstance(parent, ast.Compare):
        other = parent.comparators[0]
        return isinstance(other, ast.Constant) and other.value is None
    quiet = ast.Expr | ast.FormattedValue | ast.If | ast.UnaryOp | ast.Delete | ast.While
    return isinstance(parent, quiet)


def _loaded(node: ast.Name | ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Load)


def _starred(call: ast.Call) -> bool:
    return any(isinstance(a, ast.Starred) for a in call.args)
