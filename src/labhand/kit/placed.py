"""Settings that a command gives by their place alone: `python train.py data/ out/ --lr 0.1`."""

import re
from collections.abc import Iterable, Sequence

from labhand.core.errors import UsageError
from labhand.kit.code.data import Setting


def placed(
    words: Sequence[str], start: int, setting: Setting, known: Iterable[Setting], text: str
) -> list[str]:
    """The command with the word of a setting that has no flag changed, or set where the command ends before it.

    Raises:
        UsageError: settings whose place is before it are not given yet.
    """
    known = list(known)
    order = [s.name for s in known if s.positional]
    places = list(_places(words, start, known))
    at = order.index(setting.name)
    if at < len(places):
        return [*words[: places[at]], text, *words[places[at] + 1 :]]
    if at > len(places):
        missing = ", ".join(f"`{name}`" for name in order[len(places) : at])
        raise UsageError(
            f"`{setting.name}` is given by its place in the command, after {missing}; say these too"
        )
    end = places[-1] + 1 if places else start
    return [*words[:end], text, *words[end:]]


def _places(words: Sequence[str], start: int, known: Sequence[Setting]) -> Iterable[int]:
    """Where the words stand that belong to no flag."""
    takes = {word: s.takes for s in known for word in (*s.spellings, s.flag) if word}
    at = start
    while at < len(words):
        if not _is_flag(words[at]):
            yield at
            at += 1
            continue
        many = takes.get(words[at], "on")
        at += 1
        if "=" in words[at - 1] or many in ("on", "off", "switch"):
            continue
        at += 1
        while many == "many" and at < len(words) and not _is_flag(words[at]):
            at += 1


def _is_flag(word: str) -> bool:
    return word.startswith("-") and not re.match(r"-\.?\d", word)
