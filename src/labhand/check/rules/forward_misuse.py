"""A module whose forward does not do what modules do."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Step
from labhand.kit.code.model import Class, FunctionNode
from labhand.kit.code.project import Known, Where
from labhand.kit.code.training import within

_MODULES = frozenset({"torch.nn.Module", "lightning.pytorch.LightningModule"})
_CAUSAL = re.compile(r"Causal|GPT|LanguageModel|Autoregressive|CharLM|TransformerLM")
_HOOKED = re.compile(
    r"DataParallel|FullyShardedDataParallel|torch\.compile|register_\w*hook|(weight|spectral)_norm|\bprune\."
)
"""What runs by the call of a module, and not by its `forward`."""
_WRAPS = re.compile(r"^torch\.(.*\.)?(\w*DataParallel|compile)$")
_ATTENDS = re.compile(r"attn|attention|transformer|encoder|decoder|block|layer", re.I)


class Rule:
    """A module whose forward does not do what modules do.

    ## What it does
    Reports `F.dropout(x)` that is not told `training=self.training`, `model.forward(x)` of a module that is
    hooked or wrapped, a module without `super().__init__()`, an attention mask that `forward` takes and
    never hands on, and a causal model without a mask. Only if this rule is selected it reports layers that
    are made inside `forward`, and `model.forward(x)` where other modules of the project are hooked.

    ## Why is this bad
    `F.dropout` drops in evaluation too. A layer that is made in each call has new random weights each
    time, and no optimizer knows it. `forward` called by hand skips hooks. Without its mask, attention
    looks at padding, or at the very tokens that it is to predict.

    ## Known problems
    Silent for layers that are made once under a condition, flax modules, and where a base may do it.

    ## Example
    ```python
    def forward(self, x):
        return F.dropout(self.head(x), 0.5)
    ```

    ## Use instead
    ```python
    def forward(self, x):
        return F.dropout(self.head(x), 0.5, training=self.training)
    ```

    ## Fix safety
    Scientific: what the module computes changes.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html
    - Real cases: `5-2.BERT/BERT.py` of https://github.com/graykode/nlp-tutorial as of 2026 makes
      `nn.Linear` and `nn.LayerNorm` in `forward`; https://github.com/pytorch/pytorch/issues/51800.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The modules of one file that are made or called in the wrong way."""
        if not code.mentions("Module", "forward", "keras"):
            return
        yield from _dropout(code)
        for known in code.source.index.classes:
            if _is_module(code, known):
                yield from _class(code, known)
        files = code.project.component(code.source) if code.mentions(".forward(") else []
        if any(_HOOKED.search(one.text) for one in files):
            yield from _forward_calls(code)  # else the call does nothing that `forward` leaves out


def _is_module(code: Code, known: Class) -> bool:
    outside = code.project.lineage(Known(code.source, known))[1]
    return bool(outside & _MODULES) and "?" not in outside


def _owner_is_module(code: Code, where: Where) -> bool:
    owner = code.project.owner(where)
    return owner is not None and bool(code.project.lineage(owner)[1] & _MODULES)


def _dropout(code: Code) -> Iterator[Claim]:
    for call, entry in code.known("layers", "functions"):
        if entry["functions"] != "dropout" or not _owner_is_module(code, call.where):
            continue
        if call.arg(2, "training") is not None or any(k.arg is None for k in call.node.keywords):
            continue
        if any(isinstance(a, ast.Starred) for a in call.node.args) or not call.node.args:
            continue
        if any("self.training" in ast.unparse(test) for test, _ in code.guards(call.node)):
            continue
        text = "training=self.training"
        yield code.claim(
            call.node,
            f"`{ast.unparse(call.node.func)}` is not told the mode of the module: it drops in evaluation too",
            f"pass `{text}`",
            confidence=0.97,
            change=Change("scientific", f"Pass `{text}`", [code.after_argument(call.node, text)]),
        )


def _class(code: Code, known: Class) -> Iterator[Claim]:
    made = known.methods.get("__init__")
    if made is not None:
        yield from _no_super(code, known, made.node)
    forward = known.methods.get("forward")
    if forward is None:
        return
    where = Where(code.source, forward)
    for node in forward.calls:
        call = code.call(node, where)
        yield from _made_in_forward(code, call)
    for method in _run_by(code, known, where):
        for node in method.scope.calls:
            yield from _made_and_run(code, code.call(node, method))
    yield from _masks(code, known, where)


