"""Where the value of an expression comes from, followed through names, attributes and calls."""

import ast
from typing import NamedTuple

from labhand.kit.code import knowledge
from labhand.kit.code.fields import field
from labhand.kit.code.model import Binding, Scope
from labhand.kit.code.project import CallSite, Known, Project, Where

DEPTH = 11


class Origin(NamedTuple):
    """One source that a value can have.

    `kind` is `made` (by the outside API `name`), `instance` (of the project's class `known`),
    `parameter` (named `name`, of a function nobody in the project calls), `constant`,
    `container` or `unknown`.
    """

    kind: str
    name: str = ""
    known: Known | None = None
    expression: ast.expr | None = None
    where: Where | None = None


UNKNOWN = Origin("unknown")


def origins(
    project: Project, expression: ast.expr, where: Where, depth: int = DEPTH
) -> list[Origin]:
    """Every origin an expression can have; one of kind `unknown` where something cannot be followed."""
    if depth <= 0:
        return [UNKNOWN]
    key = (expression, where.scope)
    deep, known = project.origins.get(key, (0, [UNKNOWN]))
    if deep < depth:
        # A question that leads back to itself is told that it is unknown.
        project.origins[key] = (DEPTH, [UNKNOWN])
        # Attributes that are made anew from themselves would double their origins with each step.
        known = list(dict.fromkeys(_find(project, expression, where, depth)))
        project.origins[key] = (depth, known)
    return known


def _find(project: Project, expression: ast.expr, where: Where, depth: int) -> list[Origin]:
    match expression:
        case ast.Name():
            return _of_name(project, expression, where, depth)
        case ast.Attribute():
            return _of_attribute(project, expression, where, depth)
        case ast.Call():
            return _of_call(project, expression, where, depth)
        case ast.IfExp():
            return origins(project, expression.body, where, depth) + origins(
                project, expression.orelse, where, depth
            )
        case ast.Constant():
            return [Origin("constant", repr(expression.value))]
        case ast.List() | ast.Tuple() | ast.Dict() | ast.ListComp() | ast.DictComp():
            return [Origin("container", expression=expression, where=where)]
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as key)) if (
            where.scope.gathers == name
        ):
            return _of_parameter(project, key, where, depth)
        case ast.Subscript():
            return _elements(project, expression.value, where, depth, expression.slice)
        case ast.NamedExpr():
            return origins(project, expression.value, where, depth)
    return [UNKNOWN]


def callee(
    project: Project, call: ast.Call, where: Where, depth: int = DEPTH
) -> Where | Known | None:
    """The project's function, or the class whose instance is made, that a call surely reaches."""
    function = call.func
    if isinstance(function, ast.Name):
        found = project.definition(function, where)
        if found is None:
            return _called_instance(project, function, where, depth)
        return found
    if not isinstance(function, ast.Attribute):
        return None
    found = project.definition(function, where)
    if found is not None:
        return found
    owner = project.owner(where)
    base = function.value
    if _is_super(base) and owner is not None:
        for ancestor in project.lineage(owner)[0][1:]:
            if function.attr in ancestor.klass.methods:
                return Where(ancestor.source, ancestor.klass.methods[function.attr])
        return None
    receiver = receiver_class(project, base, where, depth - 1)
    if receiver is None:
        return None
    return project.method(receiver, function.attr) or _run_by_call(
        project, receiver_class(project, function, where, depth - 1)
    )


def receiver_class(project: Project, base: ast.expr, where: Where, depth: int = 3) -> Known | None:
    """The project's class that an expression is surely an instance of."""
    if isinstance(base, ast.Name) and base.id == "self":
        return project.owner(where)
    found = origins(project, base, where, depth)
    classes = {o.known.klass: o.known for o in found if o.kind == "instance" and o.known}
    sure = len(classes) == 1 and all(o.kind == "instance" for o in found)
    return next(iter(classes.values())) if sure else None


def argument(site: CallSite, target: Where, parameter: str) -> ast.expr | None:
    """What a call passes for a parameter of the function it calls; None where that is not plain."""
    call = site.call
    for keyword in call.keywords:
        if keyword.arg == parameter:
            return keyword.value
    names = target.scope.parameters
    if target.scope.owner is not None and names and names[0] in ("self", "cls"):
        names = names[1:]
    if parameter not in names or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    position = names.index(parameter)
    return call.args[position] if position < len(call.args) else None


