"""What no other reader took, in whatever order it stands: values, and the settings that explain the words beside them.

Each clause that is left is cut into parts of one value each: numbers, a change, an option, a switch. A part
is matched with every setting that takes such a value. A clause is understood only where one way to cut
and match it explains all of its words, and no other way does nearly as well; else it is left, and told as
not understood.
"""

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

from labhand.core.errors import LabhandError
from labhand.interpret import given, relative, values, vocabulary
from labhand.interpret.clauses import JOINTS, Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import MARGIN, Fit, best, word
from labhand.interpret.options import options_of, same
from labhand.interpret.text import SEPARATORS, Amount, Text
from labhand.kit.values import read as read_value

_INNER = frozenset("with w at on in for".split())
_PLAIN = vocabulary.FILLERS | frozenset(
    "use using set try run do go make put take have let only also then now first last total max min maximum minimum "
    "number size every each per over after for at in on of to from by up down turn switch enable disable "
    "all both value equal equals w with".split()
)
"""Words that settle nothing about which setting is meant."""
_OFF = re.compile(
    r"^(?:(?:but|and|also|please|just|with) )*(?:no|without|skip|disable|dont|do not|never|turn off|switch off|drop|remove|leave out|ignore|not)(?: (?:any|the|do|use))* "
)
_SHARE = re.compile(
    r"ratio|frac|share|pct|percent|prop|prob|split|rate|size|drop|dim|p_|subsample|gray|noise"
)
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
"""Of a part that names one setting."""
_MOST_PARTS = 3
_MORE = {"more": 1, "extra": 1, "additional": 1, "further": 1, "fewer": -1, "less": -1}
_DOWN = frozenset(relative.DOWN.split("|")) | frozenset(
    "reduce decrease lower cut shrink divide down".split()
)
_WAYS = frozenset(
    map(
        word,
        [
            *_DOWN,
            *relative.UP.split("|"),
            *"increase raise bump grow up multiply scale as times".split(),
        ],
    )
)
"""Words of a change that say which way it goes."""


