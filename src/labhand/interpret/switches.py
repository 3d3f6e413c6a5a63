"""Settings that are switched: on, off, both ways, or kept: `no dropout`, `with and without ema`, `use amp`."""

import re

from labhand.core.errors import UsageError
from labhand.interpret import ranges, values, vocabulary
from labhand.interpret.clauses import clauses
from labhand.interpret.draft import Draft
from labhand.interpret.given import connect, numbers
from labhand.interpret.lexicon import Known, Mention, atoms_of
from labhand.interpret.text import Amount

_DETERMINERS = r"(?: (?:the|my|our|any|all|of|a|an|use of|using|that|this|its|den|die|das))*"
_OFF_BEFORE = re.compile(
    r"(?:\b(?:with )?no(?: more)?|neither|nor|\b(?:dont|do not|never)(?: apply| do| add| want| need| use| bother with| bother about| log(?: to)?| report to| save(?: to)?| write(?: to)?| keep| run| do any)?|without(?: any)?|w / o|w/o|disable|disabling|remove|removing|kill|drop|"
    r"dropping|skip|zero(?: out)?|(?:turn|switch|turning|switching)(?: it)? off|ohne|get rid of|minus|lose|"
    r"omit|deactivate|dont use|do not use|not use|never use|exclude|excluding|rip out|take out|"
    r"leave out|stop using|kein|keine)" + _DETERMINERS + "$"
)
_ON_BEFORE = re.compile(
    r"(?:\b(?:just(?: do)?|do|switch to|switching to|change to|move to|go with|use|using|enable|with|in|from|start from|init from|fine - tune|finetune|fine - tuning|w / ?|vs|versus|but|then|add|adding|turn on|turning on|activate|switch on|try|mit|include|plus|"
    r"and|also|put back|bring back|re - enable|reenable)|^|,|:|\+)" + _DETERMINERS + "$"
)
_BOTH_BEFORE = re.compile(
    r"(?:with(?: and| or| vs\.?| versus|/)+ ?without|with / without|on and off|w / and w / o|"
    r"ablat(?:e|ing|ion of|ion on)(?:(?: [a-z_]+){1,6} (?:and|,))*|mit und ohne|both with and without|without and with)"
    + _DETERMINERS + "$"
)  # fmt: skip
_KEEP_BEFORE = re.compile(
    r"(?:keep|keeping|leave|leaving|same|dont change|do not change|dont touch|do not touch|without changing|"
    r"without touching|not changing|hold|holding|not touch|not change)(?: the same)?"
    + _DETERMINERS
    + "$"
)
_KEEP_AFTER = re.compile(
    r"^(?:stays?|remains?)(?: (?:on|off|as|where|the same|fixed)\b|(?= ,| ;| \.|$))|^(?:as is|as it is|as they are|unchanged|the same|same|untouched|alone|fixed|constant|at its default|"
    r"at default|where it is|how it is)\b"
)
_BOTH_AFTER = re.compile(
    r"^(?:true / false|false / true|true or false|false and true|yes / no|0 / 1|0 and 1|on and off|on / off|on vs \.? ?off|on or off|off and on|true and false|both ways|(?:vs|versus|or)(?: \.)? (?:not|without|no|none)|and (?:\d+ )?without(?: it)?(?= ,| ;| \.|$))"
)


def both(draft: Draft, mention: Mention) -> int:
    """Both ways: `with and without ema`, `ablate dropout`. Where it ends; 0: not said."""
    text = draft.text
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
    # what stands between `ablate` and this is of another setting: `ablate the dropout and the ema`
    led = before is not None and not re.search(r" and|,", before.group())
    start = mention.start - len(before.group().split()) if before and led else mention.start
    end = mention.end + (len(after.group().split()) if after else 0)
    at, _ = connect(draft, end)
    told = numbers(draft, known, at) if known.setting.type in ("int", "float") else None
    if told is not None:
        on, end = told[0][0], told[1]
    draft.set(mention, [on, without], start, end, 0.95)
    ablated = before is not None and before.group().startswith("ablat")
    further = text.lexicon.match(text.tokens, end + 1) if text.low(end) in ("and", ",") else None
    if ablated and further is not None and further.known:
        switch = further.known[0].setting.type == "bool"
        if switch and not text.has_value(further):
            both = [values.switched(further.known[0], on) for on in (True, False)]
            draft.set(further, both, further.start, further.end, 0.9)
            return further.end
    return end


