"""Proposes the older NumPy that a module was built for."""

from pathlib import Path

from labhand.core import run
from labhand.launch.installing import for_this_run
from labhand.launch.job import Mending, Situation
from labhand.launch.packages import requirement_for


class Fixer:
    """Proposes the older NumPy that a module was built for.

    ## What it does
    Installs `numpy<2`, or what the project declares, for this run alone; the person's environment
    stays.

    ## Known problems
    Upgrading the module is often better; which version fits only its makers say.

    ## Example
    `numpy<2` for this run

    ## Fix safety
    Scientific: another version of NumPy can round, sort and draw numbers otherwise, so it is only
    proposed.

    ## References
    NumPy, "Troubleshooting", on NumPy 2.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The installation, as a proposal; None where it is no matter of NumPy 2."""
        declared = requirement_for("numpy", Path(situation.root))
        text = declared.text if declared is not None and declared.origin != "table" else "numpy<2"
        return for_this_run(failure, situation, text, "numpy")
