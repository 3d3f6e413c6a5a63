"""A target that gradients flow into, though the loss should only pull the prediction towards it."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.facts import Spot
from labhand.kit.code.graph import handled_as_module
from labhand.kit.code.origins import receiver_class
from labhand.kit.code.project import Where

_LOSSES = re.compile(
    r"\b(mse_loss|smooth_l1_loss|l1_loss|huber_loss|MSELoss|SmoothL1Loss|L1Loss|HuberLoss)"
)
_LIKENESS = re.compile(r"\b(cosine_similarity|CosineSimilarity)")
_ON_PURPOSE = re.compile(r"residual", re.I)
_DISCOUNT = re.compile(r"gamma|discount|(?<![\w.])0?\.9\d*(?![\w.])", re.I)
_FROZEN = re.compile(r"target|targ\b|_tgt|old|ema|frozen|momentum|teacher|slow|residual", re.I)
_CHANCE = re.compile(r"log_?p(i|rob)?s?\b|logp|ratio", re.I)
_GAIN = re.compile(r"adv|delta|td_?|gae|return|target|error", re.I)
_SQUARES = ("jax.numpy.square", "tensorflow.square", "tensorflow.math.square", "optax.l2_loss")
_TAPES = ("value_and_grad", "jax.grad", "GradientTape", "apply_gradient")
_ENTROPY = re.compile(r"target_?(entropy|ent)|entropy_?target", re.I)


class _Pair(NamedTuple):
    prediction: ast.expr
    target: ast.expr


class Rule:
    """A target that gradients flow into, though the loss should only pull the prediction towards it.

    ## What it does
    Reports a bootstrapped target (`reward + gamma * value(next_state)`) that is made by the very network
    which the loss trains, without `detach` or `no_grad`; an advantage that holds on to the graph in a
    policy's loss; the log-probability in the loss of a temperature; and a twin representation (SimSiam).

    ## Why is this bad
    The gradient then moves the target too. A temporal difference shrinks by making both sides alike, the
    critic is trained by the policy's loss, and representations collapse to a constant. Nothing fails.

    ## Known problems
    A separate target network that no optimizer holds is not reported: gradients for it only cost time and
    memory. Gradients through the target on purpose (residual methods) are to be named so.

    ## Example
    ```python
    target = reward + gamma * critic(next_state) * (1 - terminated)
    loss = F.mse_loss(critic(state), target)
    ```

    ## Use instead
    ```python
    with torch.no_grad():
        target = reward + gamma * critic(next_state) * (1 - terminated)
    loss = F.mse_loss(critic(state), target)
    ```

    ## Fix safety
    Scientific: the fix adds `.detach()`, and the gradients change.

    ## References
    - Sutton and Barto, Reinforcement Learning, section 9.3: semi-gradient methods.
    - Chen and He, https://arxiv.org/abs/2011.10566: without stop-gradient SimSiam collapses.
    - Real cases: https://github.com/datawhalechina/easy-rl/issues/117,
      https://github.com/haosulab/ManiSkill/issues/899.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The targets of one file that gradients flow into."""
        if code.is_test or not code.mentions(".backward(", "training_step", *_TAPES):
            return
        told: set[ast.AST] = set()
        taped = _on_tape(code) if code.mentions(*_TAPES) else ()
        for claim in (*_bootstrapped(code), *_gains(code), *_twins(code), *taped):
            if claim.node not in told:
                told.add(claim.node)
                yield claim


# Temporal differences


def _bootstrapped(code: Code) -> Iterator[Claim]:
    if not _DISCOUNT.search(code.source.text):
        return
    for pair in _pairs(code):
        for prediction, target in (pair, pair[::-1]):
            both = (code.graph(target).value, code.graph(prediction).value)
            if both == ("attached", "attached"):
                yield from _self_made(code, prediction, target)


def _pairs(code: Code) -> Iterator[_Pair]:
    """What losses hold against each other: `mse_loss(a, b)`, `(a - b) ** 2`, `(a - b).pow(2)`."""
    for call in code.calls(*_loss_names(code, _LOSSES)):
        first, second = call.arg(0, "input"), call.arg(1, "target")
        if first is not None and second is not None:
            yield _Pair(first, second)
    squared = [c.receiver for c in code.calls(".pow", ".square")]
    squared += [c.arg(0, "input") for c in code.calls("torch.square", "torch.pow", "torch.abs")]
    squared += [n.left for n in code.operations(ast.Pow)]
    for base in squared:
        inner = _difference(code, base) if base is not None else None
        if inner is not None:
            yield _Pair(inner.left, inner.right)