def refused(draft: Draft, mention: Mention) -> bool:
    """Whether something that the script has no setting for shall not be there, and so needs nothing."""
    before = _OFF_BEFORE.search(draft.text.before(mention.start))
    titled = mention.concept is not None and mention.concept.id != "augmentation"
    if before is None or not titled or re.search(r"remove|drop|kill|rip|take out", before.group()):
        return False
    start = mention.start - len(before.group().split())
    title = mention.concept.title if mention.concept else mention.phrase
    said = draft.text.said(start, mention.end)
    draft.suppose(f'"{said}": there is no setting for {title} that could be switched off')
    draft.text.take(start, mention.end)
    return True


_DEFAULT_AFTER = re.compile(r"^(?:back )?(?:to|at) (?:the |its |their )?defaults?(?: values?)?\b")


def _to_default(draft: Draft, mention: Mention) -> int:
    """`lr back to the default`: what the code gives it, whatever the last run had."""
    after = _DEFAULT_AFTER.match(draft.text.after(mention.end))
    if after is None:
        return 0
    known, end = mention.known[0], mention.end + len(after.group().split())
    if draft.base(known).value == known.setting.default:
        draft.keep(known, mention.start, end)
    else:
        draft.set(mention, [known.setting.default], mention.start, end)
    return end


def keep(draft: Draft, mention: Mention) -> int:
    """As it is: `keep the lr`, `dropout unchanged`. Where it ends; 0: not said."""
    if end := _to_default(draft, mention):
        return end
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


_ALL_OFF = re.compile(
    r"\b(?:(?:turn|switch) (?:everything|all|all of (?:these|them)|these|the following) off|(?:turn off|switch off|disable|remove|drop|no|without)(?: [a-z]+){1,4}) :(?P<list>[^;.]*)$"
)


def negated(draft: Draft, at: int) -> bool:
    """Whether what begins here is said not to be: `no`, `without`, `disable`."""
    lead = _OFF_BEFORE.search(draft.text.before(at))
    return lead is not None and not re.search(r"\b(?:drop|lose|minus|zero)", lead.group())


def _qualified(draft: Draft, mention: Mention) -> int:
    """How many words before a named setting are its present value: the `length` of `without length normalization`."""
    present = draft.base(mention.known[0]).value
    low = draft.text.low(mention.start - 1)
    return int(isinstance(present, str) and vocabulary.joined(present) == low != "")


_NOT = re.compile(r"(?:^|(?<=, )|(?<=and )|(?<=but ))not(?: the)?$")


_NOT_SO = re.compile(rf"(?:{_NOT.pattern})|(?:\binstead of|\brather than)(?: the)?$")
"""Before the whole name of a switch."""


def in_list_off(draft: Draft, at: int) -> re.Match[str] | None:
    """Whether what begins here stands in a list of what shall be off: `turn everything off: dropout, ema`."""
    found = _ALL_OFF.search(draft.text.whole_before(at, 30))
    return (
        found if found is not None and not re.search(r"\d|\bon\b|\buse\b", found["list"]) else None
    )


