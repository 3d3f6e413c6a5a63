"""Training that goes on in evaluation mode after the first evaluation."""

import ast
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import contexts, training
from labhand.kit.code.calls import Call
from labhand.kit.code.contexts import Loop
from labhand.kit.code.facts import Step
from labhand.kit.code.model import FunctionNode
from labhand.kit.code.origins import origins
from labhand.kit.code.paths import Point


class _Found(NamedTuple):
    training: Call
    module: str
    evaluation: Step
    layer: ast.expr | bool | None
    told: bool
    loops: list[Loop]


class Rule:
    """Training that goes on in evaluation mode after the first evaluation.

    ## What it does
    Follows the mode of each module that is trained, through functions and files, and reports an `eval()`
    from which a loop leads back to the training with no `train()` on the way.
    A module whose layers are out of sight is told of only if this rule is selected.

    ## Why is this bad
    From the second epoch on, dropout drops nothing and batch normalisation uses frozen statistics: the
    model overfits or learns against wrong statistics. The first epoch is fine, so it goes unseen.

    ## Known problems
    Silent where the model surely has no layer that depends on its mode, and where `eval()` stands right
    before the training in the same function: there somebody wanted frozen statistics.

    ## Example
    ```python
    model.train()
    for epoch in range(epochs):
        for x, y in train_loader:
            step(model, x, y)
        model.eval()
        validate(model, val_loader)
    ```

    ## Use instead
    ```python
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            step(model, x, y)
        model.eval()
        validate(model, val_loader)
    ```

    ## Fix safety
    Scientific: the fix inserts `model.train()` before the training loop, which changes every later epoch.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/autograd.html#evaluation-mode-nn-module-eval
    - Real cases: https://github.com/optuna/optuna/issues/1725 and
      https://github.com/wkentaro/pytorch-fcn/issues/57.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The evaluations after which training of this file goes on in the wrong mode."""
        if not code.mentions("backward") or code.is_test:
            return
        told: set[ast.AST] = set()
        for call, module in _candidates(code):
            found = _left_in_eval(code, call, module)
            if found is not None and found.evaluation.node not in told:
                told.add(found.evaluation.node)
                yield _claim(code, found)


def _candidates(code: Code) -> Iterator[tuple[Call, ast.expr]]:
    """The calls of modules, and of their methods, on whose output `backward()` is called in the same loop."""
    sure = {c.node for c in code.module_calls()}
    plain = code.words("layers", "modules", "plain")
    seen: set[tuple[object, object]] = set()
    for backward in code.calls(".backward"):
        around = code.source.index.loops(backward.node)[:1]  # none in a function for one step
        for node in backward.where.scope.calls:
            written = ast.unparse(node.func)
            key = (around[0] if around else backward.where.scope, written)
            if key in seen or code.source.index.loops(node)[:1] != around:
                continue
            seen.add(key)
            function = node.func
            if node in sure or _is_switched(code, written):
                yield code.call(node), function
            elif (
                isinstance(function, ast.Attribute)
                and function.attr not in plain
                and node.args
                and _is_switched(code, ast.unparse(function.value))
            ):
                yield code.call(node), function.value


def _is_switched(code: Code, written: str) -> bool:
    """Whether something of this name, a model then, is put into a mode somewhere in the file."""
    if "(" in written or written == "self":
        return False
    return code.mentions(f"{written}.eval()", f"{written}.train()")


def _left_in_eval(code: Code, call: Call, module: ast.expr) -> _Found | None:
    if code.without_gradients(call) is True:
        return None
    modes = code.modes(module, call)
    evaluation = next((m.chain[0] for m in modes if m.value == "eval" and m.chain), None)
    if evaluation is None or not isinstance(evaluation.node, ast.Call):
        return None
    if code.mentions("freeze_bn", "frozen_bn", "freeze_batch"):
        return None
    around = [loop for loop in code.loops(call.node, up=3)]
    if any(_puts_back(loop, ast.unparse(module)) for loop in around):
        return None
    if around and _steps_others(code, around[0], ast.unparse(module)):
        return None
    if _is_restored(code, evaluation, call, ast.unparse(module)) or _is_put_back(evaluation):
        return None
    circle = _comes_round(code, evaluation, call, ast.unparse(module), around)
    layer = code.mode_matters(module, call.where)
    if not circle or layer is False:
        return None
    told = any(
        m.value == "train" and m.chain and isinstance(m.chain[0].node, ast.Call) for m in modes
    )
    return _Found(call, ast.unparse(module), evaluation, layer, told, around)


def _puts_back(loop: Loop, module: str) -> bool:
    """Whether a pass begins by `if not model.training: model.train()`."""
    return any(
        isinstance(s, ast.If)
        and ast.unparse(s.test) == f"not {module}.training"
        and any(ast.unparse(inner) == f"{module}.train()" for inner in s.body)
        for s in loop.node.body
    )


