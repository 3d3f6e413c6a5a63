"""What no other reader took, in whatever order it stands: values, and the settings that explain the words beside them.

Each clause that is left is cut into parts of one value each: numbers, a change, an option, a switch. A part
is matched with every setting that takes such a value. A clause is understood only where one way to cut
and match it explains all of its words, and no other way does nearly as well; else it is left, and told as
not understood.
"""

import itertools
import re
from typing import NamedTuple

from labhand.core.errors import LabhandError
from labhand.interpret import explain, given, relative, unnumbered, values, vocabulary
from labhand.interpret.beside import MOST_WORDS, OLD, PLAIN, SOFT, free, said_words
from labhand.interpret.clauses import JOINTS, Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import LEAST, MARGIN, Fit, best, word
from labhand.interpret.text import ENDS, SEPARATORS, Amount, Text
from labhand.kit.values import read as read_value

_INNER = frozenset("with w at on in for".split())
_SHARE = re.compile(
    r"ratio|frac|share|pct|percent|prop|prob|split|rate|size|drop|dim|p_|subsample|gray|noise"
)
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
    for joints in (JOINTS | {"so"}, JOINTS | _INNER | {"so", ":"}):
        for piece in _pieces(draft, joints):
            _piece(draft, piece)
    _further(draft)
    for piece in _pieces(draft, JOINTS | {"so"}):
        _ask(draft, piece)


def _ask(draft: Draft, piece: Clause) -> None:
    """Asks which setting the one number of a piece is of, where the words say it for none beyond doubt."""
    said = _values(draft, piece)
    if said is None or len(said) != 1 or said[0].changes or _is_made(draft, piece):
        return
    outside = [i for i in range(piece.start, piece.end) if not said[0].start <= i < said[0].end]
    words = said_words(draft, outside)
    if (
        not words
        or len(words) > MOST_WORDS
        or any(draft.text.tokens[i].low in _EVERY for i in outside)
    ):
        return
    fits = _of_numbers(draft, words, said[0].amounts)
    near = [f for f in fits if _is_near(f.known, said[0])]
    explain.ask(
        draft, piece, [(f, _taken(draft, f.known, said[0].amounts) or []) for f in near], outside
    )


def _further(draft: Draft) -> None:
    """Takes `also 8 and 10` as further values of what was said right before."""
    text = draft.text
    for clause in clauses(text, frozenset({",", ";", ".", "?", "!"})):
        if text.low(clause.start) != "also" or not _only_numbers(
            text, Clause(clause.start + 1, clause.end)
        ):
            continue
        said = [s for s in draft.said if s.start < clause.start]
        last = max(said, key=lambda s: s.start) if said else None
        told = given.numbers(draft, last.known, clause.start + 1, checked=True) if last else None
        numeric = last is not None and last.known.setting.type in ("int", "float")
        if last is not None and told is not None and numeric and text.used[clause.start - 2]:
            draft.said[draft.said.index(last)] = last._replace(values=[*last.values, *told[0]])
            text.take(clause.start, clause.end)


def _pieces(draft: Draft, joints: frozenset[str]) -> list[Clause]:
    """The runs of tokens that nobody owns; a bare number belongs to the list beside it."""
    text, found = draft.text, list[Clause]()
    for clause in clauses(text, joints):
        at = clause.start
        for used, run in itertools.groupby(text.used[clause.start : clause.end]):
            end = at + len(list(run))
            piece = Clause(at, end)
            if (not used and found and _asks(draft, found[-1], piece)) or (
                not used
                and found
                and (_goes_on(draft, found[-1], piece) or _names_on(draft, found[-1], piece))
            ):
                found[-1] = Clause(found[-1].start, end)
            elif not used:
                found.append(piece)
            at = end
    return found


def _asks(draft: Draft, before: Clause, piece: Clause) -> bool:
    """Whether a piece is the numbers that a question before it is about: `does the width matter? 64, 128`."""
    text = draft.text
    between = [t.low for t in text.tokens[before.end : piece.start]]
    asked = "?" in between and all(low in SEPARATORS | {"?"} for low in between)
    return (
        asked
        and _only_numbers(text, piece)
        and not any(text.amount(i) for i in range(before.start, before.end))
    )


def _goes_on(draft: Draft, before: Clause, piece: Clause) -> bool:
    """Whether two pieces are one list of numbers: `horizon 12, 24`, `5 or 10 neighbours`."""
    text = draft.text
    between = [text.low(i) for i in range(before.end, piece.start)]
    if not all(low in SEPARATORS for low in between) or not _ends_in_number(text, before):
        return False
    alone = [_only_numbers(text, before), _only_numbers(text, piece)]
    return text.amount(piece.start) is not None and any(alone)


def _names_on(draft: Draft, before: Clause, piece: Clause) -> bool:
    """Whether a piece is one more name like the last of the piece before: `step1000, step2000`."""
    text, start = draft.text, before.end - 1
    while start > before.start and text.tokens[start].glued:
        start -= 1
    between = [text.low(i) for i in range(before.end, piece.start)]
    names = [text.said(start, before.end), text.said(piece.start, piece.end)]
    shapes = {re.sub(r"\d+", "0", name) for name in names}
    return all(low in SEPARATORS for low in between) and len(shapes) == 1 and "0" in "".join(shapes)


