"""Settings that shall be varied and whose values are not said: `sweep lr`, `for each optimizer`."""

import re

from labhand.interpret import values
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, Mention
from labhand.interpret.options import options_of

_SWEPT_BEFORE = re.compile(
    r"(?:\b(?:sweep|sweeping|grid search|grid|search|(?<!fine - )tune|tuning|vary|varying|scan|explore|ablate|try different|"
    r"try a few|try several|try some|try various|different|several|various|multiple|a few|play with|optimi[sz]e|"
    r"find (?:a|the) (?:good|best|right|optimal)|best)(?: (?:over|on|the|values|of|for|settings|a|few|different|in))*)$"
)


_EACH_BEFORE = re.compile(r"\b(?:each|every|all|both)(?: (?:the|of|available|possible|\d+))*$")


def swept(draft: Draft, mention: Mention) -> int:
    """`sweep lr`: its values are not said, so the usual ones around the present are proposed."""
    before = _SWEPT_BEFORE.search(draft.text.before(mention.start))
    after = re.match(r"^(?:sweep|grid|search|scan|ablation|range)\b", draft.text.after(mention.end))
    known = mention.known[0]
    if (
        before
        and before.group().startswith(("vary", "varying"))
        and (end := _varied(draft, mention))
    ):
        return end
    every = _EACH_BEFORE.search(draft.text.before(mention.start))
    if every and len(options := options_of(known)) > 1:
        start = mention.start - len(every.group().split())
        draft.set(mention, options, start, mention.end, 0.95)
        return mention.end
    given = _around(draft, known) if before or after else []
    if len(given) < 2:
        return 0
    start = mention.start - (len(before.group().split()) if before else 0)
    end = mention.end + (1 if after else 0)
    words_said = draft.text.said(start, end)
    listed = ", ".join(map(values.shown, given))
    draft.choose(
        known, given, f'"{words_said}" names no values; {listed} are usual', start, 0.5, "default"
    )
    draft.doubt(f'Which values shall "{words_said}" try?', [given, "others"], given, 0.5)
    draft.text.take(start, end)
    further = (
        draft.text.lexicon.match(draft.text.tokens, end + 1)
        if draft.text.low(end) in ("and", ",")
        else None
    )
    if before and further is not None and further.known and not draft.text.has_value(further):
        draft.text.take(end, end + 1)
        more = _around(draft, further.known[0])
        if len(more) > 1:
            listed = ", ".join(map(values.shown, more))
            why = f'"{further.phrase}" names no values; {listed} are usual'
            draft.choose(further.known[0], more, why, further.start, 0.5, "default")
            draft.doubt(f'Which values shall "{further.phrase}" try?', [more, "others"], more, 0.5)
            draft.text.take(further.start, further.end)
            return further.end
    return end


def _varied(draft: Draft, mention: Mention) -> int:
    """Where `vary the image size during training` ends, if a switch alone does that; 0: none does."""
    words = {w for w in re.findall(r"[a-z]+", mention.phrase.lower()) if len(w) > 2}
    varies = [
        k for k in draft.text.lexicon.known
        if k.setting.type == "bool" and re.search(r"\bvar(?:y|ies|ying)\b", k.setting.help.lower())
        and any(w[:3] in k.setting.help.lower() for w in words)
    ]  # fmt: skip
    if len(varies) != 1:
        return 0
    start = mention.start - 1 - (draft.text.low(mention.start - 1) == "the")
    draft.choose(varies[0], [True], f'"{draft.text.said(start, mention.end)}"', start, 0.8)
    draft.text.take(start, mention.end)
    return mention.end


def folds(draft: Draft) -> None:
    """Takes `all 5 folds` where one setting says which fold is left out, and another how many there are."""
    text = draft.text
    names = {k.setting.name.rpartition(".")[2].lower(): k for k in text.lexicon.known}
    which = next(
        (names[n] for n in ("fold", "fold_idx", "fold_id", "val_fold") if n in names), None
    )
    count = next(iter(text.lexicon.of_concept("folds")), None)
    for at in range(len(text)):
        found = _FOLDS.match(text.after(at)) if which and text.low(at) else None
        if found is None or which is None:
            continue
        many = int(found[1]) if found[1] else draft.base(count).value if count else None
        if not isinstance(many, int) or many < 2:
            continue
        end = at + len(found.group().split())
        first = which.setting.default if which.setting.default in (0, 1) else 0
        draft.choose(which, [first + i for i in range(many)], f'"{text.said(at, end)}"', at, 0.95)
        text.take(at, end)


_FOLDS = re.compile(r"^(?:all|every|each)(?: of)?(?: the)?(?: (\d+))? folds?\b")


def _around(draft: Draft, known: Known) -> list[object]:
    """The values that are usually tried for a setting: around the present one, or all choices."""
    if known.setting.choices:
        return list(known.setting.choices)
    if known.setting.type == "bool":
        return [False, True]
    base = draft.base(known)
    if isinstance(base.value, int | float) and base.value > 0:
        step = known.concept.step if known.concept else 2.0
        return values.distinct([values.scaled(known, base, f) for f in (1 / step, 1.0, step)])
    if known.concept is not None and known.concept.standard is not None:
        usual = known.concept.standard
        return [values.fitted_number(known, n) for n in (0, usual, 2 * usual)]
    return []
