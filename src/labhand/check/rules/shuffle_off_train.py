"""A training loader that hands out the rows in the same order in every epoch."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import contexts
from labhand.kit.code.calls import Call
from labhand.kit.code.contexts import Loop
from labhand.kit.code.origins import argument
from labhand.kit.code.project import CallSite, Where
from labhand.kit.code.splits import part_in
from labhand.kit.code.view import View

_NOT_TRAINING = re.compile(
    r"eval|test|val|stat|embed|feature|bank|memory|fixed|order|sequential|no_?shuffle|extract|knn|plain|"
    r"predict|infer|fisher|cal|recon|vis|plot|debug|overfit|ref",
    re.I,
)
_IN_ORDER = re.compile(
    r"stateful|bptt|repackage|TimeSeries|time_series|IterableDataset|webdataset|streaming\s*=\s*True|rollout"
)
_LOADERS = (
    "torch.utils.data.DataLoader",
    "torch_geometric.loader.DataLoader",
    "torch_geometric.data.DataLoader",
)
_SERIES = re.compile(r"LSTM|GRU|SimpleRNN|time_?steps|look_?back|n_lags|window_size", re.I)
_ROWS = re.compile(r"TensorDataset$|ImageFolder$|(?:^|\.)datasets\.[A-Z]\w*$")
"""Data of which any row can be had."""
_STREAM = re.compile(r"iter|stream|pipe|web", re.I)
_MIXES = re.compile(r"randperm|permutation|shuffle\(|\.sample\(frac|Iterable|replay|buffer", re.I)


class Rule:
    """A training loader that hands out the rows in the same order in every epoch.

    ## What it does
    Reports a DataLoader that training goes over, by its name, its part of the data or, where the data is no
    stream, a loop that steps, with neither `shuffle=True` nor a sampler, a `tf.data` pipeline of training
    rows without `shuffle`, and `fit(…, shuffle=False)`.

    ## Why is this bad
    Data on disk is mostly sorted, by class or by source. Batches then hold one class each, batch
    normalisation and Adam follow the order, and the model forgets what came first in every epoch.

    ## Known problems
    Silent for iterable data sets, samplers, rows that are permuted by hand, sequences whose state is
    carried on, and a loader named for evaluation.

    ## Example
    ```python
    train_loader = DataLoader(train_set, batch_size=64)
    ```

    ## Use instead
    ```python
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    ```

    ## Fix safety
    Scientific: the order of the batches changes, and with it every result.

    ## References
    - https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
    - Real case: `fast_neural_style/neural_style/neural_style.py` of https://github.com/pytorch/examples
      as of 2026 trains over an ImageFolder in the order of its files.
    """

    severity: Severity = "warning"
    level: Level = "possible"

    def check(self, code: Code) -> Iterator[Claim]:
        """The training loaders of one file that never shuffle."""
        if not code.mentions("train", "Train", "shuffle", "backward"):
            return
        if _IN_ORDER.search(code.source.text) or code.is_test:
            return
        for call in code.calls(*_LOADERS):
            yield from _loader(code, call)
        for call in code.calls(".fit"):
            yield from _fit(code, call)
        if code.mentions("from_tensor_slices", "tensorflow_datasets"):
            for call in code.calls(".batch"):
                yield from _pipeline(code, call)


def _loader(code: Code, call: Call) -> Iterator[Claim]:
    given = call.arg(2, "shuffle")
    off = given is None or (isinstance(given, ast.Constant) and given.value in (False, None))
    if not off or not all(_is_beside(code, k.value) for k in call.node.keywords if k.arg is None):
        return
    if call.arg(3, "sampler") is not None or call.arg(4, "batch_sampler") is not None:
        return
    dataset = call.arg(0, "dataset")
    label = code.label(call.node)
    if dataset is None or _NOT_TRAINING.search(label) or not _is_train(code, call, dataset, label):
        return
    if (
        _STREAM.search(ast.unparse(dataset))
        or _full_batch(call)
        or _mixed(code, dataset)
        or _has_other(code, call, dataset)
    ):
        return
    if not _trains(code) or _only_looks(code, label) or _idle(code, call):
        return
    edits = (
        [code.replace(given, "True")]
        if given is not None
        else [code.after_argument(call.node, "shuffle=True")]
    )
    yield code.claim(
        call.node,
        f"the training loader `{label or 'DataLoader'}` does not shuffle: every epoch sees the same "
        "batches in the same order",
        "pass `shuffle=True`, or a sampler",
        confidence=0.88,
        change=Change("scientific", "Pass `shuffle=True`", edits),
    )


def _is_beside(code: Code, more: ast.expr) -> bool:
    """Whether a `**dict` surely says nothing of the order: its keys are written out, and none does."""
    parts: list[ast.expr] = [more]
    keys: set[object] = set()
    while parts:
        part = parts.pop()
        if isinstance(part, ast.Name):
            bindings = code.project.reaching(part, code.where(more))[1]
            values = [b.value for b in bindings if b.how == "assign" and b.value and not b.path]
            if not values or len(values) < len(bindings) or _grows(code, part.id):
                return False
            parts += values
        elif isinstance(part, ast.IfExp):
            parts += [part.body, part.orelse]
        elif isinstance(part, ast.Dict):
            keys |= {k.value if isinstance(k, ast.Constant) else None for k in part.keys}
        elif isinstance(part, ast.Call) and getattr(part.func, "id", "") == "dict":
            keys |= {k.arg for k in part.keywords} | ({None} if part.args else set())
        else:
            return False
    return not keys & {"shuffle", "sampler", "batch_sampler", None}


def _grows(code: Code, name: str) -> bool:
    """Whether something is put into a dict of that name after it is made."""
    stored = (node.value for node in code.nodes(ast.Subscript) if isinstance(node.ctx, ast.Store))
    asked = (
        node.func.value
        for node in code.nodes(ast.Call)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("update", "setdefault")
    )
    return any(isinstance(at, ast.Name) and at.id == name for at in (*stored, *asked))


def _is_train(code: Code, call: Call, dataset: ast.expr, label: str) -> bool:
    part = code.split(dataset)
    named = part_in(label)
    if named is not None and named != "train":
        return False
    if part and part.value != "train":
        return False
    if named == "train" or part.value == "train":
        return True
    # what no name calls training may be a stream, unless its kind or `shuffle` says that it is none
    rows = call.arg(2, "shuffle") is not None or any(
        isinstance(node, ast.Call) and _ROWS.search(ast.unparse(node.func))
        for node in code.behind(dataset)
    )
    return rows and _is_trained_over(code, call)


def _is_trained_over(code: Code, call: Call) -> bool:
    """Whether a loop that surely goes over what this call makes trains by gradients in the pass itself."""
    for source in (code.source, *code.project.importers(code.source)):
        there = code if source is code.source else View(source, code.project)
        for node in there.nodes(ast.For):
            loop = there.loop(node)
            made = there.loader(loop.over) if loop.over is not None else None
            if made is not None and made.node is call.node:
                methods = {h.call.method for h in there.running(node)}
                if {"backward", "step"} <= methods:
                    return True
    return False


def _full_batch(call: Call) -> bool:
    size = call.arg(1, "batch_size")
    return size is not None and (
        "len(" in ast.unparse(size) or (isinstance(size, ast.Constant) and size.value is None)
    )


def _mixed(code: Code, dataset: ast.expr) -> bool:
    """Whether the rows were put into a random order, or have none."""
    return any(
        isinstance(node, ast.Call) and _MIXES.search(ast.unparse(node.func) + "(")
        for node in code.behind(dataset)
    )


def _has_other(code: Code, call: Call, dataset: ast.expr) -> bool:
    """Whether another loader goes over the same rows, which then is the one that trains."""
    text = ast.unparse(dataset)
    for other in code.calls(*_LOADERS):
        rows = other.arg(0, "dataset")
        if other is call or rows is None or ast.unparse(rows) != text:
            continue
        if other.where.scope is call.where.scope and other.arg(2, "shuffle", "sampler") is not None:
            return True
    return False


def _trains(code: Code) -> bool:
    """Whether the file, or one that imports it, trains by gradients."""
    words = (".backward(", ".fit(", "training_step", "optax", "Trainer(")
    if code.mentions(*words):
        return True
    return any(w in s.text for s in code.project.component(code.source) for w in words)


def _idle(code: Code, call: Call) -> bool:
    """Whether a loader is kept under a name that nothing reads after."""
    statement = code.source.index.statement(call.node)
    plain = isinstance(statement, ast.Assign) and all(
        isinstance(n, ast.Name) for t in statement.targets for n in _single(t)
    )
    if not plain or (call.where == code.module and code.project.importers(code.source)):
        return False
    return not code.uses(statement)


def _single(target: ast.expr) -> list[ast.expr]:
    return target.elts if isinstance(target, ast.Tuple | ast.List) else [target]


def _only_looks(code: Code, label: str) -> bool:
    """Whether the file goes over the loader, and no loop over it trains."""
    over = [
        code.loop(n)
        for n in code.nodes(ast.For)
        if any(isinstance(x, ast.Name) and x.id == label for x in ast.walk(n.iter))
    ]
    words = ["step", "fit", "minimize", "apply_gradients"]
    if part_in(label) == "train":
        words.append(
            "backward"
        )  # the step may be written out; else gradients are looked at, as for saliency
    over = over or _handed_on(code, label)
    first = any(f"next(iter({label}))" in line for line in code.source.lines)
    return bool(over or first) and not any(
        h.call.method in words or "train" in h.call.method or "update" in h.call.method
        for loop in over
        for h in contexts.running(code.project, [*loop.node.body], loop.where)
    )


def _handed_on(code: Code, label: str) -> list[Loop]:
    """The loops over a loader in the functions that it is handed to; none where one is out of sight."""
    loops: list[Loop] = []
    for use in (n for n in code.nodes(ast.Name) if n.id == label and isinstance(n.ctx, ast.Load)):
        above = code.source.index.parents.get(use)
        call = code.call(above) if isinstance(above, ast.Call) else None
        target = call.target if call is not None else None
        if call is None or not isinstance(target, Where):
            return []
        site = CallSite(call.node, call.where)
        names = [p for p in target.scope.parameters if argument(site, target, p) is use]
        there = View(target.source, code.project)
        mine = [n for n in there.nodes(ast.For) if there.where(n).scope is target.scope]
        loops += [there.loop(n) for n in mine if {*names} & {x.id for x in _names(n.iter)}]
    return loops


def _names(node: ast.AST) -> list[ast.Name]:
    return [n for n in ast.walk(node) if isinstance(n, ast.Name)]


def _fit(code: Code, call: Call) -> Iterator[Claim]:
    if call.option("shuffle") is not False or not code.mentions("keras", "tensorflow"):
        return
    if _SERIES.search(code.source.text):
        return  # windows of a series are often kept in their order on purpose
    given = call.arg(None, "shuffle")
    if given is None:
        return
    yield code.claim(
        call.node,
        "`fit` is told not to shuffle: every epoch sees the same batches in the same order",
        "leave `shuffle` out: Keras shuffles arrays by default",
        confidence=0.86,
        change=Change("scientific", "Pass `shuffle=True`", [code.replace(given, "True")]),
    )


def _pipeline(code: Code, call: Call) -> Iterator[Claim]:
    label = code.label(call.node)
    if part_in(label) != "train" or _NOT_TRAINING.search(label) or not _trains(code):
        return
    assert call.receiver is not None
    made = [n for n in code.behind(call.receiver) if isinstance(n, ast.Call)]
    names = [ast.unparse(n.func).rpartition(".")[2] for n in made]
    whole = ast.unparse(code.source.index.statement(call.node))
    if not {"from_tensor_slices", "load"} & {*names} or "shuffle" in names or "shuffle" in whole:
        return
    if code.mentions(f"{label}.shuffle", f"{label} = {label}.shuffle"):
        return
    yield code.claim(
        call.node,
        f"the training rows of `{label}` are batched without being shuffled",
        "call `.shuffle(n)` before `.batch`",
        confidence=0.86,
    )
