"""An optimizer that was built before the model got its parameters."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import optimizers
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot
from labhand.kit.code.layers import makes_weights
from labhand.kit.code.optimizers import Built
from labhand.kit.code.origins import argument
from labhand.kit.code.paths import Point
from labhand.kit.code.project import CallSite, Known, Where

_REPLACING = frozenset(
    "torch.distributed.fsdp.FullyShardedDataParallel peft.get_peft_model torch.nn.utils.weight_norm "
    "torch.nn.utils.parametrizations.weight_norm torch.nn.utils.parametrizations.spectral_norm".split()
)
_METHODS = frozenset({"add_module", "register_module", "resize_token_embeddings", "add_adapter"})
_MAKERS = (
    "torchvision.models.",
    "timm.create_model",
    "transformers.",
    "segmentation_models_pytorch.",
)


class _Change(NamedTuple):
    node: ast.stmt
    what: str


class Rule:
    """An optimizer that was built before the model got its parameters.

    ## What it does
    Reports an optimizer made from `model.parameters()` where a way leads from it to a statement that
    replaces a layer of that model, adds one, makes the model anew, unfreezes parameters that the optimizer
    left out, or wraps it in FSDP or PEFT, and on to a use of the optimizer without making it again.
    In notebooks it is told only if this rule is selected.

    ## Why is this bad
    The optimizer holds the old parameters: the new head is never trained, and stays random. The loss falls
    all the same, by the other layers.

    ## Known problems
    `model.to(device)` after the optimizer is safe in current PyTorch and not reported. Silent where the
    change is made in code that cannot be seen.

    ## Example
    ```python
    optimizer = torch.optim.Adam(model.parameters())
    model.fc = nn.Linear(512, 10)
    ```

    ## Use instead
    ```python
    model.fc = nn.Linear(512, 10)
    optimizer = torch.optim.Adam(model.parameters())
    ```

    ## Fix safety
    There is no fix: what lies between the two lines decides where the optimizer belongs.

    ## References
    - https://docs.pytorch.org/docs/stable/optim.html#constructing-it
    - Real case: https://discuss.pytorch.org/t/84911, reproduced in TrainCheck,
      https://github.com/OrderLab/TrainCheck.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The optimizers of one file that hold parameters of the past."""
        if not code.mentions("optim", "Adam", "SGD"):
            return
        for optimizer in optimizers.built(code):
            change = _changed_after(code, optimizer)
            if change is not None:
                yield code.claim(
                    optimizer.call.node,
                    f"`{optimizer.name}` is built from `{', '.join(optimizer.models)}` before line "
                    f"{code.line(change.node)} {change.what}: it never trains the new parameters",
                    f"make `{optimizer.name}` after the model is as it will be trained",
                    because=[code.step("the model changes here", change.node)],
                    confidence=0.95,
                    # Cells of one experiment after the other use the same names.
                    level="possible" if code.source.cells else None,
                    optimizer=optimizer.name,
                )


def _changed_after(code: Code, optimizer: Built) -> _Change | None:
    ways = code.paths(optimizer.statement)

    def anew(point: Point) -> bool:
        return point is optimizer.statement or optimizers.sets_anew(optimizer, point)

    for change in _changes(code, optimizer):
        if not ways.leads(optimizer.statement, code.point(change.node), anew):
            continue
        later = code.paths(change.node)
        if _used_elsewhere(code, optimizer, change) and not any(
            anew(p) for p in later.after if p is not optimizer.statement
        ):
            return change
        for point in list(ways.after):
            used = optimizers.uses(code, optimizer, point)
            if (
                used
                and not anew(point)
                and point is not change.node
                and ways.leads(code.point(change.node), point, anew)
            ):
                return change
    return None


def _changes(code: Code, optimizer: Built) -> Iterator[_Change]:
    """The statements of the function that give a model of the optimizer other parameters."""
    scope = optimizer.call.where.scope
    for model in optimizer.models:
        for node in code.nodes(ast.Assign):
            if code.where(node).scope is scope:
                what = _assigned(code, optimizer, node, model)
                if what is not None:
                    yield _Change(node, what)
        for call in scope.calls:
            what = _called(code, code.call(call), model)
            statement = code.source.index.statement(call)
            if what is not None and statement is not optimizer.statement:
                yield _Change(statement, what)


def _assigned(code: Code, optimizer: Built, node: ast.Assign, model: str) -> str | None:
    target = node.targets[0]
    written = ast.unparse(target)
    value = node.value
    if optimizer.filtered and written.endswith(".requires_grad"):
        thaws = isinstance(value, ast.Constant) and value.value is True
        loops = [loop.iter for loop in code.source.index.loops(node) if isinstance(loop, ast.For)]
        mine = any(ast.unparse(loop).startswith(f"{model}.") for loop in loops)
        return "lets more of its parameters be trained" if thaws and mine else None
    if not isinstance(value, ast.Call):
        return None
    made = code.call(value)
    if written == model:
        if optimizer.name.startswith(f"{model}."):
            return None  # the new model has an optimizer of its own under that name
        return _rebound(made, model) or _made_as_before(code, optimizer, node, model)
    inside = isinstance(target, ast.Attribute | ast.Subscript) and written.startswith(
        (f"{model}.", f"{model}[")
    )
    return f"sets `{written}`" if inside and _is_layer(code, made) else None


