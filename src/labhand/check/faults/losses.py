"""Faults in what a loss is given, and over which dimension."""

import ast
from collections.abc import Iterator

from labhand.check.fault import fault
from labhand.check.planting import Planted, Program, keyword, last_name, receiver


def _losses(
    p: Program, function: str, *classes: str
) -> Iterator[tuple[ast.Call, ast.expr, ast.expr]]:
    """Calls of a loss, as a function or an instance that the file makes, with what they are given."""
    instances = {p.target(c) for c in p.calls(*classes)} - {""}
    for call in [n for n in p.nodes if isinstance(n, ast.Call)]:
        named = last_name(call.func) == function or ast.unparse(call.func) in instances
        given = [*call.args, *(k.value for k in call.keywords if k.arg in ("input", "target"))]
        if named and len(given) >= 2:
            yield call, given[0], given[1]


def _plain(p: Program, given: ast.expr) -> bool:
    """Whether nothing in a file's way of writing says that a value is activated already."""
    return not any(word in p.src(given) for word in ("softmax", "sigmoid", "log", "prob"))


@fault("loss-double-softmax", "softmax around what the loss is given")
def double_softmax(p: Program) -> Iterator[Planted]:
    """Cross-entropy is given probabilities."""
    for call, given, _ in _losses(p, "cross_entropy", "CrossEntropyLoss"):
        if _plain(p, given):
            dim = -1 if "view" in p.src(given) else 1
            yield Planted([p.put(given, f"torch.softmax({p.src(given)}, dim={dim})")], [call])


@fault("loss-double-softmax", "softmax at the end of the model")
def softmax_in_model(p: Program) -> Iterator[Planted]:
    """The one model of a file ends in a softmax, and its loss is cross-entropy."""
    losses = list(_losses(p, "cross_entropy", "CrossEntropyLoss"))
    for value in _outputs(p):
        if losses and p.text.count("CrossEntropy") + p.text.count("cross_entropy") == 1:
            yield Planted(
                [p.put(value, f"torch.softmax({p.src(value)}, dim=-1)")], [losses[0][0], value]
            )


@fault("loss-double-sigmoid", "sigmoid around what the loss is given")
def double_sigmoid(p: Program) -> Iterator[Planted]:
    """A loss of logits is given probabilities."""
    for call, given, _ in _losses(p, "binary_cross_entropy_with_logits", "BCEWithLogitsLoss"):
        if _plain(p, given):
            yield Planted([p.put(given, f"torch.sigmoid({p.src(given)})")], [call])


@fault("loss-double-sigmoid", "sigmoid at the end of the model")
def sigmoid_in_model(p: Program) -> Iterator[Planted]:
    """The one model of a file ends in a sigmoid, and its loss takes logits."""
    losses = list(_losses(p, "binary_cross_entropy_with_logits", "BCEWithLogitsLoss"))
    for value in _outputs(p):
        if losses:
            yield Planted([p.put(value, f"torch.sigmoid({p.src(value)})")], [losses[0][0], value])


def _outputs(p: Program) -> Iterator[ast.expr]:
    """What the `forward` of the only module of a file returns, where a layer gives it."""
    modules = [c for c in p.classes if any(last_name(b) == "Module" for b in c.bases)]
    if len(modules) != 1:
        return
    forward = [f for f in modules[0].body if isinstance(f, ast.FunctionDef) and f.name == "forward"]
    returns = [n for f in forward for n in ast.walk(f) if isinstance(n, ast.Return)]
    value = returns[0].value if len(returns) == 1 else None
    if isinstance(value, ast.Call) and receiver(value) == "self":
        yield value


@fault("loss-missing-activation", "log-softmax taken out")
def no_log_softmax(p: Program) -> Iterator[Planted]:
    """NLL is given logits."""
    losses = list(_losses(p, "nll_loss", "NLLLoss"))
    for call in p.calls("log_softmax"):
        if losses and len(losses) == 1 and not p.calls("kl_div"):
            given = call.args[0] if call.args and last_name(call.func) != receiver(call) else None
            inner = given if given is not None and "functional" in _module(p, call) else None
            if inner is not None:
                yield Planted([p.put(call, p.src(inner))], [losses[0][0], call])


