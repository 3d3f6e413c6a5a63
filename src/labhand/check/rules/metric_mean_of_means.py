"""A score that is the mean of the batches' scores, though batches differ in size."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.contexts import Loop
from labhand.kit.code.facts import Step
from labhand.kit.code.model import LoopNode
from labhand.kit.code.project import Where
from labhand.kit.code.training import within

_SIZE = re.compile(r"(^|[._])batch_?size$|^bs$", re.I)


class Rule:
    """A score that is the mean of the batches' scores, though batches differ in size.

    ## What it does
    Reports an evaluation that averages F1, precision, recall or AUC over batches, one whose mean losses
    or accuracies are averaged over the batches of a loader that keeps its smaller last batch, a meter
    that is updated without the size of the batch, and a last batch that is counted as a full one.

    ## Why is this bad
    The F1 or AUC of all rows is no mean of those of batches. The rows of a small last batch count for
    more than the others: the score depends on the batch size, and models are compared by a number that
    a setting of the loader moves.

    ## Known problems
    Silent on what a training loop shows, and where it cannot see how the loader was made.

    ## Example
    ```python
    for x, y in val_loader:
        total += criterion(model(x), y).item()
    val_loss = total / len(val_loader)
    ```

    ## Use instead
    ```python
    for x, y in val_loader:
        total += criterion(model(x), y).item() * len(y)
    val_loss = total / len(val_loader.dataset)
    ```

    ## Fix safety
    There is no automatic fix: the sum and what it is divided by change together.

    ## References
    - https://scikit-learn.org/stable/modules/model_evaluation.html
    - Real cases: https://github.com/abhishekkrthakur/tez/issues/19,
      https://github.com/mlcommons/algorithmic-efficiency/issues/89.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The evaluations of one file that average over batches of different size."""
        if code.is_test:
            return
        told: set[ast.AST] = set()
        for claim in (*_by_batch(code), *_means(code), *_meters(code), *_full_batches(code)):
            if claim.node not in told:
                told.add(claim.node)
                yield claim


# F1 and AUC of batches


def _by_batch(code: Code) -> Iterator[Claim]:
    for call, entry in code.known("metrics"):
        if entry.get("batches") != "nonlinear" or call.option("average") in ("micro", "samples"):
            continue
        name = call.method
        loop = next(iter(code.loops(call.node)), None)
        if loop is None and _in_hook(code, call):
            yield code.claim(
                call.node,
                f"`{name}` is computed for each batch, and Lightning averages it: that is not the `{name}` "
                "of all rows",
                "collect truth and predictions, and score them once in `on_validation_epoch_end`, or log a "
                "torchmetrics object",
                confidence=0.93,
            )
        if loop is None or not _of_batches(code, call, loop):
            continue
        evaluation = code.evaluates(loop)
        if evaluation is None or not _averaged(code, call, loop):
            continue
        yield code.claim(
            call.node,
            f"`{name}` is computed for each batch and averaged: that is not the `{name}` of all rows",
            "collect truth and predictions of all batches, and score them once after the loop",
            because=evaluation,
            confidence=0.95,
        )


def _in_hook(code: Code, call: Call) -> bool:
    """Whether a hook that Lightning calls for each batch keeps or logs the value for an average."""
    if code.hook(call.where) != "eval" or not call.where.scope.name.endswith("_step"):
        return False
    statement = code.source.index.statement(call.node)
    uses: list[ast.expr] = [call.node]
    if isinstance(statement, ast.Assign):
        uses = list(code.uses(statement))
    for use in uses:
        for above in code.source.index.ancestors(use):
            if isinstance(above, ast.Call) and above is not call.node:
                written = ast.unparse(above.func)
                if written in ("self.log", "self.log_dict"):
                    return True
                if written.startswith("self.") and written.endswith(".append"):
                    return True
            if isinstance(above, ast.stmt):
                break
    return False


def _of_batches(code: Code, call: Call, loop: Loop) -> bool:
    """Whether a loop goes over batches, and the metric is of what the pass holds."""
    if loop.over is None or loop.kind not in ("batch", "inference"):
        return False
    return not re.search(r"fold|split|seed|subject|class", ast.unparse(loop.over), re.I)


def _averaged(code: Code, call: Call, loop: Loop) -> bool:
    """Whether the value is added up, or kept in a list that is averaged or handed on."""
    statement = code.source.index.statement(call.node)
    if isinstance(statement, ast.AugAssign):
        return True
    if isinstance(statement, ast.Expr):
        value = statement.value
        return isinstance(value, ast.Call) and ast.unparse(value.func).endswith(
            (".append", ".update")
        )
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return False
    name = statement.targets[0].id
    for part in (n for s in loop.node.body for n in within(s)):
        if isinstance(part, ast.AugAssign) and _reads(part.value, name):
            return True
        kept = isinstance(part, ast.Call) and ast.unparse(part.func).endswith(
            (".append", ".update")
        )
        if kept and isinstance(part, ast.Call) and any(_reads(a, name) for a in part.args):
            return True
    return False


