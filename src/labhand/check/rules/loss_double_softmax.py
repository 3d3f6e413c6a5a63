"""Probabilities given to a loss that takes a softmax itself."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Fact

_FORWARD = (
    "torch.softmax",
    "torch.nn.functional.softmax",
    "jax.nn.softmax",
    "tensorflow.nn.softmax",
)


class Rule:
    """Probabilities given to a loss that takes a softmax itself.

    ## What it does
    Reports a cross-entropy that takes logits (PyTorch, optax, TensorFlow, Keras with `from_logits=True`)
    and is surely given probabilities: the output of a softmax or sigmoid, as a call or a last layer.

    ## Why is this bad
    The loss applies a second softmax to numbers between 0 and 1. With ten classes its lowest possible
    value is then 1.46 instead of 0, gradients shrink, and training is slow and ends worse. No error
    is raised, and accuracy still looks plausible.

    ## Known problems
    Log-probabilities are harmless there (a softmax of them gives them back) and are not reported. Silent
    where a model gives probabilities on some ways and logits on others.

    ## Example
    ```python
    probabilities = torch.softmax(model(inputs), dim=1)
    loss = torch.nn.functional.cross_entropy(probabilities, labels)
    ```

    ## Use instead
    ```python
    logits = model(inputs)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    ```

    ## Fix safety
    Scientific: the fix takes the softmax out, where it stands for this loss alone. Gradients become larger.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
    - Real cases: https://github.com/Lightning-Universe/lightning-bolts/issues/654 and
      https://github.com/tflearn/tflearn/issues/562.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The losses of one file that are given probabilities and want logits."""
        if not code.mentions("ross_entropy", "rossEntropy", "rossentropy"):
            return
        for call, loss in code.known("losses", "takes"):
            given = call.arg(*loss["input"])
            if loss.get("classes") != "many" or given is None or not _wants_logits(call, loss):
                continue
            role = code.role(given)
            if role.value == "probabilities" and role.sure:
                yield _claim(code, call, role, _change(code, call, given, role))
        yield from self._compiled(code)

    def _compiled(self, code: Code) -> Iterator[Claim]:
        """Keras models whose last layer and loss do not fit."""
        for compiled in code.calls(".compile"):
            given = compiled.arg(1, "loss")
            loss = code.made_by(given) if given is not None else None
            if loss is None or compiled.receiver is None or loss.option("from_logits") is not True:
                continue
            entry = code.table("losses").get(f"{loss.name}()", {})
            role = code.output_role(compiled.receiver)
            if entry.get("classes") == "many" and role.value == "probabilities":
                yield _claim(code, compiled, role, None)


def _wants_logits(call: Call, loss: Mapping[str, Any]) -> bool:
    if "from_logits" in loss:
        return call.option(loss["from_logits"], False) is True
    return bool(loss["takes"] == "logits")


def _claim(code: Code, call: Call, role: Fact, change: Change | None) -> Claim:
    return code.claim(
        call.node,
        "this loss applies a softmax itself and is given probabilities: it flattens them a second time, "
        "so gradients shrink and the loss cannot reach 0",
        "give it the logits, and take the softmax only where probabilities are read",
        because=role.chain,
        confidence=0.96,
        change=change,
        role="probabilities",
    )


def _change(code: Code, call: Call, given: ast.expr, role: Fact) -> Change | None:
    """Takes the softmax out, where it is a call in the same function and only this loss reads it."""
    first = role.chain[0].node
    if not isinstance(first, ast.Call) or role.chain[0].source is not code.source:
        return None
    softmax = code.call(first)
    inner = softmax.arg(0, "input", "x", "logits") if softmax.name in _FORWARD else None
    if softmax.name == ".softmax":
        inner = softmax.receiver
    if inner is None or softmax.where.scope is not call.where.scope:
        return None
    statement = code.source.index.statement(first)
    alone = first is given or (
        isinstance(statement, ast.Assign)
        and statement.value is first
        and len(code.uses(statement)) == 1
    )
    if not alone:
        return None
    return Change("scientific", "Take the softmax out", [code.replace(first, code.text(inner))])
