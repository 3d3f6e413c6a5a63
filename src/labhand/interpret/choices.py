"""Words that are values by themselves: `cosine`, `adamw instead of sgd`, `resnet18 vs resnet50`, `bf16`."""

import re
from collections.abc import Iterator

from labhand.core.errors import UsageError
from labhand.interpret import kindred, meant, values, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.given import chunk
from labhand.interpret.kindred import like_default, spelled
from labhand.interpret.lexicon import Known, Mention, atoms_of
from labhand.interpret.options import (
    foremost,
    is_closed,
    listed,
    options_of,
    same,
    shortens,
    titles,
)
from labhand.interpret.text import SEPARATORS
from labhand.interpret.vocabulary import stem

_WEAK = frozenset(
    "linear constant exponential polynomial plateau half mse mae huber hinge focal prodigy soap lamb lars "
    "sigmoid cpu gpu cuda tpu mps lion step full mish crossentropy".split()
)
"""Values that are everyday words of the field too: taken only where they stand as a value does."""
_ASKS = re.compile(
    r"(?:^|[,:;]|\b(?:use|using|try|with|to|on|switch|via|and|or|vs|versus|,|:|be|than|go|mit|auf|of|compare|plus))(?: (?:the|a|my))?$"
)
_NOT_AFTER = re.compile(
    r"^(?:teacher|student|recipes?|style|papers?|setups?|hyperparam\w*|hparams|defaults|numbers|results|repo|codebase|similarity|distance|loss|layer|layers|probe|probing|regression|classifier|head|model|embedding|embeddings|projection|attention|interpolation|memory|utilization|util|backend|kernel|kernels|time|hours?|function|steps?|prompt|baselines?|out)\b"
)
_ASIDE = re.compile(
    r"\b(?:distill?\w*|teacher|student|comparable|similar|like|beat|match|matching|reproduce|replicate|outperform|"
    r"compare[ds]? (?:it |this |that )?(?:to|with|against)|(?:evaluat\w*|eval|test(?:ed|ing)?|benchmark\w*|report) on)(?: (?:it|from|a|an|the|to|with|of|is|=|:))*$"
)
"""What makes the name that follows another thing than what is trained here."""
_NO_VALUES = frozenset("none auto default true false yes no off on".split())


def read(draft: Draft) -> None:
    """Finds the values that stand without the name of their setting."""
    text, at = draft.text, 0
    while at < len(text):
        found = (
            _value(draft, at)
            if text.low(at) and text.tokens[at].kind in ("word", "number", "quoted")
            else None
        )
        at = _series(draft, at, *found) if found else at + 1


def _value(draft: Draft, at: int) -> tuple[Known | None, str, object, int] | None:
    """The setting, its concept and its value that a word means; no setting where there is none."""
    text = draft.text
    inside = at > 0 and text.tokens[at].glued and text.tokens[at - 1].low in "-_./"
    if inside or _ASIDE.search(text.before(at, 4)):
        return None
    for said, end in _spans(draft, at):
        word = vocabulary.joined(said)
        if word in _NO_VALUES or (text.tokens[at].kind == "number" and word.isdigit()):
            continue
        found = _means(draft, at, said, end)
        if found is not None:
            return found
    return None


def _spans(draft: Draft, at: int) -> list[tuple[str, int]]:
    """What begins at a token and may be one value, each with where it ends, likeliest first."""
    text = draft.text
    options = [chunk(draft, at)]
    if options[0][1] > at + 1 and text.low(at + 1) in ("/", "+"):
        options.append((text.tokens[at].text, at + 1))
    further = text.tokens[at + 1] if text.low(at + 1) else None
    sized = f"{text.tokens[at].text}-{further.text}" if further is not None else ""
    if further is not None and re.fullmatch(r"\d[\w.]*", further.text) and not further.glued:
        plain = text.tokens[at].text.isalpha()
        if plain and like_default(draft, sized, "") is not None:
            options.insert(0, (sized, at + 2))  # `pythia 1b` beside `pythia-410m`
    if further is not None and further.kind == "word" and not further.glued:
        options = [*_in_two_words(draft, at), *options]
    if cut := vocabulary.short().get(text.low(at)):
        options.append((cut, at + 1))
    if text.low(at + 1) == "norm":  # of the values it alone is written in two words
        options.append((f"{text.tokens[at].text}norm", at + 2))
    return options