def _is_layer(code: Code, made: Call) -> bool:
    """Whether a call makes a module with weights, itself or in the project's function that it is."""
    if makes_weights(made):
        return True
    found = code.origins(made.node)
    expressions = [o.expression for o in found if isinstance(o.expression, ast.Call) and o.where]
    calls = [code.call(e, o.where) for e, o in zip(expressions, found, strict=False)]
    return bool(calls) and len(calls) == len(found) and all(makes_weights(c) for c in calls)


def _rebound(made: Call, model: str) -> str | None:
    """What giving the model's name another value does, where it makes other parameters."""
    if made.name in _REPLACING:
        return f"wraps `{model}` and makes other parameters of its own"
    given = [ast.unparse(a) for a in (*made.node.args, *(k.value for k in made.node.keywords))]
    if any(model in g for g in given) or ast.unparse(made.node.func).startswith(f"{model}."):
        return None
    fresh = isinstance(made.target, Known) or (made.name or "").startswith(_MAKERS)
    return f"makes `{model}` anew" if fresh or makes_weights(made) else None


def _made_as_before(code: Code, optimizer: Built, node: ast.Assign, model: str) -> str | None:
    """Whether a model that some call made is made by such a call once more."""
    assert isinstance(node.value, ast.Call)
    function = ast.unparse(node.value.func)
    same = any(
        isinstance(other.value, ast.Call)
        and other is not node
        and ast.unparse(other.targets[0]) == model
        and ast.unparse(other.value.func) == function
        and code.leads(other, optimizer.statement)
        for other in code.nodes(ast.Assign)
    )
    parts = {ast.unparse(n) for n in ast.walk(node.value) if isinstance(n, ast.expr)}
    return f"makes `{model}` anew" if same and model not in parts else None


def _used_elsewhere(code: Code, optimizer: Built, change: _Change) -> bool:
    """Whether another method reads the optimizer, or a function that is called after the change."""
    reads: list[ast.Name | ast.Attribute] = [*code.nodes(ast.Name), *code.nodes(ast.Attribute)]
    here = optimizer.call.where
    readers = {
        code.where(node).scope
        for node in reads
        if isinstance(node.ctx, ast.Load) and ast.unparse(node) == optimizer.name
    } - {here.scope}
    if here.scope is not code.source.index.module or not readers:
        return bool(readers)
    ways, after = code.paths(change.node), code.point(change.node)
    return any(
        ways.leads(after, point) and any(h.call.where.scope in readers for h in doing)
        for point in list(ways.after)
        if (doing := code.doing(point, here))
    )


def _called(code: Code, call: Call, model: str) -> str | None:
    receiver = ast.unparse(call.receiver) if call.receiver is not None else ""
    if receiver == model and call.method in _METHODS:
        return f"calls `{call.method}`"
    part = receiver.startswith(f"{model}.") and call.method in ("append", "insert", "add_module")
    if part and any(
        isinstance(a, ast.Call) and makes_weights(code.call(a)) for a in call.node.args
    ):
        return f"adds a layer to `{receiver}`"
    target = call.target
    own = target.scope.parameters[:1] if isinstance(target, Where) and receiver == model else []
    if isinstance(target, Where) and own and _replaces(code, target, own[0]):
        return f"replaces a layer, in `{target.scope.name}`"
    inner = isinstance(target, Where) and receiver == "self" and model.startswith("self.")
    if inner and isinstance(target, Where) and _replaces(code, target, model):
        return f"replaces a layer, in `{target.scope.name}`"
    if isinstance(target, Where) and call.receiver is None:
        for name in target.scope.parameters:
            given = argument(CallSite(call.node, call.where), target, name)
            if given is not None and ast.unparse(given) == model and _replaces(code, target, name):
                return f"replaces a layer, in `{target.scope.name}`"
    return None


def _replaces(code: Code, target: Where, name: str) -> bool:
    """Whether a function of the project sets a layer of what it is given."""
    if isinstance(target.scope.node, ast.Module):
        return False
    for node in ast.walk(target.scope.node):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            written = ast.unparse(node.targets[0])
            made = code.call(node.value, target)
            if written.startswith(f"{name}.") and (makes_weights(made) or _moved(code, made)):
                return True
    return False


def _moved(code: Code, made: Call) -> bool:
    """Whether it is a new layer that is moved to a device: `self.net.head = new.to(device)`."""
    if made.method not in ("to", "cuda", "float", "half") or made.receiver is None:
        return False
    found = code.origins(Spot(made.receiver, made.where))
    calls = [
        code.call(o.expression, o.where)
        for o in found
        if isinstance(o.expression, ast.Call) and o.where is not None
    ]
    return bool(calls) and len(calls) == len(found) and all(makes_weights(c) for c in calls)
