"""The room check: code → findings."""

from labhand.check.engine import check, check_text
from labhand.check.measured import Facts, Measured, measured
from labhand.check.patches import mend

__all__ = ["Facts", "Measured", "check", "check_text", "measured", "mend"]