def _piece(draft: Draft, piece: Clause) -> None:
    if _is_made(draft, piece) or unnumbered.written_to(draft, piece):
        return
    said = _values(draft, piece)
    lows = {t.low for t in draft.text.tokens[piece.start : piece.end]}
    if said is None or len(said) > _MOST_PARTS or {"from", "sweep"} <= lows:
        return  # a range that was not read is no single value
    if "between" in lows and any(len(v.amounts) > 1 for v in said):
        return
    if not said:
        unnumbered.read(draft, piece)
    if not said or unnumbered.every(draft, piece):
        return
    parts = _assembled(draft, piece, said) or _referred(draft, piece, said)
    if not parts and all(v.changes for v in said):
        unnumbered.read(draft, piece)  # `half resolution` may be a switch
    for part in parts:
        _set(draft, part, draft.text.said(piece.start, piece.end))
    if parts:
        draft.text.take(piece.start, piece.end)


def _is_made(draft: Draft, piece: Clause) -> bool:
    """Whether the clause of a piece begins with a verb of what must be written."""
    whole = next(c for c in clauses(draft.text) if c.start <= piece.start < c.end)
    lows = (t.low for t in draft.text.tokens[whole.start : whole.end])
    return next((low for low in lows if low not in vocabulary.FILLERS), "") in _MADE


_THAT = frozenset("that it this".split())


def _referred(draft: Draft, piece: Clause, said: list[Value]) -> list[Part]:
    """What was named before without a value, where a piece has one and names nothing: `odd at this lr. try 3e-4`."""
    text, outside = draft.text, list[int]()
    value = said[0]
    outside = [i for i in range(piece.start, piece.end) if not value.start <= i < value.end]
    lows = {text.low(i) for i in outside if text.tokens[i].kind == "word"}
    if (
        len(said) > 1
        or "them" in lows
        or not lows
        or lows - PLAIN - _THAT
        or (value.changes and not lows & _THAT)
    ):
        return []
    taken = {s.known.key for s in draft.said}
    named = [
        m.known[0] for i in range(piece.start)
        if (m := text.lexicon.match(text.tokens, i)) is not None and m.end <= piece.start
        if m.known and m.known[0].key not in taken and m.known[0].setting.type in ("int", "float")
    ]  # fmt: skip
    if len({k.key for k in named}) != 1 or not any(
        text.tokens[i].low in ENDS | {","} for i in range(piece.start)
    ):
        return []
    known = named[0]
    if not value.changes and _taken(draft, known, value.amounts) is None:
        return []
    return [Part(value, Fit(known, LEAST, frozenset()), False, ())]


def _ends_in_number(text: Text, piece: Clause) -> bool:
    return any(
        (found := text.amount(at)) is not None and found[1] == piece.end
        for at in range(max(piece.start, piece.end - 2), piece.end)
    )


def _only_numbers(text: Text, piece: Clause) -> bool:
    at = piece.start
    while (found := text.amount(at)) is not None and at < piece.end:
        at = text.skip(found[1], SEPARATORS, 2)
    present = given.PRESENT.match(text.after(at))
    at += len(present.group().split()) if present else 0
    return at > piece.start and text.skip(at, _AFTER_LIST, 2) >= piece.end


_AFTER_LIST = frozenset("only each please pls alone too on with for over in at".split())
"""What may follow the last number of a list, and says nothing of which setting it is."""


def _values(draft: Draft, piece: Clause) -> list[Value] | None:
    """The values of a piece in order; None where it has one that no setting is for, as a duration."""
    text, found, at = draft.text, list[Value](), piece.start
    while at < piece.end:
        amount = text.amount(at)
        if text.tokens[at].kind == "number" and amount is not None and amount[0].unit == "s":
            return None
        value = _change(draft, at, piece.end) or _numbers(draft, at, piece.end)
        if value is not None and not OLD.search(text.before(at)):
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
        at += at == last and given.is_dash(text, at)
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
    if not words or len(words) > MOST_WORDS:
        return None
    every = bool(_EVERY & lows) and not (_EVERY & lows == {"per"} and not given.UNITS & lows)
    every = every and draft.text.low(clause.end - 1) != "each"
    if every and (value.changes or not carried):
        fit = _of_help(draft, words, outside, value)  # else how often is read by `often`
        return Part(value, fit, False, tuple(words)) if fit is not None else None
    fit = _fit(draft, words, value, every) or _of_help(draft, words, outside, value)
    share = not value.changes and (value.amounts[0].unit == "%" or value.amounts[0].text == "half")
    for soft in (SOFT, SOFT | _WHOLES if share else SOFT):
        firm = [w for w in words if w not in soft]
        if fit is None and firm and len(firm) < len(words):
            fit = _fit(draft, firm, value, every)
    plain = [w for w in words if w not in _WAYS]
    if fit is None and plain and len(plain) < len(words):  # `more or fewer features: 10k, 50k`
        fit = _fit(draft, plain, value, every)
    if fit is None and carried:
        fit = _fit(draft, [*dict.fromkeys([*carried, *words])], value, every)
    if fit is None:
        near = [f for f in _fits(draft, words, value, every) if _is_near(f.known, value)]
        told = explain.verdict(draft, near, outside)
        fit = told.fit if told is not None and told.sure else None
    if fit is not None and not fit.plain and explain.others(draft, fit, outside):
        return None
    falls = any(low in _DOWN for low in lows)
    return Part(value, fit, falls, tuple(words)) if fit is not None else None