def off(draft: Draft, mention: Mention) -> int:
    """Off: `no dropout`, `turn amp off`. Where it ends; 0: not said."""
    before = _OFF_BEFORE.search(draft.text.before(mention.start - _qualified(draft, mention)))
    after = re.match(
        r"(?:is |to be |should be |be |turned |switched )?(?:off|disabled|removed|gone)\b",
        draft.text.after(mention.end),
    )
    switch = mention.known[0].setting.type == "bool"
    refused = _NOT if mention.strength < 0.95 else _NOT_SO
    plainly = refused.search(draft.text.before(mention.start)) if switch else None
    before = before or plainly
    if not before and not after and not in_list_off(draft, mention.start):
        return 0
    start = (
        mention.start - _qualified(draft, mention) - len(before.group().split())
        if before
        else mention.start
    )
    end = mention.end + (len(after.group().split()) if after else 0)
    known = mention.known[0]
    if draft.base(known).value is None and values.switched(known, False) is None:
        draft.suppose(f"`{known.key}` is none already, and stays so")
        draft.text.take(start, end)
        return end
    goes_on = draft.text.low(end).isalpha() and draft.text.low(end) not in vocabulary.FILLERS
    if goes_on and not known.may_be_none and values.switched(known, False) is None:
        return 0  # `without the lr reduction` is not of the rate
    if known.setting.type == "list":
        return 0  # `leave out the columns` says which, and not that there are none
    value = values.off(known)
    if value == 0 and known.setting.type != "bool":
        draft.suppose(f"`{known.key}` {values.shown(value)} is taken to mean off")
    draft.set(mention, [value], start, end)
    atoms = [set(atoms_of(k.setting.name)) for k in mention.known]
    if any(mention.phrase.lower() in shared for shared in [set.intersection(*atoms)]):
        draft.all_meant(known)  # without it none of them does anything
    end = onward(draft, known, start, end)
    return _off_as_well(draft, end) if before else end


def onward(
    draft: Draft, known: Known, start: int, end: int, given: list[object] | None = None
) -> int:
    """Where what is said of a setting ends: `no dropout anywhere` is said of all of that kind, `EMA on, 0.999` of its decay too."""
    if start and draft.text.tokens[start - 1].low == "all" and known.concept:
        _every_one(draft, known, start, given)
        return end
    if given == [True] and known.setting.type == "bool":
        return _its_number(draft, known, end) or end
    if draft.text.low(end) not in ("anywhere", "everywhere", "altogether") or not known.concept:
        return end
    _every_one(draft, known, start, given)
    draft.text.take(end, end + 1)
    return end + 1


def _off_as_well(draft: Draft, end: int) -> int:
    """Goes on to what is turned off in the same breath: `no dropout and weight decay`."""
    while draft.text.low(end) in (",", "and", "or", "nor"):
        further = draft.text.lexicon.match(draft.text.tokens, end + 1)
        if further is None or not further.known or draft.text.has_value(further):
            break
        if draft.text.low(end) == "," or draft.text.low(end) == "and":
            nothing = values.switched(further.known[0], False)
            switch = further.known[0].setting.type == "bool" and draft.text.low(end) == ","
            if nothing is None or switch or further.known[0].setting.type not in ("bool", "float"):
                break
        draft.set(further, [values.off(further.known[0])], further.start, further.end, 0.9)
        end = further.end
    return end


_BOUNDLESS = re.compile(
    r"(?:\bunlimited|\bunbounded|\bunrestricted|\bno (?:limit|cap|maximum|bound)s? (?:on|to|for)(?: the)?)$"
)
_LIMIT_AFTER = re.compile(
    r"^(?:limits?|cap|bound|restriction)s?\b|^(?:unlimited|unbounded|unrestricted)\b"
)


