"""How far data reach in time: `predict two weeks`, `48 hours of context`. No such time is a budget."""

import re

from labhand.core.errors import LabhandError
from labhand.interpret import beside, values
from labhand.interpret.clauses import Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import best, word
from labhand.interpret.text import TIME_WORDS
from labhand.interpret.words import whole

_LENGTHS = frozenset("epochs steps episodes trees tokens patience".split())
"""What a time for is a budget of."""
_BOUNDS = frozenset("max min total limit least most".split())
_MOST_BETWEEN = 6
"""Tokens between a time and the same in other words: `two weeks, i.e. 336 hours`."""


def read(draft: Draft, start: int, seconds: float, end: int, unit: str) -> bool:
    """Takes a time for the setting that the other words of its clause mean; `end` is past its unit, said so."""
    text = draft.text
    clause = next(c for c in clauses(text) if c.start <= start < c.end)
    words = _beside(draft, clause, start, end, unit)
    allowed = [
        k for k in beside.free(draft)
        if k.setting.type in ("int", "float") and (k.concept is None or k.concept.id not in _LENGTHS)
    ]  # fmt: skip
    fit = best(draft.likeness.ranked(words, allowed)) if words else None
    named = _named(draft, clause)
    known = named or (fit.known if fit is not None and fit.own - _BOUNDS else None)
    if known is None or (text.low(start - 1) == "every" and not _is_interval(draft, known)):
        return False
    number, last = _counted(draft, known, seconds, end, unit)
    try:
        value = values.fitted_number(known, whole(number))
    except LabhandError:
        return False
    from_here = text.low(start - 1) == "from"
    first = start - 1 if from_here else clause.start
    further = next((i for i in range(end, clause.end) if text.low(i) == "from"), clause.end)
    last = max(last, further)
    draft.choose(known, [value], f'"{text.said(first, last)}"', start, 0.85)
    text.take(first, last)
    return True


def _is_interval(draft: Draft, known: Known) -> bool:
    """Whether a setting says how far apart things are, as `every` does."""
    apart = re.search(r"stride|every|interval|step|period|freq", known.setting.name.lower())
    return apart is not None or draft.likeness.is_interval(known)


def _named(draft: Draft, clause: Clause) -> Known | None:
    """The setting of what is seen or foretold that a clause names: `look back two weeks`."""
    text = draft.text
    found = (
        text.lexicon.match(text.tokens, i) for i in range(clause.start, clause.end) if text.low(i)
    )
    spans = [m.known[0] for m in found if m and m.known and m.concept and m.concept.id in _SPANS]
    return spans[0] if len(spans) == 1 else None


_SPANS = ("context", "horizon")


def _beside(draft: Draft, clause: Clause, start: int, end: int, said: str) -> list[str]:
    """The words that a time belongs to, up to the next time; `from one week` tells how much is seen."""
    text = draft.text
    if text.low(start - 1) == "from":
        return ["context"]
    outside = [
        i for i in range(clause.start, clause.end)
        if not start <= i < end and not text.used[i] and text.low(i) not in TIME_WORDS
    ]  # fmt: skip
    unit = {word(said), word(f"{said}s"), *(word(n) for n in _UNITS.get(TIME_WORDS[said], ()))}
    timed = any(unit & {word(a) for a in atoms_of(k.setting.name)} for k in text.lexicon.known)
    last = min((i for i in outside if i >= end and text.amount(i) is not None), default=len(text))
    words = beside.said_words(draft, [i for i in outside if i < last])
    return (
        [*words, *unit] if timed and words else words
    )  # `max_seconds` is of clips up to 20 seconds


_UNITS = {1.0: ("second", "sec"), 60.0: ("minute", "min"), 3600.0: ("hour", "hr")}
"""What units of time are called in names."""


def _counted(draft: Draft, known: Known, seconds: float, end: int, said: str) -> tuple[float, int]:
    """A time in what the setting counts, and where it ends.

    Its help tells that, or the same time in other words: `two weeks, i.e. 336 hours`; else it is asked.
    """
    text = draft.text
    help_words = re.findall(r"[a-z]{3,}", known.setting.help.lower())
    help_words += [a for a in atoms_of(known.setting.name) if len(a) > 2]
    told = [TIME_WORDS[w] for w in help_words if w in TIME_WORDS]
    for at in range(end, min(end + _MOST_BETWEEN, len(text))):
        again = text.amount(at)
        other = TIME_WORDS.get(text.low(again[1])) if again is not None else None
        if again is not None and other and again[0].value * other == seconds:
            end = text.skip(again[1] + 1, (")",), 1)
            told = told or [other]
            break
    if told:
        return seconds / told[0], end
    day = TIME_WORDS["day"]
    hourly = isinstance(known.setting.default, int) and known.setting.default % 24 == 0
    each = TIME_WORDS["hour"] if hourly else day
    if TIME_WORDS[said] != each:
        options = [whole(seconds / TIME_WORDS["hour"]), whole(seconds / day)]
        question = f"Does `{known.key}` count hours ({options[0]}) or days ({options[1]})?"
        draft.doubt(question, options, whole(seconds / each), 0.3)
    return seconds / each, end