def _in_two_words(draft: Draft, at: int) -> list[tuple[str, int]]:
    """The values that a word and the next one may be together: `cart pole`, `wide resnet`."""
    text, found = draft.text, list[tuple[str, int]]()
    both = f"{text.tokens[at].text}{text.tokens[at + 1].text}"
    pair = [text.low(at), text.low(at + 1)]
    for option in {str(o) for k in text.lexicon.known for o in options_of(k)}:
        cut = not set(pair) & vocabulary.FILLERS and min(map(len, pair)) > 2
        if same(both, option) or (cut and shortens(option, pair)):
            found.insert(0, (option, at + 2))
    if short := vocabulary.short().get(vocabulary.joined(both)):
        found.append((short, at + 2))
    return [(both, at + 2), *found] if vocabulary.is_environment(both, "") else found


def _means(
    draft: Draft, at: int, said: str, end: int
) -> tuple[Known | None, str, object, int] | None:
    word = vocabulary.joined(said)
    if (named := _named_after(draft, said, end)) is not None:
        return named[0], "", named[1], end
    own = listed(draft, said, word)
    if len(own) == 1 and _stands(draft, at, end, word, own=True):
        return own[0][0], "", own[0][1], end
    like = like_default(draft, said, word)
    if like is not None and _stands(draft, at, end, word):
        return like, "", spelled(like, said), end
    concept = vocabulary.value_words().get(word)
    if concept is None or not _stands(draft, at, end, word):
        return None
    return _of_concept(draft, concept, said, end)


def _of_concept(
    draft: Draft, concept: str, said: str, end: int
) -> tuple[Known | None, str, object, int]:
    if concept == "device" and (turned := meant.device(draft, vocabulary.joined(said))):
        return turned[0], "", turned[1], end
    for known in draft.text.lexicon.of_concept(concept):
        if is_closed(known) and _of(known, said) is None:
            continue  # the code would not know it
        if known.setting.type == "bool" and concept == "precision":
            return known, concept, _precise(known, said), end
        return known, concept, _of(known, said), end
    word = vocabulary.joined(said)
    if concept == "precision" and any(
        vocabulary.same_value(said, p) for p in ("fp16", "fp32", "bf16")
    ):
        for known in meant.half(draft):
            return known, concept, _precise(known, said), end
    switch = [k for k in draft.text.lexicon.known if _only_switches(k, word)]
    if len(switch) == 1:
        start = end - len(re.findall(r"\w+", said))
        on = not _INSTEAD.search(draft.text.before(start))
        return switch[0], "", values.switched(switch[0], on), end
    return None, concept, said, end


_INSTEAD = re.compile(
    r"(?:\bno|\bnot|\bwithout|instead of|rather than|in place of)(?: (?:a|the))?$"
)


def _only_switches(known: Known, word: str) -> bool:
    """Whether a switch is for this one word: `cosine`, `use_linear_lr_decay`, but no `use_tf_adam`."""
    atoms = set(atoms_of(known.setting.name))
    return (
        known.setting.type == "bool"
        and word in atoms
        and not atoms - {word, "use", "run"} - _OF_WORDS
    )


def _precise(known: Known, said: str) -> bool | None:
    """How a precision turns a switch such as `amp` or `bf16`; None where the switch is of another one."""
    if vocabulary.same_value(said, "fp32"):
        return values.switched(known, False) is True
    named = [n for n in ("bf16", "fp16") if n in vocabulary.joined(known.setting.name)]
    return None if named and not vocabulary.same_value(said, named[0]) else not known.inverse


def _named_after(draft: Draft, said: str, end: int) -> tuple[Known, object] | None:
    """The option whose setting is named behind it: `dice loss`, `mean vs max pooling`."""
    text = draft.text
    fits: list[tuple[Known, object]] = []
    for known in text.lexicon.known:
        options = options_of(known)
        own = next((o for o in options if same(said, str(o))), None)
        at = end
        while own is not None and text.low(at) in SEPARATORS:
            further, after = chunk(draft, at + 1) if text.low(at + 1) else ("", at)
            if not any(same(further, str(o)) for o in options):
                break
            at = after
        if own is not None and text.low(at) and stem(text.low(at)) in map(stem, titles(known)):
            fits.append((known, own))
    return next(iter(foremost(fits)), None)


