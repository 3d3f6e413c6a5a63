"""A method that is named but not called: the line does nothing."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.model import FunctionNode
from labhand.kit.code.origins import receiver_class
from labhand.kit.code.project import Where


class Rule:
    """A method that is named but not called: the line does nothing.

    ## What it does
    Reports a statement that only names a function or a method (`optimizer.step`, `main`), a condition
    that tests a function instead of its answer (`if torch.cuda.is_available:`), and a `loss.item` that is
    kept or printed without being called.

    ## Why is this bad
    Python takes it for a value and throws it away: the optimizer never steps, gradients are never
    cleared, the model stays in training mode. A function is always true, so the condition always holds.

    ## Known problems
    Silent for attributes that may be properties: the method must be one of the known methods of training
    code, or be defined in the project. The last line of a notebook cell may be there to be shown.

    ## Example
    ```python
    loss.backward()
    optimizer.step
    ```

    ## Use instead
    ```python
    loss.backward()
    optimizer.step()
    ```

    ## Fix safety
    Scientific: the fix adds the parentheses, and what was skipped so far then runs.

    ## References
    - https://docs.pytorch.org/docs/stable/optim.html#taking-an-optimization-step
    - Real case: https://github.com/Lightning-AI/torchmetrics tests `target.is_floating_point` uncalled in
      `functional/regression/mape.py` and three of its neighbours as of 1.9.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The methods of one file that are named where they must have been meant to be called."""
        if code.is_test:
            return
        for statement in code.nodes(ast.Expr):
            if isinstance(statement.value, ast.Attribute | ast.Name):
                yield from _statement(code, statement, statement.value)
        branches: list[ast.If | ast.While | ast.IfExp] = [*code.nodes(ast.If)]
        branches += [*code.nodes(ast.While), *code.nodes(ast.IfExp)]
        for test in (t for node in branches for t in _tests(node.test)):
            yield from _condition(code, test)
        if code.mentions(".item"):
            yield from _values(code)


def _statement(code: Code, statement: ast.Expr, named: ast.expr) -> Iterator[Claim]:
    if _is_shown(code, statement) or _in_try(code, statement):
        return
    why = _is_function(code, named)
    if why is None:
        return
    text = ast.unparse(named)
    callable_now = why != "arguments"
    change = None
    if callable_now:
        edits = [code.replace(named, f"{code.text(named)}()")]
        change = Change("scientific", f"Call `{text}()`", edits)
    yield code.claim(
        named,
        f"`{text}` is named here but not called, so this line does nothing",
        f"write `{text}()`" if callable_now else f"call `{text}` with its arguments",
        confidence=0.98,
        change=change,
    )


def _is_function(code: Code, named: ast.expr) -> str | None:
    """How a name or attribute is known to be a function: `plain` to be called as it is, `arguments`."""
    where = code.where(named)
    target = code.project.definition(named, where)
    if isinstance(target, Where):
        return _needs(target, bound=False)
    if isinstance(named, ast.Name):
        return None
    assert isinstance(named, ast.Attribute)
    owner = receiver_class(code.project, named.value, where)
    if owner is not None:
        method = code.project.method(owner, named.attr)
        if method is not None:
            return _needs(method, bound=True)
        if any(named.attr in k.klass.attributes for k in code.project.lineage(owner)[0]):
            return None
    if code.project.module_of(named.value, where) is not None:
        return None
    plain, given = (code.words("methods", "statement", k) for k in ("plain", "arguments"))
    if named.attr in plain:
        return "plain"
    return "arguments" if named.attr in given else None


def _needs(target: Where, bound: bool) -> str | None:
    node = target.scope.node
    if not isinstance(node, FunctionNode):
        return None
    if any(ast.unparse(d) not in ("torch.no_grad()",) for d in node.decorator_list):
        return None  # a property, or something else than a function
    required = len(node.args.posonlyargs) + len(node.args.args) - len(node.args.defaults) - bound
    needed = required > 0 or any(d is None for d in node.args.kw_defaults)
    return "arguments" if needed else "plain"


def _is_shown(code: Code, statement: ast.Expr) -> bool:
    """Whether a notebook shows the value: it ends its cell."""
    training = code.words("methods", "statement", "plain")
    value = statement.value
    return code.shown(statement) and not (
        isinstance(value, ast.Attribute) and value.attr in training
    )


def _in_try(code: Code, statement: ast.stmt) -> bool:
    """Whether it asks if the attribute is there."""
    inner: ast.AST = statement
    for above in code.source.index.ancestors(statement):
        if isinstance(above, ast.Try) and inner in above.body and len(above.body) == 1:
            return True
        if isinstance(above, ast.With):
            names = " ".join(ast.unparse(i.context_expr) for i in above.items).lower()
            if "raises" in names or "suppress" in names or "warns" in names:
                return True
        inner = above
    return False


def _tests(test: ast.expr) -> Iterator[ast.expr]:
    """The parts of a condition that are tested for truth."""
    if isinstance(test, ast.BoolOp):
        for part in test.values:
            yield from _tests(part)
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _tests(test.operand)
    else:
        yield test


def _condition(code: Code, test: ast.expr) -> Iterator[Claim]:
    if not isinstance(test, ast.Attribute):
        return
    name = code.name(test)
    known = name in code.words("methods", "condition", "functions")
    if name is None and not known:
        known = test.attr in code.words("methods", "condition", "methods")
        known = known and code.project.module_of(test.value, code.where(test)) is None
        known = known and not _is_set(code, test.attr) and "dtype" not in ast.unparse(test.value)
    if not known:
        return
    text = ast.unparse(test)
    yield code.claim(
        test,
        f"`{text}` is tested here but not called: a function is always true",
        f"write `{text}()`",
        confidence=0.98,
        change=Change(
            "scientific", f"Call `{text}()`", [code.replace(test, f"{code.text(test)}()")]
        ),
    )


def _is_set(code: Code, name: str) -> bool:
    """Whether the file gives anything an attribute of this name that is no function."""
    return any(name in c.attributes for c in code.source.index.classes)


def _values(code: Code) -> Iterator[Claim]:
    """`loss.item` kept or printed as it is."""
    for node in code.nodes(ast.Attribute):
        if node.attr != "item" or not isinstance(node.ctx, ast.Load):
            continue
        above = code.source.index.parents.get(node)
        if not _kept(above, node) or not _is_scalar(code, node.value):
            continue
        text = ast.unparse(node)
        yield code.claim(
            node,
            f"`{text}` is the method, not the number: it is kept or shown without being called",
            f"write `{text}()`",
            confidence=0.96,
            change=Change(
                "scientific", f"Call `{text}()`", [code.replace(node, f"{code.text(node)}()")]
            ),
        )


def _kept(above: ast.AST | None, node: ast.expr) -> bool:
    if isinstance(above, ast.Call) and node in above.args:
        name = above.func.attr if isinstance(above.func, ast.Attribute) else ast.unparse(above.func)
        return name in ("append", "print", "update", "add_scalar", "log", "info")
    if isinstance(above, ast.FormattedValue):
        return True
    if isinstance(above, ast.Dict):
        return node in above.values
    return isinstance(above, ast.Assign | ast.Return) or (
        isinstance(above, ast.keyword) and above.arg == "loss"
    )


def _is_scalar(code: Code, value: ast.expr) -> bool:
    """Whether it is surely a tensor: a loss by what made it, or a method's answer that is one."""
    if code.role(value).value == "loss" or code.unit(value).value in ("mean", "sum"):
        return True
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr in ("sum", "mean", "max", "min") and not value.keywords
    name = value.attr if isinstance(value, ast.Attribute) else ast.unparse(value)
    return name in ("loss", "total_loss", "batch_loss", "train_loss", "val_loss")
