"""One value for several settings: `actor and critic lr 3e-4`, `ngf and ndf 96`, `both lrs to 1e-4`."""

import re

from labhand.core.errors import LabhandError
from labhand.interpret import given
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import LEAST, Fit, best, word

_JOINS = frozenset({",", "and", "&", "/", "+"})
_SURE = 0.85
"""How well a word and the head it shares must name a setting."""
_MOST = 4
"""Settings that share a value."""


def read(draft: Draft) -> None:
    """Sets every setting of a row that one value is said of."""
    at = 0
    while at < len(draft.text):
        at = _row(draft, at) or at + 1


def _row(draft: Draft, at: int) -> int:
    """Where a row of settings ends with its value that begins at a token; 0: none does."""
    if not draft.text.low(at):
        return 0
    if draft.text.low(at) in ("both", "all"):
        return _every(draft, at)
    if end := _same(draft, at) or _grid(draft, at):
        return end
    return _with_head(draft, at) or _whole_names(draft, at)


def _every(draft: Draft, at: int) -> int:
    """`both lrs 1e-4`: all settings that the word means, where they are more than one."""
    text = draft.text
    first = text.skip(at + 1, ("the", "of", "my", "our"), 3)
    found = text.lexicon.match(text.tokens, first) if text.low(first) else None
    if found is None or not found.phrase.lower().endswith("s"):
        return 0
    head = word(found.phrase.lower())
    alike = [
        k for k in text.lexicon.known
        if k.setting.type in ("int", "float")
        and ((found.concept and k.concept == found.concept) or word(atoms_of(k.setting.name)[-1]) == head)
    ]  # fmt: skip
    if len(alike) < 2 or len(alike) > _MOST or (text.low(at) == "both" and len(alike) != 2):
        return 0
    return _set(draft, alike, at, found.end)


_SAME = re.compile(
    r"^(?:(?:the |a )?same|1|equal|identical) (?P<head>[a-z]+(?: [a-z]+){0,2}?) (?:for|on|in) (?:the )?(?P<one>[a-z]+) (?:and|&|as for) (?:the )?(?P<other>[a-z]+)(?: ,| :| of| at|(?= [\d.]))"
)


def _same(draft: Draft, at: int) -> int:
    """`same learning rate for actor and critic, 3e-4`: both settings get the number."""
    found = _SAME.match(draft.text.after(at, 12))
    if found is None:
        return 0
    known = _headed(draft, [found["one"], found["other"], *found["head"].split()], 2)
    return _set(draft, known, at, at + len(found.group().split())) if known else 0


_BY = frozenset("x by vs * and /".split())


def _grid(draft: Draft, at: int) -> int:
    """`lr x wd: 1e-3 3e-4 by 0 0.1`: two names, then as many lists of numbers in their order."""
    text = draft.text
    one = text.lexicon.match(text.tokens, at)
    if one is None or len(one.known) != 1 or text.low(one.end) not in _BY:
        return 0
    other = text.lexicon.match(text.tokens, one.end + 1)
    if other is None or len(other.known) != 1 or text.low(other.end) not in (":", "="):
        return 0
    lists, place = list[list[object]](), other.end + 1
    for known in (one.known[0], other.known[0]):
        place += text.low(place) in _BY and bool(lists)
        place = text.skip(place, ("{", "[", "("), 1)
        try:
            told = given.numbers(draft, known, place, checked=True)
        except LabhandError:
            return 0
        if told is None:
            return 0
        lists.append(told[0])
        place = text.skip(told[1], ("}", "]", ")", ",", ";"), 2)
    why = f'"{text.said(at, place)}": the first numbers are of the first'
    for known, found in zip((one.known[0], other.known[0]), lists, strict=True):
        draft.choose(known, found, why, at, 0.9)
    text.take(at, place)
    return place


def _whole_names(draft: Draft, at: int) -> int:
    """`ngf and ndf 96`: two names joined, of a kind, and one number after both."""
    text, known, end = draft.text, list[Known](), at
    while (found := text.lexicon.match(text.tokens, end) if text.low(end) else None) is not None:
        if len(found.known) != 1 or found.strength < 0.95 or text.low(end - 1) in _REFUSED:
            return 0
        known.append(found.known[0])
        end = found.end
        if text.low(end) not in _JOINS or text.low(end) == ",":
            break
        end += 1
    return _set(draft, known, at, end) if len(known) > 1 and _of_a_kind(known) else 0


