"""Faults in modules and their `forward`."""

import ast
from collections.abc import Iterator

from labhand.check.fault import fault
from labhand.check.planting import Edit, Planted, Program, keyword, last_name, receiver


def _method(klass: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    found = (f for f in klass.body if isinstance(f, ast.FunctionDef) and f.name == name)
    return next(found, None)


@fault("param-not-registered", "a plain list")
def plain_list(p: Program) -> Iterator[Planted]:
    """`ModuleList([…])` becomes the list itself."""
    for call in p.calls("ModuleList", "ParameterList", "ModuleDict"):
        statement = p.statement(call)
        own = (
            p.target(call).startswith("self.")
            and isinstance(statement, ast.Assign)
            and statement.value is call
        )
        empty = "{}" if last_name(call.func) == "ModuleDict" else "[]"
        if (
            own
            and len(call.args) == 1
            and isinstance(call.args[0], ast.List | ast.ListComp | ast.Dict | ast.DictComp)
        ):
            yield Planted([p.put(call, p.src(call.args[0]))], [statement])
        elif own and not call.args:
            yield Planted([p.put(call, empty)], [statement])


@fault("forward-misuse", "super().__init__ taken out")
def no_super(p: Program) -> Iterator[Planted]:
    """A module never makes its place for layers."""
    for klass in p.classes:
        init = _method(klass, "__init__")
        if init is None or not any(last_name(b) == "Module" for b in klass.bases):
            continue
        layers = [
            c for c in ast.walk(init) if isinstance(c, ast.Call) and p.src(c).startswith("nn.")
        ]
        for statement in init.body:
            if layers and p.src(statement).startswith("super(") and "__init__(" in p.src(statement):
                rest = [s for s in init.body if s is not statement]
                yield Planted([p.drop(statement)], [klass, init, *rest[:1]])


@fault("forward-misuse", "dropout is not told the mode")
def untold_mode(p: Program) -> Iterator[Planted]:
    """`training=self.training` is left out."""
    for call in p.calls("dropout", "dropout2d", "alpha_dropout"):
        told = keyword(call, "training")
        if told is not None and call.args and told is call.keywords[-1]:
            others = [*call.args, *(k.value for k in call.keywords[:-1])]
            yield Planted([Edit(max(p.end(o) for o in others), p.end(told.value), "")], [call])


@fault("forward-misuse", "a layer made in forward")
def made_inside(p: Program) -> Iterator[Planted]:
    """A layer is made anew in each call."""
    for klass in p.classes:
        init, forward = _method(klass, "__init__"), _method(klass, "forward")
        if init is None or forward is None:
            continue
        for made in init.body:
            if not isinstance(made, ast.Assign) or not isinstance(made.value, ast.Call):
                continue
            plain = all(
                isinstance(a, ast.Constant)
                for a in [*made.value.args, *(k.value for k in made.value.keywords)]
            )
            name = ast.unparse(made.targets[0])
            uses = [
                n
                for n in ast.walk(forward)
                if isinstance(n, ast.Call) and ast.unparse(n.func) == name
            ]
            if (
                plain
                and last_name(made.value.func) in ("Linear", "Conv2d", "Embedding")
                and len(uses) == 1
            ):
                yield Planted([p.put(uses[0].func, p.src(made.value))], [uses[0]])


@fault("view-instead-of-permute", "view where dimensions are exchanged")
def viewed(p: Program) -> Iterator[Planted]:
    """`x.transpose(0, 1)` becomes a view of the exchanged sizes."""
    for call in p.calls("transpose", "permute"):
        sizes = _sizes(p, call)
        order = [a.value for a in call.args if isinstance(a, ast.Constant)]
        if sizes is None or not all(isinstance(o, int) and 0 <= o < len(sizes) for o in order):
            continue
        made = list(sizes)
        if last_name(call.func) == "transpose" and len(order) == 2:
            one, two = order
            made[one], made[two] = made[two], made[one]  # type: ignore[index]
        elif len(order) == len(sizes):
            made = [sizes[o] for o in order]  # type: ignore[index]
        else:
            continue
        yield Planted([p.put(call, f"{receiver(call)}.reshape({', '.join(made)})")], [call])


def _sizes(p: Program, call: ast.Call) -> list[str] | None:
    """The names that the shape of what is exchanged was unpacked into, before."""
    for node in ast.walk(p.function(call)):
        if (
            isinstance(node, ast.Assign)
            and node.lineno <= call.lineno
            and isinstance(node.targets[0], ast.Tuple)
        ):
            written = ast.unparse(node.value)
            if written in (f"{receiver(call)}.shape", f"{receiver(call)}.size()"):
                names = [e.id for e in node.targets[0].elts if isinstance(e, ast.Name)]
                return (
                    names if len(names) == len(node.targets[0].elts) and "_" not in names else None
                )
    return None


@fault("view-instead-of-permute", "heads cut across the tokens")
def heads_cut(p: Program) -> Iterator[Planted]:
    """`x.view(b, t, h, d).transpose(1, 2)` becomes `x.view(b, h, t, d)`."""
    for call in p.calls("transpose"):
        inner = call.func.value if isinstance(call.func, ast.Attribute) else None
        swapped = [a.value for a in call.args if isinstance(a, ast.Constant)] == [1, 2]
        if (
            swapped
            and isinstance(inner, ast.Call)
            and last_name(inner.func) in ("view", "reshape")
            and len(inner.args) == 4
        ):
            b, t, h, d = map(p.src, inner.args)
            yield Planted(
                [p.put(call, f"{receiver(inner)}.{last_name(inner.func)}({b}, {h}, {t}, {d})")],
                [call],
            )
