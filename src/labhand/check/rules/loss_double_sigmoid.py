"""Probabilities given to a loss that takes a sigmoid itself."""

from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.check.mending import activation_out
from labhand.core.finding import Severity
from labhand.kit.code import losses
from labhand.kit.code.losses import Fed

_SIGMOIDS = (
    "torch.sigmoid",
    "torch.nn.functional.sigmoid",
    "torch.special.expit",
    "jax.nn.sigmoid",
    "tensorflow.nn.sigmoid",
    "tensorflow.sigmoid",
    "tensorflow.math.sigmoid",
    ".sigmoid",
)


class Rule:
    """Probabilities given to a loss that takes a sigmoid itself.

    ## What it does
    Reports a binary cross-entropy or focal loss that takes logits (PyTorch, torchvision, optax, TensorFlow,
    Keras with `from_logits=True`) and is surely given probabilities: what a sigmoid or softmax gives.

    ## Why is this bad
    A sigmoid of numbers between 0 and 1 lies between 0.5 and 0.73: the model can never say no with any
    confidence, the loss cannot fall below 0.31 for positives and 0.69 for negatives, and gradients shrink.

    ## Known problems
    Silent where a model gives probabilities on some ways and logits on others, and where a metric takes the
    sigmoid beside the loss.

    ## Example
    ```python
    probabilities = torch.sigmoid(model(inputs))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(probabilities, labels)
    ```

    ## Use instead
    ```python
    logits = model(inputs)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
    ```

    ## Fix safety
    Scientific: the fix takes the sigmoid out, where it stands for this loss alone. Gradients become larger.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
    - Real cases: https://github.com/yudi-mars/daisyRec/pull/15 and
      https://github.com/itakurah/focal-loss-pytorch/pull/5.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The losses of one file that are given probabilities and want logits."""
        if not code.mentions("ith_logits", "ithLogits", "from_logits", "focal", "optax"):
            return
        for fed in losses.fed(code):
            given = fed.role.value == "probabilities" and fed.role.sure
            if fed.classes == "two" and fed.wants == "logits" and given:
                yield _claim(code, fed)


def _claim(code: Code, fed: Fed) -> Claim:
    return code.claim(
        fed.call.node,
        "this loss applies a sigmoid itself and is given probabilities: it sees logits between 0 and 1 only, "
        "so no prediction can go below one half",
        "give it the logits, and take the sigmoid only where probabilities are read",
        because=fed.role.chain,
        confidence=0.96,
        change=activation_out(code, fed, _SIGMOIDS),
        role="probabilities",
    )
