"""Targets that the loss or an embedding does not take."""

import re

from labhand.core import run
from labhand.launch.causes import held_by
from labhand.launch.job import Evidence
from labhand.launch.said import Said, said

_TEXT = re.compile(
    r"Target -?\d+ is out of bounds|device-side assert triggered|expected (?:scalar type|target dtype to be) Long"
    r"|expected (?:scalar type|target dtype)[^\n]*Long|0D or 1D target tensor expected"
    r"|index out of range in self|Received a label value of -?\d+ which is outside|multi-target not supported"
    r"|Using a target size \([^\n]*different (?:to|from) the input size|Expected input batch_size"
    r"|all elements of (?:input|target) should be between 0 and 1|Assertion `t >= 0 && t < n_classes` failed"
    r"|Expected floating point type for target|Invalid classes inferred from unique values of `?y"
    r"|Number of classes, \d+, does not match size of target_names|[Ll]abels? (?:value )?-?\d+ (?:is )?(?:out of "
    r"(?:range|bounds)|not in (?:range )?\[0)|label must be in \[0"
)


_STORIES = (
    (
        r"Long|floating point type",
        "the targets have a type that the loss does not take",
        "cross-entropy takes class numbers as int64 (`.long()`), or probabilities as floats in the shape "
        "of the outputs",
    ),
    (
        r"0D or 1D target|multi-target|target size|input batch_size|does not match size",
        "the targets have a shape that the loss does not take",
        "print the shapes of outputs and targets before the loss: cross-entropy takes (N, C) with (N,), "
        "the squared error two like shapes",
    ),
    (
        r"between 0 and 1",
        "values that must be probabilities lie outside 0 to 1",
        "scale the targets to 0 to 1, or hand logits to the loss that has its own sigmoid",
    ),
)


class Failure:
    """Targets, or indices, lie outside what the loss or the layer takes.

    ## What it does
    Recognises labels out of range, of the wrong kind or shape in a loss, and indices beyond an
    embedding.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `IndexError: Target 3 is out of bounds.`

    ## References
    PyTorch, `torch.nn.CrossEntropyLoss`.
    """

    order = 47

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        if "index out of range in self" in found.match[0]:
            return _beyond(found)
        message, advice = next(
            ((what, how) for words, what, how in _STORIES if re.search(words, found.match[0])),
            (
                "targets or indices lie outside what the loss or the layer takes",
                "compare the largest label with the number of classes (labels count from 0); on CUDA run "
                "once with CUDA_LAUNCH_BLOCKING=1 or on the CPU to see the line",
            ),
        )
        return run.Failure("target-range", message, {**found.facts, "advice": advice})


def _beyond(found: Said) -> run.Failure:
    """An index that an embedding has no row for."""
    held = held_by(found.error, "int", "Embedding")
    advice = (
        "compare the largest index with the number of rows, which must be more: a vocabulary counted "
        "without its special or unknown tokens is the usual reason"
    )
    return run.Failure(
        "target-range",
        "an index lies beyond the rows of an embedding",
        {**found.facts, "advice": f"{held}; {advice}" if held else advice},
    )
