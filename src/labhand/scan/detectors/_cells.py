"""What several detectors know of cells: words for nothing, and how a message shows a value."""

import re
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import found
from labhand.scan.data import Part, number

if TYPE_CHECKING:
    import polars as pl

LEAST_DISPLACED = 2
"""Cells of a row that must be of the wrong kind for it to be shifted."""
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


def displaced(part: Part) -> "pl.DataFrame":
    """Rows with words in columns of numbers and numbers in columns of words: `row` and `score`, how many."""
    import polars as pl

    if "displaced" not in part.facts:
        odd: list[pl.Expr] = []
        kinds = set()
        for column in part.columns.values():
            if column.dtype != pl.String or column.filled < 10:
                continue
            cell = pl.col(column.name)
            nothing = cell.str.strip_chars().str.to_lowercase().is_in(list(NOTHING))
            if column.kind == "number" and column.numeric < 1:
                odd.append(cell.is_not_null() & number(column).is_null() & ~nothing)
                kinds.add("word")
            elif column.kind == "category" and 0 < column.numeric <= 0.1:
                odd.append(number(column).is_not_null())
                kinds.add("number")
        if len(kinds) < 2:
            part.facts["displaced"] = found([])
        else:
            wrong = pl.sum_horizontal(e.fill_null(False).cast(pl.Int32) for e in odd)
            part.facts["displaced"] = part.where(wrong >= LEAST_DISPLACED, wrong.cast(pl.Float64))
    rows: pl.DataFrame = part.facts["displaced"]
    return rows
