"""An evaluation that keeps the graph of gradients, which nobody uses."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.contexts import Loop
from labhand.kit.code.project import Where

_USES = re.compile(
    r"requires_grad|autograd\.grad|\.grad\b|set_grad_enabled|retain_grad|create_graph|backward|jacobian|"
    r"hessian|torch\.func|accelerat|jax|tensorflow|keras|enable_grad|no_grad|inference_mode|volatile"
)
_MODEL = re.compile(
    r"(^|_)(model|net|network|encoder|classifier|generator|policy|backbone)\d*$", re.I
)


class Rule:
    """An evaluation that keeps the graph of gradients, which nobody uses.

    ## What it does
    Reports a loop over validation or test data, or over what a model in evaluation mode is given, that
    runs a torch model with gradients on, itself or in a helper, though nothing there uses a gradient; and
    a model that runs so between `model.eval()` and `model.train()` of a training loop (outside of loops that
    is told only if this rule is selected).

    ## Why is this bad
    Each forward keeps all activations until its result is dropped: memory and time are spent for
    nothing, the evaluation runs out of memory at batch sizes that training survives, and a sum of
    losses that is kept holds every batch's graph.

    ## Known problems
    Silent where a caller may have switched gradients off, for attacks and saliency maps, and where
    `set_grad_enabled` stands in the function.

    ## Example
    ```python
    model.eval()
    for x, y in val_loader:
        correct += (model(x).argmax(1) == y).sum().item()
    ```

    ## Use instead
    ```python
    model.eval()
    with torch.no_grad():
        for x, y in val_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    ```

    ## Fix safety
    There is no automatic fix: the loop must be indented below `with torch.no_grad():`.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/autograd.html#locally-disabling-gradient-computation
    - Real case: https://github.com/Zhenye-Na/DA-RNN/issues/30.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The evaluation loops of one file that run with gradients, one claim for each."""
        if not code.mentions("torch") or code.is_test:
            return
        told: set[ast.AST] = set()
        for call in _model_calls(code):
            model = ast.unparse(call.node.func)
            loop = next(iter(code.loops(call.node)), None)
            if loop is None or isinstance(loop.node, ast.While) or loop.node in told:
                continue
            evaluation = _evaluates(code, call, loop)
            if evaluation is None or code.without_gradients(call) is not False:
                continue
            told.add(loop.node)
            yield code.claim(
                call.node,
                f"`{model}` is evaluated here with gradients on, and nothing uses them",
                "run the loop under `torch.no_grad()` or `torch.inference_mode()`",
                because=evaluation,
                confidence=0.9,
                model=model,
            )
        yield from _by_helpers(code, told)
        yield from _between(code, told)


def _between(code: Code, told: set[ast.AST]) -> Iterator[Claim]:
    """Modules that run between `model.eval()` and `model.train()`, in no loop that is told already."""
    switched = {c.node: c for c in code.calls(".eval", ".train") if c.receiver is not None}
    ran = _model_calls(code)
    for off in (c for c in switched.values() if c.method == "eval"):
        statement = code.source.index.statement(off.node)
        block = code.source.index.block(statement)
        later = block[block.index(statement) + 1 :]
        ends = [i for i, s in enumerate(later) if _switches_on(switched, s, off)]
        held = [n for s in later[: ends[0]] for n in ast.walk(s)] if ends else []
        text = " ".join(ast.unparse(s) for s in later[: ends[0]]) if ends else ""
        if not held or _USES.search(text) or told.intersection(held):
            continue
        run = next((c for c in ran if c.node in held), None)
        if run is not None and code.without_gradients(run) is False:
            yield code.claim(
                run.node,
                f"`{ast.unparse(run.node.func)}` runs here with gradients on, and nothing uses them",
                "run it under `torch.no_grad()` or `torch.inference_mode()`",
                because=[code.step("evaluation begins here", off.node)],
                confidence=0.9,
                # A single answer, such as one action, gives its graph back at once.
                level=None if code.loops(off.node) else "possible",
            )


