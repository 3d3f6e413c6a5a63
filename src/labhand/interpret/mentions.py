"""Settings that are named, with the values said around them: `lr 1e-3 and 3e-4`, `3 epochs`, `no dropout`."""

import re
from collections.abc import Callable

from labhand.core.errors import UsageError
from labhand.interpret import (
    absent,
    given,
    meant,
    pronouns,
    ranges,
    switches,
    unnumbered,
    values,
    vocabulary,
)
from labhand.interpret.draft import ContradictionError, Draft
from labhand.interpret.given import (
    IN_UNITS,
    STRONG,
    UNITS,
    connect,
    corrected,
    fitted,
    numbers,
    past,
    takes_numbers,
    value_at,
    words,
)
from labhand.interpret.lexicon import Known, Mention, atoms_of
from labhand.interpret.relative import multiples, relative_left, relative_right, vague
from labhand.interpret.sweeps import swept
from labhand.interpret.text import SEPARATORS


def read(draft: Draft) -> None:
    """Finds every named setting that something is said of."""
    text, at = draft.text, 0
    pronouns.put_names(draft)
    while at < len(text):
        mention = None if text.used[at] else text.lexicon.match(text.tokens, at)
        if mention is None or any(text.used[mention.start : mention.end]):
            at += 1
            continue
        at = max(at + 1, _mention(draft, mention))


def _mention(draft: Draft, mention: Mention) -> int:
    if not mention.known and mention.concept is not None and mention.concept.id == "precision":
        mention = mention._replace(known=meant.half(draft), strength=0.95)
    if mention.known or (mention.concept is not None and mention.concept.id == "dataset"):
        mention = meant.of_path(draft, mention)
    if not mention.known:
        return _missing(draft, mention)
    mention = meant.of_owner(draft, meant.of_number(draft, meant.of_share(draft, mention)))
    mention = meant.of_qualifier(draft, mention)
    if mention.strength < _WEAKLY and not mention.flag:
        mention = meant.of_words(draft, mention)
    if not mention.known:
        return mention.end
    if other := _other_unit(draft, mention) or _other_steps(draft, mention):
        return other
    if mention.phrase in ("-", "--") or meant.of_another(draft, mention):
        return mention.end
    return _ruled(draft, mention)


def _ruled(draft: Draft, mention: Mention) -> int:
    """Where what is said of a setting ends, by the first rule that reads it."""
    for rule in _RULES:
        try:
            end = rule(draft, mention)
        except ContradictionError:
            if mention.strength > _SURELY:
                raise
            return mention.end  # a part of a name, said of something else
        if end:
            return end
    return mention.end


_SURELY = 0.94
"""Above this strength a setting is named by its own name or the word of the field."""


def _other_steps(draft: Draft, mention: Mention) -> int:
    """Past steps of how samples are made, where the setting is of the training: `ddim sampling with 50 steps`."""
    if mention.concept is None or mention.concept.id != "steps" or mention.flag:
        return 0
    known, text = mention.known[0].setting, draft.text
    lead = _SAMPLES.search(text.before(mention.start, 4))
    told = f"{known.name} {known.help}".lower()
    if lead is None or re.search("sampl|infer|generat|diffus", told):
        return 0
    text.take(mention.start - 2, mention.end)
    said = text.said(mention.start - 1, mention.end)
    draft.suppose(f'"{said}" is of the {lead[1]}, and no setting is for that')
    return mention.end


_SAMPLES = re.compile(
    r"\b((?:sampl|infer|generat|denois)\w*) (?:with|in|over|for|at|using|of) [\d.]+$"
)
_WEAKLY = 0.8
"""Below this strength a part of a name stands for the whole, and the words around it decide."""
_EPOCHS = re.compile(r"^(?:-?[\d.]+ |half |an? |each |every )*epochs?\b")


def _other_unit(draft: Draft, mention: Mention) -> int:
    """Past an interval in epochs where the setting counts steps: that is told, and changes nothing."""
    known = mention.known[0]
    interval = mention.concept is not None and mention.concept.id.endswith("interval")
    found = _EPOCHS.match(draft.text.after(mention.end)) if interval else None
    if found is None or not re.search("step|iter", known.setting.name.lower()):
        return 0
    end = mention.end + len(found.group().split())
    said = draft.text.said(mention.start, end)
    draft.suppose(f'"{said}" changes nothing: `{known.key}` counts steps; say how many')
    draft.text.take(mention.start, end)
    return end


