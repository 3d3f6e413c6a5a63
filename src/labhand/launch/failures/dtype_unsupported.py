"""Numbers of a kind that an operation does not take."""

import re

from labhand.core import run
from labhand.launch.causes import held_by
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"must have the same dtype, but got|not implemented for '(?:Half|BFloat16|ComplexHalf|Float8\w*|Int|Long|Bool)'"
    r"|expected (?:scalar type|m1 and m2 to have the same dtype)(?! (?:Long|Int))[^\n]*(?:found|got)"
    r"|Input type \([^)]*\) and (?:weight|bias) type \([^)]*\) should be the same"
    r"|(?i:bf16|bfloat16|fp16)[^\n]{0,60}(?:not supported|only supported|requires|unsupported|doesn't support)"
    r"|doesn't support bf16|unsupported ScalarType BFloat16|Got unsupported ScalarType"
    r"|FP16 Mixed precision training|fp16 mixed precision requires a (?:GPU|CUDA)"
    r"|expected (?:input|self|mat1|mat2|tensor)[^\n]* to have (?:the same )?(?:dtype|data type)"
)

_MEET = re.compile(
    r"must have the same dtype, but got (\w+) and (\w+)|have the same dtype, but got: (\S+) != (\S+)"
    r"|expected scalar type (\w+) but found (\w+)|Input type \((\S+)\) and (?:weight|bias) type \((\S+)\)"
)


class Failure:
    """An operation does not take numbers of this precision.

    ## What it does
    Recognises half and mixed precision where the device or the operation has none, and tensors of
    two precisions that meet.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `RuntimeError: "addmm_impl_cpu_" not implemented for 'Half'`

    ## References
    PyTorch, "Automatic Mixed Precision".
    """

    order = 46

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        message = "an operation does not take numbers of this precision"
        advice = "use float32, or autocast, for this part; precision changes results, so the choice is yours"
        meet = _MEET.search(found.text)
        if meet is not None:
            one, other = (part for part in meet.groups() if part)
            message = f"numbers of two precisions meet: {one} and {other}"
            held = held_by(found.error, "float", "double", "half")
            advice = f"{held}; " if held else ""
            advice += (
                "bring both to the precision of the weights; NumPy and pandas give float64 (Double), where "
                "the data are converted by `.float()`"
            )
        return run.Failure("dtype-unsupported", message, {**found.facts, "advice": advice})