def default_of(scope: Scope, parameter: str) -> ast.expr | None:
    """The default of a parameter, as written."""
    if isinstance(scope.node, ast.Module):
        return None
    given = scope.node.args
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    pairs = [*zip(plain, [*defaults, *given.defaults], strict=True)]
    pairs += zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return next((value for one, value in pairs if one.arg == parameter), None)


def _called_instance(
    project: Project, function: ast.Name, where: Where, depth: int
) -> Where | None:
    _, bindings = project.binding(function.id, where)
    if not bindings or any(b.how in ("function", "class", "import") for b in bindings):
        return None
    return _run_by_call(project, receiver_class(project, function, where, depth - 1))


def _run_by_call(project: Project, instance: Known | None) -> Where | None:
    """The method that runs when an instance of a class is called."""
    if instance is None:
        return None
    return project.method(instance, "__call__") or project.method(instance, "forward")


def _of_name(project: Project, name: ast.Name, where: Where, depth: int) -> list[Origin]:
    home, bindings = project.reaching(name, where)
    found: list[Origin] = []
    for bound in bindings:
        found += _of_binding(project, name.id, bound, home, depth - 1)
    return found or [UNKNOWN]


def _of_binding(
    project: Project, name: str, bound: Binding, home: Where, depth: int
) -> list[Origin]:
    if bound.how == "parameter":
        return _of_parameter(project, name, home, depth)
    if bound.how == "import" and isinstance(bound.node, ast.ImportFrom):
        module = project.module(bound.node.module or "", bound.node.level, home.source)
        member = ast.Name(id=bound.target.rpartition(".")[2], ctx=ast.Load())
        if module is not None and module is not home.source:
            return origins(project, member, Where(module, module.index.module), depth)
    if bound.how == "loop" and bound.value is not None:
        over = _iterated(bound.value, bound.path)
        return _elements(project, over, home, depth) if over is not None else [UNKNOWN]
    if bound.how != "assign" or bound.value is None:
        return [UNKNOWN]
    return _unpacked(project, bound.value, bound.path, home, depth)


def _unpacked(
    project: Project, value: ast.expr, path: tuple[int, ...], where: Where, depth: int
) -> list[Origin]:
    if not path:
        return origins(project, value, where, depth)
    if isinstance(value, ast.Tuple | ast.List) and path[0] < len(value.elts):
        return _unpacked(project, value.elts[path[0]], path[1:], where, depth)
    if isinstance(value, ast.Call) and depth > 0:
        called = callee(project, value, where, depth - 1)
        if isinstance(called, Where) and called.scope.returns:
            found: list[Origin] = []
            for returned in called.scope.returns:
                if not isinstance(returned, ast.Tuple):
                    return [UNKNOWN]
                found += _unpacked(project, returned, path, called, depth - 1)
            return found
    return [UNKNOWN]


def _of_parameter(project: Project, name: str, home: Where, depth: int) -> list[Origin]:
    sites = project.callers(home) if depth > 1 else None
    if sites is None:
        return [UNKNOWN]
    found: list[Origin] = []
    for site in sites:
        given = argument(site, home, name)
        found += origins(project, given, site.where, depth - 1) if given is not None else [UNKNOWN]
    if found:
        return found
    annotation = home.scope.annotation(name)
    if annotation is not None:
        canonical = project.canonical(annotation, home)
        if canonical is not None:
            return [Origin("made", canonical)]
        known = project.definition(annotation, home)
        if isinstance(known, Known):
            return [Origin("instance", known=known)]
    return [Origin("parameter", name, where=home)]


def _of_attribute(
    project: Project, expression: ast.Attribute, where: Where, depth: int
) -> list[Origin]:
    module = project.module_of(expression.value, where)
    if module is not None:
        named = ast.Name(id=expression.attr, ctx=ast.Load())
        return origins(project, named, Where(module, module.index.module), depth - 1)
    receiver = receiver_class(project, expression.value, where, depth - 1)
    if receiver is None:
        return [UNKNOWN]
    found: list[Origin] = []
    for given, place in field_of(project, expression, where, depth):
        found += origins(project, given, place, depth - 1)
    if found:
        return found
    for member in project.lineage(receiver)[0]:
        for value, scope, path in member.klass.attributes.get(expression.attr, ()):
            if isinstance(value, ast.Constant) and value.value is None:
                continue  # a placeholder says nothing of what is used later
            found += _unpacked(project, value, path, Where(member.source, scope), depth - 1)
    return found or [UNKNOWN]


