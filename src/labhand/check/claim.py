"""What a rule is given and what it answers."""

import ast
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from labhand.core.finding import Safety, Severity
from labhand.kit.code import Project, Source, Where

Level = Literal["correctness", "suspicious", "possible"]


class Code(NamedTuple):
    """The file under check, in its project."""

    source: Source
    project: Project

    @property
    def module(self) -> Where:
        """The file's outermost scope."""
        return Where(self.source, self.source.index.module)


class Insertion(NamedTuple):
    """Text to put into a source. Lines count from 1, columns (characters) from 0."""

    line: int
    column: int
    text: str


class Change(NamedTuple):
    """What would settle a claim."""

    safety: Safety
    summary: str
    insertions: Sequence[Insertion]


class Link(NamedTuple):
    """One step in the chain of evidence."""

    message: str
    source: Source
    node: ast.expr | ast.stmt


class Claim(NamedTuple):
    """A rule's claim that something is off at `node`. `function` is the name around it."""

    node: ast.expr | ast.stmt
    message: str
    advice: str
    function: str
    confidence: float
    evidence: dict[str, Any]
    related: Sequence[Link] = ()
    change: Change | None = None


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
