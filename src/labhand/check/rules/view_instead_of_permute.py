"""Dimensions that are exchanged by `view`, which mixes their values."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call


class _Unpacked(NamedTuple):
    names: list[str]
    of: ast.expr
    statement: ast.Assign


class Rule:
    """Dimensions that are exchanged by `view`, which mixes their values.

    ## What it does
    Reports `view` or `reshape` whose sizes are those of the tensor in another order, by the names that
    its shape was unpacked into, by `x.size(1), x.size(0)`, or by a shape that is known; and heads of
    attention that are cut off with `view(B, heads, T, …)`.

    ## Why is this bad
    `view` keeps the order of the numbers in memory and only draws other borders. The shape is right, and
    values of different rows of the batch stand in one row: the model learns from mixed examples.

    ## Known problems
    Silent where the tensor was transposed in between, and where sizes are computed.

    ## Example
    ```python
    B, T, H = x.shape
    x = x.view(T, B, H)
    ```

    ## Use instead
    ```python
    x = x.transpose(0, 1)
    ```

    ## Fix safety
    Scientific: the fix permutes the dimensions in place of redrawing them.

    ## References
    - Karpathy, "most common neural net mistakes", 2018: view instead of permute, mixing the batch.
    - Real case: https://github.com/BonnBytes/PyTorch-FWD/issues/16.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The views of one file that are to exchange dimensions."""
        if not code.mentions(".view(", ".reshape("):
            return
        unpacked = list(_unpacked(code))
        for call in code.calls(".view", ".reshape"):
            sizes = _sizes(call)
            receiver = call.receiver
            if sizes is None or receiver is None or _is_lesson(code, call, sizes):
                continue
            order = (
                _by_names(code, receiver, sizes, unpacked)
                or _by_sizes(receiver, sizes)
                or _by_shape(code, receiver, sizes)
            )
            if order is not None:
                yield _claim(code, call, receiver, order)
            elif _cuts_heads(code, call, sizes, unpacked):
                yield _heads(code, call, sizes)


def _is_lesson(code: Code, call: Call, sizes: list[ast.expr]) -> bool:
    """Whether a cell of a notebook shows what the method does to a few numbers."""
    plain = all(isinstance(s, ast.Constant) for s in sizes)
    return plain and bool(code.source.cells) and call.where.scope is code.module.scope


def _unpacked(code: Code) -> Iterator[_Unpacked]:
    """`B, T, H = x.shape`."""
    for node in code.nodes(ast.Assign):
        target, value = node.targets[0], node.value
        if not isinstance(target, ast.Tuple) or not all(
            isinstance(e, ast.Name) for e in target.elts
        ):
            continue
        if isinstance(value, ast.Call) and ast.unparse(value).endswith(".size()"):
            value = value.func
        if isinstance(value, ast.Attribute) and value.attr in ("shape", "size"):
            yield _Unpacked([ast.unparse(e) for e in target.elts], value.value, node)


def _sizes(call: Call) -> list[ast.expr] | None:
    given = call.node.args
    if len(given) == 1 and isinstance(given[0], ast.Tuple | ast.List):
        given = given[0].elts
    plain = not any(isinstance(a, ast.Starred) for a in given)
    return given if len(given) > 1 and plain else None


def _by_names(
    code: Code, receiver: ast.expr, sizes: list[ast.expr], unpacked: list[_Unpacked]
) -> list[int] | None:
    if not isinstance(receiver, ast.Name | ast.Attribute):
        return None
    written = [ast.unparse(s) for s in sizes]
    for shape in unpacked:
        same = ast.unparse(shape.of) == ast.unparse(receiver)
        if not same or code.where(shape.statement).scope is not code.where(receiver).scope:
            continue
        order = _order(written, shape.names) or _merged(written, shape.names)
        if order is not None and _unchanged(code, shape, receiver):
            return order
    return None


def _order(written: list[str], names: list[str]) -> list[int] | None:
    """The permutation of the old dimensions, where the sizes are those in another order."""
    if len(written) != len(names) or len(set(names)) != len(names) or "_" in names:
        return None
    known = [w for w in written if w != "-1"]
    if len(known) < len(written) - 1 or not set(known) <= set(names):
        return None
    left = next(iter(set(names) - set(known)), "")
    order = [names.index(left if w == "-1" else w) for w in written]
    return order if order != sorted(order) and len(set(order)) == len(order) else None


def _merged(written: list[str], names: list[str]) -> list[int] | None:
    """The order of the old dimensions, where some are joined (`h * w`) that stand apart from their place."""
    factors = [f.strip() for w in written for f in w.split("*")]
    joined = any("*" in w for w in written) and len(factors) == len(names)
    return _order(factors, names) if joined and "-1" not in factors else None