class Value(NamedTuple):
    """What a part of a clause says beside words: its tokens, and numbers or a change of what is now."""

    start: int
    end: int
    amounts: tuple[Amount, ...] = ()
    factor: float = 1.0
    plus: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether it is relative to the present value."""
        return not self.amounts


class Part(NamedTuple):
    """One value of a clause and the setting that explains the words around it. `falls`: they make less of it."""

    value: Value
    fit: Fit
    falls: bool
    words: tuple[str, ...]


def read(draft: Draft) -> None:
    """Takes the clauses that settings explain, whole or in the pieces that `with` and `at` part."""
    for joints in (JOINTS, JOINTS | _INNER):
        for piece in _pieces(draft, joints):
            _piece(draft, piece)


def _pieces(draft: Draft, joints: frozenset[str]) -> list[Clause]:
    """The runs of tokens that nobody owns; a bare number belongs to the list beside it."""
    text, found = draft.text, list[Clause]()
    for clause in clauses(text, joints):
        at = clause.start
        for used, run in itertools.groupby(text.used[clause.start : clause.end]):
            end = at + len(list(run))
            piece = Clause(at, end)
            if not used and found and _goes_on(draft, found[-1], piece):
                found[-1] = Clause(found[-1].start, end)
            elif not used:
                found.append(piece)
            at = end
    return found


def _goes_on(draft: Draft, before: Clause, piece: Clause) -> bool:
    """Whether two pieces are one list of numbers: `horizon 12, 24`, `5 or 10 neighbours`."""
    text = draft.text
    between = [text.low(i) for i in range(before.end, piece.start)]
    if not all(low in SEPARATORS for low in between) or not _ends_in_number(text, before):
        return False
    alone = [_only_numbers(text, before), _only_numbers(text, piece)]
    return text.amount(piece.start) is not None and any(alone)


def _piece(draft: Draft, piece: Clause) -> None:
    if _written_to(draft, piece):
        return
    said = _values(draft, piece)
    if said is None or len(said) > _MOST_PARTS:
        return
    if not said:
        if not _option(draft, piece):
            _switch(draft, piece)
        return
    parts = _assembled(draft, piece, said)
    for part in parts:
        _set(draft, part, draft.text.said(piece.start, piece.end))
    if parts:
        draft.text.take(piece.start, piece.end)


def _ends_in_number(text: Text, piece: Clause) -> bool:
    return any(
        (found := text.amount(at)) is not None and found[1] == piece.end
        for at in range(max(piece.start, piece.end - 2), piece.end)
    )


def _only_numbers(text: Text, piece: Clause) -> bool:
    at = piece.start
    while (found := text.amount(at)) is not None and at < piece.end:
        at = text.skip(found[1], SEPARATORS, 2)
    return at >= piece.end


def _values(draft: Draft, piece: Clause) -> list[Value] | None:
    """The values of a piece in order; None where it has one that no setting is for, as a duration."""
    text, found, at = draft.text, list[Value](), piece.start
    while at < piece.end:
        amount = text.amount(at)
        if text.tokens[at].kind == "number" and amount is not None and amount[0].unit == "s":
            return None
        value = _change(draft, at, piece.end) or _numbers(draft, at, piece.end)
        if value is not None and not _OLD.search(text.before(at)):
            found.append(value)
        at = value.end if value is not None else at + 1
    return found


_PART_OF = re.compile(
    r"^(?:a )?(half|third|quarter|tenth)(?: of)? the (?:time|data|dataset|images|rows|batches)\b"
)
"""A share, and no multiple of what is now."""
_TIMES = re.compile(
    r"^(?:as (?:many|much|large|big|wide|deep|long|high)|the|more|less|fewer|larger|smaller|bigger)\b"
)


def _change(draft: Draft, at: int, last: int) -> Value | None:
    """`half`, `2x`, `3 times as many`, `two more`, `one layer less`: a change of what is now."""
    text = draft.text
    part = _PART_OF.match(text.after(at, 5))
    if part is not None:
        share = relative.FRACTIONS[part[1]]
        return Value(at, at + len(part.group().split()), (Amount(share, "", "half"),))
    word = relative.FRACTIONS.get(text.low(at))
    if word is not None:
        ordinal = text.low(at) in ("third", "fourth", "fifth", "tenth", "quarter")
        if ordinal and text.low(at - 1) not in ("a", "one", "1"):
            return None
        return Value(at, at + 1, factor=word)
    amount = text.amount(at)
    if amount is None:
        return None
    number, end = amount
    if number.unit == "x":
        return Value(at, end, factor=number.value) if number.value > 0 else None
    if text.low(end) == "times" and _TIMES.match(text.after(end + 1)) and number.value > 0:
        return Value(at, end + 1, factor=number.value)
    ways = [_MORE.get(text.low(end)), _MORE.get(text.low(last - 1)) if last - end > 1 else None]
    way = ways[0] or ways[1]
    if not way or number.unit or ("or" in (text.low(end - 2), text.low(last - 2))):
        return None
    return Value(at, end + bool(ways[0]), plus=way * number.value)


def _numbers(draft: Draft, at: int, end: int) -> Value | None:
    """A number, or several that separators join."""
    text, amounts, start, last = draft.text, list[Amount](), at, at
    while at < end and (found := text.amount(at)) is not None and text.low(at) != "one":
        if found[0].unit not in ("", "%", "m"):
            break
        amounts.append(found[0])
        last = found[1]
        at = text.skip(last, SEPARATORS, 2)
    return Value(start, last, tuple(amounts)) if amounts else None


def _assembled(draft: Draft, piece: Clause, said: list[Value]) -> list[Part]:
    """The parts of a piece by the best way to cut it; none where it explains too little, or another does as well."""
    ways: list[tuple[float, list[Part]]] = []
    for cuts in itertools.product(*(_cuts(draft, a, b) for a, b in itertools.pairwise(said))):
        ends = [piece.start, *cuts, piece.end]
        carried, parts = _led(draft, piece), list[Part]()
        for value, (start, end) in zip(said, itertools.pairwise(ends), strict=True):
            part = _part(draft, Clause(start, end), value, carried)
            if part is None or any(part.fit.known.key == p.fit.known.key for p in parts):
                break
            parts.append(part)
            carried = part.words
        if len(parts) == len(said):
            ways.append((sum(p.fit.score for p in parts) / len(parts), parts))
    if not ways:
        return []
    score, chosen = max(ways, key=lambda way: way[0])
    keys = [p.fit.known.key for p in chosen]
    rival = any([p.fit.known.key for p in w] != keys and s > score - MARGIN for s, w in ways)
    return [] if rival else chosen


def _led(draft: Draft, piece: Clause) -> tuple[str, ...]:
    """The words right before a piece that goes on with `of`: of `1024 codes of size 32` the codes."""
    text = draft.text
    if not piece.start:
        return ()
    if text.tokens[piece.start - 1].low in (",", "and") and text.used[piece.start - 2]:
        said = [s for s in draft.said if s.start < piece.start]
        head = atoms_of(max(said, key=lambda s: s.start).known.setting.name)[-1:] if said else []
        return tuple(map(word, head))  # `critic lr 3e-4, actor 1e-4`
    if text.low(piece.start) not in ("of", "with", "at"):
        return ()
    first = piece.start
    while first > 0 and text.used[first - 1] and text.tokens[first - 1].low not in JOINTS:
        first -= 1
    return tuple(said_words(draft, range(first, piece.start)))


def _cuts(draft: Draft, one: Value, other: Value) -> list[int]:
    """Where a part may end between two values: beside one of them, or before a small word; never within a name."""
    return [
        at for at in range(one.end, other.start + 1)
        if at in (one.end, other.start) or draft.text.tokens[at].low in vocabulary.FILLERS
    ]  # fmt: skip


def _part(draft: Draft, clause: Clause, value: Value, carried: tuple[str, ...]) -> Part | None:
    """The one setting that takes a value and explains the words beside it, if need be with words that led to it."""
    outside = [i for i in range(clause.start, clause.end) if not value.start <= i < value.end]
    lows = {draft.text.low(i) for i in outside}
    words = said_words(draft, outside)
    if value.changes:
        words = [w for w in words if w not in _WAYS]
    if not words or len(words) > _MOST_WORDS:
        return None
    every = bool(_EVERY & lows)
    every = every and draft.text.low(clause.end - 1) != "each"
    if every and (value.changes or not carried):
        return None  # how often something is done is read by `often`
    fit = _fit(draft, words, value, every)
    share = not value.changes and (value.amounts[0].unit == "%" or value.amounts[0].text == "half")
    for soft in (_SOFT, _SOFT | _WHOLES if share else _SOFT):
        firm = [w for w in words if w not in soft]
        if fit is None and firm and len(firm) < len(words):
            fit = _fit(draft, firm, value, every)
    if fit is None and carried:
        fit = _fit(draft, [*dict.fromkeys([*carried, *words])], value, every)
    falls = any(low in _DOWN for low in lows)
    return Part(value, fit, falls, tuple(words)) if fit is not None else None


_EVERY = frozenset("every each per".split())
_SOFT = frozenset(
    map(
        word,
        "layer layers loss norm network net model connection connections unit steps iterations epochs batches "
        "characters chars hour hours day days degree degrees word words row rows point points".split(),
    )
)
"""Nouns that often follow a name and say no more than it: the layer of `dense layer`, the loss of `feature loss`."""
_WHOLES = frozenset(map(word, "data dataset set time times images rows".split()))
"""What a share is said of, and is none of a setting then."""


def _fit(draft: Draft, words: list[str], value: Value, every: bool) -> Fit | None:
    if value.changes:
        return _of_change(draft, words)
    return _of_numbers(draft, words, value.amounts, every=every)


def _of_numbers(
    draft: Draft, words: list[str], amounts: tuple[Amount, ...], *, every: bool = False
) -> Fit | None:
    """The setting that words mean, of those that take these numbers and are not far from all of them."""
    share = any(a.unit == "%" for a in amounts)
    allowed = [
        k for k in free(draft)
        if given.takes_numbers(k.setting) and k.setting.type not in ("bool", "str")
        if not share or _SHARE.search(k.setting.name.lower())
    ]  # fmt: skip
    fits = draft.likeness.ranked(words, allowed, every=every)
    return best([f for f in fits if f.own and _taken(draft, f.known, amounts) is not None])


def _taken(draft: Draft, known: Known, amounts: tuple[Amount, ...]) -> list[object] | None:
    """The numbers as a setting takes them; None where it does not, or they are far from all sense."""
    if not all(values.plausible(known, a.value / (100 if a.unit == "%" else 1)) for a in amounts):
        return None
    try:
        if known.setting.type == "list":
            written = ",".join(repr(a.value) for a in amounts)
            return [read_value(known.setting, written).value]
        return [v for a in amounts for v in given.fitted(draft, known, a)]
    except LabhandError:
        return None


def _of_change(draft: Draft, words: list[str]) -> Fit | None:
    """The setting that words mean, of those that are a number above zero now."""
    allowed = [
        k for k in free(draft)
        if k.setting.type in ("int", "float") and isinstance(now := draft.base(k).value, int | float)
        if not isinstance(now, bool) and now > 0
    ]  # fmt: skip
    return best([f for f in draft.likeness.ranked(words, allowed) if f.own])


def _set(draft: Draft, part: Part, said: str) -> None:
    known, value = part.fit.known, part.value
    why = f'"{said}": of the settings only `{known.key}` fits these words'
    if value.changes:
        base = draft.base(known)
        falls = part.falls and value.factor > 1
        found = [
            values.scaled(known, base, 1 / value.factor if falls else value.factor, value.plus)
        ]
        why += f"; it is {values.shown(base.value)} in {base.where}"
    else:
        found = _taken(draft, known, value.amounts) or []
    draft.choose(known, found, why, value.start, 0.75)


def of_number(draft: Draft, words: list[str], amount: Amount) -> Fit | None:
    """The setting of numbers that words mean, of which the value is not far from all sense."""
    return _of_numbers(draft, words, (amount,))


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


def _option(draft: Draft, piece: Clause) -> bool:
    """Takes `features pooled by gap`: an option of the one setting that explains the other words."""
    text = draft.text
    for at in range(piece.start, piece.end):
        said = text.tokens[at].text
        takes = {k.key: o for k in free(draft) for o in options_of(k) if same(said, str(o))}
        others = [i for i in range(piece.start, piece.end) if i != at]
        words = said_words(draft, others)
        if not takes or not words or len(words) > _MOST_WORDS or _OLD.search(text.before(at)):
            continue
        fit = best(draft.likeness.ranked(words, [k for k in free(draft) if k.key in takes]))
        if fit is not None and fit.own:
            _take(draft, piece, fit.known, [takes[fit.known.key]])
            return True
    return False


def _switch(draft: Draft, piece: Clause) -> None:
    """Takes `no progress bar`, `class conditional` and `no background noise`: what is on or off, and its words."""
    spoken = " ".join(t.low for t in draft.text.tokens[piece.start : piece.end])
    lead = _OFF.match(f"{spoken} ")
    first = piece.start + (len(lead.group().split()) if lead else 0)
    words = said_words(draft, range(first, piece.end))
    if not words or len(words) > _MOST_WORDS or _NO_SWITCH.search(spoken):
        return
    off, on = lead or re.search(r" (?:no|off)$", spoken), _ON.search(spoken)
    known = [k for k in free(draft) if k.setting.type == "bool" or (off and _ends_at_none(k))]
    firm = [w for w in words if w not in _SOFT]
    found = best(draft.likeness.ranked(words, known)) or best(draft.likeness.ranked(firm, known))
    if found is None or not found.own or not (found.whole or off or on):
        return
    if {word(a) for a in atoms_of(found.known.setting.name)} & _VERBS - set(words):
        return
    if not off and not set(words) - {word(w) for w in _PLAIN}:
        return
    value = values.switched(found.known, off is None)
    if value is not None:
        _take(draft, piece, found.known, [value])
        if not isinstance(value, bool):
            draft.suppose(f"`{found.known.key}` {values.shown(value)} is taken to mean off")


def switch_of(draft: Draft, phrase: str) -> Known | None:
    """The one setting that 0 or false turns off and that a word is a part of: `ema_codebook` of `no ema`."""
    words = [word(w) for w in re.findall(r"[^\W_]+", phrase.lower())]
    known = [k for k in free(draft) if k.setting.type == "bool" or _ends_at_none(k)]
    fit = best(draft.likeness.ranked(words, known))
    return fit.known if fit is not None and fit.own == frozenset(words) else None


_NO_SWITCH = re.compile(
    r"^(?:swap|replace|exchange|add|implement)\b|\b(?:more|less|fewer|longer|than|instead)\b"
)
"""What stands there now is no wish, and a switch knows no more and less."""
_ON = re.compile(
    r"^(?:(?:and|also|please|then|with) )*(?:turn on|switch on|enable|activate|use|do)\b| on$"
)
_NONE = re.compile(
    r"prob|chance|weight|coef|lambda|penalty|noise|std|sigma|alpha|drop|decay|smooth|jitter|ratio|frac|l1|l2|reg|eps|wd"
)
"""Parts of the names of numbers of which 0 is none."""


def _ends_at_none(known: Known) -> bool:
    """Whether 0 is none of what a number says how much of there is."""
    concept = known.concept.id if known.concept is not None else ""
    plain = known.setting.type == "float" and concept not in ("learning-rate", "discount", "gae")
    told = f"{known.setting.name} {known.setting.help[:60]}".lower()
    return plain and _NONE.search(told) is not None


def _take(draft: Draft, piece: Clause, known: Known, found: list[object]) -> None:
    said = draft.text.said(piece.start, piece.end)
    why = f'"{said}": of the settings only `{known.key}` fits these words'
    draft.choose(known, found, why, piece.start, 0.75)
    draft.text.take(piece.start, piece.end)


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
    kept = [word(w) for w in lows if w not in _PLAIN or (word(w) in names and w not in _LEADS)]
    return list(dict.fromkeys(kept))


_TURNS = frozenset("no without skip dont not off on never".split())
_LEADS = frozenset("with from make take only just last".split())
