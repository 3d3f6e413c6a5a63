"""Writes the new names of what libraries have removed."""

import ast
import re
from pathlib import Path

from labhand.core import run
from labhand.kit.interpreter import normal
from labhand.launch import change
from labhand.launch.installing import for_this_run
from labhand.launch.job import Mending, Situation
from labhand.launch.packages import declarations, requirement_for
from labhand.launch.renames import STYLES, Name

_ROWS = (
    "(lambda all_, new: [all_, *(new if isinstance(new, (list, tuple)) else "
    "[new if isinstance(new, type(all_)) else type(all_)([new])])])"
)
"""What `DataFrame.append` of pandas 1 handed to `concat`."""


class Fixer:
    """Writes the new names of what libraries have removed.

    ## What it does
    Replaces names of the table (`Image.ANTIALIAS`, `collections.Mapping`, `get_feature_names`, …)
    in the file that failed, in the run's own copy, and `pandas.concat` for `append` of a frame. Where the project declares another version than
    the installed one, proposes that version for this run.

    ## Known problems
    Which of two versions is right only the project's own files say; without them nothing is
    proposed.

    ## Example
    `Image.ANTIALIAS` → `Image.LANCZOS`

    ## Fix safety
    Neutral for a name that stands for the same thing; scientific for another version of a package.

    ## References
    Pillow 10.0.0, "Release notes", constants.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The changed file, or a proposal to install what the project declares."""
        if failure.evidence.get("style"):
            return _by_style(failure, situation)
        if failure.evidence.get("new"):
            return _by_name(failure, situation)
        if failure.evidence.get("appended"):
            return _concatenated(failure, situation)
        library = str(failure.evidence.get("library") or "")
        declared = declarations(Path(situation.root))
        wanted = (
            declared.get(normal(library)) or requirement_for(library, Path(situation.root))
            if library
            else None
        )
        if wanted is None or wanted.origin == "table":
            return None
        return for_this_run(failure, situation, wanted.text, library)


def _by_style(failure: run.Failure, situation: Situation) -> Mending | None:
    """Writes each name of a style as it is called now."""
    file = str(failure.evidence.get("file", ""))
    text = change.text_of(situation.job, file)
    tree = change.tree_of(text) if text is not None else None
    if text is None or tree is None:
        return None
    before, now = STYLES
    edits: list[change.Edit] = [
        (node, repr(node.value.replace(before, now, 1)))
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).endswith(("style.use", "style.context"))
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.startswith(before) and not node.value.startswith(now)
    ]
    if not edits:
        return None
    summary = f"wrote `{failure.evidence['new']}` in place of `{failure.evidence['style']}`"
    return change.code(failure, situation, summary, {file: change.edited(text, edits)})


def _concatenated(failure: run.Failure, situation: Situation) -> Mending | None:
    """Writes `append` of a frame or series, on the line that failed, as pandas itself had it."""
    file, line = str(failure.evidence.get("file", "")), int(failure.evidence.get("line") or 0)
    text = change.text_of(situation.job, file)
    tree = change.tree_of(text) if text is not None else None
    if text is None or tree is None:
        return None
    edits: list[change.Edit] = []
    for call in change.calls_at(tree, line):
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "append" or not call.args:
            continue
        added = call.args[0]
        if isinstance(added, ast.Starred) or len(call.args) > 1:
            return None
        head, more = ast.unparse(call.func.value), ast.unparse(added)
        kept = "".join(f", {ast.unparse(k)}" for k in call.keywords)
        # a dict or a series is one row of the frame; frames, series beside a series and lists are as they are
        edits.append((call, f"__import__('pandas').concat({_ROWS}({head}, {more}){kept})"))
        break
    if not edits:
        return None
    summary = "wrote `pandas.concat` in place of `append`"
    return change.code(failure, situation, summary, {file: change.edited(text, edits)})


def _by_name(failure: run.Failure, situation: Situation) -> Mending | None:
    evidence = failure.evidence
    file, module = str(evidence.get("file", "")), str(evidence.get("module") or "")
    old, new = str(evidence["old"]), str(evidence["new"])
    text = change.text_of(situation.job, file)
    tree = change.tree_of(text) if text is not None else None
    if text is None or tree is None:
        return None
    last = module.rpartition(".")[2]
    aliases = {
        name.asname or name.name.rpartition(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
        if name.name.rpartition(".")[2] == last
    }
    edits: list[change.Edit] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr != old:
            continue
        head = ast.get_source_segment(text, node.value) or ""
        if not module or head in aliases or head.endswith(module):
            edits.append((node, f"{head}.{new}"))
    changed = _imports(change.edited(text, edits), module, old, new)
    if changed == text:
        return None
    if module == "collections" and edits:
        changed = change.begun(changed, "import collections.abc")
    removed = Name(module, old, new)
    before = f"{module}.{old}" if module else old
    summary = f"wrote `{removed.whole}` in place of `{before}`"
    return change.code(failure, situation, summary, {file: changed})


def _imports(text: str, module: str, old: str, new: str) -> str:
    """The text with imports of the old name as ones of the new."""
    line = re.compile(
        rf"^(?P<indent>[ \t]*)from {re.escape(module)} import (?P<names>[^()\n]+)$", re.M
    )

    def put(found: re.Match[str]) -> str:
        names = [name.strip() for name in found["names"].split(",")]
        moved = [name for name in names if name.split(" as ")[0] == old]
        if not moved:
            return found[0]
        lines = []
        kept = [name for name in names if name not in moved]
        if kept:
            lines.append(f"from {module} import {', '.join(kept)}")
        for name in moved:
            alias = name.split(" as ")[-1]
            path, _, last = new.rpartition(".")
            if new == alias == last:  # a package of its own
                lines.append(f"import {new}")
            else:
                lines.append(
                    f"from {'.'.join(filter(None, (module, path)))} import {last} as {alias}"
                )
        return "\n".join(found["indent"] + line for line in lines)

    return line.sub(put, text) if module else text
