"""What several detectors know of cells: words for nothing, and how a message shows a value."""

import re
from typing import Any

NOTHING = frozenset(
    "? ?? n/a na n.a. n.a nan null nil none - -- --- . .. #n/a #na <na> (null) missing unknown "
    "undefined tbd not_available notavailable not_applicable unspecified blank empty #value! #ref! "
    "#div/0! #null! \\n".split()
) | {"", "not available", "not applicable", "no data", "not known", "n / a"}
"""Words that people write where there is no value, in lower case."""
MAY_MEAN_IT = frozenset({"none", "unknown", "na", "nil", "empty", "blank", "unspecified", "-", "."})
"""Those that may as well be a value of their own."""


def shown(value: Any) -> str:
    """A value in a message: in backticks, cut, its blanks visible."""
    if isinstance(value, float):
        value = f"{value:.6g}"
    text = str(value).replace("`", "'")
    text = re.sub(r"[\n\r\t]+", "⏎", text)
    return f"`{text if len(text) <= 40 else text[:39] + '…'}`"


def counted(number: int, thing: str) -> str:
    """`1 cell`, `1,200 cells`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def share(part: float, whole: float) -> str:
    """A share in percent with two significant digits."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    if percent == 100:
        return "100 %"
    return f"{percent:.2g} %" if percent < 99.5 else f"{percent:.4g} %"
