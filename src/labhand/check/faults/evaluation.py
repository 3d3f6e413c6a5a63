"""Faults where a model is evaluated and scored."""

import ast
from collections.abc import Iterator

from labhand.check.fault import fault
from labhand.check.planting import Function, Planted, Program, last_name, names, receiver

_DEPENDS = ("Dropout", "dropout", "BatchNorm", "torchvision.models", "resnet")


def _uses(p: Program, model: str, where: ast.AST) -> list[ast.Call]:
    """The calls of a model in a function."""
    inner = (n for n in ast.walk(where) if isinstance(n, ast.Call))
    found = [c for c in inner if ast.unparse(c.func) == model]
    return sorted(found, key=lambda c: c.lineno)


@fault("mode-eval-missing", "eval taken out")
def no_eval(p: Program) -> Iterator[Planted]:
    """A function that evaluates leaves the model in training mode."""
    if not any(word in p.text for word in _DEPENDS) or "backward" not in p.text:
        return
    for call in p.calls("eval"):
        statement, model = p.alone(call), receiver(call)
        uses = [u for u in _uses(p, model, p.function(call)) if u.lineno > call.lineno]
        uses = [u for u in uses if not _trains(p, u)]
        if statement is not None and uses and len(p.calls("eval", within=p.function(call))) == 1:
            yield Planted([p.drop(statement)], uses)


def _trains(p: Program, node: ast.AST) -> bool:
    loops = p.loops(node)
    return bool(loops) and bool(p.calls("backward", within=loops[0]))


@fault("mode-train-not-restored", "train taken out")
def no_train(p: Program) -> Iterator[Planted]:
    """A model that was evaluated is trained on in that state."""
    if not any(word in p.text for word in _DEPENDS):
        return
    evals = p.calls("eval")
    trains = [c for c in p.calls("train") if not c.args and p.alone(c) is not None]
    for model in dict.fromkeys(receiver(c) for c in trains):
        own = [c for c in trains if receiver(c) == model]
        ends = [c for c in evals if receiver(c) == model]
        trained = [p.function(c) for c in own if p.calls("backward", within=p.function(c))]
        if model and len(ends) == 1 and trained and len(own) <= 2 and _comes_round(p, ends[0], own):
            drops = [p.drop(s) for c in own if (s := p.alone(c)) is not None]
            yield Planted(drops, [ends[0], *own])


def _comes_round(p: Program, end: ast.Call, trains: list[ast.Call]) -> bool:
    """Whether training can follow an evaluation: in a loop around both, or of functions in a loop."""
    function = p.function(end)
    if any(p.function(c) is function for c in trains):
        return any(set(p.loops(c)) & set(p.loops(end)) for c in trains)
    name = getattr(function, "name", "")
    return any(p.loops(c) for c in p.calls(name))


@fault("no-grad-missing", "no_grad taken out")
def with_gradients(p: Program) -> Iterator[Planted]:
    """An evaluation keeps the graph of gradients."""
    for node in p.nodes:
        if not isinstance(node, ast.With) or len(node.items) != 1:
            continue
        context = node.items[0].context_expr
        off = isinstance(context, ast.Call) and last_name(context.func) in _OFF
        if off and _evaluates(p, node) and node.body[0].lineno > context.lineno:
            yield Planted(p.unwrapped(node), _calls(node.body))


@fault("no-grad-missing", "decorator taken out")
def undecorated(p: Program) -> Iterator[Planted]:
    """A function that evaluates is decorated no more."""
    for function in p.functions:
        for decorator in function.decorator_list:
            if any(word in p.src(decorator) for word in _OFF) and _evaluates(p, function):
                begin = p.offset(decorator.lineno, 0)
                end = p.text.index("\n", p.end(decorator)) + 1
                yield Planted([p.cut(begin, end)], _calls(function.body))


_OFF = ("no_grad", "inference_mode")


def _evaluates(p: Program, node: ast.With | Function) -> bool:
    """Whether code goes over batches of data and trains nothing."""
    loops = [n for n in ast.walk(node) if isinstance(n, ast.For)]
    outer = p.function(node) if isinstance(node, ast.With) else node
    data = any(
        w in p.src(n.iter).lower() for n in loops for w in ("loader", "dataset", "val", "test")
    )
    kept = p.calls("backward", within=node) or "zip(" in "".join(p.src(n.iter) for n in loops)
    return bool(loops) and not kept and (data or bool(p.calls("eval", within=outer)))