def _reads(node: ast.expr, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


# Means of means


def _means(code: Code) -> Iterator[Claim]:
    told: dict[LoopNode, list[tuple[ast.expr, list[Step]]]] = {}
    for node, chain in _averages(code):
        loop = _loop_of(code, code.where(node), chain)
        if loop is None or loop.over is None:
            continue
        evaluation = code.evaluates(loop)
        if evaluation is not None and _ragged(code, loop.over):
            told.setdefault(loop.node, []).append((node, [*chain, *evaluation]))
    for (node, because), *others in told.values():
        yield code.claim(
            node,
            "the means of the batches are averaged, and the last batch is smaller: its rows count for more",
            "weigh each batch by its size: add `loss.item() * len(y)`, and divide by the number of rows",
            because=[*because, *(code.step("and here", other) for other, _ in others)],
            confidence=0.88,
        )


def _averages(code: Code) -> Iterator[tuple[ast.expr, tuple[Step, ...]]]:
    """The means of means of batches, where they stand, each with what shows it."""
    for node in code.operations(ast.Div):
        fact = code.unit(node)
        if fact.value == "mean of means":
            yield node if hasattr(node, "lineno") else node.right, fact.chain
    for call in code.calls("numpy.mean", "statistics.mean", "statistics.fmean"):
        fact = code.unit(call.node)
        if fact.value == "mean of means":
            yield call.node, fact.chain


def _loop_of(code: Code, where: Where, chain: tuple[Step, ...]) -> Loop | None:
    """The loop over batches in which the means were added up."""
    for step in chain:
        if step.source is not code.source:
            continue
        loops = code.loops(step.node)
        if loops and code.where(step.node).scope is where.scope:
            return loops[0]
    return None


def _ragged(code: Code, over: ast.expr) -> bool:
    """Whether a loader surely keeps a last batch that may be smaller."""
    made = code.loader(over)
    if made is None or any(k.arg is None for k in made.node.keywords):
        return False
    size = made.arg(1, "batch_size")
    if size is None or (isinstance(size, ast.Constant) and size.value in (1, None)):
        return False
    if "len(" in ast.unparse(size) or made.arg(None, "batch_sampler") is not None:
        return False
    return made.option("drop_last", False) is False


# Meters and sizes


def _meters(code: Code) -> Iterator[Claim]:
    for call in code.calls(".update"):
        target = call.target
        if not isinstance(target, Where) or target.scope.parameters[1:3][1:] not in (
            ["n"],
            ["num"],
            ["count"],
        ):
            continue
        loop = next(iter(code.loops(call.node)), None)
        if loop is None or len(call.node.args) + len(call.node.keywords) != 1:
            continue
        evaluation = code.evaluates(loop)
        given = call.arg(0)
        if evaluation is None or given is None or code.unit(given).value != "mean":
            continue
        yield code.claim(
            call.node,
            f"`{ast.unparse(call.node.func)}` is given the mean of a batch without the size of the batch: "
            "the rows of a smaller last batch count for more",
            "pass the number of rows as the second argument",
            because=evaluation,
            confidence=0.9,
        )


def _full_batches(code: Code) -> Iterator[Claim]:
    """`loss.item() * loader.batch_size`, and a division by `len(loader) * batch_size`."""
    for node in code.operations(ast.Mult):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            size = isinstance(other, ast.Attribute | ast.Name) and _SIZE.search(ast.unparse(other))
            if not size or not hasattr(node, "lineno"):
                continue
            loop = _weighed(code, node, one)
            if loop is None or loop.over is None or _is_bound_in(loop, other):
                continue
            evaluation = code.evaluates(loop)
            if evaluation is None or not _ragged(code, loop.over):
                continue
            yield code.claim(
                node,
                f"every batch is counted with `{ast.unparse(other)}` rows, and the last one has fewer",
                "use the size of the batch at hand: `len(y)`",
                because=evaluation,
                confidence=0.9,
            )


def _is_bound_in(loop: Loop, size: ast.expr) -> bool:
    """Whether each pass measures its own size: `batch_size = x.size(0)`."""
    return isinstance(size, ast.Name) and any(
        isinstance(n, ast.Name) and n.id == size.id and isinstance(n.ctx, ast.Store)
        for s in loop.node.body
        for n in ast.walk(s)
    )


def _weighed(code: Code, node: ast.BinOp, one: ast.expr) -> Loop | None:
    """The loop in which a mean is weighed by a size, or that `len(loader)` counts."""
    if code.unit(one).value == "mean":
        return next(iter(code.loops(node)), None)
    if isinstance(one, ast.Call) and ast.unparse(one.func) == "len" and one.args:
        text = ast.unparse(one.args[0])
        scope = code.where(node).scope
        above = code.source.index.parents.get(node)
        if (
            not isinstance(above, ast.BinOp)
            or not isinstance(above.op, ast.Div)
            or above.right is not node
        ):
            return None
        for loop in code.nodes(ast.For):
            found = code.loop(loop)
            if (
                code.where(loop).scope is scope
                and found.over is not None
                and ast.unparse(found.over) == text
            ):
                return found
    return None
