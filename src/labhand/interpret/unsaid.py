"""Wishes that name neither a setting nor a size: `use a smaller one`, `fix the collapse`, `add more data`. They are asked back."""

import re

from labhand.interpret import vocabulary
from labhand.interpret.beside import said_words
from labhand.interpret.clauses import clauses
from labhand.interpret.draft import Draft
from labhand.interpret.text import ENDS

_MORE = (
    r"more|less|fewer|further|higher|lower|larger|smaller|bigger|stronger|weaker|longer|shorter|deeper|wider|narrower|heavier|lighter|"
    r"better|faster|slower|cheaper|earlier|later|harder|easier|milder|finer|coarser|stabler"
)
_LEAD = r"(?:(?:please|lets|let us|let|just|maybe|perhaps|now|then|also|can you|could you|we should|you could|i want|i would like|we need|we|to|it|try|use|take|go|go with|switch to|with|on|make|get|run|train|do) )*"
_OTHER = re.compile(
    rf"^{_LEAD}(?:the |an? |some |our |my )*(?:other|another|different|alternative|new)(?: [a-z]+){{1,3}}$"
)
_ONE = re.compile(rf"^{_LEAD}(?:an? |the |some )(?:[a-z-]+ ){{1,3}}ones?$")
_COMPARED = re.compile(rf"\b(?:{_MORE})\b")
_AMOUNT = re.compile(r"\b(?:a bit|a little|a lot|somewhat|slightly|down|up|way down|way up)$")
_CHANGED = re.compile(
    rf"^{_LEAD}(?:increase|decrease|raise|lower|reduce|cut|bump|boost|turn|tone|crank|scale|shrink|grow|relax|tighten|regulari[sz]e|augment)\b"
)
_TROUBLE = re.compile(
    r"^(?:please |just |can you |could you )*(?:(?:fix|solve|address|handle|prevent|avoid|do something about) (?:this|that|it|these|the (?:[a-z]+ ){0,2}(?:collapse|overfitting|"
    r"underfitting|instability|instabilities|divergence|nans?|spikes?|forgetting|plateau|gap|problem|issue|imbalance))"
    r"|do something|stabili[sz]e(?: (?:it|this|the [a-z]+))?)(?: about (?:it|this|that))?$"
)
_WRITES = frozenset(
    "add implement log plot print track record write save replace remove refactor rename port fix build create "
    "introduce support compute calculate measure visualize export append insert swap show report".split()
)
_MOST_WORDS = 10


_ONE_OF = re.compile(r"\b(?:1|either|some|any) of (?:the|our|my|these|those) [a-z]{3,}s\b")


def read(draft: Draft) -> None:
    """Asks which is meant of several things in the code: `freeze one of the towers`."""
    text = draft.text
    for clause in clauses(text):
        words = text.after(clause.start, clause.end - clause.start)
        if _ONE_OF.search(words) and _speaks(draft, clause.start, clause.end):
            _put(draft, clause.start, clause.end)
            text.take(clause.start, clause.end)


def _lows(draft: Draft, start: int, end: int) -> str:
    """The words of a piece that has no number and of which nothing is understood; empty of another one."""
    tokens = draft.text.tokens[start:end]
    counted = any(t.kind == "number" or (t.value and t.low != "one") for t in tokens)
    if any(draft.text.used[start:end]) or counted or len(tokens) > _MOST_WORDS:
        return ""
    return " ".join(t.low for t in tokens if t.kind == "word")


def asks_for_another(draft: Draft, start: int, end: int) -> bool:
    """Whether a piece wants another one of what the script has: `try the other model`, `a smaller one`."""
    lows = _lows(draft, start, end)
    other = _OTHER.match(lows) is not None and _speaks(draft, start, end)
    return other or _ONE.match(lows) is not None


def _is_unsaid(draft: Draft, start: int, end: int) -> bool:
    """Whether a piece asks for a change and leaves open of what, or how far."""
    lows = _lows(draft, start, end)
    if _TROUBLE.match(lows) or asks_for_another(draft, start, end):
        return True
    if _COMPARED.search(lows):
        first = next((w for w in lows.split() if w not in vocabulary.FILLERS), "")
        plain = first not in _WRITES or re.match(
            r"^(?:add|use|get|collect) (?:some |a lot |much )*more\b", lows
        )
        return bool(plain) and _speaks(draft, start, end)
    return bool(_CHANGED.match(lows)) and (bool(_AMOUNT.search(lows)) or len(lows.split()) < 3)


def _speaks(draft: Draft, start: int, end: int) -> bool:
    """Whether any word of a piece speaks of a setting, or of what every training has."""
    words = said_words(draft, range(start, end))
    every = {"model", "data", "training", "loss", "network", "net", "run"}
    return bool(every & {t.low for t in draft.text.tokens[start:end]}) or any(
        draft.likeness.speaks(w, k) for w in words for k in draft.text.lexicon.known
    )


def ask(draft: Draft, start: int, end: int) -> bool:
    """Asks which setting a piece is about where that is left open; nothing is set."""
    if not _is_unsaid(draft, start, end):
        return False
    _put(draft, start, end)
    return True


def _put(draft: Draft, start: int, end: int) -> None:
    words = draft.text.said(start, end)
    ranked = draft.likeness.ranked(said_words(draft, range(start, end)), draft.text.lexicon.known)
    near = [f"`{fit.known.key}`" for fit in ranked[:3]]
    draft.doubt(
        f'"{words}" does not say what shall change, and how far: which setting, to which value?',
        [*near, "new code", "nothing"], "nothing", 0.5,
    )  # fmt: skip


_ASKS_NOW = re.compile(
    r"^(?:(?:quick|q|question|btw|hey|hi|so|and|ok|:|,|-) )*(?:are|do|did|have) (?:we|you|i)\b|^(?:(?:quick|q|question|btw|hey|hi|so|:|,|-) )*"
    r"(?:is|was) (?:it|this|that|the|our)\b|^(?:what|which|where|how (?:many|much|long|big)) .*\b(?:is|are|do|did|was) (?:we|it|the|our|currently)\b"
)


def asks_what_is(draft: Draft, start: int, end: int) -> bool:
    """Whether a piece is a question about how things are: `are we on cosine or linear right now?`."""
    text = draft.text
    first, last = start, end
    while first > 0 and text.tokens[first - 1].low not in ENDS:
        first -= 1
    while last < len(text) and text.tokens[last].low not in ENDS:
        last += 1
    spoken = " ".join(t.low for t in text.tokens[first:last])
    asked = last < len(text) and text.tokens[last].low == "?"
    return asked and _ASKS_NOW.match(spoken) is not None and not any(text.used[first:last])
