"""Phrases that belong to no text: refusals, disclaimers, and lines that many texts have in common."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share, shown
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

_REFUSAL = re.compile(
    r"(?:(?:I['’]?m|I am) (?:very |so |truly |really |terribly )?sorry|I apologi[sz]e|(?:my |I offer my )?(?:sincere )?apologies|regrettably)[^.!?\n,;]{0,30}[,;:.]? ?(?:but )?(?:as an AI\b|(?:that )?I(?:['’]m| am)? (?:can(?:not|['’]t| not)|(?:currently )?(?:unable|not able)|won['’]t|will not|do not|don['’]t|must decline))[^.!?\n]{0,80}"
    r"|(?:^|[.!?\n] *|but |however, )(?:unfortunately,? )?I(?: am|['’]m)? (?:cannot|can['’]?t|can not|unable to|not able to|won['’]t be able to|will not|won['’]t) (?:be able to )?"
    r"(?:fulfil|fulfill|comply|assist|help(?! (?:but|it|myself|\w+ing)\b)|provide|answer|complete|generate|create|produce|perform|carry out|process|share that|engage|support|continue|discuss|do that|write|offer|give)\b[^.!?\n]{0,60}"
    r"|I (?:must|have to|need to) (?:decline|refuse)\b[^.!?\n]{0,60}"
    r"|(?:goes|is) against my (?:programming|guidelines|policy)|violates? (?:my|our|OpenAI['’]s) (?:guidelines|polic)",
    re.I,
)
_DISCLAIMER = re.compile(
    r"\bas an? (?:AI|artificial intelligence|large language model|language model)(?: (?:language )?(?:model|assistant|chatbot))?\b[^.!?\n]{0,40}"
    r"|\bI(?:['’]m| am) (?:just |only )?an? (?:AI|artificial intelligence|language model|large language model)\b[^.!?\n]{0,40}"
    r"|(?:my|as of my) (?:last )?(?:knowledge|training)(?: data)? (?:cut-?off|update)[^.!?\n]{0,40}"
    r"|\bI (?:was |am )?(?:trained|developed|created|made) by (?:OpenAI|Anthropic|Google|Meta|Mistral|DeepSeek|Alibaba)\b"
    r"|\bI(?:['’]m| am) (?:ChatGPT|Claude|Gemini|Bard|LLaMA|Assistant, an? )\b|\bregenerate response\b",
    re.I,
)
_PAGE = re.compile(
    r"(?:this (?:web)?site|we|our (?:web)?site) uses? cookies[^.\n]{0,80}|accept (?:all )?cookies|(?:please )?enable javascript[^.\n]{0,40}|javascript is (?:disabled|required)[^.\n]{0,30}"
    r"|lorem ipsum dolor[^.\n]{0,40}|all rights reserved|click here to (?:subscribe|read|view|download|continue|sign)[^.\n]{0,40}"
    r"|subscribe to our (?:newsletter|channel|mailing list)[^.\n]{0,40}|sign up for our newsletter|share (?:this|on) (?:facebook|twitter|post|article)[^.\n]{0,30}"
    r"|(?:terms of (?:use|service)|privacy policy) ?(?:\||and|•|·|&) ?(?:privacy policy|terms|cookies?)|skip to (?:main )?content|back to top|follow us on (?:facebook|twitter|instagram|social)"
    r"|(?:^|\n)\W*(?:(?:error )?(?:404|403|410|429|50[0234])[ :-]*(?:page |file )?(?:not found|forbidden|gone|too many requests|internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out)"
    r"|page not found|access denied|attention required! \| cloudflare|just a moment\.\.\.|are you a robot\?)[^\n]{0,60}"
    r"|you don['’]t have permission to access[^.\n]{0,60}|checking (?:if the site connection is secure|your browser before)[^.\n]{0,40}|(?:verify|confirm) (?:that )?you are (?:a )?human[^.\n]{0,40}"
    r"|sorry, you have been blocked|(?:this|your) (?:domain|account) (?:is for sale|has (?:expired|been suspended))|(?:the page|page) you (?:requested|are looking for|were looking for) [^.\n]{0,60}"
    r"|(?:log|sign) in to (?:comment|continue|reply|view)|advertisement(?=\n|$)|read more(?: »|\.\.\.|…)|you must be logged in",
    re.I,
)
_SERVICE = re.compile(
    r"\W{0,3}(?:(?:[A-Za-z.]*(?:API|Connection|Timeout|RateLimit|HTTP|Server|Request|Client)\w*(?:Error|Exception)\b|HTTP ?(?:Error)? ?[45]\d\d\b"
    r"|(?:(?:API )?error(?: code)?:? ?)?[45]\d\d:? (?:Internal Server Error|Bad Gateway|Bad Request|Service (?:Temporarily )?Unavailable|Too Many Requests|Gateway Time-?out|Unauthorized|Forbidden)"
    r"|(?:error:? ?)?(?:the )?request timed out|(?:error:? ?)?rate limit (?:reached|exceeded)|you exceeded your current quota|this model['’]s maximum context length"
    r"|(?:upstream|connection) (?:error|reset|refused|aborted)|Traceback \(most recent call last\)|\{\s*\"error\"\s*:|CUDA out of memory"
    r"|an? (?:error|exception) (?:has )?occurred (?:while|during) (?:processing|generat)))[^\n]{0,120}",
    re.I,
)
_OPENING = re.compile(
    r"\s*(?:(?:sure|certainly|of course|absolutely|okay|gerne|natürlich|klar|bien sûr|claro|por supuesto|certamente)[!,.:]\s+(?=\S)[^\n:]{0,70}:"
    r"|(?:here(?:['’]s| is| are)|hier ist|voici|aquí (?:está|tienes)|ecco) (?:the|a|an|your|my|die|der|das|la|le|una|un)\b[^\n:.]{0,60}:"
    r"|(?:the )?(?:\w+ )?(?:translation|translated (?:text|sentence)|übersetzung|traduction|traducción|traduzione|summary|paraphrase|rewritten (?:text|sentence)|corrected (?:text|sentence))(?: is)?:)",
    re.I,
)
OPENING = r"^[^\n]{3,90}:"
SERVICE = r"(?i)error|exception|timed out|[45]\d\d |rate limit|quota|maximum context|connection|traceback|out of memory"
BRIEF = 600
"""Letters of an answer up to which an error at its beginning is all that it is."""
ROUGH = (
    r"(?i)^[\s\S]{0,300}(sorry|apolog|regrettably|cannot|can.?t |can not|unable|not able|won.t|will not|decline|refuse|my programming|guidelines|policy)"
    r"|\b(an|a) (AI|artificial intelligence|language model|large language)\b|cut-?off|(knowledge|training) (data )?update|(trained|developed|created|made) by (openai|anthropic|google|meta|mistral|deepseek|alibaba)|I(.m| am) (chatgpt|claude|gemini|bard|llama|assistant)|regenerate response"
)
PAGE = r"(?i)cookies|javascript|lorem ipsum|all rights reserved|click here|newsletter|subscribe|share (this|on)|privacy policy|terms of|skip to|back to top|follow us|(log|sign) in to|advertisement|read more|logged in|not found|denied|forbidden|unavailable|permission|cloudflare|a moment|robot|browser before|site connection|human|blocked|suspended|for sale|bad gateway|the page|page you|expired"
OPENINGS = 0.2
"""The share of texts from which on an opening is how they are written."""
LINE = 30
"""Characters of a line or sentence from which on its return in other texts is told."""


class Detector:
    """Phrases that belong to no text: refusals, disclaimers, and lines that many texts have in common.

    ## What it does
    Finds refusals and disclaimers of a model in answers (`As an AI language model`), errors of a service that
    stand in place of an answer (`Rate limit reached`), what it says before an answer (`Here is the translation:`) where
    there should be a text alone, what web pages carry
    around their text (cookies, newsletters, menus), and lines or sentences at the beginning or end
    that come back, word for word, in many texts that differ otherwise. Each with its span.

    ## Why is this bad
    A model learns to refuse, to speak of itself, or to end every text with the same line.

    ## Known problems
    Refusals are meant where a question is harmful. Lines that half of the texts have are taken for
    their form.

    ## Example
    `As an AI language model, I cannot give a recipe.`

    ## Use instead
    Drop the rows, or strip the lines.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """Five anomalies a part at most: refusals, errors, phrases of pages, openings, lines in common."""
        import polars as pl

        text = pl.col("text")
        for part in data.parts:
            speaks = prose(data, [t for t in answers(data, part) if t.role != "rejected"])
            plain = prose(data, [t for t in texts(data, part) if t.role == "text"])
            refused = spans([*speaks, *plain], text.str.contains(ROUGH), _refusals)
            if len(refused):
                is_answer = bool(speaks)
                yield _anomaly(
                    part, refused, "refusals or disclaimers of a model", 0.85 if is_answer else 0.7
                )
            broken = spans(speaks, text.str.contains(SERVICE), _errors)
            if len(broken):
                yield _anomaly(part, broken, "errors of a service in place of an answer", 0.85)
            page = spans([*speaks, *plain], text.str.contains(PAGE), _pages)
            if len(page):
                yield _anomaly(part, page, "phrases of a web page", 0.75)
            opened = spans(plain, text.str.contains(OPENING), _openings)
            if 0 < opened["row"].n_unique() <= OPENINGS * part.rows:
                yield _anomaly(part, opened, "what a model says before it answers", 0.85)
            for one in (*speaks, *plain):
                yield from _common(part, one)


