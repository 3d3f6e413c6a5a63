"""How well a setting explains words that are said, in whatever order: one score for all evidence there is.

Evidence is what the setting is called, what owns it, what its help says, what the field calls it, and what
the code does every so many steps. A word weighs the more the fewer settings it speaks for; a
word that speaks for none weighs most, so that a clause about something else fits nothing.
"""

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from labhand.interpret import called, vocabulary
from labhand.interpret.lexicon import Known, Lexicon, atoms_of
from labhand.interpret.vocabulary import stem

LEAST = 0.62
"""Of a score that is good enough, from 0 to 1."""
MARGIN = 0.08
"""By which the best must beat all others."""
_NAME, _LEAD, _FIELD, _OWNER, _HELP = 1.0, 0.85, 0.75, 0.7, 0.55
_LESS = 0.7
"""What a word that only stands for another is worth where a setting has that very word."""
_GENERIC = frozenset(
    map(stem, "total num n max min size dim value use number count enable the of is do with type name kind rate steps every in at to".split())
)  # fmt: skip
"""Parts of a name that are no loss where they are not said."""
_NOUNS = frozenset(
    map(stem, "policy model net network training train loss layer run mode learning flag".split())
)
"""What a switch is of: no part of what it does."""
_EVERY = re.compile(r"every|interval|freq|period|how often|after which|between|^each")
_SAME: dict[str, set[int]] = {}
for _place, _group in enumerate(vocabulary.alike()):
    for _word in _group:
        _SAME.setdefault(stem(vocabulary.ATOMS.get(_word, _word)), set()).add(_place)
"""The groups of words that often stand for each other, by the compared form of each word."""


_BRITISH = re.compile(r"(?<![aorc])is(e[ds]?|ing|ation|ers?)$")


class Fit(NamedTuple):
    """A setting and how well it explains the words: from 0 to 1, with the words that its name has; `whole`: they name all of it.

    `plain`: the words that it has itself, not by others that stand for them.
    """

    known: Known
    score: float
    own: frozenset[str]
    whole: bool = False
    plain: frozenset[str] = frozenset()


def word(low: str) -> str:
    """The form in which words are compared, however British they are spelled."""
    low = _BRITISH.sub(r"iz\1", low) if len(low) > 6 else low
    for form in (
        low,
        low.removesuffix("d"),
        low.removesuffix("s"),
        low.removesuffix("ed"),
        low.removesuffix("ing"),
    ):
        if form in vocabulary.ATOMS:
            return stem(vocabulary.ATOMS[form])
    return stem(low)