def _calls(body: list[ast.stmt]) -> list[ast.Call]:
    """The calls in some statements, those of what is called a model first."""
    calls = [n for s in body for n in ast.walk(s) if isinstance(n, ast.Call)]
    return sorted(
        calls, key=lambda c: not any(w in last_name(c.func).lower() for w in ("model", "net"))
    )


@fault("metric-last-batch-only", "the sum is overwritten")
def overwritten(p: Program) -> Iterator[Planted]:
    """`+=` becomes `=` where batches are evaluated."""
    for node in _sums(p):
        target = p.end(node.target)
        between = p.text[target : p.start(node.value)]
        made = p.cut(target, target + len(between), between.replace("+=", "="))
        used = any(
            ast.unparse(node.target) == ast.unparse(n) for s in _later(p, node) for n in ast.walk(s)
        )
        if used:
            yield Planted([made], [node])


def _sums(p: Program) -> Iterator[ast.AugAssign]:
    """What adds up values of batches, from a start before the loop, in loops that train nothing."""
    for node in p.nodes:
        loop = p.loops(node)[0] if isinstance(node, ast.AugAssign) and p.loops(node) else None
        if not isinstance(node, ast.AugAssign) or not isinstance(node.op, ast.Add):
            continue
        if not isinstance(loop, ast.For) or p.calls("backward", within=loop):
            continue
        name = ast.unparse(node.target)
        starts = any(
            isinstance(s, ast.Assign)
            and s.lineno < loop.lineno
            and name in {ast.unparse(t) for t in _targets(s)}
            for s in ast.walk(p.function(node))
        )
        held = any(w in p.src(node.value) for w in (".item()", "sum(", "loss", "acc", ".float("))
        if starts and held and "loader" in p.src(loop.iter).lower():
            yield node


def _targets(statement: ast.Assign) -> list[ast.expr]:
    found: list[ast.expr] = []
    for target in statement.targets:
        found += target.elts if isinstance(target, ast.Tuple) else [target]
    return found


def _later(p: Program, node: ast.stmt) -> list[ast.stmt]:
    """The statements after the innermost loop around one, in its block."""
    loop = p.loops(node)[0]
    block = p.block(loop)
    return block[block.index(loop) + 1 :]


@fault("metric-mean-of-means", "batches weigh the same")
def mean_of_means(p: Program) -> Iterator[Planted]:
    """`total += loss.item() * n` over all rows becomes a mean over batches."""
    for node in _sums(p):
        value = node.value
        if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Mult):
            continue
        sides = (value.left, value.right)
        kept = [s for s in sides if "loss" in p.src(s) or "criterion" in p.src(s)]
        loop = p.loops(node)[0]
        divided = _division(p, node)
        if len(kept) == 1 and divided is not None and isinstance(loop, ast.For):
            over = _over(loop)
            yield Planted(
                [p.put(value, p.src(kept[0])), p.put(divided, f"len({over})")], [node, divided]
            )


@fault("metric-wrong-denominator", "divided by the number of batches")
def by_batches(p: Program) -> Iterator[Planted]:
    """What is summed over rows is divided by the number of batches."""
    for node in _sums(p):
        divided = _division(p, node)
        loop = p.loops(node)[0]
        weighted = any(
            w in p.src(node.value) for w in ("sum()", ".sum", ".size(0)", "len(", "shape[0]")
        )
        if (
            weighted
            and divided is not None
            and "dataset" in p.src(divided)
            and isinstance(loop, ast.For)
        ):
            yield Planted([p.put(divided, f"len({_over(loop)})")], [divided, node])


@fault("metric-wrong-denominator", "means of batches divided by the number of rows")
def by_rows(p: Program) -> Iterator[Planted]:
    """Means of batches are added up and divided by the number of rows."""
    for node in _sums(p):
        value, divided = node.value, _division(p, node)
        product = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult)
        if product and divided is not None and "dataset" in p.src(divided):
            assert isinstance(value, ast.BinOp)
            kept = value.left if "loss" in p.src(value.left) else value.right
            if "loss" in p.src(kept):
                yield Planted([p.put(value, p.src(kept))], [divided, node])