def _loss_names(code: Code, pattern: re.Pattern[str]) -> list[str]:
    found = set(pattern.findall(code.source.text))
    plain = [f"torch.nn.functional.{n}" for n in found if n.islower()]
    return [*plain, *(f"torch.nn.{n}()" for n in found if not n.islower())]


def _difference(code: Code, base: ast.expr) -> ast.BinOp | None:
    """The subtraction that an expression is, or that its name stands for."""
    if isinstance(base, ast.Name):
        where = code.where(base)
        _, bindings = code.project.reaching(base, where)
        values = [b.value for b in bindings if b.how == "assign" and not b.path]
        base = values[0] if len(values) == len(bindings) == 1 and values[0] else base
    if isinstance(base, ast.BinOp) and isinstance(base.op, ast.Sub):
        return base if code.source.index.parents.get(base) is not None else None
    return None


def _self_made(code: Code, prediction: ast.expr, target: ast.expr) -> Iterator[Claim]:
    if _ON_PURPOSE.search(f"{code.where(target).scope.name} {ast.unparse(target)}"):
        return
    flows = _differentiable(code, code.behind(target))
    ahead, here = _modules(code, flows), _modules(code, code.behind(prediction))
    if any(_FROZEN.search(name) for name, _ in ahead):
        return
    trained = {key for key in ahead if key in here and ahead[key] not in here.values()}
    for key in trained:
        spot = ahead[key]
        if not _discounted(code, flows, spot):
            continue
        graph = code.graph(spot)
        if graph.value == "attached" and spot.where.source is code.source:
            yield code.claim(
                _entered(code, spot),
                f"gradients flow into the target: it is made by `{key[0]}`, which the loss trains, "
                "so that the loss also moves the target",
                "compute the target under `torch.no_grad()`, or detach it before the loss",
                because=[code.step("the loss compares it here", target)],
                confidence=0.9,
                change=_detach(code, target),
            )
            return


def _differentiable(code: Code, flows: Mapping[ast.expr, Spot]) -> Mapping[ast.expr, Spot]:
    """A flow without what only chooses: indices, through which no gradient goes."""
    chosen = [s.at(n.slice, ()) for n, s in flows.items() if isinstance(n, ast.Subscript)]
    held = [s.at(n.value, ()) for n, s in flows.items() if isinstance(n, ast.Subscript)]
    chosen = [s for s in chosen if not isinstance(s.node, ast.Constant | ast.Slice)]
    if not chosen:
        return flows
    kept = {n for s in held for n in code.behind(s)}
    only = {n for s in chosen for n in code.behind(s)} - kept
    return {n: s for n, s in flows.items() if n not in only}


def _discounted(code: Code, flows: Mapping[ast.expr, Spot], made: Spot) -> bool:
    """Whether a flow takes the discounted value of a module's answer, and not of what it was given."""
    assert isinstance(made.node, ast.Call)
    given = {n for a in made.node.args for n in code.behind(made.at(a))}
    products = [
        spot
        for node, spot in flows.items()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and node not in given
    ]
    named = [s for s in products if _DISCOUNT.search(ast.unparse(s.node))]
    sums = [s for n, s in flows.items() if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add)]
    added = {n for s in sums for n in code.behind(s)}  # a reward and what is yet to come
    return any(s.node in added and made.node in code.behind(s) for s in named)


def _entered(code: Code, spot: Spot) -> ast.expr:
    """The call by which a helper was entered that runs the module; the module's own where there is none."""
    node, frame = spot.node, spot.frame
    while frame is not None and frame.site.where.source is code.source:
        node, frame = frame.site.call, frame.above
    return node