class Likeness:
    """The evidence of all settings of one script, and what words weigh among them."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._evidence = [(k, _evidence(k, lexicon)) for k in lexicon.known]
        self._letters = _letters(lexicon.known)
        self._weights: dict[str, float] = {}
        self._named: dict[str, bool] = {}

    def ranked(
        self, words: Sequence[str], among: Iterable[Known], *, every: bool = False
    ) -> list[Fit]:
        """The settings that explain any of the words, the best first; `every`: those that are an interval."""
        words = [w for w in words if w]
        allowed = {id(k) for k in among}
        found = []
        for known, evidence in self._evidence:
            if id(known) in allowed and (not every or self.is_interval(known)):
                fit = self._fit(known, evidence, words, every)
                if fit is not None:
                    found.append(fit)
        return sorted(found, key=lambda f: -f.score)

    def is_interval(self, known: Known) -> bool:
        """Whether a setting says every how many steps something is done."""
        name = known.setting.name.rpartition(".")[2]
        if known.setting.type not in ("int", None):
            return False
        if known.concept is not None and known.concept.id.endswith("interval"):
            return True
        told = _EVERY.search(f"{name} {known.setting.help}".lower())
        return told is not None or name in self._lexicon.done_every

    def speaks(self, said: str, known: Known) -> bool:
        """Whether a word, in its compared form, is evidence for a setting at all."""
        evidence = next((e for k, e in self._evidence if k.key == known.key), {})
        letters = self._letters.get(known.key, frozenset())
        return _strength(said, evidence) > 0 or (len(said) > 3 and said[0] in letters)

    def names(self, said: str) -> bool:
        """Whether a word, in its compared form, is evidence itself for any setting."""
        return any(_itself(said, evidence) >= _HELP for _, evidence in self._evidence)

    def _fit(
        self, known: Known, evidence: dict[str, float], words: Sequence[str], every: bool
    ) -> Fit | None:
        told = {w: self._told(w, evidence) for w in words}
        own_words = [a for a, s in evidence.items() if s == _NAME]
        initials = _initials(words, own_words, known.concept is None)
        initials |= _glued(words, own_words)
        told |= dict.fromkeys(initials, _NAME)
        letters = self._letters.get(known.key, frozenset())
        short = {w for w in words if len(w) > 3 and w[0] in letters and not told[w]}
        told |= dict.fromkeys(short, _LEAD)
        initials |= short
        if not any(told.values()):
            return None
        whole = sum(self._weight(w) for w in words)
        explained = sum(self._weight(w) * s for w, s in told.items()) / whole
        own = frozenset(w for w, s in told.items() if s >= _NAME * 0.75)
        if every:  # that it is an interval says most already
            return Fit(known, round(0.3 + 0.7 * explained, 4), own)
        covered = _covered(known, words, initials)
        named = [word(a) for a in atoms_of(known.key.rpartition(".")[2])]
        firm = [n for n in named if n not in _GENERIC | _NOUNS]
        whole_name = covered > 0.99 or (bool(firm) and _share(firm, words, False) > 0.99)
        plain = initials | {w for w in words if _itself(w, evidence) >= _FIELD}
        score = round(explained * (0.45 + 0.55 * covered), 4)
        return Fit(known, score, own, whole_name, frozenset(plain))

    def _told(self, said: str, evidence: dict[str, float]) -> float:
        """How strongly a setting speaks for a word; where another has the very word in its name, likeness to it says less."""
        if said not in self._named:
            self._named[said] = any(_itself(said, e) >= _LEAD for _, e in self._evidence)
        own, any_ = _itself(said, evidence), _strength(said, evidence)
        return any_ if own == any_ or not self._named[said] else max(own, any_ * _LESS)

    def by_help(
        self, words: Sequence[str], plain: Sequence[str], among: Iterable[Known]
    ) -> Known | None:
        """The one setting whose name and help have all of the words, and most of the plain ones beside them."""
        allowed = {id(k) for k in among}
        found = [
            (sum(_strength(w, evidence) > 0 for w in plain) + _counted(words, known), known)
            for known, evidence in self._evidence
            if id(known) in allowed and any(_itself(w, evidence) > 0 for w in words)
            if all(_strength(w, evidence) > 0 for w in words)
        ]
        most = max((count for count, _ in found), default=0)
        foremost = [known for count, known in found if count == most]
        return foremost[0] if len(foremost) == 1 else None

    def _weight(self, said: str) -> float:
        if said not in self._weights:
            speak = sum(_strength(said, e) >= _HELP for _, e in self._evidence)
            count = len(self._evidence) + 1
            self._weights[said] = max(0.3, math.log((count + 1) / (speak + 0.5)))
        return self._weights[said]


def _letters(known: Iterable[Known]) -> dict[str, frozenset[str]]:
    """The letters of a name that stand for words, by its key: `g` and `d` of `lr_g` beside `lr_d`."""
    shapes: dict[tuple[str, ...], set[str]] = {}
    split = {k.key: atoms_of(k.key.rpartition(".")[2]) for k in known}
    for atoms in split.values():
        for place, atom in enumerate(atoms):
            if len(atom) == 1 and len(atoms) > 1 and atom.isalpha():
                shapes.setdefault((*atoms[:place], "", *atoms[place + 1 :]), set()).add(atom)
    return {
        key: frozenset(
            a for i, a in enumerate(atoms)
            if len(shapes.get((*atoms[:i], "", *atoms[i + 1 :]), ())) > 1 and len(a) == 1
        )
        for key, atoms in split.items()
    }  # fmt: skip


def _evidence(known: Known, lexicon: Lexicon) -> dict[str, float]:
    """What speaks for a setting: words in their compared form, each with how strongly."""
    found: dict[str, float] = {}

    def enter(lows: Iterable[str], strength: float) -> None:
        for low in lows:
            form = word(low)
            found[form] = max(found.get(form, 0.0), strength)

    *above, last = known.key.split(".")
    enter(atoms_of(last), _NAME)
    enter((a for part in above for a in atoms_of(part)), _OWNER)
    if re.fullmatch(r"(?:c|w|lam)_[a-z]+", last) and known.setting.type in ("int", "float"):
        enter(("weight", "coef"), _LEAD)  # `c_mel` is the coefficient of a loss
    told = re.split(r"instead of|rather than|\bwithout\b", known.setting.help.lower())[0]
    spoken = re.findall(r"[a-z]+", told)
    enter(spoken, _HELP)
    enter((a + b for a, b in itertools.pairwise(spoken[:6])), _LEAD)
    enter(called.lead(known.setting.help)[: called.MOST], _LEAD)
    if known.concept is not None:
        spoken = [p.split() for p in known.concept.phrases]
        enter((w for words in spoken if len(words) < 3 for w in words), _FIELD)
    enter(lexicon.done_every.get(known.setting.name.rpartition(".")[2], ()), _FIELD)
    return found


def _itself(said: str, evidence: dict[str, float]) -> float:
    """How strongly evidence speaks for a word that has the very word in it, whole or cut short."""
    cut = (strength * 0.9 for part, strength in evidence.items() if _cut(said, part))
    return max(evidence.get(said, 0.0), max(cut, default=0.0))


def _strength(said: str, evidence: dict[str, float]) -> float:
    """How strongly the best piece of evidence speaks for a word, by itself or by a word that stands for it."""
    groups = _SAME.get(said, set())
    alike = (
        strength * 0.8
        for part, strength in evidence.items()
        if not groups.isdisjoint(_SAME.get(part, ()))
    )
    return max(_itself(said, evidence), max(alike, default=0.0) if groups else 0.0)


def _cut(one: str, other: str) -> bool:
    """Whether one word is the other cut short: `cond` of `conditional`."""
    short, long = sorted((one, other), key=len)
    return (
        len(short) >= 3
        and len(long) > 4
        and long.startswith(short)
        and (len(long) > len(short) + 1 or len(short) > 5)
    )


def _covered(known: Known, words: Sequence[str], initials: set[str]) -> float:
    """The share of a setting's own name, or of what its help calls it, that is said."""
    named = [word(a) for a in atoms_of(known.key.rpartition(".")[2])]
    titles = [word(t) for t in called.lead(known.setting.help)]
    shares = [_share(named, words, len(initials) > 1)]
    if 0 < len(titles) <= called.MOST:
        shares.append(0.9 * max(_share(titles, words, False), _of_head(titles, words)))
    if known.concept is not None:
        phrases = [[word(w) for w in p.split()] for p in known.concept.phrases]
        shares += [0.9 * _share(p, words, False) for p in phrases if len(p) > 1]
    return max(shares)


