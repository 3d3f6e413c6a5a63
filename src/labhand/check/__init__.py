"""The room check: code → findings."""

from labhand.check.engine import check, check_text
from labhand.check.patches import mend

__all__ = ["check", "check_text", "mend"]