def field_of(
    project: Project, expression: ast.Attribute, where: Where, depth: int = DEPTH
) -> list[tuple[ast.expr, Where]]:
    """What the calls that make an instance pass for a field of its dataclass; empty where one passes none."""
    found: list[tuple[ast.expr, Where]] = []
    for origin in origins(project, expression.value, where, depth - 1):
        made, place = origin.expression, origin.where
        if origin.known is None or not isinstance(made, ast.Call) or place is None:
            return []
        given = field(project, origin.known, expression.attr, made)
        if given is None:
            return []
        found.append((given, place))
    return found


def _of_call(project: Project, call: ast.Call, where: Where, depth: int) -> list[Origin]:
    called = callee(project, call, where, depth - 1)
    if isinstance(called, Known):
        return [Origin("instance", known=called, expression=call, where=where)]
    if isinstance(called, Where):
        found: list[Origin] = []
        for returned in called.scope.returns:
            itself = called.scope.owner is not None and _is_self(returned)
            if itself and isinstance(call.func, ast.Attribute):
                found += origins(project, call.func.value, where, depth - 1)
            else:
                found += origins(project, returned, called, depth - 1)
        return found or [UNKNOWN]
    if isinstance(call.func, ast.Subscript):
        return _of_table(project, call, where, depth)
    name = project.canonical(call.func, where)
    if name in knowledge.WRAPPERS_OF_MODULES and call.args:
        return origins(project, call.args[0], where, depth - 1)
    if name is not None:
        return [Origin("made", name, expression=call, where=where)]
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr in knowledge.RETURNING_SELF:
        return origins(project, function.value, where, depth - 1)
    return [UNKNOWN]


def _iterated(over: ast.expr, path: tuple[int, ...]) -> ast.expr | None:
    """The container whose elements a loop binds: of `for m in ms`, `for name, m in ms.items()` and the like."""
    if isinstance(over, ast.Call):
        function, last = over.func, path[-1:] == (1,) and len(path) == 1
        name = function.attr if isinstance(function, ast.Attribute) else ""
        if isinstance(function, ast.Attribute) and not over.args:
            fits = (name == "values" and not path) or (name == "items" and last)
            return function.value if fits else None
        if ast.unparse(function) == "enumerate" and over.args and last:
            return over.args[0]
        if ast.unparse(function) == "zip" and len(path) == 1 and path[0] < len(over.args):
            return over.args[path[0]]
    return over if not path else None


def _elements(
    project: Project, container: ast.expr, where: Where, depth: int, key: ast.expr | None = None
) -> list[Origin]:
    found: list[Origin] = []
    for part, place in _parts(project, container, where, depth, key):
        found += [UNKNOWN] if part is None else origins(project, part, place, depth - 1)
    return found or [UNKNOWN]


def _of_table(project: Project, call: ast.Call, where: Where, depth: int) -> list[Origin]:
    """What a call of one of the functions or classes of a table gives: `NETS[name](…)`."""
    assert isinstance(call.func, ast.Subscript)
    found: list[Origin] = []
    for part, place in _parts(project, call.func.value, where, depth, call.func.slice):
        known = project.definition(part, place) if part is not None else None
        if isinstance(known, Known):
            found.append(Origin("instance", known=known, expression=call, where=where))
        elif isinstance(known, Where) and known.scope.returns:
            for returned in known.scope.returns:
                found += origins(project, returned, known, depth - 1)
        else:
            name = project.canonical(part, place) if part is not None else None
            found.append(Origin("made", name, expression=call, where=where) if name else UNKNOWN)
    return found or [UNKNOWN]


def _parts(
    project: Project, container: ast.expr, where: Where, depth: int, key: ast.expr | None
) -> list[tuple[ast.expr | None, Where]]:
    """The elements of what is surely a container, of a dict the one under a key that is written out."""
    found: list[tuple[ast.expr | None, Where]] = []
    for origin in origins(project, container, where, depth - 1):
        inside, place = origin.expression, origin.where
        if origin.kind != "container" or inside is None or place is None:
            return [(None, where)]
        found += [(part, place) for part in _inside(inside, key)]
    return found


def _inside(container: ast.expr, key: ast.expr | None) -> list[ast.expr]:
    if isinstance(container, ast.List | ast.Tuple):
        return container.elts
    if isinstance(container, ast.ListComp):
        return [container.elt]
    if isinstance(container, ast.DictComp):
        return [container.value]
    if not isinstance(container, ast.Dict):
        return []
    if isinstance(key, ast.Constant):
        pairs = zip(container.keys, container.values, strict=True)
        held = [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == key.value]
        return held or container.values
    return container.values


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _is_super(base: ast.expr) -> bool:
    return (
        isinstance(base, ast.Call) and isinstance(base.func, ast.Name) and base.func.id == "super"
    )
