"""What modules are made of: layers in order, and whether any depends on the training mode."""

import ast

from labhand.kit.code import knowledge
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.facts import Spot
from labhand.kit.code.knowledge import tables
from labhand.kit.code.origins import Origin, origins
from labhand.kit.code.project import Known, Project, Where

_DEPTH = 4


def layers_in(made: Call) -> list[Spot] | None:
    """The layers of a Sequential by the call that makes it; None where it is none or not plain."""
    entry = tables.entry("layers", made.name)
    if entry is None or entry.get("chain") != "sequential":
        return None
    given = _listed(made) or _added(made)
    if not given or any(isinstance(a, ast.Starred) for a in given):
        return None
    return [Spot(_plain(made.project, a, made.where), made.where) for a in given]


def last_layers(made: Call) -> list[Spot] | None:
    """The layers that surely stand last in a Sequential, in order, whatever stands before them; else None."""
    entry = tables.entry("layers", made.name)
    if entry is None or entry.get("chain") != "sequential":
        return None
    given = _listed(made) if not _adds(made) else [c.args[0] for c in _unconditional(made)]
    stars = [i for i, a in enumerate(given) if isinstance(a, ast.Starred)]
    sure = given[stars[-1] + 1 :] if stars else given
    return [Spot(_plain(made.project, a, made.where), made.where) for a in sure] or None


def _listed(made: Call) -> list[ast.expr]:
    """The layers that a Sequential is given: one by one, in a list, or in an OrderedDict of pairs."""
    given = made.node.args
    if len(given) != 1:
        return given
    only = given[0]
    if isinstance(only, ast.List | ast.Tuple):
        return only.elts
    if isinstance(only, ast.Call) and only.args:
        pairs = only.args[0]
        is_ordered = made.project.canonical(only.func, made.where) == "collections.OrderedDict"
        if is_ordered and isinstance(pairs, ast.List | ast.Tuple):
            return [p.elts[1] for p in pairs.elts if isinstance(p, ast.Tuple) and len(p.elts) == 2]
    return given


def _added(made: Call) -> list[ast.expr]:
    """The layers that are added one after the other, without a condition, to a Sequential in a name."""
    adds, sure = _adds(made), _unconditional(made)
    return [c.args[0] for c in adds] if len(adds) == len(sure) else []


def _adds(made: Call) -> list[ast.Call]:
    """The calls that add layers to a Sequential in a name."""
    statement = made.where.source.index.parents.get(made.node)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return []
    name = statement.targets[0].id
    names = made.where.source.names
    return [
        call
        for call in made.where.scope.calls_on(name, "add", "append")
        if any(
            b.node is statement for b in names.reaching(name, made.where.scope, names.point(call))
        )
    ]


def _unconditional(made: Call) -> list[ast.Call]:
    """Of the calls that add layers the last ones that surely run, each once."""
    index, found = made.where.source.index, list[ast.Call]()
    block = index.block(index.statement(made.node))
    for call in _adds(made):
        plain = bool(call.args) and index.statement(call) in block
        found = [*found, call] if plain else []
    return found


def _plain(project: Project, layer: ast.expr, where: Where) -> ast.expr:
    """A layer's making, where a name stands for it in the same function."""
    found = origins(project, layer, where)
    same = len(found) == 1 and found[0].where is not None and found[0].where.scope is where.scope
    return found[0].expression if same and found[0].expression is not None else layer


def depends_on_mode(project: Project, module: ast.expr, where: Where) -> ast.expr | bool | None:
    """What in a module behaves otherwise in training than in evaluation.

    The expression that makes such a layer (True where it is a whole known model); False where there is
    surely none; None: not known.
    """
    found = origins(project, module, where)
    answers = [_of_origin(project, o, _DEPTH) for o in found]
    if any(a is None for a in answers) or not answers:
        return None
    return next((a for a in answers if a is not False), False)


def _of_origin(project: Project, origin: Origin, depth: int) -> ast.expr | bool | None:
    if depth == 0:
        return None
    if origin.kind == "instance" and origin.known is not None:
        return _of_class(project, origin.known, depth)
    if origin.kind == "constant":
        return False
    if origin.kind != "made" or not isinstance(origin.expression, ast.Call) or origin.where is None:
        return None
    return _of_made(project, call_of(project, origin.expression, origin.where), depth)


def _of_made(project: Project, made: Call, depth: int) -> ast.expr | bool | None:
    name = made.name or ""
    entry = tables.entry("layers", name) or {}
    if "mode" in entry:
        rate = made.arg(0, "p", "dropout")
        never = entry["mode"] == "dropout" and isinstance(rate, ast.Constant) and rate.value == 0
        return False if never and name.startswith("torch.nn.Dropout") else made.node
    if "when" in entry:
        rate = made.arg(None, "dropout")
        return made.node if rate is not None and getattr(rate, "value", 1) != 0 else False
    if "plain" in entry:
        return False
    if "chain" in entry:
        parts = [p for a in made.node.args for p in (a.elts if isinstance(a, ast.List) else [a])]
        return _any(project, parts, made.where, depth)
    if name.startswith(tuple(tables.table("layers")["models"]["mode"])):
        return True
    return None