_REFUSED = frozenset("no without not disable".split())


def _of_a_kind(known: list[Known]) -> bool:
    """Whether settings are alike enough to share a value: in their concept, their default or a part of their names."""
    if any(k.setting.type not in ("int", "float") for k in known):
        return False
    if len({k.key for k in known}) < len(known):
        return False
    names = [set(atoms_of(k.setting.name)) for k in known]
    same = known[0].setting.default is not None and len({k.setting.default for k in known}) == 1
    concept = known[0].concept is not None and len({k.concept for k in known}) == 1
    return same or concept or bool(set.intersection(*names))


def _with_head(draft: Draft, at: int) -> int:
    """`actor, critic and alpha lr 3e-4`: words that each name a setting with the head that follows the last."""
    text = draft.text
    words: list[str] = []
    end, joined = at, False
    while len(words) < _MOST and text.low(end).isalpha() and text.low(end) not in _JOINS:
        words.append(text.low(end))
        end += 1
        joins = text.skip(end, _JOINS, 2)
        joined = joined or joins > end
        end = joins
        if joined and len(words) > 1 and (found := _headed(draft, words)) is not None:
            # the head has been read as one of the words
            return _set(draft, found, at, end) if joins == end else 0
    sure = "and" in (t.low for t in text.tokens[at:end]) and text.amount(at - 1) is None
    carried = _head_before(draft, at) if joined and len(words) > 1 and sure else None
    if carried is None or text.amount(end) is None or text.low(end - 1) in _JOINS:
        return 0
    found = _headed(draft, [*words, carried], len(words))
    return _set(draft, found, at, end) if found is not None else 0


def _head_before(draft: Draft, at: int) -> str | None:
    """The last word of the setting of numbers that is named last before a token: of `peak lr 5e-4, initial and final 5e-5`."""
    text = draft.text
    named = (text.lexicon.match(text.tokens, i) for i in range(at))
    found = [
        m
        for m in named
        if m and m.end <= at and m.known and m.known[0].setting.type in ("int", "float")
    ]
    return atoms_of(found[-1].known[0].setting.name)[-1] if found else None


def _headed(draft: Draft, words: list[str], count: int = 0) -> list[Known] | None:
    """The settings that each of the first words names together with the rest; None where one does not.

    `count`: how many words are the first ones; 0: all but the last.
    """
    owners, heads = words[: count or -1], words[count or len(words) - 1 :]
    if len(owners) < 2:
        return None
    known = [k for k in draft.text.lexicon.known if k.setting.type in ("int", "float")]
    found: list[Known] = []
    for owner in owners:
        fit = best(draft.likeness.ranked([word(owner), *map(word, heads)], known))
        if (
            fit is None
            or fit.score < (LEAST if count else _SURE)
            or not _speaks(draft, owner, fit, bool(count))
        ):
            return None
        found.append(fit.known)
    return found if len({k.key for k in found}) == len(found) else None


def _speaks(draft: Draft, owner: str, fit: Fit, plainly: bool) -> bool:
    """Whether a word names the owner of a setting; where the row is said plainly, likeness is enough."""
    return word(owner) in fit.own or (plainly and draft.likeness.speaks(word(owner), fit.known))


def _set(draft: Draft, known: list[Known], at: int, end: int) -> int:
    """Sets all to the one number that follows; 0 where none does, or it does not fit one of them."""
    text = draft.text
    value_at, _ = given.connect(draft, end)
    amount = text.amount(value_at)
    start = at
    if amount is None or text.owned(amount[1]):
        before = text.amount(at - 1) if at and not text.used[at - 1] else None
        if before is None or before[0].unit:
            return 0
        value_at, start = at - 1, at - 1
    try:
        told = [given.numbers(draft, k, value_at, checked=True) for k in known]
    except LabhandError:
        return 0
    if any(t is None or len(t[0]) != 1 for t in told):
        return 0
    last = max(end, *(t[1] for t in told if t))
    why = f'"{text.said(start, last)}": one value for all of these'
    for one, values in zip(known, told, strict=True):
        if values:
            draft.choose(one, values[0], why, start, 0.9)
    text.take(start, last)
    return last
