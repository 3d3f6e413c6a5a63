"""The values that are said of a setting: numbers and words after it or before it, joined and corrected."""

import re

from labhand.core.errors import UsageError
from labhand.interpret import ranges, values, vocabulary
from labhand.interpret.draft import CORRECTIONS, Draft
from labhand.interpret.lexicon import Known, Mention
from labhand.interpret.text import ENDS, SEPARATORS, Amount, Text
from labhand.kit.settings import Setting
from labhand.kit.values import read as read_value

CONNECT = frozenset(
    "to = : == of at is be as -> => equals equal value values set should in over around about ~ approx "
    "approximately from between through just only either both all will goes the following among up down "
    "norm for sweep grid search strength coefficient coef factor level magnitude amount prob probability rate ratio size "
    "zu auf von a an some scaled reduced increased raised lowered changed bumped dropped cut moved set fixed "
    "kept held ( [ {".split()
)

STRONG = frozenset({"=", ":", "==", "to", "->", "=>", "auf"})

CLOSERS = frozenset({")", "]", "}"})

_ON = frozenset("on true yes enabled enable an active".split())

_OFF = frozenset("off false no disabled disable none aus null out removed".split())


def connect(draft: Draft, at: int) -> tuple[int, set[str]]:
    """Past the words that bind a setting to its value, and which they were."""
    via: set[str] = set()
    for _ in range(6):
        low = draft.text.low(at)
        if low not in CONNECT and not _leads_on(draft, at):
            break
        via.add(low)
        at += 1
    return at, via


_CORRECTION = re.compile(
    r"^(?:(?:,|-|\() )?(?:(?:no|nope|actually|sorry|wait|i mean|make that|make it|rather|or rather|scratch that|"
    r"correction|hmm?|oops|argh|uh|um|er|ah)(?: (?:,|-))? )+(?:(?:the|it|to|that|make|let s|lets|do|use|be|is) )*(?=-?[\d.])"
)


def corrected(
    draft: Draft, known: Known, given: list[object], end: int
) -> tuple[list[object], int]:
    """The values, or what corrects them: `0.1, no wait, 0.2`."""
    text = draft.text
    begin = end + (text.low(end) in ENDS and text.low(end + 1) in CORRECTIONS)
    found = _CORRECTION.match(text.after(begin))
    if found is None:
        return given, end
    then = numbers(draft, known, begin + len(found.group().split()))
    if then is None:
        return given, end
    draft.suppose(f"`{known.key}` is corrected from {', '.join(map(values.shown, given))}")
    return then


def _leads_on(draft: Draft, at: int) -> bool:
    """Whether a mark or word only leads on to a value: `dropout, say 0.2`, `batch size? 16, 64`."""
    text = draft.text
    low = text.tokens[at].low if at < len(text) and not text.used[at] else ""
    if low == ",":
        return text.low(at + 1) in ("say", "eg", "like") and text.amount(at + 2) is not None
    if low == "?":
        return text.amount(at + 1) is not None and not text.owned(
            (text.amount(at + 1) or (0, 0))[1]
        )
    if low in ("matter", "matters", "help", "helps", "work", "works"):
        return text.low(at + 1) == "?" and text.amount(at + 2) is not None
    if low == "after":
        return _names_patience(text, at)
    if low == "on":
        return text.low(at + 1) in ("(", "at", ":") and text.amount(at + 2) is not None
    return low in ("say", "logarithmically", "linearly", "evenly", "uniformly")


def _names_patience(text: Text, at: int) -> bool:
    """Whether `after` follows the name of what stops a run early: `early stop after 10 epochs`."""
    found = [text.lexicon.match(text.tokens, at - back) for back in (2, 1) if at >= back]
    return any(m and m.end == at and m.concept and m.concept.id == "patience" for m in found)


_NO_NUMBER = re.compile(r"path|file|(?:^|_)dir(?:_|$)|folder|(?:^|_)names?(?:_|$)", re.I)


