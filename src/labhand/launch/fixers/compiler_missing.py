"""Runs without compiling."""

import re

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation


class Fixer:
    """Runs without compiling.

    ## What it does
    Switches torch.compile off by TORCHDYNAMO_DISABLE=1 where that is what needs the compiler.

    ## Known problems
    Code that is built as an extension needs its compiler.

    ## Example
    `TORCHDYNAMO_DISABLE=1`

    ## Fix safety
    Neutral: the same operations run one by one, slower; rounding can differ in the last digit,
    which the check of the first loss tells.

    ## References
    PyTorch, "torch.compile Troubleshooting".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The switch of torch.compile; None for a compiler that something else needs."""
        text = f"{failure.evidence.get('exception')} {failure.evidence.get('text')}"
        if not re.search(
            r"Inductor|inductor|InvalidCxxCompiler|Triton|triton|Dynamo|No working C\+\+", text
        ):
            return None
        if situation.job.env.get("TORCHDYNAMO_DISABLE") == "1":
            return None
        values = {"TORCHDYNAMO_DISABLE": "1"}
        return change.variables(failure, situation, "runs without torch.compile, slower", values)