def unlimited(draft: Draft, mention: Mention) -> int:
    """No bound: `unlimited depth`, `no depth limit`. Where it ends; 0: not said."""
    text, known = draft.text, mention.known[0]
    before = _BOUNDLESS.search(text.before(mention.start))
    after = _LIMIT_AFTER.match(text.after(mention.end))
    refused = _OFF_BEFORE.search(text.before(mention.start)) if after else None
    alone = after is not None and after.group().startswith("un")
    lead = before or refused
    bounded = re.search(r"max|limit|cap", known.setting.name.lower())
    if not bounded or not (before or refused or alone):
        return 0
    start = mention.start - (len(lead.group().split()) if lead else 0)
    end = mention.end + (len(after.group().split()) if after else 0)
    boosting = any(k.setting.name == "num_leaves" for k in text.lexicon.known)
    value = -1 if boosting or known.setting.default == -1 else None
    draft.set(mention, [value], start, end, 0.9)
    return end


def on(draft: Draft, mention: Mention) -> int:
    """A setting that shall be there: `use ema`, `with label smoothing`, `--compile`."""
    before = _ON_BEFORE.search(draft.text.before(mention.start))
    after = re.match(r"(?:turned |switched )?(?:on|enabled)\b", draft.text.after(mention.end))
    if not (before or after or mention.flag) or mention.strength < 0.9:
        return 0
    known = mention.known[0]
    then = draft.text.low(mention.end)
    turned = (
        before is not None and _TURNED_ON.match(before.group()) and known.setting.type == "bool"
    )
    goes_on = then.isalpha() and then not in vocabulary.FILLERS
    if before and goes_on and not (after or mention.flag or (turned and mention.strength == 1)):
        return 0
    bare = before is not None and before.group().strip() in _JOINS
    start = mention.start - (len(before.group().split()) if before and not bare else 0)
    end = mention.end + (len(after.group().split()) if after else 0)
    on = values.switched(known, True)
    if on is not None:
        draft.set(mention, [on], start, end, 0.8 if bare else 1.0)
        end = _its_number(draft, known, end) or end
        return end if bare else _on_as_well(draft, end)
    present = draft.base(known).value
    if bare or (isinstance(known.setting.type, str) and known.setting.type in ("str", "list")):
        return 0
    if present not in (None, 0, "none", ""):
        draft.suppose(f"`{known.key}` is there already, at {values.shown(present)}, and stays so")
        draft.text.take(start, end)
        return end
    if ahead := _value_ahead(draft, known, start, end):
        return ahead
    try:
        value = _standard(draft, known)
    except UsageError:
        return _ask_value(draft, known, start, end)
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


def _every_one(draft: Draft, known: Known, start: int, given: list[object] | None = None) -> None:
    """Says the same of all settings of a kind: the values, else that they are off."""
    for other in draft.text.lexicon.known:
        if other.concept == known.concept and other.key != known.key:
            draft.choose(other, given or [values.off(other)], draft.said[-1].why, start, 0.9)
    draft.all_meant(known)


def _its_number(draft: Draft, known: Known, end: int) -> int:
    """Where the number ends that a switch has of its own: `turn EMA on, 0.999` of `use_ema` and `ema_decay`; 0: none."""
    text = draft.text
    at = text.skip(end, (",", "with", "at", "(", "="), 1)
    found = text.amount(at)
    own = {*atoms_of(known.setting.name)} - {"use", "enable", "with", "do", "apply"}
    longer = [
        k for k in text.lexicon.known
        if k.setting.type in ("int", "float") and own and own < {*atoms_of(k.setting.name)}
    ]  # fmt: skip
    if found is None or at == end or len(longer) != 1 or text.owned(found[1]) or found[0].unit:
        return 0
    if not values.plausible(longer[0], found[0].value):
        return 0
    draft.choose(
        longer[0], [values.fitted(longer[0], found[0])], f'"{text.said(end, found[1])}"', at, 0.85
    )
    text.take(end, found[1])
    return found[1]


_AHEAD = re.compile(
    r"^(?:with|at|using|and|,|\() (?:a |an |the |its )?(?P<of>[a-z]+)(?: (?:=|of|:|to|at|is))* (?=-?[\d.])"
)


