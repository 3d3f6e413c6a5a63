"""A training forward that goes around the wrapper which keeps the ranks together."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import knowledge
from labhand.kit.code.calls import Call
from labhand.kit.code.project import Where

_STATE = frozenset("state_dict load_state_dict parameters named_parameters train eval to".split())
_WRAPPERS = (
    "torch.nn.parallel.DistributedDataParallel",
    "torch.nn.parallel.distributed.DistributedDataParallel",
    "torch.distributed.fsdp.FullyShardedDataParallel",
)


class Rule:
    """A training forward that goes around the wrapper which keeps the ranks together.

    ## What it does
    Reports `model.module(…)` and calls of the unwrapped model in training code, where a
    DistributedDataParallel or FSDP wraps that model; and a model that is wrapped twice, or anew in each epoch.

    ## Why is this bad
    The wrapper's `forward` prepares the exchange of gradients. A forward that goes around it computes
    gradients which no other rank hears of: each rank trains a model of its own, and rank 0's is saved.

    ## Known problems
    Only `.module(…)`, `.module.forward(…)` and a plain name that was wrapped under another are seen; calls of
    other methods of the inner model are not.

    ## Example
    ```python
    ddp_model = DistributedDataParallel(model)
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    ```

    ## Use instead
    ```python
    loss = criterion(ddp_model(x), y)
    ```

    ## Fix safety
    No fix: a forward around the wrapper may be meant, under `no_grad`.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/ddp.html
    - Real cases: https://github.com/pytorch/pytorch/issues/104336, and the study of silent training errors
      https://www.usenix.org/conference/osdi25/presentation/jiang.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The forwards of one file that go around a wrapper."""
        if not code.mentions("DistributedDataParallel", "FullyShardedDataParallel"):
            return
        wraps = code.calls(*_WRAPPERS)
        for wrap in wraps:
            yield from _again(code, wrap)
        if code.mentions(".backward("):
            yield from _inner(code, wraps)
            yield from _by_helper(code, wraps)
            for wrap in wraps:
                yield from _unwrapped(code, wrap)


def _inner(code: Code, wraps: list[Call]) -> Iterator[Claim]:
    """`model.module(x)` and `model.module.forward(x)` where gradients are taken."""
    for node in code.nodes(ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "forward":
            function = function.value
        if not isinstance(function, ast.Attribute) or function.attr != "module":
            continue
        outer = ast.unparse(function.value)
        if outer == "self" or not (node.args or node.keywords) or not _trains(code, node):
            continue
        yield code.claim(
            node,
            f"`{outer}.module` is called past the wrapper in training: its gradients are not exchanged "
            "between the ranks",
            f"call `{outer}(…)`",
            because=[code.step("the model is wrapped here", w.node) for w in wraps[:1]],
            confidence=0.95,
        )


def _by_helper(code: Code, wraps: list[Call]) -> Iterator[Claim]:
    """`unwrap(model)(x)` and `unwrap(model).loss(x)`, by a function of the project that gives the inner module."""
    for node in code.nodes(ast.Call):
        inner = node.func
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Call):
            if inner.attr in _STATE:
                continue
            inner = inner.value
        if not isinstance(inner, ast.Call) or not (node.args or node.keywords):
            continue
        target = code.call(inner).target
        if not isinstance(target, Where) or not _gives_inner(target) or not _trains(code, node):
            continue
        yield code.claim(
            node,
            f"`{ast.unparse(inner)}` is the module without its wrapper, and runs in training: its gradients "
            "are not exchanged between the ranks",
            "call the wrapper, whose `forward` computes the loss",
            because=[code.step("the model is wrapped here", w.node, w.where) for w in wraps[:1]],
            confidence=0.93,
        )


def _gives_inner(target: Where) -> bool:
    """Whether a function gives back the `module` of what it is given."""
    names = target.scope.parameters
    return any(
        isinstance(n, ast.Attribute) and n.attr == "module" and ast.unparse(n.value) in names
        for r in target.scope.returns
        for n in ast.walk(r)
    )


