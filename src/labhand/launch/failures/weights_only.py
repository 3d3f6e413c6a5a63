"""A checkpoint that holds more than tensors."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"Weights only load failed|WeightsUnpickler error|weights_only=True|add_safe_globals"
)
_NAMES = re.compile(
    r"GLOBAL (?P<old>[\w.]+) was not an allowed|Unsupported (?:global|class):? (?:GLOBAL )?(?P<new>[\w.]+)"
    r"|add_safe_globals\(\[(?P<hint>[\w.]+)\]\)|add_safe_globals\(\[(?P<bare>\w+)\]\)"
)


class Failure:
    """A checkpoint holds objects that a safe load does not take.

    ## What it does
    Recognises what `torch.load` says since version 2.6 of classes that are not on its list of safe
    ones, and names them.

    ## Known problems
    `weights_only=False` runs whatever code the file names; it is never proposed.

    ## Example
    `_pickle.UnpicklingError: Weights only load failed. … Unsupported global: GLOBAL argparse.Namespace`

    ## References
    PyTorch, `torch.load`, on weights_only.
    """

    order = 30

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the names of the classes in `evidence["classes"]`."""
        found = said(evidence, _TEXT)
        if found is None or found.error is None:
            return None
        told = [next(filter(None, m.groups())) for m in _NAMES.finditer(found.text)]
        names = sorted({name for name in told if "." in name})
        message = f"the checkpoint holds objects that a safe load does not take: {', '.join(names) or 'not named'}"
        advice = (
            "allow these classes by `torch.serialization.add_safe_globals` if you trust the file: loading "
            "runs code that it names"
        )
        return run.Failure(
            "weights-only", message, {**found.facts, "classes": names, "advice": advice}
        )
