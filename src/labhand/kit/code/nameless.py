"""Numbers of running code that no name holds: what a key falls back on, `% 100`, the weight of a part of the loss."""

import ast
import re
from collections.abc import Iterator

from labhand.kit.code.compared import last
from labhand.kit.code.data import SETTINGS_NAME, literal
from labhand.kit.code.model import Scope

_LOSS = re.compile(r"loss|(?:^|_)(?:kl|kld|bce|ce|mse|nll|reg|penalty|entropy|gp|aux)(?:_|$|\d)")
_TELLS_NOTHING = frozenset("print append item format join int float len detach cpu write".split())
_BAGS = re.compile(r"^(?:kw|kwargs|hp|hparams|h|c|self\.hparams)$")


def found(scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    """Name and expression of each such number of a scope; the name is of what the number is about."""
    for call in scope.calls:
        yield from _fallback(call)
    for node in _inner(scope.node):
        if isinstance(node, ast.If):
            yield from _rounds(node)
        elif isinstance(node, ast.Assign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if _LOSS.search(last(target).lower()):
                yield from _shares(node.value)


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function or module, but not in functions and classes inside."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child
            yield from _inner(child)


def _fallback(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """What `cfg.get("warmup", 100)`, `kwargs.pop(…)` and `getattr(args, "warmup", 100)` fall back on."""
    given = call.args
    if ast.unparse(call.func) == "getattr" and len(given) == 3:
        held, key, value = given
    elif isinstance(call.func, ast.Attribute) and call.func.attr in ("get", "pop", "setdefault") and len(given) == 2:  # fmt: skip
        held, (key, value) = call.func.value, given
    else:
        return
    name, place = literal(key)[1], ast.unparse(held)
    bag = SETTINGS_NAME.search(place.rpartition(".")[2]) or _BAGS.match(place)
    if (
        bag
        and isinstance(name, str)
        and name.isidentifier()
        and literal(value)[1] not in (None, "")
    ):
        yield name, value


def _rounds(node: ast.If) -> Iterator[tuple[str, ast.expr]]:
    """How often something is done: `eval_every` of `if step % 100 == 0: evaluate(net)`."""
    for part in ast.walk(node.test):
        if not isinstance(part, ast.BinOp) or not isinstance(part.op, ast.Mod):
            continue
        counts = isinstance(part.left, ast.Name | ast.Attribute | ast.BinOp)
        number = literal(part.right)[1]
        if not counts or not isinstance(number, int) or number < 2:
            continue
        words = [last(c.func) for s in node.body for c in ast.walk(s) if isinstance(c, ast.Call)]
        telling = [w.strip("_") for w in words if w and w not in _TELLS_NOTHING]
        yield (f"{telling[0]}_every" if telling else "log_every"), part.right


def _shares(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The weights of the parts of a loss: `kl_weight` of `loss = recon + 0.5 * kl`."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        yield from _shares(value.left)
        yield from _shares(value.right)
    elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        for number, part in ((value.left, value.right), (value.right, value.left)):
            name = last(part.func) if isinstance(part, ast.Call) else last(part)
            if (
                isinstance(number, ast.Constant)
                and isinstance(number.value, int | float)
                and len(name) > 1
            ):
                yield f"{re.sub(r'_?loss$', '', name.lower()) or name.lower()}_weight", number


__all__ = ["found"]
