"""How far data reach in time: `predict two weeks`, `48 hours of context`. No such time is a budget."""

from labhand.core.errors import LabhandError
from labhand.interpret import assembly, values
from labhand.interpret.clauses import clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known
from labhand.interpret.likeness import best
from labhand.interpret.text import TIME_WORDS

_LENGTHS = frozenset("epochs steps episodes trees tokens patience".split())
"""What a time for is a budget of."""
_BOUNDS = frozenset("max min total limit least most".split())
_MOST_BETWEEN = 6
"""Tokens between a time and the same in other words: `two weeks, i.e. 336 hours`."""


def read(draft: Draft, start: int, count: float, end: int) -> bool:
    """Takes a time for the setting that the other words of its clause mean; `end` is past its unit."""
    text = draft.text
    clause = next(c for c in clauses(text) if c.start <= start < c.end)
    outside = [
        i for i in range(clause.start, clause.end)
        if not start <= i < end and not text.used[i] and text.low(i) not in TIME_WORDS
    ]  # fmt: skip
    words = assembly.said_words(draft, outside)
    whole = [
        k for k in assembly.free(draft)
        if k.setting.type == "int" and (k.concept is None or k.concept.id not in _LENGTHS)
    ]  # fmt: skip
    fit = best(draft.likeness.ranked(words, whole)) if words else None
    if fit is None or not fit.own - _BOUNDS:
        return False
    unit = TIME_WORDS[text.low(end - 1)]
    number, last = _counted(draft, fit.known, count, unit, end)
    try:
        value = values.fitted_number(fit.known, number)
    except LabhandError:
        return False
    draft.choose(fit.known, [value], f'"{text.said(clause.start, last)}"', start, 0.85)
    text.take(clause.start, max(last, clause.end))
    return True


def _counted(draft: Draft, known: Known, count: float, unit: float, end: int) -> tuple[float, int]:
    """The time in what the setting counts, and where it ends: as its help or the same time in other words tells."""
    text = draft.text
    for at in range(end, min(end + _MOST_BETWEEN, len(text))):
        again = text.amount(at)
        other = TIME_WORDS.get(text.low(again[1])) if again is not None else None
        if again is not None and other and again[0].value * other == count * unit:
            close = text.skip(again[1] + 1, (")",), 1)
            return again[0].value, close
    told = [
        TIME_WORDS[w] for w in known.setting.help.lower().split() if w in TIME_WORDS and len(w) > 2
    ]
    parts = count * unit / told[0] if told else count
    return (parts if parts == int(parts) else count), end
