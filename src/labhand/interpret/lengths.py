"""How long it trains and how large the model is, relative to now: `twice as long`, `a deeper model`."""

import math
import re

from labhand.interpret import relative, values, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known

_LONGER = re.compile(
    rf"^(?:(?:train|training|run|runs|for|it|go|the|model) )*"
    rf"(?:(?P<word>{'|'.join(relative.FRACTIONS)}|{relative.N} ?(?:x|times)) (?:as |so )(?:long|much training|lang)"
    rf"|{relative.N} ?(?:x|times) (?P<way>longer|shorter)|(?P<percent>{relative.N}%) (?P<pway>longer|shorter)"
    rf"|(?P<dbl>double|halve|triple|half|twice|2x) (?:the )?(?:training )?(?:(?:time|length|duration|training|schedule|run|compute)\b)(?: length| time)?)"
)


_SHAPE = re.compile(
    rf"^(?:(?:make|model|network|the|it|net|a|much|slightly|bit|little) )*"
    rf"(?:(?P<word>{'|'.join(relative.FRACTIONS)}|{relative.N} ?(?:x|times)) (?:as |the )?(?:(?P<adj>wide|deep|wider|deeper|width|depth)\b)(?: as [\w ]+$)?"
    rf"|(?P<vague>wider|deeper|narrower|shallower)(?: (?:models?|networks?|nets?|one))?"
    rf"|(?P<size>bigger|larger|smaller) (?:models?|networks?|nets?|transformer|architecture)\b)"
)


def read_shape(draft: Draft) -> None:
    """How large the model is, relative to now: `twice as wide`, `a deeper model`."""
    text = draft.text
    for at in range(len(text)):
        found = _SHAPE.match(text.after(at, 10)) if text.low(at) else None
        if found is None:
            continue
        word = found["adj"] or found["vague"] or found["size"]
        concept = "depth" if word.startswith(("deep", "depth", "shallow")) else "width"
        known = next(iter(text.lexicon.of_concept(concept)), None)
        end = at + len(found.group().split())
        further = text.lexicon.match(text.tokens, end) if text.low(end) else None
        if known is None or (
            further is not None and further.concept is not None and further.concept.id == concept
        ):
            continue
        told = text.amount(end + (text.low(end) in ("(", ":", "to", "at")))
        if (found["vague"] or found["size"]) and told is not None and not text.owned(told[1]):
            last = text.skip(told[1], (")",), 1)
            draft.choose(
                known, [values.fitted(known, told[0])], f'"{text.said(at, last)}"', at, 0.95
            )
            text.take(at, last)
            continue
        if found["vague"] or found["size"]:
            relative.suppose(draft, known, word in ("narrower", "shallower", "smaller"), at, end)
            continue
        number = next((float(g) for g in found.groups() if g and re.fullmatch(relative.N, g)), 1.0)
        base = draft.base(known)
        value = values.scaled(known, base, relative.FRACTIONS.get(found["word"], number))
        why = f'"{text.said(at, end)}": from {values.shown(base.value)} in {base.where}'
        draft.choose(known, [value], why, at, 0.9)
        text.take(at, end)


def _said_of(draft: Draft, at: int) -> bool:
    """Whether a setting is named right before, which is meant then: `make the warmup twice as long`."""
    text = draft.text
    near = [text.lexicon.match(text.tokens, i) for i in range(max(at - 4, 0), at) if text.low(i)]
    lengths = ("steps", "epochs")
    return any(
        m.end == at and m.known and m.concept and m.concept.id not in lengths for m in near if m
    )


def _is_of_another(draft: Draft, end: int) -> bool:
    """Whether a setting is named right after, which is meant then: `5x longer warmup`."""
    text = draft.text
    further = text.lexicon.match(text.tokens, end) if text.low(end) else None
    return (
        further is not None
        and any(k.setting.type in ("int", "float") for k in further.known)
        and (further.concept is None or further.concept.id not in ("steps", "epochs"))
    )


_VAGUE = re.compile(
    r"^(?:(?:a|bit|little|much|somewhat|train|run|training|for|it|them|a little bit|slightly|even) )*(longer|shorter|länger|kürzer)"
    r"(?: (?:training|run|runs|schedule|bit))?\b"
)


def read_length(draft: Draft) -> None:
    """How long it trains, relative to now: `twice as long`, `2x longer`, `train longer`."""
    text = draft.text
    for at in range(len(text)):
        after = text.after(at, 10) if text.low(at) and not _said_of(draft, at) else ""
        found = _LONGER.match(after)
        end = at + len(found.group().split()) if found is not None else at
        if found is not None and not _is_of_another(draft, end) and (known := length_of(draft)):
            value = values.scaled(known, draft.base(known), _factor(found))
            base = draft.base(known)
            why = f'"{text.said(at, end)}": from {values.shown(base.value)} in {base.where}'
            draft.choose(known, [value], why, at, 0.9)
            text.take(at, end)
            continue
        loose = _VAGUE.match(after)
        if loose is not None and (known := length_of(draft)) is not None:
            end = at + len(loose.group().split())
            if text.lexicon.match(text.tokens, end) is None and not _is_thing(draft, end):
                relative.suppose(
                    draft,
                    known,
                    loose[1] in ("shorter", "kürzer"),
                    at,
                    end,
                )


