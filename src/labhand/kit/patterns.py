"""Regular expressions that are compiled when they are first used.

A run that prints little needs few of the patterns that its modules hold; compiling them all would cost
it more than reading the modules.
"""

import re
from typing import Any, AnyStr, cast


class _Pattern:
    """Stands for the compiled pattern; a method that was asked for once is an attribute from then on."""

    def __init__(self, source: Any, flags: int) -> None:
        self.source = source
        self.compiled: re.Pattern[Any] | None = None
        self.asked = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.compiled is None:
            self.compiled = re.compile(self.source, self.asked)
        value = getattr(self.compiled, name)
        setattr(self, name, value)
        return value


def pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """The pattern of `source`, compiled by its first use: a source that is wrong raises `re.error` there."""
    return cast("re.Pattern[AnyStr]", _Pattern(source, flags))
