"""Probabilities given to a loss that takes a softmax itself."""

from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.check.mending import activation_out
from labhand.core.finding import Severity
from labhand.kit.code import losses
from labhand.kit.code.losses import Fed

_FORWARD = (
    "torch.softmax",
    "torch.nn.functional.softmax",
    "jax.nn.softmax",
    "tensorflow.nn.softmax",
    ".softmax",
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
        if not code.mentions("ross_entropy", "rossEntropy", "rossentropy", ".compile("):
            return
        for fed in losses.fed(code):
            given = fed.role.value == "probabilities" and fed.role.sure
            if fed.classes == "many" and fed.wants == "logits" and given:
                yield _claim(code, fed)


def _claim(code: Code, fed: Fed) -> Claim:
    return code.claim(
        fed.call.node,
        "this loss applies a softmax itself and is given probabilities: it flattens them a second time, "
        "so gradients shrink and the loss cannot reach 0",
        "give it the logits, and take the softmax only where probabilities are read",
        because=fed.role.chain,
        confidence=0.96,
        level="possible" if code.is_test else None,  # odd numbers serve as well there
        change=activation_out(code, fed, _FORWARD),
        role="probabilities",
    )
