"""`# labhand: ignore[rule] reason` on a line, or above the first code for the whole file."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from typing import NamedTuple

from labhand.core.finding import Finding
from labhand.kit.code import Source

_MARK = re.compile(r"#\s*labhand:\s*ignore(?:\[([\w\s,-]*)\])?[^#]*")
_SPACE = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT})  # fmt: skip


JUDGE = "unused-suppression"


class Mark(NamedTuple):
    """A comment that silences rules: on its line, or, where `whole`, in its file.

    `line` counts from 1 in the source's text, `start` and `end` are columns from 0, in characters,
    `names` the rules; None means all.
    """

    line: int
    start: int
    end: int
    names: tuple[str, ...] | None
    whole: bool

    def silences(self, rule: str) -> bool:
        """Whether it names the rule. What judges such comments is silenced only by its name."""
        return rule != JUDGE if self.names is None else rule in self.names


def marks(source: Source) -> list[Mark]:
    """The silencing comments of a source; text in strings is none."""
    if "labhand:" not in source.text:
        return []
    found: list[Mark] = []
    above = True
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            above = above and token.type in _SPACE
            if token.type == tokenize.COMMENT and "labhand:" in token.string:
                (line, column), written = token.start, _MARK.finditer(token.string)
                found += [_mark(m, line, column, above) for m in written]
    except (tokenize.TokenError, SyntaxError):
        pass  # what was found until there still holds
    return found


def _mark(match: re.Match[str], line: int, column: int, whole: bool) -> Mark:
    names = None
    if match[1] is not None:
        names = tuple(n.strip() for n in match[1].split(",") if n.strip())
    end = column + match.start() + len(match[0].rstrip())
    return Mark(line, column + match.start(), end, names, whole)


def covered(first: int, last: int, source: Source) -> range:
    """The lines of the source's text on which a mark silences a finding on these lines.

    A statement of several lines is one: a mark at its end holds for all of it.
    """
    for start, end in _statements(source):
        if start <= first and last <= end:
            first, last = start, end
    return range(first, last + 1)


def _statements(source: Source) -> Iterable[tuple[int, int]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body") and not hasattr(node, "cases"):
            end = node.end_lineno or node.lineno
            if end > node.lineno:
                yield node.lineno, end


def kept(source: Source, findings: list[Finding]) -> list[Finding]:
    """The findings in a source that no comment silences."""
    written = marks(source) if findings else []
    return [f for f in findings if not (written and _silenced(f, source, written))]


def _silenced(finding: Finding, source: Source, written: list[Mark]) -> bool:
    where = finding.where
    first, cell = where.line, where.cell
    last = where.end_line if isinstance(where.end_line, int) else first
    assert isinstance(first, int) and isinstance(last, int)
    offset = next((c.first_line - 1 for c in source.cells if c.number == cell), 0)
    lines = covered(offset + first, offset + last, source)
    return any(m.silences(finding.rule) and (m.whole or m.line in lines) for m in written)
