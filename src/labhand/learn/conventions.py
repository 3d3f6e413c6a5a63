"""Conventions of naming, style and messages, in the history of a repository."""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence

from labhand.kit.values import shown
from labhand.learn import belief
from labhand.learn.evidence import Case, Learned, learned
from labhand.learn.repository import Commit, Reader, flags_in

CLEAR = 0.6
"""The least lower bound of a convention: what is done in two of three cases is none."""
_FUNCTION = re.compile(r"^[ \t]*(?:async )?def (\w+)\(([^)]*)\)([^:\n]*):", re.M)
_CONSTANT = re.compile(r"^([A-Za-z]\w*)[ \t]*=[ \t]*[-\d\"'\[({TFN]", re.M)
_QUOTED = re.compile(r"(?<![\"'\w])([\"'])(?!\1)[^\"'\n]*\1(?![\"'])")
_INDENT = re.compile(r":[ \t]*\n([ \t]+)\S")
_KINDS = "feat|fix|docs|doc|chore|refactor|test|tests|style|perf|build|ci|revert|wip|exp|experiment"
_PREFIX = re.compile(rf"^(?:{_KINDS})(?:\([^)]*\))?!?: ", re.I)
_TAGGED = re.compile(r"^\[[^\]]+\] ")
_SAID = {
    "commit-start": "you begin commit messages with {}",
    "commit-prefix": "you begin commit messages with {}",
    "commit-end": "you end commit messages with {}",
    "commit-body": "you write a body below the first line of a commit message",
    "flags": "you spell flags with {}",
    "functions": "you name functions in {}",
    "constants": "you name module constants in {}",
    "type-hints": "you annotate new functions with types",
    "quotes": "you write strings with {} quotes",
    "indent": "you indent by {}",
}
_Seen = Iterator[tuple[str, Hashable]]


def conventions(commits: Sequence[Commit]) -> list[Learned]:
    """What the author keeps to, where it is clear."""
    cases: dict[str, list[tuple[Hashable, Commit]]] = {}
    for commit in commits:
        seen: dict[str, list[Hashable]] = {}
        for what, value in (*_message(commit), *_code(commit)):
            seen.setdefault(what, []).append(value)
        # What one commit holds was written in one go, and counts once.
        for what, values in seen.items():
            cases.setdefault(what, []).append((Counter(values).most_common(1)[0][0], commit))
    found = [_convention(what, seen) for what, seen in cases.items()]
    return [made for made in found if made is not None] + list(_new_scripts(commits))


def _convention(what: str, seen: list[tuple[Hashable, Commit]]) -> Learned | None:
    found = belief.settled([value for value, _ in seen])
    if found is None or not found.value or found.bound < CLEAR:
        return None
    before = f"; before that it was {shown(found.before)}" if found.before else ""
    cases = [Case(value == found.value, c.name, c.time) for value, c in seen[found.start :]]
    text = _SAID[what].format(shown(found.value)) + before
    return learned("convention", what, text, {}, {what: found.value}, cases)


def _message(commit: Commit) -> _Seen:
    subject = commit.subject.strip()
    prefix = _PREFIX.match(subject)
    tagged = _TAGGED.match(subject)
    yield "commit-prefix", "a kind, such as `fix: `" if prefix else "a [tag]" if tagged else ""
    rest = subject[(prefix or tagged).end() :] if prefix or tagged else subject  # type: ignore[union-attr]
    if rest[:1].isalpha():
        yield "commit-start", "a small letter" if rest[0].islower() else "a capital"
    yield "commit-end", "a full stop" if subject.endswith(".") else ""
    yield "commit-body", bool(commit.body)


def _code(commit: Commit) -> _Seen:
    for change in commit.changes:
        if not change.new or not change.path.endswith(".py"):
            continue
        flags = set(flags_in(change.new)) - set(flags_in(change.old))
        for flag in flags:
            if "-" in flag or "_" in flag:
                yield "flags", "dashes" if "-" in flag else "underscores"
        yield from _functions(change.old, change.new)
        constants = set(_CONSTANT.findall(change.new)) - set(_CONSTANT.findall(change.old))
        for name in constants:
            if len(name) > 1:
                yield (
                    "constants",
                    "UPPER_CASE"
                    if name.isupper()
                    else "lower_case"
                    if name.islower()
                    else "MixedCase",
                )
        yield from _layout(change.old, change.new)


def _functions(old: str, new: str) -> _Seen:
    before = {name for name, _, _ in _FUNCTION.findall(old)}
    for name, parameters, after in _FUNCTION.findall(new):
        plain = name.strip("_")
        if name in before or not plain:
            continue
        if "_" in plain or re.search(r"[a-z][A-Z]", plain):
            yield "functions", "camelCase" if re.search(r"[a-z][A-Z]", plain) else "snake_case"
        named = [p for p in parameters.split(",") if p.strip() not in ("", "self", "cls", "*", "/")]
        if named or after:
            yield "type-hints", "->" in after or any(":" in p for p in named)


def _layout(old: str, new: str) -> _Seen:
    count: Callable[[str, str], int] = lambda text, mark: _QUOTED.findall(text).count(mark)  # noqa: E731
    single, double = (count(new, mark) - count(old, mark) for mark in ("'", '"'))
    if single != double and max(single, double) > 0:
        yield "quotes", "single" if single > double else "double"
    indent = _INDENT.search(new) if not old else None
    if indent is not None:
        width = indent[1]
        yield "indent", "tabs" if "\t" in width else f"{len(width)} spaces"


def _new_scripts(commits: Sequence[Commit]) -> Iterator[Learned]:
    """The flags that every new script takes, and the defaults that it gives them."""
    reader = Reader()
    scripts = [
        (commit, set(flags), reader.settings(change.new))
        for commit in commits
        for change in commit.changes
        if change.added and len(flags := flags_in(change.new)) > 1
    ]
    if len(scripts) < belief.LEAST:
        return
    counts: dict[str, list[Case]] = {}
    for flag in sorted({flag for _, flags, _ in scripts for flag in flags}):
        counts[flag] = [Case(flag in flags, c.name, c.time) for c, flags, _ in scripts]
    usual: dict[str, list[Case]] = {}
    for flag, cases in counts.items():
        found = belief.settled([case.holds for case in cases])
        if found is not None and found.value is True and found.bound >= CLEAR:
            usual[flag] = cases[found.start :]
    if usual:
        listed = ", ".join(f"`--{flag}`" for flag in usual)
        weakest = min(usual.values(), key=lambda cases: sum(c.holds for c in cases) / len(cases))
        text = f"a new script of yours takes {listed}"
        then = {"flags": ", ".join(usual)}
        yield learned("convention", "flags-of-new-scripts", text, {"new": "script"}, then, weakest)
    yield from _defaults(scripts, list(usual))


def _defaults(
    scripts: list[tuple[Commit, set[str], dict[str, Hashable]]], flags: list[str]
) -> Iterator[Learned]:
    for flag in flags:
        key = flag.replace("-", "_")
        there = [(commit, known[key]) for commit, _, known in scripts if key in known]
        found = belief.settled([value for _, value in there])
        if found is None or found.bound < CLEAR:
            continue
        cases = [Case(v == found.value, c.name, c.time) for c, v in there[found.start :]]
        before = "" if found.before is None else f"; before that it was {shown(found.before)}"
        text = f"in a new script you give `--{flag}` the default {shown(found.value)}{before}"
        when = {"new": "script"}
        yield learned("value", f"default-{flag}", text, when, {key: found.value}, cases)