def _over(loop: ast.For) -> str:
    over = loop.iter
    while (
        isinstance(over, ast.Call) and last_name(over.func) in ("enumerate", "tqdm") and over.args
    ):
        over = over.args[0]
    return ast.unparse(over)


def _division(p: Program, node: ast.AugAssign) -> ast.expr | None:
    """By what a sum is divided after its loop."""
    name = ast.unparse(node.target)
    for later in ast.walk(p.function(node)):
        if getattr(later, "lineno", 0) <= node.lineno:
            continue
        if (
            isinstance(later, ast.BinOp)
            and isinstance(later.op, ast.Div)
            and ast.unparse(later.left) == name
        ):
            return later.right
        if (
            isinstance(later, ast.AugAssign)
            and isinstance(later.op, ast.Div)
            and ast.unparse(later.target) == name
        ):
            return later.value
    return None


_ORDERED = (
    "f1_score",
    "precision_score",
    "recall_score",
    "confusion_matrix",
    "classification_report",
    "roc_auc_score",
    "average_precision_score",
    "log_loss",
    "r2_score",
)


@fault("metric-args-swapped", "truth and prediction change places")
def swapped(p: Program) -> Iterator[Planted]:
    """A metric of scikit-learn is given the prediction first."""
    for call in p.calls(*_ORDERED):
        if len(call.args) >= 2 and p.src(call.args[0]) != p.src(call.args[1]):
            one, two = call.args[:2]
            yield Planted([p.put(one, p.src(two)), p.put(two, p.src(one))], [call])


@fault("metric-args-swapped", "classes where scores belong")
def hard_scores(p: Program) -> Iterator[Planted]:
    """The area under the curve is computed from classes."""
    for call in p.calls("predict_proba", "decision_function"):
        assert isinstance(call.func, ast.Attribute)
        outer = p.parents[call]
        whole = outer if isinstance(outer, ast.Subscript) else call
        target, metrics = p.target(whole), p.calls("roc_auc_score", "average_precision_score")
        used = [
            m for m in metrics if call in ast.walk(m) or target in {ast.unparse(a) for a in m.args}
        ]
        if used:
            written = p.text[p.start(call) : p.end(call)].replace(call.func.attr, "predict", 1)
            yield Planted([p.put(whole, written)], used[:1])


@fault("metric-args-swapped", "logits thresholded as probabilities")
def thresholded(p: Program) -> Iterator[Planted]:
    """`sigmoid(x) > 0.5` becomes `x > 0.5`."""
    for node in p.nodes:
        if (
            isinstance(node, ast.Compare)
            and len(node.ops) == 1
            and isinstance(node.ops[0], ast.Gt | ast.GtE)
        ):
            left, right = node.left, node.comparators[0]
            if (
                isinstance(left, ast.Call)
                and last_name(left.func) == "sigmoid"
                and p.src(right) == "0.5"
            ):
                inner = p.src(left.args[0]) if left.args else receiver(left)
                yield Planted([p.put(left, inner)], [node])


@fault("eval-select-on-test", "the test loader in place of the validation loader")
def select_on_test(p: Program) -> Iterator[Planted]:
    """What decides the best epoch is computed on the test part."""
    for call in [n for n in p.nodes if isinstance(n, ast.Call)]:
        held = [
            a
            for a in call.args
            if isinstance(a, ast.Name) and a.id.startswith(("val", "valid", "dev"))
        ]
        if len(held) != 1 or not p.loops(call) or not p.target(call):
            continue
        _, _, rest = held[0].id.partition("_")
        test = f"test_{rest}" if rest else "test"
        choices = _choices(p, call)
        if test in names(p.tree) and choices:
            yield Planted([p.put(held[0], test)], [*choices, call])


def _choices(p: Program, call: ast.Call) -> list[ast.expr | ast.stmt]:
    """The comparisons that decide by the value of a call."""
    statement = p.statement(call)
    given = (
        {ast.unparse(t) for t in _targets(statement)}
        if isinstance(statement, ast.Assign)
        else set()
    )
    found: list[ast.expr | ast.stmt] = []
    for node in ast.walk(p.function(call)):
        if (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Compare)
            and node.lineno > call.lineno
        ):
            sides = {ast.unparse(node.test.left), *(ast.unparse(c) for c in node.test.comparators)}
            if sides & given and any("best" in s for s in sides):
                found.append(node.test)
    return found
