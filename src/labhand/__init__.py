"""labhand: a lab hand for AI researchers."""

__version__ = "0.1.0"
