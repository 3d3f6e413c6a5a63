"""Free text in place of what is there now: `xsum instead of cnn_dailymail`, `text8 rather than enwik8`."""

import re
from pathlib import PurePosixPath

from labhand.interpret import called, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.given import chunk
from labhand.interpret.lexicon import Known
from labhand.interpret.text import SEPARATORS

_INSTEAD = re.compile(r"^(?:(?:instead of|rather than|in place of|not|statt)(?: the)?|over)$")
_REPLACE = re.compile(r"^(?:replace|swap|switch|change)(?: (?:from|the|out))*$")


_PLACE = re.compile(r"\b(?:in|of|at|inside|within) (?:the|our|my)$")


def read(draft: Draft) -> None:
    """Takes a word that stands against the present value of a setting of free text."""
    text, at = draft.text, 0
    while at < len(text):
        known, end = _present(draft, at) if text.low(at) else (None, at + 1)
        at = max(_against(draft, known, at, end) if known else 0, at + 1)


_SIDES = (("source", "target"), ("src", "tgt"), ("src", "trg"), ("from", "to"))


def read_sides(draft: Draft) -> None:
    """Takes `en to de` where one setting is of the source and one of the target."""
    text = draft.text
    by_name = {k.setting.name.lower().replace("-", "_"): k for k in text.lexicon.known}
    pairs = [
        (k, by_name[other])
        for one, two in _SIDES
        for name, k in by_name.items()
        if name.startswith(f"{one}_") and (other := f"{two}_{name.partition('_')[2]}") in by_name
        if all(isinstance(b.setting.default, str) for b in (k, by_name[other]))
    ]
    codes = {str(k.setting.default).lower() for pair in pairs for k in pair}
    for at in range(len(text) - 2):
        sides = text.low(at), text.low(at + 2)
        joined = text.low(at + 1) in ("to", "->", "-", "into", "=>")
        if (
            len(pairs) != 1
            or not joined
            or not {*sides} & codes
            or not all(map(_CODE.fullmatch, sides))
        ):
            continue
        for known, side in zip(pairs[0], sides, strict=True):
            draft.choose(known, [side], f'"{text.said(at, at + 3)}"', at, 0.95)
        text.take(at, at + 3)


_CODE = re.compile(r"[a-z]{2,3}")
"""How languages are written in short."""


def _present(draft: Draft, at: int) -> tuple[Known | None, int]:
    """The setting whose value now is what is written here, and where that ends."""
    said, end = chunk(draft, at)
    word = vocabulary.joined(said)
    found = [k for k in draft.text.lexicon.known if len(word) > 2 and word in _names(draft, k)]
    return (found[0], end) if len(found) == 1 else (None, end)


def _names(draft: Draft, known: Known) -> set[str]:
    """What the present value of a setting of free text may be called: a path also by its last part."""
    value = draft.base(known).value
    if known.setting.type != "str" or known.setting.choices or not isinstance(value, str):
        return set()
    parts = [value, PurePosixPath(value).name, PurePosixPath(value).stem] if value else []
    return {vocabulary.joined(p) for p in parts}


def _against(draft: Draft, known: Known, at: int, end: int) -> int:
    """Where an exchange of the present value ends; 0: there is none."""
    text = draft.text
    for words in (2, 3, 1):
        lead = text.before(at, words)
        if _INSTEAD.match(lead) and at - words > 0:
            first = _begin(draft, at - words - 1)
            return _exchange(draft, known, first, at - words, end)
    for words in (1, 2):
        if _REPLACE.match(text.before(at, words)) and text.low(end) in ("with", "by", "to", "for"):
            last = chunk(draft, end + 1)[1] if text.low(end + 1) else end
            return _exchange(draft, known, end + 1, last, last, at - words)
    return 0


_STARTS = frozenset(", ; . : and use using try with to on the a".split()) | {""}


def _begin(draft: Draft, at: int) -> int:
    """The first token of the glued word that ends at a token."""
    while at > 0 and draft.text.tokens[at].glued and draft.text.low(at - 1):
        at -= 1
    return at


def _exchange(draft: Draft, known: Known, first: int, last: int, end: int, start: int = -1) -> int:
    """Takes the words from `first` up to `last` as the new values; 0 where they are none."""
    text = draft.text
    name = text.lexicon.match(text.tokens, first)
    if name is not None and name.known and name.known[0].key == known.key and name.end == last:
        first, last = _begin(draft, first - 1), first
    if first < 0 or not _is_new(draft, first, last):
        return 0
    others = set(known.setting.compared) - {str(draft.base(known).value)}
    if len(others) > 1 and text.low(first - 1) not in _STARTS:
        return 0  # `l2 on log sales rather than tweedie` is none of its options
    if _PLACE.search(text.before(first, 3)):
        return 0  # `log in the normalizer rather than softplus` tells where
    found = [text.said(first, last)]
    while start < 0 and text.low(first - 1) in SEPARATORS and first > 1:
        before = _begin(draft, first - 2)
        if not _is_new(draft, before, first - 1):
            break
        found.insert(0, text.said(before, first - 1))
        first = before
    present = str(draft.base(known).value)
    start = first if start < 0 else start
    why = f'"{text.said(start, end)}": it is {present} now'
    draft.choose(
        known,
        [called.spelling(known.setting.help, _like(present, said)) for said in found],
        why,
        start,
        0.9,
    )
    text.take(start, end)
    return end


def _is_new(draft: Draft, first: int, last: int) -> bool:
    """Whether these tokens are a name that means nothing else here."""
    said, text = draft.text.said(first, last), draft.text
    plain = said.lower() in vocabulary.KNOWN_WORDS or not re.search(r"[A-Za-z]", said)
    return (
        first < last
        and bool(text.low(first))
        and not plain
        and text.lexicon.match(text.tokens, first) is None
    )


def _like(present: str, said: str) -> str:
    """A name as the present value is written: in its folder, with its ending."""
    path = PurePosixPath(present)
    if "/" not in present or "/" in said or (present.count("/") == 1 and not _is_path(present)):
        return said
    return str(path.with_name(said if PurePosixPath(said).suffix else said + path.suffix))


def _is_path(text: str) -> bool:
    """Whether a text with one slash is a path, and no name such as `google/flan-t5-base`."""
    folder = text.partition("/")[0].lower()
    return text.startswith((".", "/", "~")) or folder in (
        "data",
        "datasets",
        "input",
        "inputs",
        "dataset",
        "raw",
    )