def _of(known: Known, said: str) -> object:
    if known.setting.type == "bool" or known.setting.type in ("int", "float"):
        return None
    value = values.worded(known, said)
    if is_closed(known) and not any(same(str(value), str(o)) for o in options_of(known)):
        return None  # the code would not know it
    if value is None and known.setting.choices:
        options = ", ".join(map(str, known.setting.choices))
        raise UsageError(f"`{known.key}` takes one of {options}; `{said}` is none of them")
    return value


def _stands(draft: Draft, at: int, end: int, word: str, *, own: bool = False) -> bool:
    """Whether a word stands as a value does, and not as a part of something else."""
    after = draft.text.after(end, 3)
    if _NOT_AFTER.match(after) and not (own and after.startswith("baseline")):
        return False
    if _begins_a_name(draft, word, end):
        return False  # `tweedie power` is a setting
    if _is_led(draft, at):
        return False  # `PR AUC` is another one than `AUC`
    if _goes_on(draft, end):
        return False  # `imagenet templates` are no `imagenet`
    if re.search(r"\b(?:make|keep) the$", draft.text.before(at, 2)):
        return False  # what is there is to be made another: `make the forest smaller`
    if word not in _WEAK and word not in vocabulary.KNOWN_WORDS:
        return True
    lead = draft.text.before(at, 3)
    alone = not after or after.split()[0] in (
        "and",
        ",",
        "for",
        "with",
        "or",
        "vs",
        "but",
        "instead",
        "then",
        "/",
        "schedule",
        "scheduler",
        "decay",
        "in",
        "at",
        "lr",
        "rate",
        "w",
        "using",
        "only",
        "please",
        "pls",
    )
    return bool(_ASKS.search(lead.strip())) and alone


def _begins_a_name(draft: Draft, word: str, end: int) -> bool:
    """Whether a word and the one after it are parts of the name of one setting of numbers that has a number."""
    text = draft.text
    then = text.tokens[end].low if end < len(text) else ""
    if not then.isalpha():
        return False
    return any(
        {word, then} <= {*atoms_of(k.key.rpartition(".")[2])} and k.setting.type in ("int", "float")
        for k in text.lexicon.known
    )


def _is_led(draft: Draft, at: int) -> bool:
    """Whether two capital letters stand before a word in capitals, and belong to it."""
    tokens = draft.text.tokens
    before = tokens[at - 1].text if at else ""
    return before.isalpha() and before.isupper() and len(before) == 2 and tokens[at].text.isupper()


_AGAINST = ("vs", "versus")


def _against_unknown(draft: Draft, at: int, end: int) -> bool:
    """Whether a value is compared with a word that nothing is known of: `lambdarank vs foorank`."""
    text = draft.text
    sides = [at - 2] if text.low(at - 1) in _AGAINST else []
    sides += [end + 1] if text.low(end) in _AGAINST else []
    for side in sides:
        low = text.low(side)
        odd = low.isalpha() and low not in vocabulary.KNOWN_WORDS
        named = text.lexicon.match(text.tokens, side) is not None
        if odd and not named and _value(draft, side) is None:
            return True
    return False


def _goes_on(draft: Draft, end: int) -> bool:
    """Whether an unknown noun in the plural follows, of which a name only tells the kind."""
    text, low = draft.text, draft.text.low(end)
    if not re.fullmatch(r"[a-z]{4,}s", low) or low.endswith("ss") or not text.low(end):
        return False
    known = low in vocabulary.KNOWN_WORDS or low.rstrip("s") in vocabulary.KNOWN_WORDS
    named = (
        text.lexicon.match(text.tokens, end) is not None or low.rstrip("s") in text.lexicon.words
    )
    return not (known or named or low in vocabulary.value_words())


