"""A run that asks for a seed and got none."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"(?i)\b(?:seed|random_state|PYTHONHASHSEED)\b[^.;\n]{0,40}\b(?:not (?:been )?(?:set|given|fixed|specified"
    r"|provided)|(?:must|has to|needs to|should) be (?:set|given|fixed|specified|provided)|(?:is )?(?:required"
    r"|missing|unset|absent))\b"
    r"|(?i:\b(?:no|missing|set an?|specify an?|provide an?|without an?) (?:random |global )?seed\b)"
)


class Failure:
    """The code insists on a seed and none is set.

    ## What it does
    Recognises errors that say that a seed, or a random state, is missing or must be given.

    ## Known problems
    A run that ends well without a seed is no failure; `labhand check` tells it from the code.

    ## Example
    `ValueError: a seed must be set for a reproducible run`

    ## References
    PyTorch, "Reproducibility".
    """

    order = 70

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        return run.Failure(
            "seed-absent",
            "the code insists on a seed and none is set",
            {
                **found.facts,
                "advice": "choose a seed and name it, for example by `--set seed=0`; which one is a choice that is yours",
            },
        )
