"""What a person changes in what was proposed: words that are always rewritten, files that are always added.

Rests on the pairs (proposed, final) of accepted patches, as PRELUDE does for texts (Gao et al. 2024,
arXiv 2404.15269): an edit that comes again and again is a preference that nobody said.
"""

import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from labhand.core.patch import Patch
from labhand.learn import belief
from labhand.learn.evidence import Case, Learned, learned

_WORD = re.compile(r"--[\w-]+|[A-Za-z_]\w*(?:\.\w+)*")
_ALIKE = 0.4
"""So alike two lines are at least of which one is the other, edited."""
_MOST = 4_000
"""Lines of a diff that are looked at."""


class _Edited(NamedTuple):
    """An accepted patch: the words and files that it was proposed with, and what became of them."""

    patch: Patch
    proposed: frozenset[str]
    rewritten: frozenset[tuple[str, str]]
    files: frozenset[str]
    added: frozenset[str]


def edits(patches: Sequence[Patch]) -> list[Learned]:
    """The habits that edits of accepted patches show."""
    seen = [
        _edited(p) for p in patches if p.status == "accepted" and p.final is not None and p.diff
    ]
    return [*_rewritings(seen), *_additions(seen)]


def _edited(patch: Patch) -> _Edited:
    before, after = _added_lines(patch.diff), _added_lines(patch.final or "")
    rewritten: set[tuple[str, str]] = set()
    for path, lines in before.items():
        for old, new in _pairs(lines, after.get(path, [])):
            rewritten |= set(_words(old, new))
    words = {w for lines in before.values() for line in lines for w in _WORD.findall(line)}
    kinds = {old for old, _ in map(_style, words) if old}
    return _Edited(
        patch,
        frozenset(words | kinds),
        frozenset(rewritten),
        frozenset(before),
        frozenset(set(after) - set(before)),
    )


def _added_lines(diff: str) -> dict[str, list[str]]:
    """The lines that a unified diff adds, by file."""
    found: dict[str, list[str]] = {}
    path = ""
    for line in diff.splitlines()[:_MOST]:
        if line.startswith("diff --git "):
            path = line.rpartition(" b/")[2]
            found.setdefault(path, [])
        elif line.startswith("+") and not line.startswith("+++") and path:
            found[path].append(line[1:].strip())
    return found


def _pairs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The lines that were edited, each with what it became."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for how, a, b, c, d in matcher.get_opcodes():
        if how == "replace":
            for one, other in itertools.product(old[a:b], new[c:d]):
                if difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() > _ALIKE:
                    yield one, other


def _words(old: str, new: str) -> Iterator[tuple[str, str]]:
    """The words that were put in place of others, and the kind of change where it is one of style."""
    one, other = _WORD.findall(old), _WORD.findall(new)
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    for how, a, b, c, d in matcher.get_opcodes():
        if how == "replace" and b - a == d - c:
            for before, after in zip(one[a:b], other[c:d], strict=True):
                kind = _style(before)
                styled = kind[0] and before.replace("-", "_").strip("_") == after.replace("-", "_").strip("_")  # fmt: skip
                yield kind if styled else (before, after)


def _style(word: str) -> tuple[str, str]:
    """The spelling that a flag has and the other one; two empty texts where it is no such flag."""
    if not word.startswith("--"):
        return "", ""
    dashes, lines = "flags with dashes", "flags with underscores"
    inner = word[2:]
    return (dashes, lines) if "-" in inner else (lines, dashes) if "_" in inner else ("", "")


def _rewritings(seen: Sequence[_Edited]) -> Iterator[Learned]:
    for old, new in dict.fromkeys(pair for one in seen for pair in sorted(one.rewritten)):
        mine = [one for one in seen if old in one.proposed]
        cases = [Case((old, new) in one.rewritten, one.patch.name, one.patch.made) for one in mine]
        found = belief.settled([case.holds for case in cases])
        if found is None or not found.value:
            continue
        text = f"where `{old}` is proposed you usually write `{new}`"
        name = f"rewrites-{old}-as-{new}"
        when, then = {"proposed": old}, {"written": new}
        yield learned("convention", name, text, when, then, cases[found.start :])


def _additions(seen: Sequence[_Edited]) -> Iterator[Learned]:
    for path in dict.fromkeys(path for one in seen for path in sorted(one.added)):
        mine = [one for one in seen if path not in one.files]
        cases = [Case(path in one.added, one.patch.name, one.patch.made) for one in mine]
        found = belief.settled([case.holds for case in cases])
        if found is None or not found.value:
            continue
        text = f"you usually change `{path}` as well before you accept what is proposed"
        yield learned("files", f"adds-{path}", text, {}, {"also": path}, cases[found.start :])