def _is_thing(draft: Draft, at: int) -> bool:
    """Whether a noun follows that is longer then, and not the training: `longer sequences`."""
    return re.match(r"[a-z]{3,}s$", draft.text.low(at)) is not None


def _factor(found: re.Match[str]) -> float:
    if found["dbl"]:
        return {"double": 2, "twice": 2, "2x": 2, "triple": 3}.get(found["dbl"], 0.5)
    number = next((float(g) for g in found.groups() if g and re.fullmatch(relative.N, g)), 1.0)
    if found["percent"]:
        return 1 + number / 100 if found["pway"] == "longer" else 1 - number / 100
    if found["way"]:
        return number if found["way"] == "longer" else 1 / number
    return relative.FRACTIONS.get(found["word"] or "", number)


def read_tokens(draft: Draft) -> None:
    """How many steps `100M tokens` are, where no setting counts tokens: by batch, context and accumulation."""
    for mention in list(draft.missing):
        if mention.concept is None or mention.concept.id != "tokens":
            continue
        told = draft.text.amount(mention.start - 1) if mention.start else None
        steps = next(iter(draft.text.lexicon.of_concept("steps")), None)
        sizes = [_now(draft, c) for c in ("batch-size", "context", "accumulation")]
        if told is None or steps is None or None in sizes[:2] or told[0].value <= 0:
            continue
        each = math.prod(size for size in sizes if size is not None)
        if told[0].value < each:
            continue  # fewer than one step takes: no length of a training
        count = max(1, math.ceil(told[0].value / each))
        words = draft.text.said(mention.start - 1, mention.end)
        why = f'"{words}" are {count} steps of {each:g} tokens: batch size times context, times what is accumulated'
        draft.choose(steps, [values.fitted_number(steps, count)], why, mention.start - 1, 0.85)
        draft.suppose(why)
        draft.text.take(mention.start - 1, mention.end)
        draft.missing.remove(mention)


def _now(draft: Draft, concept: str) -> float | None:
    """The one value that the setting of a concept will have; None where it is not known."""
    known = next(iter(draft.text.lexicon.of_concept(concept)), None)
    if known is None:
        return None
    said = next(
        (s.values for s in draft.said if s.known.key == known.key), [draft.base(known).value]
    )
    value = said[0] if len(said) == 1 else None
    return (
        value
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        else None
    )


def length_of(draft: Draft) -> Known | None:
    """The setting that says how long it trains: the one of steps and epochs that is in force."""
    lexicon = draft.text.lexicon
    for concept in ("episodes", "steps", "epochs", "trees", "tokens"):
        for known in lexicon.of_concept(concept):
            value = draft.base(known).value
            if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
                return known
    return None


_CONSTANT = re.compile(
    r"^(?:constant|flat|fixed) (?:lr|learning rate)(?! (?:of|=|:|\d|schedule))"
    r"|^(?:keep|hold) (?:the )?(?:lr|learning rate) (?:constant|flat)"
    r"|^(?:stop|no|without|dont|do not) (?:decaying|annealing|decay|anneal|schedule) (?:the |my )?(?:lr|learning rate)"
)


_FLAT = re.compile(r"^(?:constant|flat) (?=(?:lr|learning rate)(?: (?:of|at|=|:))? [\d.])")
"""The rate that follows is read by another; here only that it stays."""


_NO_DECAY = re.compile(
    r"^(?:(?:please|pls|,|and|so|with) )*no (?:lr )?(?:decay|schedule|scheduler|annealing)(?= [,;.]|$)"
)
"""The same again, and no word on the weight decay."""
_DECAYS = (
    "decaylr",
    "annealllr",
    "anneallr",
    "lrdecay",
    "lranneal",
    "uselrdecay",
    "uselrscheduler",
)


def read_constant(draft: Draft) -> None:
    """Takes `keep the learning rate constant` where a setting switches its decay."""
    text = draft.text
    for at in range(len(text)):
        after = text.after(at) if text.low(at) else ""
        found = _CONSTANT.match(after) or _FLAT.match(after)
        if found is None or text.low(at - 1) in ("vs", "versus", "or", "/"):
            continue
        end = at + len(found.group().split())
        if text.low(end) in ("vs", "versus", "or", "/"):
            continue
        again = _NO_DECAY.match(text.after(end))
        end += len(again.group().split()) if again else 0
        why = f'"{text.said(at, end)}"'
        for known in text.lexicon.known:
            name = vocabulary.joined(known.setting.name.rpartition(".")[2])
            schedule = known.concept is not None and known.concept.id == "schedule"
            if known.setting.type == "bool" and name in _DECAYS:
                draft.choose(known, [False], why, at, 0.95)
            elif schedule and (value := values.worded(known, "constant")) is not None:
                draft.choose(known, [value], why, at, 0.95)
            else:
                continue
            text.take(at, end)
            break
