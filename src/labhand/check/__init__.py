"""The room check: code → findings."""

from labhand.check.engine import check
from labhand.check.patches import mend

__all__ = ["check", "mend"]
