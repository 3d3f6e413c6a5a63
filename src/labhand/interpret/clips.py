"""A clipping of 0 is none only where the code asks first; else every gradient becomes 0."""

import ast
import re

from labhand.interpret.draft import Draft
from labhand.interpret.situation import Situation
from labhand.kit.code.source import load

_CLIPS = ("clip_grad_norm_", "clip_grad_norm", "clip_grad_value_", "clip_by_global_norm")
NONE = 1e9
"""A bound that no gradient reaches."""


def read(draft: Draft, situation: Situation) -> None:
    """Takes a bound that nothing reaches for `no clipping` where the script clips without asking."""
    for place, said in enumerate(draft.said):
        concept = said.known.concept
        if concept is None or concept.id != "grad-clip" or 0 not in said.values:
            continue
        exact = re.search(r"(?<![\w.])0(?:\.0*)?(?![\w.])", said.why)
        if exact or said.known.setting.type != "float" or situation.script is None:
            continue
        key = said.known.key
        if _clips_unasked(load(situation.script).tree, said.known.setting.name):
            values = [NONE if value == 0 else value for value in said.values]
            draft.said[place] = said._replace(values=values)
            draft.assumptions = [a for a in draft.assumptions if f"`{key}` 0 is taken" not in a]
            draft.suppose(
                f"`{key}` 0 would make every gradient 0, since {situation.script.name} clips without "
                f"asking; {NONE:g} clips none"
            )


def _clips_unasked(tree: ast.Module, name: str) -> bool:
    """Whether gradients are clipped by what is called so, and no condition asks for it."""
    last = name.rpartition(".")[2].replace("-", "_")
    asked = any(
        _names(node.test, last) for node in ast.walk(tree) if isinstance(node, ast.If | ast.IfExp)
    )
    return not asked and any(
        isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in _CLIPS
        and any(_names(given, last) for given in (*node.args, *(k.value for k in node.keywords)))
        for node in ast.walk(tree)
    )


def _names(node: ast.AST, name: str) -> bool:
    return any(
        (isinstance(n, ast.Name) and n.id == name)
        or (isinstance(n, ast.Attribute) and n.attr == name)
        for n in ast.walk(node)
    )
