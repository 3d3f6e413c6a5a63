"""A Kullback-Leibler divergence that is averaged over classes as well as over the batch."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call

_WHERE = {"torch.nn.functional.kl_div": 4, "torch.nn.KLDivLoss": 2}
"""The losses, and the position of their reduction."""


class Rule:
    """A Kullback-Leibler divergence that is averaged over classes as well as over the batch.

    ## What it does
    Reports `kl_div` and `KLDivLoss` with `reduction="mean"`, said or by default.

    ## Why is this bad
    The mean is taken over every element, so the divergence is too small by the number of classes: its weight
    beside other losses is 1/1000 on ImageNet, and depends on the vocabulary in language models. PyTorch
    itself warns of it.

    ## Known problems
    Where the mean is multiplied back by the number of classes, it is not reported; where a weight was tuned
    for it, the finding is true but harmless.

    ## Example
    ```python
    loss = F.kl_div(F.log_softmax(student, dim=1), F.softmax(teacher, dim=1))
    ```

    ## Use instead
    ```python
    loss = F.kl_div(F.log_softmax(student, dim=1), F.softmax(teacher, dim=1), reduction="batchmean")
    ```

    ## Fix safety
    Scientific: the loss becomes larger by the number of classes.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.kl_div.html (the note on `reduction`)
    - Real case:
      https://github.com/yuanli2333/Teacher-free-Knowledge-Distillation/issues/41.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The divergences of one file that are averaged over everything."""
        if not code.mentions("kl_div", "KLDiv"):
            return
        for call in code.calls(*_WHERE):
            given = call.arg(_WHERE[call.name or ""], "reduction")
            if call.made is not None and call.made.arg(None, "reduction") is not None:
                continue  # `partial(kl_div, reduction=…)`, which is looked at where it is made
            starred = any(k.arg is None for k in call.node.keywords)
            legacy = call.arg(None, "size_average", "reduce")
            said = given.value if isinstance(given, ast.Constant) else None
            if legacy is not None or starred or (given is not None and said != "mean"):
                continue
            if not _scaled_back(code, call):
                yield _claim(code, call, given)


def _scaled_back(code: Code, call: Call) -> bool:
    """Whether the result is multiplied by a number of classes, or the divergence has one dimension."""
    statement = code.source.index.statement(call.node)
    written = ast.unparse(statement) if not hasattr(statement, "body") else ast.unparse(call.node)
    counts = (
        "size(1)",
        "size(-1)",
        "shape[1]",
        "shape[-1]",
        "num_class",
        "n_class",
        "vocab_size",
        "numel()",
    )
    return any(word in written for word in counts)


def _claim(code: Code, call: Call, given: ast.expr | None) -> Claim:
    said = '`reduction="mean"`' if given is not None else "its default reduction"
    return code.claim(
        call.node,
        f"this divergence is averaged over classes too, by {said}: it is too small by the number of classes",
        'say `reduction="batchmean"`, which is the divergence of the definition, averaged over the batch',
        confidence=0.9,
        change=_change(code, call, given),
    )


def _change(code: Code, call: Call, given: ast.expr | None) -> Change | None:
    summary = "Average over the batch only"
    if given is not None:
        return Change("scientific", summary, [code.replace(given, '"batchmean"')])
    parts = [*call.node.args, *(k.value for k in call.node.keywords)]
    if not parts:
        text = f'{code.text(call.node.func)}(reduction="batchmean")'
        return Change("scientific", summary, [code.replace(call.node, text)])
    last = max(parts, key=lambda p: (p.end_lineno or 0, p.end_col_offset or 0))
    text = f'{code.text(last)}, reduction="batchmean"'
    return Change("scientific", summary, [code.replace(last, text)])
