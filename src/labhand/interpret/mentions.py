"""Settings that are named, with the values said around them: `lr 1e-3 and 3e-4`, `3 epochs`, `no dropout`."""

import re
from collections.abc import Callable

from labhand.core.errors import UsageError
from labhand.interpret import ranges, values, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.given import (
    CLOSERS,
    IN_UNITS,
    STRONG,
    UNITS,
    connect,
    corrected,
    numbers,
    past,
    takes_numbers,
    value_at,
    words,
)
from labhand.interpret.lexicon import Known, Mention
from labhand.interpret.relative import relative_left, relative_right, vague
from labhand.interpret.sweeps import swept
from labhand.interpret.text import SEPARATORS, Amount
from labhand.kit.values import read as read_value

_DETERMINERS = r"(?: (?:the|my|our|any|all|of|a|an|use of|using|that|this|its|den|die|das))*"
_OFF_BEFORE = re.compile(
    r"(?:\b(?:with )?no(?: more)?|\b(?:dont|do not|never)(?: apply| do| add| want| need| use)?|without(?: any)?|w / o|w/o|disable|disabling|remove|removing|kill|drop|"
    r"dropping|skip|zero(?: out)?|(?:turn|switch|turning|switching)(?: it)? off|ohne|get rid of|minus|lose|"
    r"omit|deactivate|dont use|do not use|not use|never use|exclude|excluding|rip out|take out|"
    r"leave out|stop using|kein|keine)" + _DETERMINERS + "$"
)
_ON_BEFORE = re.compile(
    r"(?:\b(?:use|using|enable|with|in|from|start from|init from|fine - tune|finetune|fine - tuning|w / ?|add|adding|turn on|turning on|activate|switch on|try|mit|include|plus|"
    r"and|also|put back|bring back|re - enable|reenable)|^|,|\+)" + _DETERMINERS + "$"
)
_BOTH_BEFORE = re.compile(
    r"(?:with(?: and| or| vs\.?| versus|/)+ ?without|with / without|on and off|w / and w / o|"
    r"ablat(?:e|ing|ion of|ion on)|mit und ohne|both with and without|without and with)"
    + _DETERMINERS + "$"
)  # fmt: skip
_KEEP_BEFORE = re.compile(
    r"(?:keep|keeping|leave|leaving|same|dont change|do not change|dont touch|do not touch|without changing|"
    r"without touching|not changing|hold|holding|not touch|not change)(?: the same)?"
    + _DETERMINERS
    + "$"
)
_KEEP_AFTER = re.compile(
    r"^(?:as is|as it is|as they are|unchanged|the same|same|untouched|alone|fixed|constant|at its default|"
    r"at default|where it is|how it is)\b"
)
_BOTH_AFTER = re.compile(
    r"^(?:on and off|on / off|on vs \.? ?off|on or off|off and on|true and false|both ways)\b"
)


def read(draft: Draft) -> None:
    """Finds every named setting that something is said of."""
    text, at = draft.text, 0
    _pronouns(draft)
    _betas(draft)
    while at < len(text):
        mention = None if text.used[at] else text.lexicon.match(text.tokens, at)
        if mention is None or any(text.used[mention.start : mention.end]):
            at += 1
            continue
        at = max(at + 1, _mention(draft, mention))


_OF_IT = frozenset(
    "turn disable remove drop halve double triple reduce raise lower set increase decrease cut bump make kill divide multiply".split()
)


def _pronouns(draft: Draft) -> None:
    """Puts the setting that was named last in place of `it`, as in `dropout hurts, turn it off`."""
    text = draft.text
    last: Mention | None = None
    at = 0
    while at < len(text):
        if text.low(at) == "it" and text.low(at - 1) in _OF_IT and last is not None and last.known:
            text.tokens[at] = text.tokens[at]._replace(low=last.known[0].key, kind="quoted")
        found = text.lexicon.match(text.tokens, at) if text.low(at) else None
        if found is not None and found.known:
            last = found if text.tokens[at].kind != "quoted" else last
            at = found.end
        else:
            at += 1


def _mention(draft: Draft, mention: Mention) -> int:
    if not mention.known and mention.concept is not None and mention.concept.id == "precision":
        mention = mention._replace(known=_half(draft), strength=0.95)
    if not mention.known:
        return _missing(draft, mention)
    mention = _of_share(draft, mention)
    if mention.phrase in ("-", "--"):
        return mention.end
    for rule in _RULES:
        end = rule(draft, mention)
        if end:
            return end
    return mention.end


