"""Runs the rules over files and makes findings of their claims."""

import ast
import fnmatch
import gc
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labhand.check import narrow, patches, settle, suppress
from labhand.check.cache import Cache, Told
from labhand.check.chosen import Chosen
from labhand.check.claim import Claim, Code, RuleLike
from labhand.check.measured import Measured
from labhand.core.errors import InputError
from labhand.core.finding import (
    SEVERITIES,
    Finding,
    FindingFix,
    Findings,
    Related,
    Skipped,
    Where,
    in_code,
    stable_id,
)
from labhand.kit.code import Project, Source
from labhand.kit.code.project import walk

MOST_FILES = 10_000


def check(
    paths: Sequence[Path],
    *,
    root: Path,
    home: Path | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    per_file: Mapping[str, Sequence[str]] | None = None,
    since: str | None = None,
    baseline: Path | None = None,
    measured: Measured | None = None,
) -> Findings:
    """What is off in these files and folders (all of the project where none is given).

    Paths of findings are relative to `root`. `home` holds the project's own rules and the cache;
    nothing is written where it does not exist. `per_file` maps glob patterns to rules that are off.
    Findings that the git revision `since` has too are left out, and those of the document `baseline`;
    the summary counts them. `measured` is what a run has shown: findings are proven or dropped by it, and
    those that only it could make are told.

    Raises:
        InputError: a path does not exist, or the baseline cannot be read.
        NotFoundError: no rule has a name in `select` or `ignore`.
        UsageError: there is no revision `since`.
    """
    began = time.perf_counter()
    root = root.resolve()
    rules = Chosen(home, list(select), list(ignore), measured is not None)
    files = _files(paths or [root])
    project = Project(root)
    cache = Cache(home, project, rules)
    answer = Findings(ran=sorted(rules), skipped=list(rules.skipped))
    suppressed = 0
    by_run = settle.ByRun(measured, rules, select, ignore)
    for path, told in _told(files, project, rules, cache):
        answer.skipped.extend(told.skipped)
        off = _off_here(_shown(path, root), per_file or {})
        here = [f for f in told.findings if f.rule not in off]
        here = by_run.settle(here, project.source, path, _shown(path, root), off)
        source = project.source(path) if here else None
        kept = suppress.kept(source, here) if source is not None else here
        suppressed += len(here) - len(kept)
        answer.findings.extend(kept)

    def look(paths: list[Path], root: Path) -> list[Finding]:
        return check(paths, root=root, home=home, select=select, ignore=ignore).findings

    known = narrow.known(baseline) if baseline is not None else set[str]()
    left_out = {"suppressed": suppressed, "known": _drop(answer, known), "untouched": 0}
    if since is not None:
        left_out["untouched"] = _drop(answer, narrow.before(since, answer.findings, root, look))
    by_run.close(answer)
    answer.skipped = _once(answer.skipped)
    answer.summary = {
        **_counted(answer.findings, len(files)),
        **left_out,
        **by_run.summary(),
        "seconds": round(time.perf_counter() - began, 3),
    }
    return answer


def _counted(findings: Sequence[Finding], files: int) -> dict[str, Any]:
    return {
        "files": files,
        "findings": len(findings),
        "rules": dict(sorted(Counter(f.rule for f in findings).items())),
        "severities": {s: sum(f.severity == s for f in findings) for s in SEVERITIES},
    }


def check_text(
    path: Path,
    text: str,
    *,
    root: Path,
    home: Path | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    per_file: Mapping[str, Sequence[str]] | None = None,
) -> Findings:
    """What is off in a Python file of a project, were this its text. Reads what it imports, writes nothing.

    The arguments are those of `check`.

    Raises:
        NotFoundError: no rule has a name in `select` or `ignore`.
    """
    root, path = root.resolve(), path.resolve()
    rules = Chosen(home, list(select), list(ignore))
    project = Project(root)
    source = project.add(Source(path, text))
    told = _one(path, project, rules)
    off = _off_here(_shown(path, root), per_file or {})
    found = suppress.kept(source, [f for f in told.findings if f.rule not in off])
    return Findings(findings=found, ran=sorted(rules), skipped=[*rules.skipped, *told.skipped])


def claims(source: Source, project: Project, rules: Mapping[str, RuleLike]) -> list[Finding]:
    """The findings of some rules in one source that no comment silences, in the order of the lines."""
    code = Code(source, project)
    found = [f for name, rule in rules.items() for f in _found(name, rule, code)]
    return sorted(suppress.kept(source, found), key=_position)


def _once(skipped: list[Skipped]) -> list[Skipped]:
    """One entry for each rule that failed, whatever the number of files; files that were skipped stay."""
    files = Counter(s.rule for s in skipped)
    first: dict[str, Skipped] = {}
    for entry in skipped:
        more = files[entry.rule] - 1
        also = f" (and on {more} other file{'s' * (more > 1)})" if more else ""
        first.setdefault(entry.rule, Skipped(entry.rule, f"{entry.why}{also}"))
    return [s for s in skipped if s.rule == "*"] + [s for r, s in first.items() if r != "*"]


