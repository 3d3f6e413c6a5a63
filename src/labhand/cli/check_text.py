"""Findings in code as a person reads them: the place, the code with its chain of evidence, why, what to do."""

import shutil
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from labhand.cli import looks
from labhand.core.finding import SEVERITIES

if TYPE_CHECKING:
    from labhand.core.finding import Finding, Findings, Skipped, Where

MOST_LINKS = 6
"""Links of a chain of evidence that are shown."""

_LEAST_WIDTH, _MOST_WIDTH = 60, 120


class _Mark(NamedTuple):
    """A stretch of a line that is pointed at; columns from 0, in characters."""

    line: int
    start: int
    end: int
    told: str = ""
    main: bool = False


class Page:
    """The text of one answer. Each file is read once, and why a rule matters is told once."""

    def __init__(self, findings: "Findings", root: Path, home: Path) -> None:
        self.findings = findings
        self.root = root
        self.home = home
        self.width = min(max(shutil.get_terminal_size().columns, _LEAST_WIDTH), _MOST_WIDTH)
        self._texts: dict[tuple[str, int | None], list[str]] = {}
        self._explained: set[str] = set()

    def lines(self) -> Iterator[str]:
        """Every finding, what was not checked, and the sum."""
        for finding in self.findings.findings:
            yield from self._finding(finding)
            yield ""
        yield from self._end()

    def statistics(self) -> Iterator[str]:
        """How often each rule found something, the gravest first."""
        found = self.findings.findings
        count = Counter((f.severity, f.rule) for f in found)
        digits = len(str(max(count.values(), default=0)))
        width = max((len(rule) for _, rule in count), default=0)
        order = sorted(count, key=lambda k: (-SEVERITIES.index(k[0]), -count[k], k[1]))
        for severity, rule in order:
            fixes = sum(f.rule == rule and f.fix is not None for f in found)
            padding = " " * (width - len(rule))
            told = f"{padding}  fixes for {fixes}" if fixes else ""
            name = looks.by_gravity(severity, rule)
            yield f"{count[severity, rule]:>{digits}}  {severity:<7}  {name}{told}"
        yield from [""] if count else []
        yield from self._end()

    def _end(self) -> Iterator[str]:
        for skipped in self.findings.skipped:
            yield click.style(f"not checked: {not_checked(skipped)}", dim=True)
        yield from self._by_run()
        summary, found = self.findings.summary, self.findings.findings
        grave = [
            looks.counted(number, severity)
            for severity in reversed(SEVERITIES)
            if (number := summary["severities"][severity])
        ]
        told = looks.counted(len(found), "finding") if found else "no findings"
        told += f" in {looks.counted(summary['files'], 'file')}"
        told += f": {', '.join(grave)}" if len(found) > 1 else ""
        for key, words in _LEFT_OUT.items():
            told += f"; {summary[key]} {words}" if summary.get(key) else ""
        yield told

    def _by_run(self) -> Iterator[str]:
        """What the probe has dropped, and how far it came."""
        summary = self.findings.summary
        for dropped in summary.get("dropped", ()):
            where = dropped["where"]
            place = f"{looks.from_here(self.root / where['path'])}:{where['line']}"
            yield click.style(f"dropped: {place} {dropped['rule']}: {dropped['why']}", dim=True)
        if probe := summary.get("probe"):
            steps, seconds = looks.counted(probe["steps"], "step"), f"{probe['seconds']:.0f} s"
            told = f"the probe saw {steps} in {seconds} and proved {looks.counted(summary['proven'], 'finding')}"
            yield click.style(f"{told} ({probe['held']})", dim=True)
            if probe["trouble"]:
                yield f"the command {probe['trouble']}"

    def _finding(self, finding: "Finding") -> Iterator[str]:
        where = finding.where
        cell = f" cell {where.cell}" if isinstance(where.cell, int) else ""
        path = looks.from_here(self.root / str(where.path))
        place = click.style(f"{path}{cell}:{where.line}:{where.column}:", bold=True)
        rule = looks.by_gravity(finding.severity, finding.rule)
        yield f"{place} {finding.severity} {rule} {finding.message}"
        yield from self._excerpts(finding)
        seen = str(finding.evidence.get("measured", ""))
        news = seen not in finding.message and finding.message not in seen
        yield from self._wrapped("seen: ", seen if news else "")
        why = "" if finding.rule in self._explained else _why(finding.rule, self.home)
        self._explained.add(finding.rule)
        yield from self._wrapped("why: ", why, dim=True)
        yield from self._wrapped("but: ", str(finding.evidence.get("execution", "")), dim=True)
        yield from self._wrapped("→ ", finding.advice)
        if finding.fix is not None:
            flag = "--fix" if finding.fix.safety == "neutral" else "--unsafe-fixes"
            yield f"    fix: {finding.fix.summary} ({flag})"

    def _wrapped(self, head: str, text: str, *, dim: bool = False) -> list[str]:
        indent = " " * (4 + len(head))
        lines = textwrap.wrap(
            text, self.width, initial_indent=f"    {head}", subsequent_indent=indent,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        return [click.style(line, dim=True) if dim else line for line in lines]

    def _excerpts(self, finding: "Finding") -> Iterator[str]:
        """The code of the finding, then that of other files and cells where its chain leads."""
        own = _place(finding.where)
        marks = {own: [self._mark(finding.where, main=True)]}
        links = finding.related[:MOST_LINKS]
        for number, link in enumerate(links, 1):
            told = f"{number}. {link.message}" if len(links) > 1 else link.message
            marks.setdefault(_place(link.where), []).append(self._mark(link.where, told))
        for place, here in marks.items():
            path, cell = place
            if place != own:
                inside = f" cell {cell}" if cell is not None else ""
                shown = looks.from_here(self.root / path)
                yield click.style(f"    in {shown}{inside}:{here[0].line}", dim=True)
            colour = looks.COLOURS[finding.severity]
            yield from self._excerpt(self._text(path, cell), sorted(here), colour)

    def _mark(self, where: "Where", told: str = "", *, main: bool = False) -> _Mark:
        assert isinstance(where.line, int) and isinstance(where.column, int)
        line = _line(self._text(*_place(where)), where.line)
        end = len(line)
        if isinstance(where.end_column, int) and where.end_line == where.line:
            end = where.end_column - 1
        elif not isinstance(where.end_column, int):
            end = where.column + len(line[where.column :].partition(" ")[0])
        return _Mark(where.line, where.column - 1, max(end, where.column), told, main)

    def _text(self, path: str, cell: int | None) -> list[str]:
        from labhand.kit.code import load

        if (path, cell) not in self._texts:
            source = load(self.root / path)
            first = next((c.first_line for c in source.cells if c.number == cell), 1)
            self._texts[path, cell] = source.lines[first - 1 :]
        return self._texts[path, cell]

    def _excerpt(self, text: list[str], marks: list[_Mark], colour: str) -> Iterator[str]:
        numbers = sorted({m.line for m in marks})
        margin = len(str(numbers[-1]))
        shown = [_line(text, n) for n in numbers]
        indent = min((len(c) - len(c.lstrip()) for c in shown if c.strip()), default=0)
        before = numbers[0]
        for number, code in zip(numbers, shown, strict=True):
            if number > before + 1:
                gap = _line(text, number - 1) if number == before + 2 else None
                told = f"{number - 1:>{margin}} │ {gap[indent:]}" if gap else f"{'':>{margin}} ⋮"
                yield click.style(f"    {self._clipped(told, 0)[0]}".rstrip(), dim=True)
            before = number
            here = [m for m in marks if m.line == number]
            part, cut = self._clipped(code[indent:], here[0].start - indent)
            yield f"    {number:>{margin}} │ {part}".rstrip()
            for mark in here:
                start = max(mark.start - indent - cut, 0)
                length = max(min(mark.end - indent - cut, len(part)) - start, 1)
                lead = " " * _cells(part[:start])
                under = ("^" if mark.main else "-") * max(_cells(part[start : start + length]), 1)
                under = lead + (click.style(under, fg=colour) if mark.main else under)
                told = click.style(f" {mark.told}", dim=True) if mark.told else ""
                yield f"    {'':>{margin}} │ {under}{told}"

    def _clipped(self, code: str, start: int) -> tuple[str, int]:
        """The part of a long line around a column that fits the page, and where it begins."""
        room = self.width - 12
        cut = 0 if start < room * 2 // 3 else start - room // 3
        part = code[cut : cut + room]
        return part, cut


_LEFT_OUT = {
    "suppressed": "silenced by comments",
    "known": "known from the baseline",
    "untouched": "older than the change",
}
"""What the summary counts and the findings do not hold."""


def not_checked(skipped: "Skipped") -> str:
    """What could not be looked at, and why."""
    return skipped.why if skipped.rule == "*" else f"{skipped.rule}: {skipped.why}"


def _place(where: "Where") -> tuple[str, int | None]:
    return str(where.path), where.cell if isinstance(where.cell, int) else None


def _line(text: list[str], number: int) -> str:
    return text[number - 1].expandtabs(1) if 0 < number <= len(text) else ""


def _cells(text: str) -> int:
    """The columns of a terminal that a text takes; characters of East Asia take two."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def _why(rule: str, home: Path) -> str:
    """The first paragraph of what the rule's documentation says of why it is bad."""
    from labhand.core import registry
    from labhand.kit import cases

    every = [*registry.extensions("rule", home), *registry.extensions("detector", home)]
    found = next((e for e in every if e.name == rule), None)
    if found is None:
        return ""
    told = cases.sections(cases.documentation(found)).get("Why is this bad", "")
    return " ".join(told.partition("\n\n")[0].split())