def _half(draft: Draft) -> tuple[Known, ...]:
    """The switch that `mixed precision` means where no setting takes a precision."""
    switches = [k for k in draft.text.lexicon.known if k.setting.type == "bool"]
    named = [
        k
        for n in ("amp", "useamp", "fp16", "autocast", "bf16")
        for k in switches
        if vocabulary.joined(k.setting.name) == n
    ]
    return tuple(named[:1])


def _of_share(draft: Draft, mention: Mention) -> Mention:
    """The mention, of the setting that takes shares where a share is said: `3% warmup`."""
    text = draft.text
    if mention.concept is None or mention.concept.id != "warmup":
        return mention
    if "%" not in text.before(mention.start, 2) + text.after(mention.end, 3):
        return mention
    shares = [
        k for k in text.lexicon.known
        if k.concept == mention.concept and re.search(r"ratio|frac|pct|prop|percent", k.setting.name)
    ]  # fmt: skip
    return mention._replace(known=(shares[0],)) if shares else mention


def _betas(draft: Draft) -> None:
    """Takes `betas 0.9, 0.95` where the script has one setting for each."""
    text = draft.text
    for at in range(len(text)):
        named = text.lexicon.match(text.tokens, at) if text.low(at) == "betas" else None
        pair = [k for c in ("beta1", "beta2") for k in text.lexicon.of_concept(c)[:1]]
        if text.low(at) != "betas" or (named is not None and named.known) or len(pair) != 2:
            continue
        first = text.amount(connect(draft, at + 1)[0])
        second = text.amount(text.skip(first[1], (",", "and", "/"), 2)) if first else None
        if first is None or second is None:
            continue
        end = text.skip(second[1], CLOSERS, 1)
        for known, amount in zip(pair, (first[0], second[0]), strict=True):
            draft.choose(known, [values.fitted(known, amount)], f'"{text.said(at, end)}"', at)
        text.take(at, end)


def _missing(draft: Draft, mention: Mention) -> int:
    """Notes a setting that the script does not have, with the value that was said of it."""
    at, _ = connect(draft, mention.end)
    found = draft.text.amount(at)
    end = mention.end
    interval = mention.concept is not None and mention.concept.id in IN_UNITS
    if found is not None and (interval or not draft.text.owned(found[1])):
        end = draft.text.skip(found[1], UNITS, 1) if interval else found[1]
    counted = mention.concept is not None and mention.concept.id in ("epochs", "steps")
    draft.missing.append(mention if counted else mention._replace(end=end))
    return end


def _both(draft: Draft, mention: Mention) -> int:
    before = _BOTH_BEFORE.search(draft.text.before(mention.start))
    after = _BOTH_AFTER.search(draft.text.after(mention.end))
    if not before and not after:
        return 0
    known = mention.known[0]
    present = draft.base(known).value
    without = values.off(known)
    on = values.switched(known, True)
    if on is None:
        on = present if present not in (None, 0, "none") else _standard(draft, known)
    start = mention.start - len(before.group().split()) if before else mention.start
    end = mention.end + (len(after.group().split()) if after else 0)
    at, _ = connect(draft, end)
    told = numbers(draft, known, at) if known.setting.type in ("int", "float") else None
    if told is not None:
        on, end = told[0][0], told[1]
    draft.set(mention, [on, without], start, end, 0.95)
    return end


def _keep(draft: Draft, mention: Mention) -> int:
    before = _KEEP_BEFORE.search(draft.text.before(mention.start))
    after = _KEEP_AFTER.search(draft.text.after(mention.end))
    if not before and not after:
        return 0
    if after and not before and mention.concept and mention.concept.id == "schedule":
        return 0
    start = mention.start - len(before.group().split()) if before else mention.start
    end = mention.end + (len(after.group().split()) if after else 0)
    draft.keep(mention.known[0], start, end)
    while draft.text.low(end) in (",", "and", "or"):
        further = draft.text.lexicon.match(draft.text.tokens, end + 1)
        if further is None or not further.known or draft.text.has_value(further):
            break
        draft.keep(further.known[0], further.start, further.end)
        end = further.end
    return end


def _right(draft: Draft, mention: Mention) -> int:
    """A value that follows: `lr to 1e-3`, `lr 1e-3, 3e-4`, `lr from 1e-4 to 1e-2`, `optimizer: sgd`."""
    at, via = connect(draft, mention.end)
    if not draft.text.low(at) or _left_first(draft, mention, at, via):
        return 0
    known = mention.known[0]
    if known.setting.type == "list":
        return _right_list(draft, mention, at)
    if (
        known.concept is not None
        and known.concept.id.endswith("interval")
        and draft.text.low(at) in UNITS
    ):
        draft.set(mention, [values.fitted_number(known, 1)], mention.start, at + 1)
        return at + 1
    found = ranges.read(draft, mention, at, via)
    if found is None and takes_numbers(known.setting):
        several = mention.phrase.endswith("s") and not known.setting.name.endswith("s")
        try:
            found = numbers(draft, known, at, checked=bool(via & STRONG) or several)
        except UsageError:
            if _of_another(draft, mention):
                return 0
            raise
    if found is None:
        found = words(draft, known, at, via, mention)
    if found is None:
        return 0
    given, end = found
    given, end = corrected(draft, known, given, end)
    end = past(draft, end)
    count = draft.text.amount(mention.start - 1) if mention.start else None
    counts = count is not None and count[0].value == len(given) > 1 and not count[0].unit
    draft.set(mention, given, mention.start - counts, end)
    return end


