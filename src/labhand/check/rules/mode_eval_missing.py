"""A model with dropout or batch normalisation that is evaluated in training mode."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import contexts
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import UNKNOWN, Fact, Step
from labhand.kit.code.model import FunctionNode
from labhand.kit.code.splits import part_in

_EVALUATES = re.compile(
    r"(^|_)(eval\w*|estimate|val|valid\w*|test\w*|predict\w*|infer\w*|score|accuracy)(_|$)"
)
_STOCHASTIC = re.compile(
    r"mc_|monte|dropout|uncertain|bayes|ensemble|update_bn|recalibrat|calib|swa|tta", re.I
)

_LAYERS = re.compile(r"Dropout|dropout\(|BatchNorm|torchvision|\btimm\b|resnet", re.I)
_SWITCHED = re.compile(r"([\w.]+)\.(?:train|eval)\(\)")
_TAUGHT = re.compile(r"load|train|fit|optim|backward|\.step", re.I)


class Rule:
    """A model with dropout or batch normalisation that is evaluated in training mode.

    ## What it does
    Follows `train()` and `eval()` through functions and files, and reports a call of a module without
    gradients, on validation or test data, where the module surely is in training mode and holds a layer
    that depends on it.
    A model that nothing in the file puts into training mode is told of only if this rule is selected.

    ## Why is this bad
    Dropout goes on dropping at random, and batch normalisation uses the statistics of each batch and
    stores them: the score is noisy, too low, depends on the batch size, and test data leaks into the
    running statistics.

    ## Known problems
    Where the layers of a model cannot be seen, only an explicit `train()` before it counts. Silent for
    models of `from_pretrained` (they come in evaluation mode), Monte Carlo dropout, recalibration of batch
    statistics, Lightning and HF Trainer.

    ## Example
    ```python
    model.train()
    fit(model, train_loader)
    with torch.no_grad():
        for x, y in test_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    ```

    ## Use instead
    ```python
    model.eval()
    with torch.no_grad():
        for x, y in test_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    ```

    ## Fix safety
    Scientific: the fix inserts `model.eval()` before an evaluation that no training follows.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval
    - Real cases: https://github.com/Zhenye-Na/DA-RNN/issues/30,
      https://github.com/yenchenlin/nerf-pytorch/issues/23.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The evaluations of one file that run in training mode, one for each model and function."""
        if not code.mentions(
            "no_grad",
            "inference_mode",
            "def test",
            "def eval",
            "def valid",
            "grad_enabled",
            ".train(",
        ):
            return
        if code.is_test:
            return
        told: set[tuple[object, str]] = set()
        for call, module in (*_candidates(code), *code.module_methods):
            model = ast.unparse(module)
            if model == "self" or (call.where.scope, model) in told:
                continue
            found = _in_training_mode(code, call, module)
            if found is not None:
                told.add((call.where.scope, model))
                yield _claim(code, call, model, *found)
        yield from _in_phases(code)


def _in_phases(code: Code) -> Iterator[Claim]:
    """Loops over the phases of training and validation in which nothing leaves training mode."""
    for loop in code.nodes(ast.For):
        phases = loop.iter.elts if isinstance(loop.iter, ast.List | ast.Tuple) else []
        named = [str(p.value) for p in phases if isinstance(p, ast.Constant)]
        parts = {part_in(n) for n in named}
        if "train" not in parts or not parts & {"validation", "test"}:
            continue
        doing = [h.call for h in code.running(loop)]
        trains = [c for c in doing if c.method == "train" and c.receiver is not None]
        switched = any(c.method == "eval" or (c.method == "train" and c.node.args) for c in doing)
        if switched or not trains or trains[0].where.source is not code.source:
            continue
        first = trains[0]
        model = ast.unparse(first.receiver) if first.receiver is not None else ""
        if not code.guards(first.node) and not _may_matter(code, model):
            continue  # who puts it into training mode in one phase alone holds that the mode matters
        run = next((c for c in doing if ast.unparse(c.node.func) == model), None)
        if run is not None and run.where.source is code.source:
            yield code.claim(
                run.node,
                f"`{model}` is evaluated in training mode: no phase of this loop puts it into "
                "evaluation mode, so dropout or batch normalisation behaves as in training",
                f'call `{model}.train(phase == "train")` at the start of each phase',
                because=[
                    code.step("the phases are gone through here", loop),
                    code.step("it is put into train mode", first.node, first.where),
                ],
                confidence=0.95,
                model=model,
            )


def _candidates(code: Code) -> list[tuple[Call, ast.expr]]:
    """The calls of modules, and of what is put into a mode in its file and so is one, or of its methods."""
    found = {call.node: (call, call.node.func) for call in code.module_calls()}
    switched = set(_SWITCHED.findall(code.source.text))
    plain = code.words("layers", "modules", "plain")
    for node in code.nodes(ast.Call):
        function = node.func
        if not isinstance(function, ast.Name | ast.Attribute) or node in found:
            continue
        of_module = isinstance(function, ast.Attribute) and function.attr not in plain and node.args
        if ast.unparse(function) in switched:
            found[node] = code.call(node), function
        elif of_module and ast.unparse(function.value) in switched:  # type: ignore[union-attr]
            found[node] = code.call(node), function.value  # type: ignore[union-attr]
    return sorted(found.values(), key=lambda c: (c[0].node.lineno, c[0].node.col_offset))


def _in_training_mode(
    code: Code, call: Call, module: ast.expr
) -> tuple[Fact, ast.expr | bool, list[Step]] | None:
    # The cheap questions first: most calls of modules train, or are no evaluation.
    if code.without_gradients(call) is not True and not _only_evaluates(code, call):
        return None
    evaluation = _evaluates(code, call)
    if evaluation is None or _trains(code, call) or _is_no_module(code, call, module):
        return None
    mode = _training(code, call, module)
    if not mode or _is_untaught(mode):
        return None
    layer = code.mode_matters(module, call.where)
    if layer is None and _is_told(mode) and _may_matter(code, ast.unparse(module)):
        layer = True
    return (mode, layer, evaluation) if layer else None


