"""What else a setting is called: its name with the field's other words in it, and what its help calls it."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from labhand.interpret import vocabulary
from labhand.interpret.vocabulary import joined

_EMPTY = re.compile(
    r"^(?:(?:the|a|an|this|total|number|num|size|amount|value|name|of|to|use|enable|set|specify|which|what|how many|"
    r"toggles?|if toggled|if true|if false|if set|if passed|whether or not|whether|manually|apply|do|perform)\b,? ?)+"
)
_ENDS = re.compile(
    r"[(\[.,;:=\"'`]|\bdefault\b| - | (?:for|if|to|when|that|which|in|on|at|from|per|applied|after)\b ?"
)
MOST = 4
"""Words of a help text that are a name and no sentence."""


@cache
def _aliases() -> dict[str, tuple[str, ...]]:
    """What a part of a name may be said for, such as `bs` for `batchsize`, by the part."""
    found: dict[str, tuple[str, ...]] = {}
    for concept in vocabulary.concepts().values():
        others = [n for n in (*concept.names, *sorted(concept.said)) if len(n) < 13]
        for name in concept.names[:4]:
            if len(name) > 1:
                found.setdefault(name, tuple(n for n in others if n != name))
    return found


def variants(atoms: Sequence[str]) -> Iterator[str]:
    """The name with a part of it in other words of the field: `micro bs` for `micro_batch_size`."""
    for begin in range(len(atoms)):
        for end in range(begin + 1, len(atoms) + 1):
            if end - begin == len(atoms):
                continue
            before, after = "".join(atoms[:begin]), "".join(atoms[end:])
            for other in _aliases().get("".join(atoms[begin:end]), ()):
                yield before + other + after


def lead(text: str) -> list[str]:
    """The words that a help text begins with, up to where it explains."""
    first = _ENDS.split(text.strip().lower().replace("'s", ""), maxsplit=1)[0]
    return re.findall(r"[^\W_]+", _EMPTY.sub("", first.strip()))


def told(text: str) -> list[str]:
    """The names that a help text begins with, without separators: `randomerase` of `Random erase prob`."""
    words = lead(text)
    if not words or len(words) > MOST:
        return []
    if len(words) == 1 and (len(words[0]) < 6 or words[0] in vocabulary.KNOWN_WORDS):
        return []
    found = ["".join(words)]
    if len(words) > 2 and words[-1] in UNITS:
        found.append("".join(words[:-1]))
    if len(words) == 3 and words[1] == "of":
        found.append(words[2] + words[0])
    return found


def remarked(text: str) -> set[str]:
    """The words by which a help text calls something in passing: its first ones, and those in brackets."""
    return {*lead(text), *re.findall(r"[a-z]+", " ".join(re.findall(r"\(([^)]*)\)", text.lower())))}


UNITS = frozenset(
    "prob probability rate ratio factor value size count name flag weight coefficient".split()
)


def content(text: str) -> frozenset[str]:
    """The words of a help text that say something."""
    return frozenset(
        w for w in re.findall(r"[^\W\d_]+", text.lower()) if w not in vocabulary.KNOWN_WORDS
    )


def spelling(text: str, word: str) -> str:
    """A word as a help text spells it: `GRU` for `gru` of `type of net (LSTM, GRU)`."""
    found = [w for w in re.findall(r"[\w./+-]+", text) if joined(w) == joined(word)]
    return found[0].strip(".") if found else word


def described(text: str) -> dict[str, str]:
    """The options that a help text tells in words, by these words.

    So `no` is `float32` in "`no` for float32", `S` is `univariate` in "S: univariate", 10 is `backbone` in "backbone=10".
    """
    found: dict[str, str] = {}
    for option, told in re.findall(
        r"[`'\"]([\w.-]+)[`'\"] (?:for|is|means) ([a-z][a-z0-9]+)", text.lower()
    ):
        found.setdefault(told, option)
    for option, told in re.findall(r"\b([A-Za-z]{1,3}) ?: ?([a-z]{5,})", text):
        found.setdefault(told, option)
    for told, option in re.findall(r"\b([a-z]{4,})=(-?\d+)(?![\d.e])", text):
        if told not in ("default", "disable", "disabled", "true", "false", "none"):
            found.setdefault(told, option)
    return found


_LISTED = re.compile(r"['\"`]?[\w.+-]+['\"`]?(?:\s*(?:[|/,]|,? or )\s*['\"`]?[\w.+-]+['\"`]?)+")


def options(text: str, default: str) -> list[str]:
    """The values that a help text lists with the default among them; none where it lists none.

    So does `bce | dice | focal`, `(LSTM, GRU)`, `options: [prob, full]` and `rf or gb`.
    """
    other = re.fullmatch(r"(?:or|alternatively|else) ['\"`]?([\w.+-]+)['\"`]?", text.strip())
    if other is not None and default not in ("", "None"):
        return [default, other[1]]  # `likelihood = "bernoulli"  # or gaussian`
    other = re.fullmatch(
        r"(?:None|null) or ['\"`]?([\w.+-]+)['\"`]?|or ['\"]([\w.+-]+)['\"]", text.strip()
    )
    if other is not None and default == "None":
        return [other[1] or other[2]]  # `stop_words = None  # or "english"`
    quoted = re.findall(r"[`'\"]([\w.-]+)[`'\"] (?:for|is|means) ", text)
    if len(quoted) > 1 and default in quoted:
        return quoted
    for listed in _LISTED.findall(text):
        found = [o.strip(" '\"`.") for o in re.split(r"[|/,]|\bor\b", listed)]
        found = [o for o in found if o]
        if len(found) > 1 and default in found:
            return found
        barred = "|" in listed or re.search(rf"--[\w-]+ {re.escape(listed)}$", text) is not None
        if len(found) > 1 and default in ("None", "") and barred:
            return found
        if len(found) > 2 and default == "None" and ":" in text.partition(found[0])[0]:
            return found
    return []
