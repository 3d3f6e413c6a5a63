"""Numbers that are not finite."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import Said, said

_TEXT = re.compile(
    r"returned nan values in its|(?i:\bloss(?:es)?\b[^\n]{0,40}?\b(?:nan|inf|infinite|non-?finite|not finite)\b)"
    r"|(?i:\b(?:nan|inf|infinite|non-?finite|not finite)\b[^\n]{0,30}\b(?:loss|gradient|grad|value|weight|parameter)s?\b)"
    r"|(?:Input|X|y|[Aa]rray|[Dd]ata)\b[^\n]{0,30} contains? (?:NaN|infinity|inf\b|infs)|must not contain infs or NaNs"
    r"|FloatingPointError|NaN or Inf found|probability tensor contains either|(?i:gradients? (?:is|are|became) (?:nan|inf))"
    r"|Loss is nan, stopping|non-finite (?:loss|gradient)|Nan in summary histogram|InvalidArgumentError[^\n]*(?:NaN|Inf)"
    r"|NanTensorHook|NaN(?:s)? (?:detected|encountered|in)|contains non-finite"
    r"|to satisfy the constraint [^\n]*found invalid values:(?=[^']*\b(?:nan|inf)\b)"
)
_CHECK = re.compile(r"\b(?:isfinite|isnan|isinf)\b")


class Failure:
    """A number that should be finite is NaN or infinite.

    ## What it does
    Recognises anomaly detection, checks of the loss by scripts and frameworks, and libraries that
    turn NaN down.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.`

    ## References
    PyTorch, `torch.autograd.set_detect_anomaly`.
    """

    order = 49

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the line that met the number."""
        found = said(evidence, _TEXT)
        error = evidence.raised
        if (
            found is None
            and error is not None
            and error.own
            and error.type in ("AssertionError", "ValueError")
        ):
            checked = _CHECK.search(error.own.code)
            found = Said(checked, error.facts(), error) if checked else None
        if found is None or (found.error is not None and found.error.type == "KeyError"):
            return None
        message = (
            f"a number is not finite: {found.text.splitlines()[0].strip()}"
            if found.text.strip()
            else ("a number is not finite where the code insists on it")
        )
        advice = (
            "find the first step and layer: `labhand show` names them where the probe saw it; neither the "
            "learning rate nor clipping is changed unasked"
        )
        return run.Failure("not-finite", message, {**found.facts, "advice": advice})
