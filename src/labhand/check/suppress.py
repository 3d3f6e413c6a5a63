"""`# labhand: ignore[rule] reason` on a line, or above the first code for the whole file."""

import re
from pathlib import Path

from labhand.core.finding import Finding
from labhand.kit.code import Project, Source

_MARK = re.compile(r"#\s*labhand:\s*ignore(?:\[([\w\s,-]*)\])?")


def kept(path: Path, findings: list[Finding], project: Project) -> list[Finding]:
    """The findings that no comment in the file silences."""
    if not findings:
        return findings
    source = project.source(path)
    if source is None or "labhand:" not in source.text:
        return findings
    whole = _of_file(source)
    return [f for f in findings if not _silenced(f, source, whole)]


def _silenced(finding: Finding, source: Source, whole: set[str]) -> bool:
    if {finding.rule, "*"} & whole:
        return True
    where = finding.where
    first, cell = where.line, where.cell
    last = where.end_line if isinstance(where.end_line, int) else first
    assert isinstance(first, int) and isinstance(last, int)
    offset = next((c.first_line - 1 for c in source.cells if c.number == cell), 0)
    lines = source.lines[offset + first - 1 : offset + last]
    return any({finding.rule, "*"} & _named(line) for line in lines)


def _of_file(source: Source) -> set[str]:
    names: set[str] = set()
    for line in source.lines:
        if line.strip() and not line.lstrip().startswith("#"):
            break
        names |= _named(line)
    return names


def _named(line: str) -> set[str]:
    mark = _MARK.search(line)
    if mark is None:
        return set()
    return {n.strip() for n in mark[1].split(",")} if mark[1] is not None else {"*"}