def takes_numbers(setting: Setting) -> bool:
    """Whether a number may be a value of the setting."""
    numeric = [c for c in setting.choices if isinstance(c, int | float) or str(c).isdigit()]
    if (
        setting.type is None
        and setting.default is None
        and _NO_NUMBER.search(f"{setting.name} {setting.help}")
    ):
        return False
    return (
        setting.type in ("int", "float", "list", "bool")
        or bool(numeric)
        or (
            setting.type is None
            and (setting.default is None or isinstance(setting.default, int | float))
        )
    )


def numbers(
    draft: Draft, known: Known, at: int, *, checked: bool = False
) -> tuple[list[object], int] | None:
    """The numbers that begin here, joined by commas, slashes, `and`, `or`, `vs`."""
    text = draft.text
    found: list[object] = []
    united = False
    end = at
    while True:
        if _is_none(text, at, bool(found), checked) and _can_be_none(known):
            found.append(_none_of(known))
            end = at + 1
            at = text.skip(end, SEPARATORS, 2)
            if at == end:
                break
            continue
        amount = text.amount(at)
        vague = text.low(at) == "one" and not checked
        if amount is None or amount[0].unit in ("x", "s") or vague:
            break
        unit = _unit_in_list(draft, known, amount[1], len(found), united, text.low(at - 1))
        united = united or bool(unit)
        if not unit and _counts(text, amount[1], checked and not found):
            break
        found += fitted(draft, known, amount[0])
        end = amount[1] + unit
        if text.low(end) in CLOSERS:
            end += 1
        at = end
        if text.low(at) in ("->", "=>") and len(found) == 1:
            return _changed(draft, known, found, at)
        separated = text.skip(at, SEPARATORS, 2)
        then = text.amount(at)
        alone = then is not None and not then[0].unit and not text.owned(then[1])
        if separated == at and not alone:
            break
        if text.low(at) == "," and _counts_another(draft, known, separated):
            break
        at = separated
    return with_present(draft, known, found, end) if found else None


def _is_none(text: Text, at: int, goes_on: bool, checked: bool) -> bool:
    """Whether a token is no value among numbers: `none` where a list may begin, `off` where one goes on."""
    if text.low(at) in ("none", "null") and not checked:
        return True
    return goes_on and text.low(at) in ("off", "none") and text.low(at - 1) in _AGAINST


def _counts(text: Text, at: int, named: bool) -> bool:
    """Whether the word after a number is what it counts, be the number said right after a name or not."""
    return text.low(at) in ("values", "points", "settings") if named else text.owned(at)


def _unit_in_list(draft: Draft, known: Known, at: int, count: int, united: bool, joint: str) -> int:
    """1 where a unit follows a number of a list that has so many before it: `0, 100 and 500 steps` is one list."""
    low, parts = draft.text.low(at), known.setting.name.lower().split("_")
    own = low in parts or low.rstrip("s") in parts
    unit = _unit(draft, known, at) if not count or (own and not united and count > 1) else 0
    return unit or int(count > 1 and joint in ("and", "or") and low in UNITS)


_AGAINST = frozenset("vs versus or / and ,".split())

PRESENT = re.compile(
    r"^(?:(?:,|as well as|and|plus|besides|alongside|vs|versus|or|also|beside) )+(?:the |its |what (?:we have|it is|is there|we use)|as is|as it is|unchanged)"
    r"(?:(?:current|present|default|existing|old|usual)(?: (?:one|1|value|setting))?| now)?(?= [,;.)]|$)"
)
"""What asks for the present value beside others."""


def with_present(
    draft: Draft, known: Known, found: list[object], end: int
) -> tuple[list[object], int]:
    """The values, and the present one where that is wanted beside them: `3e-4 as well as what we have`."""
    told = PRESENT.match(draft.text.after(end))
    if told is None:
        return found, end
    return [*found, draft.base(known).value], end + len(told.group().split())


def _can_be_none(known: Known) -> bool:
    return known.setting.default is None or values.switched(known, False) is not None


def _none_of(known: Known) -> object:
    """What `none` is among numbers: no value where that is the default, else the one that is off."""
    return None if known.setting.default is None else values.switched(known, False)


