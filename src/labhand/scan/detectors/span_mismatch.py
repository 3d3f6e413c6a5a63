"""Spans that are not where their text has what they name."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._mentions import Mention, Mentions, left_out, mentions

FAR = 12
"""Characters that a span may be off for it to be called moved."""
USUAL = 0.3
"""The share of spans from which on cutting words is how they are meant."""
FEW_BARE = 0.1
"""The share of entities that begin with an inside tag up to which these are slips."""
ALIGNED = 0.8
_TOKENS = re.compile(r"tokens?|words|toks|sentence", re.I)
_TAGS = re.compile(r"(\w+_)?(tags?|labels?|bio|iob)|(ner|pos|chunk)\w*", re.I)


class Detector:
    """Spans that are not where their text has what they name.

    ## What it does
    Reads the spans of entities and answers (`start` and `end` in lists of objects or of triples, and
    `answer_start` beside an answer) and compares the text there with the words that are named beside them.
    It tells spans that lie beyond their text or end before they begin, spans that are off, with by how many
    characters, and, where no words are named, spans that cut words or hold blanks at their edge; and places
    where words that are marked nearly everywhere are not. Of tokens
    with tags it tells rows that have more of one than of the other, and entities that begin with an
    inside tag (`I-`) where others begin with `B-`.

    ## Why is this bad
    A tagger learns half words; a reader is scored against an answer that is not there.

    ## Known problems
    Where more than three in ten spans cut words, the data is written so and nothing is said.

    ## Example
    `Ada met Bob`, where `Bob` is from 10 to 13

    ## Use instead
    Find the words in the text anew and take the nearest place, or drop the rows.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly a column of spans, and one a column of tags."""
        every = mentions(data)
        tagged = [(p, *pair) for p in data.parts for pair in _tagged(p)]
        if not every and not tagged:
            raise CannotLook("no column marks spans of a text, and none tags tokens")
        for told in every:
            yield from _off(told)
            yield from _missed(told)
        for part, tokens, tags in tagged:
            yield from _tags(part, tokens, tags)


def _off(told: Mentions) -> Iterator[Anomaly]:
    odd = [(one, why) for one in told.each if (why := _trouble(one, told.texts[one.row]))]
    cut = [one for one, why in odd if why == "cut"]
    if len(cut) > USUAL * len(told.each):
        odd = [(one, why) for one, why in odd if why != "cut"]
    if not odd:
        return
    rows = list(dict.fromkeys(one.row for one, _ in odd))
    first = odd[0][0]
    moved = Counter(k for one, _ in odd if (k := _moved(one, told.texts[one.row])))
    by, often = moved.most_common(1)[0] if moved else (0, 0)
    named = first.surface is not None
    off = f"; {often:,} of them are {abs(by)} too {'far' if by > 0 else 'early'}" if often else ""
    reads = "nothing" if first.read is None else shown(first.read)
    beside = f"not {shown(first.surface)}" if named else "no whole word"
    yield Anomaly(
        told.part,
        f"{len(odd):,} of {len(told.each):,} spans of `{told.column}` in {len(rows):,} rows ({share(len(rows), told.part.rows)}) "
        f"do not match `{told.text}`, as row {first.row}: from {first.start} to {first.end} stands {reads}, {beside}{off}",
        "find the words in the text anew and take the nearest place, or drop the rows",
        0.95 if named else 0.8,
        made(
            [one.row for one, _ in odd],
            column=[told.text] * len(odd),
            start=[max(0, one.start) for one, _ in odd],
            end=[max(0, one.end) for one, _ in odd],
        ),
        [told.column, told.text],
        "warning",
        normal=f"{share(len(told.each) - len(odd), len(told.each))} of the spans give what they name",
        evidence={"moved_by": dict(moved.most_common(5))},
        group="spans",
    )  # fmt: skip


def _missed(told: Mentions) -> Iterator[Anomaly]:
    found = left_out(told)
    if not found:
        return
    rows = list(dict.fromkeys(line[0] for line in found))
    row, start, end, words, label = found[0]
    yield Anomaly(
        told.part,
        f"{len(found):,} places in {len(rows):,} rows ({share(len(rows), told.part.rows)}) of `{told.text}` are not marked in "
        f"`{told.column}`, though the same words are nearly everywhere, as row {row} from {start} to {end}: {shown(words)}, "
        f"elsewhere {shown(label)}",
        "mark these places as well, where they mean the same",
        0.75,
        made(
            [line[0] for line in found],
            column=[told.text] * len(found),
            start=[line[1] for line in found],
            end=[line[2] for line in found],
        ),
        [told.column, told.text],
        "warning",
        normal="words that are marked in ten places are marked in all",
        group="missed",
    )


def _trouble(one: Mention, text: str) -> str:
    """What is wrong with a span; empty where nothing is."""
    if one.read is None:
        return "beyond"
    if one.surface is not None:
        alike = one.read == one.surface or " ".join(one.read.split()) == " ".join(
            one.surface.split()
        )
        return "" if alike else "other words"
    within = one.start > 0 and text[one.start - 1].isalnum() and text[one.start].isalnum()
    broken = one.end < len(text) and text[one.end - 1].isalnum() and text[one.end].isalnum()
    return "cut" if within or broken or one.read != one.read.strip() else ""


def _moved(one: Mention, text: str) -> int:
    """By how many characters a span is off; 0 where its words stand nowhere near, or none are named."""
    if one.surface is None:
        return 0
    places = [m.start() for m in re.finditer(re.escape(one.surface), text)]
    near = min((one.start - p for p in places), key=abs, default=0)
    return near if abs(near) <= FAR else 0


def _tagged(part: Part) -> Iterator[tuple[str, str]]:
    """The columns of tokens and of their tags, which are mostly as many."""
    import polars as pl

    lists = [n for n, c in part.columns.items() if isinstance(c.dtype, pl.List)]
    tokens = [
        n for n in lists if _TOKENS.fullmatch(n) and part.columns[n].dtype == pl.List(pl.String)
    ]
    for name in lists:
        inner = getattr(part.columns[name].dtype, "inner", None)
        plain = inner == pl.String or (inner is not None and inner.is_integer())
        if not tokens or name in tokens or not _TAGS.fullmatch(name) or not plain:
            continue
        same = pl.col(name).list.len() == pl.col(tokens[0]).list.len()
        if float(part.select(same.mean()).item() or 0.0) >= ALIGNED:
            yield tokens[0], name


def _tags(part: Part, tokens: str, tags: str) -> Iterator[Anomaly]:
    import polars as pl

    frame = part.select(pl.col("__row__"), tokens=pl.col(tokens), tags=pl.col(tags)).drop_nulls()
    uneven = frame.filter(pl.col("tokens").list.len() != pl.col("tags").list.len())[
        "__row__"
    ].to_list()
    bare: dict[int, str] = {}
    begun = 0
    for row, cell in frame.select("__row__", "tags").iter_rows():
        for before, tag in zip([None, *cell], cell, strict=False):
            word = str(tag)
            begun += word[:2] == "B-" or (word[:2] == "I-" and not _inside(before, word))
            if word[:2] == "I-" and not _inside(before, word):
                bare[row] = word
    if uneven:
        yield _of_tags(
            part, uneven, f"have more or fewer `{tags}` than `{tokens}`", [tokens, tags], "length"
        )
    if bare and len(bare) <= FEW_BARE * begun:
        row = next(iter(bare))
        what = f"hold an entity that begins with an inside tag in `{tags}`, as row {row}: {shown(bare[row])}"
        yield _of_tags(part, list(bare), what, [tags], "inside")


def _inside(before: Any, tag: str) -> bool:
    return before is not None and str(before)[:2] in ("B-", "I-") and str(before)[2:] == tag[2:]


def _of_tags(part: Part, rows: list[int], what: str, columns: list[str], group: str) -> Anomaly:
    return Anomaly(
        part,
        f"{len(rows):,} of {part.rows:,} rows ({share(len(rows), part.rows)}) {what}",
        "tag these rows anew, or drop them",
        0.9,
        made(rows),
        columns,
        "warning",
        normal="every token has one tag, and an entity begins with `B-`",
        group=group,
    )
