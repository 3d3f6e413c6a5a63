"""How often something is done, relative to now: `checkpoint twice as often`, `eval 5x less often`."""

import re

from labhand.interpret import relative, values
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of

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


def read(draft: Draft) -> None:
    """Changes the interval of what shall be done so many times as often."""
    text = draft.text
    for at in range(len(text)):
        known = _interval(draft, text.low(at)) if text.low(at) else None
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


def _interval(draft: Draft, verb: str) -> Known | None:
    """The setting that says every how many steps a verb is done; None: no one alone does."""
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
    return named[0] if len(named) == 1 else None