def _missing(draft: Draft, mention: Mention) -> int:
    """Notes a setting that the script does not have, with the value that was said of it.

    Where one setting alone has that word in its name, it is meant: `dim 512` for `attention_dim`.
    """
    if end := absent.instead(draft, mention):
        return end
    kin = absent.kin(draft, mention)
    part = unnumbered.switch_of(draft, mention.phrase) if kin is None else None
    if part is not None and (
        end := switches.off(draft, mention._replace(known=(part,), strength=0.8))
    ):
        return end
    if (kin is None and switches.refused(draft, mention)) or mention.phrase.lower() == "hold out":
        return mention.end
    if kin is not None:
        meant_so = mention._replace(known=(kin,), strength=0.7)
        end = _right(draft, meant_so) or switches.off(draft, meant_so)
        if end:
            draft.suppose(f'"{mention.phrase}" is read as `{kin.key}`: no other setting is like it')
            return end
    if _cannot_change(draft, mention):
        return mention.end
    at, _ = connect(draft, mention.end)
    found = draft.text.amount(at)
    end = mention.end
    interval = mention.concept is not None and mention.concept.id in IN_UNITS
    if found is not None and (interval or not draft.text.owned(found[1])):
        end = draft.text.skip(found[1], UNITS, 1) if interval else found[1]
    counted = mention.concept is not None and mention.concept.id in ("epochs", "steps")
    draft.missing.append(mention if counted else mention._replace(end=end))
    return end


_CHANGED = re.compile(
    r"\b(?:raise|lower|increase|decrease|reduce|bump(?: up)?|turn (?:up|down)|halve|double|half|twice|smaller|larger|higher|bigger|stronger|weaker)(?: (?:the|my|our|a))*$"
)


def _cannot_change(draft: Draft, mention: Mention) -> bool:
    """Asks where more or less is wanted of what the script does not have: nothing is there to be changed."""
    lead = _CHANGED.search(draft.text.before(mention.start, 4))
    if lead is None or mention.concept is None or mention.concept.id in _UNITS_OF_TIME:
        return False
    word = lead.group().split()[0]
    if any(word in atoms_of(k.setting.name) for k in draft.text.lexicon.known):
        return False  # `half resolution` may be the switch `half_res`
    start = mention.start - len(lead.group().split())
    said = draft.text.said(start, mention.end)
    draft.doubt(
        f'"{said}": the script has no {mention.concept.title} that could be changed; shall one be written?',
        ["no", "yes, as new code"], "no", 0.5,
    )  # fmt: skip
    end = mention.end
    told = draft.text.amount(draft.text.skip(end, ("to", "by", "at"), 1))
    draft.text.take(start, told[1] if told else end)
    return True


_UNITS_OF_TIME = frozenset("epochs steps episodes model dataset loss".split())


def _right(draft: Draft, mention: Mention) -> int:
    """A value that follows: `lr to 1e-3`, `lr 1e-3, 3e-4`, `lr from 1e-4 to 1e-2`, `optimizer: sgd`."""
    mention = mention._replace(end=mention.end + _of_what(draft, mention.end))
    at, via = connect(draft, mention.end)
    if (
        not draft.text.low(at)
        or _left_first(draft, mention, at, via)
        or _no_size(draft, mention, at, via)
    ):
        return 0
    known = mention.known[0]
    if known.setting.type == "list" or given.is_written_list(known):
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
        meant.refuse_other(draft, mention)
        return 0
    said, end = found
    if instead := _failed(draft, mention, end):
        return instead
    said, end = corrected(draft, known, said, end)
    end = past(draft, end)
    count = draft.text.amount(mention.start - 1) if mention.start else None
    counts = count is not None and count[0].value == len(said) > 1 and not count[0].unit
    draft.set(mention, said, mention.start - counts, end)
    return switches.onward(draft, known, mention.start, end, said)


def _no_size(draft: Draft, mention: Mention, at: int, via: set[str]) -> bool:
    """Whether a number is of something else, as what is switched has no size: `tune the encoder at 1e-5`."""
    known, amount = mention.known[0], draft.text.amount(at)
    if amount is not None and amount[0].value > 0.5 and mention.phrase.lower() == "decay":
        return not draft.text.lexicon.of_concept("ema") and known.setting.type == "float"
    if amount is None or not via & {"at", "for"}:
        return False
    if known.setting.type == "bool":
        return amount[0].value not in (0, 1)
    rate = known.concept is not None and known.concept.id == "learning-rate"
    return rate and amount[0].value >= _NO_RATE and not amount[0].unit


_NO_RATE = 10
"""From here on a number is no learning rate but says when it drops."""
_OF_WHAT = re.compile(
    r"^of (?:(?:the|our|my|all|its) )?[a-z]+(?: [a-z]+)?(?= (?:to|at|=|->) -?[\d.])"
)


def _of_what(draft: Draft, end: int) -> int:
    """How many words only tell of what a named setting is before its value: `depth of the trees to 10`."""
    found = _OF_WHAT.match(draft.text.after(end))
    return len(found.group().split()) if found else 0


