"""What no other reader took: a number, a switch or a name, and the one setting that explains every word beside it.

Each clause that is left is matched with every setting: by the parts of its name, of what owns it, and
the words of its help. A setting is taken only where it explains all words that say something, and
no other explains them as well; else the clause is left, and told as not understood.
"""

import itertools
import re
from typing import NamedTuple

from labhand.core.errors import LabhandError
from labhand.interpret import called, given, values, vocabulary
from labhand.interpret.apart import stem
from labhand.interpret.clauses import JOINTS, Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of

_JOINTS = JOINTS | {"with", "w", "at", "on", "in"}
_PLAIN = vocabulary.FILLERS | frozenset(
    "use using set try run do go make put take have let only also then now first last total max min maximum minimum "
    "number size every each per over after for at in on of to from by up down turn switch enable disable "
    "all both value equal equals w with".split()
)
"""Words that settle nothing about which setting is meant."""
_GENERIC = frozenset(
    map(
        stem,
        "total num n max min size dim value use number count enable the of is do with type name kind rate steps every".split(),
    )
)
"""Parts of a name that are no loss where they are not said."""
_OFF = re.compile(
    r"^(?:(?:but|and|also|please|just|with) )*(?:no|without|skip|disable|dont|do not|never|turn off|switch off|drop|remove|not)(?: (?:any|the|do|use))* "
)
_LEAST = 3
"""Letters that a word and a part of a name must share at least."""
_SHARE = re.compile(r"ratio|frac|share|pct|percent|prop|prob|split|rate|size|drop|dim")


class _Fit(NamedTuple):
    known: Known
    own: int
    left: int


def read(draft: Draft) -> None:
    """Takes the clauses that one setting alone explains."""
    for clause in clauses(draft.text, _JOINTS):
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
    counted = [i for i in range(piece.start, piece.end) if text.tokens[i].kind == "number"]
    words = _words(draft, piece)
    if not words or len(words) > 4:
        return
    if not counted:
        if set(words) - {_stem(w) for w in _PLAIN}:
            _switch(draft, piece, words)
        return
    amount = text.amount(counted[0])
    if amount is None or amount[0].unit in ("x", "s") or len(counted) > 1:
        return
    spoken = [text.low(i) for i in range(piece.start, piece.end)]
    if {"every", "each", "per"} & set(spoken):
        return  # how often something is done is said of what is done, and that is not here
    share = "%" in (amount[0].unit, text.low(amount[1]))
    fits = [
        f
        for k in _free(draft)
        if given.takes_numbers(k.setting) and k.setting.type not in ("bool", "list", "str")
        if not share or _SHARE.search(k.setting.name.lower())
        if (f := _fit(k, words)) is not None
    ]
    best = _best(fits)
    if best is None:
        return
    try:
        told = given.numbers(draft, best.known, counted[0], checked=True)
    except LabhandError:
        return
    if told is not None and len(told[0]) == len(counted):
        _take(draft, piece, best.known, told[0])


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
    refused = _OFF.match(f"{spoken} ") or re.search(r" (?:no|off)$", spoken)
    fits = [f for k in _free(draft) if k.setting.type == "bool" and (f := _fit(k, words))]
    best = _best(fits)
    if best is None:
        return
    on = values.switched(best.known, refused is None)
    if on is not None:
        _take(draft, piece, best.known, [on])


def _take(draft: Draft, piece: Clause, known: Known, found: list[object]) -> None:
    said = draft.text.said(piece.start, piece.end)
    why = f'"{said}": of the settings only `{known.key}` fits these words'
    draft.choose(known, found, why, piece.start, 0.75)
    draft.text.take(piece.start, piece.end)


def _free(draft: Draft) -> list[Known]:
    """The settings that nothing is said of yet, those of flags alone where any of these fits first."""
    taken = {s.known.key for s in draft.said} | set(draft.kept)
    return [k for k in draft.text.lexicon.known if k.key not in taken]


def _words(draft: Draft, piece: Clause) -> list[str]:
    """The stems of the words that say something; so does a plain word that names of settings have."""
    tokens = [t for t in draft.text.tokens[piece.start : piece.end] if t.kind in ("word", "quoted")]
    lows = [t.low for t in tokens if t.low.isalpha() and t.low not in _TURNS]
    names = {
        _stem(a) for k in draft.text.lexicon.known for a in atoms_of(k.setting.name) if len(a) > 3
    }
    kept = [_stem(w) for w in lows if w not in _PLAIN or (_stem(w) in names and w not in _LEADS)]
    return list(dict.fromkeys(kept))


_TURNS = frozenset("no without skip dont not off on never".split())
_LEADS = frozenset("with from make take only just last".split())


def _stem(word: str) -> str:
    return stem(vocabulary.ATOMS.get(word, word))


def _fit(known: Known, words: list[str]) -> _Fit | None:
    """How well a setting explains words; None where it leaves one unexplained, or none is its own."""
    own = [_stem(a) for a in atoms_of(known.setting.name.rpartition(".")[2])]
    more = [_stem(a) for part in known.key.split(".")[:-1] for a in atoms_of(part)]
    told_of = re.split(r"instead of|rather than", known.setting.help.lower())[0]
    help_words = [_stem(w) for w in re.findall(r"[a-z]+", told_of)]
    titles = [stem(w) for w in called.lead(known.setting.help)]
    named = [w for w in words if any(_alike(w, a) for a in own)]
    initials = _initials(words, own)
    named = [w for w in words if w in named or w in initials]
    short = len(titles) <= called.MOST and (len(words) > 1 or len(words[0]) > 4)
    told = [w for w in words if w in titles and short]
    if not named and len(told) < len(words):
        return None
    if all(w in _GENERIC for w in named) and set(own) - set(named) and len(told) < len(words):
        return None
    if any(w not in named and not any(_alike(w, a) for a in (*more, *help_words)) for w in words):
        return None
    said = [a for a in own if any(_alike(w, a) for w in words)]
    left = [a for a in own if a not in said and a not in _GENERIC]
    if named and len(left) > 1 and len(left) > len(said):
        return None
    return _Fit(known, len(named), len(left))


def _initials(words: list[str], own: list[str]) -> set[str]:
    """The words of `horizontal flip` where a name writes the first by its letter: `hflip`."""
    return {
        w for one, other in itertools.pairwise(words) if one[0] + other in own for w in (one, other)
    }


def _alike(word: str, part: str) -> bool:
    """Whether a word is a part of a name, or one is the other cut short: `cond` of `conditional`."""
    if word == part:
        return True
    short, long = sorted((word, part), key=len)
    return (
        len(short) >= _LEAST
        and len(long) > 4
        and long.startswith(short)
        and len(long) > len(short) + 1
    )


def _best(fits: list[_Fit]) -> _Fit | None:
    """The fit that beats all others; None where two are as good."""
    ranked = sorted(fits, key=lambda f: (-f.own, f.left))
    if len(ranked) > 1 and ranked[0][1:] == ranked[1][1:]:
        flags = [f for f in ranked if f[1:] == ranked[0][1:] and f.known.setting.flag]
        return flags[0] if len(flags) == 1 else None
    return ranked[0] if ranked else None
