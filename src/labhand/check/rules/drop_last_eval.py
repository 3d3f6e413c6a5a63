"""An evaluation that leaves out the last, smaller batch."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.splits import part_in

_HANDLED = re.compile(r"\baux|\bremain|leftover|rest_|Subset\([^)]*range\(len", re.I)
_LOADERS = ("torch.utils.data.DataLoader", "torch_geometric.loader.DataLoader")


class Rule:
    """An evaluation that leaves out the last, smaller batch.

    ## What it does
    Reports `drop_last=True` (or `drop_remainder=True` of `tf.data`) where the loader is of the
    validation or the test part, also where a name is set to True under `if flag == "test"`.

    ## Why is this bad
    Up to a batch of rows is never scored, which ones depends on the batch size: the score changes with
    a setting that has nothing to do with the model, and numbers of different papers do not compare.

    ## Known problems
    Silent where the rest is scored by a loader of its own, and where the value is not written out.

    ## Example
    ```python
    test_loader = DataLoader(test_set, batch_size=128, drop_last=True)
    ```

    ## Use instead
    ```python
    test_loader = DataLoader(test_set, batch_size=128)
    ```

    ## Fix safety
    Scientific: the score then is of all rows.

    ## References
    - https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
    - Real cases: `train.py` of https://github.com/milesial/Pytorch-UNet as of 2026; the "drop-last trick" of time-series forecasting, Qiu et al., TFB, VLDB 2024,
      https://arxiv.org/abs/2403.20150, which changed the ranks of published models.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The loaders of one file that drop rows of a held-out part."""
        if not code.mentions("drop_last", "drop_remainder") or code.is_test:
            return
        for call in code.calls(*_LOADERS, ".batch"):
            key = "drop_remainder" if call.method == "batch" else "drop_last"
            given = call.arg(None, key)
            if isinstance(given, ast.Name):
                yield from _by_flag(code, call, given, key)
            if not isinstance(given, ast.Constant) or given.value is not True:
                continue
            size = (
                call.arg(1, "batch_size") if call.method != "batch" else call.arg(0, "batch_size")
            )
            if isinstance(size, ast.Constant) and size.value == 1:
                continue  # nothing is left over
            part = _part(code, call)
            if part is not None and not _handled(code, call):
                yield code.claim(
                    call.node,
                    f"`{key}=True` on the {part} part: up to a batch of its rows is never scored",
                    f"leave `{key}` out where the model is evaluated",
                    confidence=0.9,
                    change=Change(
                        "scientific", f"Write `{key}=False`", [code.replace(given, "False")]
                    ),
                    part=part,
                )


def _by_flag(code: Code, call: Call, given: ast.Name, key: str) -> Iterator[Claim]:
    """A name that is set to True where a flag says that the test part is asked for."""
    for bound in code.project.reaching(given, call.where)[1]:
        value = bound.value
        if not isinstance(value, ast.Constant) or value.value is not True or bound.path:
            continue
        if not isinstance(bound.node, ast.Assign):
            continue
        part = _flagged(code, bound.node)
        if part is None or _one_by_one(code, call, bound.node) or _handled(code, call):
            continue
        yield code.claim(
            bound.node,
            f"`{key}` is True on the {part} part: up to a batch of its rows is never scored",
            "set it to False where the model is evaluated",
            because=[code.step("it goes to this loader", call.node)],
            confidence=0.9,
            change=Change("scientific", "Set it to False", [code.replace(value, "False")]),
            part=part,
        )


def _flagged(code: Code, statement: ast.stmt) -> str | None:
    """The held-out part that a condition around a statement asks for: `if flag == "test"`."""
    for test, holds in code.guards(statement):
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            wanted = isinstance(test.ops[0], ast.Eq | ast.In) and holds
            texts = [n.value for n in ast.walk(test.comparators[0]) if isinstance(n, ast.Constant)]
            parts = {part_in(t) for t in texts if isinstance(t, str)}
            if wanted and parts and parts <= {"validation", "test"}:
                return sorted(str(p) for p in parts)[0]
    return None


def _one_by_one(code: Code, call: Call, statement: ast.stmt) -> bool:
    """Whether the same branch asks for batches of one row, so that nothing is left over."""
    size = call.arg(1, "batch_size") if call.method != "batch" else call.arg(0, "batch_size")
    if size is None:
        return False
    for other in code.source.index.block(statement):
        if isinstance(other, ast.Assign) and ast.unparse(other.targets[0]) == ast.unparse(size):
            return isinstance(other.value, ast.Constant) and other.value.value == 1
    return False


def _part(code: Code, call: Call) -> str | None:
    """The held-out part that a loader is of, by its rows or by what it is called."""
    rows = call.receiver if call.method == "batch" else call.arg(0, "dataset")
    part = code.split(rows).value if rows is not None else None
    label = code.label(call.node)
    named = part_in(label)
    if part == "train" or named == "train":
        return None
    found = named or part or _in_keys(code, call)
    return "held-out" if found == "held-out" else found if found in ("validation", "test") else None


def _in_keys(code: Code, call: Call) -> str | None:
    """The held-out part among the names for which a comprehension makes a loader each."""
    for above in code.source.index.ancestors(call.node):
        if isinstance(above, ast.DictComp):
            over = above.generators[0].iter
            over = (
                over.func.value
                if isinstance(over, ast.Call) and isinstance(over.func, ast.Attribute)
                else over
            )
            keys = over.keys if isinstance(over, ast.Dict) else getattr(over, "elts", [])
            parts = [part_in(str(getattr(k, "value", ""))) for k in keys]
            return next((p for p in parts if p in ("validation", "test")), None)
    return None


def _handled(code: Code, call: Call) -> bool:
    """Whether something else takes care of the rest."""
    node = call.where.scope.node
    first, last = (1, None) if isinstance(node, ast.Module) else (node.lineno, node.end_lineno)
    text = "\n".join(code.source.lines[first - 1 : last])
    return bool(_HANDLED.search(text))
