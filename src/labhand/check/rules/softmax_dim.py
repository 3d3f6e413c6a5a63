"""A softmax over the batch, over a dimension of one, or over whatever dimension PyTorch picks."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import crossed
from labhand.kit.code.batches import batched
from labhand.kit.code.calls import Call
from labhand.kit.code.layers import layers_in
from labhand.kit.code.origins import origins
from labhand.kit.code.view import View

_IMPLICIT = (
    "torch.nn.functional.softmax",
    "torch.nn.functional.log_softmax",
    "torch.nn.functional.softmin",
)
_MODULES = ("torch.nn.Softmax", "torch.nn.LogSoftmax", "torch.nn.Softmin")
_PLAIN = (
    "torch.softmax",
    "torch.log_softmax",
    ".softmax",
    ".log_softmax",
    "jax.nn.softmax",
    "jax.nn.log_softmax",
)
_POOLS = re.compile(r"att|pool|gate|weight|align|rout|mil", re.I)
_IMAGES = re.compile(r"(Conv2d|BatchNorm\dd|Pool2d|pool2d|conv2d)(\(\))?$")


class Rule:
    """A softmax over the batch, over a dimension of one, or over whatever dimension PyTorch picks.

    ## What it does
    Reports a softmax along dimension 0 of what a classifier gives for a batch, a softmax along a dimension
    that surely has size 1 (`Linear(…, 1)`, Keras' `Dense(1, activation="softmax")`), and
    softmax functions without `dim` on what surely has three dimensions, or four that a product of
    matrices takes.

    ## Why is this bad
    Over the batch, the probabilities of one sample depend on the others and do not sum to one. Over one
    number, the answer is always 1. Without `dim`, PyTorch takes 0 for three dimensions and 1 for two or four.

    ## Known problems
    Attention over a first dimension (time, nodes) is meant, and not reported where no batch is proven.
    A softmax without `dim` is left alone where three dimensions are not proven: PyTorch takes the classes
    of a matrix, and most are of matrices.

    ## Example
    ```python
    for x, y in loader:
        probabilities = torch.softmax(model(x), dim=0)
    ```

    ## Use instead
    ```python
    for x, y in loader:
        probabilities = torch.softmax(model(x), dim=1)
    ```

    ## Fix safety
    There is no fix: the class dimension is 1 or -1, which the author knows.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html
    - Real cases: https://github.com/PetrochukM/PyTorch-NLP/issues/2 and
      https://github.com/catalyst-team/catalyst/pull/285.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The softmaxes of one file along the wrong dimension."""
        if not code.mentions("oftmax", "oftmin"):
            return
        told: set[ast.AST] = set()
        for call in code.calls(*_IMPLICIT, *_MODULES, *_PLAIN, *(f"{m}()" for m in _MODULES)):
            claim = _implicit(code, call) or _along_one(code, call) or _along_batch(code, call)
            if claim is not None and claim.node not in told:
                told.add(claim.node)
                yield claim
        for dense in code.calls("keras.layers.Dense"):
            units, activation = dense.arg(0, "units"), dense.option("activation")
            if getattr(units, "value", None) == 1 and activation == "softmax":
                yield _one(code, dense.node, "this layer has one unit")


def _implicit(code: Code, call: Call) -> Claim | None:
    module = call.name in _MODULES
    if call.name not in _IMPLICIT and not module:
        return None
    starred = any(isinstance(a, ast.Starred) for a in call.node.args)
    if starred or any(k.arg in ("dim", None) for k in call.node.keywords):
        return None
    subject = _subject(call)
    if len(call.node.args) > (0 if module else 1) or subject is None:
        return None
    rank = code.rank(subject)
    across = crossed.used(code, call.node) if rank == 4 else None
    if rank != 3 and (across is None or across.how not in ("@", "matmul")):
        return None  # of four dimensions, 1 holds the classes of images
    taken = "0, the batch" if rank == 3 else "1, the heads"
    return code.claim(
        call.node,
        f"this softmax says no dimension: for the {'three' if rank == 3 else 'four'} dimensions that it gets, "
        f"PyTorch takes {taken}",
        "say the dimension that is to sum to one: `dim=-1`",
        because=[code.step("it is used along the last one here", across.node)] if across else (),
        confidence=0.93,
    )


def _dim(call: Call) -> object:
    name = call.name or ""
    if name.endswith("()"):
        made = call.made
        given = made.arg(0, "dim") if made is not None else None
    elif name in _MODULES:
        given = call.arg(0, "dim")
    else:
        given = call.arg(0 if name.startswith(".") else 1, "dim", "axis")
    if isinstance(given, ast.UnaryOp) and isinstance(given.operand, ast.Constant):
        value = given.operand.value
        return -value if isinstance(value, int) else None
    return given.value if isinstance(given, ast.Constant) else None


def _subject(call: Call) -> ast.expr | None:
    name = call.name or ""
    if name.startswith("."):
        return call.receiver
    return None if name in _MODULES else call.arg(0, "input", "x")


def _along_one(code: Code, call: Call) -> Claim | None:
    dim = _dim(call)
    if call.name in _MODULES:
        before = _layer_before(code, call)
        if before is not None and _outputs(before) == 1 and dim == -1:
            return _one(code, call.node, "the layer before it gives one number")
        return None
    subject = _subject(call)
    if subject is None or not isinstance(dim, int):
        return None
    shape = code.shape(subject)
    sizes = shape.value
    if not sizes or (dim >= 0 and sizes[0] is ...) or not -len(sizes) <= dim < len(sizes):
        plain = dim == 1 and sizes and sizes[-1] == 1 and _is_returned(code, call)
        return _one(code, call.node, "its input has one column", shape.chain) if plain else None
    if sizes[dim] == 1:
        return _one(code, call.node, "its input has one number along it", shape.chain)
    return None


def _one(code: Code, node: ast.Call, why: str, because: object = ()) -> Claim:
    return code.claim(
        node,
        f"this softmax goes over a dimension of size 1, as {why}: it always gives 1",
        "use a sigmoid for one output, or give as many outputs as there are classes",
        because=because if isinstance(because, tuple) else (),
        confidence=0.94,
    )


def _is_returned(code: Code, call: Call) -> bool:
    """Whether a module that pools nothing gives it back as it is."""
    scope = call.where.scope
    owner = scope.owner.name if scope.owner else ""
    given = [*scope.returns]
    return scope.name == "forward" and call.node in given and not _POOLS.search(owner)


def _layer_before(code: Code, call: Call) -> Call | None:
    """The layer that stands before one in a Sequential."""
    above = code.source.index.parents.get(call.node)
    while above is not None and not isinstance(above, ast.Call | ast.stmt):
        above = code.source.index.parents.get(above)
    layers = layers_in(code.call(above)) if isinstance(above, ast.Call) else None
    nodes = [s.node for s in layers or ()]
    if call.node not in nodes or nodes.index(call.node) == 0:
        return None
    before = nodes[nodes.index(call.node) - 1]
    return code.call(before) if isinstance(before, ast.Call) else None


def _outputs(layer: Call) -> object:
    given = layer.arg(1, "out_features") if layer.name == "torch.nn.Linear" else None
    return getattr(given, "value", given)


def _along_batch(code: Code, call: Call) -> Claim | None:
    if _dim(call) != 0:
        return _inner(code, call)
    if call.name in _MODULES:
        before = _layer_before(code, call)
        linear = before is not None and before.name == "torch.nn.Linear"
        return _batch(code, call) if linear and code.mentions("oader", "batch") else None
    subject = _subject(call)
    if subject is None:
        return None
    across = crossed.used(code, call.node)
    if across is not None:
        return _across(code, call, across)
    because = batched(code, subject)
    logits = code.role(subject).value == "logits"
    if because and (logits or not _POOLS.search(ast.unparse(subject))):
        return _batch(code, call)
    returned = call.node in call.where.scope.returns or _named_return(code, call)
    if call.where.scope.name == "forward" and returned and _scores_rows(code, call.node):
        return _batch(code, call)
    known = (
        _runs_on_batches(code, call) or _of_batches(code, subject) or _is_scored(code, call.node)
    )
    if call.where.scope.name == "forward" and returned and logits and known:
        return _batch(code, call)
    return None


def _inner(code: Code, call: Call) -> Claim | None:
    """Attention weights over a dimension in the middle, which a product then sums along the last one."""
    dim, subject = _dim(call), _subject(call)
    if not isinstance(dim, int) or subject is None or call.name in _MODULES:
        return None
    across = crossed.used(code, call.node) if dim != -1 else None
    if across is None or across.how not in ("@", "matmul"):
        return None
    rank = code.rank(subject)
    if dim < -1 or (rank is not None and dim < rank - 1):
        return _across(code, call, across)
    return None


def _across(code: Code, call: Call, use: crossed.Use) -> Claim:
    own = (call.name or "").endswith("()") and call.made is not None
    made = call.made if own and call.made and call.made.where.source is code.source else call
    return code.claim(
        made.node,
        f"this softmax goes over dimension {_dim(call)}, and `{use.how}` takes what it gives along another one: that "
        "does not sum to one",
        "take it along the dimension that is used: `dim=-1`",
        because=[code.step("it is used along another dimension here", use.node)],
        confidence=0.92,
    )


def _named_return(code: Code, call: Call) -> bool:
    statement = code.source.index.statement(call.node)
    is_named = isinstance(statement, ast.Assign) and statement.value is call.node
    return is_named and any(use in call.where.scope.returns for use in code.uses(statement))


def _runs_on_batches(code: Code, call: Call) -> bool:
    """Whether the module of a `forward` is called in a loop over batches, somewhere in the project."""
    for site in code.project.callers(call.where) or ():
        loops = site.where.source.index.loops(site.call)
        for loop in loops[:1]:
            over = ast.unparse(loop.iter) if isinstance(loop, ast.For) else ""
            made = origins(code.project, loop.iter, site.where) if isinstance(loop, ast.For) else []
            if "oader" in over or any("DataLoader" in o.name for o in made):
                return True
    return False


def _is_scored(code: Code, node: ast.Call) -> bool:
    """Whether a loss of classes, which takes them along dimension 1, is given it in this file."""
    losses = [(c, e) for c, e in code.known("losses", "takes") if e.get("classes") == "many"]
    given = [c.arg(*e["input"]) for c, e in losses]
    return any(node in code.behind(g) for g in given if g is not None)


def _scores_rows(code: Code, node: ast.Call) -> bool:
    """Whether a file that uses the module gives rows of what it gives to a loss of classes."""
    for source in code.project.importers(code.source):
        there = View(source, code.project)
        for call, loss in there.known("losses", "takes"):
            given = call.arg(*loss["input"]) if loss.get("classes") == "many" else None
            rows = isinstance(given, ast.Subscript) and isinstance(given.slice, ast.Name)
            if rows and given is not None and node in there.behind(given):
                return True
    return False


def _of_batches(code: Code, subject: ast.expr) -> bool:
    """Whether layers of images, or a flattening of all but the first dimension, make the value."""
    for node, spot in code.behind(subject).items():
        if not isinstance(node, ast.Call):
            continue
        call = code.call(node, spot.where)
        if _IMAGES.search(call.name or ""):
            return True
        first = 0 if (call.name or "").startswith(".") else 1
        given = [ast.unparse(a) for a in call.node.args[first:]]
        if call.method == "flatten" and given[:1] == ["1"]:
            return True
        pair = call.method in ("view", "reshape") and len(given) == 2
        if pair and (given[0] == "-1" or (given[1] == "-1" and "0" in given[0])):
            return True
    return False


def _batch(code: Code, call: Call) -> Claim:
    return code.claim(
        call.node,
        "this softmax goes over dimension 0, the batch: what one sample gets depends on the others, and its "
        "classes do not sum to one",
        "take it along the classes: `dim=1`, or `dim=-1`",
        because=batched(code, subject) if (subject := _subject(call)) is not None else (),
        confidence=0.92,
    )
