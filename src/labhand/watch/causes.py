"""Why a loss went wrong: candidates with their evidence, and what could not be looked at."""

from labhand.watch.incidents import Cause
from labhand.watch.view import View


def causes_of(
    view: View, step: int, *, never_worked: bool = False
) -> tuple[list[Cause], list[str]]:
    """The candidates for what began at `step`, the likeliest first, and what could not be checked."""
    return [], []
