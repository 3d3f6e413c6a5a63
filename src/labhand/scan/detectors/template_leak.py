"""Marks of a template, a prompt or a page that were left in texts."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._spans import (
    Span,
    columns_of,
    is_usual,
    kinds,
    rows_hold,
    settled,
    spans,
)
from labhand.scan.texts import Texts, answers, prose, texts

if TYPE_CHECKING:
    import polars as pl

_SPECIAL = re.compile(
    r"<\|[a-zA-Z][\w ]{1,30}\|>|</?s>(?!\w)|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|<(?:bos|eos|pad|unk|mask)>"
    r"|\[(?:PAD|CLS|SEP|UNK|MASK|EOS|BOS)\]|<\uff5c[^<>\n]{1,30}\uff5c>"
)
_HEADING = re.compile(
    r"^[ \t]*#{2,3} ?(?:Instruction|Response|Input|Output|User|Assistant|Human|System)s? ?:"
    r"|(?<=\n)(?:Human|User|Assistant|AI|Q|Question) ?: ?(?=\S)"
    r"|Below is an instruction that describes a task",
    re.M,
)
_HOLE = re.compile(
    r"\{\{ ?[a-zA-Z_][\w.]* ?\}\}|\{% ?\w+[^%\n]*%\}"
    r"|(?<![\w$\\{}=\"'(\[,:^_/.])\{[a-z]{3,}(?:_[a-z0-9]+){0,3}\}(?![}\w\[({=])"
    r"|\[(?:(?:Your|Insert|Company|Recipient|Add|Enter) ?[A-Za-z' ]{0,30}|(?:YOUR |INSERT |FIRST |LAST |FULL |USER|CUSTOMER |COMPANY |CLIENT )?_?(?:NAME|EMAIL|PHONE|ADDRESS|DATE|CITY|COMPANY|TITLE|NUMBER|URL|LINK|USERNAME))\]|\[object Object\]"
    r"|<(?:your|insert|add|enter) ?[A-Za-z' ]{0,30}>|%\([a-z_]{2,30}\)s"
    r"|(?<!\w)(?:Dear|Hello|Hi|Hey) (?:None|null|undefined|nan|NaN)(?=[,!.]|\s*$)",
    re.M,
)
_KNOWN = re.compile(
    r"\{(?:[a-z0-9]+_)*(?:input|instruction|prompt|question|answer|response|context|text|name|query|output|user|topic|sentence|item|passage|subject|title|product|company|brand|date|city|country|language|person|customer|document|article|paragraph|style|tone|task|category|keywords?|content|description|message|email|phone|address|code|job|role|place|number|amount|price|year|entity|examples?|options?|choices|label|source|target|summary|review|conversation|history|dialogue|persona|order|system)s?(?:_(?:name|text|id|here))?\}"
)
"""Names of slots that prompts have; any other must come back to be one."""
AGAIN = 3
"""Rows in which a slot of any other name must stand."""
_OPEN = re.compile(r"</?(think|thinking|reasoning|scratchpad|reflection)>")
_ESCAPED = re.compile(r"(?:(?<=[.!?:,;])|(?<=\\n))\\n(?=[A-Z\\\d*\-\"]|$)")
_MARKUP = re.compile(
    r"</?(?:p|br|div|span|li|ul|ol|td|tr|th|table|tbody|thead|h[1-6]|a|b|i|em|strong|img|font|script|style|center|blockquote|html|body|head|meta|link|input|form|button|iframe|sup|sub)(?:\s+[a-zA-Z-]+ ?= ?[\"'][^\"'>]*[\"'])*\s*/?>"
    r"|&(?:nbsp|amp|quot|lt|gt|apos|#\d{2,5}|#x[0-9a-fA-F]{2,5}|[mn]dash|hellip|[lr][sd]quo|copy|eacute|ouml|uuml|auml);",
    re.I,
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.S)
ROUGH = r"<\|\w|</?s>|\[/?INST\]|<</?SYS|_of_turn>|<(bos|eos|pad|unk|mask)>|\[(PAD|CLS|SEP|UNK|MASK|EOS|BOS)\]|<｜|\{\{|\{%|\{[a-zA-Z_.0-9]{3,32}\}|\[(Your|Insert|Company|Recipient|Add|Enter|object)\b|\[[A-Z_ ]*(NAME|EMAIL|PHONE|ADDRESS|DATE|CITY|COMPANY|TITLE|NUMBER|URL|LINK)\]|<(your|insert|add|enter)\b|%\([a-z_]|(Dear|Hello|Hi|Hey) (None|null|undefined|nan|NaN)\b|<think|<reason|<scratch|<reflec|</think|</reason|</scratch|</reflec|\\n"
SPOKEN = r"#{2,3} ?(Instruction|Response|Input|Output|User|Assistant|Human|System)|\n(Human|User|Assistant|AI|Q|Question) ?:|Below is an instruction"
TAGS = r"(?i)</?[a-z][a-z0-9]{0,9}[\s/>]|&(#?[a-z0-9]{2,6});"
NAMELESS = "braces around a word"
REASONED = "reasoning before the answer"
ENOUGH = 6
"""Words of a prompt from which on its return in an answer is told."""


class Detector:
    """Marks of a template, a prompt or a page that were left in texts.

    ## What it does
    Finds special tokens of chat templates (`<|im_end|>`, `[INST]`), headings of prompts (`### Response:`,
    `Human:`) within answers, places that were never filled (`{{name}}`, `[Your Name]`, `Dear None`), line breaks left escaped, reasoning
    (`<think>`) in a few answers, or never closed, HTML tags and
    entities outside of code, and answers that repeat their prompt. Each with its span.

    ## Why is this bad
    A model learns to write the marks, or to end a turn in the middle; special tokens in content break
    the template at training time.

    ## Known problems
    Data about HTML or templates is full of them. What more than three in ten rows have is taken for
    the way the data is written, and is a note.

    ## Example
    `The answer is 4.<|im_end|>`

    ## Use instead
    Strip the marks, or drop the row.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part and kind: marks of templates, markup, prompts that came back."""
        import polars as pl

        text = pl.col("text")
        for part in data.parts:
            some = prose(data, texts(data, part))
            marks = spans(some, text.str.contains(ROUGH), _marks)
            inside = prose(data, answers(data, part)) or [t for t in some if t.role == "text"]
            headings = spans(inside, text.str.contains(SPOKEN), _headings)
            marks = pl.concat([_rare(part, _slots(marks)), _rare(part, headings)])
            marks = marks.sort("score", "row", "start", descending=[True, False, False])
            yield from _told(part, marks, "marks of a template", 0.9)
            page = spans(some, text.str.contains(TAGS), _tags)
            yield from _told(part, page, "markup of a page", 0.8)
            yield from _told(part, _echoes(data, part), "their own prompt", 0.85)


def _slots(found: "pl.DataFrame") -> "pl.DataFrame":
    """Without braces around a word that stands in a row or two, these are talked about; one row may reason."""
    import polars as pl

    rows = pl.col("row").n_unique()
    again = (pl.col("what") != NAMELESS) | (rows.over("excerpt") >= AGAIN)
    kept = found.filter(again & ((pl.col("what") != REASONED) | (rows.over("what") > 1)))
    return kept.with_columns(pl.col("what").replace(NAMELESS, "place never filled"))


def _rare(part: Part, found: "pl.DataFrame") -> "pl.DataFrame":
    """Without the kinds that are how the data is written."""
    import polars as pl

    counts = found.group_by("what").agg(pl.col("row").n_unique().alias("n"))
    kept = counts.filter(pl.col("n") <= 0.3 * part.rows + 2)["what"]
    return found.filter(pl.col("what").is_in(kept.implode()))


def _told(part: Part, found: "pl.DataFrame", what: str, confidence: float) -> Iterable[Anomaly]:
    if not len(found):
        return
    usual = is_usual(part, found)
    yield Anomaly(
        part,
        rows_hold(part, found, f"{what} ({kinds(found)})"),
        "leave it, if the data is meant to be so" if usual else "strip it, or drop the rows",
        0.5 if usual else confidence,
        settled(found),
        columns_of(found),
        "note" if usual else "warning",
        normal="texts hold what a person reads, and nothing of how it was put together",
        group=what,
    )


def _outside(text: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """The matches that stand outside of code."""
    code = [m.span() for m in _CODE.finditer(text)] if "`" in text else []
    return [m for m in pattern.finditer(text) if not any(a <= m.start() < b for a, b in code)]


def _marks(text: str) -> Iterator[Span]:
    yield from (Span(*m.span(), "special token", 1.0) for m in _outside(text, _SPECIAL))
    for m in _outside(text, _HOLE):
        is_name = m[0][0] == "{" and m[0][1] not in "{%" and not _KNOWN.fullmatch(m[0])
        yield Span(*m.span(), NAMELESS if is_name else "place never filled", 0.8)
    tags = list(_OPEN.finditer(text))
    for m in tags[:1]:
        if sum(t[0][1] == "/" for t in tags) != sum(t[0][1] != "/" for t in tags):
            yield Span(*m.span(), "tag of reasoning without its other half", 0.9)
        elif m[0][1] != "/" and not text[: m.start()].strip():
            yield Span(*m.span(), REASONED, 0.7)
    escaped = _outside(text, _ESCAPED)
    if len(escaped) > 1 and "\n" not in text.strip():
        yield from (Span(*m.span(), "escaped line break", 0.8) for m in escaped)


def _headings(text: str) -> Iterator[Span]:
    yield from (Span(*m.span(), "heading of a prompt", 0.9) for m in _outside(text, _HEADING))


def _tags(text: str) -> Iterator[Span]:
    found = _outside(text, _MARKUP)
    # one tag alone is talked about; what closes, breaks or escapes is left over
    plain = [
        m
        for m in found
        if m[0][:1] == "&" or "/" in m[0] or "=" in m[0] or m[0][:3].lower() == "<br"
    ]
    if plain and (len(found) > 1 or plain[0][0][:1] == "&" or "br" in plain[0][0].lower()):
        what = {True: "entity", False: "tag"}
        yield from (Span(*m.span(), what[m[0][0] == "&"], 0.8) for m in found)


def _echoes(data: Data, part: Part) -> "pl.DataFrame":
    """Answers that begin with their prompt."""
    import polars as pl

    pairs = [frame for one in answers(data, part) if (frame := _asked(data, part, one)) is not None]
    schema = {"row": pl.Int64, "turn": pl.Int64, "text": pl.String, "asked": pl.String}
    asked = pl.concat([pl.DataFrame(schema={**schema, "column": pl.String}), *pairs])
    bare = pl.col("asked").str.strip_chars()
    begins = pl.col("text").str.strip_chars_start().str.starts_with(bare)
    long = bare.str.count_matches(r"\S+") >= ENOUGH
    found = asked.filter(begins & long & (pl.col("text").str.strip_chars() != bare))
    blank = pl.col("text").str.len_chars() - pl.col("text").str.strip_chars_start().str.len_chars()
    return found.select(
        "row",
        pl.lit(1.0).alias("score"),
        "column",
        "turn",
        blank.cast(pl.Int64).alias("start"),
        (blank + bare.str.len_chars()).cast(pl.Int64).alias("end"),
        pl.lit("prompt").alias("what"),
        pl.col("asked").alias("excerpt"),
    )


def _asked(data: Data, part: Part, one: Texts) -> "pl.DataFrame | None":
    """Each answer with what was asked: the turn before it, or the prompt of the row."""
    import polars as pl

    if one.spoken:
        whole = next(t for t in texts(data, part) if t.column == one.column)
        before = pl.col("text").shift(1).over("row", order_by="turn").alias("asked")
        frame = whole.lazy.with_columns(before).filter(pl.col("speaker") == "assistant")
    else:
        prompt = next((t for t in texts(data, part) if t.role == "prompt" and not t.spoken), None)
        if prompt is None:
            return None
        frame = one.lazy.join(prompt.lazy.select("row", asked="text"), on="row")
    short = pl.col("text").str.starts_with(pl.col("asked").str.strip_chars().str.head(12))
    frame = frame.filter(short | pl.col("text").str.contains(r"^\s"))
    return frame.select("row", "turn", "text", "asked", column=pl.lit(one.column)).collect()
