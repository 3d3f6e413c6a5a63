"""`labhand check`: bugs and suspicious logic in research code."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labhand.cli import looks
from labhand.core.errors import InputError
from labhand.core.finding import Severity
from labhand.core.store import Store, project_root

if TYPE_CHECKING:
    from labhand.core.finding import Finding, Findings, Safety


@click.command(epilog="Example: labhand check train.py --select grad-zero-missing --diff")
@click.argument("paths", metavar="[PATH ...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif", "github"]), default="text",
    show_default=True,
    help="Text, one JSON document (labhand.findings/1), SARIF 2.1.0, or GitHub annotations.",
)  # fmt: skip
@click.option("--select", metavar="RULES", multiple=True, help="Only these rules.")
@click.option("--ignore", metavar="RULES", multiple=True, help="Not these rules.")
@click.option("--fix", is_flag=True, help="Apply the fixes that leave the science alone.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply also those that change results.")
@click.option("--diff", is_flag=True, help="Show what the fixes would change; write nothing.")
@looks.fail_on
def check(
    paths: tuple[Path, ...],
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    fail_on: Severity,
) -> int:
    """Check research code for bugs and suspicious logic.

    PATH is a Python file, a notebook or a folder; without one, the whole project is checked. Nothing
    of the code is imported or run. `# labhand: ignore[RULE] reason` silences a line, or, above the
    first code, a file. With --diff alone, the fixes of both kinds are shown.
    """
    root = project_root(Path.cwd())
    asked = (looks.names(select), looks.names(ignore))
    findings = _found(paths, root, *asked)
    safeties: list[Safety] = ["neutral", "scientific"] if unsafe_fixes or not fix else ["neutral"]
    if diff:
        _show_diff(findings, root, safeties)
    elif fix or unsafe_fixes:
        count = _mend(findings, root, safeties)
        findings = _found(paths, root, *asked)
        click.echo(f"{looks.counted(count, 'file')} mended", err=True)
    if not diff:
        click.echo(_shown(findings, form, root))
    return looks.exit_code(findings, fail_on)


def _found(paths: tuple[Path, ...], root: Path, select: list[str], ignore: list[str]) -> "Findings":
    from labhand.check import check as look
    from labhand.kit import configuration

    settings = configuration.read(root)
    return look(
        paths,
        root=root,
        home=Store.at(root).home,
        select=select or settings.select,
        ignore=[*settings.ignore, *ignore],
        per_file=settings.per_file_ignores,
    )


def _mend(findings: "Findings", root: Path, safeties: "list[Safety]") -> int:
    from labhand.check import mend

    changed = mend(findings.findings, root, safeties)
    for path, text in changed.items():
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            raise InputError(
                f"{path} cannot be written: {error.strerror}; make it writable and fix again"
            ) from error
    return len(changed)


def _show_diff(findings: "Findings", root: Path, safeties: "list[Safety]") -> None:
    from labhand.check import mend
    from labhand.check.patches import read, unified

    for path, text in mend(findings.findings, root, safeties).items():
        shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
        click.echo(unified(shown, read(path), text), nl=False)


def _shown(findings: "Findings", form: str, root: Path) -> str:
    if form == "json":
        return looks.document(findings)
    if form == "sarif":
        return looks.document(sarif(findings))
    if form == "github":
        return "\n".join(_annotation(f) for f in findings.findings)
    return "\n".join(_text(findings, root))


def _text(findings: "Findings", root: Path) -> list[str]:
    lines: list[str] = []
    for finding in findings.findings:
        lines += [*_one(finding, root), ""]
    lines += [click.style(f"not checked: {_skipped(s)}", dim=True) for s in findings.skipped]
    number, silenced = len(findings.findings), findings.summary["suppressed"]
    told = looks.counted(number, "finding") if number else "no findings"
    where = looks.counted(findings.summary["files"], "file")
    also = f"; {silenced} silenced by comments" if silenced else ""
    return [*lines, f"{told} in {where}{also}"]


def _skipped(skipped: Any) -> str:
    return str(skipped.why) if skipped.rule == "*" else f"{skipped.rule}: {skipped.why}"


def _one(finding: "Finding", root: Path) -> list[str]:
    where = finding.where
    cell = f" cell {where.cell}" if isinstance(where.cell, int) else ""
    rule = looks.by_gravity(finding.severity, finding.rule)
    place = click.style(
        f"{looks.from_here(root / str(where.path))}{cell}:{where.line}:{where.column}:"
    )
    lines = [f"{place} {finding.severity} {rule} {finding.message}"]
    lines += _code(finding, root)
    lines += [f"      {r.message}: line {r.where.line}" for r in finding.related]
    lines.append(f"    → {finding.advice}")
    if finding.fix is not None:
        flag = "--fix" if finding.fix.safety == "neutral" else "--unsafe-fixes"
        lines.append(f"      {finding.fix.summary}: {flag}")
    return lines


def _code(finding: "Finding", root: Path) -> list[str]:
    """The line of code with a caret under where it begins."""
    from labhand.kit.code import load

    where = finding.where
    assert isinstance(where.line, int) and isinstance(where.column, int)
    source = load(root / str(where.path))
    offset = next((c.first_line - 1 for c in source.cells if c.number == where.cell), 0)
    line = source.lines[offset + where.line - 1]
    same = isinstance(where.end_column, int) and where.end_line == where.line
    width = where.end_column - where.column if same and isinstance(where.end_column, int) else 1
    code = line.strip().expandtabs(1)
    start = where.column - 1 - (len(line) - len(line.lstrip()))
    number = str(where.line)
    margin = " " * len(number)
    return [f"    {number} │ {code}", f"    {margin} │ {' ' * start}{'^' * max(width, 1)}"]


def _annotation(finding: "Finding") -> str:
    where = finding.where
    level = "notice" if finding.severity == "note" else finding.severity
    place = f"file={_property(str(where.path))},line={where.line},col={where.column}"
    ends = f",endLine={where.end_line}" if isinstance(where.end_line, int) else ""
    message = _escaped(f"{finding.message}. {finding.advice}")
    return f"::{level} {place}{ends},title={_property(finding.rule)}::{message}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def sarif(findings: "Findings") -> dict[str, Any]:
    """The findings as a SARIF 2.1.0 log with one run."""
    from labhand import __version__

    rules = sorted({*findings.ran, *(f.rule for f in findings.findings)})
    notes = [
        {"level": "warning", "message": {"text": f"not checked: {_skipped(s)}"}}
        for s in findings.skipped
    ]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "labhand",
                        "version": __version__,
                        "rules": [{"id": name} for name in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
                "results": [_result(f, rules) for f in findings.findings],
            }
        ],
    }


def _result(finding: "Finding", rules: list[str]) -> Mapping[str, Any]:
    flow = [{"location": _location(r.where, r.message)} for r in finding.related]
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.severity,
        "message": {"text": f"{finding.message}. {finding.advice}"},
        "locations": [_location(finding.where)],
        "partialFingerprints": {"labhand/v1": finding.id},
        "rank": finding.confidence * 100,
    }
    if flow:
        result["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
    return result


def _location(where: Any, message: str = "") -> dict[str, Any]:
    region = {"startLine": where.line, "startColumn": where.column}
    for name, value in (("endLine", where.end_line), ("endColumn", where.end_column)):
        if isinstance(value, int):
            region[name] = value
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": where.path}, "region": region}
    }
    if message:
        location["message"] = {"text": message}
    return location