def _series(
    draft: Draft, at: int, known: Known | None, concept: str, value: object, end: int
) -> int:
    text = draft.text
    found, start = [value], at
    if known is not None and _against_unknown(draft, at, end):
        said = text.said(at - 2, end) if text.low(at - 1) in _AGAINST else text.said(at, end + 2)
        draft.suppose(f'"{said}": of `{known.key}` only one of these is known, so none is set')
        return end
    if known is None:
        _misses(draft, at, end, concept)
        return end
    if value is None:
        return end
    for then, joint in _further(draft, known, end):
        if joint in ("with", "by", "to", "for", "->", "=>") and (
            joint in ("->", "=>") or _replaces(draft, start)
        ):
            found = [then[0]]
        elif joint in SEPARATORS:
            found.append(then[0])
        else:
            break
        end = then[1]
    more, end = _same_family(draft, known, found[-1], end)
    found += more
    owner = _owner(draft, known, end)
    if owner is not None:
        known, end = owner.known[0], owner.end
        own = [values.worded(known, str(value)) for value in found]
        found = [value for value in own if value is not None]
        if len(found) < len(own):
            return end
    of_it = titles(known) | (_OF_WORDS if known.concept is not None else frozenset())
    end += text.low(end) in of_it
    end = _instead(draft, known, end)
    lead = _WRITES.search(text.before(start)) if re.search(r"[./]", str(found[0])) else None
    lead = lead or re.search(
        r"(?:replace|swap|switch|change|changing|from|move)(?: (?:from|the|out|over))*$",
        text.before(start),
    )
    start -= len(lead.group().split()) if lead else 0
    end += text.low(end) in of_it
    if _is_none(draft, known, start, end):
        return end
    words = text.said(start, end)
    _note(draft, known, found, words, start)
    text.take(start, end)
    return _at_rate(draft, known, end)


_WRITES = re.compile(
    r"(?:save|write|store|dump|load|read)(?: (?:it|them|as|to|in|into|from|under|the|model|models|checkpoints?|results?|data))*$"
)
_OF_WORDS = frozenset(
    "schedule scheduler decay optimizer precision activation activations annealing lr".split()
)


def _same_family(draft: Draft, known: Known, value: object, end: int) -> tuple[list[object], int]:
    """The further choices of `resnet20, 32 and 44`, and where they end."""
    text, found = draft.text, list[object]()
    family = re.fullmatch(r"(.*?[A-Za-z_-])\d+", str(value))
    while family is not None:
        at = text.skip(end, SEPARATORS, 2)
        number = text.amount(at)
        if number is None or number[0].unit or text.owned(number[1]):
            break
        named = f"{family[1]}{number[0].value}"
        if known.setting.choices and named not in map(str, known.setting.choices):
            break
        found.append(named)
        end = number[1]
    return found, end


def _is_none(draft: Draft, known: Known, start: int, end: int) -> bool:
    """Whether what stands here is no value after all: refused, a bound, a part of a word, or one side of which the other is unknown."""
    text = draft.text
    if _cancelled(draft, known, start, end) or _bounds(draft, start, end) or text.goes_on(end):
        return True
    compared = text.low(start - 1) in _AGAINST or text.low(end) in _AGAINST
    if not compared or any(s.known.key == known.key for s in draft.said):
        return False
    draft.suppose(
        f'"{text.said(start, end)}" is compared with something not understood, so `{known.key}` is not set'
    )
    return True


def _note(draft: Draft, known: Known, found: list[object], words: str, start: int) -> None:
    """Notes values that stand by themselves; of a model without its size it is asked which."""
    sizeless = kindred.lacks_size(known, found)
    draft.choose(known, found, f'"{words}"', start, 0.95, "default" if sizeless else "said")
    if sizeless:
        draft.doubt(*kindred.which_size(known, words, found))


def _owner(draft: Draft, known: Known, end: int) -> Mention | None:
    """The other setting of words whose name follows the values: `linear vs cosine beta schedule`."""
    text = draft.text
    named = text.lexicon.match(text.tokens, end) if text.low(end) else None
    if named is None or not named.known or named.known[0].key == known.key:
        return None
    return named if named.known[0].setting.type == "str" and not text.has_value(named) else None