def _anomaly(part: Part, found: "pl.DataFrame", what: str, confidence: float) -> Anomaly:
    usual = is_usual(part, found)
    return Anomaly(
        part,
        rows_hold(part, found, f"{what} ({kinds(found)})"),
        "drop the rows, or keep them where they are meant",
        0.5 if usual else confidence,
        settled(found),
        columns_of(found),
        "note" if usual else "warning",
        normal="texts hold what they are about",
        group=what,
    )


def _refusals(text: str) -> Iterator[Span]:
    for m in _DISCLAIMER.finditer(text):
        yield Span(*m.span(), "disclaimer", 0.9)
    for m in _REFUSAL.finditer(text[:400]):
        start = m.start() + len(m[0]) - len(m[0].lstrip(".!?\n "))
        if start < 300:  # a refusal opens an answer; later on it is a part of a story
            yield Span(start, m.end(), "refusal", 1.0 if start < 5 else 0.8)


def _errors(text: str) -> Iterator[Span]:
    bare = text.strip()
    if len(bare) <= BRIEF and (m := _SERVICE.match(bare)):
        start = text.index(bare)
        yield Span(start, start + m.end(), "error of a service", 1.0)


def _openings(text: str) -> Iterator[Span]:
    if m := _OPENING.match(text):
        yield Span(0, m.end(), "opening", 0.9)


