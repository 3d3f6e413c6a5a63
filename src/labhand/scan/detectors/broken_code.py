"""Code that no parser takes."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.texts import Texts, texts

LONG = 20_000
"""Letters up to which a code is parsed."""
MOST = 50_000
"""Texts of a column that are parsed."""
FEWEST = 12
"""Codes of a column below which nothing is said of it."""
USUAL = 0.2
"""The share of broken ones from which on the column holds no Python, or pieces of it."""
_PYTHON = re.compile(
    r"^(?:async )?def \w+\(|^class \w+[(:]|^(?:from [\w.]+ )?import \w|^\s+return\b|^print\(", re.M
)
_FENCED = re.compile(r"^```(?:python|py)\s*\n(.*?)(?:^```|\Z)", re.S | re.M)
_CONFLICT = re.compile(r"^(?:<{7} .+|={7}|>{7} .+)$", re.M)


class Detector:
    """Code that no parser takes.

    ## What it does
    Parses what texts hold of Python, whole texts and fenced blocks, where most of a column's code can be
    parsed, and tells what cannot, with its line and why. It tells marks of a merge that was left in the middle
    (`<<<<<<<`) in any language. Of JSON `parse-failure` tells.

    ## Why is this bad
    A model learns code that does not run; a test of such code fails for no fault of the model.

    ## Known problems
    Code of Python 2, of notebooks (`%time`) and with gaps on purpose does not parse. Where more than one in five
    codes does not, nothing is said.

    ## Example
    `out.append(x + (1)`

    ## Use instead
    Mend the code, or drop the rows.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly a column."""
        looked = False
        for part in data.parts:
            for one in texts(data, part):
                if one.role == "rejected":
                    continue
                odd, number = _broken(one)
                looked = looked or bool(number)
                yield from _told(part, one, odd, number)
        if not looked:
            raise CannotLook("no text holds code of Python or marks of a merge")


def _broken(one: Texts) -> tuple[dict[int, str], int]:
    """Why the code of a row cannot be parsed, by row, and how many rows hold code."""
    import polars as pl

    text = pl.col("text")
    rough = text.str.contains(
        r"(?m)^(async )?def |^class |^\s+return\b|^import |^from |^print\(|^```py|^<{7} |^>{7} "
    )
    some = one.lazy.filter((text.str.len_chars() <= LONG) & rough).head(MOST)
    odd: dict[int, str] = {}
    rows: set[int] = set()
    for row, told in some.select("row", "text").collect().iter_rows():
        if (why := _why(told)) is None:
            continue
        rows.add(row)
        if why:
            odd.setdefault(row, why)
    return odd, len(rows)


def _why(text: str) -> str | None:
    """Why a text cannot be parsed; empty where it can, None where it holds no code."""
    conflict = _CONFLICT.findall(text)
    if len(conflict) >= 3:
        return f"marks of a merge: {shown(conflict[0])}"
    blocks = _FENCED.findall(text)
    if not blocks and "```" not in text and _PYTHON.search(text) and not text.strip()[:1].isupper():
        blocks = [text]
    if not blocks:
        return None
    return next((why for block in blocks if (why := _parsed(block))), "")


def _parsed(code: str) -> str:
    if re.search(r"^\s*(?:[%!]\w|>>> |\.\.\. )", code, re.M):
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return f"line {line}: {getattr(error, 'msg', error)}" if line else str(error)
    return ""


def _told(part: Part, one: Texts, odd: dict[int, str], number: int) -> Iterator[Anomaly]:
    if not odd or number < FEWEST or len(odd) > USUAL * number:
        return
    row, why = next(iter(odd.items()))
    yield Anomaly(
        part,
        f"{len(odd):,} of {number:,} codes in `{one.column}` ({share(len(odd), number)}) cannot be parsed, as row {row}: {why}",
        "mend the code, or drop the rows",
        0.85,
        made(odd),
        [one.column],
        "warning",
        normal=f"the other {number - len(odd):,} can be parsed",
        evidence={"why": {str(r): w for r, w in list(odd.items())[:20]}},
    )