def _at_rate(draft: Draft, known: Known, end: int) -> int:
    """Takes the learning rate of `adam @ 3e-4`."""
    text = draft.text
    rate = next(iter(text.lexicon.of_concept("learning-rate")), None)
    at = end + (text.low(end) in ("@", "at"))
    found = text.amount(at)
    if at == end and found is not None and "e-" not in found[0].text.lower():
        return end
    rated = known.concept is not None and known.concept.id in ("optimizer", "model")
    if found is None or rate is None or not rated or not 0 < found[0].value < 1:
        return end
    said = {s.known.key for s in draft.said}
    if found[0].unit or text.owned(found[1]) or (at == end and rate.key in said):
        return end
    draft.choose(rate, [values.fitted(rate, found[0])], f'"{text.said(end, found[1])}"', end, 0.9)
    text.take(end, found[1])
    return found[1]


def _bounds(draft: Draft, start: int, end: int) -> bool:
    """Takes `for the gb` behind a setting that has its value: it tells where that holds, and sets nothing."""
    text = draft.text
    told = (
        text.low(start - 1) == "the"
        and text.low(start - 2) == "for"
        and start > 2
        and text.used[start - 3]
    )
    if told:
        draft.suppose(f'"{text.said(start - 2, end)}" tells where that holds, and changes nothing')
        text.take(start - 2, end)
    return told


def _cancelled(draft: Draft, known: Known, start: int, end: int) -> bool:
    """`not cosine`, `instead of adam`: that is what it shall not be; which it shall be is said elsewhere, if at all."""
    lead = _INSTEAD.search(draft.text.before(start))
    if lead is not None and any(s.known.key == known.key for s in draft.said):
        draft.text.take(start - len(lead.group().split()), end)
    return lead is not None


def _further(draft: Draft, known: Known, at: int) -> Iterator[tuple[tuple[object, int], str]]:
    """The next values of the same setting, each with the word before it."""
    text = draft.text
    while True:
        joint, past = text.low(at), at + 1
        if joint == "," and text.low(past) in ("and", "or"):
            past += 1
        if joint == "vs" and text.low(past) == ".":
            past += 1
        past = text.skip(past, ("a", "the"), 1)
        found = _value(draft, past) if text.low(past) else None
        if found is None or found[0] is None or found[0].key != known.key:
            said, end = chunk(draft, past) if text.low(past) else ("", past)
            value = _one_of_them(known, said) if said and joint in SEPARATORS else None
            if value is None:
                return
            found = (known, "", value, end)
        yield (found[2], found[3]), joint
        at = found[3]


def _misses(draft: Draft, at: int, end: int, concept: str) -> None:
    """Notes a value that no setting takes; after `for` behind what is understood it only tells where that holds."""
    text = draft.text
    if text.low(at - 1) == "for" and at > 1 and text.used[at - 2]:
        draft.suppose(f'"{text.said(at - 1, end)}" tells where that holds, and changes nothing')
        text.take(at - 1, end)
        return
    named = vocabulary.concepts()[concept]
    draft.missing.append(Mention(at, end, text.said(at, end), (), named, 0.0))


def _one_of_them(known: Known, said: str) -> object | None:
    """The option that a word means beside another option of the same setting: the `v` of `epsilon, v or sample`."""
    if known.setting.choices:
        return values.worded(known, said)
    alike = [o for o in options_of(known) if vocabulary.same_value(said, str(o))]
    return alike[0] if len(alike) == 1 else None


def _replaces(draft: Draft, start: int) -> bool:
    return bool(
        re.search(r"\b(replace|swap|switch|change|from|move|changing)\b", draft.text.before(start))
    )


def _instead(draft: Draft, known: Known, end: int) -> int:
    """Past `instead of sgd`, `rather than adam`, `, not relu`."""
    text = draft.text
    joint = re.match(
        r"(?:instead of|rather than|in place of|over|, not|not|statt|\( was) (?:the )?",
        text.after(end),
    )
    if joint:
        at = end + len(joint.group().split())
        found = _value(draft, at) if text.low(at) else None
        if found is not None and found[0] is not None and found[0].key == known.key:
            return text.skip(found[3], (")",), 1)
    return end
