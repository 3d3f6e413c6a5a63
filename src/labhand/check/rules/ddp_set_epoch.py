"""A sampler of distributed training that shuffles in the same way in every epoch."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.loading import constant
from labhand.kit.code.project import Where
from labhand.kit.code.source import Source
from labhand.kit.code.splits import part_in

_SAMPLERS = (
    "torch.utils.data.DistributedSampler",
    "torch.utils.data.distributed.DistributedSampler",
)
_MOST_FILES = 60


class Rule:
    """A sampler of distributed training that shuffles in the same way in every epoch.

    ## What it does
    Reports a shuffling `DistributedSampler` where the project trains for several epochs and nobody calls
    `set_epoch`.

    ## Why is this bad
    The order comes from the seed and the epoch's number alone. Without `set_epoch` that number stays 0:
    every epoch goes over the same batches in the same order, and every rank always sees the same samples.

    ## Known problems
    Any `set_epoch` in the files that belong together counts. Silent for evaluation data, and where
    Lightning, accelerate or transformers' Trainer drive the sampler.

    ## Example
    ```python
    sampler = DistributedSampler(train_set)
    loader = DataLoader(train_set, sampler=sampler)
    for epoch in range(90):
        for x, y in loader:
            step(x, y)
    ```

    ## Use instead
    ```python
    for epoch in range(90):
        sampler.set_epoch(epoch)
        for x, y in loader:
            step(x, y)
    ```

    ## Fix safety
    Scientific: the fix inserts `sampler.set_epoch(epoch)`, and the order of the data changes.

    ## References
    - https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
    - Real cases: https://github.com/huggingface/transformers/issues/4398,
      https://github.com/cszn/KAIR/issues/106, https://github.com/pytorch/examples/commit/2ee8d43.
    """

    severity: Severity = "warning"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The shuffling samplers of one file that are never told the epoch."""
        if not code.mentions("DistributedSampler"):
            return
        samplers = [c for c in code.calls(*_SAMPLERS) if _shuffles(code, c)]
        if not samplers:
            return
        files = code.project.component(code.source)
        if len(files) > _MOST_FILES or any(_told(code, one) for one in files):
            return
        loop = next((found for one in files for found in _epochs(code, one)), None)
        if loop is None:
            return
        for call in samplers:
            yield _claim(code, call, *loop)


def _shuffles(code: Code, call: Call) -> bool:
    """Whether a sampler shuffles what is trained on."""
    shuffles = call.option("shuffle", True)
    given = call.arg(3, "shuffle")
    if shuffles is ... and given is not None:
        shuffles = constant(code.project, given, call.where)
        if shuffles is ... and part_in(ast.unparse(given)) == "train":
            shuffles = True  # `shuffle=train`, `shuffle=split == "train"`
    if shuffles is not True:
        return False
    given = call.arg(0, "dataset")
    if given is not None and code.split(given).value in ("validation", "test", "held-out"):
        return False
    statement = code.source.index.statement(call.node)
    names = [ast.unparse(t) for t in getattr(statement, "targets", [])]
    names.append(call.where.scope.name)
    return not any(part_in(n) in ("validation", "test") for n in names)


def _told(code: Code, source: Source) -> bool:
    """Whether a file may tell a sampler the epoch, itself or by a framework."""
    if "set_epoch" in source.text:
        return True
    takes = code.words("frameworks", "takes", "sampler")
    for name in (*takes, "transformers.Trainer"):
        for node, scope in source.index.called.get(name.rpartition(".")[2], ()):
            if call_of(code.project, node, Where(source, scope)).name == name:
                return True
    return False


def _epochs(code: Code, source: Source) -> Iterator[tuple[ast.stmt, Where]]:
    """The loops over epochs of a file."""
    if "epoch" not in source.text and "yield" not in source.text:
        return
    for scope in source.index.scopes:
        where = Where(source, scope)
        for node in ast.walk(scope.node):
            if isinstance(node, ast.For | ast.While) and source.index.scope(node) is scope:
                header = ast.unparse(node.iter if isinstance(node, ast.For) else node.test)
                target = ast.unparse(node.target) if isinstance(node, ast.For) else ""
                endless = header in ("True", "1") and any(
                    isinstance(n, ast.For) and _hands_out(n) for n in node.body
                )
                if endless or ("epoch" in f"{header} {target}".lower() and not _once(node)):
                    yield node, where


def _hands_out(loop: ast.For) -> bool:
    """Whether a loop hands out the batches of a loader: `while True: for batch in loader: yield batch`."""
    yields = any(isinstance(n, ast.Yield) for s in loop.body for n in ast.walk(s))
    return yields and "load" in ast.unparse(loop.iter).lower()


def _once(node: ast.For | ast.While) -> bool:
    """Whether a loop over epochs surely has one pass at most."""
    if not isinstance(node, ast.For) or not isinstance(node.iter, ast.Call):
        return False
    last = node.iter.args[-1] if len(node.iter.args) == 1 else None
    return isinstance(last, ast.Constant) and last.value in (0, 1)


def _claim(code: Code, call: Call, loop: ast.stmt, where: Where) -> Claim:
    return code.claim(
        call.node,
        "this sampler shuffles in the same way in every epoch: nothing calls its `set_epoch`",
        "call `set_epoch(epoch)` on it at the start of each epoch",
        because=[code.step("the epochs begin here", loop, where)],
        confidence=0.95,
        change=_change(code, call, loop, where),
    )


def _change(code: Code, call: Call, loop: ast.stmt, where: Where) -> Change | None:
    """Tells the epoch at the start of the loop, where sampler and loop are named in one function."""
    statement = code.source.index.statement(call.node)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    same = where.source is code.source and where.scope is call.where.scope
    sampler, whole = statement.targets[0], statement.value is call.node
    if not same or not whole or not isinstance(loop, ast.For) or code.guards(call.node):
        return None
    if not isinstance(loop.target, ast.Name) or not isinstance(sampler, ast.Name | ast.Attribute):
        return None
    text = f"{ast.unparse(sampler)}.set_epoch({loop.target.id})"
    return Change("scientific", f"Insert `{text}`", [code.before(loop.body[0], text)])