def _switches_on(switched: dict[ast.Call, Call], statement: ast.stmt, off: Call) -> bool:
    """Whether a statement puts what was switched off into training mode again."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    back = switched.get(value) if isinstance(value, ast.Call) else None
    on = back.receiver if back is not None and back.method == "train" and not value.args else None  # type: ignore[union-attr]
    return (
        on is not None and off.receiver is not None and ast.unparse(on) == ast.unparse(off.receiver)
    )


def _by_helpers(code: Code, told: set[ast.AST]) -> Iterator[Claim]:
    """Evaluation loops that run a module in a function of the project, by a method of the same class mostly."""
    for node in code.nodes(ast.For):
        loop = code.loop(node)
        if node in told or loop.kind not in ("batch", "inference"):
            continue
        own = [h for h in code.running(node, 1) if h.root is not h.call.node]
        runs = next((h for h in own if _runs_module(code, h.call)), None)
        if runs is None or code.hook(loop.where) is not None:
            continue
        evaluation = code.evaluates(loop)
        if evaluation is None or _uses_gradients(code, loop.where.scope.node, loop):
            continue
        shown = runs.root if isinstance(runs.root, ast.expr) else runs.call.node
        if code.without_gradients(shown) is not False or code.without_gradients(runs.call) is True:
            continue
        if _steps(code, loop):
            continue
        yield code.claim(
            shown,
            f"this runs `{ast.unparse(runs.call.node.func)}` with gradients on, and nothing here uses them",
            "run the loop under `torch.no_grad()` or `torch.inference_mode()`",
            because=[
                *evaluation,
                code.step("the model runs here", runs.call.node, runs.call.where),
            ],
            confidence=0.88,
        )


def _steps(code: Code, loop: Loop) -> bool:
    """Whether a pass takes gradients or a step of something; a `step` of the project's own is followed."""
    calls = [h.call for h in code.running(loop.node)]
    return any(
        c.method == "backward" or (c.method == "step" and not isinstance(c.target, Where))
        for c in calls
    )


def _runs_module(code: Code, call: Call) -> bool:
    if call.where.source is not code.source:
        return False
    known = {c.node for c in code.module_calls()} | {c.node for c, _ in code.module_methods}
    return call.node in known and call.entry("losses") is None


def _model_calls(code: Code) -> list[Call]:
    """The calls that surely, or by their name and an argument of a batch, run a module."""
    bare = {f"{name}()" for name in code.words("layers", "weights", "none")}
    known = [c for c in code.module_calls() if c.name not in bare]
    named = [
        code.call(node, where)
        for where in code.functions
        for node in where.scope.calls
        if isinstance(node.func, ast.Name | ast.Attribute)
        and _MODEL.search(ast.unparse(node.func).rpartition(".")[2])
        and (node.args or node.keywords)
        and _is_instance(code, node.func)
        and not _is_method(code.call(node, where))
    ]
    switched = {ast.unparse(c.receiver) for c in code.calls(".eval") if c.receiver is not None}
    named += [
        code.call(node, where)
        for where in code.functions
        for node in where.scope.calls
        if node.args and ast.unparse(node.func) in switched
    ]
    return sorted({*known, *named}, key=lambda c: (c.node.lineno, c.node.col_offset))


def _is_method(call: Call) -> bool:
    """Whether it surely runs a method of the project that has a name of its own: `self.eval_model(…)`."""
    target = call.target
    return isinstance(target, Where) and target.scope.name == call.method


def _is_instance(code: Code, function: ast.expr) -> bool:
    """Whether nothing speaks against it being a module: a parameter, or one that is made."""
    found = code.origins(function)
    if isinstance(function, ast.Attribute) and ast.unparse(function.value) != "self":
        return False
    return code.name(function) is None and all(o.kind in ("parameter", "unknown") for o in found)


def _evaluates(code: Code, call: Call, loop: Loop) -> list | None:  # type: ignore[type-arg]
    function = call.where.scope.node
    own = code.hook(call.where) is not None
    if own or ast.unparse(call.node.func) == "self" or _uses_gradients(code, function, loop):
        return None
    evaluation = code.evaluates(loop)
    if evaluation is None:
        return None
    if _steps(code, loop):
        return None
    # A known module, or `eval()` nearby, shows that torch runs here and not a plain function.
    puts = any(
        c.method == "eval" and c.receiver is not None
        for c in (code.call(n, call.where) for n in call.where.scope.calls)
    )
    return evaluation if puts or call.name is not None else None


def _uses_gradients(code: Code, function: ast.AST, loop: Loop) -> bool:
    """Whether the function (of a script, the loop) has to do with gradients."""
    node = loop.node if isinstance(function, ast.Module) else function
    first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", None)
    if isinstance(function, ast.Module) and re.search(
        r"set_grad_enabled\(False\)", code.source.text
    ):
        return True
    text = "\n".join(code.source.lines[first - 1 : last])
    if "volatile=True" in text:
        return True  # the `no_grad` of PyTorch before 0.4
    if not isinstance(function, ast.Module):
        # A function that also trains mentions them for its own reasons: only its loop counts.
        trains = re.search(r"\.backward\(", text)
        if trains:
            text = "\n".join(code.source.lines[loop.node.lineno - 1 : loop.node.end_lineno])
            return bool(re.search(r"backward|autograd|requires_grad|set_grad_enabled", text))
    return bool(_USES.search(text))
