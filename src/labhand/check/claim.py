"""What a rule is given and what it answers."""

import ast
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, get_args

from labhand.core.finding import SEVERITIES, Safety, Severity
from labhand.kit.code import Where
from labhand.kit.code.facts import Step
from labhand.kit.code.view import View

Level = Literal["correctness", "suspicious", "possible"]


class Edit(NamedTuple):
    """Text to put in place of a stretch of a source, or, without an end, to insert.

    Lines count from 1, columns (characters) from 0.
    """

    line: int
    column: int
    text: str
    end_line: int | None = None
    end_column: int | None = None


class Change(NamedTuple):
    """What would settle a claim."""

    safety: Safety
    summary: str
    edits: Sequence[Edit]


class Claim(NamedTuple):
    """A rule's claim that something is off at `node`. `function` is the name around it.

    `level` is set where a claim is less sure than its rule: one that is possible is told only where rules
    are selected.
    """

    node: ast.expr | ast.stmt
    message: str
    advice: str
    function: str
    confidence: float
    evidence: dict[str, Any]
    related: Sequence[Step] = ()
    change: Change | None = None
    level: Level | None = None


class Code(View):
    """The file under check, in its project: the vocabulary, and the making of claims and edits."""

    def claim(
        self,
        node: ast.expr | ast.stmt,
        message: str,
        advice: str,
        *,
        because: Iterable[Step] = (),
        confidence: float = 0.9,
        change: Change | None = None,
        level: Level | None = None,
        **evidence: Any,
    ) -> Claim:
        """The claim that something is off at a node; `because` is its chain of evidence, in order."""
        related = [s for s in dict.fromkeys(because) if s.node is not node]
        function = self.where(node).scope.qualified
        return Claim(node, message, advice, function, confidence, evidence, related, change, level)

    def step(self, message: str, node: ast.expr | ast.stmt, where: Where | None = None) -> Step:
        """One link for a chain of evidence."""
        return Step(message, where.source if where else self.source, node)

    def line(self, node: ast.expr | ast.stmt) -> int:
        """The line of a node as a person counts it, within its cell in a notebook."""
        return self.source.place(node.lineno)[0]

    def replace(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """Other text in the place of a node."""
        start, end = self.source.column(node) - 1, self.source.end_column(node) - 1
        return Edit(node.lineno, start, text, node.end_lineno or node.lineno, end)

    def before(self, anchor: ast.stmt, text: str) -> Edit:
        """A new statement before one, on a line of its own where that stands at the start of its line."""
        column = self.source.column(anchor) - 1
        indent = self.source.lines[anchor.lineno - 1][:column]
        if not indent.strip():
            return Edit(anchor.lineno, 0, f"{indent}{text}\n")
        return Edit(anchor.lineno, column, f"{text}; ")

    def after(self, anchor: ast.stmt, text: str) -> Edit:
        """A new statement after one."""
        lines = self.source.lines
        indent = lines[anchor.lineno - 1][: self.source.column(anchor) - 1]
        last = anchor.end_lineno or anchor.lineno
        end = self.source.end_column(anchor) - 1
        tail = lines[last - 1][end:].strip()
        if not indent.strip() and (not tail or tail.startswith("#")):
            return Edit(last, len(lines[last - 1]), f"\n{indent}{text}")
        return Edit(last, end, f"; {text}")

    def after_argument(self, call: ast.Call, text: str) -> Edit:
        """One more argument of a call, after its last; the call has one already."""
        last = max([*call.args, *(k.value for k in call.keywords)], key=_end)
        return Edit(last.end_lineno or last.lineno, self.source.end_column(last) - 1, f", {text}")

    def drop(self, statement: ast.stmt) -> Edit:
        """A statement taken out; `pass` where it stands alone in its block or shares its line."""
        lines = self.source.lines
        last = statement.end_lineno or statement.lineno
        before = lines[statement.lineno - 1][: self.source.column(statement) - 1]
        after = lines[last - 1][self.source.end_column(statement) - 1 :]
        alone = len(self.source.index.block(statement)) == 1
        if alone or before.strip() or after.strip() or last >= len(lines):
            return self.replace(statement, "pass")
        return Edit(statement.lineno, 0, "", last + 1, 0)


def _end(node: ast.expr) -> tuple[int, int]:
    return (node.end_lineno or 0, node.end_col_offset or 0)


class RuleLike(Protocol):
    """A rule. Its file name is its name, its class docstring its documentation.

    `level` says how sure it must be: correctness (on by default, nearly always true), suspicious
    (on by default), possible (only when selected).
    """

    severity: Severity
    level: Level

    def check(self, code: Code) -> Iterable[Claim]:
        """The claims about one file. Silence means that nothing is off, or that it is not known."""
        ...


def made(kind: Any) -> RuleLike:
    """A rule of a class from wherever.

    Raises:
        TypeError: the class lacks what a rule must have.
    """
    if getattr(kind, "level", None) not in get_args(Level):
        raise TypeError(f"`level` must be one of {', '.join(get_args(Level))}")
    if getattr(kind, "severity", None) not in SEVERITIES:
        raise TypeError(f"`severity` must be one of {', '.join(SEVERITIES)}")
    if not callable(getattr(kind, "check", None)):
        raise TypeError("it has no method `check`")
    rule: RuleLike = kind()
    return rule
