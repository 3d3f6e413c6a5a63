"""Control flow inside a function: kinds of loops, what lies on the cycle, what ends it."""

import ast
from typing import Literal

from labhand.kit.code import knowledge
from labhand.kit.code.model import LoopNode
from labhand.kit.code.origins import origins
from labhand.kit.code.project import Project, Where

LoopKind = Literal["epoch", "batch", "accumulation", "inference", "unknown"]


def loop_kind(project: Project, loop: LoopNode, where: Where) -> LoopKind:
    """What a loop goes over, as far as its header and its contexts tell."""
    if isinstance(loop, ast.While):
        return "epoch" if knowledge.EPOCHS.search(ast.unparse(loop.test)) else "unknown"
    header = f"{ast.unparse(loop.target)} {ast.unparse(loop.iter)}"
    if knowledge.EPOCHS.search(header):
        return "epoch"
    if knowledge.ACCUMULATION.search(header):
        return "accumulation"
    over = _under_wrappers(project, loop.iter, where)
    if _is_loader(project, over, where):
        return "inference" if _without_gradients(project, loop, where) else "batch"
    return "unknown"


def runs_once(loop: LoopNode) -> bool:
    """Whether the body surely runs at most once: it ends the loop, or there is one thing to go over."""
    if leaves(loop.body, loop):
        return True
    if isinstance(loop, ast.While):
        return False
    over = loop.iter
    if isinstance(over, ast.List | ast.Tuple):
        return len(over.elts) <= 1 and not any(isinstance(e, ast.Starred) for e in over.elts)
    is_range = isinstance(over, ast.Call) and ast.unparse(over.func) == "range"
    if is_range and isinstance(over, ast.Call) and len(over.args) == 1:
        count = over.args[0]
        return isinstance(count, ast.Constant) and count.value in (0, 1)
    return False


def on_cycle(parents: dict[ast.AST, ast.AST], node: ast.AST, loop: LoopNode) -> bool:
    """Whether the loop can come round again after `node`: no way out surely follows it."""
    current = node
    while current is not loop:
        above = parents[current]
        for field in ("body", "orelse", "finalbody"):
            block = getattr(above, field, None)
            if isinstance(block, list) and current in block:
                after = block[block.index(current) + 1 :]
                if leaves(after, loop):
                    return False
                if any(isinstance(s, ast.Continue) for s in after):
                    return True
        at_last = above.finalbody if isinstance(above, ast.Try) else []
        if current not in at_last and leaves(at_last, loop):
            return False
        current = above
    return True


def leaves(block: list[ast.stmt], loop: LoopNode) -> bool:
    """Whether running these statements surely leaves the loop."""
    return any(_leaves(statement, loop, inner=False) for statement in block)


def _leaves(statement: ast.stmt, loop: LoopNode, inner: bool) -> bool:
    match statement:
        case ast.Return() | ast.Raise():
            return True
        case ast.Break():
            return not inner
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function) in ("sys.exit", "exit", "quit", "os._exit")
        case ast.If():
            return _ends(statement.body, loop, inner) and _ends(statement.orelse, loop, inner)
        case ast.With() | ast.AsyncWith():
            return _ends(statement.body, loop, inner)
        case ast.Try():
            return _ends(statement.finalbody, loop, inner) or (
                _ends(statement.body, loop, inner)
                and all(_ends(h.body, loop, inner) for h in statement.handlers)
            )
    return False


def _ends(block: list[ast.stmt], loop: LoopNode, inner: bool) -> bool:
    for statement in block:
        if isinstance(statement, ast.Continue):
            return False
        if _leaves(statement, loop, inner):
            return True
    return False


def _under_wrappers(project: Project, over: ast.expr, where: Where) -> ast.expr:
    while isinstance(over, ast.Call) and over.args:
        name = project.canonical(over.func, where) or ast.unparse(over.func)
        if name not in knowledge.WRAPPERS_OF_ITERABLES:
            break
        over = over.args[0]
    return over


def _is_loader(project: Project, over: ast.expr, where: Where) -> bool:
    if knowledge.BATCHES.search(ast.unparse(over).rstrip("()")):
        return True
    return any(o.name in knowledge.LOADERS for o in origins(project, over, where))


def _without_gradients(project: Project, loop: LoopNode, where: Where) -> bool:
    holders = [a for a in where.source.index.ancestors(loop) if isinstance(a, ast.With)]
    names = [project.canonical(_called(i.context_expr), where) for h in holders for i in h.items]
    decorators = getattr(where.scope.node, "decorator_list", [])
    names += [project.canonical(_called(d), where) for d in decorators]
    return any(n in ("torch.no_grad", "torch.inference_mode") for n in names)


def _called(expression: ast.expr) -> ast.expr:
    return expression.func if isinstance(expression, ast.Call) else expression
