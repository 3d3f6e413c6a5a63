"""Layers or parameters in a plain list, tuple or dict of a module, which the module does not know of."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.layers import is_module_base, makes_weights
from labhand.kit.code.model import Class, Scope
from labhand.kit.code.project import Known, Where

_REGISTERING = frozenset({"add_module", "register_module", "register_parameter", "setattr"})
_WRAPS = re.compile(r"(Module|Parameter)(List|Dict)$|Sequential$")
_GROWS = frozenset({"append", "insert", "extend", "add", "update", "setdefault"})


class _Held(NamedTuple):
    """A container attribute: where it is set, as what, and a maker of something in it."""

    name: str
    value: ast.expr
    container: ast.expr
    scope: Scope
    maker: Call


class Rule:
    """Layers or parameters in a plain list, tuple or dict of a module, which the module does not know of.

    ## What it does
    Reports an attribute of a `torch.nn.Module` that holds modules with weights, or parameters, in a Python
    list, tuple or dict, that is used and is never wrapped or registered.

    ## Why is this bad
    `parameters()` does not list them: the optimizer never trains them, `to(device)` leaves them behind, and
    `state_dict()` does not save them. The network runs with random weights in these places.

    ## Known problems
    Silent where the elements are attributes of the module anyway, and where the module registers by
    `add_module` or `setattr`.

    ## Example
    ```python
    self.layers = [nn.Linear(8, 8) for _ in range(4)]
    ```

    ## Use instead
    ```python
    self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(4)])
    ```

    ## Fix safety
    Scientific: the fix wraps the container, and the weights in it are trained and saved from then on.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
    - Real cases: https://github.com/pytorch/pytorch/issues/715, https://github.com/asyml/texar-pytorch/issues/72 and
      https://github.com/meta-pytorch/torchfix/issues/31.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The containers of one file whose weights nobody knows of."""
        if not code.mentions("nn"):
            return
        for klass in code.source.index.classes:
            known = Known(code.source, klass)
            if not any(is_module_base(n) for n in code.project.lineage(known)[1]):
                continue
            if _registers(klass):
                continue
            for held in _held(code, klass):
                if (
                    not _is_handed_out(klass, held)
                    and _is_used(code, klass, held)
                    and not _is_wrapped(code, klass, held)
                ):
                    yield _claim(code, klass, held)


_AROUND = ("weight_norm", "spectral_norm", "copy.deepcopy")
"""What gives back a module that it is given, or one like it."""


def _registers(klass: Class) -> bool:
    names = {
        c.func.attr if isinstance(c.func, ast.Attribute) else getattr(c.func, "id", "")
        for scope in klass.methods.values()
        for c in scope.calls
    }
    return bool(names & _REGISTERING)


def _held(code: Code, klass: Class) -> Iterator[_Held]:
    for name, values in klass.attributes.items():
        for value, scope, path in values:
            if path or scope.owner is not klass:
                continue
            container = _container(code, value, scope)
            if container is not None:
                maker = _maker(code, klass, name, value, container)
            else:
                container, maker = _handed_back(code, klass, value, scope)
            if container is not None and maker is not None:
                yield _Held(name, value, container, scope, maker)
                break


def _handed_back(
    code: Code, klass: Class, value: ast.expr, scope: Scope
) -> tuple[ast.expr | None, Call | None]:
    """The container that a method or function of this file fills and returns, and what makes weights in it."""
    if not isinstance(value, ast.Call):
        return None, None
    function = value.func
    if isinstance(function, ast.Attribute) and ast.unparse(function.value) == "self":
        made_by = code.project.method(Known(code.source, klass), function.attr)
    else:
        found = code.project.definition(function, Where(code.source, scope))
        made_by = found if isinstance(found, Where) else None
    if made_by is None or made_by.source is not code.source or len(made_by.scope.returns) != 1:
        return None, None
    back = made_by.scope.returns[0]
    container = _container(code, back, made_by.scope)
    if container is None:
        return None, None
    parts = _elements(container)
    if isinstance(back, ast.Name):
        parts += _put_in(made_by.scope, {back.id})
    return container, _weights(code, parts)


def _container(code: Code, value: ast.expr, scope: Scope) -> ast.expr | None:
    """The list, tuple or dict that an attribute is set to, also by a name."""
    plain = ast.List | ast.Tuple | ast.Dict | ast.ListComp | ast.DictComp
    if isinstance(value, plain):
        return value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        empty = value.func.id in ("list", "dict", "tuple")
        return value if empty and code.name(value.func) == value.func.id else None
    if isinstance(value, ast.Name):
        _, bound = code.project.reaching(value, Where(code.source, scope))
        if len(bound) == 1 and isinstance(bound[0].value, plain) and not bound[0].path:
            return bound[0].value
    return None


def _maker(
    code: Code, klass: Class, name: str, value: ast.expr, container: ast.expr
) -> Call | None:
    """A call in the container, or put into it later, that makes weights."""
    written = {f"self.{name}"} | ({value.id} if isinstance(value, ast.Name) else set())
    parts = _elements(container)
    for method in klass.methods.values():
        parts += _put_in(method, written)
    for node in code.nodes(ast.AugAssign):
        if ast.unparse(node.target) in written and code.where(node).scope in klass.methods.values():
            parts += _elements(node.value)
    return _weights(code, parts)


def _weights(code: Code, parts: list[ast.expr]) -> Call | None:
    """The first call that makes weights, of what is put into a container."""
    made = [code.call(call) for part in parts if (call := _call(code, part)) is not None]
    return next((call for call in made if makes_weights(call)), None)


