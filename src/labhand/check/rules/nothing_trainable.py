"""An optimizer whose parameters are all frozen, or belong to a model that the loss does not use."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import optimizers
from labhand.kit.code.calls import Call
from labhand.kit.code.layers import makes_weights
from labhand.kit.code.optimizers import Built, modules_in
from labhand.kit.code.origins import argument
from labhand.kit.code.training import events, inside

_THAWS = frozenset(
    {"requires_grad_", "add_module", "get_peft_model", "unfreeze", "train_only", "add_adapter"}
)
_OPTIMIZER = re.compile(r"optimi[sz]er|optim|opt|solver")
_NET = re.compile(r"^(net|model)(?=_|\w)|(net|network|model)$")


class _Freeze(NamedTuple):
    node: ast.stmt
    model: str


class Rule:
    """An optimizer whose parameters are all frozen, or belong to a model that the loss does not use.

    ## What it does
    Reports an optimizer over `model.parameters()` where, on every way to it, all parameters of that model
    were frozen and none was let go or replaced, an optimizer that steps in a loop whose losses come from
    another model alone, and one named after a model that it does not hold, while it holds one that another
    optimizer trains already.

    ## Why is this bad
    Nothing is trained. With a loss that has some other gradient no error is raised, and the metric stays at
    chance or at that of the pretrained model.

    ## Known problems
    Silent where parameters may be let go in code that cannot be seen.

    ## Example
    ```python
    for p in model.parameters():
        p.requires_grad = False
    optimizer = torch.optim.Adam(model.parameters())
    ```

    ## Use instead
    ```python
    for p in model.parameters():
        p.requires_grad = False
    model.fc = nn.Linear(512, 10)
    optimizer = torch.optim.Adam(model.fc.parameters())
    ```

    ## Fix safety
    There is no fix: only the author knows what should be trained.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad
    - Real case: https://discuss.pytorch.org/t/84911, reproduced in TrainCheck,
      https://github.com/OrderLab/TrainCheck.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The optimizers of one file that have nothing to train."""
        if not code.mentions("optim", "Adam", "SGD") or code.is_test:
            return
        for optimizer in optimizers.built(code):
            frozen = _all_frozen(code, optimizer)
            if frozen is not None:
                yield code.claim(
                    optimizer.call.node,
                    f"all parameters of `{frozen.model}` are frozen at line {code.line(frozen.node)} and none is "
                    f"let go before `{optimizer.name}` is built: it trains nothing",
                    "freeze only the layers that should stay, or give the model a new head after freezing",
                    because=[code.step("everything is frozen here", frozen.node)],
                    confidence=0.95,
                )
                continue
            yield from _other_model(code, optimizer)
            yield from _twice(code, optimizer)


def _twice(code: Code, optimizer: Built) -> Iterator[Claim]:
    """An optimizer that is named after one module and holds another, which has its own."""
    stem = _stem(optimizer.name)
    if not stem or len(optimizer.models) != 1 or _is_called(optimizer.models[0], stem):
        return
    held = optimizer.models[0]
    scope = optimizer.call.where.scope
    others = [
        o
        for o in optimizers.built(code)
        if o.call.where.scope is scope and o.statement is not optimizer.statement
        if code.leads(o.statement, optimizer.statement)
        or code.leads(optimizer.statement, o.statement)
    ]
    own = [o for o in others if o.models == [held] and _is_called(held, _stem(o.name))]
    taken = {m for o in others for m in o.models}
    left = [
        ast.unparse(n.targets[0])
        for n in code.nodes(ast.Assign)
        if code.where(n).scope is scope and isinstance(n.value, ast.Call)
        if _is_called(ast.unparse(n.targets[0]), stem)
        if code.leads(n, optimizer.statement)
    ]
    if own and left and not taken & {*left}:
        yield code.claim(
            optimizer.call.node,
            f"`{optimizer.name}` is built from `{held}`, which `{own[0].name}` trains already: nothing "
            f"trains `{left[-1]}`",
            f"build it from `{left[-1]}.parameters()`",
            because=[code.step(f"`{held}` is trained by this one", own[0].call.node)],
            confidence=0.94,
            optimizer=optimizer.name,
        )


def _stem(name: str) -> str:
    """What an optimizer's name says besides that it is one: `policy` of `self.policy_optim`."""
    return _OPTIMIZER.sub("", name.rpartition(".")[2].lower()).strip("_")


def _is_called(module: str, stem: str) -> bool:
    """Whether a module's name is that of a stem: `netG` or `generator` of `g`, `critic` of `critic`."""
    last = module.rpartition(".")[2].lower()
    core = _NET.sub("", last).strip("_") or last
    return bool(stem) and (stem in (last, core) or (len(stem) == 1 and core.startswith(stem)))