def _value_ahead(draft: Draft, known: Known, start: int, end: int) -> int:
    """Where the number ends that a part of the name leads to: `use min-snr weighting with gamma = 5`; 0: none does."""
    text = draft.text
    found = _AHEAD.match(text.after(end))
    if found is None or found["of"] not in atoms_of(known.setting.name):
        return 0
    told = numbers(draft, known, end + len(found.group().split()), checked=True)
    if told is None:
        return 0
    draft.choose(known, told[0], f'"{text.said(start, told[1])}"', start, 0.9)
    text.take(start, told[1])
    return told[1]


def _ask_value(draft: Draft, known: Known, start: int, end: int) -> int:
    """Asks for the value of what shall be there and has no usual one."""
    present = draft.base(known).value
    draft.doubt(f"Which value shall `{known.key}` have?", [present, "another"], present, 0.5)
    draft.text.take(start, end)
    return end


_TURNED_ON = re.compile(r"(?:turn|switch|turning)(?: it)? on|enable|activate")


_JOINS = frozenset({"", ",", ":", "and", "also", "+", "vs", "versus", "but", "then"})


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
    if draft.base(known).value or known.setting.type not in ("int", "float"):
        return end
    if known.concept is None or known.concept.standard is None:
        return _ask_value(draft, known, further.start, further.end)
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


_WAYS = re.compile(
    r"(?:(?:both |compare )?with (?:and|or|vs|versus)(?: \.)? without(?: it)?|both ways|(?:both )?on (?:and|or|vs|versus) off|(?:with|without) it (?:and|or|vs) (?:with|without)(?: it)?)"
)


def both_ways(draft: Draft) -> None:
    """Tries both ways what a clause before switches: `layer norm, 5 seeds, with vs without`."""
    text = draft.text
    for clause in clauses(text, frozenset({",", ";", ".", ":", "?", "!"})):
        lows = " ".join(text.low(i) for i in range(clause.start, clause.end))
        lows = re.sub(r" (?:please|pls|then)$", "", lows)
        if _WAYS.fullmatch(lows):
            _name_switch(draft, clause.start)
        said = [s for s in draft.said if s.start < clause.start and s.known.setting.type == "bool"]
        if _WAYS.fullmatch(lows) and said:
            last = max(said, key=lambda s: s.start)
            now = [True, False] if last.values[0] else [False, True]
            draft.said[draft.said.index(last)] = last._replace(values=list[object](now))
            text.take(clause.start, clause.end)


def _name_switch(draft: Draft, end: int) -> None:
    """Notes the switch that is named last before a token, where nothing is said of it: `is the log target helping?`."""
    text = draft.text
    if any(s.start < end and s.known.setting.type == "bool" for s in draft.said):
        return
    found = (text.lexicon.match(text.tokens, i) for i in range(end))
    named = [
        m for m in found if m and m.end <= end and m.known and m.known[0].setting.type == "bool"
    ]
    if named:
        start = max(m.end - m.start for m in named)
        last = next(m for m in named if m.end - m.start == start)
        draft.set(last, [True], last.start, last.end, 0.9)


def needed(draft: Draft) -> None:
    """Turns on the switch without which a setting that is said does nothing: `use_lora` for `lora_r`."""
    said = {s.known.key for s in draft.said} | set(draft.kept)
    for known in draft.text.lexicon.known:
        name = re.fullmatch(
            r"(?:use|with|enable)_(\w+)", known.setting.name.rpartition(".")[2].lower()
        )
        if name is None or known.setting.type != "bool" or known.setting.default is not False:
            continue
        if known.key in said or draft.base(known).value is not False:
            continue
        for of in draft.said:
            last = of.known.setting.name.rpartition(".")[2].lower()
            if last.startswith(f"{name[1]}_") and of.values != [values.switched(of.known, False)]:
                why = f"`{of.known.key}` does nothing without `{known.key}`"
                draft.choose(known, [True], why, of.start, 0.8)
                draft.suppose(why)
                break
