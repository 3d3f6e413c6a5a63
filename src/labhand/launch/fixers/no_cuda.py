"""Runs on the CPU, where the script has a switch for it."""

import ast
import re
import shlex

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import offered, switched

_SWITCHES = (
    (re.compile(r"(?:torch_)?device(?:_type|_name)?|accelerator|backend", re.I), "cpu"),
    (
        re.compile(
            r"no_?(?:cuda|gpu)s?|(?:use_)?cpu(?:_only)?|force_cpu|disable_cuda|no_accel", re.I
        ),
        "true",
    ),
    (re.compile(r"(?:use_)?(?:cuda|gpu)", re.I), "false"),
)


class Fixer:
    """Runs on the CPU, where the script has a switch for it.

    ## What it does
    Finds a flag of the script such as `--device`, `--no-cuda`, `--cpu` or `--accelerator` and sets
    it; loads tensors that were saved on a GPU to the CPU in the run's own copy.

    ## Known problems
    A training made for a GPU may take days on a CPU; `labhand stop` ends it.

    ## Example
    `python train.py --device cpu`

    ## Fix safety
    Neutral: it is the script's own switch and is told. The CPU rounds otherwise than a GPU and is
    slower.

    ## References
    PyTorch, `torch.load`, map_location.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The switch; None where the script offers none."""
        if failure.evidence.get("load"):
            return _loaded_here(failure, situation)
        for pattern, value in _SWITCHES:
            for setting in offered(situation, pattern):
                plain = setting.takes != "value"
                if plain != (value in ("true", "false")):
                    continue
                if setting.choices and value not in map(str, setting.choices):
                    continue
                job = switched(situation, {setting.name: value})
                if job is not None and job != situation.job:
                    summary = (
                        f"runs on the CPU by the script's own `{setting.flag or setting.name}`"
                    )
                    return change.of_job(failure, summary, shlex.join(job.command), job)
        failure.evidence["advice"] = (
            "run it where a GPU is: the script offers no switch for the CPU, and its code is left as it is"
        )
        return None


def _loaded_here(failure: run.Failure, situation: Situation) -> Mending | None:
    file, line = str(failure.evidence.get("file", "")), int(failure.evidence.get("line") or 0)
    text = change.text_of(situation.job, file)
    tree = change.tree_of(text) if text is not None else None
    if text is None or tree is None:
        return None
    for call in change.calls_at(tree, line):
        name = change.name_of(call.func)
        if name == "load" and call.args and not any(k.arg == "map_location" for k in call.keywords):
            if len(call.args) > 1:
                return None
            last = max((*call.args, *(k.value for k in call.keywords)), key=_end)
            given = ast.get_source_segment(text, last) or ""
            changed = change.edited(text, [(last, f'{given}, map_location="cpu"')])
            summary = "loads tensors that were saved on a GPU to the CPU"
            return change.code(failure, situation, summary, {file: changed})
    return None


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0
