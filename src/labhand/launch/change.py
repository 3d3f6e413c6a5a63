"""The forms of a fix: other variables, another command, other texts of code for the run's own copy."""

import ast
import difflib
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from labhand.core import run
from labhand.core.finding import Safety
from labhand.launch.job import Job, Mending, Situation

Edit = tuple[ast.expr | ast.keyword, str]
"""A piece of code, and the text that is to stand in its place."""


def variables(
    failure: run.Failure,
    situation: Situation,
    summary: str,
    values: Mapping[str, str],
    *,
    safety: Safety = "neutral",
    question: str | None = None,
) -> Mending:
    """A next attempt with these environment variables."""
    patch = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())
    job = msgspec.structs.replace(situation.job, env=situation.job.env | dict(values))
    return of_job(failure, summary, patch, job, safety=safety, question=question)


def command(
    failure: run.Failure,
    situation: Situation,
    summary: str,
    words: list[str],
    *,
    safety: Safety = "neutral",
    question: str | None = None,
) -> Mending:
    """A next attempt with another command."""
    job = msgspec.structs.replace(situation.job, command=words)
    return of_job(failure, summary, shlex.join(words), job, safety=safety, question=question)


def code(
    failure: run.Failure,
    situation: Situation,
    summary: str,
    texts: Mapping[str, str],
    *,
    safety: Safety = "neutral",
    question: str | None = None,
) -> Mending:
    """A next attempt that runs these texts in place of the files of these paths, which stay."""
    job = situation.job
    patch = "".join(
        unified(f"a{path}", f"b{path}", text_of(job, path) or "", new)
        for path, new in texts.items()
    )
    job = msgspec.structs.replace(job, overlay=job.overlay | dict(texts))
    return of_job(failure, summary, patch, job, safety=safety, question=question)


def of_job(
    failure: run.Failure,
    summary: str,
    patch: str,
    job: Job,
    *,
    safety: Safety = "neutral",
    question: str | None = None,
) -> Mending:
    """A next attempt that is `job`: no file is touched, so that nothing needs to be taken back."""
    fix = run.Fix(failure.kind, summary, safety, patch)
    return Mending(fix, lambda: job, lambda: None, question)


def refused(failure: run.Failure, why: str) -> None:
    """Says as the failure's advice why there is no way on."""
    failure.evidence["advice"] = why


def text_of(job: Job, path: str) -> str | None:
    """The text that runs as the file; None where it cannot be read."""
    if path in job.overlay:
        return job.overlay[path]
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def tree_of(text: str) -> ast.Module | None:
    """The syntax of a text; None where it is no Python that this one reads."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with pieces of its code replaced."""
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    whole = text.encode()
    for node, new in sorted(edits, key=lambda edit: _place(edit[0]), reverse=True):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        whole = whole[:begin] + new.encode() + whole[end:]
    return whole.decode()


def _place(node: Any) -> tuple[int, int]:
    return node.lineno, node.col_offset


def begun(text: str, start: str) -> str:
    """The text with lines put before its first statement, behind docstring and future imports."""
    tree = tree_of(text)
    body = tree.body if tree is not None else []
    at = 0
    for statement in body:
        words = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not (words or future):
            break
        at = statement.end_lineno or at
    lines = text.splitlines(keepends=True)
    if at == 0:
        while at < len(lines) and lines[at].startswith("#"):
            at += 1
    start = start if start.endswith("\n") else start + "\n"
    return "".join([*lines[:at], start, *lines[at:]])


def before_line(text: str, line: int, start: str) -> str:
    """The text with lines put before the statement that holds a line, as deep as it stands."""
    tree = tree_of(text)
    at = line
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            simple = not hasattr(node, "body")
            at = node.lineno if simple else at
    lines = text.splitlines(keepends=True)
    indent = lines[at - 1][: len(lines[at - 1]) - len(lines[at - 1].lstrip())]
    put = "".join(f"{indent}{piece}\n" for piece in start.splitlines())
    return "".join([*lines[: at - 1], put, *lines[at - 1 :]])


def calls_at(tree: ast.AST, line: int) -> list[ast.Call]:
    """The calls that a line is part of, the innermost first."""
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return sorted(found, key=lambda n: ((n.end_lineno or 0) - n.lineno, -n.col_offset))


def name_of(function: ast.expr) -> str:
    """The last part of a dotted name; empty where there is none."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def unified(before: str, after: str, old: str, new: str) -> str:
    """The unified diff of two texts under these names, every line ended."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), before, after
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