def _all_frozen(code: Code, optimizer: Built) -> _Freeze | None:
    """A statement that freezes all of what the optimizer holds, with nothing let go after it."""
    scope = optimizer.call.where.scope
    freezes = [f for f in _freezes(code) if code.where(f.node).scope is scope]
    covered = [
        f for m in optimizer.models for f in freezes if m == f.model or m.startswith(f"{f.model}.")
    ]
    if len(covered) < len(optimizer.models) or not covered:
        return None
    return next((f for f in covered if _freezes_for_good(code, optimizer, f)), None)


def _freezes_for_good(code: Code, optimizer: Built, freeze: _Freeze) -> bool:
    """Whether a freezing surely comes before the optimizer is built, and nothing is let go after it."""
    leads = code.leads(freeze.node, optimizer.statement)
    if not leads or not code.always_before(optimizer.statement, lambda p: p is freeze.node):
        return False
    return not _lets_go(code, optimizer, freeze)


def _freezes(code: Code) -> Iterator[_Freeze]:
    yield from _in_functions(code)
    yield from _given_back(code)
    yield from _loops(code)
    for call in code.calls(".requires_grad_"):
        given = call.arg(0, "requires_grad")
        statement = code.source.index.statement(call.node)
        plain = isinstance(statement, ast.Expr) and statement.value is call.node
        off = isinstance(given, ast.Constant) and given.value is False
        if off and isinstance(statement, ast.Assign) and statement.value is call.node:
            yield _Freeze(statement, ast.unparse(statement.targets[0]))
        if plain and off and call.receiver is not None:
            yield _Freeze(statement, ast.unparse(call.receiver))


def _loops(code: Code) -> Iterator[_Freeze]:
    """Loops that freeze every parameter of a module."""
    for node in code.nodes(ast.For):
        frozen = [_off(s) for s in node.body]
        names = {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
        over, filtered = modules_in(node.iter)
        if len(over) == 1 and not filtered and any(f in names for f in frozen if f):
            whole = isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Attribute)
            if whole and node.iter.func.attr in ("parameters", "named_parameters"):  # type: ignore[attr-defined]
                yield _Freeze(node, over[0])


def _in_functions(code: Code) -> Iterator[_Freeze]:
    """Calls of the file's functions that freeze all of what they are given."""
    for frozen in _loops(code):
        where = code.where(frozen.node)
        if frozen.model not in where.scope.parameters or code.guards(frozen.node):
            continue
        for site in code.project.callers(where) or ():
            given = argument(site, where, frozen.model)
            statement = site.where.source.index.statement(site.call)
            plain = isinstance(statement, ast.Expr) and statement.value is site.call
            if given is not None and plain and site.where.source is code.source:
                yield _Freeze(statement, ast.unparse(given))


def _given_back(code: Code) -> Iterator[_Freeze]:
    """Calls of the file's functions that make a model, freeze all of it and give it back so."""
    for frozen in _loops(code):
        scope = code.where(frozen.node).scope
        returned = {ast.unparse(value) for value in scope.returns}
        block = code.source.index.block(frozen.node)
        later = [
            s
            for s in block[block.index(frozen.node) + 1 :]
            if not isinstance(s, ast.Return | ast.Pass)
        ]
        if returned != {frozen.model} or later or code.guards(frozen.node):
            continue
        for site in code.project.callers(code.where(frozen.node)) or ():
            statement = site.where.source.index.statement(site.call)
            if (
                isinstance(statement, ast.Assign)
                and statement.value is site.call
                and site.where.source is code.source
            ):
                yield _Freeze(statement, ast.unparse(statement.targets[0]))


def _off(statement: ast.stmt) -> str | None:
    """The name whose gradient a statement switches off without a condition."""
    match statement:
        case ast.Assign(
            targets=[ast.Attribute(value=ast.Name(id=name), attr="requires_grad")],
            value=ast.Constant(value=False),
        ):
            return name
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="requires_grad_"),
                args=[ast.Constant(value=False)],
            )
        ):
            return name
    return None


def _lets_go(code: Code, optimizer: Built, freeze: _Freeze) -> bool:
    """Whether something in the function may make parameters trainable after all are frozen."""
    scope = optimizer.call.where.scope
    model = freeze.model
    for node in code.nodes(ast.Assign):
        target = ast.unparse(node.targets[0])
        if node is optimizer.statement or code.where(node).scope is not scope:
            continue
        thaws = target.endswith("requires_grad") and getattr(node.value, "value", None) is not False
        layer = target == model or target.startswith((f"{model}.", f"{model}["))
        # What happens after the optimizer is built is no parameter of its own.
        between = layer and code.leads(freeze.node, node) and code.leads(node, optimizer.statement)
        if thaws or between:
            return True
    return any(
        node is not optimizer.call.node and _may_thaw(code, optimizer, freeze, code.call(node))
        for node in scope.calls
    )