def _counts_another(draft: Draft, known: Known, at: int) -> bool:
    """Whether the number after a comma counts what follows it: the 40 of `threshold .8, .9, 40 labels`."""
    then = draft.text.amount(at)
    if then is None or then[0].unit:
        return False
    word, after = draft.text.low(then[1]), draft.text.low(then[1] + 1)
    odd = word.isalpha() and word not in vocabulary.FILLERS | SEPARATORS and word not in CLOSERS
    own = vocabulary.joined(word).rstrip("s") in vocabulary.joined(known.setting.name)
    if not odd or own or word in UNITS:
        return False
    further = draft.text.lexicon.match(draft.text.tokens, then[1] + 1) if after else None
    names = further is not None and word not in vocabulary.value_words()
    return names or after in {"", "each", *SEPARATORS, *ENDS}


def _changed(draft: Draft, known: Known, found: list[object], at: int) -> tuple[list[object], int]:
    """The new value of `64 -> 128`; all of them where several arrows make a list of it."""
    text, all_, end = draft.text, list(found), at
    while text.low(end) in ("->", "=>") and (then := text.amount(end + 1)) is not None:
        all_ += fitted(draft, known, then[0])
        end = then[1]
    return (all_[-1:] if len(all_) == 2 else all_), end


UNITS = frozenset(
    "steps step iterations iters its epochs epoch batches updates tokens samples frames examples pixels px "
    "tok characters chars units neurons dims dim features".split()
)

IN_UNITS = frozenset(
    "warmup eval-interval log-interval save-interval patience context replay tokens examples accumulation width lr-step "
    "rollout learning-starts target-update horizon latent feed-forward embedding".split()
)


def _unit(draft: Draft, known: Known, at: int) -> int:
    """1 where a unit follows that belongs to the number: `warmup 500 steps`, `patience 5 epochs`."""
    fits = known.concept is None or known.concept.id in IN_UNITS
    if draft.text.low(at) not in UNITS or not fits:
        return 0
    further = draft.text.low(at + 1)
    unit, name = draft.text.low(at)[:4], known.setting.name.lower()
    if (
        known.concept is not None
        and unit in ("epoc", "step")
        and ("step" if unit == "epoc" else "epoch") in name
    ):
        draft.doubt(
            f"`{known.key}` does not count {draft.text.low(at)}: is its value meant so all the same?",
            ["as said", "converted"],
            "as said",
            0.5,
        )
    return 0 if further in ("of", "=", ":") else 1


def fitted(draft: Draft, known: Known, amount: Amount) -> list[object]:
    """The values that a number means: one, or two where `0,1` stands for a setting of whole numbers."""
    if amount.digits and known.setting.type in ("int", "list"):
        return [values.fitted(known, Amount(d, "", str(d))) for d in amount.digits]
    if amount.unit == "%" and known.setting.type == "int":
        share = ranges.share_of_length(draft, known, amount.value / 100)
        return [share] if share is not None else [values.fitted(known, amount)]
    return [values.fitted(known, amount)]


def chunk(draft: Draft, at: int) -> tuple[str, int]:
    """The word that begins here with all that is glued to it: `resnet-50`, `data/v2.csv`."""
    text, end = draft.text, at + 1
    while end < len(text) and not text.used[end] and text.tokens[end].glued:
        token = text.tokens[end]
        if token.kind == "quoted" or (token.kind == "mark" and token.low not in "-_./:@+'"):
            break
        inside = end + 1 < len(text) and text.tokens[end + 1].glued
        if token.kind == "mark" and not (inside and text.tokens[end + 1].kind != "mark"):
            break
        end += 1
    token = text.tokens[at]
    return (token.text, end) if end == at + 1 else (text.said(at, end), end)


