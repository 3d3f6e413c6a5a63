"""Texts whose characters were damaged on the way."""

import re
from collections.abc import Iterable, Iterator

from labhand.scan.anomaly import Anomaly, Repair, edits
from labhand.scan.anomaly import found as made
from labhand.scan.data import ROW, CannotLook, Data, Part
from labhand.scan.detectors._spans import (
    Span,
    columns_of,
    is_usual,
    kinds,
    rows_hold,
    settled,
    spans,
)
from labhand.scan.texts import Texts, texts

ROUGH = (
    r"[\x{FFFD}\x{80}-\x{9F}\x{AD}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}\x{FEFF}"
    r"\x{E000}-\x{F8FF}\x{E0000}-\x{E007F}\x00-\x08\x0B\x0E-\x1F\x7F]"
    r"|[ÂÃÐÑâãìíêïäåæçèéàØÙÎÏÅÄ][^\x00-\x7F]|\\u[0-9a-fA-F]{4}|\\x[89a-fA-F][0-9a-fA-F]"
    r"|\p{L}\?\p{Ll}|[a-zA-Z][\p{Cyrillic}\p{Greek}]|[\p{Cyrillic}\p{Greek}][a-zA-Z]"
)
_LOST = re.compile("\ufffd+")
_MOJIBAKE = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]{1,3}"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]+")
_HIDDEN = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\U000e0000-\U000e007f]+|(?<![\u0600-\u0dff\u1000-\u109f\U0001f000-\U0001faff\ufe0f\u2640\u2642])[\u200c\u200d]"
)
_PRIVATE = re.compile("[\ue000-\uf8ff]+")
_ESCAPED = re.compile(
    r"(?<![\\\w])\\u(?:00[a-fA-F8-9][0-9a-fA-F]|[12][0-9a-fA-F]{3})|\w\\u[0-9a-fA-F]{4}|(?:\\x[89a-fA-F][0-9a-fA-F]){2,}"
)
_ASKED = re.compile(r"(?<![\w?/=&.-])[^\W\d_]+\?[^\W\d_A-Z]{2,}(?![\w=/&])")
_MIXED = re.compile(
    "(?<![^\\W\\d_])(?:[a-zA-Z]+[\u0430-\u044f\u0410-\u042f\u03b1-\u03c9]|[\u0430-\u044f\u0410-\u042f\u03b1-\u03c9][a-zA-Z]{2,})[a-zA-Z\u0410-\u044f]*"
)
_LIKE_LATIN = set("аеорсухіјѕԁһӏАВЕКМНОРСТУХІЈѕαοερυνκ")