def _trains(code: Code, node: ast.expr) -> bool:
    """Whether a call's value is propagated back in its function."""
    if code.without_gradients(node) is True:
        return False
    scope = code.where(node).scope
    backwards = [c for c in code.calls(".backward") if c.where.scope is scope]
    for backward in backwards:
        losses = [backward.receiver, *backward.node.args]
        if any(loss is not None and node in code.behind(loss) for loss in losses):
            return True
    return False


def _unwrapped(code: Code, wrap: Call) -> Iterator[Claim]:
    """Calls of the model by the name that it had before it was wrapped under another."""
    statement = code.source.index.parents.get(wrap.node)
    given = wrap.arg(0, "module")
    if not isinstance(statement, ast.Assign) or not isinstance(given, ast.Name | ast.Attribute):
        return
    inner, outer = ast.unparse(given), [ast.unparse(t) for t in statement.targets]
    if inner in outer or code.guards(statement):
        return
    whole = inner.startswith("self.")
    for node in code.nodes(ast.Call):
        if ast.unparse(node.func) != inner or not (node.args or node.keywords):
            continue
        same = whole or code.where(node).scope is wrap.where.scope
        follows = whole or code.leads(statement, node)
        if same and follows and not _bound_anew(code, node, given) and _trains(code, node):
            yield code.claim(
                node,
                f"`{inner}` is called in training, though `{outer[0]}` wraps it: its gradients are not "
                "exchanged between the ranks",
                f"call `{outer[0]}(…)`",
                because=[code.step("the model is wrapped here", wrap.node)],
                confidence=0.95,
            )


def _bound_anew(code: Code, node: ast.Call, given: ast.expr) -> bool:
    """Whether a plain name means something else where it is called than where it was wrapped."""
    if not isinstance(given, ast.Name) or not isinstance(node.func, ast.Name):
        return False
    here = {id(b.node) for b in code.project.reaching(node.func, code.where(node))[1]}
    there = {id(b.node) for b in code.project.reaching(given, code.where(given))[1]}
    return here != there


def _again(code: Code, wrap: Call) -> Iterator[Claim]:
    """A wrapper around a wrapper, or one more in each epoch."""
    given = wrap.arg(0, "module")
    if given is None:
        return
    statement = code.source.index.statement(wrap.node)
    targets = [ast.unparse(t) for t in getattr(statement, "targets", [])]
    grows = ast.unparse(given) in targets
    loops = [x for x in code.loops(wrap.node) if x.kind in ("epoch", "batch", "accumulation")]
    if grows and loops and not _fresh(code, loops[0].node, given) and not code.guards(statement):
        yield code.claim(
            wrap.node,
            f"the model is wrapped once more in each pass of the loop at line {code.line(loops[0].node)}",
            "wrap it once, before the training begins",
            confidence=0.93,
        )
        return
    wrapped = code.made_by(given) if not isinstance(given, ast.Call) else code.call(given)
    inner = _wrapped_before(code, given) if isinstance(given, ast.Name) else wrapped
    if inner is not None and inner.name in _WRAPPERS and inner.node is not wrap.node:
        yield code.claim(
            wrap.node,
            "the model is wrapped already: gradients are exchanged twice",
            "wrap it once",
            because=[code.step("it is wrapped here first", inner.node, inner.where)],
            confidence=0.93,
        )


def _wrapped_before(code: Code, given: ast.Name) -> Call | None:
    where = code.where(given)
    home, bindings = code.project.reaching(given, where)
    values = [b.value for b in bindings if b.how == "assign"]
    if len(values) == len(bindings) == 1 and isinstance(values[0], ast.Call):
        return code.call(values[0], home)
    return None


def _fresh(code: Code, loop: ast.stmt, given: ast.expr) -> bool:
    """Whether each pass of the loop makes a model, or an optimizer, of its own."""
    written = ast.unparse(given)
    for node in ast.walk(loop):
        if isinstance(node, ast.Assign) and written in [ast.unparse(t) for t in node.targets]:
            value = node.value
            if not (isinstance(value, ast.Call) and code.call(value).name in _WRAPPERS):
                return True
        if isinstance(node, ast.Call) and knowledge.is_optimizer(code.call(node).name or ""):
            return True
    return False
