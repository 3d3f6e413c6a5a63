"""The environment of check: code with known faults, as problems."""

import ast
from collections.abc import Iterator
from pathlib import Path

from labhand.check.claim import RuleLike
from labhand.check.engine import claims
from labhand.core import registry
from labhand.core.task import Task
from labhand.kit import cases
from labhand.kit.code import Project, Source

NAME = "check"


def run_case(text: str) -> list[tuple[str, int]]:
    """The findings of every rule in a text, as pairs of rule and line."""
    return findings_in(text, {})


def findings_in(
    text: str,
    beside: dict[str, str],
    rules: dict[str, RuleLike] | None = None,
) -> list[tuple[str, int]]:
    """The findings in a text that has other files beside it; nothing is read from disk."""
    if rules is None:
        rules = {name: kind() for name, kind in registry.load_all("rule")[0].items()}
    source, project = in_memory(text, beside)
    found = claims(source, project, rules)
    return sorted((f.rule, f.where.line) for f in found if isinstance(f.where.line, int))


def in_memory(text: str, beside: dict[str, str]) -> tuple[Source, Project]:
    """A source and its project that exist only in memory.

    Raises:
        ValueError: the text is no Python.
    """
    root = Path("/labhand-case")
    project = Project(root)
    source = project.add(Source(root / "case.py", text))
    others = [project.add(Source(root / name, code)) for name, code in beside.items()]
    project.files = [source.path, *(s.path for s in others)]
    if source.error is not None:
        raise ValueError(source.error)
    return source, project


def tasks(folder: Path) -> Iterator[Task]:
    """The problems in a folder of case files: each block, and twins with a fault put in.

    A twin is a mended block with its clearing of gradients taken out again.
    """
    for path in sorted(folder.glob("*.md")):
        for case in cases.parse(path.read_text(encoding="utf-8")):
            identity = f"{path.stem}:{case.line}"
            yield _task(identity, case.text, case.expected, case.title, case.beside)
            if path.stem == "grad-zero-missing" and case.fixed is not None:
                for number, (twin, line) in enumerate(twins(case.fixed)):
                    expected = [(path.stem, line)]
                    yield _task(f"{identity}:twin{number}", twin, expected, case.title, case.beside)


def _task(
    identity: str, text: str, expected: list[tuple[str, int]], title: str, beside: dict[str, str]
) -> Task:
    return Task(
        id=identity,
        environment=NAME,
        prompt=text,
        expected=[list(pair) for pair in expected],
        facts={"title": title, "beside": beside},
    )


def twins(text: str) -> Iterator[tuple[str, int]]:
    """Good training code with the fault put in: one optimizer's clearing of gradients taken out.

    With each text comes the line of that optimizer's first step; lines stay where they are.
    """
    nodes = list(ast.walk(ast.parse(text)))
    clearings = [n for n in nodes if isinstance(n, ast.Expr) and _receiver(n.value, "zero_grad")]
    for name in dict.fromkeys(_receiver(n.value, "zero_grad") for n in clearings):
        steps = [
            n.lineno for n in nodes if isinstance(n, ast.expr) and _receiver(n, "step") == name
        ]
        if not steps:
            continue
        lines = text.split("\n")
        for node in clearings:
            if _receiver(node.value, "zero_grad") == name:
                line = lines[node.lineno - 1]
                after = line[node.end_col_offset or 0 :]
                lines[node.lineno - 1] = line[: node.col_offset] + "pass" + after
        yield "\n".join(lines), min(steps)


def _receiver(expression: ast.expr, method: str) -> str:
    """What a method is called on, as written; for `scaler.step(o)`, o; empty for another call."""
    called = expression.func if isinstance(expression, ast.Call) else None
    if not isinstance(called, ast.Attribute) or called.attr != method:
        return ""
    assert isinstance(expression, ast.Call)
    scaled = expression.args and ast.unparse(called.value).endswith("scaler")
    return ast.unparse(expression.args[0] if scaled else called.value)
