"""What has no name beside it and no list to stand in: the rate of `adamw 3e-4`, `from scratch`."""

import re

from labhand.interpret import values, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import word
from labhand.interpret.text import SEPARATORS


def read_rates(draft: Draft) -> None:
    """Takes the learning rate of `adamw 3e-4` and of `train at 3e-4`, where none is named.

    A number that is written with a negative power is a rate where nothing else owns it.
    """
    text = draft.text
    rate = _rate(draft)
    named = (text.lexicon.match(text.tokens, at) for at in range(len(text)))
    if rate is None or any(m is not None and m.known and m.known[0].key == rate.key for m in named):
        return
    spots = [
        at for at in range(1, len(text))
        if text.low(at) and re.search(r"e-\d", text.tokens[at].low) and _rates(draft, at)
    ]  # fmt: skip
    if len(spots) != 1:
        return
    found = text.amount(spots[0])
    if found is None or found[0].unit or not values.plausible(rate, found[0].value):
        return
    start = spots[0] - (text.low(spots[0] - 1) in ("at", "@"))
    why = f'"{text.said(start, found[1])}" is a rate, and no other is named'
    draft.choose(rate, [values.fitted(rate, found[0])], why, start, 0.85)
    text.take(start, found[1])


def _rate(draft: Draft) -> Known | None:
    """The learning rate that is meant where none is named: that of what is named, else the foremost."""
    lexicon = draft.text.lexicon
    said = {word(t.low) for t in draft.text.tokens}
    alike = [k for k in lexicon.known if k.concept is not None and k.concept.id == "learning-rate"]
    owned = [k for k in alike if said & {word(a) for a in atoms_of(k.key)}]
    found = owned if len(owned) == 1 else lexicon.of_concept("learning-rate")
    return next(iter(found), None)


def _rates(draft: Draft, at: int) -> bool:
    """Whether a small number stands where a learning rate does: right after an optimizer, or after `at`."""
    text = draft.text
    further = text.amount(text.skip((text.amount(at) or (0, at))[1], SEPARATORS, 1))
    if further is not None and re.search(r"e-\d", further[0].text):
        return False
    before = text.low(at - 1)
    if before in ("at", "@"):
        names = (text.lexicon.match(text.tokens, i) for i in range(max(0, at - 5), at - 1))
        return not any(m and m.end == at - 1 and m.known for m in names)
    return vocabulary.value_words().get(vocabulary.joined(before)) == "optimizer"


_SCRATCH = re.compile(
    r"^from scratch\b|^random(?:ly)? init(?:iali[sz]ed?|iali[sz]ation)?\b|^(?:no|without) pre - ?train(?:ing|ed)\b"
)


def read_scratch(draft: Draft) -> None:
    """Takes `from scratch` where one switch says that the model is pretrained."""
    text = draft.text
    switches = [
        k for k in text.lexicon.known
        if k.setting.type == "bool" and "pretrained" in vocabulary.joined(k.setting.name)
    ]  # fmt: skip
    for at in range(len(text)):
        found = _SCRATCH.match(text.after(at)) if text.low(at) else None
        if found is None or len(switches) != 1:
            continue
        end = at + len(found.group().split())
        off = values.switched(switches[0], False)
        if off is not None and draft.base(switches[0]).value != off:
            draft.choose(switches[0], [off], f'"{text.said(at, end)}"', at, 0.9)
            text.take(at, end)
