"""The words of a piece that say which setting is meant, and the settings that nothing is said of yet."""

import re
from collections.abc import Iterable

from labhand.interpret import vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import word

PLAIN = vocabulary.FILLERS | frozenset(
    "use using set try run do go make put take have let only also then now first last total max min maximum minimum "
    "number size every each per over after for at in on of to from by up down turn switch enable disable "
    "all both value equal equals w with".split()
)
"""Words that settle nothing about which setting is meant."""
OLD = re.compile(r"(?:rather than|instead of|not|from|was)(?: the)?$")
"""What a value that shall not be any more follows."""
MOST_WORDS = 5
"""Of a part that names one setting."""
SOFT = frozenset(
    map(
        word,
        "layer layers loss norm network net tower towers model connection connections unit steps iterations epochs batches "
        "characters chars hour hours day days degree degrees word words row rows point points".split(),
    )
)
"""Nouns that often follow a name and say no more than it: the layer of `dense layer`, the loss of `feature loss`."""


def free(draft: Draft) -> list[Known]:
    """The settings that nothing is said of yet."""
    taken = {s.known.key for s in draft.said} | set(draft.kept)
    return [k for k in draft.text.lexicon.known if k.key not in taken]


def said_words(draft: Draft, places: Iterable[int]) -> list[str]:
    """The words at these tokens that say something, as they are compared; so does a plain word that names of settings have."""
    tokens = [t for t in map(draft.text.tokens.__getitem__, places) if t.kind in ("word", "quoted")]
    lows = [t.low for t in tokens if t.low.isalnum() and t.low not in _TURNS]
    names = {
        word(a) for k in draft.text.lexicon.known for a in atoms_of(k.setting.name) if len(a) > 2
    }
    names |= {word(w) for done in draft.text.lexicon.done_every.values() for w in done}
    kept = [word(w) for w in lows if w not in PLAIN or (word(w) in names and w not in _LEADS)]
    spoken = " ".join(t.low for t in tokens)
    kept += [w for pattern, w in _BOUNDS if pattern.search(spoken) and w in names]
    return list(dict.fromkeys(filter(None, kept)))


_BOUNDS = (
    (re.compile(r"\bat least\b|\b(?:and|or) (?:up|more|above|higher)$"), word("min")),
    (
        re.compile(r"\bat most\b|\bno more than\b|\bup to\b|\b(?:and|or) (?:less|fewer|below)$"),
        word("max"),
    ),
)
"""Which end of a range is said."""
_TURNS = frozenset("no without skip dont not off on never".split())
_LEADS = frozenset("with from make take only just last".split())