def _modules(code: Code, flows: Mapping[ast.expr, Spot]) -> dict[tuple[str, object], Spot]:
    """The calls of modules in a flow, by what is called, as written, and whose `self` it is."""
    found: dict[tuple[str, object], Spot] = {}
    for node, spot in flows.items():
        if not isinstance(node, ast.Call):
            continue
        call = code.call(node, spot.where)
        name = call.name or ""
        owner = receiver_class(code.project, node.func, spot.where) if call.target else None
        is_module = name == "torch.nn.Module()" or handled_as_module(call)
        if isinstance(call.target, Where) and call.receiver is not None:
            owner = owner or code.project.owner(
                call.target
            )  # a method that runs some of its layers
        if owner is not None and "torch.nn.Module" in code.project.lineage(owner)[1]:
            is_module = True
        if is_module or (name.startswith("torch.nn.Sequential") and name.endswith("()")):
            written = ast.unparse(node.func).removesuffix(".forward")
            at_home = written.startswith("self.")
            found.setdefault((written, code.project.owner(spot.where) if at_home else None), spot)
    return found


# Policies and temperatures


def _gains(code: Code) -> Iterator[Claim]:
    for product in code.operations(ast.Mult):
        if code.source.index.parents.get(product) is None:
            continue
        left, right = _factor(product.left), _factor(product.right)
        for chance, gain in ((left, right), (right, left)):
            written = ast.unparse(gain)
            is_gain = isinstance(gain, ast.Name | ast.Attribute) and _GAIN.search(written)
            if is_gain and _CHANCE.search(ast.unparse(chance)) and not _CHANCE.search(written):
                yield from _policy(code, gain, product)
            temperature = "alpha" in ast.unparse(chance).lower()
            plain = isinstance(gain, ast.BinOp) and "log_alpha" in ast.unparse(chance)
            if temperature and (_ENTROPY.search(written) or plain):
                yield from _temperature(code, gain)


def _factor(part: ast.expr) -> ast.expr:
    while isinstance(part, ast.UnaryOp):
        part = part.operand
    return part


def _policy(code: Code, gain: ast.expr, product: ast.BinOp) -> Iterator[Claim]:
    graph = code.graph(gain)
    made = graph.value == "attached" and bool(_modules(code, code.behind(gain)))
    if made or (not graph and _trained_beside(code, gain)):
        yield code.claim(
            gain,
            f"`{ast.unparse(gain)}` holds on to the graph of the value that it is made of: the policy's loss "
            "trains the critic too, towards whatever makes this loss small",
            f"use `{ast.unparse(gain)}.detach()` in the policy's loss",
            because=graph.chain,
            confidence=0.9,
            change=_detach(code, gain),
        )


def _trained_beside(code: Code, gain: ast.expr) -> bool:
    """Whether a gain is what is missing to a value that a loss beside it trains, under the same name."""
    missing = _difference(code, gain) if isinstance(gain, ast.Name) else None
    value = missing.right if missing is not None else None
    if not isinstance(value, ast.Name) or code.graph(value).value == "detached":
        return False
    where = code.where(value)
    mine = {id(b.node) for b in code.project.reaching(value, where)[1]}
    given = [c.arg(0, "input") for c in code.calls(*_loss_names(code, _LOSSES))]
    named = [g for g in given if isinstance(g, ast.Name) and g.id == value.id]
    return any(
        code.where(name).scope is where.scope
        and {id(b.node) for b in code.project.reaching(name, where)[1]} == mine
        for name in named
    )


def _temperature(code: Code, gain: ast.expr) -> Iterator[Claim]:
    parts = [gain.left, gain.right] if isinstance(gain, ast.BinOp) else []
    for part in parts:
        graph = code.graph(part)
        other = [p for p in parts if p is not part]
        fixed = all(isinstance(p, ast.Attribute | ast.Constant) for p in other)
        chance = _CHANCE.search(ast.unparse(part)) or (fixed and isinstance(part, ast.Name))
        if chance and graph.value == "attached":
            yield code.claim(
                part,
                f"`{ast.unparse(part)}` holds on to the policy's graph: the loss of the temperature trains "
                "the policy too",
                f"use `{ast.unparse(part)}.detach()`, or draw the action under `torch.no_grad()`",
                because=graph.chain,
                confidence=0.88,
                change=_detach(code, part),
            )


# Twin representations


