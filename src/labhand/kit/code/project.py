"""The code of one project: its files, how their names resolve, who calls whom."""

import ast
import builtins
import hashlib
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from labhand.core.errors import InputError
from labhand.kit.code import knowledge
from labhand.kit.code.knowledge import tables
from labhand.kit.code.model import Binding, Class, Scope
from labhand.kit.code.source import Source, load

SKIPPED = frozenset(
    "__pycache__ node_modules site-packages venv env build dist wandb mlruns outputs lightning_logs "
    "checkpoints third_party".split()
)
MOST_FILES = 2000


_WORD = re.compile(rb"[A-Za-z_]\w*")


_ON_PATH = re.compile(r"sys\.path\.(?:append|insert)\((?:\d+, *)?[\"']([\w./-]+)[\"']\)")


class Where(NamedTuple):
    """A function, or the module, in its file."""

    source: Source
    scope: Scope


class Known(NamedTuple):
    """A class of the project, in its file."""

    source: Source
    klass: Class


class CallSite(NamedTuple):
    """A call, and where it stands."""

    call: ast.Call
    where: Where


class Project:
    """The files under a root, read when asked for. Nothing of the project is ever imported."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._sources: dict[Path, Source | None] = {}
        self._callers: dict[ast.AST, list[CallSite] | None] = {}
        self.answers: dict[tuple[ast.AST, Scope, int], Any] = {}
        """What `namespaces` has found; a project under analysis does not change."""
        self._modules: dict[tuple[str, int, str], Source | None] = {}
        # What the analyses above this one have found; a project under analysis does not change.
        self.calls: dict[ast.Call, Any] = {}
        self.origins: dict[tuple[ast.expr, Scope], tuple[int, list[Any]]] = {}
        self.doing: dict[object, Any] = {}
        self.steps: dict[ast.AST, list[Any]] = {}
        self.loop_kinds: dict[ast.AST, Any] = {}
        self.calls_at: dict[Scope, Any] = {}
        self.around: dict[tuple[Scope, frozenset[str], int], bool | None] = {}
        self.domains: dict[object, Any] = {}
        self._importers: dict[Path, list[Source]] = {}
        self._components: dict[Path, list[Source]] = {}

    @cached_property
    def files(self) -> list[Path]:
        """The Python files and notebooks under the root; the nearest 2,000 of a larger tree."""
        return list(walk(self.root, MOST_FILES))

    @cached_property
    def signature(self) -> str:
        """A hash that changes when any file of the project does."""
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(os.fsencode(path.relative_to(self.root)))
            digest.update(hashlib.sha256(_bytes(path)).digest())
        return digest.hexdigest()

    def add(self, source: Source) -> Source:
        """Takes a source that is already read, such as text that is not on disk."""
        self._sources[source.path] = source
        return source

    def source(self, path: Path) -> Source | None:
        """The source at a path; None where there is no file that can be read."""
        if path not in self._sources:
            try:
                self._sources[path] = load(path) if path.is_file() else None
            except InputError:
                self._sources[path] = None
        return self._sources[path]

    def module(self, name: str, level: int, importer: Source) -> Source | None:
        """The project's file for an imported module name; None for anything outside."""
        key = (name, level, importer.folder)
        if key not in self._modules:
            self._modules[key] = self._find_module(name, level, importer)
        return self._modules[key]

    def _find_module(self, name: str, level: int, importer: Source) -> Source | None:
        folder = importer.path.parent
        for _ in range(level - 1):
            folder = folder.parent
        parts = name.split(".") if name else []
        for place in [] if level else self._told_places(importer):
            found = self._module_in(place, parts)
            if found is not None:
                return found
        places = [folder] if level else [folder, *folder.parents]
        for place in places:
            for base in (place, place / "src"):
                found = self._module_in(base, parts)
                if found is not None:
                    return found
            if place == self.root or self.root not in place.parents:
                break
        return None

    def _told_places(self, importer: Source) -> list[Path]:
        """The folders of the project that a file puts on `sys.path` by name."""
        if "sys.path." not in importer.text:
            return []
        named = _ON_PATH.findall(importer.text)
        tried = [base / name for name in named for base in (importer.path.parent, self.root)]
        return [p for p in tried if p.is_dir() and self.root in p.resolve().parents]

    def _module_in(self, base: Path, parts: list[str]) -> Source | None:
        target = base.joinpath(*parts)
        for path in ([target.with_suffix(".py")] if parts else []) + [target / "__init__.py"]:
            if path in self._sources or path.is_file():
                return self.source(path)
        return None

    def imported(self, source: Source) -> Iterator[Source]:
        """The project's files that a source imports."""
        for name, level, member in source.index.imports:
            found = self.module(name, level, source)
            if found is not None:
                yield found
            if member and member != "*":
                inner = self.module(f"{name}.{member}" if name else member, level, source)
                if inner is not None:
                    yield inner

    def importers(self, source: Source) -> list[Source]:
        """The project's files that import a source."""
        if source.path not in self._importers:
            stem = source.path.parent.name if source.path.stem == "__init__" else source.path.stem
            wanted = [p for p in self.files if p != source.path and stem in self._imported_words[p]]
            loaded = [s for s in map(self.source, wanted) if s is not None]
            self._importers[source.path] = [
                s for s in loaded if any(i is source for i in self.imported(s))
            ]
        return self._importers[source.path]

    @cached_property
    def _imported_words(self) -> dict[Path, set[str]]:
        """The words on the import lines of each file: a cheap sieve before anything is parsed."""
        line = re.compile(rb"^[ \t\"]*(?:from|import)\b[^\n]*(?:\([^)]*\))?", re.M)
        return {
            path: {
                w.decode() for found in line.findall(self._raw(path)) for w in _WORD.findall(found)
            }
            for path in self.files
        }

    def _raw(self, path: Path) -> bytes:
        known = self._sources.get(path)
        return known.text.encode() if known is not None else _bytes(path)

    def component(self, source: Source) -> list[Source]:
        """The source, all that (transitively) import it, and all that any of these import."""
        if source.path not in self._components:
            above = self._closure([source], self.importers)
            self._components[source.path] = self._closure(above, lambda s: list(self.imported(s)))
        return list(self._components[source.path])

    def below(self, source: Source) -> list[Source]:
        """The source, and all that it (transitively) imports."""
        return self._closure([source], lambda s: list(self.imported(s)))

    @staticmethod
    def _closure(start: list[Source], following: object) -> list[Source]:
        assert callable(following)
        seen = list(start)
        known = {id(source) for source in seen}
        for source in seen:
            for one in following(source):
                if id(one) not in known:
                    known.add(id(one))
                    seen.append(one)
        return seen

    # Names

    def binding(self, name: str, where: Where) -> tuple[Where, list[Binding]]:
        """The bindings of a name that a scope sees, and the scope they are in."""
        scope: Scope | None = where.scope
        while scope is not None:
            found = scope.bindings.get(name)
            if found and not all(b.how == "global" for b in found):
                return Where(where.source, scope), found
            scope = scope.parent
        return where, []

    def reaching(self, name: ast.Name, where: Where) -> tuple[Where, list[Binding]]:
        """The bindings that a use of a name can mean, with the order of statements in its own scope."""
        names = where.source.names
        hidden = names.hidden(name)
        if hidden is not None:
            return where, [hidden]
        home, bindings = self.binding(name.id, where)
        if home.scope is not where.scope or any(b.how == "global" for b in bindings):
            return home, bindings
        return home, names.reaching(name.id, home.scope, names.point(name)) or bindings

    def reaching_attribute(self, node: ast.Attribute, where: Where) -> list[Binding]:
        """The assignments to `self.x` in the same function that surely precede its use; else none."""
        owner = self.owner(where)
        if owner is None or not isinstance(node.value, ast.Name) or node.value.id != "self":
            return []
        names = where.source.names
        places: dict[object, Binding] = {}
        for value, scope, path in owner.klass.attributes.get(node.attr, ()):
            if scope is where.scope:
                places[names.point(value)] = Binding("assign", value, value, path)
        if not places:
            return []
        ways = names.paths(where.scope)
        found, open_end = ways.nearest_before(names.point(node), places.__contains__)
        return [] if open_end else [places[point] for point in dict.fromkeys(found)]

    def canonical(self, expression: ast.expr, where: Where, depth: int = 4) -> str | None:
        """The dotted API name that an expression means, through imports and aliases; else None."""
        if depth == 0:
            return None
        if isinstance(expression, ast.Attribute):
            base = self.canonical(expression.value, where, depth)
            return knowledge.canonical_name(f"{base}.{expression.attr}") if base else None
        if isinstance(expression, ast.Call):
            return self._chosen(expression, where, depth)
        if not isinstance(expression, ast.Name):
            return None
        home, bindings = self.binding(expression.id, where)
        if not bindings:
            return self._unbound(expression.id, where.source)
        if len({(b.how, b.target) for b in bindings}) > 1:
            return None
        bound = bindings[0]
        if bound.how == "import":
            return knowledge.canonical_name(bound.target)
        is_alias = bound.how == "assign" and not bound.path
        if is_alias and isinstance(bound.value, ast.Name | ast.Attribute):
            return self.canonical(bound.value, home, depth - 1)
        return None

    def _chosen(self, call: ast.Call, where: Where, depth: int) -> str | None:
        """What `getattr(module, name)` gives: by a literal name; of `torch.optim`, some optimizer."""
        if getattr(call.func, "id", "") != "getattr" or len(call.args) < 2:
            return None
        base, name = self.canonical(call.args[0], where, depth), call.args[1]
        if base is not None and isinstance(name, ast.Constant) and isinstance(name.value, str):
            return knowledge.canonical_name(f"{base}.{name.value}")
        return f"{base}.Optimizer" if base == "torch.optim" else None

    def _unbound(self, name: str, source: Source) -> str | None:
        for module, level in source.index.stars:
            known = name in knowledge.STARS.get(module, ()) or tables.names_thing(
                f"{module}.{name}"
            )
            if not level and known:
                return knowledge.canonical_name(f"{module}.{name}")
            ours = self.module(module, level, source)
            if ours is not None and name in ours.index.module.bindings:
                return None
        return name if hasattr(builtins, name) else None

    def definition(self, expression: ast.expr, where: Where) -> Where | Known | None:
        """The project's function or class that an expression names; None where it is unknown."""
        if isinstance(expression, ast.Name):
            return self._named(expression.id, where)
        if isinstance(expression, ast.Attribute):
            module = self.module_of(expression.value, where)
            if module is not None:
                return self._member(module, expression.attr)
        return None

    def _named(self, name: str, where: Where, depth: int = 4) -> Where | Known | None:
        home, bindings = self.binding(name, where)
        if len(bindings) > 1 or depth == 0:
            return None
        if not bindings:
            for module, level in where.source.index.stars:
                origin = self.module(module, level, where.source)
                found = self._member(origin, name, depth - 1) if origin else None
                if found is not None:
                    return found
            return None
        bound = bindings[0]
        index = home.source.index
        if bound.how == "function":
            return Where(home.source, index.of_node[bound.node])
        if bound.how == "class":
            return Known(home.source, next(c for c in index.classes if c.node is bound.node))
        if bound.how == "import":
            return self._imported_name(bound, home.source, depth)
        if bound.how == "assign" and isinstance(bound.value, ast.Name) and not bound.path:
            return self._named(bound.value.id, home, depth - 1)
        return None

    def _imported_name(self, bound: Binding, source: Source, depth: int) -> Where | Known | None:
        if not isinstance(bound.node, ast.ImportFrom):
            return None
        module = self.module(bound.node.module or "", bound.node.level, source)
        return self._member(module, bound.target.rpartition(".")[2], depth - 1) if module else None

    def _member(self, module: Source, name: str, depth: int = 3) -> Where | Known | None:
        return self._named(name, Where(module, module.index.module), depth)

    def module_of(self, expression: ast.expr, where: Where) -> Source | None:
        """The project's file that an expression names as a module."""
        root: ast.expr = expression
        rest = ""
        while isinstance(root, ast.Attribute):
            rest = f".{root.attr}{rest}"
            root = root.value
        if not isinstance(root, ast.Name):
            return None
        _, bindings = self.binding(root.id, where)
        if not bindings or bindings[0].how != "import" or len({b.target for b in bindings}) != 1:
            return None
        dotted = root.id + rest
        node, target = bindings[0].node, bindings[0].target
        if isinstance(node, ast.ImportFrom):
            name = target.lstrip(".")
            return self.module(name, node.level, where.source)
        rest = dotted.partition(".")[2]
        return self.module(
            f"{target}.{rest}" if rest else self._whole(node, dotted), 0, where.source
        )

    @staticmethod
    def _whole(node: ast.AST, local: str) -> str:
        assert isinstance(node, ast.Import)
        return next((a.name for a in node.names if (a.asname or a.name) == local), local)

    # Classes and calls

    def bases(self, known: Known) -> tuple[list[Known], list[str]]:
        """A class's bases: those of the project, and the names of the others ('?' where unknown)."""
        ours: list[Known] = []
        others: list[str] = []
        where = Where(known.source, known.klass.scope)
        for base in known.klass.node.bases:
            plain = base.value if isinstance(base, ast.Subscript) else base
            found = self.definition(plain, where)
            if isinstance(found, Known) and found.klass is not known.klass:
                ours.append(found)
            else:
                others.append(self.canonical(plain, where) or "?")
        return ours, others

    def lineage(self, known: Known) -> tuple[list[Known], set[str]]:
        """A class and its project ancestors, nearest first, and the outside names among the bases."""
        line, outside = [known], set[str]()
        for member in line:
            ours, others = self.bases(member)
            outside.update(others)
            line.extend(o for o in ours if all(o.klass is not k.klass for k in line))
        return line, outside

    def method(self, known: Known, name: str) -> Where | None:
        """The method of a class or of its project ancestors."""
        for member in self.lineage(known)[0]:
            if name in member.klass.methods:
                return Where(member.source, member.klass.methods[name])
        return None

    def owner(self, where: Where) -> Known | None:
        """The class whose method a scope is, or is nested in."""
        scope: Scope | None = where.scope
        while scope is not None and scope.owner is None:
            scope = scope.parent
        return Known(where.source, scope.owner) if scope and scope.owner else None

    def callers(self, target: Where) -> list[CallSite] | None:
        """The calls in the project that surely call a function, as far as names tell.

        None while that very question is being answered: a call whose meaning hangs on itself.
        """
        node = target.scope.node
        if node not in self._callers:
            self._callers[node] = None
            self._callers[node] = list(self._call_sites(target))
        return self._callers[node]

    def _call_sites(self, target: Where) -> Iterator[CallSite]:
        from labhand.kit.code.origins import callee

        for source in (target.source, *self.importers(target.source)):
            for call, scope in _candidates(source, target):
                site = Where(source, scope)
                called = callee(self, call, site)
                if isinstance(called, Known) and target.scope.name == "__init__":
                    called = self.method(called, "__init__")
                if isinstance(called, Where) and called.scope is target.scope:
                    yield CallSite(call, site)


def _candidates(source: Source, target: Where) -> Iterator[tuple[ast.Call, Scope]]:
    """The calls in a file that may reach a function, by how they are written."""
    name, owner = target.scope.name, target.scope.owner
    called = source.index.called
    if owner is None or name not in ("__init__", "__call__", "forward"):
        yield from called.get(name, ())
        return
    for written, sites in called.items():
        makes = written[:1].isupper() or written in (owner.name, "__init__")
        if makes == (name == "__init__") or written == name:
            yield from sites


def walk(root: Path, most: int) -> Iterator[Path]:
    """Python files and notebooks under a folder, upper folders first, at most so many."""
    count = 0
    pending = [root]
    for folder in pending:
        try:
            entries = sorted(os.scandir(folder), key=lambda e: e.name)
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED and not Path(entry.path, "pyvenv.cfg").exists():
                    pending.append(Path(entry.path))
            elif entry.name.endswith((".py", ".ipynb")) and _is_file(entry):
                yield Path(entry.path)
                count += 1
                if count >= most:
                    return


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
