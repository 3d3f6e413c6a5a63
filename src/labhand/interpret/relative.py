"""Wishes relative to what is: `half the batch`, `10x smaller lr`, `twice as long`, `2 more layers`, `longer`."""

import re
from typing import NamedTuple

from labhand.interpret import values, vocabulary
from labhand.interpret.clauses import clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, Mention
from labhand.interpret.text import SEPARATORS, Text

N = r"(\d+\.?\d*(?:e[-+]?\d+)?)"
_OF = r"(?: (?:the|my|our|its|of|as much|as many|as|that|current|default|present|original|a|an|as large a|old|usual|size|die|der|den|das|so viele|so))*"
UP = "larger|bigger|higher|greater|more|longer|increased|wider|deeper|faster|stronger|größer|größere|höher|höhere|mehr|länger"
DOWN = "smaller|lower|less|fewer|shorter|reduced|decreased|slower|weaker|narrower|shallower|kleiner|kleinere|niedriger|niedrigere|weniger|kürzer"


class Change(NamedTuple):
    """By how much: so many times the present value, and so much more."""

    factor: float
    plus: float = 0.0


FRACTIONS = {
    "half": 0.5, "halve": 0.5, "halved": 0.5, "halving": 0.5, "verdoppeln": 2,
    "verdreifachen": 3,
    "halbieren": 0.5,
    "halbe": 0.5, "halbiere": 0.5,
    "halber": 0.5, "halb": 0.5, "double": 2, "doubled": 2, "doubling": 2, "twice": 2, "doppelte": 2,
    "verdopple": 2, "doppelt": 2, "triple": 3, "tripled": 3, "thrice": 3, "treble": 3,
    "quadruple": 4, "quadrupled": 4, "quarter": 0.25, "fourth": 0.25, "third": 1 / 3, "fifth": 0.2,
    "tenth": 0.1, "tenfold": 10, "fivefold": 5, "fourfold": 4, "threefold": 3, "twofold": 2, "quartered": 0.25,
}  # fmt: skip
_WORDS = "|".join(sorted(FRACTIONS, key=len, reverse=True))
_AN = r"(?:(?:a|an|one|1) )?"
_LEFT: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?:^|(?<= )){pattern}{_OF}$"), kind)
    for pattern, kind in (
        (rf"{N}x(?: (?:a )?)?(?: ?(?:{DOWN}))", "over"),
        (rf"{N} ?(?:x|times)(?: (?:{DOWN}))", "over"),
        (
            rf"(?:reduce|decrease|lower|cut|drop|shrink|divide|scale down)(?:.{{0,12}})? {N}x",
            "over",
        ),
        (rf"{N} ?(?:x|times)(?: (?:{UP}))?", "times"),
        (rf"x {N}", "times"),
        (r"1 / (\d+)(?: ?(?:th|rd))?", "over"),
        (rf"{N}%(?: (?:{DOWN}))", "percent-less"),
        (rf"{N}%(?: (?:{UP}))", "percent-more"),
        (rf"{N}%(?: of)", "percent-of"),
        (rf"{_AN}order of magnitude (?:{DOWN})", "tenth"),
        (rf"{_AN}order of magnitude (?:{UP})", "tenfold"),
        (rf"{N} (?:more|extra|additional|further|mehr)", "plus"),
        (r"(?:a|an|another) (?:extra|additional|further|more)", "one-more"),
        (rf"another {N}", "plus"),
        (r"another", "one-more"),
        (rf"{N} (?:fewer|less|weniger)", "minus"),
        (rf"add(?:ing)? {N}(?: more| extra)?", "plus"),
        (rf"remove {N}", "minus"),
        (rf"{_AN}({_WORDS})", "word"),
    )
)
_RIGHT: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (
        re.compile(
            rf"^(?:(?:is|be|to be|should be|gets|get|goes|of|to|-|=|:|it) )*{pattern}(?= |$)"
        ),
        kind,
    )
    for pattern, kind in (
        (rf"(?:up |down )?by (?:a )?(?:factor of )?{N}x?(?: times)?", "by-factor"),
        (rf"by {N}%", "by-percent"),
        (rf"by {N}", "by"),
        (r"by (?:an |a |1 )?order of magnitude", "by-ten"),
        (r"by (?:a )?(half|third|quarter|tenth)", "by-part"),
        (r"in (half)", "word"),
        (r"(?:down )?to (?:a )?(half|third|quarter|tenth)", "word"),
        (rf"(?:x|\*|times) ?{N}", "times"),
        (rf"/ ?{N}", "over"),
        (rf"{N} ?(?:x|times) ?(?:{DOWN})", "over"),
        (rf"{N}x(?: (?:{UP}))?", "times"),
        (rf"\+ ?{N}%", "percent-more"),
        (rf"- ?{N}%", "percent-less"),
        (rf"-{N}%", "percent-less"),
        (rf"down {N}x", "over"),
        (rf"up {N}x", "times"),
        (rf"(?:down|lower) (?:by )?{N}%", "percent-less"),
        (rf"(?:up|higher) (?:by )?{N}%", "percent-more"),
        (rf"{N}% (?:{DOWN})", "percent-less"),
        (rf"{N}% (?:{UP})", "percent-more"),
        (
            rf"{N}% of (?:the )?(?:default|current|present|original|what it (?:is|was))",
            "percent-of",
        ),
        (rf"{_AN}order of magnitude (?:{DOWN}|down)", "tenth"),
        (rf"{_AN}order of magnitude (?:{UP}|up)", "tenfold"),
        (
            rf"{_AN}({_WORDS})(?: (?:that|it|of it|of that|the default|as (?:large|big|high|long|many|much|small)))*",
            "word",
        ),
    )
)
_LESS = (
    r"\b(?:reduce|decrease|lower|cut|drop|shrink|divide|down|less|fewer|scale down|turn down|lowering|reducing|"
    r"decreasing|dividing)\b"
)
_MORE = r"\b(?:increase|raise|bump|grow|up|scale up|turn up|multiply|scale|boost|crank|increasing|raising|extend|add)\b"
_SHRINKS = re.compile(_LESS + r"[^,;.]*$")
_GROWS = re.compile(_MORE + r"[^,;.]*$")
_VERB = re.compile(r"(?:\b(?:please|then|also|and|just) )*\b(?:reduce|decrease|lower|cut|drop|shrink|divide|scale down|turn down|increase|raise|bump up|bump|grow|scale up|turn up|multiply|scale|boost|crank up|crank|double|make|set|use|with|try)(?: (?:the|my|our|a|down|up))*$")  # fmt: skip
_VAGUE_LEFT = re.compile(
    rf"(?:(?:a|an|slightly|somewhat|a bit|bit|a little|little|much|even|some|try|use|way|much) )*({UP}|{DOWN}){_OF}$"
)
_VAGUE_VERB = re.compile(
    r"\b(reduce|decrease|lower|cut|shrink|turn down|increase|raise|bump up|bump|grow|turn up|boost|crank up|crank)(?: (?:the|my|our|a|a bit|bit|up|down))*$"
)
_VAGUE_RIGHT = re.compile(
    rf"^(?:(?:is|be|to be|should be|a|bit|little|slightly|somewhat|much|even|go|goes) )*({UP}|{DOWN}|up|down)\b"
)