def _steps_others(code: Code, loop: Loop, module: str) -> bool:
    """Whether the optimizers that step in a loop are surely made from other modules."""
    if module.partition(".")[0] in {"self", *loop.where.scope.parameters}:
        return False  # it may go by another name where the optimizer is made
    found = training.events(code.project, training.inside(loop.node), loop.where)
    made = [
        o
        for e in found
        if e.kind == "step" and e.subject is not None
        for o in origins(code.project, e.subject, e.where)
    ]
    parts = [training.made_from(o) for o in made]
    here = all(o.where is not None and o.where.source is code.source for o in made)
    return bool(made) and here and all(p is not None and module not in p for p in parts)


def _is_put_back(evaluation: Step) -> bool:
    """Whether the function that evaluates puts back the mode it found: `was = model.training`."""
    node = evaluation.source.index.scope(evaluation.node).node
    text = ast.unparse(node) if isinstance(node, FunctionNode) else ""
    kept = re.findall(r"(\w+) = [\w.]+\.training\b", text)
    return any(re.search(rf"if {was}:|\.train\((mode=)?{was}\)", text) for was in kept)


def _is_restored(code: Code, evaluation: Step, training: Call, module: str) -> bool:
    """Whether the same function puts it back: what it propagates in between looks for an attack."""
    assert isinstance(evaluation.node, ast.Call)
    again = [c for c in code.calls(".train") if c.where.scope is training.where.scope]
    mine = evaluation.source is code.source and evaluation.node in training.where.scope.calls
    return mine and any(
        c.receiver is not None
        and ast.unparse(c.receiver) == module
        and c.node.lineno > training.node.lineno
        and not code.loops(c.node)
        for c in again
    )


def _comes_round(
    code: Code, evaluation: Step, training: Call, module: str, around: list[Loop]
) -> bool:
    """Whether a loop around the training holds the evaluation too, which is no part of the training."""
    for loop in around:
        inside = [h for h in contexts.running(code.project, [*loop.node.body], loop.where)]
        if not any(h.call.node is evaluation.node for h in inside):
            continue
        root = next(h.root for h in inside if h.call.node is evaluation.node)
        start = next((h.root for h in inside if h.call.node is training.node), training.node)
        paths = loop.where.source.names.paths(loop.where.scope)
        names = loop.where.source.names
        one, other = names.point(root), names.point(start)
        back = _switches_back(code, loop, module, evaluation)
        round_ = paths.leads(one, loop.node, back) and paths.leads(loop.node, other, back)
        if one is other:  # one call of a function does both: its own order counts
            return round_ and not _right_before(evaluation, training)
        before = paths.leads(one, other, avoiding=[loop.node])
        elsewhere = root is not evaluation.node
        return round_ and (not before or elsewhere)
    return False


def _switches_back(
    code: Code, loop: Loop, module: str, evaluation: Step
) -> Callable[[Point], bool]:
    """A test for ways: whether a statement puts the module, by one of its two names, into training mode."""
    assert isinstance(evaluation.node, ast.Call)
    assert isinstance(evaluation.node.func, ast.Attribute)
    names = {module, ast.unparse(evaluation.node.func.value)}

    def test(point: Point) -> bool:
        return any(
            h.call.method == "train"
            and h.call.receiver is not None
            and ast.unparse(h.call.receiver) in names
            for h in code.doing(point, loop.where)
        )

    return test


def _right_before(evaluation: Step, training: Call) -> bool:
    """Whether `eval()` stands before the training in its own function: frozen statistics on purpose."""
    source, scope = training.where
    if evaluation.source is not source or evaluation.node not in scope.calls:
        return False
    names = source.names
    return names.paths(scope).leads(names.point(evaluation.node), names.point(training.node))


def _claim(code: Code, found: _Found) -> Claim:
    module = found.module
    here = found.evaluation.source is code.source
    shown = found.evaluation.node if here else found.training.node
    layer = found.layer
    what = (
        f"its `{ast.unparse(layer.func)}` no longer behaves as in training"
        if isinstance(layer, ast.Call)
        else "dropout and batch normalisation no longer behave as in training"
    )
    return code.claim(
        shown,
        f"`{module}` is put into evaluation mode and trained on in it when the loop comes round: {what}",
        f"call `{module}.train()` at the start of each pass over the training data",
        because=[
            found.evaluation,
            code.step("training goes on here, in evaluation mode", found.training.node),
        ],
        confidence=0.95 if layer else 0.9,
        change=_change(code, found, module),
        # Who calls `train()` before holds that the mode matters, whatever the layers are.
        level=None if layer or found.told else "possible",
        model=module,
    )


def _change(code: Code, found: _Found, module: str) -> Change | None:
    """Switches back before the innermost loop of the training, or after an evaluation inside it."""
    if not found.loops or found.loops[0].where.source is not code.source:
        return None
    loop = found.loops[0]
    inside = contexts.running(code.project, [*loop.node.body], loop.where)
    text = f"{module}.train()"
    if any(h.call.node is found.evaluation.node for h in inside):
        first = loop.node.body[0]
        edit = code.before(first, text)
    else:
        edit = code.before(loop.node, text)
    return Change("scientific", f"Insert `{text}`", [edit])
