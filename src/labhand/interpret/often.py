"""How often something is done: `checkpoint twice as often`, `sync the target net every 500 steps`."""

import re

from labhand.interpret import relative, values
from labhand.interpret.beside import free, said_words
from labhand.interpret.clauses import JOINTS, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.given import UNITS
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import best

_OFTEN = re.compile(
    rf"^(?:(?:it|a|the|our|checkpoints?|models?|metrics|much) )*(?:(?P<word>twice|thrice|half|a quarter|a third|a tenth)|{relative.N} ?(?:x|times))"
    r" (?:as|(?P<less>less)|more) (?:often|frequently)"
)
_VERBS = {
    "log-interval": "log logging print printing report",
    "eval-interval": "eval evaluate evaluating validate validation test evals",
    "save-interval": "save saving checkpoint checkpointing ckpt checkpoints",
}
_EVERY = frozenset("interval every freq frequency steps period".split())


_ROUND = UNITS | frozenset("episodes episode rounds round time".split())
_EACH = frozenset("every each".split())
_ENOUGH, _SURE = 0.6, 0.75
"""How well the words before `every` must fit an interval: when nothing else has read them, and before that."""


def read_every(draft: Draft, least: float = _ENOUGH) -> None:
    """Takes what shall be done `every 500 steps`, `every epoch`: of the intervals the one that the words mean."""
    text = draft.text
    for clause in clauses(text, JOINTS):
        at = next((i for i in range(clause.start, clause.end) if text.low(i) in _EACH), None)
        if at is None:
            continue
        start = at
        while start > clause.start and not text.used[start - 1]:
            start -= 1
        number = text.amount(at + 1)
        end = number[1] if number else at + 1
        unit = text.low(end) if text.low(end) in _ROUND else ""
        plain = number is None or not number[0].unit
        if (
            not plain
            or not (number or unit)
            or any(text.tokens[i].kind == "number" for i in range(start, at))
        ):
            continue
        words = said_words(draft, range(start, at))
        fit = best(draft.likeness.ranked(words, free(draft), every=True), least) if words else None
        if fit is None or (
            unit.startswith("epoch") and re.search("step|iter", fit.known.setting.name.lower())
        ):
            continue
        every = number[0].value if number else 1
        end += bool(unit)
        value = values.fitted_number(fit.known, every)
        why = f'"{text.said(start, end)}": of the intervals only `{fit.known.key}` fits these words'
        draft.choose(fit.known, [value], why, start, 0.85)
        text.take(start, end)


def read_sure(draft: Draft) -> None:
    """Reads how often before names of settings are read: only what fits beyond doubt."""
    read(draft)
    read_every(draft, _SURE)


def read(draft: Draft) -> None:
    """Changes the interval of what shall be done so many times as often."""
    text = draft.text
    for at in range(len(text)):
        known = _interval(draft, at) if text.low(at) else None
        found = _OFTEN.match(text.after(at + 1)) if known is not None else None
        if known is None or found is None:
            continue
        number = next((g for g in found.groups()[1:2] if g), None)
        times = float(number) if number else relative.FRACTIONS[found["word"].removeprefix("a ")]
        base = draft.base(known)
        value = values.scaled(known, base, times if found["less"] else 1 / times)
        end = at + 1 + len(found.group().split())
        why = f'"{text.said(at, end)}": every {values.shown(base.value)} in {base.where}'
        draft.choose(known, [value], why, at, 0.9)
        text.take(at, end)


def _interval(draft: Draft, at: int) -> Known | None:
    """The setting that says every how many steps a verb is done; None: no one alone does."""
    verb = draft.text.low(at)
    for concept, verbs in _VERBS.items():
        if verb in verbs.split():
            found = draft.text.lexicon.of_concept(concept)
            if len(found) == 1:
                return found[0]
    named = [
        k
        for k in draft.text.lexicon.known
        if k.setting.type == "int"
        and verb in (parts := set(atoms_of(k.setting.name)))
        and parts & _EVERY
    ]
    if len(named) == 1:
        return named[0]
    fit = best(draft.likeness.ranked(said_words(draft, [at]), free(draft), every=True), _SURE)
    return fit.known if fit is not None else None