def _is_no_module(code: Code, call: Call, module: ast.expr) -> bool:
    """Whether it stands where `isinstance` has told that this is no module."""
    model = ast.unparse(module)
    return any(
        not holds and ast.unparse(test).startswith(f"isinstance({model}, ")
        for test, holds in code.guards(call.node)
    )


def _training(code: Code, call: Call, module: ast.expr) -> Fact:
    """Training mode, where all ways lead to it, or one by `train()` and no other to an `eval()`.

    Where callers differ, one of them who calls `train()` on all of its ways is enough.
    """
    modes = code.modes(module, call)
    told = [m for m in modes if m.value == "train"]
    if told and any(m.value == "eval" for m in modes):
        callers = code.modes_by_caller(module, call)
        sure = [f for f in callers if all(m.value == "train" and _is_told(m) for m in f)]
        return next((f[0] for f in sure if f), UNKNOWN)
    if not told:
        return UNKNOWN
    if len(told) == len(modes):
        return told[0]
    return next((m for m in told if _is_told(m)), UNKNOWN)


def _is_told(mode: Fact) -> bool:
    """Whether a call of `train()` says so: who calls it holds that the mode matters."""
    return bool(mode.chain) and isinstance(mode.chain[0].node, ast.Call)


def _may_matter(code: Code, model: str) -> bool:
    """Whether it is switched elsewhere, or files that belong together speak of layers that depend on it."""
    return code.mentions(f"{model}.eval()") or any(
        _LAYERS.search(one.text) for one in code.project.component(code.source)
    )


def _is_untaught(mode: Fact) -> bool:
    """Whether the model is made in a function that neither trains nor loads: its shapes are tried out."""
    made = mode.chain[0] if mode.chain else None
    if made is None or not isinstance(made.node, ast.Assign | ast.AnnAssign):
        return False
    function = made.source.index.scope(made.node).node
    is_function = isinstance(function, FunctionNode)
    return is_function and not _TAUGHT.search(ast.unparse(function))


def _only_evaluates(code: Code, call: Call) -> bool:
    """Whether a loop over held-out data, or a function that is called after evaluation, trains nothing."""
    scope = call.where.scope
    around = code.loops(call.node)
    if (
        around
        and around[0].kind in ("batch", "inference")
        and code.evaluates(around[0]) is not None
    ):
        return True
    looped = bool(code.loops(call.node, up=1)) and bool(_EVALUATES.search(scope.name))
    if not looped or call.node.args[:1] == []:
        return False
    body = scope.node
    return not any(h.call.method in ("backward", "step", "grad") for h in code.running(body))


def _evaluates(code: Code, call: Call) -> list[Step] | None:
    """What shows that this is an evaluation: held-out data, or the name of the function."""
    name = call.where.scope.name
    if _STOCHASTIC.search(name) or _STOCHASTIC.search(
        ast.unparse(code.source.index.statement(call.node))
    ):
        return None
    loops = code.loops(call.node)
    data = [loop.over for loop in loops if loop.over is not None] + call.node.args[:1]
    data = [*(g.iter for g in _comprehended(code, call)), *data]
    for part in (code.split(d) for d in data):
        if part.value in ("test", "validation", "held-out"):
            return list(part.chain)
    return [] if _EVALUATES.search(name) else None


def _comprehended(code: Code, call: Call) -> list[ast.comprehension]:
    """What the comprehensions around a call go over, innermost first."""
    kinds = ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp
    around = [a for a in code.source.index.ancestors(call.node) if isinstance(a, kinds)]
    return [g for a in around for g in a.generators]


def _trains(code: Code, call: Call) -> bool:
    """Whether the innermost loop around also trains: its forward without gradients is for a target."""
    loops = [] if _comprehended(code, call) else code.loops(call.node)
    return bool(loops) and any(h.call.method == "backward" for h in code.running(loops[0].node))


def _claim(
    code: Code,
    call: Call,
    model: str,
    mode: Fact,
    layer: ast.expr | bool,
    evaluation: list[Step],
) -> Claim:
    what = (
        f"`{ast.unparse(layer.func)}`"
        if isinstance(layer, ast.Call)
        else "dropout or batch normalisation"
    )
    return code.claim(
        call.node,
        f"`{model}` is evaluated in training mode: its {what} behaves as in training, so the score is "
        "noisy and the model may change",
        f"call `{model}.eval()` before, and `{model}.train()` when training goes on",
        because=[*mode.chain, *evaluation],
        confidence=0.95,
        change=_change(code, call, model),
        # What happens to the mode of a new model on the way is not always seen.
        level=None if _is_told(mode) and mode.chain[0].source is code.source else "possible",
        model=model,
    )


def _change(code: Code, call: Call, model: str) -> Change | None:
    """Puts the model into evaluation mode, where no training of the function follows."""
    for loop in code.loops(call.node, up=2):
        if any(
            h.call.method == "backward"
            for h in contexts.running(code.project, [loop.node], loop.where)
        ):
            return None
    around = [
        a for a in code.source.index.ancestors(call.node) if isinstance(a, ast.With | ast.For)
    ]
    anchor = around[-1] if around else code.source.index.statement(call.node)
    if any(
        code.leads(anchor, b.node)
        for b in code.calls(".backward")
        if b.where.scope is call.where.scope
    ):
        return None
    return Change(
        "scientific", f"Insert `{model}.eval()`", [code.before(anchor, f"{model}.eval()")]
    )
