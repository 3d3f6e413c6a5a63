"""Holds the findings of one file against what a run has shown: proven, dropped, or new."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from labhand.check.claim import RuleLike
from labhand.check.measured import BEYOND, Measured, Place, Proof
from labhand.core.finding import Finding, Findings, Related, in_code, stable_id
from labhand.kit.code import Source

PROVEN = 0.99
"""The confidence of a finding that a run has shown."""


class Dropped(NamedTuple):
    """A finding that a run has shown to be none, and what it saw."""

    finding: Finding
    why: str


class ByRun:
    """What a run settles in all files of a check; nothing where there was none."""

    def __init__(
        self,
        measured: Measured | None,
        rules: Mapping[str, RuleLike],
        select: Iterable[str],
        ignore: Iterable[str],
    ) -> None:
        self.measured = measured
        self.rules = rules
        off, only = set(ignore), set(select)
        beyond = {r for r in BEYOND if r not in off and (not only or r in only)}
        # what a run has shown is told, also of a rule that code alone leaves merely possible
        seen = {p.rule for p in measured.proofs if p.proven and p.message} if measured else set()
        self.on = {*rules, *beyond, *(r for r in seen if r not in off and (not only or r in only))}
        self.dropped: list[Dropped] = []
        self.findings: list[Finding] = []

    def settle(
        self,
        findings: list[Finding],
        source: Callable[[Path], Source | None],
        path: Path,
        shown: str,
        off: Collection[str],
    ) -> list[Finding]:
        """The findings of one file, settled; `off` are the rules that are off in it."""
        if self.measured is None:
            return findings
        here = [p for p in self.measured.proofs if p.at is not None and p.at.path == shown]
        here = [p for p in here if p.rule in self.on and p.rule not in off]
        text = source(path) if here else None
        if text is None:
            return findings
        found, dropped = settled(findings, here, text, shown, self.rules)
        self.dropped += dropped
        self.findings += found
        return found

    def close(self, answer: Findings) -> None:
        """Says in an answer what the run has looked at and what it could not."""
        if self.measured is None:
            return
        answer.ran = sorted({*answer.ran, *(r for r in self.measured.ran if r in self.on)})
        answer.skipped += [s for s in self.measured.skipped if s.rule in self.on or s.rule == "*"]

    def summary(self) -> dict[str, Any]:
        """What the summary of a check holds of the run."""
        if self.measured is None:
            return {}
        return {
            "proven": sum("measured" in f.evidence for f in self.findings),
            "dropped": [
                {
                    "rule": f.rule,
                    "where": msgspec.to_builtins(f.where),
                    "message": f.message,
                    "why": why,
                }
                for f, why in self.dropped
            ],
        }


def settled(
    findings: Sequence[Finding],
    proofs: Sequence[Proof],
    source: Source,
    shown: str,
    rules: Mapping[str, RuleLike],
) -> tuple[list[Finding], list[Dropped]]:
    """The findings of a file, settled by the proofs whose places lie in it, and those that are none.

    `shown` is its path as told.

    A proof for a fault raises the finding of its rule that lies nearest within its reach, and becomes a
    finding of its own where there is none. A proof against one drops it. Proven beats not proven.
    """
    left = list(findings)
    kept: dict[int, Finding] = {}
    dropped: list[Dropped] = []
    new: list[Finding] = []
    for proof in sorted(proofs, key=lambda p: not p.proven):
        if proof.at is None or proof.at.path != shown:
            continue
        near = _nearest(proof, [f for f in left if id(f) not in kept])
        if proof.proven and near is not None:
            kept[id(near)] = _raised(near, proof)
        elif proof.proven and proof.message:
            new.append(_finding(proof, proof.at, source, rules))
        elif not proof.proven and near is not None:
            left = [f for f in left if f is not near]
            dropped.append(Dropped(near, proof.told))
    every = [kept.get(id(f), f) for f in left] + _once(new, list(kept.values()))
    every.sort(key=_line)
    return every, dropped


def _nearest(proof: Proof, findings: Sequence[Finding]) -> Finding | None:
    assert proof.at is not None
    reaches = ("line", "function", "file")
    best: tuple[int, int] | None = None
    found: Finding | None = None
    for finding in findings:
        if finding.rule != proof.rule or not isinstance(finding.where.line, int):
            continue
        last = finding.where.end_line if isinstance(finding.where.end_line, int) else 0
        first, last = finding.where.line, max(finding.where.line, last)
        if first <= proof.at.line <= last:
            reach = 0
        else:
            reach = 1 if proof.at.first <= first <= proof.at.last else 2
        rank = (reach, abs(first - proof.at.line))
        if reach <= reaches.index(proof.reach) and (best is None or rank < best):
            best, found = rank, finding
    return found


def _raised(finding: Finding, proof: Proof) -> Finding:
    """The finding with what was seen as evidence; a copy, since findings may come from the cache."""
    evidence = finding.evidence | {"measured": proof.told, "numbers": dict(proof.numbers)}
    confidence = max(finding.confidence, PROVEN if proof.confidence >= 0.95 else proof.confidence)
    return msgspec.structs.replace(finding, confidence=confidence, evidence=evidence)


def _finding(proof: Proof, at: Place, source: Source, rules: Mapping[str, RuleLike]) -> Finding:
    """A finding that only the run has made."""
    line, column, end = _statement(source, at)
    code = source.lines[at.line - 1].strip() if at.line <= len(source.lines) else ""
    evidence = {"measured": proof.message, "numbers": dict(proof.numbers)}
    related = [
        Related(message, in_code(place.path, place.line))
        for message, place in proof.related
        if place != at
    ]
    return Finding(
        id=stable_id(proof.rule, at.path, code, "measured"),
        job="check",
        rule=proof.rule,
        severity=rules[proof.rule].severity
        if proof.rule in rules
        else BEYOND.get(proof.rule, "warning"),
        confidence=proof.confidence,
        message=proof.message,
        where=in_code(at.path, line, column, line, end),
        evidence=evidence,
        related=related,
        advice=proof.advice,
    )


def _statement(source: Source, at: Place) -> tuple[int, int, int | None]:
    """The line, and the columns from 1 of what stands in it."""
    text = source.lines[at.line - 1] if at.line <= len(source.lines) else ""
    code = text.rstrip()
    return at.line, len(code) - len(code.lstrip()) + 1, len(code) + 1 if code else None


def _once(new: list[Finding], kept: list[Finding]) -> list[Finding]:
    """One finding for each rule and line."""
    seen = {(f.rule, f.where.line) for f in kept}
    once: list[Finding] = []
    for finding in new:
        key = (finding.rule, finding.where.line)
        if key not in seen:
            seen.add(key)
            once.append(finding)
    return once


def _line(finding: Finding) -> tuple[int, int, str]:
    line, column = finding.where.line, finding.where.column
    return (
        line if isinstance(line, int) else 0,
        column if isinstance(column, int) else 0,
        finding.rule,
    )
