"""Spans that rows mark in their own text: entities, answers of reading comprehension, tags of tokens."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from labhand.scan.data import Data, Part

BEGINS = (
    "start",
    "start_offset",
    "start_char",
    "begin",
    "start_idx",
    "from",
    "answer_start",
    "offset",
)
ENDS = ("end", "end_offset", "end_char", "stop", "end_idx", "to", "answer_end")
CALLED = (
    "label",
    "type",
    "entity",
    "entity_group",
    "entity_type",
    "tag",
    "class",
    "category",
    "labels",
)
SURFACES = ("text", "value", "word", "surface", "mention", "entity_text", "name", "span", "phrase")
LOOKED = 100
"""Rows by which it is told whether a column marks spans."""
SHORTEST, OFTEN = 3, 10
"""Letters of words, and how often they must be marked, before one place where they are not is missed."""
SELDOM = 0.1
"""The share of their marked places up to which others were forgotten."""
MOST_WORDS = 2_000
FITS = 0.5
"""The share of spans that must give the words which are named beside them, for the two to belong together."""


class Mention(NamedTuple):
    """One span: its row, where it begins and ends, and what it is called.

    `surface` are the words named beside it, None where none are; `read` those that the text has there, None
    where it does not reach so far.
    """

    row: int
    start: int
    end: int
    label: str | None
    surface: str | None
    read: str | None


class Mentions(NamedTuple):
    """The spans of one column, and the text that they are of, by row."""

    part: Part
    column: str
    text: str
    texts: dict[int, str]
    each: list[Mention]


def mentions(data: Data) -> list[Mentions]:
    """The columns of spans of every part, each with its text; looked for once."""
    return data.shared("mentions", lambda: [m for p in data.parts for m in _of(p)])


def _of(part: Part) -> Iterator[Mentions]:
    import polars as pl

    words = [
        c.name
        for c in part.columns.values()
        if c.dtype == pl.String and c.kind in ("text", "category")
    ]
    for name, column in part.columns.items():
        nested = isinstance(column.dtype, pl.List | pl.Struct) or column.kind == "text"
        if not nested or not words or not _marks(part, name):
            continue
        frame = part.select(pl.col("__row__"), *words, pl.col(name).alias("__spans__"))
        made = [m for w in words if w != name and (m := _read(part, name, w, frame))]
        if made:
            yield max(made, key=lambda m: sum(_is_read(s) for s in m.each))


def _marks(part: Part, name: str) -> bool:
    """Whether the first cells of a column hold spans."""
    import polars as pl

    some = part.lazy.select(pl.col(name)).drop_nulls().head(LOOKED).collect().to_series().to_list()
    if not some or (isinstance(some[0], str) and some[0].lstrip()[:1] not in "[{"):
        return False
    read = [spans for cell in some if (spans := _spans(cell)) is not None]
    return len(read) >= 0.9 * len(some) and any(read)


def _spans(cell: Any) -> list[tuple[int, int | None, str | None, str | None]] | None:
    """Begin, end, label and words of every span in a cell; None where it holds something else."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except ValueError:
            return None
    if isinstance(cell, dict):
        lists = {k: v if isinstance(v, list) else [v] for k, v in cell.items() if v is not None}
        if len({len(v) for v in lists.values()}) > 1 or not lists:
            return None
        cell = [dict(zip(lists, line, strict=True)) for line in zip(*lists.values(), strict=True)]
    if not isinstance(cell, list):
        return None
    made = [_span(one) for one in cell]
    return [one for one in made if one is not None] if None not in made else None


