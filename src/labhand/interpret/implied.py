"""Switches that a sentence turns without naming them: `is the calendar worth it?`, `keep the punctuation`, `train and eval`."""

import re
from collections.abc import Iterator

from labhand.interpret import values
from labhand.interpret.beside import free, said_words
from labhand.interpret.clauses import Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import best, word

_PARTS = frozenset({",", "and", "or", "&"})


def read(draft: Draft) -> None:
    """Takes what is asked of switches, what shall be kept that one removes, what is done, what stays frozen."""
    _worth(draft)
    for clause in clauses(draft.text):
        _done(draft, clause)
        _frozen(draft, clause)
    _kept(draft)


_WORTH = re.compile(
    r"^(?:are|is|do|does) (?P<what>(?:[a-z0-9_-]+|,)(?: (?:[a-z0-9_-]+|,)){0,7}?) "
    r"(?:(?:really|actually|even|still) )*(?:worth (?:it|keeping|having)|help(?:ing|s|ful)?|needed|necessary|useful|any good|hurting|doing anything)(?: at all)? \?"
    r"(?: (?:try )?(?:all (?:two|four|eight|[248]|the) combinations?|both ways|with and without|on and off))?"
)


def _worth(draft: Draft) -> None:
    """Tries both ways what a question asks of: `are calendar and price features worth it?`."""
    text = draft.text
    for at in range(len(text)):
        found = (
            _WORTH.match(_with_ends(draft, at))
            if text.low(at) in ("are", "is", "do", "does")
            else None
        )
        if found is None:
            continue
        end = at + len(found.group().split())
        stop = at + 1 + len(found["what"].split())
        switches = [_switch(draft, part) for part in _split(draft, at + 1, stop)]
        known = [k for k in switches if k is not None]
        if len(known) < len(switches) or len({k.key for k in known}) < len(known) or not known:
            continue
        for one in known:
            both = list[object]([True, False])
            draft.choose(one, both, f'"{text.said(at, end)}"', at, 0.85)
        text.take(at, end)


def _with_ends(draft: Draft, at: int) -> str:
    """The unused tokens from one on, question marks too."""
    text, end = draft.text, at
    while end < len(text) and end - at < 20 and text.low(end):
        end += 1
    return " ".join(text.spelled(i) for i in range(at, end))


def _split(draft: Draft, start: int, end: int) -> Iterator[Clause]:
    first = start
    for at in range(start, end + 1):
        if at == end or draft.text.low(at) in _PARTS:
            if at > first:
                yield Clause(first, at)
            first = at + 1


def _switch(draft: Draft, part: Clause) -> Known | None:
    """The switch that the words of a part mean, if need be without their last one."""
    words = said_words(draft, range(part.start, part.end))
    known = [k for k in free(draft) if k.setting.type == "bool"]
    fit = best(draft.likeness.ranked(words, known)) or best(
        draft.likeness.ranked(words[:-1] or words, known)
    )
    return fit.known if fit is not None and fit.own else None


_DOES = {"train": "train", "eval": "eval", "evaluate": "eval", "predict": "predict", "test": "test"}


def _done(draft: Draft, clause: Clause) -> None:
    """Turns on `do_train` and `do_eval` of `train and eval the model`."""
    text, start = draft.text, clause.start
    named = {k.setting.name.lower(): k for k in free(draft) if k.setting.type == "bool"}
    verbs = [(start, text.low(start))]
    while text.low(verbs[-1][0] + 1) in _PARTS and text.low(verbs[-1][0] + 2) in _DOES:
        verbs.append((verbs[-1][0] + 2, text.low(verbs[-1][0] + 2)))
    does = [named.get(f"do_{_DOES.get(verb, verb)}") for _, verb in verbs]
    if len(verbs) < 2 or None in does:
        return
    for known in does:
        if known is not None:
            draft.choose(known, [True], f'"{text.said(start, verbs[-1][0] + 1)}"', start, 0.9)
    text.take(start, verbs[-1][0] + 1)


_LEARNS = frozenset("train trainable learn learnable finetune tune".split())


def _frozen(draft: Draft, clause: Clause) -> None:
    """Turns `train_embeddings` off for `frozen embeddings`; what is named between turns its own switch on."""
    text = draft.text
    at = next(
        (i for i in range(clause.start, clause.end) if text.low(i) in ("frozen", "freeze")), None
    )
    if at is None or any(text.used[clause.start : clause.end]):
        return
    words = said_words(draft, range(at + 1, clause.end))
    learns = [
        k for k in free(draft)
        if k.setting.type == "bool" and _LEARNS & {*(a := atoms_of(k.setting.name))}
        and {word(p) for p in a if p not in _LEARNS | {"use"}} & {*words}
    ]  # fmt: skip
    if len(learns) != 1:
        return
    why = f'"{text.said(clause.start, clause.end)}"'
    draft.choose(learns[0], [values.switched(learns[0], False)], why, at, 0.85)
    own = {word(a) for a in atoms_of(learns[0].setting.name)}
    for rest in [w for w in words if w not in own]:
        used = [
            k for k in free(draft)
            if k.setting.type == "bool" and {word(a) for a in atoms_of(k.setting.name)} - {"use"} == {rest}
        ]  # fmt: skip
        for known in used[:1]:
            draft.choose(known, [values.switched(known, True)], why, at, 0.8)
    text.take(clause.start, clause.end)


_REMOVES = frozenset(
    "remove strip drop discard exclude ignore lowercase lower uncased skip filter".split()
)
_KEPT = re.compile(
    r"^(?:please |and |but |do )*(?:keep|preserve|retain|leave in)(?: the| all| any)* "
)
_CASE = frozenset("casing case capitalization capitalisation capitals uppercase".split())


def _kept(draft: Draft) -> None:
    """Turns `remove_punctuation` off for `keep the punctuation`."""
    text = draft.text
    for clause in clauses(text, frozenset({";", ".", ",", "!", "?"})):
        lead = _KEPT.match(text.after(clause.start, 12) + " ")
        if lead is None:
            continue
        first = clause.start + len(lead.group().split())
        found = [_removes(draft, part) for part in _split(draft, first, clause.end)]
        known = [k for k in found if k is not None]
        if len(known) == len(found) and known:
            for one in known:
                off = [values.switched(one, False)]
                draft.choose(one, off, f'"{text.said(clause.start, clause.end)}"', first, 0.85)
            text.take(clause.start, clause.end)


def _removes(draft: Draft, part: Clause) -> Known | None:
    """The one switch that is on and removes what a part names."""
    lows = [draft.text.low(i) for i in range(part.start, part.end)]
    tail = next((i for i, low in enumerate(lows) if low in ("in", "of", "from", "on")), len(lows))
    words = {word(low) for low in lows[:tail] if low.isalpha() and low != "the"}
    cased = bool(_CASE & {*lows[:tail]})
    found = [
        k for k in free(draft)
        if k.setting.type == "bool" and draft.base(k).value is True
        and _REMOVES & {*(a := atoms_of(k.setting.name))}
        and (words & {word(p) for p in a} or (cased and {"lowercase", "lower", "uncased"} & {*a}))
    ]  # fmt: skip
    return found[0] if len(found) == 1 else None
