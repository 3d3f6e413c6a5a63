"""The room of interpret: an instruction → an intent. Changes nothing and needs no model."""

from labhand.interpret.answered import answered
from labhand.interpret.reading import Reading, interpret

__all__ = ["Reading", "answered", "interpret"]