def _is_near(known: Known, value: Value) -> bool:
    """Whether numbers are near what a setting is now."""
    return all(values.plausible(known, a.value, _NEAR) for a in value.amounts if a.unit != "%")


_NEAR = 2.0
"""Decades from the present value that are no wonder."""


def _of_help(draft: Draft, words: list[str], places: list[int], value: Value) -> Fit | None:
    """The setting whose help alone speaks of numbers so: `limit` of `only the first 100 questions`."""
    plain = [word(draft.text.tokens[i].low) for i in places if draft.text.low(i).isalpha()]
    allowed = [
        k for k in free(draft)
        if given.takes_numbers(k.setting) and k.setting.type not in ("bool", "str")
        if not value.changes and k.setting.help and _taken(draft, k, value.amounts) is not None
    ]  # fmt: skip
    known = draft.likeness.by_help(words, plain, allowed)
    return Fit(known, LEAST, frozenset(words)) if known is not None else None


_EVERY = frozenset("every each per".split())
_MADE = frozenset("compute calculate implement plot measure add backtest".split())
"""Verbs that begin what must be written."""
_WHOLES = frozenset(map(word, "data dataset set time times images rows".split()))
"""What a share is said of, and is none of a setting then."""


def _fit(draft: Draft, words: list[str], value: Value, every: bool) -> Fit | None:
    return best(_fits(draft, words, value, every))


def _fits(draft: Draft, words: list[str], value: Value, every: bool = False) -> list[Fit]:
    if value.changes:
        return _of_change(draft, words)
    return _of_numbers(draft, words, value.amounts, every=every)


def _of_numbers(
    draft: Draft, words: list[str], amounts: tuple[Amount, ...], *, every: bool = False
) -> list[Fit]:
    """The settings that words mean, of those that take these numbers and are not far from all of them."""
    share = any(a.unit == "%" for a in amounts)
    allowed = [
        k for k in free(draft)
        if given.takes_numbers(k.setting) and k.setting.type not in ("bool", "str")
        if not share or _SHARE.search(k.setting.name.lower())
    ]  # fmt: skip
    fits = draft.likeness.ranked(words, allowed, every=every)
    return [f for f in fits if f.own and _taken(draft, f.known, amounts) is not None]


def _taken(draft: Draft, known: Known, amounts: tuple[Amount, ...]) -> list[object] | None:
    """The numbers as a setting takes them; None where it does not, or they are far from all sense."""
    if not all(values.plausible(known, a.value / (100 if a.unit == "%" else 1)) for a in amounts):
        return None
    try:
        if known.setting.type == "list":
            written = ",".join(repr(a.value) for a in amounts)
            read = read_value(known.setting, written).value
            now = known.setting.default
            words = isinstance(now, list | tuple) and any(isinstance(v, str) for v in now)
            return [list(map(str, read)) if words and isinstance(read, list | tuple) else read]
        return [v for a in amounts for v in given.fitted(draft, known, a)]
    except LabhandError:
        return None


def _of_change(draft: Draft, words: list[str]) -> list[Fit]:
    """The settings that words mean, of those that are a number above zero now."""
    allowed = [
        k for k in free(draft)
        if k.setting.type in ("int", "float") and isinstance(now := draft.base(k).value, int | float)
        if not isinstance(now, bool) and now > 0
    ]  # fmt: skip
    return [f for f in draft.likeness.ranked(words, allowed) if f.own]


def _set(draft: Draft, part: Part, said: str) -> None:
    known, value = part.fit.known, part.value
    why = f'"{said}": of the settings only `{known.key}` fits these words'
    if not part.words:
        why = f'"{said}": `{known.key}` is named before it, and has no other value'
    if value.changes:
        base = draft.base(known)
        falls = part.falls and value.factor > 1
        found = [
            values.scaled(known, base, 1 / value.factor if falls else value.factor, value.plus)
        ]
        why += f"; it is {values.shown(base.value)} in {base.where}"
    else:
        found = _taken(draft, known, value.amounts) or []
        found, end = given.with_present(draft, known, found, value.end)
        draft.text.take(value.end, end)
    draft.choose(known, found, why, value.start, 0.75)


def of_number(draft: Draft, words: list[str], amount: Amount) -> Fit | None:
    """The setting of numbers that words mean, of which the value is not far from all sense."""
    return best(_of_numbers(draft, words, (amount,)))