_FAILS = re.compile(
    r"^(?:just |still |always )?(?:blows up|blew up|diverges?|diverged|explodes?|exploded|nans?|ooms?|crashes|crashed|fails|failed|"
    r"overfits?|underfits?|plateaus?|(?:is|was|looks|seems|feels) (?:way |far |much |a bit |clearly )?(?:too|bad|unstable|noisy|not)\b(?: \w+)?|"
    r"(?:doesnt|does not|didnt|did not) (?:work|converge|train|help|fit))(?: \w+)?"
    r" ?(?:,|;|\.|so|-)? ?(?:so |lets |let us |then |maybe )*(?:try|use|go with|do|make it|set it to|test)? "
)


def _right_list(draft: Draft, mention: Mention, at: int) -> int:
    found = given.lists(draft, mention.known[0], at)
    if found is None:
        return 0
    draft.set(mention, found[0], mention.start, found[1])
    return found[1]


def _failed(draft: Draft, mention: Mention, end: int) -> int:
    """Where the values end that follow one that is told to fail: `lr 20 blows up, try 10 and 5`; 0: none do."""
    text = draft.text
    said = " ".join(
        text.spelled(i) for i in range(end, min(end + 12, len(text))) if not text.used[i]
    )
    found = _FAILS.match(f"{said} ")
    if found is None:
        return 0
    at = end + len(found.group().split())
    then = numbers(draft, mention.known[0], at)
    if then is None:
        text.take(mention.start, end)
        draft.suppose(
            f'"{text.said(mention.start, at)}" tells what went wrong, and changes nothing'
        )
        return at
    draft.set(mention, then[0], mention.start, then[1])
    return then[1]


def _of_another(draft: Draft, mention: Mention) -> bool:
    """Whether an unknown word before makes it another thing: `stochastic depth 0.1`."""
    low = draft.text.low(mention.start - 1)
    return low.isalpha() and low not in vocabulary.KNOWN_WORDS and mention.strength < 1


def _left_first(draft: Draft, mention: Mention, at: int, via: set[str]) -> bool:
    """Whether the number before is meant: `0.1 dropout 0.5 momentum`, `2 layers 4 heads`."""
    dashed = draft.text.low(mention.start - 1) == "-" and draft.text.tokens[mention.start].glued
    if not _number_before(draft, mention.start - dashed):
        return False
    if dashed:
        return True
    if via == {"to"} and mention.concept is not None and mention.concept.counted:
        told = draft.text.amount(at)
        return told is not None and told[0].value != int(told[0].value)
    counted = mention.concept is not None and mention.concept.counted
    whole = mention.known[0].setting.type == "int"
    if "of" in via and (counted or whole):
        return True  # `1024 codes of size 32`: the second number is of something else
    further = draft.text.amount(at)
    if "at" in via and whole and further is not None and further[0].value != int(further[0].value):
        return True  # `1000 rounds at .03`
    if via:
        return False
    found = draft.text.amount(at)
    if found is None:
        return False
    after = draft.text.skip(found[1], ("-",), 1)
    return draft.text.lexicon.match(draft.text.tokens, after) is not None


def _number_before(draft: Draft, at: int) -> bool:
    return at > 0 and not draft.text.used[at - 1] and draft.text.amount(at - 1) is not None


def _left(draft: Draft, mention: Mention) -> int:
    """A value that stands before: `3 epochs`, `32 and 64 hidden units`, `cosine schedule`."""
    text, known = draft.text, mention.known[0]
    start = mention.start
    sized = mention.concept is not None and mention.concept.id == "batch-size"
    if sized and mention.phrase.lower() in ("batches", "minibatches") and not mention.flag:
        return 0  # so many batches are no size of one
    while start > 0 and text.low(start - 1) in (
        "hidden", "total", "training", "different", "max", "of", "optimizer", "-",
    ):  # fmt: skip
        start -= 1
    counted = mention.concept is None or mention.concept.counted
    if counted and _EVERY.search(_STOPS.sub("", text.before(start))) and not _first(draft, mention):
        return 0
    first = _first_item(draft, known, start)
    if first and text.low(first - 1) not in vocabulary.FILLERS | {
        "",
        ":",
        ",",
        "(",
        "[",
        "{",
        ";",
        ".",
        "?",
        "!",
    }:
        first = max(first, start - 1)
    if first == start:
        return 0
    said, at = [], first
    while at < start:
        found = value_at(draft, known, at)
        said += found[0] if found else []
        at = found[1] if found else at + 1
    if not said:
        return 0
    first = _before_old(draft, known, first)
    if switches.negated(draft, first):
        return 0  # `without length normalization` says what it shall not be
    more, end = _against(draft, known, mention.end)
    arrow = "->" in (text.low(mention.end), text.low(mention.end + 1))
    said = more if arrow and more else [*said, *more]
    said, end = corrected(draft, known, said, end)
    draft.set(mention, said, first, end)
    return end