def _of_another(draft: Draft, mention: Mention) -> bool:
    """Whether an unknown word before makes it another thing: `stochastic depth 0.1`."""
    low = draft.text.low(mention.start - 1)
    return low.isalpha() and low not in vocabulary.KNOWN_WORDS and mention.strength < 1


def _left_first(draft: Draft, mention: Mention, at: int, via: set[str]) -> bool:
    """Whether the number before is meant: `0.1 dropout 0.5 momentum`, `2 layers 4 heads`."""
    if not _number_before(draft, mention.start):
        return False
    if via == {"of"} and mention.concept is not None and mention.concept.counted:
        return True
    if via:
        return False
    found = draft.text.amount(at)
    if found is None:
        return False
    return draft.text.lexicon.match(draft.text.tokens, found[1]) is not None


def _number_before(draft: Draft, at: int) -> bool:
    return at > 0 and not draft.text.used[at - 1] and draft.text.amount(at - 1) is not None


def _right_list(draft: Draft, mention: Mention, at: int) -> int:
    """A setting that takes several numbers: what is said in one breath is one value."""
    text, known = draft.text, mention.known[0]
    lists: list[object] = []
    end = at
    while True:
        parts: list[str] = []
        at = text.skip(at, ("[", "(", "{"), 1)
        while (amount := text.amount(at)) is not None and not (parts and text.owned(amount[1])):
            parts += [str(d) for d in amount[0].digits] or [repr(amount[0].value)]
            end = amount[1]
            at = text.skip(end, (",", "x"), 1)
        if not parts:
            break
        lists.append(read_value(known.setting, ",".join(parts)).value)
        end = text.skip(end, CLOSERS, 1)
        at = text.skip(end, SEPARATORS, 2)
        if at == end:
            break
    if not lists:
        return 0
    draft.set(mention, lists, mention.start, end)
    return end


def _left(draft: Draft, mention: Mention) -> int:
    """A value that stands before: `3 epochs`, `32 and 64 hidden units`, `cosine schedule`."""
    text, known = draft.text, mention.known[0]
    start = mention.start
    while start > 0 and text.low(start - 1) in (
        "hidden",
        "total",
        "training",
        "different",
        "max",
        "of",
        "optimizer",
        "-",
    ):
        start -= 1
    first = start
    counted = mention.concept is not None and mention.concept.counted
    if counted and _EVERY.search(text.before(start)):
        return 0
    while first > 0 and (
        _item(draft, known, first - 1) or (first < start and text.low(first - 1) in _BETWEEN)
    ):
        before = first - 1
        while before > 0 and text.low(before) in _BETWEEN:
            before -= 1
        if not _item(draft, known, before):
            break
        first = before
    if first and text.low(first - 1) not in vocabulary.FILLERS | {
        "",
        ":",
        ",",
        "(",
        "[",
        "{",
        ";",
        ".",
    }:
        first = max(first, start - 1)
    if first == start:
        return 0
    given, at = [], first
    while at < start:
        found = value_at(draft, known, at)
        given += found[0] if found else []
        at = found[1] if found else at + 1
    if not given:
        return 0
    draft.set(mention, given, first, mention.end)
    return mention.end


_EVERY = re.compile(
    r"\b(?:every|each|after|per|first|last|past)(?: the)?(?: -?[\d.]+)?$"
    r"|\b(?:decay|cosine|schedule|anneal\w*|warmup|warm up|ramp\w*) (?:over|for|in)(?: the)?(?: -?[\d.]+)?$"
    r"|\b(?:if|doesnt|does not|when|unless|improve|improves|improvement|improving|stagnates|plateaus)\b.*$"
)


_BETWEEN = SEPARATORS | {"the", "a"}


def _item(draft: Draft, known: Known, at: int) -> bool:
    return at >= 0 and bool(draft.text.low(at)) and value_at(draft, known, at) is not None