def _shrinks(before: str) -> bool:
    """Whether the last verb before makes it less."""
    ways = [m.group() for m in re.finditer(f"{_LESS}|{_MORE}", before)]
    return bool(ways) and re.fullmatch(_LESS, ways[-1]) is not None


def _change(kind: str, found: re.Match[str], before: str) -> Change | None:
    text = next((g for g in found.groups() if g), "")
    down = _shrinks(before) or found.group().startswith("down ")
    if kind == "word":
        factor = FRACTIONS[text]
        return Change(1 / factor if down and factor > 1 else factor)
    if kind == "by-part":
        part = {"half": 0.5, "third": 1 / 3, "quarter": 0.25, "tenth": 0.1}[text]
        return Change(1 - part if down else 1 + part)
    if kind in ("tenth", "tenfold", "by-ten", "one-more"):
        ten = Change(0.1) if kind == "tenth" or (kind == "by-ten" and down) else Change(10)
        return Change(1, 1) if kind == "one-more" else ten
    number = float(text)
    if not number:
        return None
    factors = {
        "over": 1 / number, "times": number, "percent-less": 1 - number / 100,
        "percent-more": 1 + number / 100, "percent-of": number / 100,
        "by-factor": 1 / number if down else number,
        "by-percent": 1 - number / 100 if down else 1 + number / 100,
    }  # fmt: skip
    if kind in factors:
        return Change(factors[kind])
    return Change(1, -number if kind == "minus" or down else number)


