"""Settings whose names are said in pieces: `freeze the first 6 layers`, `update the target every 500 steps`."""

import re
from typing import NamedTuple

from labhand.core.errors import LabhandError
from labhand.interpret import given, vocabulary
from labhand.interpret.clauses import Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of

_EVERY = frozenset("interval period every freq".split())
_GENERIC = frozenset("n size dim rate value max min total steps iters epochs use".split())
"""Parts of names that count only beside another one."""
_ALSO = (
    frozenset(
        "network net model policy training run first last over for only every each past".split()
    )
    | given.UNITS
)


class _Fit(NamedTuple):
    known: Known
    covered: int
    missing: int


def read(draft: Draft) -> None:
    """Takes a number whose clause has every part of one setting's name, in whatever order.

    One part may stand in the clause before: `epsilon end 0.01, decayed over 100k steps`.
    """
    before: frozenset[str] = frozenset()
    for clause in clauses(draft.text):
        words = _words(draft, clause)
        if not any(draft.text.used[clause.start : clause.end]) and words:
            _clause(draft, clause, words, before)
        before = words


def _clause(draft: Draft, clause: Clause, words: frozenset[str], before: frozenset[str]) -> None:
    text = draft.text
    at = next((i for i in range(clause.start, clause.end) if text.amount(i)), None)
    if at is None or text.tokens[at].kind != "number":
        return
    fits = [f for k in draft.text.lexicon.known if (f := _fit(k, words, before)) is not None]
    if not fits:
        return
    best = max(fits, key=lambda f: (-f.missing, f.covered))
    rivals = [f for f in fits if (f.covered, f.missing) == (best.covered, best.missing)]
    if len(rivals) > 1 or best.covered <= _plainly(draft, clause):
        return
    try:
        told = given.numbers(draft, best.known, at, checked=True)
    except LabhandError:
        return
    rest = set(_content(draft, clause)) - _parts(best.known)
    counted = [i for i in range(clause.start, clause.end) if text.tokens[i].kind == "number"]
    if told is None or rest or counted[-1] >= given.past(draft, told[1]):
        return
    end = clause.end
    why = f'"{text.said(clause.start, end)}" names every part of `{best.known.key}`'
    draft.choose(best.known, told[0], why, clause.start, 0.85)
    text.take(clause.start, end)


def _fit(known: Known, words: frozenset[str], before: frozenset[str]) -> _Fit | None:
    """How well a clause covers the name of a setting of numbers; None where it does not."""
    if not given.takes_numbers(known.setting) or known.setting.type in ("bool", "list", "str"):
        return None
    parts = _parts(known)
    content = parts - _GENERIC
    here = content & words
    missing = content - words
    carried = missing <= before and len(missing) == 1 and len(parts & words) > 1
    if not here or (missing and not carried) or len(parts & words) + len(missing) < 2:
        return None
    return _Fit(known, len(parts & words) + len(missing), len(missing))


def _parts(known: Known) -> frozenset[str]:
    atoms = atoms_of(known.setting.name.rpartition(".")[2])
    parts = {_stem(vocabulary.ATOMS.get(a, a)) for a in atoms}
    return frozenset(_stem("every") if p in map(_stem, _EVERY) else p for p in parts)


def _words(draft: Draft, clause: Clause) -> frozenset[str]:
    lows = (t.low for t in draft.text.tokens[clause.start : clause.end] if t.kind != "mark")
    return frozenset(_stem(vocabulary.ATOMS.get(w, w)) for w in lows)


def _content(draft: Draft, clause: Clause) -> list[str]:
    """The stems of the words of a clause that say something, beside its number."""
    tokens = draft.text.tokens[clause.start : clause.end]
    plain = vocabulary.FILLERS | _ALSO
    return [
        _stem(vocabulary.ATOMS.get(t.low, t.low))
        for t in tokens
        if t.kind in ("word", "quoted") and t.low not in plain
    ]


def _plainly(draft: Draft, clause: Clause) -> int:
    """How many parts the longest name has that stands in one piece in the clause."""
    found = [
        draft.text.lexicon.match(draft.text.tokens, i) for i in range(clause.start, clause.end)
    ]
    longest = [len(re.findall(r"[^\W_]+", m.phrase)) for m in found if m is not None and m.known]
    return max(longest, default=0)


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|es|s|e)$", "", word) if len(word) > 4 else word.rstrip("s") or word
