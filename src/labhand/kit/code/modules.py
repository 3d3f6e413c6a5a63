"""Files of settings that are written as Python and read by their path: `optimizer = dict(type="SGD", lr=0.01)`."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from labhand.kit.code.data import Setting, literal, pairs_of, remark, untyped
from labhand.kit.code.project import Project
from labhand.kit.code.source import Source, load

READS = re.compile(
    r"\bConfig\.fromfile\(|\bLazyConfig\.load\(|\bimport_module\(|\bSourceFileLoader\(|\bspec_from_file_location\(|"
    r"\brun_path\(|\bexec\(|__import__\("
)
_NAME = re.compile(r"[\w./-]+\.py")
_FOLDERS = (".", "config", "configs", "conf", "cfg", "cfgs", "experiments")
_MOST_FILES = 40
_LEAST = 3
"""Plain values that a file of settings has."""


def paths(project: Project, sources: Sequence[Source]) -> tuple[list[Path], bool]:
    """The files that the code names, and True; else those that lie where such files lie, and False."""
    if not any(READS.search(s.text) for s in sources):
        return [], False
    ours = {s.path for s in sources}
    named = [
        (base / text).resolve()
        for source in sources
        for text in _texts(source.tree)
        for base in (source.path.parent, project.root)
    ]
    told = [p for p in dict.fromkeys(named) if p.is_file() and p not in ours and is_one(p)]
    if told:
        return told, True
    folder = sources[0].path.parent
    lying = [
        p.resolve()
        for f in _FOLDERS
        for p in sorted((folder / f).glob("**/*.py" if f != "." else "*.py"))
    ]
    return [p for p in lying[:_MOST_FILES] if p not in ours and is_one(p)], False


def _texts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, str) and _NAME.fullmatch(value):
            yield value


def is_one(path: Path) -> bool:
    """Whether a file does nothing but give names plain values."""
    body = load(path).tree.body
    given = [s for s in body if isinstance(s, ast.Assign | ast.AnnAssign)]
    plain = (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.Expr, ast.With, ast.Delete)
    return len(given) >= 1 and all(isinstance(s, plain) for s in body) and len(places(load(path).tree)) >= _LEAST  # fmt: skip


def places(tree: ast.Module) -> dict[str, ast.expr]:
    """The expression of each plain value of such a file, by its dotted key."""
    found: dict[str, ast.expr] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        name = ast.unparse(targets[0])
        if re.fullmatch(r"[A-Za-z][\w.]*", name):
            found.update(_inside(name, statement.value))
    return found


def _inside(name: str, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    inner = pairs_of(value)
    for key, held in inner:
        yield from _inside(f"{name}.{key}", held)
    if not inner and literal(value)[0]:
        yield name, value


def settings(path: Path) -> Iterator[Setting]:
    """The values of such a file; keys are dotted."""
    source = load(path)
    for name, value in places(source.tree).items():
        default = literal(value)[1]
        yield Setting(
            name=name,
            kind="config",
            file=path,
            line=value.lineno,
            type=untyped(name.rpartition(".")[2], default),
            default=list(default) if isinstance(default, tuple) else default,
            help=remark(source, value),
        )


def changed(text: str, key: str, value: object) -> str | None:
    """The text of such a file with one value changed, all else as it is; None where it has no such key."""
    node = places(ast.parse(text)).get(key)
    if node is None or node.end_lineno is None or node.end_col_offset is None:
        return None
    lines = text.encode().splitlines(keepends=True)
    begin = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    whole = text.encode()
    was = literal(node)[1]
    value = tuple(value) if isinstance(was, tuple) and isinstance(value, list) else value
    return (whole[:begin] + repr(value).encode() + whole[end:]).decode()