_GOES_ON = re.compile(r"\b(?:continue|continuing|resume|resuming|go on|start from|from)\b")


def relative_right(draft: Draft, mention: Mention) -> int:
    """A change that follows: `lr x10`, `batch size by half`, `wd / 10`, `epochs doubled`."""
    text = draft.text
    if end := _after_its_number(draft, mention):
        return end
    after, before = text.after(mention.end), text.whole_before(mention.start)
    for pattern, kind in _RIGHT:
        found = pattern.match(after)
        if found is None or (
            kind == "by" and not (_SHRINKS.search(before) or _GROWS.search(before))
        ):
            continue
        by_factor = re.search(r"x|times|factor", found.group())
        if (
            kind == "by-factor"
            and not by_factor
            and not re.search(r"\b(?:divide|multiply|scale)\b", before)
        ):
            continue
        if kind == "over" and found.group().startswith("/") and text.low(mention.end) != "/":
            continue
        end = mention.end + _tokens(text, mention.end, found.group())
        if kind in ("times", "word", "over") and _owned(draft, mention, end, kind, found.group()):
            continue
        change = _change(kind, found, before)
        if change is None:
            continue
        verb = _VERB.search(text.before(mention.start))
        if kind == "times" and verb and _shrinks(verb.group()) and change.factor > 1:
            change = Change(1 / change.factor)
        if _says_itself(draft, mention, kind, end):
            value = values.fitted_number(mention.known[0], change.factor)
            draft.set(mention, [value], mention.start, end)
            return end
        start = mention.start - (len(verb.group().split()) if verb else 0)
        return _apply(draft, mention, change, start, end)
    return 0


def _says_itself(draft: Draft, mention: Mention, kind: str, end: int) -> bool:
    """Whether a factor is the value itself: of what counts times, and of a share of the rows."""
    share = kind == "word" and _SHARE_OF.match(draft.text.after(end)) is not None
    return (kind == "times" and _counts_itself(mention)) or (share and _is_share(mention.known[0]))


_SHARE_OF = re.compile(
    r"^(?:of )?(?:the|all) (?:rows|data|samples|images|columns|features|examples)\b"
)


def _is_share(known: Known) -> bool:
    """Whether a setting is a share of something, so that `half the rows` is 0.5."""
    now = known.setting.default
    return known.setting.type == "float" and isinstance(now, float) and 0 < now <= 1


_LESS_AFTER = re.compile(r"^(?P<way>less|fewer|more)(?= ,| and|$)")


def _after_its_number(draft: Draft, mention: Mention) -> int:
    """`one epoch less`, `2 layers more`: a number before the setting, and which way after it."""
    text = draft.text
    way = _LESS_AFTER.match(text.after(mention.end))
    number = (
        text.amount(mention.start - 1)
        if mention.start and not text.used[mention.start - 1]
        else None
    )
    if way is None or number is None or number[0].unit or number[1] != mention.start:
        return 0
    plus = number[0].value if way["way"] == "more" else -number[0].value
    return _apply(draft, mention, Change(1, plus), mention.start - 1, mention.end + 1)


def _counts_itself(mention: Mention) -> bool:
    """Whether a number of times is the value, and no multiple of it: `accumulate 8x`."""
    return mention.concept is not None and mention.concept.id == "accumulation"


def multiples(draft: Draft, mention: Mention) -> int:
    """Several multiples that follow: `lr x {0.5, 1, 2}`, `lr 5e-5 x {0.5, 1}`, `lr 0.5x, 1x and 2x`."""
    text, known = draft.text, mention.known[0]
    at = text.skip(mention.end, ("=", ":", "to", "at", "of", "by"), 2)
    base = draft.base(known)
    first = text.amount(at)
    if first is not None and not first[0].unit and text.low(first[1]) in ("x", "*", "times"):
        base = values.Base(values.fitted(known, first[0]), "the instruction")
        at = first[1]
    signed = text.low(at) in ("x", "*", "times") and text.low(at + 1) in ("{", "[", "(")
    at = at + 2 if signed else text.skip(at, ("{", "[", "("), 1)
    factors: list[float] = []
    end = at
    while True:
        found = text.amount(at)
        worded = _multiple(text, at) if found is None and not signed else None
        if worded is None and (found is None or found[0].unit != ("" if signed else "x")):
            break
        factor, past = worded or ((found[0].value, found[1]) if found else (1.0, at))
        factors.append(factor)
        end = text.skip(past, ("}", "]", ")"), 1)
        at = text.skip(end, SEPARATORS, 2)
    if len(factors) < 2:
        return 0
    why = f"multiples of {values.shown(base.value)} in {base.where}"
    draft.set(mention, [values.scaled(known, base, f) for f in factors], mention.start, end, 0.95)
    draft.said[-1] = draft.said[-1]._replace(why=f"{draft.said[-1].why}: {why}")
    return end


