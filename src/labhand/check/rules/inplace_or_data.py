"""A tensor that is changed behind the back of autograd, or of its owner."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.model import FunctionNode
from labhand.kit.code.project import Known

_CRITERION = re.compile(r"(\w+_)?(criterion|crit|loss_?fn|loss_?func|loss_function)", re.I)


class Rule:
    """A tensor that is changed behind the back of autograd, or of its owner.

    ## What it does
    Reports a loss that is computed from `output.data`, a step by hand that rebinds its leaf
    (`w = w - lr * w.grad` with gradients on), a write into what `expand` gives, and `x += …` in
    `forward` on the input itself.

    ## Why is this bad
    `.data` cuts the graph without a word, so nothing below it learns. A leaf that is rebound is none any
    more, and its `grad` is None from then on. An expanded tensor holds one row that is seen many times:
    a write changes all of them. An input that is changed in place is changed for the caller, too.

    ## Known problems
    Silent under `no_grad`, for inputs that were rebound before, and for buffers.

    ## Example
    ```python
    loss = criterion(model(x).data, y)
    ```

    ## Use instead
    ```python
    loss = criterion(model(x), y)
    ```

    ## Fix safety
    Scientific: gradients flow where they did not.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-operations-with-autograd
    - Real case: https://github.com/pytorch/pytorch/issues/6990, with gradients that go wrong.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The tensors of one file that are changed, or cut off, in silence."""
        if not code.mentions("torch"):
            return
        if code.mentions(".data"):
            yield from _cut_off(code)
        if code.mentions(".grad"):
            yield from _rebound(code)
        if code.mentions("expand", "broadcast_to"):
            yield from _expanded(code)
        if code.mentions("forward"):
            yield from _inputs(code)


def _cut_off(code: Code) -> Iterator[Claim]:
    for call, given in _losses(code):
        if not isinstance(given, ast.Attribute) or given.attr != "data":
            continue
        if code.without_gradients(call) is True or not _learned(code, call):
            continue
        yield code.claim(
            given,
            f"`{ast.unparse(given)}` is cut off from the graph: nothing below this loss learns from it",
            f"write `{ast.unparse(given.value)}`",
            confidence=0.95,
            change=Change(
                "scientific", "Leave `.data` out", [code.replace(given, code.text(given.value))]
            ),
        )


def _losses(code: Code) -> Iterator[tuple[Call, ast.expr | None]]:
    """The losses with what they judge; one whose making is out of sight counts by its name."""
    for call, loss in code.known("losses", "input"):
        yield call, call.arg(*loss["input"])
    for node in code.nodes(ast.Call):
        call = code.call(node)
        if (
            _CRITERION.fullmatch(call.method)
            and len(node.args) == 2
            and call.entry("losses") is None
        ):
            yield call, call.arg(0)


def _learned(code: Code, call: Call) -> bool:
    """Whether the loss is what `backward` is called on."""
    statement = code.source.index.statement(call.node)
    names = {
        n.id
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    for back in code.calls(".backward"):
        receiver = back.receiver
        if back.where.scope is not call.where.scope or receiver is None:
            continue
        if receiver is call.node or any(
            isinstance(n, ast.Name) and n.id in names for n in ast.walk(receiver)
        ):
            return True
    return False


def _rebound(code: Code) -> Iterator[Claim]:
    """`w = w - lr * w.grad` in a loop, with gradients on."""
    for node in code.nodes(ast.Assign):
        target, value = node.targets[0], node.value
        if not isinstance(target, ast.Name) or not isinstance(value, ast.BinOp):
            continue
        own = f"{target.id}.grad"
        if not any(isinstance(n, ast.Attribute) and ast.unparse(n) == own for n in ast.walk(value)):
            continue
        if (
            not isinstance(value.left, ast.Name)
            or value.left.id != target.id
            or not code.loops(node)
        ):
            continue
        if code.without_gradients(code.spot(value)) is not False or _made_leaf(
            code, target.id, node
        ):
            continue
        yield code.claim(
            node,
            f"`{ast.unparse(node)}` makes `{target.id}` the result of an operation: it is no leaf any more, and "
            "has no gradient in the next pass",
            f"under `torch.no_grad()`, write `{target.id} -= …`",
            confidence=0.95,
        )


def _made_leaf(code: Code, name: str, node: ast.stmt) -> bool:
    """Whether the loop makes it a leaf again."""
    loop = code.loops(node)[0].node
    text = "\n".join(ast.unparse(s) for s in loop.body)
    return any(
        w in text for w in (f"{name}.requires_grad", f"{name}.detach", f"{name} = {name}.detach")
    )


def _expanded(code: Code) -> Iterator[Claim]:
    for target, statement in _writes(code):
        bindings = code.project.reaching(target, code.where(target))[1]
        values = [b.value for b in bindings if b.how == "assign" and not b.path]
        if len(values) != len(bindings) or not values:
            continue
        if all(isinstance(v, ast.Call) and _expands(code, v) for v in values):
            made = values[0]
            assert made is not None
            yield code.claim(
                statement,
                f"`{target.id}` is expanded: its rows are one row in memory, and this writes into all of them",
                f"write into a copy: `{target.id}.clone()`",
                because=[code.step("expanded here", made)],
                confidence=0.95,
            )


def _writes(code: Code) -> Iterator[tuple[ast.Name, ast.stmt]]:
    for node in code.nodes(ast.AugAssign):
        inner = node.target.value if isinstance(node.target, ast.Subscript) else node.target
        if isinstance(inner, ast.Name):
            yield inner, node
    for assign in code.nodes(ast.Assign):
        for target in assign.targets:
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                yield target.value, assign
    for statement in code.nodes(ast.Expr):
        match statement.value:
            case ast.Call(func=ast.Attribute(value=ast.Name() as name, attr=method)):
                if method in ("add_", "mul_", "fill_", "copy_", "zero_", "clamp_", "masked_fill_"):
                    yield name, statement


def _expands(code: Code, value: ast.Call) -> bool:
    name = code.call(value).name or ""
    method = value.func.attr if isinstance(value.func, ast.Attribute) else ""
    return name in ("torch.broadcast_to", "torch.Tensor.expand") or method in (
        "expand",
        "expand_as",
    )


def _inputs(code: Code) -> Iterator[Claim]:
    """`x += …` on the input of a `forward` itself."""
    for node in code.nodes(ast.AugAssign):
        target = node.target
        where = code.where(node)
        function = where.scope.node
        if not isinstance(target, ast.Name) or where.scope.name != "forward":
            continue
        owner = code.project.owner(where)
        if owner is None or not _is_module(code, owner) or not isinstance(function, FunctionNode):
            continue
        bindings = code.source.names.reaching(target.id, where.scope, code.point(node))
        if not bindings or any(b.how != "parameter" for b in bindings):
            continue
        if target.id not in where.scope.parameters[1:2] or code.without_gradients(
            code.spot(node.value)
        ):
            continue
        operator = code.text(node)[len(target.id) :].lstrip()[:1]
        text = f"{target.id} = {target.id} {operator} {code.text(node.value)}"
        plain = isinstance(node.value, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        yield code.claim(
            node,
            f"`{ast.unparse(node)}` changes the input in place: the caller's tensor, a residual or the next "
            "branch included",
            f"write `{target.id} = {target.id} {operator} …`",
            confidence=0.88,
            change=Change("scientific", "Make a new tensor", [code.replace(node, text)])
            if plain
            else None,
        )


def _is_module(code: Code, owner: Known) -> bool:
    return "torch.nn.Module" in code.project.lineage(owner)[1]