def _drop(answer: Findings, ids: set[str]) -> int:
    """Takes findings with these ids out of the answer; returns how many."""
    count = len(answer.findings)
    answer.findings = [f for f in answer.findings if f.id not in ids]
    return count - len(answer.findings)


def _found(name: str, rule: RuleLike, code: Code, possible: bool = True) -> list[Finding]:
    """The findings of a rule in a file; without `possible`, the surer ones."""
    seen: Counter[str] = Counter()
    root = code.project.root
    told = (
        c for c in rule.check(code) if (possible or c.level != "possible") and not _is_dead(code, c)
    )
    return [_finding(name, rule, claim, code.source, root, seen) for claim in told]


def _is_dead(code: Code, claim: Claim) -> bool:
    """Whether what a claim is about never runs: it stands under `if False`, or in the `else` of `if True`."""
    return any(
        isinstance(test, ast.Constant) and bool(test.value) is not holds
        for test, holds in code.guards(claim.node)
    )


def _files(paths: Sequence[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(walk(path.resolve(), MOST_FILES)))
        elif path.is_file():
            found[path.resolve()] = None
        elif path.exists():
            raise InputError(
                f"{path} is neither a file nor a folder; name a Python file or notebook"
            )
        else:
            raise InputError(f"there is no file or folder {path}; check the spelling of the path")
    return list(found)


def _told(
    files: list[Path], project: Project, rules: Chosen, cache: Cache
) -> Iterator[tuple[Path, Told]]:
    # Trees are large, live to the end and hold no garbage: looking for it costs a fifth of the time.
    collects = gc.isenabled()
    gc.disable()
    try:
        for path in files:
            yield path, cache.read(path) or cache.write(path, _one(path, project, rules))
    finally:
        if collects:
            gc.enable()


def _one(path: Path, project: Project, rules: Chosen) -> Told:
    shown = _shown(path, project.root)
    source = project.source(path)
    if source is None:
        return Told([], [Skipped("*", f"{shown} cannot be read; check its permissions")])
    if source.error is not None:
        return Told([], [Skipped("*", f"{shown}: {source.error}")])
    told = Told([], [])
    code = Code(source, project)
    for name, rule in rules.items():
        try:
            told.findings.extend(_found(name, rule, code, rules.selected))
        except RecursionError:
            why = (
                f"{shown} nests too deeply to be analysed; split its deepest expression or branches"
            )
            return Told([], [Skipped("*", why)])
        except (
            Exception,
            SystemExit,
        ) as error:  # a rule that trips over odd code must not stop the others
            why = f"it failed on {shown}: {type(error).__name__}: {error}"
            told.skipped.append(Skipped(name, why))
    told.findings.sort(key=_position)
    return told


def _finding(
    name: str, rule: RuleLike, claim: Claim, source: Source, root: Path, seen: Counter[str]
) -> Finding:
    shown = _shown(source.path, root)
    code = ast.unparse(claim.node)
    same = stable_id(name, shown, claim.function, code)
    seen[same] += 1
    related = [
        Related(link.message, _where(link.source, link.node, root)) for link in claim.related
    ]
    change = claim.change
    fix = (
        FindingFix(change.safety, change.summary, patches.diff(shown, source.text, change))
        if change and not source.cells  # a diff of a notebook's JSON would not be readable
        else None
    )
    return Finding(
        id=same if seen[same] == 1 else stable_id(same, seen[same]),
        job="check",
        rule=name,
        severity=rule.severity,
        confidence=claim.confidence,
        message=claim.message,
        where=_where(source, claim.node, root),
        evidence=claim.evidence | _execution(source),
        related=related,
        advice=claim.advice,
        fix=fix,
    )


def _execution(source: Source) -> dict[str, str]:
    """That a notebook was not run from top to bottom, as it is read here."""
    if source.disorder is None:
        return {}
    upper, lower = source.disorder
    told = f"cell {lower.number} ran before cell {upper.number}; cells are read from top to bottom"
    return {"execution": f"{told}, so run all of them in order and check again"}


def _where(source: Source, node: ast.expr | ast.stmt, root: Path) -> Where:
    line, cell = source.place(node.lineno)
    whole = isinstance(node, ast.expr) or not hasattr(node, "body")
    end, _ = source.place((node.end_lineno or node.lineno) if whole else node.lineno)
    return in_code(
        _shown(source.path, root),
        line,
        source.column(node),
        end,
        source.end_column(node) if whole else None,
        cell,
    )


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _position(finding: Finding) -> tuple[int, int, int, str]:
    where = finding.where
    cell = where.cell if isinstance(where.cell, int) else 0
    line = where.line if isinstance(where.line, int) else 0
    column = where.column if isinstance(where.column, int) else 0
    return cell, line, column, finding.rule


def _off_here(shown: str, per_file: Mapping[str, Sequence[str]]) -> set[str]:
    return {r for glob, rules in per_file.items() if fnmatch.fnmatch(shown, glob) for r in rules}