def _multiple(text: Text, at: int) -> tuple[float, int] | None:
    """A multiple in words that begins at a token, and where it ends: `half`, `double`, `as is`."""
    alone = text.low(at + 1) in ("", ",", "and", "or", "/", ";", ".")
    if text.low(at) in FRACTIONS and alone:
        return FRACTIONS[text.low(at)], at + 1
    same = re.match(
        r"(?:as is|as it is|unchanged|the same|same|(?:the )?(?:default|current)(?: 1)?)(?= |$)",
        text.after(at, 3),
    )
    return (1.0, at + len(same.group().split())) if same else None


def _owned(draft: Draft, mention: Mention, end: int, kind: str, group: str) -> bool:
    """Whether what follows a setting is said of the next one: `dropout 0.1, lr half the batch`."""
    further = draft.text.lexicon.match(draft.text.tokens, draft.text.skip(end, ("the", "of"), 2))
    plain = re.match(r"(?:x|\*|/|times|is|be|to|=|:|of)\b|/", group)
    return further is not None and not plain and not draft.text.has_value(further)


def _tokens(text: object, at: int, group: str) -> int:
    return len(group.split())


def _names_a_share(lead: str) -> bool:
    """Whether what stands before `10% of the steps` says what is a tenth of them: `mask`."""
    last = lead.split()[-1:]
    verbs = "train run use set take keep do cut reduce"
    return (
        bool(last) and last[0].isalpha() and last[0] not in vocabulary.FILLERS | set(verbs.split())
    )


def is_changed(before: str) -> bool:
    """Whether words end in a change of what follows them: `half the`, `2x more`."""
    return any(pattern.search(before) for pattern, _ in _LEFT)


def relative_left(draft: Draft, mention: Mention) -> int:
    """A change that stands before: `half the batch`, `10x smaller lr`, `2 more layers`."""
    before = draft.text.before(mention.start)
    for pattern, kind in _LEFT:
        found = pattern.search(before)
        if found is None:
            continue
        lead = before[: found.start()]
        if kind == "percent-of" and _names_a_share(lead):
            return 0
        change = _change(kind, found, lead)
        if found.group().startswith("another ") and _GOES_ON.search(
            draft.text.whole_before(mention.start, 20)
        ):
            change = Change(0, float(found[1]))  # what goes on counts from nothing
        if change is not None:
            start = mention.start - len(found.group().split())
            if (
                kind == "times"
                and change.factor > 1
                and re.search(r"\b(?:reduce|decrease|lower|cut|divide)\b", lead)
            ):
                change = Change(1 / change.factor)
            return _apply(draft, mention, change, start, mention.end)
    return 0


def _apply(draft: Draft, mention: Mention, change: Change, start: int, end: int) -> int:
    known = mention.known[0]
    if known.setting.type in ("str", "bool"):
        return 0  # what is a word has no multiple: `90% of the data` is none of `data`
    base = draft.base(known)
    value = values.scaled(known, base, change.factor, change.plus)
    _note_rounding(draft, known, base, change, value)
    draft.set(mention, [value], start, end, 0.95)
    said = draft.said[-1]
    why = f"{said.why}: from {values.shown(base.value)} in {base.where}"
    draft.said[-1] = said._replace(why=why)
    return draft.text.skip(end, ("as", "it", "is", "was", "now", "before", "than"), 3)


def _note_rounding(
    draft: Draft, known: Known, base: values.Base, change: Change, value: object
) -> None:
    exact = float(str(base.value)) * change.factor + change.plus
    if isinstance(value, int) and abs(value - exact) > 1e-6:
        draft.suppose(f"`{known.key}` is a whole number: {values.shown(exact)} is taken as {value}")


