"""Which files change together, in the history of a repository."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import PurePosixPath

from labhand.learn import belief
from labhand.learn.evidence import Case, Learned, learned
from labhand.learn.repository import SWEEPING, Commit
from labhand.learn.together import CHANGED

MOST = 20
"""Of pairs of files that are told, the surest."""
CODE = "*.py"


def companions(commits: Sequence[Commit], present: Collection[str]) -> list[Learned]:
    """The files that are changed with others: with any code, with their tests, with each other.

    Only those that are still `present` are told.
    """
    touched = [(c, {change.path for change in c.changes}) for c in commits]
    touched = [(c, files) for c, files in touched if 0 < len(files) <= SWEEPING]
    counts = Counter(path for _, files in touched for path in files)
    often = [path for path, count in counts.items() if count >= belief.LEAST and path in present]
    with_code = [made for path in often if (made := _with_code(touched, path)) is not None]
    told = {path for made in with_code for path in made.habit.then}
    pairs = _pairs(touched, counts, {*told, *(set(counts) - set(present))})
    return [*with_code, *_with_tests(touched), *pairs[:MOST]]


_Touched = Sequence[tuple[Commit, set[str]]]


def _with_code(touched: _Touched, path: str) -> Learned | None:
    """A file that is changed with any code, such as the one that holds the version."""
    cases = [
        Case(path in files, commit.name, commit.time)
        for commit, files in touched
        if any(fnmatch(other, CODE) and other != path for other in files)
    ]
    others = [
        files for _, files in touched if not any(fnmatch(f, CODE) and f != path for f in files)
    ]
    distinct = {f for _, files in touched if path in files for f in files if fnmatch(f, CODE)}
    found = belief.settled([case.holds for case in cases])
    # With one other file of code it is a pair, and told as one.
    if found is None or found.value is not True or len(distinct - {path}) < 3:
        return None
    alone = sum(path in files for files in others)
    both = sum(case.holds for case in cases)
    if others and alone / len(others) >= both / len(cases):
        return None
    return learned(
        "files",
        f"{path}-with-code",
        f"when you change code you change {path} too",
        {CODE: CHANGED},
        {path: CHANGED},
        cases[found.start :],
    )


def _with_tests(touched: _Touched) -> Iterator[Learned]:
    """Whether a file's own test is changed with it, over all files that have one."""
    known = {PurePosixPath(path).name for _, files in touched for path in files}
    cases = []
    for commit, files in touched:
        names = {PurePosixPath(path).name for path in files}
        own = [f"test_{n}" for n in names if n.endswith(".py") and f"test_{n}" in known]
        if own:
            cases.append(Case(any(test in names for test in own), commit.name, commit.time))
    found = belief.settled([case.holds for case in cases])
    if found is not None and found.value is True:
        text = "when you change a file you change its test too"
        when, then = {CODE: CHANGED}, {"test_*.py": CHANGED}
        yield learned("files", "tests-with-code", text, when, then, cases[found.start :])


def _pairs(touched: _Touched, counts: Counter[str], without: set[str]) -> list[Learned]:
    together: Counter[tuple[str, str]] = Counter()
    for _, files in touched:
        ordered = sorted(f for f in files if counts[f] >= belief.LEAST and f not in without)
        together.update((a, b) for i, a in enumerate(ordered) for b in ordered[i + 1 :])
    found = []
    names = Counter(PurePosixPath(path).name for path in counts)
    tests = max(len(together), 1)
    for (a, b), both in together.items():
        one, other = (a, b) if counts[a] <= counts[b] else (b, a)
        if both < belief.LEAST or 2 * both <= counts[one]:
            continue
        if belief.by_chance(both, counts[one], counts[other], len(touched)) * tests > belief.SURE:
            continue
        made = _pair(touched, one, other, names)
        if made is not None:
            found.append(made)
    return sorted(found, key=lambda made: -made.habit.confidence)


def _pair(touched: _Touched, one: str, other: str, known: Counter[str]) -> Learned | None:
    cases = [Case(other in files, c.name, c.time) for c, files in touched if one in files]
    found = belief.settled([case.holds for case in cases])
    if found is None or found.value is not True:
        return None
    return learned(
        "files",
        f"{_short(other, known)}-with-{_short(one, known)}",
        f"when you change {one} you change {other} too",
        {one: CHANGED},
        {other: CHANGED},
        cases[found.start :],
    )


def _short(path: str, known: Counter[str]) -> str:
    """The file's name where no other has it, else its whole path in short."""
    name = PurePosixPath(path).name
    return name if known[name] == 1 else f"{name}-{hashlib.sha256(path.encode()).hexdigest()[:4]}"
