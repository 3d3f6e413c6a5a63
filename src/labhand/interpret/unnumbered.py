"""What no other reader took and has no number: options, names of free text, switches, by the words beside them."""

import re
from typing import NamedTuple

from labhand.core.errors import LabhandError
from labhand.interpret import called, explain, given, switches, values, vocabulary
from labhand.interpret.beside import MOST_WORDS, OLD, PLAIN, SOFT, free, said_words
from labhand.interpret.clauses import Clause
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import MARGIN, Fit, best, word
from labhand.interpret.options import options_of, same
from labhand.interpret.vocabulary import stem
from labhand.kit.values import read as read_value

_OFF = re.compile(
    r"^(?:(?:but|and|also|please|just|with) )*(?:no|without|w / o|skip(?! connection)|disable|dont|do not|never|turn off|switch off|drop|remove|leave out|ignore|not|kill|forget|exclude|minus|ditch|omit|get rid of|take out|throw out|stop)(?: (?:any|the|do|use|using|about))* "
)
_VERBS = frozenset(
    map(
        word,
        "freeze unfreeze tie untie save load skip normalize center resume compile share drop clip".split(),
    )
)
"""What a switch does must be said: `embeddings` alone does not freeze them."""
_WRITTEN = frozenset(map(word, ["save"]))
"""Of these what is not wanted tells enough: `no videos`."""
_BOTH = re.compile(
    r"^(?:(?:and|also|please|then) )*(?:ablate|ablating|ablation (?:of|on)|with and without|with or without|with vs \.? ?without)(?: (?:the|any|use|of))* "
)


def read(draft: Draft, piece: Clause) -> bool:
    """Whether a piece is understood, and taken then: every option, an option, a name, a switch."""
    return (
        _every_option(draft, piece)
        or _whole_share(draft, piece)
        or _option(draft, piece)
        or _text(draft, piece)
        or _switch(draft, piece)
        or _by_remark(draft, piece)
    )


def every(draft: Draft, piece: Clause) -> bool:
    """Whether a piece with a number wants every option of a setting: `all three targets`."""
    return ALL.search(
        " ".join(draft.text.spelled(i) for i in range(piece.start, piece.end))
    ) is not None and (_every_option(draft, piece))


_WRITES = re.compile(r"\b(?:save|write|log|output|store|dump|checkpoint)\w*\b[^;.]*$")


def written_to(draft: Draft, piece: Clause) -> bool:
    """Takes the folder of `save every 500 steps to out/ner`."""
    text = draft.text
    said = text.said(piece.start + 1, piece.end)
    if text.low(piece.start) not in ("to", "into", "in", "under") or not re.fullmatch(
        r"[\w.~-]*/[\w./~-]+", said
    ):
        return False
    places = text.lexicon.of_concept("output")
    if len(places) != 1 or not _WRITES.search(text.whole_before(piece.start)):
        return False
    if places[0].key in {s.known.key for s in draft.said}:
        return False
    _take(draft, piece, places[0], [said])
    return True


ALL = re.compile(r"\b(?:all|each|every|both)(?: (?:of|the|available|possible))* \d+(?= |$)")


def _every_option(draft: Draft, piece: Clause) -> bool:
    """Takes `all three prediction targets`: every value of the one setting that has so many and the words mean."""
    text = draft.text
    at = next((i for i in range(piece.start, piece.end) if text.low(i) in _EACH), None)
    if at is None:
        return False
    count = next((a[0].value for i in range(at, piece.end) if (a := text.amount(i))), None)
    count = 2 if text.low(at) == "both" else count
    words = said_words(draft, range(at + 1, piece.end))
    takes = [
        k for k in free(draft)
        if k.setting.type == "str" and len(options_of(k)) > 1
        if count is None or len(options_of(k)) == count
    ]  # fmt: skip
    fits = [f for f in draft.likeness.ranked(words, takes) if f.own]
    fit = best(fits) or (fits[0] if count is not None and len(fits) == 1 else None)
    if fit is None or not words or len(words) > MOST_WORDS:
        return False
    _take(draft, Clause(at, piece.end), fit.known, options_of(fit.known))
    return True


def _whole_share(draft: Draft, piece: Clause) -> bool:
    """Takes `all the features`: all of what one setting takes a share of."""
    text = draft.text
    if not re.match(r"(?:use |with |on |take )*(?:all|every)\b", text.after(piece.start)):
        return False
    known = [
        k for k in free(draft)
        if k.concept is not None and k.concept.id in values.SHARES and k.setting.type == "float"
    ]  # fmt: skip
    fit = best(draft.likeness.ranked(said_words(draft, range(piece.start, piece.end)), known), 0.4)
    if fit is None:
        return False
    _take(draft, piece, fit.known, [1.0])
    return True


