"""What no other reader took: a number, a switch or a name, and the one setting that explains the words beside it.

Each clause that is left is matched with every setting, whatever the order of its words. A setting is
taken only where it explains them well and no other nearly as well; else the clause is left, and told
as not understood.
"""

import re

from labhand.core.errors import LabhandError
from labhand.interpret import given, values, vocabulary
from labhand.interpret.clauses import JOINTS, Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import Fit, best, word

_INNER = frozenset("with w at on in for".split())
_PLAIN = vocabulary.FILLERS | frozenset(
    "use using set try run do go make put take have let only also then now first last total max min maximum minimum "
    "number size every each per over after for at in on of to from by up down turn switch enable disable "
    "all both value equal equals w with".split()
)
"""Words that settle nothing about which setting is meant."""
_OFF = re.compile(
    r"^(?:(?:but|and|also|please|just|with) )*(?:no|without|skip|disable|dont|do not|never|turn off|switch off|drop|remove|not)(?: (?:any|the|do|use))* "
)
_SHARE = re.compile(r"ratio|frac|share|pct|percent|prop|prob|split|rate|size|drop|dim")
_OLD = re.compile(r"(?:rather than|instead of|not|from|was)(?: the)?$")
"""What a value that shall not be any more follows."""
_VERBS = frozenset(
    map(
        word,
        "freeze unfreeze tie untie save load skip normalize center resume compile share drop clip".split(),
    )
)
"""What a switch does must be said: `embeddings` alone does not freeze them."""
_MOST_WORDS = 5
"""Of a piece that names one setting."""


def read(draft: Draft) -> None:
    """Takes the clauses that one setting alone explains, whole or in the pieces that `with` and `at` part."""
    for joints in (JOINTS, JOINTS | _INNER):
        for clause in clauses(draft.text, joints):
            at = clause.start
            while at < clause.end:
                if draft.text.used[at]:
                    at += 1
                    continue
                end = at
                while end < clause.end and not draft.text.used[end]:
                    end += 1
                _piece(draft, Clause(at, end))
                at = end


def _piece(draft: Draft, piece: Clause) -> None:
    text = draft.text
    if _written_to(draft, piece):
        return
    counted = [
        i
        for i in range(piece.start, piece.end)
        if text.tokens[i].kind == "number" and not _OLD.search(text.before(i))
    ]
    words = said_words(draft, piece)
    if not words or len(words) > _MOST_WORDS:
        return
    if not counted:
        _switch(draft, piece, words)
        return
    amount = text.amount(counted[0])
    if amount is None or amount[0].unit in ("x", "s") or len(counted) > 1:
        return
    spoken = {text.low(i) for i in range(piece.start, piece.end)}
    if {"every", "each", "per"} & spoken:
        return  # how often something is done is read by `often`
    share = "%" in (amount[0].unit, text.low(amount[1]))
    found = of_number(draft, words, amount[0].value, share)
    if found is None:
        return
    try:
        told = given.numbers(draft, found.known, counted[0], checked=True)
    except LabhandError:
        return
    if told is not None and len(told[0]) == len(counted):
        _take(draft, piece, found.known, told[0])


def of_number(draft: Draft, words: list[str], value: float, share: bool) -> Fit | None:
    """The setting of numbers that words mean, of which the value is not far from all sense."""
    fits = draft.likeness.ranked(words, [
        k for k in free(draft)
        if given.takes_numbers(k.setting) and k.setting.type not in ("bool", "list", "str")
        if not share or _SHARE.search(k.setting.name.lower())
    ])  # fmt: skip
    return best([f for f in fits if f.own and values.plausible(f.known, value)])


_WRITES = re.compile(r"\b(?:save|write|log|output|store|dump|checkpoint)\w*\b[^;.]*$")


def _written_to(draft: Draft, piece: Clause) -> bool:
    """Takes the folder of `save every 500 steps to out/ner`."""
    text = draft.text
    said = text.said(piece.start + 1, piece.end)
    if text.low(piece.start) not in ("to", "into", "in", "under") or not re.fullmatch(
        r"[\w.~-]*/[\w./~-]+", said
    ):
        return False
    places = text.lexicon.of_concept("output")
    if len(places) != 1 or not _WRITES.search(text.whole_before(piece.start)):
        return False
    if places[0].key in {s.known.key for s in draft.said}:
        return False
    _take(draft, piece, places[0], [said])
    return True


def _switch(draft: Draft, piece: Clause, words: list[str]) -> None:
    """Takes `no progress bar` and `class conditional`: a switch whose words these are."""
    spoken = " ".join(t.low for t in draft.text.tokens[piece.start : piece.end])
    if draft.text.tokens[piece.start].low in ("swap", "replace", "exchange"):
        return  # what stands there now is no wish
    refused = _OFF.match(f"{spoken} ") or re.search(r" (?:no|off)$", spoken)
    found = best(draft.likeness.ranked(words, [k for k in free(draft) if k.setting.type == "bool"]))
    plain = {word(w) for w in _PLAIN}
    if found is not None and {word(a) for a in atoms_of(found.known.setting.name)} & _VERBS - set(
        words
    ):
        return
    if found is None or not found.own or (not refused and not set(words) - plain):
        return
    on = values.switched(found.known, refused is None)
    if on is not None:
        _take(draft, piece, found.known, [on])


def _take(draft: Draft, piece: Clause, known: Known, found: list[object]) -> None:
    said = draft.text.said(piece.start, piece.end)
    why = f'"{said}": of the settings only `{known.key}` fits these words'
    draft.choose(known, found, why, piece.start, 0.75)
    draft.text.take(piece.start, piece.end)


def free(draft: Draft) -> list[Known]:
    """The settings that nothing is said of yet."""
    taken = {s.known.key for s in draft.said} | set(draft.kept)
    return [k for k in draft.text.lexicon.known if k.key not in taken]


def said_words(draft: Draft, piece: Clause) -> list[str]:
    """The words that say something, as they are compared; so does a plain word that names of settings have."""
    tokens = [t for t in draft.text.tokens[piece.start : piece.end] if t.kind in ("word", "quoted")]
    lows = [t.low for t in tokens if t.low.isalnum() and t.low not in _TURNS]
    names = {
        word(a) for k in draft.text.lexicon.known for a in atoms_of(k.setting.name) if len(a) > 2
    }
    names |= {word(w) for done in draft.text.lexicon.done_every.values() for w in done}
    kept = [word(w) for w in lows if w not in _PLAIN or (word(w) in names and w not in _LEADS)]
    return list(dict.fromkeys(kept))


_TURNS = frozenset("no without skip dont not off on never".split())
_LEADS = frozenset("with from make take only just last".split())
