"""Gives an argument by its new name."""

import ast
import re

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation


class Fixer:
    """Gives an argument by its new name.

    ## What it does
    Renames the argument in the call that failed, and in the other calls of that function in the
    file, in the run's own copy. `yaml.load` gets the `Loader` that it had by itself.

    ## Known problems
    Arguments that come from a configuration file are named and left to the person.

    ## Example
    `evaluation_strategy="epoch"` → `eval_strategy="epoch"`

    ## Fix safety
    Neutral: the new name takes the same value and means the same.

    ## References
    Hugging Face, "Trainer".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The changed file; None where the call does not write the argument out."""
        evidence = failure.evidence
        file, old, new = str(evidence.get("file", "")), str(evidence["old"]), str(evidence["new"])
        text = change.text_of(situation.job, file)
        tree = change.tree_of(text) if text is not None else None
        if text is None or tree is None:
            return None
        if not old:
            return _given(failure, situation, file, text, tree)
        edits: list[change.Edit] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and change.name_of(node.func) == evidence["function"]:
                if any(keyword.arg == new for keyword in node.keywords):
                    continue
                edits += [(k, _renamed(text, k, new)) for k in node.keywords if k.arg == old]
        if not edits:
            edits = _in_dictionaries(tree, old, new)
        if not edits or (not new and len(edits) != 1):
            failure.evidence["advice"] = (
                f"write `{new}` in place of `{old}` where the arguments are put together"
            )
            return None
        changed = change.edited(text, edits)
        if not new:
            changed = re.sub(r"(?:,\s*__gone__(?=\s*[,)])|__gone__,?\s*)", "", changed)
        summary = (
            f"wrote `{new}` in place of `{old}`" if new else f"left out `{old}`, which only printed"
        )
        return change.code(failure, situation, summary, {file: changed})


def _given(
    failure: run.Failure, situation: Situation, file: str, text: str, tree: ast.Module
) -> Mending | None:
    """The calls with the argument that the library once filled in."""
    function, new = str(failure.evidence["function"]), str(failure.evidence["new"])
    module, value = str(failure.evidence["module"]), str(failure.evidence["value"])
    edits: list[change.Edit] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or change.name_of(node.func) != function:
            continue
        written = ast.get_source_segment(text, node) or ""
        library = ast.get_source_segment(text, node.func.value) if isinstance(node.func, ast.Attribute) else ""  # fmt: skip
        if len(node.args) == 1 and not node.keywords and library in ("", module):
            head = written[:-1].rstrip().rstrip(",")
            holder = library or f'__import__("{module}")'
            edits.append((node, f"{head}, {new}={holder}.{value})"))
    if not edits:
        return None
    summary = f"gave `{module}.{function}` the `{new}` that it had by itself, {value}"
    return change.code(failure, situation, summary, {file: change.edited(text, edits)})


def _renamed(text: str, keyword: ast.keyword, new: str) -> str:
    value = ast.get_source_segment(text, keyword.value) or ""
    return f"{new}={value}" if new else "__gone__"


def _in_dictionaries(tree: ast.AST, old: str, new: str) -> list[change.Edit]:
    """The key of the one dictionary of the file that holds it: `Trainer(**arguments)`."""
    keys = [
        key
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and key.value == old
    ]
    keywords = [
        (k, f"{new}={ast.unparse(k.value)}")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and change.name_of(node.func) == "dict"
        for k in node.keywords
        if k.arg == old
    ]
    if len(keys) + len(keywords) != 1 or not new:
        return []
    return [*((key, repr(new)) for key in keys), *keywords]