_EACH = frozenset("all each every both".split())


def _option(draft: Draft, piece: Clause) -> bool:
    """Takes `features pooled by gap`: an option of the one setting that explains the other words."""
    text = draft.text
    for at in range(piece.start, piece.end):
        said = text.tokens[at].text
        takes = {k.key: o for k in free(draft) for o in options_of(k) if _is_option(said, str(o))}
        told = {k.key: o for k in free(draft) if (o := _described(k, text.low(at))) is not None}
        takes |= told
        others = [i for i in range(piece.start, piece.end) if i != at]
        words = said_words(draft, others)
        if len(told) == 1 and not words and text.low(at) not in vocabulary.KNOWN_WORDS:
            known = next(k for k in free(draft) if k.key in told)
            _take(draft, piece, known, [told[known.key]])
            return True
        if not takes or not words or len(words) > MOST_WORDS or OLD.search(text.before(at)):
            continue
        fit = best(draft.likeness.ranked(words, [k for k in free(draft) if k.key in takes]))
        if fit is not None and fit.own:
            _take(draft, piece, fit.known, [takes[fit.known.key]])
            return True
    return False


def _is_option(said: str, option: str) -> bool:
    """Whether a word is an option, be it in another form: `balance` for `balanced`."""
    plain = said.lower()
    return same(said, option) or (
        len(plain) > 5 and plain.isalpha() and stem(plain) == stem(option.lower())
    )


def _described(known: Known, word: str) -> object | None:
    """The value that a help text tells by a word: 10 of "backbone=10"."""
    told = called.described(known.setting.help).get(word)
    if told is None or known.setting.type == "bool" or word in ("default", "same"):
        return None
    try:
        return read_value(known.setting, told).value
    except LabhandError:
        return None


def _text(draft: Draft, piece: Clause) -> bool:
    """Takes `checkpoints step1000, step2000`: names with digits or marks, for the one setting of free text that the words mean."""
    text, odd, at = draft.text, list[tuple[str, int, int]](), piece.start
    while at < piece.end:
        said, end = given.chunk(draft, at)
        if _ODD.fullmatch(said) and text.amount(at) is None:
            odd.append((said, at, end))
        at = end
    if not odd or odd[-1][2] != piece.end:
        return False
    words = said_words(draft, range(piece.start, odd[0][1]))
    if not words or len(words) > 2 or any(text.amount(i) for i in range(piece.start, odd[0][1])):
        return False
    paths = any("/" in o[0] for o in odd)
    allowed = [
        k for k in free(draft)
        if k.setting.type == "str" and len(options_of(k)) < 2
        if paths or k.concept is None or k.concept.id not in ("output", "data-path", "resume")
    ]  # fmt: skip
    fit = best([f for f in draft.likeness.ranked(words, allowed) if f.own])
    known = fit.known if fit is not None else draft.likeness.by_help(words, [], allowed)
    if known is None:
        return False
    _take(draft, piece, known, [o[0] for o in odd])
    return True


_ODD = re.compile(r"(?=.*[A-Za-z])(?=.*[\d/._])[\w./@:+-]{3,}")


class _Turn(NamedTuple):
    """Which way a piece turns something, and the words that say what: `off`, `on`, `both`, or it does not say."""

    way: str
    words: list[str]
    led: bool = False


def _turn(draft: Draft, piece: Clause) -> _Turn:
    """What a piece turns; `led`: words of refusal stand before it, so that its last word is what is refused."""
    tokens = draft.text.tokens[piece.start : piece.end]
    spoken = " ".join(t.low for t in tokens)
    reason = _WHY.search(spoken)
    if reason is not None:
        piece = Clause(piece.start, piece.start + len(spoken[: reason.start()].split()))
        tokens, spoken = draft.text.tokens[piece.start : piece.end], spoken[: reason.start()]
    off, both = _OFF.match(f"{spoken} "), _BOTH.match(f"{spoken} ")
    lead = off or both
    first = piece.start + (len(lead.group().split()) if lead else 0)
    words = said_words(draft, range(first, piece.end))
    if both:
        return _Turn("both", words)
    if _MATTERS.match(spoken):
        return _Turn("both", words)
    if off or switches.in_list_off(draft, piece.start):
        return _Turn("off", words, True)
    if re.search(r" (?:no|off)$", spoken):
        return _Turn("off", words)
    undone = [m[1] for t in tokens if (m := _UNDONE.fullmatch(t.low))]
    if undone and len(words) > 1:
        return _Turn("off", [*(w for w in words if not w.startswith("un")), word(undone[-1])], True)
    return _Turn("on" if _ON.search(spoken) else "", words)


