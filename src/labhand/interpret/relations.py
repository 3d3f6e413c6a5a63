"""Settings said by another one: `min lr a tenth of that`, `effective batch 128`, `alpha twice the rank`."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from labhand.core.errors import UsageError
from labhand.interpret import pairs, patience, relative, values
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, Mention
from labhand.interpret.text import Text
from labhand.interpret.words import whole

_FACTOR = re.compile(
    rf"^(?:(?:is|be|to be|should be|at|to|=|:|always|set|kept|being|that is|which is|with|to) )*"
    rf"(?:(?P<as>the same as|same as|equal to|equals)"
    rf"|(?P<part>1 (?P<of>half|third|quarter|fifth|tenth|hundredth)|(?:a )?(?P<word>half|third|quarter|fifth|tenth|hundredth|twice|double|triple))"
    rf"|{relative.N} ?(?:x|times|\*)|(?P<percent>[\d.]+)%|1 / (?P<over>\d+)|(?P<share>0\.\d+)(?= of))"
    rf"(?: (?:of|the|that|it|its|value|current|my))*"
)
_PARTS = {"hundredth": 0.01}
_EFFECTIVE = re.compile(
    r"^(?:(?P<which>effective|total|global|overall)(?: -)?(?: (?:train|training))?"
    r" (?:batch(?:es)?(?: -)? ?size|batchsize|batch|bs)|accumulat(?:e|ing)(?: gradients| grads)?(?: up)?"
    r"(?= to(?: an?)?(?: effective| total)?(?: batch)?(?: size)?(?: of)? \d))"
    r"(?P<to>(?: (?:to|of|is|=|:|at|be|as|it|stays?|remains?|the|an?|effective|total|batch|size|same|fixed|constant|unchanged|equal|up))*)"
)
_KEPT = re.compile(
    r"(?:(?:and|,|so|that|keep|keeping|hold|holding|for|to get|get|an|a|the|maintain|maintaining|with) )*$"
)


class Derived(NamedTuple):
    """A setting that is so many times another one; `why` are the words that say so."""

    known: Known
    factor: float
    of: Known
    why: str
    start: int


class Product(NamedTuple):
    """Batch size times accumulation is to be `size`; None: what it is now."""

    batch: Known
    steps: Known
    size: float | None
    why: str
    start: int


class Along(NamedTuple):
    """The learning rate goes with the batch size, to this power; None: it is not said how."""

    rate: Known
    batch: Known
    power: float | None
    why: str
    start: int


def read(draft: Draft) -> None:
    """Finds what is said by another setting. The values come later, by `settle`."""
    _along(draft)
    _effective(draft)
    _ends(draft)
    _floor(draft)
    _dropped(draft)
    patience.read(draft)
    _derived(draft)


_FROM_TO = re.compile(
    rf"^(?:(?:decay\w*|anneal\w*|goes|going|go|decreas\w*|ramp\w*|:|=) )*(?:from )?{relative.N} (?:down )?(?:to|->) {relative.N}"
    rf"(?: (?:over|in|within|during)(?: the first)? {relative.N}(?: (?:steps|frames|iterations))?)?"
)


def _ends(draft: Draft) -> None:
    """`epsilon from 1 to 0.05 over 100k steps`, where the code has a setting for each of these."""
    text, settings = (
        draft.text,
        {k.setting.name.lower().replace("-", "_"): k for k in draft.text.lexicon.known},
    )
    for at in range(len(text)):
        head, found = text.low(at), _FROM_TO.match(text.after(at + 1, 14))
        head = head.removesuffix("s") if f"{head.removesuffix('s')}_min" in settings else head
        first = _first(
            settings, f"{head}_start", f"start_{head}", f"{head}_init", f"initial_{head}", f"{head}_min", f"min_{head}",
        )  # fmt: skip
        last = _first(
            settings, f"{head}_end", f"end_{head}", f"{head}_final", f"final_{head}", f"{head}_max", f"max_{head}"
        )  # fmt: skip
        if found is None or first is None or last is None or not head.isalpha():
            continue
        over = _first(
            settings,
            f"{head}_decay_steps",
            f"{head}_decay",
            f"{head}_steps",
            f"{head}_anneal_steps",
        )
        if found[3] and over is None:
            continue
        end = at + 1 + len(found.group().split())
        why = f'"{text.said(at, end)}"'
        for known, told in ((first, found[1]), (last, found[2]), (over, found[3])):
            if known is not None and told:
                draft.choose(known, [values.fitted_number(known, float(told))], why, at, 0.95)
        text.take(at, end)


class _Place(NamedTuple):
    """The tokens that a pattern took, from `at` up to `end`, and the words for it."""

    at: int
    end: int
    found: re.Match[str]
    why: str


def _first(settings: dict[str, Known], *names: str) -> Known | None:
    return next((settings[name] for name in names if name in settings), None)


def _places(text: Text, pattern: re.Pattern[str], words: int) -> Iterator[_Place]:
    """Where unused tokens begin what the pattern says, read in at most so many words."""
    for at in range(len(text)):
        found = pattern.match(text.after(at, words)) if text.low(at) else None
        if found is not None:
            end = at + len(found.group().split())
            yield _Place(at, end, found, f'"{text.said(at, end)}"')


_FLOOR = re.compile(
    rf"^(?:and )?(?:decay\w*|anneal\w*)(?: (?:it|down|linearly|decay))* to {relative.N}"
)


def _floor(draft: Draft) -> None:
    """`lr 1e-3 decaying to 1e-5`, where the script has a setting for the least rate."""
    text = draft.text
    least = next(iter(text.lexicon.of_concept("min-learning-rate")), None)
    if least is None:
        return
    for at, end, found, why in _places(text, _FLOOR, 8):
        if text.low(at - 1) not in ("weight", "ema"):
            draft.choose(least, [values.fitted_number(least, float(found[1]))], why, at, 0.9)
            text.take(at, end)


_DROPPED = re.compile(
    rf"^(?:decay|drop|step|anneal|divide|reduce|cut|multiply|lower)(?: (?:the|lr|learning rate|it|down))* every {relative.N}"
    rf"(?: (?:epochs?|steps?|iters|iterations))? by (?:a )?(?:factor (?:of )?)?{relative.N}x?(?= |$)"
)


_DROPPED_BY = re.compile(
    rf"^(?:decay|drop|step|anneal|divide|reduce|cut|multiply|lower)(?: (?:the|lr|learning rate|it|down))* by (?:a )?(?:factor (?:of )?)?{relative.N}x?"
    rf" (?:every|after|each) {relative.N}(?: (?:epochs?|steps?|iters|iterations))?(?= |$)"
)


def _dropped(draft: Draft) -> None:
    """`decay every 30 epochs by 0.1`, `decay the lr by .95 after 20 epochs`, where the script has a setting for each."""
    text = draft.text
    often, much = (next(iter(text.lexicon.of_concept(c)), None) for c in ("lr-step", "lr-factor"))
    if often is None or much is None:
        return
    both = [(p, 1, 2) for p in _places(text, _DROPPED, 14)]
    both += [(p, 2, 1) for p in _places(text, _DROPPED_BY, 14)]
    for (at, end, found, why), count, size in both:
        factor = float(found[size])
        draft.choose(often, [values.fitted_number(often, float(found[count]))], why, at, 0.95)
        by = values.rounded(1 / factor if factor > 1 else factor)
        draft.choose(much, [values.fitted_number(much, by)], why, at, 0.95)
        text.take(at, end)


_RATE = r"(?:the |my |its )?(?:lr|lrs|learning rate|learning rates|learning - rate)"
_HOW = (
    r"accordingly|linear(?:ly)?|proportional(?:ly)?|in proportion|to match|to fit|likewise|similarly|with it|along|too|as well"
    r"|(?:with|by|as|to|proportional(?:ly)? to|in line with) (?:the )?(?:same (?:factor|amount|ratio)"
    r"|(?:(?:square root|sqrt)(?: of)?(?: the)? ?)?(?:batch(?: ?-? ?size)?|bs|batchsize|it|that)?)"
)
_ALONG = re.compile(
    rf"^(?:(?:and|then|also|with|,) )*(?:(?:scale|rescale|adjust|adapt)(?: up| down)? {_RATE} (?P<how>{_HOW})(?= |$)"
    rf"|{_RATE} (?:(?:is|to be|should be|being) )?(?:scaled|rescaled|adjusted|adapted)(?: up| down)? (?P<done>{_HOW})(?= |$)"
    rf"|(?:(?:use|apply|using|follow|following|the) )*(?P<rule>linear|linearly|sqrt|square root) (?:scaled |scaling )?(?:{_RATE} ?)?"
    rf"(?:scaling|scaling rule)(?: rule)?(?: (?:for|of|on) {_RATE})?(?= |$))"
)


def _along(draft: Draft) -> None:
    """`double the batch and scale the lr accordingly`, `linear scaling rule`."""
    text = draft.text
    rate, batch = (
        next(iter(text.lexicon.of_concept(c)), None) for c in ("learning-rate", "batch-size")
    )
    if rate is None or batch is None:
        return
    for at, end, found, words in _places(text, _ALONG, 14):
        why = re.sub(r'^"(?:(?:and|then|also|with|,) ?)+', '"', words)
        said = found["how"] or found["done"] or found["rule"]
        power = 0.5 if re.search("sqrt|square", said) else None
        if re.search(r"linear|proportion|with it|with (?:the )?(?:batch|bs)|same", said):
            power = 1.0
        draft.relations.append(Along(rate, batch, power, why, at))
        text.take(at, end)


def _derived(draft: Draft) -> None:
    text = draft.text
    last: Mention | None = None
    at = 0
    while at < len(text):
        mention = text.lexicon.match(text.tokens, at) if text.low(at) else None
        if mention is None or not mention.known:
            at += 1
            continue
        end = _relation(draft, mention, last)
        last, at = mention, max(end, mention.end)


def _relation(draft: Draft, mention: Mention, last: Mention | None) -> int:
    """Where a relation that follows a setting ends; 0: there is none."""
    text, known = draft.text, mention.known[0]
    interval = mention.concept is not None and mention.concept.id.endswith("interval")
    if known.setting.type not in ("int", "float") or interval:
        return 0
    if end := _quotient_of(draft, mention):
        return end
    if relative.is_changed(text.before(mention.start)):
        return 0  # it has a change of its own: `twice as many envs with half the rollout`
    found = _FACTOR.match(text.after(mention.end, 10))
    if found is None:
        return 0
    words = found.group().split()
    end = mention.end + len(words)
    other = text.lexicon.match(text.tokens, end, bare=True) if text.low(end) else None
    refers = words[-1] in ("that", "it") and last is not None
    if other is not None and other.known and words[-1] in ("of", "the", "its", "as", "my", *_BARE):
        of, end = other.known[0], other.end
        if text.low(end) == "'s":
            return 0
    elif refers and last is not None:
        of = last.known[0]
    else:
        return 0
    if of.key == known.key or of.setting.type not in ("int", "float", None):
        return 0
    draft.relations.append(
        Derived(known, _factor(found), of, f'"{text.said(mention.start, end)}"', mention.start)
    )
    text.take(mention.start, end)
    return end


def _quotient_of(draft: Draft, mention: Mention) -> int:
    """Where `min lr = lr / 10` ends, or `alpha = 2 * r`; 0: it is no such thing."""
    text = draft.text
    at = text.skip(mention.end, ("=", ":", "to", "is", "at", "of"), 2)
    before = text.amount(at)
    times = before is not None and text.low(before[1]) in ("*", "x")
    glued = (
        before is not None and text.low(before[1]) and text.tokens[before[1]].glued and not times
    )
    past = (before[1] + (0 if glued else 1)) if before and (times or glued) else at
    times = times or bool(glued)
    other = text.lexicon.match(text.tokens, past, bare=True)
    if other is None or not other.known or at == mention.end or other.flag:
        return 0
    known, of = mention.known[0], other.known[0]
    after = text.amount(other.end + 1) if text.low(other.end) in ("/", "*", "x") else None
    if (
        of.key == known.key
        or (after is None) == (not times)
        or of.setting.type not in ("int", "float")
    ):
        return 0
    number, end = (before[0].value, other.end) if times and before else (after[0].value, after[1]) if after else (0, 0)  # fmt: skip
    if not number:
        return 0
    factor = 1 / number if not times and text.low(other.end) == "/" else number
    why = f'"{text.said(mention.start, end)}"'
    draft.relations.append(Derived(known, factor, of, why, mention.start))
    text.take(mention.start, end)
    return end


_BARE = ("twice", "double", "half", "times", "x")


def _factor(found: re.Match[str]) -> float:
    if found["as"]:
        return 1.0
    word = found["of"] or found["word"]
    if word:
        return _PARTS.get(word) or relative.FRACTIONS[word]
    if found["percent"]:
        return float(found["percent"]) / 100
    if found["over"]:
        return 1 / float(found["over"])
    return float(
        found["share"] or next(g for g in found.groups() if g and re.fullmatch(relative.N, g))
    )


def _effective(draft: Draft) -> None:
    """`effective batch 128`, where the script has a batch size and a number of accumulated steps."""
    text = draft.text
    batch, steps = (
        next(iter(text.lexicon.of_concept(c)), None) for c in ("batch-size", "accumulation")
    )
    if batch is None:
        return
    if steps is None:
        _whole_batch(draft, batch)
        return
    for at in range(len(text)):
        found = _EFFECTIVE.match(text.after(at, 12)) if text.low(at) else None
        own = text.lexicon.match(text.tokens, at)
        if found is None or (own is not None and own.known and own.strength == 1.0):
            continue
        end = at + len(found.group().split())
        told = text.amount(end)
        size = told[0].value if told is not None and not told[0].unit else None
        end = told[1] if told is not None and size is not None else end
        lead = _KEPT.search(text.before(at, 4))
        start = at - (len(lead.group().split()) if lead else 0)
        draft.relations.append(Product(batch, steps, size, f'"{text.said(at, end)}"', start))
        text.take(start, end)


def _whole_batch(draft: Draft, batch: Known) -> None:
    """Takes `effective batch 128` as the batch size where the script has one for a part of it as well."""
    text = draft.text
    part = r"^(?:micro|per|device|mini)|_(?:per_(?:gpu|device)|micro)"
    parts = [
        k
        for k in text.lexicon.known
        if "batch" in k.setting.name and re.search(part, k.setting.name)
    ]
    if not parts or batch in parts:
        return
    for at in range(len(text)):
        found = _EFFECTIVE.match(text.after(at, 12)) if text.low(at) else None
        told = text.amount(at + len(found.group().split())) if found and found["which"] else None
        if told is None or told[0].unit or text.owned(told[1]):
            continue
        draft.choose(batch, [values.fitted(batch, told[0])], f'"{text.said(at, told[1])}"', at, 0.9)
        text.take(at, told[1])


def settle(draft: Draft) -> None:
    """Gives the settings of relations their values, now that the others are known."""
    for relation in draft.relations:
        if isinstance(relation, Derived):
            _settle_derived(draft, relation)
        elif isinstance(relation, Along):
            _settle_along(draft, relation)
        else:
            _settle_product(draft, relation)


def _said(draft: Draft, known: Known) -> list[object]:
    return next((s.values for s in draft.said if s.known.key == known.key), [])


def _settle_derived(draft: Draft, relation: Derived) -> None:
    known, of = relation.known, relation.of
    source = _said(draft, of) or [draft.base(of).value]
    found = [values.scaled(known, values.Base(v, f"`{of.key}`"), relation.factor) for v in source]
    draft.choose(
        known, found, f"{relation.why}: of `{of.key}` {_listed(source)}", relation.start, 0.9
    )
    _pair(draft, known, found, of, source)


def _settle_along(draft: Draft, relation: Along) -> None:
    rate, batch = relation.rate, relation.batch
    sizes, before = _said(draft, batch), draft.base(batch).value
    if not sizes or not isinstance(before, int | float) or before <= 0:
        draft.suppose(f"{relation.why}: `{batch.key}` stays, and so does `{rate.key}`")
        return
    told = _said(draft, rate)
    base = values.Base(told[0], "the instruction") if len(told) == 1 else draft.base(rate)
    if len(told) > 1 or not isinstance(base.value, int | float):
        draft.suppose(f"{relation.why}: `{rate.key}` is as said, for each `{batch.key}`")
        return
    factors = [float(str(size)) / before for size in sizes]
    power = 1.0 if relation.power is None else relation.power
    found = [values.scaled(rate, base, factor**power) for factor in factors]
    how = "the square root of `" if power == 0.5 else "`"
    why = f"{relation.why}: from {values.shown(base.value)} in {base.where}, with {how}{batch.key}`"
    draft.said = [s for s in draft.said if s.known.key != rate.key]
    draft.choose(rate, found, why, relation.start, 0.95 if relation.power else 0.75)
    if told:
        draft.doubt(
            f"Is `{rate.key}` {values.shown(told[0])} still to be scaled?",
            [found[0], told[0]],
            found[0],
            0.4,
        )
    elif relation.power is None:
        root = [values.scaled(rate, base, factor**0.5) for factor in factors]
        draft.doubt(
            f"How shall `{rate.key}` go with `{batch.key}`?", [*found, *root], found[0], 0.3
        )
    _pair(draft, rate, found, batch, sizes)


def _settle_product(draft: Draft, relation: Product) -> None:
    batch, steps = relation.batch, relation.steps
    sizes, counts = _said(draft, batch), _said(draft, steps)
    now = [draft.base(k).value for k in (batch, steps)]
    size = relation.size
    if size is None:
        numbers = [v for v in now if isinstance(v, int | float)]
        size = math.prod(numbers) if len(numbers) == 2 else None
    if size is None:
        raise UsageError(f"{relation.why}: nothing tells what it is now; say it as a number")
    if sizes and counts:
        _agree(draft, relation, sizes, counts, size)
        return
    given, known, other = (counts, batch, steps) if counts else (sizes or now[:1], steps, batch)
    found = [_quotient(relation, known, other, size, v) for v in given]
    told = "" if sizes or counts else f", with `{other.key}` as it is"
    why = f"{relation.why}: {whole(size)} / `{other.key}` {_listed(given)}{told}"
    draft.choose(known, found, why, relation.start, 0.9)
    if sizes or counts:
        _pair(draft, known, found, other, given)


def _agree(
    draft: Draft, relation: Product, sizes: list[object], counts: list[object], size: float
) -> None:
    products = [float(str(a)) * float(str(b)) for a in sizes for b in counts]
    if size not in products:
        raise UsageError(
            f"the instruction contradicts itself: {relation.why}, and `{relation.batch.key}` {_listed(sizes)} "
            f"times `{relation.steps.key}` {_listed(counts)} is {', '.join(f'{p:g}' for p in products)}; say two of them"
        )
    draft.suppose(f"{relation.why} is `{relation.batch.key}` times `{relation.steps.key}`")


def _quotient(relation: Product, known: Known, other: Known, size: float, by: object) -> object:
    number = size / by if isinstance(by, int | float) and by else 0.5
    if number != int(number) or number < 1:
        raise UsageError(
            f"{relation.why}: {size:g} is no multiple of `{other.key}` {by}; say `{known.key}` or another size"
        )
    return values.fitted_number(known, int(number))


def _pair(draft: Draft, known: Known, found: list[object], of: Known, source: list[object]) -> None:
    if len(source) > 1:
        rows = zip(source, found, strict=True)
        pairs.pair(draft, [{of.key: one, known.key: other} for one, other in rows])


def _listed(found: list[object]) -> str:
    return ", ".join(map(values.shown, found))