class Detector:
    r"""Texts whose characters were damaged on the way.

    ## What it does
    Finds characters that were lost (�), UTF-8 that was read as Latin-1 or Windows-1252 (`cafÃ©`,
    `donâ€™t`; proven by turning it back), control characters, characters that cannot be seen (zero
    width, soft hyphens, marks of direction, tags), escapes that were left (`\\u00e9`), letters of another
    script that look alike, and question marks in the place of letters, each with its span; and rows
    of a file whose bytes are in another encoding than UTF-8.

    ## Why is this bad
    A model learns the damage and writes it, words fall apart into rare tokens, and text that nobody
    sees reaches the model.

    ## Known problems
    Texts about encodings show such damage on purpose. Joiners are left alone in scripts and emoji
    that need them.

    ## Example
    `The cafÃ© didnâ€™t open`

    ## Use instead
    Read the source as UTF-8; the patch turns back what can be turned back.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """Two anomalies a part at most: of the bytes of the file, and of its characters."""
        raw = [part for part in data.parts if part.facts.get("bad_bytes")]
        yield from map(_bytes, raw)
        if (why := data.lacks("texts")) and not raw and not any(map(_names, data.parts)):
            raise CannotLook(why)
        for part in data.parts:
            yield from _look(data, part)


def _names(part: Part) -> list[str]:
    """The columns of words that are no texts: names, places, streets."""
    import polars as pl

    return [c.name for c in part.columns.values() if c.kind == "category" and c.dtype == pl.String]


def _words(part: Part, names: list[str]) -> Iterator[Texts]:
    """These columns as texts, as far as any of their values may be damaged."""
    import polars as pl

    for name in names:
        values = part.counts(name)
        words = pl.col(name)
        plain = (
            part.select((words.str.len_bytes() == words.str.len_chars()).all()).item()
            if values is None
            else None
        )
        if (values is None and not plain) or (
            values is not None and values["value"].str.contains(ROUGH).any()
        ):
            turn = pl.lit(None, pl.Int64).alias("turn")
            lazy = part.lazy.select(pl.col(ROW).alias("row"), turn, pl.col(name).alias("text"))
            yield Texts(part, name, "text", lazy, False)


def _bytes(part: Part) -> Anomaly:
    rows = part.facts["bad_bytes"]
    whole = part.facts.get("encoding") == "windows-1252"
    which = "the file is in another encoding" if whole else "other rows are in UTF-8"
    return Anomaly(
        part,
        f"{len(rows):,} of {part.rows:,} rows hold bytes that are no UTF-8, as row {rows[0]}; {which}",
        "read the file as windows-1252, or write it anew in UTF-8"
        if whole
        else "find out where these rows came from, and write the file anew in one encoding",
        0.6 if whole else 0.95,
        made(rows),
        severity="note" if whole else "warning",
        normal="a file is in one encoding, and that is UTF-8",
    )


def _look(data: Data, part: Part) -> Iterable[Anomaly]:
    import polars as pl

    some = [] if data.lacks("texts") else texts(data, part)
    known = {one.column for one in some}
    some = [*some, *_words(part, [name for name in _names(part) if name not in known])]
    found = spans(some, pl.col("text").str.contains(ROUGH), damage)
    if not len(found):
        return
    usual = is_usual(part, found)
    flat = {t.column for t in some if not t.spoken}
    yield Anomaly(
        part,
        rows_hold(part, found, f"damaged characters ({kinds(found)})"),
        "read the source again in its own encoding, or mend the texts",
        0.93,
        settled(found),
        columns_of(found),
        "warning",
        normal="texts hold whole characters that can be seen",
        repair=None if usual else _repair(part, found, flat),
    )


def damage(text: str) -> Iterator[Span]:
    """The damaged spans of a text."""
    yield from (Span(*m.span(), "lost character", 1.0) for m in _LOST.finditer(text))
    taken: list[tuple[int, int]] = []
    for m in _MOJIBAKE.finditer(text):
        if turned_back(m[0]) is not None:
            taken.append(m.span())
            yield Span(*m.span(), "UTF-8 read as Latin-1", 1.0)
    turned = {at for a, b in taken for at in range(a, b)}
    written_out = text.lstrip()[:1] in ("{", "[")
    for pattern, what, weight in (
        (_CONTROL, "control character", 0.9),
        (_HIDDEN, "character that cannot be seen", 0.85),
        (_PRIVATE, "private character", 0.6),
        (_ESCAPED, "escape that was left", 0.7),
    ):
        for m in pattern.finditer(text):
            if m.start() in turned or (
                what[:3] == "esc" and (written_out or _is_code(text, m.start()))
            ):
                continue
            if m.start() == 0 and m[0] == "\ufeff":
                yield Span(0, 1, "byte order mark", 0.8)
            else:
                yield Span(*m.span(), what, weight)
    for m in _MIXED.finditer(text):
        foreign = [c for c in m[0] if not c.isascii()]
        if len(m[0]) >= 4 and len(foreign) <= len(m[0]) / 2 and set(foreign) <= _LIKE_LATIN:
            yield Span(*m.span(), "letters of another script", 0.8)
    asked = [m for m in _ASKED.finditer(text) if not _is_code(text, m.start())]
    if len(asked) >= 2 or (asked and "?" not in text.replace(asked[0][0], "")):
        yield from (Span(*m.span(), "question mark for a letter", 0.6) for m in asked)


def turned_back(text: str) -> str | None:
    """What UTF-8 that was read as Latin-1 or Windows-1252 said; None where it is no such thing."""
    raw = bytearray()
    for letter in text:
        try:
            raw += letter.encode("cp1252")
        except UnicodeEncodeError:
            if ord(letter) > 0xFF:
                return None
            raw.append(ord(letter))
    try:
        back = bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return back if (len(back) < len(text) and back.isprintable()) or back == "\u00a0" else None


def _is_code(text: str, at: int) -> bool:
    """Whether the place stands in code: between backticks or quotes, or on a line of a regex."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return (
        text.count("```", 0, at) % 2 == 1
        or line.count("`") % 2 == 1
        or line.count('"') % 2 == 1
        or line.count("'") % 2 == 1
    )


def _repair(part: Part, found: "object", flat: set[str]) -> Repair | None:
    import polars as pl

    assert isinstance(found, pl.DataFrame)
    fixable = found.filter(
        pl.col("what").is_in(
            ["UTF-8 read as Latin-1", "character that cannot be seen", "byte order mark"]
        )
        & pl.col("column").is_in(list(flat))
    )
    frames = []
    for (column,), group in fixable.group_by("column", maintain_order=True):
        rows = group["row"].unique().sort().to_list()
        told = part.at(rows, [str(column)])[str(column)].to_list()
        frames.append(edits(rows, str(column), [mended(text) for text in told]))
    if not frames:
        return None
    operations = pl.concat(frames)
    return Repair("scientific", f"turn back {len(operations):,} texts", operations)


def mended(text: str) -> str:
    """The text with damage that can be turned back turned back."""
    back = _MOJIBAKE.sub(lambda m: turned_back(m[0]) or m[0], text)
    return _HIDDEN.sub("", back)