def likewise(draft: Draft) -> None:
    """Changes a further setting as the one before: `embedding dim half of what it is, units too`."""
    text = draft.text
    for clause in clauses(text):
        end = clause.end - 1
        if text.low(end) not in ("too", "likewise") or any(text.used[clause.start : clause.end]):
            continue
        found = text.lexicon.match(text.tokens, clause.start, bare=True)
        before = [s for s in draft.said if s.start < clause.start and len(s.values) == 1]
        if found is None or len(found.known) != 1 or found.end != end or not before:
            continue
        last, known = max(before, key=lambda s: s.start), found.known[0]
        was, now = draft.base(last.known).value, last.values[0]
        if last.known.setting.type not in ("int", "float") or not isinstance(was, int | float):
            continue
        if " in the code" in last.why and was and isinstance(now, int | float):
            _apply(draft, found, Change(now / was), clause.start, clause.end)
        elif isinstance(now, int | float):
            draft.set(found, [values.fitted_number(known, now)], clause.start, clause.end, 0.9)


def vague(draft: Draft, mention: Mention) -> int:
    """A change without a size: `a smaller lr`, `raise dropout`, `longer warmup`."""
    text = draft.text
    left, verb = (p.search(text.before(mention.start)) for p in (_VAGUE_LEFT, _VAGUE_VERB))
    right = _VAGUE_RIGHT.match(text.after(mention.end))
    if not (left or verb or right):
        return 0
    word = str((left or verb or right)[1])  # type: ignore[index]
    if left and (told := _told(draft, mention)):
        return told
    down = bool(re.fullmatch(DOWN + "|down|reduce|decrease|lower|cut|shrink|turn down", word))
    start = mention.start - max((len(f.group().split()) for f in (left, verb) if f), default=0)
    end = mention.end + (len(right.group().split()) if right else 0)
    return suppose(draft, mention.known[0], down, start, end)


def _told(draft: Draft, mention: Mention) -> int:
    """Where the value ends that says how far: `a smaller lr, 1e-4`; 0: none does."""
    text, known = draft.text, mention.known[0]
    at = text.skip(mention.end, (",", ":", "(", "of", "like", "say", "eg", "maybe"), 3)
    found = text.amount(at) if at > mention.end else None
    unit = text.low(found[1]).rstrip("s") if found is not None else ""
    own = len(unit) > 3 and unit in known.setting.name.lower()
    if found is None or found[0].unit or known.setting.type == "bool":
        return 0
    if text.owned(found[1]) and not own:
        return 0
    end = text.skip(found[1] + own, (")",), 1)
    draft.set(mention, [values.fitted(known, found[0])], mention.start, end)
    return end


def suppose(draft: Draft, known: Known, down: bool, start: int, end: int) -> int:
    """Takes a change without a size as the usual step, and asks where that is worth it."""
    base = draft.base(known)
    if isinstance(base.value, bool) or not isinstance(base.value, int | float):
        return 0
    if not base.value:
        return _from_nothing(draft, known, down, start, end)
    step = known.concept.step if known.concept else 2.0
    words = draft.text.said(start, end)
    steps = (1 / step, 1 / (2 * step)) if down else (step, 2 * step)
    options = [values.scaled(known, base, f) for f in (*steps, 1.0)]
    value = options[0]
    why = f'"{words}" does not say how much: {values.shown(base.value)} in {base.where}, a usual step on'
    draft.choose(known, [value], why, start, 0.5, "default")
    draft.doubt(
        f'How far shall "{words}" go: `{known.key}` is {values.shown(base.value)} now?',
        values.distinct(options),
        value,
        0.5,
    )
    draft.text.take(start, end)
    return end


def _from_nothing(draft: Draft, known: Known, down: bool, start: int, end: int) -> int:
    """Takes the usual value where more is wanted of what is zero now."""
    if down or known.concept is None or known.concept.standard is None:
        return 0
    value = values.fitted_number(known, known.concept.standard)
    words = draft.text.said(start, end)
    why = f'"{words}" does not say how much, and it is 0 now; {values.shown(value)} is usual'
    draft.choose(known, [value], why, start, 0.5, "default")
    draft.doubt(f"Which value shall `{known.key}` have?", [value, 0], value, 0.5)
    draft.text.take(start, end)
    return end
