"""Items that offer choices to answer by: what is odd of the choices and of where the right one stands."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import counted, share, shown

_OFFERS = re.compile(
    r"choices?|options?|endings?|candidates?|answers|answer_?choices|mc\d?_targets", re.I
)
_RIGHT = re.compile(
    r"answer(_?(idx|index|key|num|letter|label))?|target|label|gold|correct(_?(idx|index|answer|option|choice))?"
    r"|solution",
    re.I,
)
_ASKS = re.compile(r"question|prompt|query|problem|input|stem|ctx|sentence|text", re.I)
_GROUPS = re.compile(r"task|subject|category|topic|domain|source|subset|dataset|split|type", re.I)
_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth")
LETTERED = r"(?m)^\s*\(?A[).:]\s*\S.*\n+\s*\(?B[).:]\s*\S"
_LETTERED = re.compile(r"^\s*\(?([A-Z])[).:]\s*(\S.*?)\s*$", re.M)
MOSTLY = 0.8
"""The share of questions with lettered choices from which on they are such items."""
MOST = 26
LEAST = 12
"""Items of a group below which nothing is said of where the right choice stands."""
CHANCE = 1e-6
"""The chance, over all groups, from which on one place of the right choice is no accident."""


class Item(NamedTuple):
    """One item: its row, what is asked, what is offered, and which of it is right (from 0)."""

    row: int
    asked: str
    offered: list[str]
    right: int | None
    group: str | None


class Items(NamedTuple):
    """The items of a part, and the columns that hold what is asked, offered and right."""

    part: Part
    asked: str | None
    offered: str
    right: str | None
    group: str | None
    each: list[Item]


def items(data: Data) -> list[Items]:
    """The items with choices of each part that has some; looked for once."""
    return data.shared("items with choices", lambda: [i for p in data.parts if (i := _of(p))])


def _of(part: Part) -> Items | None:
    import polars as pl

    offered = next((n for n in part.names if _OFFERS.fullmatch(n) and _lists(part, n)), None)
    if offered is None:
        return _within(part)
    right = next((n for n in part.names if n != offered and _RIGHT.fullmatch(n)), None)
    asked = next((n for n in part.names if n not in (offered, right) and _ASKS.fullmatch(n)), None)
    group = next((n for n in part.names if n not in (right, asked) and _grouping(part, n)), None)
    wanted = {"asked": asked, "right": right, "group": group}
    frame = part.select(
        pl.col("__row__"),
        pl.col(offered).alias("offered"),
        *(pl.col(name).alias(key) for key, name in wanted.items() if name),
    )
    each = [item for line in frame.iter_rows(named=True) if (item := _item(line))]
    return Items(part, asked, offered, right, group, each) if each else None


def _within(part: Part) -> Items | None:
    """Items whose choices stand, each behind its letter, in the question itself."""
    import polars as pl

    asked = [n for n in part.names if _ASKS.fullmatch(n) and part.columns[n].kind == "text"]
    right = next((n for n in part.names if n not in asked and _RIGHT.fullmatch(n)), None)
    if not asked or right is None:
        return None
    group = next((n for n in part.names if n not in (right, *asked) and _grouping(part, n)), None)
    text = pl.col(asked[0])
    some = part.lazy.select(text.drop_nulls().head(200).str.contains(LETTERED).mean()).collect()
    if not (some.item() or 0.0) >= MOSTLY:
        return None
    wanted = [pl.col("__row__"), text.alias("asked"), pl.col(right).alias("right")]
    frame = part.select(*wanted, *([pl.col(group).alias("group")] if group else []))
    each = []
    for line in frame.filter(pl.col("asked").str.contains(LETTERED)).iter_rows(named=True):
        # of worked examples in front of the question the last choices are its own
        offered: list[str] = []
        for letter, words in _LETTERED.findall(line["asked"]):
            offered = (
                [*offered, words] if ord(letter) - 65 == len(offered) else [words] * (letter == "A")
            )
        if item := _item({**line, "offered": offered}):
            each.append(item)
    return Items(part, asked[0], asked[0], right, group, each) if each else None


def _lists(part: Part, name: str) -> bool:
    import polars as pl

    dtype = part.columns[name].dtype
    if isinstance(dtype, pl.Struct):
        dtype = dict(dtype.to_schema()).get("text", pl.Null())
    return isinstance(dtype, pl.List) and dtype.inner == pl.String


def _grouping(part: Part, name: str) -> bool:
    return bool(_GROUPS.fullmatch(name)) and 2 <= part.columns[name].unique <= part.rows // LEAST


def _item(line: dict[str, Any]) -> Item | None:
    held: Any = line["offered"]
    letters: list[Any] | None = None
    if isinstance(held, dict):
        held, letters = held.get("text"), held.get("label")
    offered: list[str] | None = held
    if not offered or not 2 <= len(offered) <= MOST or None in offered:
        return None
    right = _place(line.get("right"), offered, letters)
    return Item(line["__row__"], str(line.get("asked") or ""), offered, right, line.get("group"))


def _place(told: Any, offered: list[str], letters: list[Any] | None) -> int | None:
    """Which choice is right: by its number, its letter, or its own words."""
    if isinstance(told, str):
        plain = told.strip()
        if letters and plain in letters:
            return letters.index(plain)
        words = [choice.strip() for choice in offered]
        if plain in words:
            return words.index(plain)
        if re.fullmatch(r"\(?[A-Za-z][).]?", plain):
            told = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(plain.strip("().").upper())
        elif plain.isdigit():
            told = int(plain)
    return told if isinstance(told, int) and 0 <= told < len(offered) else None


def offered_twice(data: Data) -> Iterator[Anomaly]:
    """Items of which two choices are the same."""
    for told in items(data):
        again = {
            item.row: most[0]
            for item in told.each
            if (most := Counter(o.strip() for o in item.offered).most_common(1)[0])[1] > 1
        }
        if not again:
            continue
        row, word = next(iter(again.items()))
        right = sum(
            item.offered[item.right].strip() == again[item.row]
            for item in told.each
            if item.row in again and item.right is not None
        )
        yield Anomaly(
            told.part,
            f"{len(again):,} of {counted(len(told.each), 'item')} offer one choice twice in `{told.offered}`, as "
            f"row {row}: {shown(word)}" + (f"; in {right:,} of them it is the right one" * (right > 0)),
            "mend the choices, or drop the items: a model that picks the other of the two is called wrong",
            0.95,
            made(again),
            [told.offered],
            "warning",
            normal="the choices of an item differ",
            group="choices",
        )  # fmt: skip


def not_offered(data: Data) -> Iterator[Anomaly]:
    """Items whose right answer is none of their choices, where those of nearly all others are."""
    for told in items(data):
        lost = [item.row for item in told.each if item.right is None]
        if told.right is None or not lost or len(lost) > 0.2 * len(told.each):
            continue
        cell = told.part.at([lost[0]], [told.right])[told.right][0]
        yield Anomaly(
            told.part,
            f"{len(lost):,} of {counted(len(told.each), 'item')} have an answer in `{told.right}` that is none of their "
            f"choices, as row {lost[0]}: {shown(cell)}",
            "mend the answer or the choices, or drop the items: no model can be right on them",
            0.9,
            made(lost),
            [told.right, told.offered],
            "warning",
            normal="the right answer is one of the choices",
            group="choices",
        )


def answered_within(data: Data) -> Iterator[Anomaly]:
    """Items whose question says which choice is right."""
    for told in items(data):
        spans = {item.row: span for item in told.each if (span := _given_away(item))}
        if not spans or told.asked is None:
            continue
        row = next(iter(spans))
        yield Anomaly(
            told.part,
            f"{len(spans):,} of {counted(len(told.each), 'item')} say the right answer in `{told.asked}` itself, as "
            f"row {row}: {shown(spans[row])}",
            "take it out of the question, or drop the items: what they measure is reading",
            0.9,
            made(spans),
            [told.asked, told.offered],
            "error" if len(spans) >= LEAST else "warning",
            normal="a question does not hold its answer",
            group="choices",
        )


def _given_away(item: Item) -> str:
    """Where the question names its right choice as the answer; empty where it does not."""
    if item.right is None:
        return ""
    letter = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[item.right]
    words = re.escape(item.offered[item.right].strip().rstrip("."))
    named = rf"\b(?:answer|solution|correct(?: \w+)?|key)\b[ \w]{{0,12}}(?::|=|\bis\b)\s*[(*]*(?:{letter}[).:]\s*{words}|{words}(?!\w)|{letter}\b(?![).:]?\s*\w))"
    last = item.asked[-300 - len(words) :]
    found = list(re.finditer(named, last, re.I))
    # of worked examples in front of the question each has an answer of its own
    return found[-1][0] if found and not last[found[-1].end() :].strip(" .*)\n\"'") else ""


def one_place(data: Data) -> Iterator[Anomaly]:
    """Groups of items, or all of them, whose right choice always stands at one place."""
    for told in items(data):
        by: dict[str | None, list[Item]] = {}
        for item in told.each:
            if item.right is not None:
                by.setdefault(item.group, []).append(item)
        odd = {
            group: some
            for group, some in by.items()
            if len(some) >= LEAST
            and len({item.right for item in some}) == 1
            and len(by) * min(len(item.offered) for item in some) ** (1.0 - len(some)) < CHANCE
        }
        if not odd:
            continue
        places = sorted({some[0].right or 0 for some in odd.values()})
        named = " or ".join(_PLACES[p] if p < len(_PLACES) else f"{p + 1}th" for p in places)
        groups = ", ".join(shown(group) for group in list(odd)[:4]) + ", …" * (len(odd) > 4)
        rows = [item.row for some in odd.values() for item in some]
        whole = len(odd) == len(by)
        where = "" if whole else f" where `{told.group}` is {groups}"
        yield Anomaly(
            told.part,
            f"the right choice is always the {named}{where}: in all {len(rows):,} of these items "
            f"({share(len(rows), len(told.each))})",
            "shuffle the choices and move the answer with them: a model that always takes one place is right",
            0.95,
            made(rows),
            [c for c in (told.right, told.offered) if c],
            "warning",
            normal="the right choice stands at any place",
            evidence={"groups": [str(group) for group in odd][:200]},
            group="choices",
        )
