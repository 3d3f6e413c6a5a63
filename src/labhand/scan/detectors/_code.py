"""Code that no parser takes."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.texts import Texts

LONG = 20_000
"""Letters up to which a code is parsed."""
MOST = 50_000
"""Texts of a column that are parsed."""
FEWEST = 12
"""Codes of a column below which nothing is said of it."""
CLEARLY = 3
"""Lines that only another language has, from which on a text is in it."""
USUAL = 0.2
"""The share of broken ones from which on the column holds no Python, or pieces of it."""
_PYTHON = re.compile(
    r"^(?:async )?def \w+\(|^class \w+[(:]|^(?:from [\w.]+ )?import \w|^\s+return\b|^print\(", re.M
)
_OTHER = re.compile(
    r"^\s*(?:(?:export |async )?function\b.*[({]|(?:const|let|var) \w+\s*=|(?:public|private|protected) (?:static )?\w|#include\s*[<\"]|package \w+;?|using \w[\w.]*;"
    r"|fn \w+|func \w+|SELECT\b.*\bFROM\b)|=>\s*[{(]|\bconsole\.log\(|;\s*$|^\s*\}\s*$",
    re.M,
)
"""What code of other languages looks like."""
_FENCED = re.compile(r"^```(?:python|py)\s*\n(.*?)(?:^```|\Z)", re.S | re.M)
_CONFLICT = re.compile(r"^(?:<{7} .+|={7}|>{7} .+)$", re.M)


def broken(part: Part, one: Texts) -> Iterator[Anomaly]:
    """Two claims at most: code of Python that cannot be parsed, and what is in another language."""
    if one.role == "rejected":
        return
    odd, others, number = _broken(one)
    yield from _told(part, one, odd, number)
    if number >= FEWEST and 0 < len(others) <= USUAL * number:
        yield _foreign(part, one, others, number)


def _broken(one: Texts) -> tuple[dict[int, str], list[int], int]:
    """Why the code of a row cannot be parsed, by row, the rows in another language, and how many rows hold Python."""
    import polars as pl

    text = pl.col("text")
    rough = text.str.contains(
        r"(?m)^(async )?def |^class |^\s+return\b|^import |^from |^print\(|^```py|^<{7} |^>{7} |function|const |let |var |;\s*$|#include|public |=>|SELECT "
    )
    some = one.lazy.filter((text.str.len_chars() <= LONG) & rough).head(MOST)
    odd: dict[int, str] = {}
    rows: set[int] = set()
    others: list[int] = []
    for row, told in some.select("row", "text").collect().iter_rows():
        why = _why(told)
        if why != "" and not _FENCED.search(told) and len(_OTHER.findall(told)) >= CLEARLY:
            others.append(row)
            continue
        if why is None:
            continue
        rows.add(row)
        if why:
            odd.setdefault(row, why)
    return odd, others, len(rows)


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
        group="code",
    )


def _foreign(part: Part, one: Texts, rows: list[int], number: int) -> Anomaly:
    return Anomaly(
        part,
        f"{len(rows):,} codes in `{one.column}`, as row {rows[0]}, are in another language than Python, in which the other "
        f"{number:,} are",
        "drop the rows, or say of each in which language it is",
        0.85,
        made(rows),
        [one.column],
        "warning",
        normal=f"{number:,} codes are of Python",
        group="foreign code",
    )