def _span(one: Any) -> tuple[int, int | None, str | None, str | None] | None:
    if isinstance(one, list) and len(one) == 3:
        one = dict(zip(("start", "end", "label"), one, strict=True))
    if not isinstance(one, dict):
        return None
    start = next((one[k] for k in BEGINS if one.get(k) is not None), None)
    end = next((one[k] for k in ENDS if one.get(k) is not None), None)
    label = next((one[k] for k in CALLED if one.get(k) is not None), None)
    surface = next((one[k] for k in SURFACES if isinstance(one.get(k), str)), None)
    label = label[0] if isinstance(label, list) and label else label
    try:
        start = int(start) if start is not None else None
        end = int(end) if end is not None else None
    except (TypeError, ValueError):
        return None
    if start is None or (end is None and surface is None):
        return None
    return start, end, None if label is None else str(label), surface


def _read(part: Part, name: str, text: str, frame: Any) -> Mentions | None:
    texts: dict[int, str] = {}
    lines: list[tuple[int, Any]] = []
    for row, told, cell in frame.select("__row__", text, "__spans__").iter_rows():
        if told is not None and cell is not None:
            texts[row] = told
            lines += [(row, one) for one in _spans(cell) or []]
    if not lines:
        return None
    # some count the last character in, some the first behind it
    best: list[Mention] = []
    for more in (0, 1):
        each = [_mention(row, one, texts[row], more) for row, one in lines]
        if not best or sum(map(_is_read, each)) > sum(map(_is_read, best)):
            best = each
    if sum(map(_is_read, best)) < FITS * len(best):
        return None
    return Mentions(part, name, text, texts, best)


def _mention(row: int, one: Any, text: str, more: int) -> Mention:
    start, end, label, surface = one
    if end is None:
        end, more = start + len(surface), 0
    end += more
    inside = 0 <= start < end <= len(text)
    return Mention(row, start, end, label, surface, text[start:end] if inside else None)


def _is_read(one: Mention) -> bool:
    """Whether the text has the words that are named there, or else a whole word."""
    if one.read is None:
        return False
    return one.read == one.surface if one.surface is not None else one.read.strip() == one.read


def left_out(told: Mentions) -> list[tuple[int, int, int, str, str]]:
    """Words that are marked nearly wherever they stand, where they are not: row, begin, end, words, label."""
    marked: dict[str, Counter[str]] = {}
    spans: dict[int, list[tuple[int, int]]] = {}
    for one in told.each:
        spans.setdefault(one.row, []).append((one.start, one.end))
        words = one.surface or one.read
        if words and one.label is not None and len(words) >= SHORTEST:
            marked.setdefault(words, Counter())[one.label] += 1
    often = {w: c for w, c in marked.items() if c.total() >= OFTEN}
    if not often:
        return []
    longest = sorted(often, key=len, reverse=True)[:MOST_WORDS]
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)")
    bare: dict[str, list[tuple[int, int, int]]] = {}
    for row, text in told.texts.items():
        for m in pattern.finditer(text):
            if not any(a < m.end() and m.start() < b for a, b in spans.get(row, ())):
                bare.setdefault(m[0], []).append((row, *m.span()))
    rare = {w: p for w, p in bare.items() if len(p) <= SELDOM * often[w].total()}
    return [
        (row, start, end, w, often[w].most_common(1)[0][0])
        for w, places in rare.items()
        for row, start, end in places
    ]


def called_otherwise(told: Mentions) -> tuple[list[Mention], dict[str, str], float]:
    """Spans whose words are called something else nearly everywhere, what words are called, and a share.

    The share is that of these spans among those whose words come back.
    """
    by: dict[str, Counter[str]] = {}
    for one in told.each:
        words = one.surface or one.read
        if words and one.label is not None:
            by.setdefault(words, Counter())[one.label] += 1
    usual: dict[str, str] = {}
    number = 0
    for words, labels in by.items():
        (label, most), total = labels.most_common(1)[0], sum(labels.values())
        if total >= 4:
            number += total
            if most >= 0.8 * total:
                usual[words] = label
    odd = [
        one
        for one in told.each
        if (words := one.surface or one.read) in usual and one.label not in (None, usual[words])
    ]
    return odd, usual, len(odd) / max(1, number)
