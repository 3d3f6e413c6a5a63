"""A backward pass that cannot be computed."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"modified by an inplace operation|backward through the graph a second time"
    r"|does not require grad and does not have a grad_fn|a leaf Variable that requires grad"
    r"|differentiated Tensors (?:appears to not have been used|does not require grad)"
    r"|[Cc]an't call numpy\(\) on Tensor that requires grad|grad can be implicitly created only for scalar"
    r"|Expected to have finished reduction in the prior iteration|parameter .* (?:as )?ready twice"
    r"|Mismatch in shape: grad_output|No gradients provided for any variable"
)


class Failure:
    """The gradients cannot be computed as the code asks for them.

    ## What it does
    Recognises what PyTorch says of values changed in place, of a graph that is gone, and of results
    without a gradient.

    ## Known problems
    It is never mended: what the code means by it only its author knows.

    ## Example
    `RuntimeError: Trying to backward through the graph a second time`

    ## References
    PyTorch, "Autograd mechanics".
    """

    order = 48

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        return run.Failure(
            "autograd",
            "the gradients cannot be computed as the code asks for them",
            {
                **found.facts,
                "advice": "this is a matter of the code: `torch.autograd.set_detect_anomaly(True)` names the forward line; `retain_graph=True` would hide the cause",
            },
        )