def _pages(text: str) -> Iterator[Span]:
    found = list(_PAGE.finditer(text)) if len(text) < 20_000 else []
    edge = min(400, len(text) // 4)
    for m in found:
        if len(found) > 1 or m.start() <= edge or m.end() >= len(text) - edge:
            yield Span(*m.span(), "phrase of a page", 0.8)


def _common(part: Part, one: Texts) -> Iterable[Anomaly]:
    """Lines and sentences at the edge of many texts."""
    import polars as pl

    cut = pl.col("text").str.strip_chars().str.replace_all(r"([.!?])[ \t]+", "$1\n").str.split("\n")
    bare = pl.element().str.strip_chars()
    lines = cut.list.eval(bare.filter(bare != ""))
    frame = one.lazy.filter(pl.col("text").is_not_null()).select("row", "turn", line=lines)
    several = frame.filter(pl.col("line").list.len() > 1)
    edges = [
        several.select("row", "turn", line=pl.col("line").list.get(at), last=pl.lit(at == -1))
        for at in (0, -1)
    ]
    every = pl.concat(edges).filter(
        (pl.col("line").str.len_chars() >= LINE)
        & (pl.col("line").str.count_matches(r"\p{L}{2,}") >= 5)
    )
    often = every.with_columns(n=pl.len().over("line")).filter(pl.col("n") >= 5).collect()
    texts_ = int(one.lazy.select(pl.col("text").is_not_null().sum()).collect().item())
    often = often.filter(pl.col("n").is_between(max(5, 0.004 * texts_), 0.4 * texts_))
    often = often.join(_of_mould(several, every, often), on="line", how="anti")
    # where half of the texts do so it is their form, as `Human:` and what was asked
    if not len(often) or often["row"].n_unique() > 0.5 * texts_:
        return
    whole = one.lazy.join(often.lazy(), on=["row", "turn"], nulls_equal=True)
    near = whole.select("row", "turn", "line", "n", "last", "text").collect()
    rows = [
        (row, turn, line, n, text.rfind(line) if last else text.find(line))
        for row, turn, line, n, last, text in near.iter_rows()
    ]
    schema = {
        "row": pl.Int64,
        "turn": pl.Int64,
        "line": pl.String,
        "n": pl.Int64,
        "start": pl.Int64,
    }
    found = pl.DataFrame(rows, schema=schema, orient="row").select(
        "row",
        (pl.col("n") / texts_).alias("score"),
        pl.lit(one.column).alias("column"),
        "turn",
        "start",
        (pl.col("start") + pl.col("line").str.len_chars()).cast(pl.Int64).alias("end"),
        "line",
    ).sort("score", "row", descending=[True, False])  # fmt: skip
    count, first = found["line"].n_unique(), found.row(0, named=True)
    rows_ = found["row"].n_unique()
    yield Anomaly(
        part,
        f"{rows_:,} of {part.rows:,} texts of `{one.column}` ({share(rows_, part.rows)}) begin or end with a line "
        f"that comes back word for word ({count:,} different), as row {first['row']}: {shown(first['line'])}",
        "strip the lines, if they say nothing of their text",
        0.75,
        settled(found),
        [one.column],
        "warning" if rows_ <= 0.2 * part.rows else "note",
        normal="each text begins and ends in its own words",
        group="lines",
    )


def _of_mould(
    whole: "pl.LazyFrame", edges: "pl.LazyFrame", often: "pl.DataFrame"
) -> "pl.DataFrame":
    """Of the lines that come back those that are sentences of a mould.

    They also stand within texts, or others at an edge begin in the same words and end otherwise.
    """
    import polars as pl

    lines = often.select("line", "n").unique("line")
    inner = whole.select(line=pl.col("line").list.slice(1, pl.col("line").list.len() - 2))
    inside = inner.explode("line").drop_nulls().group_by("line").len("inside")
    bare = pl.col("line").str.replace_all(r"\d+", "0")
    begin = bare.str.extract(r"^((?:\S+\s+){2}\S+)")
    kin = edges.select("line").with_columns(begin=begin).drop_nulls()
    kin = kin.group_by("begin").agg(all=pl.len())
    told = lines.lazy().join(inside, on="line", how="left").with_columns(begin=begin)
    told = told.join(kin, on="begin", how="left").fill_null(0)
    others = pl.col("all") - pl.col("n")
    moulded = (pl.col("inside") >= 0.15 * pl.col("n")) | (others >= 0.5 * pl.col("n"))
    return told.filter(moulded).select("line").collect()