def _twins(code: Code) -> Iterator[Claim]:
    if not _LIKENESS.search(code.source.text) or "predict" not in code.source.text:
        return
    for call in code.calls(*_loss_names(code, _LIKENESS)):
        first, second = call.arg(0, "x1"), call.arg(1, "x2")
        if first is None or second is None or code.graph(second).value != "attached":
            continue
        ours, theirs = _modules(code, code.behind(first)), _modules(code, code.behind(second))
        only_ours = [name for name, _ in ours.keys() - theirs.keys()]
        shared = ours.keys() & theirs.keys()
        if (
            shared
            and any("pred" in n for n in only_ours)
            and not any("pred" in n for n, _ in theirs)
        ):
            name = next(iter(shared))[0]
            yield code.claim(
                second,
                f"gradients flow into the target: both sides are made by `{name}`, which can agree with "
                "itself by giving a constant",
                f"use `{ast.unparse(second)}.detach()`",
                because=code.graph(second).chain,
                confidence=0.88,
                change=_detach(code, second),
            )


# JAX and TensorFlow: gradients of a function, or of what a tape saw


def _on_tape(code: Code) -> Iterator[Claim]:
    for pair in _differences(code):
        for prediction, target in (pair, pair[::-1]):
            flows = code.behind(target)
            text = " ".join(ast.unparse(n) for n in flows if isinstance(n, ast.Call | ast.BinOp))
            if not _DISCOUNT.search(text) or "stop_gradient" in text or ".numpy(" in text:
                continue
            ahead, here = _taped_calls(code, flows), _taped_calls(code, code.behind(prediction))
            for key in ahead.keys() & here.keys():
                if ahead[key] is not here[key] and not _FROZEN.search(" ".join(key)):
                    yield code.claim(
                        ahead[key],
                        f"gradients flow into the target: it is made by `{key[0]}` with the parameters that "
                        "the loss trains, so that the loss also moves the target",
                        "wrap the target in `jax.lax.stop_gradient` (`tf.stop_gradient`)",
                        because=[code.step("the loss compares it here", target)],
                        confidence=0.88,
                    )


def _differences(code: Code) -> Iterator[_Pair]:
    squared = [c.arg(0) for c in code.calls(*_SQUARES)]
    squared += [n.left for n in code.operations(ast.Pow)]
    for base in squared:
        inner = _difference(code, base) if base is not None else None
        if inner is not None:
            yield _Pair(inner.left, inner.right)


def _taped_calls(code: Code, flows: Mapping[ast.expr, Spot]) -> dict[tuple[str, str], ast.Call]:
    """The calls of models whose gradients are taken, by what is called and with which parameters."""
    found: dict[tuple[str, str], ast.Call] = {}
    for node, spot in flows.items():
        if not isinstance(node, ast.Call) or not node.args or spot.where.source is not code.source:
            continue
        written, first = ast.unparse(node.func), node.args[0]
        if f"{written}.trainable_" in code.source.text:
            if code.under(spot, "tensorflow.GradientTape") is True:
                found.setdefault((written, ""), node)
            continue
        held = [*first.values] if isinstance(first, ast.Dict) else [first]  # `{"params": params}`
        for one in held:
            if isinstance(one, ast.Name) and _differentiated(code, one.id, spot.where):
                found.setdefault((written, one.id), node)
    return found


def _differentiated(code: Code, name: str, where: Where) -> bool:
    """Whether a name is the first parameter of a function whose gradient JAX takes."""
    scope = where.scope
    if scope.parameters[:1] != [name]:
        return False
    text = code.source.text
    # Trainers take it by a method of theirs: `state.apply_gradient(loss_fn)`.
    written = rf"(grad|gradients?|loss_fn)\(\s*{re.escape(scope.name)}\b"
    decorated = any("grad" in ast.unparse(d) for d in getattr(scope.node, "decorator_list", []))
    return decorated or bool(re.search(written, text))


def _detach(code: Code, value: ast.expr) -> Change | None:
    if code.source.index.parents.get(value) is None or not hasattr(value, "lineno"):
        return None
    plain = isinstance(value, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
    text = code.text(value) if plain else f"({code.text(value)})"
    return Change("scientific", "Add `.detach()`", [code.replace(value, f"{text}.detach()")])