def _no_super(code: Code, known: Class, made: ast.AST) -> Iterator[Claim]:
    text = ast.unparse(made)
    direct = [ast.unparse(b) for b in known.node.bases]
    plain = all(b.rpartition(".")[2] in ("Module", "LightningModule") for b in direct)
    if "super" in text or "__init__(" in text.partition("\n")[2] or not plain or len(direct) != 1:
        return
    assert isinstance(made, FunctionNode)
    if not re.search(r"self\.\w+ = ", text) or isinstance(made.body[-1], ast.Raise):
        return
    first = made.body[0]
    docs = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    anchor = made.body[1] if docs and len(made.body) > 1 else first
    yield code.claim(
        anchor,
        f"`{known.name}` never calls `super().__init__()`: the module has no place for its layers",
        "call `super().__init__()` first",
        confidence=0.97,
        change=Change(
            "scientific", "Call `super().__init__()`", [code.before(anchor, "super().__init__()")]
        ),
    )


def _made_in_forward(code: Code, call: Call) -> Iterator[Claim]:
    name = call.name or ""
    if name not in code.words("results", "layers", "weights"):
        return
    if _once(code, call) or call.option("elementwise_affine") is False:
        return
    is_dropout = "Dropout" in name
    parent = code.source.index.parents.get(call.node)
    if is_dropout and not (isinstance(parent, ast.Call) and parent.func is call.node):
        return
    is_norm = "Norm" in name
    why = (
        "it is new, and so in training mode, in every call: it drops in evaluation too"
        if is_dropout
        else "its weights are new in every call, and no optimizer knows them"
    )
    runs = isinstance(parent, ast.Call) and parent.func is call.node
    yield code.claim(
        call.node,
        f"`{ast.unparse(call.node.func)}` is made inside `forward`: {why}",
        "make the layer in `__init__`",
        confidence=0.96,
        # Norms begin as the identity; weights of a layer that has a name may be put in by hand.
        level=None if runs and not is_norm else "possible",
    )


def _run_by(code: Code, known: Class, forward: Where) -> list[Where]:
    """`forward`, and the methods of its class that it calls."""
    found = [forward]
    for one in found:
        for node in one.scope.calls:
            function = node.func
            own = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "self"
            method = (
                known.methods.get(function.attr)
                if own and isinstance(function, ast.Attribute)
                else None
            )
            where = Where(code.source, method) if method is not None else None
            if where is not None and where not in found:
                found.append(where)
    return found


def _made_and_run(code: Code, call: Call) -> Iterator[Claim]:
    """A layer that is made by name, in a helper too, only to be called in the same pass."""
    statement = code.source.index.statement(call.node)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return
    if (
        _unmoved(statement.value) is not call.node
        or _once(code, call)
        or not _has_weights(code, call)
    ):
        return
    name = statement.targets[0].id
    uses = code.uses(statement)
    above = [code.source.index.parents.get(u) for u in uses]
    runs = [a for u, a in zip(uses, above, strict=True) if isinstance(a, ast.Call) and a.func is u]
    if uses and len(runs) == len(uses) and len(call.where.scope.bindings.get(name, ())) == 1:
        yield code.claim(
            call.node,
            f"`{name}` is made in every call of `forward`: its weights are new each time, and no optimizer "
            "knows them",
            "make the layer in `__init__`",
            because=[code.step("it runs here", runs[0])],
            confidence=0.95,
        )


def _unmoved(value: ast.expr) -> ast.expr:
    while (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in ("to", "cuda", "float", "half", "double")
    ):
        value = value.func.value
    return value


def _has_weights(code: Code, call: Call) -> bool:
    """Whether a call makes convolutions or linear layers, itself or in the project's function that it is."""
    made = [call]
    if isinstance(call.target, Where):
        values = call.target.scope.returns
        made = [code.call(v, call.target) for v in values if isinstance(v, ast.Call)]
        if not made or len(made) != len(values):
            return False
    names = code.words("results", "layers", "weights")
    for one in made:
        inner = [code.call(n, one.where) for n in ast.walk(one.node) if isinstance(n, ast.Call)]
        if not any(
            i.name in names and "Norm" not in (i.name or "") and "Dropout" not in (i.name or "")
            for i in inner
        ):
            return False
    return True


def _once(code: Code, call: Call) -> bool:
    """Whether a condition lets it be made once only, or only its kind or values are wanted."""
    for test, _ in code.guards(call.node):
        if re.search(r"None|hasattr|not self|init|in self|isinstance", ast.unparse(test)):
            return True
    statement = code.source.index.statement(call.node)
    name = ast.unparse(statement.targets[0]) if isinstance(statement, ast.Assign) else ""
    by_hand = rf"\b{re.escape(name)}\.(weight|bias|load_state_dict)\b"
    return name.startswith("self.") or (
        bool(name) and bool(re.search(by_hand, ast.unparse(call.where.scope.node)))
    )