def _module(p: Program, call: ast.Call) -> str:
    """Where a function of torch comes from: `functional` for `F.`, `nn.functional.`, `torch.`."""
    written = receiver(call)
    return (
        "functional"
        if written in ("F", "nn.functional", "torch", "torch.nn.functional", "")
        else written
    )


@fault("loss-missing-activation", "sigmoid taken out")
def no_sigmoid(p: Program) -> Iterator[Planted]:
    """BCE is given logits."""
    losses = list(_losses(p, "binary_cross_entropy", "BCELoss"))
    for call in p.calls("sigmoid"):
        held = p.parents.get(call)
        if (
            len(losses) >= 1
            and call.args
            and _module(p, call) == "functional"
            and isinstance(held, ast.Return | ast.Call)
        ):
            yield Planted(
                [p.put(call, p.src(call.args[0]))], [*(loss for loss, _, _ in losses), call]
            )


@fault("loss-missing-activation", "from_logits taken out")
def not_from_logits(p: Program) -> Iterator[Planted]:
    """A Keras loss is given logits and not told so."""
    for call in p.nodes:
        told = keyword(call, "from_logits") if isinstance(call, ast.Call) else None
        if told is not None and isinstance(told.value, ast.Constant) and told.value.value is True:
            assert isinstance(call, ast.Call)
            yield Planted([p.put(told.value, "False")], [call, *p.calls("compile")])


@fault("loss-kl-not-log", "softmax for log-softmax")
def kl_not_log(p: Program) -> Iterator[Planted]:
    """The first argument of the divergence is no logarithm."""
    for call, given, _ in _losses(p, "kl_div", "KLDivLoss"):
        inner = _made(p, given)
        if isinstance(inner, ast.Call) and last_name(inner.func) == "log_softmax":
            written = p.src(inner).replace("log_softmax", "softmax", 1)
            yield Planted([p.put(inner, written)], [call, inner])


def _made(p: Program, given: ast.expr) -> ast.expr:
    """The expression that a name was last given in its function; another expression as it is."""
    if not isinstance(given, ast.Name):
        return given
    for node in sorted(ast.walk(p.function(given)), key=lambda n: -getattr(n, "lineno", 0)):
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == given.id
            and node.lineno < given.lineno
        ):
            return node.value
    return given


@fault("loss-kl-reduction", "mean over classes too")
def kl_mean(p: Program) -> Iterator[Planted]:
    """`batchmean` becomes the default."""
    for call in p.calls("kl_div", "KLDivLoss"):
        told = keyword(call, "reduction")
        if told is not None and "batchmean" in p.src(told.value):
            yield Planted([p.put(told.value, '"mean"')], [call])


@fault("loss-kl-reversed", "teacher and student change places")
def kl_reversed(p: Program) -> Iterator[Planted]:
    """The divergence of the teacher from the student."""
    for call, given, other in _losses(p, "kl_div", "KLDivLoss"):
        one, two = _made(p, given), _made(p, other)
        if not (isinstance(one, ast.Call) and isinstance(two, ast.Call) and one.args and two.args):
            continue
        if last_name(one.func) == "log_softmax" and last_name(two.func) == "softmax":
            edits = [p.put(one.args[0], p.src(two.args[0])), p.put(two.args[0], p.src(one.args[0]))]
            yield Planted(edits, [call, one, two])


@fault("loss-broadcast", "squeeze taken out")
def broadcast(p: Program) -> Iterator[Planted]:
    """A column is compared with a row."""
    for function, kind in (
        ("mse_loss", "MSELoss"),
        ("l1_loss", "L1Loss"),
        ("smooth_l1_loss", "SmoothL1Loss"),
        ("huber_loss", "HuberLoss"),
    ):
        for call, given, other in _losses(p, function, kind):
            inner = _made(p, given)
            flat = isinstance(inner, ast.Call) and last_name(inner.func) in ("squeeze", "flatten")
            if flat and "squeeze" not in p.src(other) and "gather" not in p.src(inner):
                assert isinstance(inner, ast.Call)
                yield Planted([p.put(inner, receiver(inner))], [call])


_SOFT = ("softmax", "log_softmax", "Softmax", "LogSoftmax")


