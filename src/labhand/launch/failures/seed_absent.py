"""A run that asks for a seed and got none."""

import re
from typing import Any

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"(?i)\b(?:seed|random_state|PYTHONHASHSEED)\b[^.;\n]{0,40}\b(?:not (?:been )?(?:set|given|fixed|specified"
    r"|provided)|(?:must|has to|needs to|should) be (?:set|given|fixed|specified|provided)|(?:is )?(?:required"
    r"|missing|unset|absent))\b"
    r"|(?i:\b(?:no|missing|set an?|specify an?|provide an?|without an?) (?:random |global )?seed\b)"
)

_SEED = re.compile(r"(?i)(?:\w+_)?seed|random_state|PYTHONHASHSEED")


class Failure:
    """The code insists on a seed and none is set.

    ## What it does
    Recognises a seed that was None, or a variable of that name that is not there, in the line that
    failed, and errors that say that a seed, or a random state, is missing or must be given.

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
        facts = found.facts if found is not None else _none_in_the_line(evidence)
        if facts is None:
            return None
        return run.Failure(
            "seed-absent",
            "the code insists on a seed and none is set",
            {
                **facts,
                "advice": "choose a seed and name it, for example by `--set seed=0`; which one is a choice that is yours",
            },
        )


def _none_in_the_line(evidence: Evidence) -> dict[str, Any] | None:
    """What was raised where a seed that the failing line names was None or not there."""
    error = evidence.raised
    frame = error.own if error is not None else None
    if error is None or frame is None:
        return None
    if error.type == "KeyError":
        return error.facts() if _SEED.fullmatch(error.message.strip("'\"")) else None
    if error.type not in ("TypeError", "ValueError", "AssertionError"):
        return None
    absent = [
        n for n, v in frame.values.items() if v == "None" and _SEED.fullmatch(n.rpartition(".")[2])
    ]
    named = any(name in frame.code for name in absent)
    return (
        error.facts()
        if named and ("None" in error.message or error.type == "AssertionError")
        else None
    )
