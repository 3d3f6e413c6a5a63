"""The values that a setting of words may have: what it lists, what its help and the code tell of it."""

import re

from labhand.interpret import called, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, atoms_of


def listed(draft: Draft, said: str, word: str) -> list[tuple[Known, object]]:
    """The choices that a word is, of settings that list theirs."""
    short = len(word) < 3 and not re.fullmatch(r"[a-z]\d", word)
    odd = word not in vocabulary.KNOWN_WORDS and not short
    known = draft.text.lexicon.known if odd else []
    own = [(k, c) for k in known for c in k.setting.choices if same(said, str(c))]
    own = own or [(k, c) for k in known for c in options_of(k) if _alias(word, str(c))]
    own = own or [(k, c) for k in known for c in options_of(k) if _shortened(word, str(c))]
    return own or _by_ending(draft, said) or _by_help(draft, said) or _by_family(known, word)


def _alias(word: str, choice: str) -> bool:
    """Whether a word is the field's other word for a choice: `cos` for `cosine`."""
    return len(word) > 2 and not word.isdigit() and vocabulary.same_value(word, choice)


def _shortened(word: str, choice: str) -> bool:
    """Whether a choice is a long word cut short: `lipo` of `lipophilicity`."""
    plain = vocabulary.joined(choice)
    return (
        len(plain) > 3 and len(word) > len(plain) + 3 and plain.isalpha() and word.startswith(plain)
    )


def _by_family(known: list[Known], word: str) -> list[tuple[Known, object]]:
    """The one choice that is of the family a word names: `vgg` where `vgg16` is the only one."""
    family = re.compile(rf"{re.escape(word)}[\W_]*\d", re.I)
    found: list[tuple[Known, object]] = [
        (k, c) for k in known for c in k.setting.choices if family.match(str(c))
    ]
    return found if len(found) == 1 and word.isalpha() else []


def titles(known: Known) -> set[str]:
    """The words that say which setting a value is of: the parts of its key, what its help begins with."""
    parts = {a for part in known.key.split(".") for a in atoms_of(part)}
    return (parts | set(called.lead(known.setting.help)[:3])) - {
        "",
        "of",
        "to",
        "use",
        "the",
        "for",
    }


def options_of(known: Known) -> list[object]:
    """The values that are known of a setting of words; none where nothing lists any."""
    if known.setting.choices:
        return list(known.setting.choices)
    return list(_told_options(known)) if is_free(known) else []


def _by_help(draft: Draft, said: str) -> list[tuple[Known, object]]:
    """The one option that a help text lists beside the default: `Transformer` of `(LSTM, GRU, Transformer)`."""
    if vocabulary.joined(said) in vocabulary.FILLERS:
        return []
    found: list[tuple[Known, object]] = [
        (k, option)
        for k in draft.text.lexicon.known
        if is_free(k)
        for option in _told_options(k)
        if same(said, option)
    ]
    return foremost(found)


def foremost(found: list[tuple[Known, object]]) -> list[tuple[Known, object]]:
    """The one that is meant: the only one, or the only one that is a flag; else none."""
    flags = [pair for pair in found if pair[0].setting.flag]
    best = flags if len(flags) == 1 else found
    return best if len(best) == 1 else []


def _told_options(known: Known) -> list[str]:
    """The values that the help of a setting lists, and those that the code compares it with."""
    listed = called.options(known.setting.help, str(known.setting.default))
    others = set(known.setting.compared) - {str(known.setting.default)}
    return list(dict.fromkeys([*listed, *(known.setting.compared if others else ())]))


def _by_ending(draft: Draft, said: str) -> list[tuple[Known, object]]:
    """The one choice that ends in what was said, as `DiT-S/2` in `S/2`."""
    if not re.search(r"\w[/-]\w", said) and (
        len(said) < 5 or said.lower() in vocabulary.KNOWN_WORDS
    ):
        return []
    ends = re.compile(rf"[-_/]{re.escape(said)}$", re.I)
    found = [
        (k, c) for k in draft.text.lexicon.known for c in options_of(k)
        if ends.search(str(c)) and said.lower() not in atoms_of(k.setting.name)
    ]  # fmt: skip
    return found if len(found) == 1 else []


def is_free(known: Known) -> bool:
    """Whether any text may be the value."""
    setting = known.setting
    untyped = setting.type is None and setting.default is None
    worded = setting.type == "str" or (untyped and bool(called.options(setting.help, "None")))
    return worded and not setting.choices


def is_closed(known: Known) -> bool:
    """Whether the code tells all values that a setting may have, by what it compares it with."""
    return len(set(known.setting.compared) - {str(known.setting.default)}) > 1


def same(said: str, choice: str) -> bool:
    """Whether a word spells a choice, but for its separators."""
    return vocabulary.joined(said) == vocabulary.joined(choice)


def shortens(choice: str, words: list[str]) -> bool:
    """Whether a choice is several words cut short: `logreg` of `logistic regression`, `gb` of `gradient boosting`."""
    plain = vocabulary.joined(choice)
    form = "".join(
        rf"{w[0]}(?:{'(?:'.join(map(re.escape, w[1:]))}{')?' * (len(w) - 1)}" for w in words
    )
    return len(words) > 1 and plain.isalpha() and re.fullmatch(form, plain) is not None