def _any(
    project: Project, parts: list[ast.expr], where: Where, depth: int
) -> ast.expr | bool | None:
    unknown = False
    for part in parts:
        inner = part.value if isinstance(part, ast.Starred) else part
        if isinstance(inner, ast.ListComp | ast.GeneratorExp):
            inner = inner.elt
        answers = [_of_origin(project, o, depth - 1) for o in origins(project, inner, where)]
        found = next((a for a in answers if a is not False and a is not None), None)
        if found is not None:
            return found
        unknown |= any(a is None for a in answers)
    return None if unknown else False


def _of_class(project: Project, known: Known, depth: int) -> ast.expr | bool | None:
    """Of a module of the project: any attribute, or a function of `forward` that depends on the mode."""
    line, outside = project.lineage(known)
    unknown = bool(outside - knowledge.MODULE_BASES)
    if any(_asks_mode(member) for member in line):
        return True
    for member in line:
        for scope in member.klass.methods.values():
            where = Where(member.source, scope)
            for node in scope.calls:
                found = _of_call(project, call_of(project, node, where), depth - 1)
                if found:
                    return found
        for name, values in member.klass.attributes.items():
            for value, scope, path in values:
                if path or not (isinstance(value, ast.Call) or _runs(member, name)):
                    continue
                answer = _any(project, [value], Where(member.source, scope), depth)
                if answer:
                    return answer
                unknown |= answer is None
    return None if unknown else False


def _asks_mode(member: Known) -> bool:
    """Whether a class does something by its own mode: `F.dropout(x, p, self.training)`."""
    node = member.klass.node
    lines = member.source.lines[node.lineno - 1 : node.end_lineno]
    return any("self.training" in line.partition("#")[0] for line in lines)


def _runs(member: Known, name: str) -> bool:
    """Whether a method of a class calls an attribute, which so is a module or a function."""
    return any(
        isinstance(c.func, ast.Attribute)
        and c.func.attr == name
        and isinstance(c.func.value, ast.Name)
        and c.func.value.id == "self"
        for scope in member.klass.methods.values()
        for c in scope.calls
    )


def _of_call(project: Project, call: Call, depth: int) -> ast.expr | bool | None:
    """Of a call in a method of a module: a layer or module that it makes, or a function told the mode."""
    told = call.arg(None, "training")
    if told is not None and ast.unparse(told) == "self.training":
        return call.node
    if isinstance(call.target, Known) and depth > 0:
        bases = project.lineage(call.target)[1]
        inside = any(is_module_base(b) for b in bases) and _of_class(project, call.target, depth)
        return call.node if inside else None
    return _of_made(project, call, depth) if tables.entry("layers", call.name) else None


_WEIGHTLESS = (
    "Loss",
    "Pool1d",
    "Pool2d",
    "Pool3d",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
)
_PADS = ("Pad1d", "Pad2d", "Pad3d")


def makes_weights(call: Call, depth: int = _DEPTH) -> bool:
    """Whether a call surely makes a module or parameter with weights that can be trained."""
    name = call.name or ""
    if isinstance(call.target, Known):
        return _class_has_weights(call.project, call.target, depth)
    entry = tables.entry("layers", name) or {}
    if "chain" in entry:
        given = [p for a in call.node.args for p in _spread(call, a)]
        inner = [n for a in given for n in ast.walk(a) if isinstance(n, ast.Call)]
        return any(makes_weights(call_of(call.project, n, call.where), depth - 1) for n in inner)
    if not name.startswith("torch.nn.") or name.count(".") != 2 or "weights" in entry:
        return False
    if name.endswith("()"):
        return False  # a layer that is called, and was made elsewhere
    last = name.rpartition(".")[2]
    return last[:1].isupper() and not last.endswith((*_WEIGHTLESS, *_PADS))


def _spread(call: Call, given: ast.expr) -> list[ast.expr]:
    """The lists that a `*name` can stand for in the same function; else what is given itself."""
    if not isinstance(given, ast.Starred):
        return [given]
    found = origins(call.project, given.value, call.where)
    here = [o for o in found if o.kind == "container" and o.where is not None]
    same = [o.expression for o in here if o.where and o.where.scope is call.where.scope]
    return [e for e in same if e is not None] or [given]


def _class_has_weights(project: Project, known: Known, depth: int) -> bool:
    line, outside = project.lineage(known)
    if depth <= 0 or not any(is_module_base(name) for name in outside):
        return False
    for member in line:
        for scope in member.klass.methods.values():
            where = Where(member.source, scope)
            for node in scope.calls:
                if makes_weights(call_of(project, node, where), depth - 1):
                    return True
    return False


def is_module_base(name: str) -> bool:
    """Whether a class of this canonical name registers the modules that are set as its attributes."""
    return name in ("torch.nn.Module", "lightning.pytorch.LightningModule") or (
        name.startswith("torch.nn.") and name.count(".") == 2
    )