def _of_head(titles: list[str], words: Sequence[str]) -> float:
    """What the last word of a title alone is worth: `temperature` of "entropy temperature"."""
    return 0.67 if _share(titles[-1:], words, False) and titles[-1] not in _GENERIC else 0.0


def _share(parts: list[str], words: Sequence[str], abbreviated: bool) -> float:
    weights = [0.25 if p in _GENERIC else 1.0 for p in parts]
    said = [
        abbreviated or any(_strength(w, {p: 1.0}) or (len(p) == 1 and w[0] == p) for w in words)
        for p in parts
    ]
    return sum(w for w, s in zip(weights, said, strict=True) if s) / sum(weights) if parts else 0.0


def _initials(words: Sequence[str], own: list[str], both: bool) -> set[str]:
    """The words of `horizontal flip` where a name writes the first by its letter, `hflip`, or `both`: `hf`."""
    return {
        w for one, other in itertools.pairwise(words)
        if one[0] + other in own or (both and len(one) > 3 < len(other) and one[0] + other[0] in own)
        for w in (one, other)
    }  # fmt: skip


def _counted(words: Sequence[str], known: Known) -> int:
    """How many of the words a help text counts: the questions of "score only the first N questions"."""
    told = re.findall(
        r"\b(?:n|k|many|number of|first|maximum|max)(?: \w+)? (\w+)", known.setting.help.lower()
    )
    return len({word(t) for t in told} & {*words})


def _glued(words: Sequence[str], own: list[str]) -> set[str]:
    """The words that a name writes as one: `dropedge` of `drop 20% of the edges`."""
    return {
        w for one, other in itertools.permutations(words, 2) if one + other in own for w in (one, other)
    }  # fmt: skip


def best(fits: Sequence[Fit], least: float = LEAST) -> Fit | None:
    """The fit that is good enough and beats all others; None where two are nearly as good.

    Of those that are as good, the only one that is a flag is meant.
    """
    if not fits or fits[0].score < least:
        return None
    rivals = [f for f in fits if f.score > fits[0].score - MARGIN]
    if len(rivals) == 1:
        return rivals[0]
    flags = [f for f in rivals if f.known.setting.flag]
    return flags[0] if len(flags) == 1 else None