def _call(code: Code, part: ast.expr) -> ast.Call | None:
    """The call that makes a part: itself, what a name was given, or what is copied or put under a norm."""
    if isinstance(part, ast.Name):
        bound = code.project.reaching(part, code.where(part))[1]
        value = bound[0].value if len(bound) == 1 and bound[0].how == "assign" else None
        part = value if value is not None and not bound[0].path else part
    if not isinstance(part, ast.Call):
        return None
    name = code.name(part.func) or ""
    inner = part.args[0] if part.args and name.endswith(_AROUND) else None
    return _call(code, inner) or part if inner is not None else part


def _put_in(method: Scope, written: set[str]) -> list[ast.expr]:
    """What a method appends to a container, or sets in it by key."""
    found = [b.value for t in written for b in method.stores.get(t, ()) if b.value is not None]
    for call in method.calls:
        function = call.func
        if not isinstance(function, ast.Attribute) or function.attr not in _GROWS:
            continue
        if ast.unparse(function.value) in written:
            found += [p for a in call.args for p in (_elements(a) or [a])]
    return found


def _elements(container: ast.expr) -> list[ast.expr]:
    match container:
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [p for e in parts for p in (_elements(e) or [e])]
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.DictComp(value=part):
            return _elements(part) or [part]
        case ast.Dict(values=parts):
            return list(parts)
        case ast.Call(func=ast.Name(id="list" | "dict" | "tuple"), args=args, keywords=keywords):
            inner = [p for a in args for p in _elements(a)]
            return inner + [k.value for k in keywords]
    return []


def _is_used(code: Code, klass: Class, held: _Held) -> bool:
    """Whether something reads the container, beside what fills it."""
    for node in code.nodes(ast.Attribute):
        if node.attr != held.name or not isinstance(node.ctx, ast.Load):
            continue
        above = code.source.index.parents.get(node)
        fills = isinstance(above, ast.Attribute) and above.attr in _GROWS
        stored = isinstance(above, ast.Subscript) and isinstance(above.ctx, ast.Store)
        if not fills and not stored:
            return True
    return False


def _is_wrapped(code: Code, klass: Class, held: _Held) -> bool:
    """Whether the container, or the name that it was built in, is handed to what registers modules."""
    written = {f"self.{held.name}"}
    if isinstance(held.value, ast.Name):
        written.add(held.value.id)
    for scope in klass.methods.values():
        for call in scope.calls:
            function = call.func
            last = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
            if _WRAPS.search(last) and any(
                ast.unparse(n) in written
                for a in call.args
                for n in ast.walk(a)
                if isinstance(n, ast.expr)
            ):
                return True
    others = klass.attributes.get(held.name, [])
    if any(isinstance(v, ast.Call) and _WRAPS.search(ast.unparse(v.func)) for v, _, _ in others):
        return True
    name = re.escape(held.name)
    listed = rf"\.{name}\b[^\n]*parameters\(|parameters\([^\n]*\.{name}\b|for \w+ in \w+\.{name}:\n[^\n]*parameters\("
    return bool(re.search(listed, code.source.text))


def _is_handed_out(klass: Class, held: _Held) -> bool:
    """Whether a method gives parameters of the container out, as to an optimizer."""
    if not (held.maker.name or "").endswith("Parameter"):
        return False
    written = f"self.{held.name}"
    given = [v for name, s in klass.methods.items() if name != "forward" for v in s.returns]
    return any(
        isinstance(n, ast.Attribute) and ast.unparse(n) == written
        for v in given
        for n in ast.walk(v)
    )


def _claim(code: Code, klass: Class, held: _Held) -> Claim:
    statement = code.source.index.statement(held.value)
    parameters = (held.maker.name or "").endswith("Parameter")
    what = "parameters" if parameters else "layers"
    kind = "dict" if isinstance(held.container, ast.Dict | ast.DictComp) else "list"
    kind = "tuple" if isinstance(held.container, ast.Tuple) else kind
    wrapper = ("Parameter" if parameters else "Module") + ("Dict" if kind == "dict" else "List")
    return code.claim(
        statement,
        f"`self.{held.name}` keeps {what} in a plain {kind}, which `{klass.name}` does not look into: they are "
        "neither trained nor moved nor saved",
        f"keep them in an `nn.{wrapper}`",
        because=[code.step("weights are made here", held.maker.node)],
        confidence=0.96,
        change=_change(code, held, wrapper),
        attribute=held.name,
    )


def _change(code: Code, held: _Held, wrapper: str) -> Change | None:
    prefix = _nn(code)
    plain = ast.List | ast.ListComp | ast.Tuple | ast.Dict | ast.DictComp | ast.Name
    if prefix is None or not isinstance(held.value, plain):
        return None
    text = f"{prefix}.{wrapper}({code.text(held.value)})"
    return Change("scientific", f"Keep them in a `{wrapper}`", [code.replace(held.value, text)])


def _nn(code: Code) -> str | None:
    """How the file writes `torch.nn`."""
    for name, bindings in code.module.scope.bindings.items():
        if any(b.how == "import" and b.target == "torch.nn" for b in bindings):
            node = bindings[0].node
            plain = isinstance(node, ast.ImportFrom) or any(
                a.asname == name for a in getattr(node, "names", ())
            )
            return name if plain else "torch.nn"
    bound = code.module.scope.bindings.get("torch", [])
    return "torch.nn" if any(b.target == "torch" for b in bound) else None
