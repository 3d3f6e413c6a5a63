"""Writes what NumPy's removed names stood for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.renames import NUMPY, NUMPY_DEFINED, NUMPY_PLAIN

_MOST_FILES = 300
_SKIPPED = ("site-packages", "node_modules", "__pycache__", "/.")


class Fixer:
    """Writes what NumPy's removed names stood for.

    ## What it does
    Replaces them in the project's files, in the run's own copy: `np.float` by `float`, `np.float_`
    by `np.float64`. Where a library, or another way of writing, uses them, NumPy gets the names
    back for this run.

    ## Known problems
    Files that are not Python this Python reads are left as they are.

    ## Example
    `dtype=np.float` → `dtype=float`

    ## Fix safety
    Neutral: each name is replaced by the very object that it was.

    ## References
    NumPy, "NumPy 2.0 migration guide".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The changed files; None for a name whose meaning no name of today has."""
        name, job = str(failure.evidence["name"]), situation.job
        if name not in {*NUMPY_PLAIN, *NUMPY, *NUMPY_DEFINED}:
            return None
        texts: dict[str, str] = {}
        for path in _files(failure, situation):
            text = change.text_of(job, path)
            if text is not None and "numpy" in text:
                changed = _replaced(text)
                if changed != text:
                    texts[path] = changed
        own = str(failure.evidence.get("file", ""))
        if name in NUMPY_DEFINED or own not in texts:
            numpy = next(
                (f for f in failure.evidence.get("files", ()) if f.endswith("numpy/__init__.py")),
                "",
            )
            numpy = numpy or next(
                iter(re.findall(r"\((/\S+numpy/__init__\.py)\)", str(failure.evidence["text"]))), ""
            )
            text = change.text_of(job, numpy) if numpy else None
            if text is None:
                return None
            texts = {numpy: f"{text}\n{_given_back(name)}\n"}
            return change.code(
                failure, situation, f"gave NumPy its `{name}` back for this run", texts
            )
        places = f"{len(texts)} files" if len(texts) > 1 else Path(own).name
        summary = f"wrote what `np.{name}` and its like stood for in {places}"
        return change.code(failure, situation, summary, texts)


def _files(failure: run.Failure, situation: Situation) -> Iterator[str]:
    """The project's Python files, those of the traceback first."""
    told = [str(failure.evidence.get("file", ""))]
    told += [f for f in failure.evidence.get("files", ()) if f.startswith(situation.root)]
    found = sorted(Path(situation.root).glob("**/*.py"))[: 4 * _MOST_FILES]
    told += [str(path) for path in found if not any(part in str(path) for part in _SKIPPED)]
    yield from list(dict.fromkeys(path for path in told if path.endswith(".py")))[:_MOST_FILES]


def _replaced(text: str) -> str:
    tree = change.tree_of(text)
    if tree is None:
        return text
    aliases = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
        if name.name == "numpy"
    }
    # the places of code in an f-string are not told right before Python 3.12
    formatted = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for inner in ast.walk(node)
    }
    edits: list[change.Edit] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if (
            node.value.id in aliases
            and isinstance(node.ctx, ast.Load)
            and id(node) not in formatted
        ):
            if node.attr in NUMPY_PLAIN:
                edits.append((node, NUMPY_PLAIN[node.attr]))
            elif node.attr in NUMPY:
                edits.append((node, f"{node.value.id}.{NUMPY[node.attr]}"))
    return change.edited(text, edits)


def _given_back(name: str) -> str:
    """Lines behind NumPy's own that define the names that this version lacks."""
    made = [f"{old} = {new}" for old, new in NUMPY_DEFINED.items() if old == name]
    if name in NUMPY_PLAIN:
        made.append(f"{name} = __import__('builtins').{NUMPY_PLAIN[name]}")
    if name in NUMPY:
        made.append(f"{name} = {NUMPY[name]}")
    return "\n".join(made)
