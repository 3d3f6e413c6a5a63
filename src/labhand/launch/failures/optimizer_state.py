"""The state of an optimizer that fits another one."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"parameter group that doesn't match the size of optimizer's group"
    r"|loaded state dict has a different number of parameter groups"
    r"|optimizer state.*(?:mismatch|does not match)|[Oo]ptimizer.*(?:load|set).*weights.*(?:variables|mismatch)"
)


class Failure:
    """The saved state of the optimizer fits another optimizer.

    ## What it does
    Recognises how PyTorch turns down an optimizer state with other parameter groups.

    ## Known problems
    A state that fits by its sizes and not by its meaning raises nothing.

    ## Example
    `ValueError: loaded state dict contains a parameter group that doesn't match the size of optimizer's group`

    ## References
    PyTorch, `Optimizer.load_state_dict`.
    """

    order = 35

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        return run.Failure(
            "optimizer-state",
            "the saved state of the optimizer does not fit the one that was built",
            {
                **found.facts,
                "advice": "build model and optimizer as they were when the state was saved; to begin with a fresh optimizer is a choice that changes the training",
            },
        )
