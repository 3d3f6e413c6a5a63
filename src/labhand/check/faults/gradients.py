"""Faults in the order of clearing, propagating and stepping."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.fault import fault
from labhand.check.planting import Edit, Planted, Program, keyword, last_name, receiver


def _clearings(p: Program) -> Iterator[tuple[list[ast.Expr], list[ast.Call]]]:
    """For each function that clears and steps: its clearings and its steps."""
    for function in [*p.functions, p.tree]:
        steps = [c for c in _steps(p) if p.function(c) is function and p.loops(c)]
        clears = [
            s
            for c in p.calls("zero_grad")
            if p.function(c) is function and (s := p.alone(c)) is not None
        ]
        if steps and clears:
            yield clears, steps


def _steps(p: Program) -> list[ast.Call]:
    """Steps of optimizers: `optimizer.step()`, `scaler.step(optimizer)`."""
    cleared = {receiver(c) for c in p.calls("zero_grad")}
    propagates = bool(p.calls("backward"))
    return [c for c in p.calls("step") if propagates and (_stepped(c) in cleared or _scaled(c))]


def _scaled(step: ast.Call) -> bool:
    return "scaler" in receiver(step).lower() and bool(step.args)


def _stepped(step: ast.Call) -> str:
    return ast.unparse(step.args[0]) if _scaled(step) else receiver(step)


@fault("grad-zero-missing", "clearing taken out")
def missing(p: Program) -> Iterator[Planted]:
    """A function steps its optimizer and clears its gradients no more; nor does a helper."""
    stepping = {p.function(c) for c in _steps(p)}
    if all(p.function(c) in stepping for c in p.calls("zero_grad")):
        for clears, steps in _clearings(p):
            yield Planted([p.drop(s) for s in clears], steps)


@fault("grad-zero-missing", "one optimizer's clearing taken out")
def one_missing(p: Program) -> Iterator[Planted]:
    """Of several optimizers one is never cleared, nor is a model."""
    clears = p.calls("zero_grad")
    by_name = {receiver(c) for c in clears}
    stepped = {_stepped(c) for c in _steps(p)}
    if len(by_name) < 2 or not by_name <= stepped:
        return
    for name in sorted(by_name):
        own = [s for c in clears if receiver(c) == name and (s := p.alone(c)) is not None]
        steps = [c for c in _steps(p) if _stepped(c) == name and p.loops(c)]
        if own and steps:
            yield Planted([p.drop(s) for s in own], steps)


@fault("grad-zero-misplaced", "cleared between backward and step")
def between(p: Program) -> Iterator[Planted]:
    """`zero_grad()` moves to where the gradients are there and not used yet."""
    for clears, _ in _clearings(p):
        if len(clears) != 1:
            continue
        block = p.block(clears[0])
        backward = next((s for s in block if _does(p, s, "backward")), None)
        step = next((s for s in block if _does(p, s, "step")), None)
        order = [clears[0], backward, step]
        if None in order or sorted(order, key=lambda s: s.lineno if s else 0) != order:
            continue
        assert backward is not None
        moved = p.after(backward, p.src(clears[0]))
        yield Planted([p.drop(clears[0]), moved], [moved])


@fault("grad-zero-misplaced", "cleared once, before the loops")
def outside(p: Program) -> Iterator[Planted]:
    """`zero_grad()` moves out of all loops of its function."""
    for clears, steps in _clearings(p):
        loops = p.loops(clears[0])
        if len(clears) == 1 and loops and p.loops(steps[0])[-1] is loops[-1]:
            moved = p.before(loops[-1], p.src(clears[0]))
            yield Planted([moved, p.drop(clears[0])], [moved, *steps])


def _does(p: Program, statement: ast.stmt, method: str) -> bool:
    return any(p.alone(c) is statement for c in p.calls(method))


def _passes(p: Program) -> Iterator[tuple[ast.For, ast.Expr, ast.Call, ast.Expr]]:
    """Simple training loops: the loop, the clearing, the backward call, the step, all of its body."""
    for loop in p.nodes:
        if not isinstance(loop, ast.For):
            continue
        of = {
            m: [s for s in loop.body if _does(p, s, m)] for m in ("zero_grad", "backward", "step")
        }
        cleared = {
            receiver(s.value)
            for s in of["zero_grad"]
            if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)
        }
        steps = [
            s
            for s in of["step"]
            if isinstance(s, ast.Expr)
            and isinstance(s.value, ast.Call)
            and _stepped(s.value) in cleared
        ]
        if len(of["zero_grad"]) == len(of["backward"]) == len(steps) == 1:
            clear, back = of["zero_grad"][0], of["backward"][0]
            assert isinstance(clear, ast.Expr) and isinstance(back, ast.Expr)
            assert isinstance(back.value, ast.Call)
            yield loop, clear, back.value, steps[0]


class _Count(NamedTuple):
    """How the batches of a loop are counted: the name, what is gone over, and the edits that make it so."""

    name: str
    over: str
    edits: list[Edit]


def _windowed(p: Program, guard: str, divided: bool) -> Iterator[Planted]:
    """Plain loops that step under a guard alone; the loss divided by its four batches or not."""
    for loop, clear, back, step in _passes(p):
        count = _counted(p, loop)
        loss = receiver(back)
        if count is None or "scale" in loss or "/" in loss or (not divided and "sum" in p.text):
            continue
        lines = [guard.format(i=count.name, loader=count.over)]
        window = p.before(step, *lines, f"    {p.src(step)}", f"    {p.src(clear)}")
        edits = [*count.edits, p.drop(clear), p.drop(step), window]
        if divided and isinstance(back.func, ast.Attribute):
            edits.append(p.put(back.func.value, f"({loss} / 4)"))
        yield Planted(edits, [window] if divided else [back, window])


@fault("accum-not-divided", "steps once for four batches")
def not_divided(p: Program) -> Iterator[Planted]:
    """A plain loop steps every fourth batch, and its mean loss stays whole."""
    yield from _windowed(p, "if ({i} + 1) % 4 == 0 or {i} + 1 == len({loader}):", False)


@fault("accum-last-window", "what is left over is never stepped")
def last_window(p: Program) -> Iterator[Planted]:
    """A plain loop steps every fourth batch alone, its loss divided."""
    yield from _windowed(p, "if ({i} + 1) % 4 == 0:", True)


def _counted(p: Program, loop: ast.For) -> _Count | None:
    over = loop.iter
    if isinstance(over, ast.Call) and last_name(over.func) == "enumerate" and over.args:
        target = loop.target
        if isinstance(target, ast.Tuple) and isinstance(target.elts[0], ast.Name):
            return _Count(target.elts[0].id, ast.unparse(over.args[0]), [])
    if not isinstance(over, ast.Name | ast.Attribute):
        return None
    batch, written = p.src(loop.target), ast.unparse(over)
    inner = f"({batch})" if "," in batch and not batch.startswith("(") else batch
    edits = [p.put(loop.target, f"i_batch, {inner}"), p.put(over, f"enumerate({written})")]
    return _Count("i_batch", written, edits)


@fault("accum-not-divided", "division taken out")
def division_gone(p: Program) -> Iterator[Planted]:
    """Where gradients are accumulated already, the loss is not divided any more."""
    windows = [
        ast.unparse(n.right)
        for n in p.nodes
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mod)
    ]
    for node in p.nodes:
        divides = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        if not divides or not p.loops(node):
            continue
        assert isinstance(node, ast.BinOp | ast.AugAssign)
        by = node.right if isinstance(node, ast.BinOp) else node.value
        within = p.function(node)
        backs = [c for c in p.calls("backward", within=within) if c.lineno >= node.lineno]
        if ast.unparse(by) not in windows or not backs:
            continue
        if isinstance(node, ast.BinOp):
            yield Planted([p.put(node, p.src(node.left))], [backs[0], node])
        else:
            assert isinstance(node, ast.AugAssign)
            yield Planted([p.drop(node)], backs[:1])


@fault("accum-last-window", "the end of the loop is not looked for")
def end_forgotten(p: Program) -> Iterator[Planted]:
    """`(i + 1) % k == 0 or i + 1 == len(loader)` keeps its first half."""
    for node in p.nodes:
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and len(node.values) == 2:
            first, second = node.values
            stepping = isinstance(p.parents[node], ast.If) and p.calls(
                "step", within=p.parents[node]
            )
            if stepping and "%" in p.src(first) and "len(" in p.src(second) and p.loops(node):
                yield Planted([p.put(node, p.src(first))], [first])


@fault("amp-clip-before-unscale", "unscale taken out")
def not_unscaled(p: Program) -> Iterator[Planted]:
    """Gradients are clipped in the scale of the scaler."""
    for call in p.calls("unscale_"):
        statement = p.alone(call)
        clips = p.calls("clip_grad_norm_", "clip_grad_value_", within=p.function(call))
        if statement is not None and clips:
            yield Planted([p.drop(statement)], clips[:1])


@fault("amp-clip-before-unscale", "clipping put in")
def clipped(p: Program) -> Iterator[Planted]:
    """A loop with a scaler clips without unscaling first."""
    for step in p.calls("step"):
        statement = p.alone(step)
        function = p.function(step)
        if statement is None or not _scaled(step) or p.calls("unscale_", within=function):
            continue
        models = [receiver(c) for c in p.calls("train", "parameters", within=function)]
        models = [m for m in models if m and "(" not in m]
        if models:
            clip = p.before(
                statement, f"torch.nn.utils.clip_grad_norm_({models[0]}.parameters(), 1.0)"
            )
            yield Planted([clip], [clip])


@fault("clip-after-step", "clipping moved behind the step")
def clipped_late(p: Program) -> Iterator[Planted]:
    """A clipping comes after the only step that follows it in its block."""
    for clip in p.calls("clip_grad_norm_", "clip_grad_value_"):
        statement = p.alone(clip)
        block = p.block(statement) if statement is not None else []
        steps = [s for c in _steps(p) if (s := p.alone(c)) is not None and s in block]
        if statement is not None and len(steps) == 1 and steps[0].lineno > statement.lineno:
            moved = p.after(steps[0], p.src(statement))
            yield Planted([p.drop(statement), moved], [moved])


@fault("amp-no-scaler", "scaler taken out")
def no_scaler(p: Program) -> Iterator[Planted]:
    """Half precision goes on without the scaler."""
    for call in p.calls("backward"):
        scale = call.func.value if isinstance(call.func, ast.Attribute) else None
        scaled = isinstance(scale, ast.Call) and last_name(scale.func) == "scale" and scale.args
        casts = p.calls("autocast")
        function = p.function(call)
        if (
            not scaled
            or not casts
            or any("bfloat16" in p.src(c) or "cpu" in p.src(c) for c in casts)
        ):
            continue
        assert isinstance(scale, ast.Call)
        edits = [p.put(scale, p.src(scale.args[0]))]
        for step in p.calls("step", within=function):
            if _scaled(step):
                edits.append(p.put(step, f"{p.src(step.args[0])}.step()"))
        for gone in p.calls("update", "unscale_", within=function):
            statement = p.alone(gone)
            if statement is not None and "scaler" in receiver(gone).lower():
                edits.append(p.drop(statement))
        yield Planted(edits, [call])


@fault("graph-retention", "item taken out")
def retained(p: Program) -> Iterator[Planted]:
    """A sum or list over batches keeps the loss itself."""
    for call in p.calls("item", "detach", "float"):
        inner = _inside(call)
        statement = p.statement(call)
        trained = {receiver(c) for c in p.calls("backward", within=p.function(call))}
        if not isinstance(inner, ast.Name) or inner.id not in trained or not p.loops(call):
            continue
        sums = isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add)
        above = p.parents[call]
        listed = isinstance(above, ast.Call) and last_name(above.func) == "append"
        if sums or listed:
            yield Planted([p.put(call, inner.id)], [statement])


def _inside(call: ast.Call) -> ast.expr | None:
    """What `x.item()`, `x.detach()` and `float(x)` are of."""
    if isinstance(call.func, ast.Attribute):
        inner = call.func.value
        return _inside(inner) if isinstance(inner, ast.Call) else inner
    return call.args[0] if len(call.args) == 1 else None


@fault("inplace-or-data", "the loss is given the data")
def cut_off(p: Program) -> Iterator[Planted]:
    """What the loss is computed from is cut off from the graph."""
    for call in p.calls("criterion", "cross_entropy", "mse_loss", "nll_loss", "loss_fn"):
        given = call.args[0] if len(call.args) == 2 else None
        target = p.target(call)
        trained = {receiver(c) for c in p.calls("backward", within=p.function(call))}
        if isinstance(given, ast.Name) and target in trained and p.loops(call):
            yield Planted([p.put(given, f"{given.id}.data")], [given])


@fault("nothing-trainable", "everything frozen")
def frozen(p: Program) -> Iterator[Planted]:
    """All parameters are frozen before the optimizer is made."""
    for call, model in _optimizers(p):
        freeze = p.before(
            p.statement(call),
            f"for param in {model}.parameters():",
            "    param.requires_grad = False",
        )
        yield Planted([freeze], [call, freeze])


@fault("nothing-trainable", "frozen by a method")
def frozen_whole(p: Program) -> Iterator[Planted]:
    """The model as a whole takes no gradients."""
    for call, model in _optimizers(p):
        freeze = p.before(p.statement(call), f"{model}.requires_grad_(False)")
        yield Planted([freeze], [call, freeze])


@fault("optim-before-change", "the model is made again after its optimizer")
def made_again(p: Program) -> Iterator[Planted]:
    """The optimizer holds the parameters of a model that is replaced."""
    for call, model in _optimizers(p):
        statement = p.statement(call)
        for made in p.block(statement):
            if (
                isinstance(made, ast.Assign)
                and ast.unparse(made.targets[0]) == model
                and isinstance(made.value, ast.Call)
                and model not in {ast.unparse(n) for n in ast.walk(made.value)}
                and made.lineno < statement.lineno
            ):
                again = p.after(statement, p.src(made))
                yield Planted([again], [call, again])


def _optimizers(p: Program) -> Iterator[tuple[ast.Call, str]]:
    """The makings of optimizers that are given all parameters of one model, and that model."""
    for call in p.calls("SGD", "Adam", "AdamW", "RMSprop", "Adagrad"):
        given = call.args[0] if call.args else getattr(keyword(call, "params"), "value", None)
        plain = isinstance(given, ast.Call) and last_name(given.func) == "parameters"
        if plain and isinstance(p.statement(call), ast.Assign):
            assert isinstance(given, ast.Call)
            if "(" not in receiver(given):
                yield call, receiver(given)
