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
_ANOMALY = "`torch.autograd.set_detect_anomaly(True)` names the forward line"
_STORIES = (
    (
        r"modified by an inplace operation|a leaf Variable that requires grad",
        "a value that backward needs was changed in place",
        f"use a new tensor there (`y = y + 1`, not `y += 1`); {_ANOMALY}",
    ),
    (
        r"backward through the graph a second time",
        "backward went through a graph that the first backward had freed",
        "make the graph anew in each step: look for a loss, hidden state or running sum that is carried "
        "over without `.detach()`; `retain_graph=True` would hide the cause",
    ),
    (
        r"does not require grad|No gradients provided",
        "the loss depends on no weight that requires a gradient",
        "look for `detach()`, `.item()`, `.data`, NumPy, `no_grad()`, `argmax` or `requires_grad = False` "
        "on the way from the weights to the loss",
    ),
    (
        r"appears to not have been used",
        "a gradient was asked for with respect to something the result does not depend on",
        "look for where it drops out of the computation; `allow_unused=True` gives None in its place",
    ),
    (
        r"call numpy\(\) on Tensor that requires grad",
        "a tensor that requires a gradient was to become a NumPy array",
        "write `.detach().numpy()` where no gradient is to flow, else stay in PyTorch",
    ),
    (
        r"implicitly created only for scalar",
        "backward was called on a tensor of several values",
        "reduce the loss to one value first: `.mean()`, or `.sum()`",
    ),
    (
        r"finished reduction in the prior iteration",
        "a part of the model took no part in the loss of a step, and DistributedDataParallel waits for it",
        "use every parameter in each step, or give `find_unused_parameters=True`",
    ),
    (
        r"ready twice",
        "a parameter got its gradient twice in one step of DistributedDataParallel",
        "look for shared weights under re-entrant checkpointing (`use_reentrant=False`) or a second "
        "backward in the step",
    ),
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
        message, advice = next(
            ((what, how) for words, what, how in _STORIES if re.search(words, found.match[0])),
            ("the gradients cannot be computed as the code asks for them", _ANOMALY),
        )
        advice = f"this is a matter of the code: {advice}"
        return run.Failure("autograd", message, {**found.facts, "advice": advice})