def _unchanged(code: Code, shape: _Unpacked, receiver: ast.expr) -> bool:
    """Whether the tensor is the one whose shape was unpacked."""
    if isinstance(receiver, ast.Attribute) or isinstance(shape.of, ast.Attribute):
        return code.leads(shape.statement, receiver)
    assert isinstance(receiver, ast.Name) and isinstance(shape.of, ast.Name)
    then = code.project.reaching(shape.of, code.where(shape.of))[1]
    now = code.project.reaching(receiver, code.where(receiver))[1]
    return {id(b.node) for b in then} == {id(b.node) for b in now}


def _by_sizes(receiver: ast.expr, sizes: list[ast.expr]) -> list[int] | None:
    """`x.view(x.size(1), x.size(0), -1)`."""
    text = ast.unparse(receiver)
    order: list[int] = []
    for size in sizes:
        match size:
            case ast.Call(
                func=ast.Attribute(attr="size", value=of), args=[ast.Constant(value=int(i))]
            ):
                pass
            case ast.Subscript(
                value=ast.Attribute(attr="shape", value=of), slice=ast.Constant(value=int(i))
            ):
                pass
            case ast.UnaryOp(operand=ast.Constant(value=1)):
                continue
            case _:
                return None
        if ast.unparse(of) != text or i < 0:
            return None
        order.append(i)
    if len(order) < 2 or sorted(order) != list(range(len(order))) or order == sorted(order):
        return None
    return order + list(range(len(order), len(sizes)))


def _by_shape(code: Code, receiver: ast.expr, sizes: list[ast.expr]) -> list[int] | None:
    shape = code.shape(receiver).value
    if not shape or shape[0] is ... or len(shape) != len(sizes) or None in shape:
        return None
    names = [str(s) for s in shape]
    return _order([ast.unparse(s) for s in sizes], names)


def _claim(code: Code, call: Call, receiver: ast.expr, order: list[int]) -> Claim:
    text = f"{code.text(receiver)}.permute({', '.join(map(str, order))})"
    if any(isinstance(s, ast.BinOp) for s in call.node.args):
        given = ", ".join(code.text(a) for a in call.node.args)
        text = f"{text}.reshape({given})"
    return code.claim(
        call.node,
        f"`{ast.unparse(call.node)}` is to exchange dimensions, but `{call.method}` keeps the order in memory "
        "and mixes their values",
        f"write `{text}`",
        confidence=0.95,
        change=Change("scientific", "Permute the dimensions", [code.replace(call.node, text)]),
    )


_PARTS = ("split", "chunk")


def _cuts_heads(code: Code, call: Call, sizes: list[ast.expr], unpacked: list[_Unpacked]) -> bool:
    """`linear(x).view(B, heads, T, width)` of an `x` of shape (B, T, C)."""
    if len(sizes) != 4 or call.receiver is None or getattr(sizes[1], "value", None) == 1:
        return False  # one more dimension of size 1 cuts nothing
    written = [ast.unparse(s) for s in sizes]
    made = call.receiver
    if isinstance(made, ast.Name):
        bindings = code.project.reaching(made, code.where(made))[1]
        value = bindings[0].value if len(bindings) == 1 else None
        parts = isinstance(value, ast.Call) and getattr(value.func, "attr", "") in _PARTS
        if parts and isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            made = value.func.value  # q, k, v = linear(x).split(width, dim=2)
        elif value is not None and not bindings[0].path:
            made = value
    for shape in unpacked:
        if len(shape.names) != 3 or code.where(shape.statement).scope is not call.where.scope:
            continue
        if (
            written[0] != shape.names[0]
            or written[2] != shape.names[1]
            or written[1] in shape.names
        ):
            continue
        itself = ast.unparse(call.receiver) == ast.unparse(shape.of)
        if itself and isinstance(shape.of, ast.Name) and _unchanged(code, shape, call.receiver):
            return True
        layer = isinstance(made, ast.Call) and (code.call(made).name or "") == "torch.nn.Linear()"
        if (
            layer
            and isinstance(made, ast.Call)
            and ast.unparse(made.args[0]) == ast.unparse(shape.of)
        ):
            return True
    return False


def _heads(code: Code, call: Call, sizes: list[ast.expr]) -> Claim:
    b, h, t, d = (code.text(s) for s in sizes)
    assert call.receiver is not None
    text = f"{code.text(call.receiver)}.{call.method}({b}, {t}, {h}, {d}).transpose(1, 2)"
    return code.claim(
        call.node,
        f"`{call.method}({b}, {h}, {t}, {d})` cuts heads across the tokens: the last dimension holds the heads",
        f"view as `({b}, {t}, {h}, {d})`, then transpose",
        confidence=0.93,
        change=Change("scientific", "View, then transpose", [code.replace(call.node, text)]),
    )
