"""A bound of 0 is none only where the code asks first.

Else a clipping of 0 makes every gradient 0, and a patience of 0 stops at once.
"""

import ast
import re

from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known
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
        known = said.known
        found = None if exact or 0 not in said.values else _unreached(known, situation)
        if found is None:
            continue
        bound, why = found
        draft.said[place] = said._replace(values=[bound if v == 0 else v for v in said.values])
        draft.assumptions = [a for a in draft.assumptions if f"`{known.key}` 0 is taken" not in a]
        draft.suppose(f"`{known.key}` 0 {why}")


def _unreached(known: Known, situation: Situation) -> tuple[float, str] | None:
    """The bound that stands for none, and what 0 would do; None where 0 is none, or no bound at all."""
    script, setting = situation.script, known.setting
    if known.concept is None or script is None:
        return None
    if known.concept.id == "grad-clip" and setting.type == "float":
        why = f"would make every gradient 0, since {script.name} clips without asking; {NONE:g} clips none"
        return (NONE, why) if _clips_unasked(load(script).tree, setting.name) else None
    if known.concept.id == "weight-clip" and setting.type == "float":
        asked = _is_asked(load(script).tree, setting.name)
        return None if asked else (NONE, f"would make every weight 0; {NONE:g} clips none")
    if known.concept.id == "patience" and setting.type == "int":
        why = f"would stop at the first round without a gain; {NEVER:,} never stops"
        asked = any(_is_asked(load(path).tree, setting.name) for path in situation.sources)
        return None if asked else (NEVER, why)
    return None


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
        or (
            isinstance(n, ast.Subscript)
            and isinstance(n.slice, ast.Constant)
            and n.slice.value == name
        )
        for n in ast.walk(node)
    )
