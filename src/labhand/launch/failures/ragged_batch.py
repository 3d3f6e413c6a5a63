"""Rows of different sizes that were to become one batch."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import called, said

_TEXT = re.compile(
    r"stack expects each tensor to be equal size|activate truncation and/or padding|should be of equal size"
    r"|each element in list of batch|(?P<array>all input arrays must have the same shape|inhomogeneous shape after"
    r"|Sizes of tensors must match except in dimension|arrays (?:to stack )?must (?:have|be of) the same (?:shape|length))"
)
_BATCH = ("collate", "batch", "pad", "np.stack", "numpy.stack", "DataLoader", "fetch.py")


class Failure:
    """Rows of a batch have different sizes.

    ## What it does
    Recognises how PyTorch, NumPy and tokenizers say that rows cannot be stacked, where a batch was
    being made.

    ## Known problems
    Padding, cutting and dropping change what is trained on; none is done unasked.

    ## Example
    `RuntimeError: stack expects each tensor to be equal size, but got [3] at entry 0 and [5] at entry 1`

    ## References
    PyTorch, `torch.utils.data`, "Working with collate_fn".
    """

    order = 47

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None or (found.match["array"] and not called(found.error, *_BATCH)):
            return None
        message = f"rows of a batch have different sizes: {found.text.splitlines()[0].strip()}"
        advice = "pad or cut them in a `collate_fn`, or sort by length; which of them is a choice of yours"
        return run.Failure("ragged-batch", message, {**found.facts, "advice": advice})