def words(
    draft: Draft, known: Known, at: int, via: set[str], mention: Mention | None = None
) -> tuple[list[object], int] | None:
    """The words that begin here and are values of the setting."""
    text = draft.text
    found: list[object] = []
    end = at
    explicit = bool(via & {"=", ":", "=="})
    while text.low(at):
        said, after = chunk(draft, at)
        value = _word(
            known,
            text.tokens[at].kind == "quoted",
            said,
            text.tokens[at].low if after == at + 1 else said.lower(),
            set() if found else via,
            explicit and not found,
            mention,
        )
        if value is None and known.setting.choices and "/" in said:
            said, after = text.tokens[at].text, at + 1
            value = _word(known, False, said, text.tokens[at].low, set(), False, mention)
        if value is None or (found and not known.setting.choices and not _ends(text, after)):
            break
        found.append(value)
        end = text.skip(after, CLOSERS, 1)
        at = text.skip(end, SEPARATORS | {"->"}, 2)
        if "from" in via and text.low(end) in ("to", "->"):
            found.clear()
            at = end + 1
        if at == end or (
            text.lexicon.match(text.tokens, at) is not None
            and draft.text.has_value(
                text.lexicon.match(text.tokens, at)  # type: ignore[arg-type]
            )
        ):
            break
    arrow = "->" in [text.low(i) for i in range(mention.end if mention else end, end)]
    return (found[-1:] if arrow else found, end) if found else None


def _ends(text: Text, at: int) -> bool:
    """Whether a piece of a list ends here, so that its last word is a value and no new clause."""
    return text.low(at) in SEPARATORS | ENDS | CLOSERS | {
        "",
        "for",
        "with",
        "on",
        "in",
        "at",
        "as",
        "each",
        "->",
    }


def _word(
    known: Known,
    quoted: bool,
    said: str,
    low: str,
    via: set[str],
    explicit: bool,
    mention: Mention | None,
) -> object | None:
    setting = known.setting
    if setting.type == "bool" or low in _ON | _OFF:
        if low in ("none", "null") and setting.type == "str" and not setting.choices:
            return low
        if low in _OFF and low != "out" and not (low == "no" and not via):
            return values.switched(known, False)
        return (
            values.switched(known, True) if low in _ON - {"an"} and setting.type == "bool" else None
        )
    if setting.choices:
        plain = low in vocabulary.KNOWN_WORDS and not via and low not in map(str, setting.choices)
        return (
            None
            if plain
            else values.worded(known, said, exact=explicit or quoted or _names_a_value(said, via))
        )
    if setting.type not in ("str", None) or (
        setting.type is None and isinstance(setting.default, int | float)
    ):
        return values.worded(known, said, exact=True) if explicit and not low.isspace() else None
    if quoted or explicit:
        return values.worded(known, said)
    if re.fullmatch(r"\d+(?:st|nd|rd|th)", said) or (low in UNITS and known.concept is not None):
        return None  # of `per env step` the last is no environment
    if re.fullmatch(r"[\d.]+", said) and _is_named(known):
        return None
    listed = vocabulary.value_words().get(vocabulary.joined(said))
    if known.concept is not None and listed == known.concept.id:
        return values.worded(known, said)
    acts = low.endswith("ing") and low.isalpha() and not via  # `prompt ensembling` is a thing to do
    odd = re.search(r"[\d_/.-]", said) or (low not in vocabulary.KNOWN_WORDS and not acts)
    near = bool(via & STRONG) or (mention is not None and mention.strength >= 0.95)
    near = near or bool(
        re.search(r"[A-Za-z].*[\d_/-]", said) and mention is not None and mention.strength > 0.5
    )
    return values.worded(known, said) if odd and near and said[:1].isalnum() else None


def _is_named(known: Known) -> bool:
    """Whether the values of a setting of text are names, and no number is one."""
    concept = known.concept
    return concept is None or concept.id in _NAMES


_NAMES = frozenset(
    "teacher output run-name resume dataset model loss optimizer schedule activation normalisation".split()
)
"""Of what no bare number is a name."""


def _names_a_value(said: str, via: set[str]) -> bool:
    return bool(via & STRONG) and said.lower() not in vocabulary.KNOWN_WORDS


