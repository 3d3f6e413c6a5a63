"""A program as text with its tree, and the edits that put a fault into it.

This knows Python alone and nothing of `kit.code`, by which rules find faults: what is planted must not
depend on what they can see.
"""

import ast
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

Block = ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.If | ast.Try
Function = ast.FunctionDef | ast.AsyncFunctionDef
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


class Edit(NamedTuple):
    """Text to put in place of a stretch, by offsets of characters; an insertion where both are equal."""

    start: int
    end: int
    text: str


class Planted(NamedTuple):
    """A fault in a program: the edits, and the places (nodes or edits) whose lines name it.

    The first place is where it is told best.
    """

    edits: Sequence[Edit]
    at: Sequence[ast.expr | ast.stmt | ast.arg | Edit]


class Mutant(NamedTuple):
    """A program with one fault put in; `lines` name the fault, the first of them best."""

    rule: str
    shape: str
    text: str
    lines: tuple[int, ...]


class Program:
    """A file of Python to put faults into.

    Raises:
        SyntaxError: the text is no Python.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.nodes = list(ast.walk(self.tree))
        self.parents = {c: n for n in self.nodes for c in ast.iter_child_nodes(n)}
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def offset(self, line: int, column: int) -> int:
        """Where a place of the tree (line from 1, column in bytes) is in the text."""
        start = self._starts[line - 1]
        written = self.text[start : self._starts[line]]
        if written.isascii():
            return start + column
        return start + len(written.encode()[:column].decode(errors="ignore"))

    def start(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        """Where a node begins in the text."""
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        """Where a node ends in the text."""
        return self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def src(self, node: ast.expr | ast.stmt) -> str:
        """A node as it is written."""
        return self.text[self.start(node) : self.end(node)]

    # What is there

    @cached_property
    def functions(self) -> list[Function]:
        """Every function, methods among them."""
        return [n for n in self.nodes if isinstance(n, Function)]

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        """Every class."""
        return [n for n in self.nodes if isinstance(n, ast.ClassDef)]

    @cached_property
    def _by_name(self) -> dict[str, list[ast.Call]]:
        found: dict[str, list[ast.Call]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Call):
                found.setdefault(last_name(node.func), []).append(node)
        return found

    def calls(self, *names: str, within: ast.AST | None = None) -> list[ast.Call]:
        """The calls of functions and methods of these last names, in order; within a node where given."""
        found = [c for n in names for c in self._by_name.get(n, ())]
        if within is not None:
            inner = set(ast.walk(within))
            found = [c for c in found if c in inner]
        return sorted(found, key=lambda c: (c.lineno, c.col_offset))

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement around a node, or itself."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def alone(self, call: ast.expr) -> ast.Expr | None:
        """The statement that is this call and no more."""
        above = self.parents.get(call)
        return above if isinstance(above, ast.Expr) else None

    def function(self, node: ast.AST) -> Function | ast.Module:
        """The function around a node, or the module."""
        above = self.parents[node]
        while not isinstance(above, Function | ast.Module):
            above = self.parents[above]
        return above

    def loops(self, node: ast.AST) -> list[ast.For | ast.AsyncFor | ast.While]:
        """The loops around a node in its function, innermost first."""
        found: list[ast.For | ast.AsyncFor | ast.While] = []
        above: ast.AST | None = self.parents.get(node)
        while above is not None and not isinstance(above, Function | ast.Module):
            if isinstance(above, _LOOPS):
                found.append(above)
            above = self.parents.get(above)
        return found

    def loops_in(self, node: ast.AST) -> bool:
        """Whether a node holds a loop."""
        return any(isinstance(n, _LOOPS) for n in ast.walk(node))

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements beside one, itself among them."""
        above = self.parents[statement]
        for name in ("body", "orelse", "finalbody"):
            held = getattr(above, name, None)
            if isinstance(held, list) and statement in held:
                return held
        return [statement]

    def target(self, node: ast.AST) -> str:
        """What an expression, or a method's answer on it, is assigned to; empty where it is not."""
        statement = self.statement(node)
        while isinstance(self.parents[node], ast.Attribute):
            node = self.parents[self.parents[node]]
        if isinstance(statement, ast.Assign) and statement.value is node:
            return ast.unparse(statement.targets[0])
        return ""

    # Edits

    def put(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """Other text in the place of a node."""
        return Edit(self.start(node), self.end(node), text)

    def cut(self, start: int, end: int, text: str = "") -> Edit:
        """Other text, or none, between two offsets."""
        return Edit(start, end, text)

    def drop(self, statement: ast.stmt) -> Edit:
        """A statement taken out; `pass` where it stands alone in its block or shares its line."""
        begin, end = self._lines(statement)
        own = self.text[begin:end].strip() == self.src(statement)
        if own and len(self.block(statement)) > 1:
            return Edit(begin, end, "")
        return self.put(statement, "pass")

    def unwrapped(self, block: ast.With) -> list[Edit]:
        """A `with` taken away from around its body."""
        begin, end = self._lines(block)
        first, _ = self._lines(block.body[0])
        more = len(self.indent(block.body[0])) - len(self.indent(block))
        edits, start = [Edit(begin, first, "")], first
        for line in self.text[first:end].splitlines(keepends=True):
            if line[:more].isspace() and line.strip():
                edits.append(Edit(start, start + more, ""))
            start += len(line)
        return edits

    def indent(self, statement: ast.stmt) -> str:
        """The blanks before a statement."""
        begin, _ = self._lines(statement)
        return self.text[begin : self.start(statement)]

    def before(self, statement: ast.stmt, *lines: str) -> Edit:
        """New lines before a statement, as far in as it."""
        begin, _ = self._lines(statement)
        indent = self.indent(statement)
        return Edit(begin, begin, "".join(f"{indent}{line}\n" for line in lines))

    def after(self, statement: ast.stmt, *lines: str) -> Edit:
        """New lines after a statement, as far in as it."""
        _, end = self._lines(statement)
        indent = self.indent(statement)
        broken = "" if self.text[:end].endswith("\n") else "\n"
        return Edit(end, end, broken + "".join(f"{indent}{line}\n" for line in lines))

    def lines(self, statement: ast.stmt) -> str:
        """A statement with its indent and the end of its line."""
        begin, end = self._lines(statement)
        return self.text[begin:end]

    def imported(self, line: str) -> list[Edit]:
        """A line of import at the top of the file, unless it is there."""
        if line in self.text.splitlines():
            return []
        body = self.tree.body
        first = body[1] if ast.get_docstring(self.tree) and len(body) > 1 else body[0]
        after = [s for s in body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
        return [self.after(after[-1], line) if after else self.before(first, line)]

    def _lines(self, statement: ast.stmt) -> tuple[int, int]:
        first = statement.lineno
        if isinstance(statement, Function | ast.ClassDef) and statement.decorator_list:
            first = statement.decorator_list[0].lineno
        last = statement.end_lineno or statement.lineno
        return self._starts[first - 1], self._starts[last]

    def planted(self, rule: str, shape: str, planted: Planted) -> Mutant | None:
        """The mutant that a fault makes; None where its edits overlap or leave no Python."""
        edits = sorted(planted.edits)
        if any(b.start < a.end for a, b in pairwise(edits)):
            return None
        text, position = [], 0
        for edit in edits:
            text += [self.text[position : edit.start], edit.text]
            position = edit.end
        made = "".join([*text, self.text[position:]])
        try:
            ast.parse(made)
        except (SyntaxError, ValueError):
            return None
        starts = [0, *(i + 1 for i, c in enumerate(made) if c == "\n")]
        lines = (bisect_right(starts, self._moved(place, edits)) for place in planted.at)
        return Mutant(rule, shape, made, tuple(dict.fromkeys(lines)))

    def _moved(self, place: ast.expr | ast.stmt | ast.arg | Edit, edits: list[Edit]) -> int:
        """Where a place is once all edits are made."""
        old = place.start if isinstance(place, Edit) else self.start(place)
        moved = old
        for edit in edits:
            if edit is place or edit.start <= old < edit.end:
                blank = len(edit.text) - len(edit.text.lstrip("\n"))
                return moved + edit.start - old + blank
            if edit.start > old or (edit.start == old and isinstance(place, Edit)):
                break
            moved += len(edit.text) - (edit.end - edit.start)
        return moved


def last_name(called: ast.expr) -> str:
    """The last name of what is called: `step` of `optimizer.step`."""
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def receiver(call: ast.Call) -> str:
    """What a method is called on, as written; empty for a function."""
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def names(node: ast.AST) -> set[str]:
    """The plain names in a node."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def keyword(call: ast.Call, name: str) -> ast.keyword | None:
    """A keyword argument of a call."""
    return next((k for k in call.keywords if k.arg == name), None)


def within(node: ast.AST, kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> Iterator[ast.AST]:
    """The nodes of a kind in a node."""
    return (n for n in ast.walk(node) if isinstance(n, kind))