@fault("softmax-dim", "over the batch")
def softmax_batch(p: Program) -> Iterator[Planted]:
    """A softmax goes over dimension 0."""
    for call in p.calls(*_SOFT):
        dim = _dim(call, 0 if call.args and _is_dim(call.args[0]) else 1)
        if dim is not None and p.src(dim) in ("1", "-1") and "softmax" in p.src(call).lower():
            yield Planted([p.put(dim, "0")], [call])


@fault("argmax-dim", "over the batch")
def argmax_batch(p: Program) -> Iterator[Planted]:
    """The prediction is taken over dimension 0."""
    for call in p.calls("argmax", "max"):
        dim = _dim(call, 0 if call.args and _is_dim(call.args[0]) else 1)
        other = receiver(call) in ("", "np", "numpy", "jnp", "tf")
        told = f"{p.src(p.statement(call))}".lower()
        predicts = any(word in told for word in ("pred", "==", ".eq(", "correct", "label"))
        if dim is not None and p.src(dim) in ("1", "-1") and not other and predicts:
            yield Planted([p.put(dim, "0")], [call])


def _is_dim(node: ast.expr) -> bool:
    value = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(value, ast.Constant) and isinstance(value.value, int)


def _dim(call: ast.Call, position: int) -> ast.expr | None:
    """The dimension a call is told."""
    told = keyword(call, "dim") or keyword(call, "axis")
    if told is not None:
        return told.value
    if len(call.args) > position and _is_dim(call.args[position]):
        return call.args[position]
    return None


@fault("detach-missing-target", "no_grad taken off the target")
def target_attached(p: Program) -> Iterator[Planted]:
    """Gradients flow into the target of a temporal difference."""
    for node in p.nodes:
        if not isinstance(node, ast.With) or len(node.items) != 1:
            continue
        context = node.items[0].context_expr
        trained = p.calls("backward", within=p.function(node))
        stored = {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        if not (isinstance(context, ast.Call) and last_name(context.func) == "no_grad" and trained):
            continue
        if (
            any("target" in name or "next" in name for name in stored)
            and "gamma" in p.src(node).lower()
            and not p.loops_in(node)
            and _trained_too(p, node)
        ):
            calls = [c for s in node.body for c in ast.walk(s) if isinstance(c, ast.Call)]
            yield Planted(p.unwrapped(node), [*calls, *node.body])


def _trained_too(p: Program, node: ast.AST) -> bool:
    """Whether one of the networks that make the target also makes what is compared with it.

    The parameters of a target network are in no optimizer: gradients that reach them change nothing.
    """
    function = p.function(node)
    inside = [c for c in ast.walk(node) if isinstance(c, ast.Call)]
    called = {
        p.src(c.func) for c in ast.walk(function) if isinstance(c, ast.Call) and c not in inside
    }
    networks = [p.src(c.func) for c in inside if isinstance(c.func, ast.Attribute | ast.Name)]
    return any(n in called and "target" not in n and not n.startswith("torch.") for n in networks)


@fault("detach-missing-target", "detach taken off the target")
def target_not_detached(p: Program) -> Iterator[Planted]:
    """Gradients flow into a value of the next state."""
    for call in p.calls("detach"):
        statement = p.statement(call)
        next_value = any(word in p.src(statement) for word in ("next", "gamma", "target"))
        if (
            next_value
            and isinstance(statement, ast.Assign)
            and p.calls("backward", within=p.function(call))
            and isinstance(call.func, ast.Attribute)
            and "no_grad" not in p.text
        ):
            made = [
                s
                for s in ast.walk(p.function(call))
                if isinstance(s, ast.Assign) and p.src(s.targets[0]) == receiver(call)
            ]
            inner = [n for n in ast.walk(statement) if isinstance(n, ast.Call)]
            if any(_trained_too(p, s) for s in (*made, call)):
                yield Planted([p.put(call, f"({receiver(call)})")], [*inner, statement, *made])


@fault("detach-missing-gan", "detach taken off what is made")
def gan_attached(p: Program) -> Iterator[Planted]:
    """The judge's step goes on into the maker."""
    for call in p.calls("detach"):
        outer = p.parents[call]
        made = "fake" in receiver(call) or "gen" in receiver(call)
        if made and isinstance(outer, ast.Call) and call in outer.args and p.loops(call):
            yield Planted([p.put(call, receiver(call))], [outer])
