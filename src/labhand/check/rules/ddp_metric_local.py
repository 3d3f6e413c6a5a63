"""A decision that one rank takes on its own part of the evaluation data."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.splits import part_in

_SAMPLERS = (
    "torch.utils.data.distributed.DistributedSampler",
    "torch.utils.data.DistributedSampler",
)
_GATHERS = re.compile(
    r"all_reduce|all_gather|dist\.reduce|gather|reduce_dict|reduce_tensor|reduce_value|synchronize_between"
    r"|torchmetrics|Accelerator|lightning|broadcast_object"
)
_BEST = re.compile(r"best|record|highest|lowest", re.I)
_MOST_FILES = 60


class Rule:
    """A decision that one rank takes on its own part of the evaluation data.

    ## What it does
    Reports a comparison with the best value so far, where the evaluation data is divided among the ranks by
    a `DistributedSampler` and nothing in the project brings their results together.

    ## Why is this bad
    Each rank knows the metric of its own part alone. The best checkpoint and the end of training then
    hang on a fraction of the data, ranks may disagree and wait for each other, and the number that is
    reported is that of one part, padded with repeated samples.

    ## Known problems
    Any gathering in the files that belong together silences it, even one that gathers something else.

    ## Example
    ```python
    val_loader = DataLoader(val_set, sampler=DistributedSampler(val_set, shuffle=False))
    accuracy = evaluate(model, val_loader)
    if accuracy > best:
        best = accuracy
    ```

    ## Use instead
    ```python
    total = torch.tensor([correct, count], device=rank)
    dist.all_reduce(total)
    accuracy = (total[0] / total[1]).item()
    ```

    ## Fix safety
    No fix: sums and counts have to be brought together, and the code must say which.

    ## References
    - https://docs.pytorch.org/docs/stable/distributed.html#collective-functions
    - A real case: https://github.com/NVIDIA/apex/pull/22, where the part of one process was shown as the accuracy.
    """

    severity: Severity = "warning"
    level: Level = "possible"

    def check(self, code: Code) -> Iterator[Claim]:
        """The decisions of one file that rest on one rank's part."""
        if not code.mentions("best") or not code.mentions("distributed", "Distributed"):
            return
        files = code.project.component(code.source)
        if len(files) > _MOST_FILES or any(_GATHERS.search(one.text) for one in files):
            return
        sampler = next((c for c in code.calls(*_SAMPLERS) if _divides_evaluation(code, c)), None)
        if sampler is None:
            return
        told: set[str] = set()
        for compare in code.nodes(ast.Compare):
            metric = _against_best(compare)
            if metric is None or ast.unparse(metric) in told or not _evaluated(code, metric):
                continue
            told.add(ast.unparse(metric))
            yield code.claim(
                compare,
                f"`{ast.unparse(metric)}` is that of one rank's part of the evaluation data, and decides "
                "what is best",
                "bring sums and counts of all ranks together with `all_reduce` before dividing",
                because=[code.step("the data is divided among the ranks here", sampler.node)],
                confidence=0.7,
            )


def _divides_evaluation(code: Code, call: Call) -> bool:
    given = call.arg(0, "dataset")
    if given is not None and code.split(given).value in ("validation", "test", "held-out"):
        return True
    statement = code.source.index.statement(call.node)
    names = [ast.unparse(t) for t in getattr(statement, "targets", [])]
    return any(part_in(n) in ("validation", "test") for n in names)


def _against_best(compare: ast.Compare) -> ast.expr | None:
    """The side that is held against the best so far."""
    if len(compare.ops) != 1 or not isinstance(compare.ops[0], ast.Gt | ast.Lt | ast.GtE | ast.LtE):
        return None
    sides = [compare.left, compare.comparators[0]]
    for best, metric in (sides, sides[::-1]):
        is_best = isinstance(best, ast.Name | ast.Attribute) and _BEST.search(ast.unparse(best))
        if is_best and isinstance(metric, ast.Name | ast.Attribute | ast.Subscript):
            return None if _BEST.search(ast.unparse(metric)) else metric
    return None


def _evaluated(code: Code, metric: ast.expr) -> bool:
    """Whether a number comes from running a model without gradients."""
    for node, spot in code.behind(metric).items():
        if isinstance(node, ast.Call) and code.without_gradients(spot) is True:
            return True
    return False