def _masks(code: Code, known: Class, where: Where) -> Iterator[Claim]:
    node = where.scope.node
    assert isinstance(node, FunctionNode)
    loads = {n.id for n in within_body(node) if isinstance(n, ast.Name)}
    attends = [c for c in where.scope.calls if _ATTENDS.search(ast.unparse(c.func)) and c.args]
    for argument in (*node.args.args, *node.args.kwonlyargs):
        name = argument.arg
        if (
            re.search(r"mask", name)
            and name not in loads
            and attends
            and "locals()" not in ast.unparse(node)
        ):
            layer = next((c for c in attends if _surely(code, c, where)), None)
            if layer is not None:
                yield code.claim(
                    layer,
                    f"`forward` takes `{name}` and never uses it: this attends to what is to be masked",
                    f"hand `{name}` on",
                    confidence=0.93,
                )
    if _CAUSAL.search(known.name) and not re.search(
        r"mask|causal|tril|triu", ast.unparse(known.node)
    ):
        for call in (code.call(c, where) for c in where.scope.calls):
            if _surely(code, call.node, where):
                yield code.claim(
                    call.node,
                    f"`{known.name}` attends without a causal mask: each token sees the ones it is to predict",
                    "pass a causal mask, or `is_causal=True`",
                    confidence=0.92,
                )


def _surely(code: Code, node: ast.Call, where: Where) -> bool:
    return code.call(node, where).name in code.words("results", "layers", "attention")


def within_body(node: FunctionNode) -> Iterator[ast.AST]:
    """The nodes of a function's body."""
    for statement in node.body:
        yield from within(statement)


def _forward_calls(code: Code) -> Iterator[Claim]:
    told: dict[str, list[Call]] = {}
    for call in _bare_forwards(code):
        told.setdefault(ast.unparse(call.node.func), []).append(call)
    for first, *others in told.values():
        assert first.receiver is not None
        text = ast.unparse(first.receiver)
        edits = [code.replace(c.node.func, code.text(first.receiver)) for c in (first, *others)]
        skipped = _skipped(code, first.receiver)
        yield code.claim(
            first.node,
            f"`{text}.forward(…)` skips the hooks of the module, and its wrappers",
            f"call `{text}(…)`",
            because=[*skipped, *(code.step("and here", other.node) for other in others)],
            confidence=0.95 if skipped else 0.6,
            change=Change("scientific", f"Call `{text}`", edits),
            level=None if skipped else "possible",
        )


def _skipped(code: Code, receiver: ast.expr) -> list[Step]:
    """The wrapping or the hook of this very module, which its `forward` does without."""
    text = ast.unparse(receiver)
    hooked = [
        call.node
        for last, sites in code.source.index.called.items()
        if re.fullmatch(r"register_\w*hook", last)
        for call in (code.call(node) for node, _ in sites)
        if call.receiver is not None and ast.unparse(call.receiver) == text
    ]
    if hooked:
        return [code.step("the hook is put on here", hooked[0])]
    made = code.made_by(receiver)
    if made is None or not _WRAPS.search(made.name or ""):
        return []
    return [code.step("the module is wrapped here", made.node, made.where)]


def _bare_forwards(code: Code) -> Iterator[Call]:
    """The calls of `forward` of what is a module for sure, from without."""
    for call in code.calls(".forward"):
        receiver = call.receiver
        if receiver is None or code.is_test or "super" in ast.unparse(receiver):
            continue
        if isinstance(receiver, ast.Name) and receiver.id in ("self", "cls"):
            continue
        if _is_tried_out(code, call):
            continue
        if call.where.scope.owner is not None and _owner_is_module(code, call.where):
            continue
        known = (call.name or "").startswith(("torch.nn.", "torchvision.models."))
        known = known or code.is_a(receiver, "torch.nn.Module") or _serves_as_module(code, receiver)
        if not known or _is_class(code, receiver):
            continue
        yield call


_OF_MODULES = (".parameters", ".state_dict", ".load_state_dict", ".train", ".eval")


def _serves_as_module(code: Code, receiver: ast.expr) -> bool:
    """Whether its parameters are asked for, or it is both called and put into a mode, in a file of torch."""
    text = ast.unparse(receiver)
    asked = {
        c.method
        for c in code.calls(*_OF_MODULES)
        if c.receiver is not None and ast.unparse(c.receiver) == text
    }
    if not asked or not code.mentions("torch"):
        return False
    last = text.rpartition(".")[2]
    called = any(ast.unparse(n.func) == text for n, _ in code.source.index.called.get(last, ()))
    return bool(asked - {"train", "eval"}) or called


def _is_tried_out(code: Code, call: Call) -> bool:
    """Whether a file runs its own module only where it is run by itself, without what would be skipped."""
    above = [a for a in code.source.index.ancestors(call.node) if isinstance(a, ast.If)]
    return any(
        "__name__" in ast.unparse(a.test) and not _HOOKED.search(ast.unparse(a)) for a in above
    )


def _is_class(code: Code, receiver: ast.expr) -> bool:
    return isinstance(code.project.definition(receiver, code.where(receiver)), Known)
