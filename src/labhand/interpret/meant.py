"""Which of several settings a name means, by what is said beside it: a share, a path, an owner, a number."""

import re

from labhand.core.errors import UsageError
from labhand.interpret import vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.given import connect
from labhand.interpret.lexicon import Known, Mention, atoms_of


def half(draft: Draft) -> tuple[Known, ...]:
    """The switch that `mixed precision` means where no setting takes a precision."""
    switches = [k for k in draft.text.lexicon.known if k.setting.type == "bool"]
    named = [
        k
        for n in ("amp", "useamp", "fp16", "autocast", "bf16")
        for k in switches
        if vocabulary.joined(k.setting.name) == n
    ]
    return tuple(named[:1])


def of_share(draft: Draft, mention: Mention) -> Mention:
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


_PATHS = re.compile(r"path|dir|root|file|folder")


def of_path(draft: Draft, mention: Mention) -> Mention:
    """The mention, of the setting that takes a path where one is said: `data in /data/cifar`."""
    text = draft.text
    at, _ = connect(draft, mention.end)
    said = text.low(at) if at < len(text) and text.tokens[at].kind == "quoted" else ""
    if "/" not in said or mention.concept is None:
        return mention
    if mention.known and _PATHS.search(mention.known[0].setting.name.lower()):
        return mention
    of_data = ("dataset", "data-path")
    wanted = of_data if mention.concept.id in of_data else (mention.concept.id,)
    alike = [
        k for k in text.lexicon.known
        if k.concept is not None and k.concept.id in wanted
        and k.setting.type in ("str", None) and _PATHS.search(k.setting.name.lower())
    ]  # fmt: skip
    return mention._replace(known=(alike[0],), strength=0.95) if len(alike) == 1 else mention


def of_owner(draft: Draft, mention: Mention) -> Mention:
    """The mention, of the one setting whose owner is named beside it: `patience of the scheduler`."""
    if len(mention.known) < 2:
        return mention
    text = draft.text
    beside = f"{text.before(mention.start, 4)} {text.after(mention.end, 5)}".split()
    near = {w.rstrip("s") for w in beside if len(w) > 3}
    named = [
        k for k in mention.known
        if near & {a.rstrip("s") for part in k.key.split(".")[:-1] for a in atoms_of(part)}
    ]  # fmt: skip
    if len(named) != 1:
        return mention
    owner = {a.rstrip("s") for part in named[0].key.split(".")[:-1] for a in atoms_of(part)}
    end = next(
        (at for at in range(mention.end, mention.end + 5) if text.low(at).rstrip("s") in owner), 0
    )
    led = text.low(mention.end) in ("of", "in", "for") and end
    return mention._replace(known=tuple(named), end=end + 1 if led else mention.end)


def of_number(draft: Draft, mention: Mention) -> Mention:
    """The mention, of the setting of numbers beside a switch where a number is said: `ema .999`."""
    known, found = mention.known[0], draft.text.amount(connect(draft, mention.end)[0])
    whole_name = vocabulary.joined(mention.phrase) == vocabulary.joined(known.setting.name)
    if known.setting.type != "bool" or found is None or found[0].value in (0, 1):
        return mention
    if draft.text.owned(found[1]):
        return mention
    longer = [
        k
        for k in draft.text.lexicon.known
        if k.setting.type in ("int", "float")
        and k.setting.name.startswith(f"{known.setting.name}_")
    ]
    if len(longer) == 1 and known.setting.default is False:
        draft.choose(known, [True], f'"{mention.phrase}" has a value', mention.start, 0.8)
        return mention._replace(known=(longer[0],))
    if mention.concept is None or whole_name:
        return mention
    alike = [
        k
        for k in draft.text.lexicon.known
        if k.concept == mention.concept and k.setting.type in ("int", "float")
    ]
    return mention._replace(known=(alike[0],)) if alike else mention


_SIZES = frozenset("dim dims dimension dimensions size width depth units length rate".split())
"""Names that another word often belongs to."""


def of_another(draft: Draft, mention: Mention) -> bool:
    """Whether a word beside it makes it another thing: `latnt dim 5`, `32 dim latent`."""
    text = draft.text
    if mention.phrase.lower() not in _SIZES or mention.strength >= 1 or mention.flag:
        return False
    if mention.start and text.amount(mention.start - 1):
        after = text.lexicon.match(text.tokens, mention.end)
        other = after is not None and after.concept != mention.concept
        return other or _unknown(draft, text.low(mention.end))
    return mention.start > 0 and _unknown(draft, text.low(mention.start - 1))


def _unknown(draft: Draft, word: str) -> bool:
    known = draft.text.lexicon
    means = vocabulary.value_words().keys() | vocabulary.phrases().keys() | vocabulary.stems()
    if not word.isalpha() or len(word) < 4 or word in vocabulary.KNOWN_WORDS or word in means:
        return False
    options = {
        str(c).lower() for k in known.known for c in (*k.setting.choices, *k.setting.compared)
    }
    own = {a for k in known.known for a in atoms_of(k.key)}
    return word not in known.words and word not in options and word.rstrip("s") not in own | options


def refuse_other(draft: Draft, mention: Mention) -> None:
    """Answers nothing where no word that is none of a setting's choices stands as its value.

    Raises:
        UsageError: one does: `recon hinge`.
    """
    text, setting = draft.text, mention.known[0].setting
    said = text.low(mention.end)
    ends = text.low(mention.end + 1) in ("", ",", ";", ".", "and")
    if mention.strength < 1 or not setting.choices or setting.type == "bool" or not ends:
        return
    odd = said.isalpha() and said not in vocabulary.KNOWN_WORDS
    if text.lexicon.match(text.tokens, mention.end) is None and odd:
        options = ", ".join(map(str, setting.choices))
        raise UsageError(
            f"`{mention.known[0].key}` takes one of {options}; `{said}` is none of them"
        )
