"""A prediction that is the largest row of the batch instead of the largest class."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.batches import batched, scored
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Step

_CALLS = (
    "torch.argmax", "torch.max", "torch.topk", "numpy.argmax", "jax.numpy.argmax", "tensorflow.argmax",
    "tensorflow.math.argmax", "torch.argmin", ".argmax", ".max", ".topk", "numpy.argmin",
)  # fmt: skip


class Rule:
    """A prediction that is the largest row of the batch instead of the largest class.

    ## What it does
    Reports `argmax` and `max` along dimension 0, or along none, of what a classifier gives for a batch from a
    loader or for a whole part of the data.

    ## Why is this bad
    Dimension 0 is the batch: the answer is which sample scores highest for each class. Compared with labels,
    it gives an error at most batch sizes, and plain nonsense where batch and classes are of one size, or the
    comparison broadcasts.

    ## Known problems
    Silent for values of one sample, for indexed and reshaped outputs, and where no batch is proven.

    ## Example
    ```python
    for x, y in loader:
        correct += (model(x).argmax(0) == y).sum()
    ```

    ## Use instead
    ```python
    for x, y in loader:
        correct += (model(x).argmax(1) == y).sum()
    ```

    ## Fix safety
    There is no fix: the class dimension is 1 or -1, which the author knows.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.argmax.html
    - Real case: https://github.com/catalyst-team/catalyst/pull/285 (dimensions of a batch taken for classes).
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The predictions of one file that are taken over the batch."""
        if not code.mentions("argmax", ".max(", "argmin", "topk"):
            return
        for call in code.calls(*_CALLS):
            given, subject = _dimension(call), _subject(call)
            if subject is None or given is None:
                continue
            because = _evaluated(code, call) or _predicted(code, subject, given)
            if not because and _picks(code, call):
                because = scored(code, subject)
            if not because and _is_prediction(code, call, subject):
                because = batched(code, subject) or _normalised(code, subject)
            if because:
                yield code.claim(
                    call.node,
                    f"the prediction is taken {given}: it tells which sample of the batch scores highest, not "
                    "which class",
                    "take it along the classes: dimension 1, or -1",
                    because=because,
                    confidence=0.92,
                )


def _picks(code: Code, call: Call) -> bool:
    """Whether it surely is asked which is largest, not how large that is."""
    if call.method != "max":
        return True
    above = code.source.index.parents.get(call.node)
    match above:
        case ast.Subscript(slice=ast.Constant(value=1)) | ast.Attribute(attr="indices"):
            return True
        case ast.Assign(targets=[ast.Tuple(elts=[_, _])]):
            return True
    return False


def _predicted(code: Code, subject: ast.expr, given: str) -> list[Step]:
    """What shows that it is the table of scores, a row for each sample, that a model predicts."""
    made = subject
    if isinstance(subject, ast.Name):
        bindings = code.project.reaching(subject, code.where(subject))[1]
        values = [b.value for b in bindings if b.how == "assign" and not b.path]
        made = values[0] if len(values) == len(bindings) == 1 and values[0] else subject
    if not isinstance(made, ast.Call) or "0" not in given:
        return []
    call = code.call(made)
    of_keras = call.method == "predict" and (call.name or "").startswith("keras.")
    known = call.made is not None and call.made.entry("estimators") is not None
    if of_keras or (known and call.method == "predict_proba"):
        return [code.step("each row of what the model predicts is a sample", made)]
    return []


def _evaluated(code: Code, call: Call) -> list[Step]:
    """What shows that it stands in the function by which transformers' Trainer scores all predictions."""
    function = call.where.scope.name
    subject = _subject(call)
    if subject is None or not code.mentions("predictions", "compute_metrics", "eval_pred"):
        return []
    for made in code.calls("transformers.Trainer", "transformers.Seq2SeqTrainer"):
        given = made.arg(None, "compute_metrics")
        if given is None or ast.unparse(given).rpartition(".")[2] != function:
            continue
        for node in code.behind(subject):
            first = call.where.scope.parameters[:1]
            if isinstance(node, ast.Name) and node.id in first:
                return [code.step("the Trainer hands it all predictions", made.node, made.where)]
    return []


def _normalised(code: Code, subject: ast.expr) -> list[Step]:
    """What shows that the classes stand along another dimension: the softmax that it is taken of."""
    if not isinstance(subject, ast.Call) or "softmax" not in ast.unparse(subject.func):
        return []
    given = code.call(subject).arg(1, "dim", "axis")
    later = isinstance(given, ast.Constant) and isinstance(given.value, int) and given.value >= 1
    return [code.step("its softmax goes along another dimension", subject)] if later else []


def _dimension(call: Call) -> str | None:
    """Along what the largest is taken, where it is the batch; None: along something else."""
    place = 0 if (call.name or "").startswith(".") else 1
    place += call.method == "topk"
    given = call.arg(place, "dim", "axis")
    if given is None:
        whole = call.method in ("argmax", "argmin") and len(call.node.args) <= place
        no_axis = not any(k.arg in ("dim", "axis", None) for k in call.node.keywords)
        return "over all numbers at once" if whole and no_axis else None
    return "along dimension 0" if isinstance(given, ast.Constant) and given.value == 0 else None


def _subject(call: Call) -> ast.expr | None:
    return call.receiver if (call.name or "").startswith(".") else call.arg(0, "input", "a")


def _is_prediction(code: Code, call: Call, subject: ast.expr) -> bool:
    """Whether it is compared with something, as a class is, or the scores of classes are known as such."""
    if code.role(subject).value in ("logits", "probabilities", "log-probabilities"):
        return True
    statement = code.source.index.statement(call.node)
    return any(_is_compared(code, node) for node in (call.node, *code.uses(statement)))


def _is_compared(code: Code, node: ast.AST) -> bool:
    above = code.source.index.parents.get(node)
    while isinstance(above, ast.Attribute | ast.Call | ast.Subscript):
        if isinstance(above, ast.Call) and getattr(above.func, "attr", "") in ("eq", "accuracy"):
            return True
        above = code.source.index.parents.get(above)
    return isinstance(above, ast.Compare)