def _first_item(draft: Draft, known: Known, start: int) -> int:
    """Where the values begin that stand right before a token, joined by commas and their like."""
    text, items = draft.text, [start]
    while items[-1] > 0:
        before = items[-1] - 1
        while before > 0 and len(items) > 1 and text.low(before) in _BETWEEN:
            before -= 1
        try:
            fits = _item(draft, known, before)
        except UsageError:
            if len(items) == 1:
                raise
            break  # it is of something else
        if not fits:
            break
        items.append(before)
    led = text.low(items[-1] - 1)
    led = "" if led == ":" and not text.lexicon.match(text.tokens, items[-1] - 2) else led
    if len(items) > 2 and led in ("of", "to", "at", "=", ":"):
        joined = len(items) > 3 and text.low(items[1] - 1) in ("and", "or")
        return (
            start if joined else items[1]
        )  # the numbers further off are said of what stands before them
    return items[-1]


def _for_it(draft: Draft, mention: Mention) -> int:
    """Takes `rand-m9 for aa`: a word with digits or marks, `for` and the whole name of a setting of text."""
    text, known = draft.text, mention.known[0]
    free = known.setting.type == "str" and not known.setting.choices and mention.strength == 1
    role = "as" in (text.low(mention.start - 1), text.low(mention.start - 2))
    lead = mention.start - 1 - (text.low(mention.start - 1) in ("the", "a"))
    if not free or text.low(lead) not in ("for", "as") or not text.low(lead - 1):
        return 0
    first = lead - 1
    while first > 0 and text.tokens[first].glued and text.low(first - 1):
        first -= 1
    said = text.said(first, lead)
    odd = role and said.isalpha() and said.lower() not in vocabulary.KNOWN_WORDS
    if not odd and not re.search(r"[A-Za-z].*[\d_/-]|[\d_/-].*[A-Za-z]", said):
        return 0
    draft.set(mention, [said], first, mention.end, 0.9)
    return mention.end


def _against(draft: Draft, known: Known, end: int) -> tuple[list[object], int]:
    """The values that a setting is compared with after its name: `4 negatives vs 16`."""
    text, found = draft.text, list[object]()
    end += text.low(end) in UNITS and text.low(end + 1) in ("->", "=>")
    changed = text.amount(end + 1) if text.low(end) in ("->", "=>") else None
    if changed is not None and not text.owned(changed[1]):
        return fitted(draft, known, changed[0]), changed[1]
    while text.low(end) in ("vs", "versus", "or"):
        at = end + 1 + (text.low(end + 1) == ".")
        amount = text.amount(at)
        if amount is None or amount[0].unit or text.owned(amount[1]):
            break
        try:
            found += fitted(draft, known, amount[0])
        except UsageError:
            break  # it is of something else
        end = amount[1]
    return found, end


_EVERY = re.compile(
    r"\b(?:every|each|after|per|first|last|past)(?: the)?(?: -?[\d.]+)?$"
    r"|\b(?:decay\w*|cosine|schedule|anneal\w*|warmup|warm up|ramp\w*) (?:over|for|in)(?: the)?(?: -?[\d.]+)?$"
    r"|\b(?:if|doesnt|does not|hasnt|has not|when|unless|improved?|improves|improvement|improving|stagnates|plateaus)\b.*$"
)


def _before_old(draft: Draft, known: Known, first: int) -> int:
    """The place before the old value of `cosine to linear scheduler`, else `first`."""
    text = draft.text
    if text.low(first - 1) not in ("to", "->", "=>") or not _item(draft, known, first - 2):
        return first
    return first - 2 - (text.low(first - 3) in ("from", "switch", "change", "go"))


_STOPS = re.compile(
    r"\b(?:stop|end|finish|kill|quit|done|terminate)(?: \w+)? after(?= (?:the )?-?[\d.]+$)"
)


def _first(draft: Draft, mention: Mention) -> bool:
    """Whether the first so many are meant as a number of them: `the first 10k examples only`."""
    lead = draft.text.before(mention.start, 3)
    sized = mention.concept is not None and mention.concept.id in ("examples", "tokens")
    return sized and re.search(r"\bfirst(?: -?[\d.]+)?$", lead) is not None


_BETWEEN = SEPARATORS | {"the", "a"}


def _item(draft: Draft, known: Known, at: int) -> bool:
    return at >= 0 and bool(draft.text.low(at)) and value_at(draft, known, at) is not None


_RULES: tuple[Callable[[Draft, Mention], int], ...] = (
    switches.both, switches.unlimited, multiples, relative_right, _right, switches.keep, relative_left, _left, _for_it,
    switches.off, vague, swept, switches.on,
)  # fmt: skip