_MATTERS = re.compile(
    r"^(?:does|do|is|are) (?:the |our |using )?.+ (?:matter|help|hurt|needed|worth it)$"
)
"""A question that both ways answer."""
_WHY = re.compile(r" (?:to (?:see|check|make sure|find out)|so that|because|since|in order) ")
"""What tells why, and not what."""
_UNDONE = re.compile(r"un([a-z]{4,}ed)")
"""What is not done: `unnormalized`."""


def _switch(draft: Draft, piece: Clause) -> bool:
    """Takes `no progress bar`, `class conditional` and `no background noise`: what is on or off, and its words."""
    spoken = " ".join(t.low for t in draft.text.tokens[piece.start : piece.end])
    way, words, led = _turn(draft, piece)
    if not words or len(words) > MOST_WORDS or _NO_SWITCH.search(spoken):
        return False
    if way == "off" and _owner_off(draft, piece, words):
        return True
    known = [k for k in free(draft) if _turns(k) or (way == "off" and _ends_at_none(k))]
    found = _meant(draft, piece, known, words, spoken if led else "")
    fits = draft.likeness.ranked(words, known)
    if found is None and way == "off" and _family_off(draft, piece, fits):
        return True
    if found is None or not found.own or not (found.whole or way):
        return False
    verbs = _VERBS - _WRITTEN if way == "off" else _VERBS
    if {word(a) for a in atoms_of(found.known.setting.name)} & verbs - set(words):
        return False
    if way != "off" and not set(words) - {word(w) for w in PLAIN} - SOFT:
        return False
    both = _BOTH_AFTER.match(draft.text.after(piece.end))
    if both is not None:
        piece, way = Clause(piece.start, piece.end + len(both.group().split())), "both"
    return _turned(draft, piece, found.known, way)


def _meant(
    draft: Draft, piece: Clause, known: list[Known], words: list[str], refused: str
) -> Fit | None:
    """The one of these settings that words mean. `refused`: the piece, where it begins with a refusal."""
    firm = [w for w in words if w not in SOFT]
    found = best(draft.likeness.ranked(words, known)) or best(draft.likeness.ranked(firm, known))
    if found is None and refused and _TAIL.search(refused):
        words = _heads(draft, piece, refused)
        found = best(draft.likeness.ranked(words, known))
    if found is None and refused and (head := best(draft.likeness.ranked(words[-1:], known))):
        found = head if head.whole else None  # `no item bias`, of a `bias`
    if found is None and len(words) > 1:
        fits = draft.likeness.ranked(words, known)
        told = explain.verdict(draft, fits, range(piece.start, piece.end))
        found = told.fit if told is not None and told.sure else None
    return found


def _by_remark(draft: Draft, piece: Clause) -> bool:
    """Takes `qlora instead`: an odd word that stands alone and that the help of one switch has: "4 bit (QLoRA)"."""
    text = draft.text
    lows = [text.low(i) for i in range(piece.start, piece.end)]
    odd = [low for low in lows if low not in vocabulary.FILLERS and low not in ("instead", "use")]
    if len(odd) != 1 or len(odd[0]) < 4 or odd[0] in vocabulary.KNOWN_WORDS or not odd[0].isalpha():
        return False
    fits = [
        k for k in free(draft)
        if k.setting.type == "bool" and k.setting.default is False
        and odd[0] in called.remarked(k.setting.help)
    ]  # fmt: skip
    if len(fits) != 1:
        return False
    off = _OFF.match(" ".join(lows) + " ") is not None
    _take(draft, piece, fits[0], [values.switched(fits[0], not off)])
    return True


_BOTH_AFTER = re.compile(
    r"^(?:on (?:/|and|or|vs|versus) off|off (?:/|and|or|vs|versus) on|(?:true / false|yes / no))(?= |$)"
)


_TAIL = re.compile(r" (?:between|in|from|of|for|at|on|during|within) ")
"""What follows only tells where: `no blanks between the phonemes`."""


_ALL = frozenset("all any every everything".split())


