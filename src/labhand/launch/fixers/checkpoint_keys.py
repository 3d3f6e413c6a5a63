"""Takes a prefix from the names of saved weights."""

import ast

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation


class Fixer:
    """Takes a prefix from the names of saved weights.

    ## What it does
    Where all names match once a prefix such as `module.` is taken away or put before, loads them
    so, in the run's own copy.

    ## Known problems
    Some names that match are not enough: `strict=False` is never used.

    ## Example
    `module.layer.weight` → `layer.weight`

    ## Fix safety
    Neutral: exactly the weights that were saved are loaded, all of them, by strict names.

    ## References
    PyTorch, `torch.nn.DataParallel`, on saving `module.state_dict()`.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The changed call; None where the names would not match exactly."""
        taken, given = failure.evidence.get("taken"), failure.evidence.get("given")
        file, line = str(failure.evidence.get("file", "")), int(failure.evidence.get("line") or 0)
        text = change.text_of(situation.job, file)
        tree = change.tree_of(text) if text is not None else None
        if text is None or tree is None or not (taken or given):
            return None
        for call in change.calls_at(tree, line):
            if change.name_of(call.func) == "load_state_dict" and call.args:
                state = ast.get_source_segment(text, call.args[0]) or ""
                key = f"_k.removeprefix({taken!r})" if taken else f"{given!r} + _k"
                made = f"{{{key}: _v for _k, _v in ({state}).items()}}"
                changed = change.edited(text, [(call.args[0], made)])
                how = f"without the prefix `{taken}`" if taken else f"with the prefix `{given}`"
                return change.code(failure, situation, f"loads the weights {how}", {file: changed})
        return None
