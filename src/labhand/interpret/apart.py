"""Settings whose names are said in pieces: `freeze the first 6 layers`, `update the target every 500 steps`."""

import re
from typing import NamedTuple

from labhand.core.errors import LabhandError
from labhand.interpret import called, given, values, vocabulary
from labhand.interpret.clauses import JOINTS, Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.vocabulary import stem

_EVERY = frozenset("interval period every freq".split())
_GENERIC = frozenset("n size dim rate value max min total steps iters epochs use".split())
"""Parts of names that count only beside another one."""
_ALSO = (
    frozenset(
        "network net model policy training run first last over for only every each past of "
        "save log print write dump generate report".split()
    )
    | given.UNITS
)


class _Fit(NamedTuple):
    known: Known
    parts: frozenset[str]
    covered: int
    missing: int


def read(draft: Draft) -> None:
    """Takes a number whose clause has every part of one setting's name, in whatever order.

    One part may stand in the clause before: `epsilon end 0.01, decayed over 100k steps`. A clause of one
    word may put it in the place of another: `6 layers in encoder and decoder`.
    """
    before: frozenset[str] = frozenset()
    last: _Fit | None = None
    for clause in clauses(draft.text, JOINTS | {"with"}):
        words = _words(draft, clause)
        if not any(draft.text.used[clause.start : clause.end]) and words:
            found = _clause(draft, clause, words, before)
            if found is None and last is not None:
                found = _too(draft, clause, last)
            last = found
            _switch(draft, clause)
        before = words


def _too(draft: Draft, clause: Clause, last: _Fit) -> _Fit | None:
    """The setting that one more word gets the same number for; what it is called is else as the last one."""
    said = _content(draft, clause)
    lows = {t.low for t in draft.text.tokens[clause.start : clause.end]}
    if lows & {"leave", "keep", "alone", "same", "unchanged", "stays", "not", "no"}:
        return None
    if len(said) != 1 or any(draft.text.amount(i) for i in range(clause.start, clause.end)):
        return None
    fits = [
        fit
        for known in draft.text.lexicon.known
        if known.key != last.known.key and said[0] in (parts := _parts(known))
        if len(parts - last.parts) == 1 == len(last.parts - parts)
        if (fit := _fit(known, parts, parts, frozenset())) is not None
    ]
    kinds = {fit.known.setting.type for fit in (*fits, last)}
    if len(fits) != 1 or len(kinds) != 1:
        return None
    values_of_last = next(s.values for s in draft.said if s.known.key == last.known.key)
    words = draft.text.said(clause.start, clause.end)
    why = f'"{words}": the same for `{fits[0].known.key}`'
    draft.choose(fits[0].known, values_of_last, why, clause.start, 0.85)
    draft.text.take(clause.start, clause.end)
    return fits[0]


def _clause(
    draft: Draft, clause: Clause, words: frozenset[str], before: frozenset[str]
) -> _Fit | None:
    """The setting whose number a clause gives; None where it gives none."""
    text = draft.text
    at = next((i for i in range(clause.start, clause.end) if text.amount(i)), None)
    if at is None or text.tokens[at].kind != "number":
        return None
    fits = [
        f
        for k in draft.text.lexicon.known
        for parts in {_parts(k), _of_help(k)}
        if (f := _fit(k, parts, words, before)) is not None
    ]
    if not fits:
        return None
    fits = [f for f in fits if _takes(draft, f.known, at)] or fits
    best = max(fits, key=lambda f: (-f.missing, f.covered))
    rivals = {f.known.key for f in fits if (f.covered, f.missing) == (best.covered, best.missing)}
    if len(rivals) > 1 or best.covered <= _plainly(draft, clause):
        return None
    try:
        told = given.numbers(draft, best.known, at, checked=True)
    except LabhandError:
        return None
    rest = set(_content(draft, clause)) - best.parts
    counted = [i for i in range(clause.start, clause.end) if text.tokens[i].kind == "number"]
    if told is None or rest or counted[-1] >= given.past(draft, told[1]):
        return None
    end = clause.end
    start = clause.start
    if best.missing and start > 1:
        start = _rarer(draft, start - 1, best.parts)
    why = f'"{text.said(start, end)}" names every part of `{best.known.key}`'
    draft.choose(best.known, told[0], why, start, 0.85)
    text.take(start, end)
    return best


_OFTEN = re.compile(
    r"(?:^| )(?:more|less|much less|much more|not so|not as)? ?(?:often|frequently|rarely|seldom|infrequently)$"
)


def _rarer(draft: Draft, end: int, parts: frozenset[str]) -> int:
    """Where `print less often` begins that ends before a clause `every 100`, else where that begins."""
    text = draft.text
    found = _OFTEN.search(text.before(end, 5))
    start = end - len(found.group().split()) - 1 if found is not None else -1
    return start if start >= 0 and stem(text.low(start)) in parts else end + 1


