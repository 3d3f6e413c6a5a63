"""A bound of 0 is none only where the code asks first.

Else a clipping of 0 makes every gradient 0, and a patience of 0 stops at once.
"""

import ast
import re

from labhand.interpret.draft import Draft
from labhand.interpret.situation import Situation
from labhand.kit.code.source import load

_CLIPS = ("clip_grad_norm_", "clip_grad_norm", "clip_grad_value_", "clip_by_global_norm")
NONE = 1e9
"""A bound that no gradient reaches."""
NEVER = 1_000_000
"""Rounds without a gain that no training has."""


def read(draft: Draft, situation: Situation) -> None:
    """Takes a bound that nothing reaches for `no clipping` and `no early stopping` where nothing asks first."""
    for place, said in enumerate(draft.said):
        exact = re.search(r"(?<![\w.])0(?:\.0*)?(?![\w.])", said.why)
        if exact or 0 not in said.values or said.known.concept is None or situation.script is None:
            continue
        name, key, script = said.known.setting.name, said.known.key, situation.script.name
        trees = [load(path).tree for path in situation.sources]
        bound: float | None = None
        if said.known.concept.id == "grad-clip" and said.known.setting.type == "float":
            if _clips_unasked(load(situation.script).tree, name):
                bound = NONE
                why = f"would make every gradient 0, since {script} clips without asking; {NONE:g} clips none"
        elif (
            said.known.concept.id == "patience"
            and said.known.setting.type == "int"
            and not any(_is_asked(tree, name) for tree in trees)
        ):
            bound, why = (
                NEVER,
                f"would stop at the first round without a gain; {NEVER:,} never stops",
            )
        if bound is None:
            continue
        draft.said[place] = said._replace(values=[bound if v == 0 else v for v in said.values])
        draft.assumptions = [a for a in draft.assumptions if f"`{key}` 0 is taken" not in a]
        draft.suppose(f"`{key}` 0 {why}")


def _is_asked(tree: ast.Module, name: str) -> bool:
    """Whether a condition asks if it is set at all: `if patience and bad > patience`, `patience > 0`."""
    last = name.rpartition(".")[2].replace("-", "_")
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            parts = [
                node.test,
                *(p for n in ast.walk(node.test) if isinstance(n, ast.BoolOp) for p in n.values),
            ]
            bare = [p.operand if isinstance(p, ast.UnaryOp) else p for p in parts]
            if any(isinstance(p, ast.Name | ast.Attribute) and _names(p, last) for p in bare):
                return True
        compared = node.comparators if isinstance(node, ast.Compare) else []
        nothing = any(isinstance(c, ast.Constant) and c.value in (0, None) for c in compared)
        if nothing and isinstance(node, ast.Compare) and _names(node.left, last):
            return True
    return False


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