def _may_thaw(code: Code, optimizer: Built, freeze: _Freeze, call: Call) -> bool:
    """Whether a call after the freezing may make parameters trainable."""
    statement = code.source.index.statement(call.node)
    if statement is freeze.node or not code.leads(freeze.node, statement):
        return False
    first = call.arg(0)
    off = isinstance(first, ast.Constant) and first.value is False
    receiver = ast.unparse(call.receiver) if call.receiver is not None else ""
    layers = [a for a in call.node.args if isinstance(a, ast.Call) and makes_weights(code.call(a))]
    if (call.method in _THAWS and not off) or (receiver.startswith(f"{freeze.model}.") and layers):
        return True
    handed = freeze.model in [ast.unparse(a) for a in call.node.args]
    known = (call.name or "").startswith(("torch.", "print", "len", "next"))
    return handed and not known and code.leads(statement, optimizer.statement)


def _other_model(code: Code, optimizer: Built) -> Iterator[Claim]:
    """The step of an optimizer in a loop whose losses come from other models alone."""
    models = [ast.parse(m, mode="eval").body for m in optimizer.models]
    if not all(isinstance(m, ast.Name | ast.Attribute) for m in models):
        return
    for step in code.calls(".step", *(f"{optimizer.call.name}.step",)):
        if step.receiver is None or ast.unparse(step.receiver) != optimizer.name:
            continue
        loops = code.source.index.loops(step.node)
        if not loops or step.where.scope is not optimizer.call.where.scope:
            continue
        if not _is_this(code, optimizer, step.receiver):
            continue
        outer = loops[-1]
        mine = {m.split(".")[0] for m in optimizer.models}
        if any(_takes_part(code, n, mine) for s in outer.body for n in ast.walk(s)):
            continue
        backwards = [
            e for e in events(code.project, inside(outer), step.where) if e.kind == "backward"
        ]
        called = [
            _models_behind(code, e.node) for e in backwards if e.where.scope is step.where.scope
        ]
        if not called or len(called) != len(backwards) or any(c is None for c in called):
            continue
        others = {m for c in called if c for m in c}
        if others and _apart(code, optimizer, others):
            other = sorted(others)[0]
            yield code.claim(
                optimizer.call.node,
                f"`{optimizer.name}` holds the parameters of `{', '.join(optimizer.models)}`, and the loop at "
                f"line {code.line(outer)} trains on losses of `{other}` alone: its steps change nothing",
                f"build the optimizer from `{other}.parameters()`",
                because=[code.step("it steps here", step.node)],
                confidence=0.95,
            )
            return


def _takes_part(code: Code, node: ast.AST, models: set[str]) -> bool:
    """Whether one of these names may take part in a loss: it stands anywhere but in a call without gradients."""
    if not isinstance(node, ast.Name) or node.id not in models:
        return False
    above = code.source.index.parents.get(node)
    called = isinstance(above, ast.Call) and above.func is node
    return not called or code.without_gradients(node) is not True


def _is_this(code: Code, optimizer: Built, receiver: ast.expr) -> bool:
    """Whether a name that is stepped surely means this optimizer, and none bound to it before or after."""
    if not isinstance(receiver, ast.Name):
        return True
    bound = code.project.reaching(receiver, code.where(receiver))[1]
    return all(b.node is optimizer.statement for b in bound)


def _models_behind(code: Code, node: ast.AST) -> set[str] | None:
    """The modules, as written, that a loss is computed by; None where something else may compute it."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    sure = {c.node for c in code.module_calls()}
    found: set[str] = set()
    for part, spot in code.behind(node.func.value).items():
        if part in sure and isinstance(part, ast.Call) and spot.where.source is code.source:
            call = code.call(part, spot.where)
            here = spot.where.scope is code.where(node).scope
            if not here and not ast.unparse(part.func).startswith("self."):
                return None  # a function of the file runs a module of its own
            if call.entry("losses") is None and here and code.without_gradients(call) is not True:
                found.add(ast.unparse(part.func))
    return found or None


def _apart(code: Code, optimizer: Built, others: set[str]) -> bool:
    """Whether the other models are surely none of the optimizer's, nor parts of them."""
    scope = optimizer.call.where.scope
    for other in others:
        node = next((c.func for c in scope.calls if ast.unparse(c.func) == other), None)
        if node is None or _holds(code, node, optimizer):
            return False
        for part in ast.walk(optimizer.call.node):
            if isinstance(part, ast.expr) and ast.unparse(part) in optimizer.models:
                same = code.same(part, node)
                if same is not False:
                    return False
                break
    return True


def _holds(code: Code, other: ast.expr, optimizer: Built) -> bool:
    """Whether another model may be made of one of the optimizer's."""
    names = {m.partition(".")[0] for m in optimizer.models}
    return any(isinstance(n, ast.Name) and n.id in names for n in code.behind(other))