def _owner_off(draft: Draft, piece: Clause, words: list[str]) -> bool:
    """Turns off all that a named owner has, where `all` of it shall be off: `turn all augmentation off`."""
    lows = {draft.text.low(i) for i in range(piece.start, piece.end)}
    said = [w for w in words if w not in {word(a) for a in _ALL}]
    if not lows & _ALL or len(said) != 1:
        return False
    owned = [
        k for k in free(draft)
        if said[0] in {word(a) for part in k.key.split(".")[:-1] for a in atoms_of(part)}
    ]  # fmt: skip
    off = [
        (k, v) for k in owned if (v := values.switched(k, False)) is not None or _ends_at_none(k)
    ]
    for known, value in off:
        _take(draft, piece, known, [0 if value is None else value])
    return bool(off)


def _family_off(draft: Draft, piece: Clause, fits: list[Fit]) -> bool:
    """Turns off all of several settings that differ in one letter, where they fit alike: `hsv_h`, `hsv_s`, `hsv_v`."""
    if not fits:
        return False
    alike = [f.known for f in fits if f.score > fits[0].score - MARGIN and f.score >= 0.5]
    shapes = {tuple(atoms_of(k.setting.name)[:-1]) for k in alike}
    letters = all(len(atoms_of(k.setting.name)[-1]) == 1 for k in alike)
    if (
        len(alike) < 2
        or len(shapes) != 1
        or not letters
        or any(values.switched(k, False) is None for k in alike)
    ):
        return False
    for known in alike:
        _take(draft, piece, known, [values.switched(known, False)])
    return True


def _heads(draft: Draft, piece: Clause, spoken: str) -> list[str]:
    """The words of a piece up to where it tells the place."""
    return said_words(draft, range(piece.start, piece.start + len(_TAIL.split(spoken)[0].split())))


def _turned(draft: Draft, piece: Clause, known: Known, way: str) -> bool:
    """Takes a piece as what turns a setting, if anything does."""
    on = values.switched(known, True) if known.setting.type == "bool" else 1
    value = values.switched(known, False) if way == "off" else on
    if value is None:
        return False
    _take(draft, piece, known, [True, False] if way == "both" else [value])
    if not isinstance(value, bool) and way == "off":
        draft.suppose(f"`{known.key}` {values.shown(value)} is taken to mean off")
    return True


def _turns(known: Known) -> bool:
    """Whether a setting is a switch, be it written as 0 or 1."""
    setting = known.setting
    number = setting.type == "int" and setting.default in (0, 1)
    return setting.type == "bool" or (number and _FLAG.search(setting.name.lower()) is not None)


_FLAG = re.compile(
    r"^(?:use_?|no_?|with_?|do_?)?(?:norm|normalize|augment|aug|bias|bn|res|amp|fp16|cuda|pretrained|shuffle|weighted|balanced|save|log|verbose|freeze\w*|finetune)$"
)
"""Names of numbers that only say yes or no."""


def switch_of(draft: Draft, phrase: str) -> Known | None:
    """The one setting that 0 or false turns off and that a word is a part of: `ema_codebook` of `no ema`."""
    words = [word(w) for w in re.findall(r"[^\W_]+", phrase.lower())]
    known = [k for k in free(draft) if k.setting.type == "bool" or _ends_at_none(k)]
    fit = best(draft.likeness.ranked(words, known))
    return fit.known if fit is not None and fit.own == frozenset(words) else None


_NO_SWITCH = re.compile(
    r"^(?:swap|replace|exchange|add|implement)\b|\b(?:more|less|fewer|longer|than|instead)\b"
)
"""What stands there now is no wish, and a switch knows no more and less."""
_ON = re.compile(
    r"^(?:(?:and|also|please|then|with) )*(?:turn on|switch on|enable|activate|use|do)\b| on$"
)
_NONE = re.compile(
    r"prob|chance|weight|coef|lambda|penalty|noise|std|sigma|alpha|drop|decay|smooth|jitter|ratio|frac|l1|l2|reg|eps|wd"
)
"""Parts of the names of numbers of which 0 is none."""


def _ends_at_none(known: Known) -> bool:
    """Whether 0 is none of what a number says how much of there is."""
    concept = known.concept.id if known.concept is not None else ""
    plain = known.setting.type == "float" and concept not in ("learning-rate", "discount", "gae")
    told = f"{known.setting.name} {known.setting.help[:60]}".lower()
    return plain and _NONE.search(told) is not None


def _take(draft: Draft, piece: Clause, known: Known, found: list[object]) -> None:
    said = draft.text.said(piece.start, piece.end)
    why = f'"{said}": of the settings only `{known.key}` fits these words'
    draft.choose(known, found, why, piece.start, 0.75)
    draft.text.take(piece.start, piece.end)