def _off(draft: Draft, mention: Mention) -> int:
    before = _OFF_BEFORE.search(draft.text.before(mention.start))
    after = re.match(
        r"(?:is |to be |should be |be |turned |switched )?(?:off|disabled|removed|gone)\b",
        draft.text.after(mention.end),
    )
    if not before and not after:
        return 0
    start = mention.start - len(before.group().split()) if before else mention.start
    end = mention.end + (len(after.group().split()) if after else 0)
    known = mention.known[0]
    value = values.off(known)
    if value == 0 and known.setting.type != "bool":
        draft.suppose(f"`{known.key}` {values.shown(value)} is taken to mean off")
    draft.set(mention, [value], start, end)
    while draft.text.low(end) in (",", "and", "or", "nor"):
        further = draft.text.lexicon.match(draft.text.tokens, end + 1)
        if further is None or not further.known or draft.text.has_value(further) or not before:
            break
        if draft.text.low(end) == "," or draft.text.low(end) == "and":
            nothing = values.switched(further.known[0], False)
            if nothing is None or further.known[0].setting.type not in ("bool", "float"):
                break
        draft.set(further, [values.off(further.known[0])], further.start, further.end, 0.9)
        end = further.end
    return end


def _on(draft: Draft, mention: Mention) -> int:
    """A setting that shall be there: `use ema`, `with label smoothing`, `--compile`."""
    before = _ON_BEFORE.search(draft.text.before(mention.start))
    after = re.match(r"(?:turned |switched )?(?:on|enabled)\b", draft.text.after(mention.end))
    if not (before or after or mention.flag) or mention.strength < 0.9:
        return 0
    known = mention.known[0]
    then = draft.text.low(mention.end)
    if before and not (after or mention.flag) and then.isalpha() and then not in vocabulary.FILLERS:
        return 0
    bare = before is not None and before.group().strip() in ("", ",", "and", "also", "+")
    start = mention.start - (len(before.group().split()) if before and not bare else 0)
    end = mention.end + (len(after.group().split()) if after else 0)
    on = values.switched(known, True)
    if on is not None:
        draft.set(mention, [on], start, end, 0.8 if bare else 1.0)
        return end if bare else _on_as_well(draft, end)
    present = draft.base(known).value
    if bare or (isinstance(known.setting.type, str) and known.setting.type in ("str", "list")):
        return 0
    if present not in (None, 0, "none", ""):
        draft.suppose(f"`{known.key}` is there already, at {values.shown(present)}, and stays so")
        draft.text.take(start, end)
        return end
    value = _standard(draft, known)
    words_said = draft.text.said(start, end)
    draft.choose(
        known,
        [value],
        f'"{words_said}" names no value; {values.shown(value)} is usual',
        start,
        0.5,
        "default",
    )
    draft.doubt(f"Which value shall `{known.key}` have?", [value, present], value, 0.5)
    draft.text.take(start, end)
    return _on_as_well(draft, end)


def _on_as_well(draft: Draft, end: int) -> int:
    """Goes on to what is switched on in the same breath: `turn on mixup and cutmix`."""
    text = draft.text
    further = text.lexicon.match(text.tokens, end + 1) if text.low(end) == "and" else None
    if further is None or not further.known or further.strength < 0.9 or text.has_value(further):
        return end
    known = further.known[0]
    on = values.switched(known, True)
    if on is not None:
        draft.set(further, [on], further.start, further.end, 0.95)
        return further.end
    if known.concept is None or known.concept.standard is None or draft.base(known).value:
        return end
    value = _standard(draft, known)
    why = f'"{further.phrase}" names no value; {values.shown(value)} is usual'
    draft.choose(known, [value], why, further.start, 0.5, "default")
    draft.doubt(
        f"Which value shall `{known.key}` have?", [value, draft.base(known).value], value, 0.5
    )
    text.take(further.start, further.end)
    return further.end


def _standard(draft: Draft, known: Known) -> object:
    """The usual value of a setting that shall merely be there.

    Raises:
        UsageError: nothing tells it.
    """
    concept = known.concept
    if concept is not None and concept.standard is not None:
        return values.fitted(known, Amount(concept.standard, "", str(concept.standard)))
    if concept is not None and concept.id == "warmup":
        share = ranges.share_of_length(draft, known, 0.05)
        return (
            share
            if share is not None
            else values.fitted(
                known, Amount(0.05 if known.setting.type == "float" else 100, "", "")
            )
        )
    raise UsageError(
        f"the instruction wants `{known.key}` and does not say which value; say it, such as `{known.key} VALUE`"
    )


_RULES: tuple[Callable[[Draft, Mention], int], ...] = (
    _both, relative_right, _right, _keep, relative_left, _left, _off, vague, swept, _on,
)  # fmt: skip