def past(draft: Draft, end: int) -> int:
    """Past what tells the old value: `(was 3e-4)`, `instead of 64`, `, not 0.1`."""
    told = re.match(
        r"(?:\( )?(?:, )?(?:was|instead of|rather than|not|currently|from|up from|down from|statt|default) "
        r"(?:the )?(?:default |current |usual )?(?:of )?-?[\d.]+(?:e-?\d+)?%?(?: / -?[\d.]+(?:e-?\d+)?)*(?: \))?",
        draft.text.after(end),
    )
    if told:
        return end + len(told.group().split())
    return draft.text.skip(end, CLOSERS, 2)


def value_at(draft: Draft, known: Known, at: int) -> tuple[list[object], int] | None:
    """The values that one token before a setting means, and where they end; None where none."""
    text = draft.text
    amount = text.amount(at)
    if amount is not None and takes_numbers(known.setting) and known.setting.type != "bool":
        counted = known.concept is not None and known.concept.counted
        if amount[0].unit in ("x", "s") or (
            text.tokens[at].low == "one" and known.setting.type != "int" and not counted
        ):
            return None
        try:
            return fitted(draft, known, amount[0]), amount[1]
        except UsageError:
            if known.concept is not None and known.concept.counted:
                raise
            return None
    token = text.tokens[at]
    if token.kind != "word" or amount is not None:
        return None
    listed = vocabulary.value_words().get(vocabulary.joined(token.low))
    fits = known.concept is not None and listed == known.concept.id
    exact = token.low in [str(c).lower() for c in known.setting.choices] and len(token.low) > 3
    fits = fits or (known.concept is not None and token.low in known.concept.values)
    if known.setting.choices and (fits or exact or token.low not in vocabulary.FILLERS):
        value = values.worded(known, token.text)
    else:
        odd = re.search(r"[a-z]+\d", token.low) and known.setting.type == "str" and listed is None
        value = values.worded(known, token.text) if fits or odd else None
    return None if value is None else ([value], at + 1)


def lists(draft: Draft, known: Known, at: int) -> tuple[list[object], int] | None:
    """The values of a setting that takes several numbers, and where they end: what is said in one breath is one."""
    text = draft.text
    found: list[list[str]] = []
    end = at
    while True:
        parts: list[str] = []
        at = text.skip(at, ("[", "(", "{"), 1)
        while (amount := text.amount(at)) is not None and not (parts and text.owned(amount[1])):
            parts += [str(d) for d in amount[0].digits] or [repr(amount[0].value)]
            end = amount[1]
            at = text.skip(end, (",", "x"), 1)
            at += at == end and is_dash(text, at)
        if not parts:
            break
        found.append(parts)
        end = text.skip(end, CLOSERS, 1)
        at = text.skip(end, SEPARATORS, 2)
        if at == end:
            break
    if not found:
        return None
    if len(found) > 1 and len(found[-1]) == 1:  # `7, 14 and 28` is one list, and so is `7 and 14`
        found = [[part for one in found for part in one]]
    joint = _WRITTEN.fullmatch(str(known.setting.default)) if known.setting.type == "str" else None
    read = [
        read_value(known.setting, (joint[1] if joint else ",").join(one)).value for one in found
    ]
    return list(read), end


def is_dash(text: Text, at: int) -> bool:
    """Whether a token joins two numbers of a list: `512-512`."""
    return text.low(at) == "-" and text.tokens[at].glued and text.amount(at + 1) is not None


_WRITTEN = re.compile(
    r"-?[\d.]+(?:e-?\d+)?(, ?|[ :;-])-?[\d.]+(?:e-?\d+)?(?:\1-?[\d.]+(?:e-?\d+)?)*"
)
"""A list of numbers in one text: `0.1,0.5,0.9`, `64-128`."""


def is_written_list(known: Known) -> bool:
    """Whether the text of a setting is a list of numbers now."""
    setting = known.setting
    return (
        setting.type == "str"
        and not setting.choices
        and bool(_WRITTEN.fullmatch(str(setting.default)))
    )
