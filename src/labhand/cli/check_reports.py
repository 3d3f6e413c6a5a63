"""Findings in code for other tools: SARIF 2.1.0 and GitHub's annotations."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from labhand.cli.check_text import not_checked
from labhand.core.store import Store

if TYPE_CHECKING:
    from labhand.core.finding import Finding, FindingFix, Findings, Where


def annotations(findings: "Findings", root: Path) -> Iterator[str]:
    """One line a finding, as GitHub reads them from the output of a workflow.

    Paths are relative to the repository. A place in a notebook stands in the message: GitHub counts
    the lines of a file, not of a cell.
    """
    prefix = _prefix(root)
    for finding in findings.findings:
        where = finding.where
        level = "notice" if finding.severity == "note" else finding.severity
        place = f"file={_property(prefix + str(where.path))}"
        if not isinstance(where.cell, int):
            place += f",line={where.line},col={where.column}"
            place += f",endLine={where.end_line}" if isinstance(where.end_line, int) else ""
            if where.end_line == where.line and isinstance(where.end_column, int):
                place += f",endColumn={where.end_column}"
        yield f"::{level} {place},title={_property(finding.rule)}::{_escaped(_message(finding))}"
    for skipped in findings.skipped:
        yield f"::warning title=not checked::{_escaped(not_checked(skipped))}"


def sarif(findings: "Findings", root: Path) -> dict[str, Any]:
    """The findings as a SARIF 2.1.0 log with one run; the chain of evidence becomes a code flow."""
    from labhand import __version__

    names = sorted({*findings.ran, *(f.rule for f in findings.findings)})
    notes = [
        {"level": "warning", "message": {"text": f"not checked: {not_checked(s)}"}}
        for s in findings.skipped
    ]
    prefix = _prefix(root)
    rules = _rules(names, Store.at(root).home)
    driver = {"name": "labhand", "semanticVersion": __version__, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
                "results": [_result(f, names, prefix) for f in findings.findings],
            }
        ],
    }


def _rules(names: list[str], home: Path) -> list[dict[str, Any]]:
    from labhand.core import registry
    from labhand.kit import cases

    # What only a run proves is told by the name, and the page, of watch's detector.
    known = {e.name: e for kind in ("detector", "rule") for e in registry.extensions(kind, home)}
    rules: list[dict[str, Any]] = []
    for name in names:
        told: dict[str, Any] = {"id": name}
        if name in known and (written := cases.documentation(known[name])):
            told["shortDescription"] = {"text": cases.summary(written)}
            told["help"] = {"text": written, "markdown": written}
        rules.append(told)
    return rules


def _result(finding: "Finding", names: list[str], prefix: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": names.index(finding.rule),
        "level": finding.severity,
        "message": {"text": _message(finding)},
        "locations": [_location(finding.where, prefix)],
        "partialFingerprints": {"labhand/v1": finding.id},
        "rank": finding.confidence * 100,
    }
    if finding.related:
        chain = [(r.where, r.message) for r in finding.related] + [(finding.where, finding.message)]
        flow = [{"location": _location(where, prefix, told)} for where, told in chain]
        result["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
    if finding.fix is not None:
        result["fixes"] = [_fix(finding.fix, _file(finding.where, prefix))]
    return result


def _fix(fix: "FindingFix", file: dict[str, str]) -> dict[str, Any]:
    from labhand.check.patches import edits

    replaced = [
        {
            "deletedRegion": {
                "startLine": start + 1,
                "startColumn": 1,
                "endLine": start + 1 + len(old),
                "endColumn": 1,
            },
            "insertedContent": {"text": "".join(new)},
        }
        for start, old, new in edits(fix.patch)
    ]
    return {
        "description": {"text": f"{fix.summary} ({fix.safety})"},
        "artifactChanges": [{"artifactLocation": file, "replacements": replaced}],
    }


def _location(where: "Where", prefix: str, message: str = "") -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _file(where, prefix)}
    location: dict[str, Any] = {"physicalLocation": physical}
    if isinstance(where.cell, int):
        cell = {"name": f"cell {where.cell}, line {where.line}", "kind": "module"}
        location["logicalLocations"] = [cell]
    else:
        physical["region"] = {"startLine": where.line, "startColumn": where.column}
        for name, value in (("endLine", where.end_line), ("endColumn", where.end_column)):
            if isinstance(value, int):
                physical["region"][name] = value
    if message:
        location["message"] = {"text": message}
    return location


def _file(where: "Where", prefix: str) -> dict[str, str]:
    path = str(where.path)
    if path.startswith("/"):
        return {"uri": f"file://{quote(path)}"}
    return {"uri": quote(prefix + path), "uriBaseId": "%SRCROOT%"}


def _prefix(root: Path) -> str:
    """What stands before the paths of a project that is a folder of a repository."""
    from labhand.kit.git import GitError, Repository

    try:
        return Repository.at(root).prefix
    except GitError:
        return ""


def _message(finding: "Finding") -> str:
    where = finding.where
    cell = f"cell {where.cell}, line {where.line}: " if isinstance(where.cell, int) else ""
    return f"{cell}{finding.message}. {finding.advice[:1].upper()}{finding.advice[1:]}."


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
