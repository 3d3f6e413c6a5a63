"""Which of several settings a name means, by what is said beside it: a share, a path, an owner, a number."""

import re

from labhand.core.errors import UsageError
from labhand.interpret import assembly, beside, values, vocabulary
from labhand.interpret.clauses import clauses
from labhand.interpret.draft import Draft
from labhand.interpret.given import connect
from labhand.interpret.lexicon import Known, Mention, atoms_of
from labhand.interpret.likeness import best, word


def half(draft: Draft) -> tuple[Known, ...]:
    """The switch that `mixed precision` means where no setting takes a precision."""
    switches = [k for k in draft.text.lexicon.known if k.setting.type == "bool"]
    named = [
        k
        for kind in ("amp|mixedprecision|autocast", "fp16|float16|half", "bf16|bfloat16")
        for k in switches
        if re.fullmatch(
            rf"(?:use|enable)?(?:{kind})(?:run|training|precision|enabled)?",
            vocabulary.joined(k.setting.name.rpartition(".")[2]),
        )
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
    if not alike and mention.concept.id in of_data:  # `data.root`, of which only the owner tells
        alike = [
            k for k in text.lexicon.known
            if k.setting.type in ("str", None) and "data" in owners_of(k) and _PATHS.search(k.key.rpartition(".")[2].lower())
        ]  # fmt: skip
    if not alike:  # `model in /tmp/m1` is of `model_dir`
        alike = [
            k for k in text.lexicon.known
            if k.setting.type in ("str", None) and _PATHS.search(k.setting.name.lower())
            and mention.phrase.lower() in atoms_of(k.setting.name)
        ]  # fmt: skip
    return mention._replace(known=(alike[0],), strength=0.95) if len(alike) == 1 else mention


def owners_of(known: Known) -> set[str]:
    """The words of what a setting belongs to: `train` and `optimizer` of `train.optimizer.lr`."""
    parts = [*known.key.split(".")[:-1], known.setting.owner]
    return {a.rstrip("s") for part in parts for a in atoms_of(part) if len(a) > 2}


def of_owner(draft: Draft, mention: Mention) -> Mention:
    """The mention, of the one setting whose owner is named in its clause: `patience of the scheduler`.

    So is `eval.lr` meant by `linear eval at lr 10`, though alone `lr` would be that of the training.
    """
    text = draft.text
    clause = next(c for c in clauses(text) if c.start <= mention.start < c.end)
    own = set(range(mention.start, mention.end))
    lows = [text.tokens[i].low for i in range(clause.start, clause.end) if i not in own]
    near = {w.rstrip("s") for w in lows if len(w) > 2} - _OFTEN
    alike = _alike(draft, mention) if not _OFTEN & set(lows) else list(mention.known)
    if len(mention.known) == 1 and near & owners_of(mention.known[0]):
        return mention
    shared = set.intersection(*map(owners_of, alike)) if len(alike) > 1 else set()
    named = [k for k in alike if near & (owners_of(k) - shared)]
    if len(named) != 1 or len(alike) < 2:
        return mention
    owner = owners_of(named[0])
    end = next(
        (at for at in range(mention.end, mention.end + 5) if text.low(at).rstrip("s") in owner), 0
    )
    led = text.low(mention.end) in ("of", "in", "for") and end
    return mention._replace(known=tuple(named), end=end + 1 if led else mention.end)


_OFTEN = frozenset("every each after".split())


def _alike(draft: Draft, mention: Mention) -> list[Known]:
    """The settings that a mention may mean, those too that are meant only where their owner is named."""
    known = mention.known[0]
    last = known.key.rpartition(".")[2]
    others = [
        k for k in draft.text.lexicon.known
        if k not in mention.known and "." in k.key and k.key.rpartition(".")[2] == last
        and k.setting.type in (known.setting.type, "int", "float")
    ]  # fmt: skip
    return [*mention.known, *others]


def settle(draft: Draft) -> None:
    """Takes, of several settings that a name may mean, the one that stands where others that are said stand."""
    for unsure in draft.unsure:
        now = next((s for s in draft.said if s.known.key == unsure[0].key), None)
        if now is None:
            continue
        homes = {_home(s.known) for s in draft.said if s is not now} - {""}
        fits = [k for k in unsure if _home(k) in homes]
        if len(fits) != 1:
            continue
        draft.doubts = [d for d in draft.doubts if d.options != [k.key for k in unsure]]
        if fits[0].key != now.known.key and not any(s.known.key == fits[0].key for s in draft.said):
            draft.said[draft.said.index(now)] = now._replace(known=fits[0])


def _home(known: Known) -> str:
    return known.key.rpartition(".")[0] or known.setting.owner


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


def of_words(draft: Draft, mention: Mention) -> Mention:
    """The mention, of the setting that all words of its clause mean: a part of a name alone says little.

    Of none where the number that is said is far from all sense for it, and no other fits.
    """
    text = draft.text
    clause = next(c for c in clauses(text) if c.start <= mention.start < c.end)
    free = [i for i in range(clause.start, clause.end) if not text.used[i]]
    counted = [i for i in free if text.tokens[i].kind == "number"]
    listed = mention.known[0].setting.type == "list"
    if listed and counted and any(_unknown(draft, text.low(i)) for i in free):
        return mention._replace(known=())  # `5 rolling origins` is none of `rolling_windows`
    if len(counted) != 1 or mention.known[0].setting.type not in ("int", "float"):
        return mention
    amount = text.amount(counted[0])
    if amount is None or amount[0].unit in ("x", "s"):
        return mention
    words = beside.said_words(draft, range(clause.start, clause.end))
    fit = assembly.of_number(draft, words, amount[0])
    if fit is not None:
        return mention._replace(known=(fit.known,))
    sensible = values.plausible(mention.known[0], amount[0].value)
    return mention if sensible else mention._replace(known=())


def of_qualifier(draft: Draft, mention: Mention) -> Mention:
    """The mention with the word before it, where both together mean another setting: `predictor dim` for `pred_dim`."""
    text, at = draft.text, mention.start - 1
    before = text.low(at) if at >= 0 and text.tokens[at].kind == "word" else ""
    if not before.isalpha() or mention.flag or before in vocabulary.KNOWN_WORDS | _LEADING:
        return mention
    phrase = [word(w) for w in re.findall(r"[^\W_]+", mention.phrase.lower())]
    allowed = [k for k in beside.free(draft) if k.setting.type == mention.known[0].setting.type]
    fit = best(draft.likeness.ranked([word(before), *phrase], allowed))
    if fit is None or word(before) not in fit.own or fit.known in mention.known[:1]:
        return mention
    if len(mention.known) == 1 and draft.likeness.speaks(word(before), mention.known[0]):
        return mention
    end = mention.end
    words = " ".join(t.text for t in text.tokens[at:end])
    return mention._replace(start=at, phrase=words, known=(fit.known,), strength=0.9)


_LEADING = frozenset("both all".split()) | vocabulary.value_words().keys()


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


def device(draft: Draft, word: str) -> tuple[Known, bool] | None:
    """The switch that `cpu` or `gpu` turns where no setting names the device: `--cpu`, `--no-cuda`."""
    lexicon = draft.text.lexicon
    devices = [
        k
        for k in lexicon.of_concept("device")
        if k.setting.type != "bool" and (k.setting.flag or k.setting.default is not None)
    ]
    if devices or word not in ("cpu", "gpu", "cuda"):
        return None
    for known in lexicon.known:
        name = re.fullmatch(
            r"(?:use|force)?(no|disable)?(cpu|cuda|gpu|accel)",
            vocabulary.joined(known.setting.name.rpartition(".")[2]),
        )
        if known.setting.type == "bool" and name is not None:
            means_cpu = (name[2] == "cpu") != bool(name[1])
            return known, means_cpu == (word == "cpu")
    return None