def _takes(draft: Draft, known: Known, at: int) -> bool:
    try:
        return given.numbers(draft, known, at, checked=True) is not None
    except LabhandError:
        return False


def _fit(
    known: Known, parts: frozenset[str], words: frozenset[str], before: frozenset[str]
) -> _Fit | None:
    """How well a clause covers these parts of a setting of numbers; None where it does not."""
    if not given.takes_numbers(known.setting) or known.setting.type in ("bool", "list", "str"):
        return None
    content = parts - _GENERIC
    here = content & words
    missing = content - words
    every = stem("every") in words
    carried = missing <= before and len(missing) == 1 and (len(parts & words) > 1 or every)
    if not here or (missing and not carried) or len(parts & words) + len(missing) < 2:
        return None
    return _Fit(known, parts, len(parts & words) + len(missing), len(missing))


_OF_HELP = 3
"""Words that a help text may have before `prob` and its like to be a name in pieces."""


def _of_help(known: Known) -> frozenset[str]:
    """The parts of what the help calls a setting: of `Random erase prob` the first two."""
    plain = called.UNITS | {"of", "the", "a", "in", "first"}
    names = [n for n in called.lead(known.setting.help) if n not in plain]
    parts = frozenset(stem(vocabulary.ATOMS.get(n, n)) for n in names)
    return parts if 1 < len(parts) <= _OF_HELP else frozenset()


_TURNS = re.compile(
    r"^(?:(?:but|also|then|please|now|just|only|a|do|lets|let us|this time) )*(?:(?P<off>turn off|turn of|switch off|disable|no|without|dont|do not|"
    r"stop|skip|drop|remove|not)|(?P<on>turn on|switch on|enable|use|with|do|run|try|set|make it|))(?= |$)"
)


def _switch(draft: Draft, clause: Clause) -> None:
    """Takes a clause that has nothing but the parts of one switch: `track it online`, `no value clipping`."""
    text = draft.text
    if any(text.tokens[i].kind == "number" for i in range(clause.start, clause.end)):
        return
    spoken = [text.tokens[i].low for i in range(clause.start, clause.end)]
    turn = _TURNS.match(" ".join(spoken))
    off = turn is not None and turn["off"] is not None
    lead = turn.group().split() if turn is not None and turn.group() else []
    end = next((i for i, w in enumerate(spoken) if i > len(lead) and w in _REASON), len(spoken))
    inner = Clause(clause.start + len(lead), clause.start + end)
    parts = {p for k in text.lexicon.known if k.setting.type == "bool" for p in _parts(k)}
    named = [
        stem(t.low) for t in text.tokens[inner.start : inner.end] if stem(t.low) in parts - _EMPTY
    ]
    words = list(dict.fromkeys([*_content(draft, inner), *named]))
    fits = [
        k
        for k in text.lexicon.known
        if k.setting.type == "bool" and words and _covers(k, set(words))
    ]
    if len(fits) != 1 or len(set(words)) < 2:
        return
    on = values.switched(fits[0], not off)
    if on is None or _plainly(draft, clause) >= len(words):
        return
    why = f'"{text.said(clause.start, clause.start + end)}" names every part of `{fits[0].key}`'
    draft.choose(fits[0], [on], why, clause.start, 0.8)
    text.take(clause.start, clause.end)


_EMPTY = frozenset(map(stem, "use no with do the of".split()))
_REASON = frozenset("to so because since as for".split())


def _covers(known: Known, words: set[str]) -> bool:
    """Whether words are the name of a switch in pieces, its help's words among them."""
    parts = _parts(known)
    more = {stem(vocabulary.ATOMS.get(w, w)) for w in called.content(known.setting.help)}
    own = {w for w in words if any(p == w or (len(w) > 3 and p.endswith(w)) for p in parts)}
    return bool(own) and words <= own | more and len(own) * 2 >= len(parts)


def _parts(known: Known) -> frozenset[str]:
    atoms = atoms_of(known.setting.name.rpartition(".")[2])
    parts = {stem(vocabulary.ATOMS.get(a, a)) for a in atoms}
    return frozenset(stem("every") if p in map(stem, _EVERY) else p for p in parts)


def _words(draft: Draft, clause: Clause) -> frozenset[str]:
    lows = (t.low for t in draft.text.tokens[clause.start : clause.end] if t.kind != "mark")
    return frozenset(stem(vocabulary.ATOMS.get(w, w)) for w in lows)


def _content(draft: Draft, clause: Clause) -> list[str]:
    """The stems of the words of a clause that say something, beside its number."""
    tokens = draft.text.tokens[clause.start : clause.end]
    plain = vocabulary.FILLERS | _ALSO
    return [
        stem(vocabulary.ATOMS.get(t.low, t.low))
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
