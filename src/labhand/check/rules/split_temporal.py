"""Rows of a time series that are split at random, or features that look ahead."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.check.windowed import items_overlap, overlapping
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot
from labhand.kit.code.project import Where

_TARGET = re.compile(
    r"target|label|^y$|next|future|forward|ahead|return|horizon|tomorrow|outcome|lead", re.I
)
_SHUFFLED = (
    "sklearn.model_selection.KFold",
    "sklearn.model_selection.StratifiedKFold",
    "sklearn.model_selection.ShuffleSplit",
)


class Rule:
    """Rows of a time series that are split at random, or features that look ahead.

    ## What it does
    Reports `train_test_split` that shuffles, and shuffled folds, of rows that are made with lags or
    rolling windows of a series in time; random splits of windows `data[i : i + n]` that share rows
    with the next one; and features that hold later rows: `shift(-k)`, a centred
    rolling window, gaps filled from behind.

    ## Why is this bad
    A row's neighbours in time nearly hold its answer. Split at random, the model is asked about days
    between days that it has seen, and a feature from the future is not there when it is used.

    ## Known problems
    Silent where nothing in the code shows that the rows are ordered in time, and for what is named as
    the target.

    ## Example
    ```python
    df["lag"] = df["price"].shift(1)
    train, test = train_test_split(df)
    ```

    ## Use instead
    ```python
    train, test = train_test_split(df, shuffle=False)
    ```

    ## Fix safety
    Scientific: the score is of the future, and mostly lower.

    ## References
    - https://scikit-learn.org/stable/modules/cross_validation.html#time-series-split
    - Real case: https://otexts.com/fpp3/tscv.html tells how forecasts are scored on later rows only.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The splits and features of one file that mix past and future."""
        if code.is_test:
            return
        yield from _windows(code)
        if not code.mentions("shift(", "rolling(", "pct_change", "ewm("):
            return
        for call in code.calls("sklearn.model_selection.train_test_split"):
            given = call.arg(None, "shuffle")
            rows = call.arg(0)
            if rows is None or (given is not None and getattr(given, "value", 0) is not True):
                continue
            shown = _in_time(code, rows)
            if shown is not None:
                yield _split(code, call, shown, given)
        for call in code.calls(
            "sklearn.model_selection.cross_val_score", "sklearn.model_selection.cross_validate"
        ):
            folds = call.arg(None, "cv")
            made = code.made_by(folds) if folds is not None else None
            rows = call.arg(1, "X")
            if made is None or made.name not in _SHUFFLED or rows is None:
                continue
            if made.name != _SHUFFLED[2] and made.option("shuffle") is not True:
                continue
            shown = _in_time(code, rows)
            if shown is not None:
                yield _split(code, call, shown, None)
        yield from _ahead(code)


def _windows(code: Code) -> Iterator[Claim]:
    """Random splits of windows that share most of their rows with the next one."""
    for call in code.calls("sklearn.model_selection.train_test_split"):
        given, rows = call.arg(None, "shuffle"), call.arg(0)
        if rows is not None and (given is None or getattr(given, "value", 0) is True):
            yield from _of_windows(code, call, overlapping(code, rows))
    for call in code.calls("torch.utils.data.random_split"):
        rows = call.arg(0, "dataset")
        shown = items_overlap(call) or (overlapping(code, rows) if rows is not None else None)
        yield from _of_windows(code, call, shown)
    for call in code.calls("numpy.random.permutation"):
        yield from _by_permutation(code, call)


def _by_permutation(code: Code, call: Call) -> Iterator[Claim]:
    """`rows[order[:n]]` and `rows[order[n:]]`, by a permutation of all rows."""
    statement = code.source.index.statement(call.node)
    if not isinstance(statement, ast.Assign) or statement.value is not call.node:
        return
    halves = [u for u in code.uses(statement) if _is_half(code, u)]
    parts = [code.source.index.statement(u) for u in halves]
    taken = [use for p in parts for use in code.uses(p)]
    cut = [code.source.index.parents.get(n) for n in taken]
    rows = [n.value for c in cut for n in _indexed(code, c) if isinstance(n.value, ast.Name)]
    if len(halves) == 2 and len({ast.unparse(r) for r in rows}) == 1 and len(rows) > 1:
        yield from _of_windows(code, call, overlapping(code, rows[0]))


def _is_half(code: Code, use: ast.Name) -> bool:
    above = code.source.index.parents.get(use)
    return isinstance(above, ast.Subscript) and isinstance(above.slice, ast.Slice)


def _indexed(code: Code, above: ast.AST | None) -> list[ast.Subscript]:
    if isinstance(above, ast.Tuple):
        above = code.source.index.parents.get(above)
    return [above] if isinstance(above, ast.Subscript) else []


def _of_windows(code: Code, call: Call, shown: Spot | None) -> Iterator[Claim]:
    if shown is None or "groupby" in ast.unparse(call.node):
        return
    yield code.claim(
        call.node,
        f"overlapping windows of one series are split at random: `{ast.unparse(shown.node)}` of one "
        "part holds rows of the other",
        "cut the series in the order of time first, and the windows within each part",
        because=[code.step("each window shares rows with the next", shown.node, shown.where)],
        confidence=0.88,
    )


def _in_time(code: Code, rows: ast.expr) -> ast.expr | None:
    """What shows that rows are of a series: a lag, or a rolling window, that flows into them."""
    for node, spot in code.behind(rows).items():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        lag = node.func.attr in ("shift", "rolling", "ewm", "pct_change")
        if lag and spot.where.source is code.source and "groupby" not in ast.unparse(node):
            return node
    return None


def _split(code: Code, call: Call, shown: ast.expr, given: ast.expr | None) -> Claim:
    change = None
    if call.method == "train_test_split" and call.arg(None, "stratify") is None:
        edit = (
            code.replace(given, "False")
            if given is not None
            else code.after_argument(call.node, "shuffle=False")
        )
        change = Change("scientific", "Split in the order of time", [edit])
    return code.claim(
        call.node,
        f"rows of a time series are split at random: `{ast.unparse(shown)}` ties each to its neighbours",
        "split by time: `shuffle=False`, or `TimeSeriesSplit`",
        because=[code.step("the rows hold values of their neighbours in time", shown)],
        confidence=0.9,
        change=change,
    )


def _ahead(code: Code) -> Iterator[Claim]:
    """Features that hold later rows, in files that fit a model or split."""
    if not code.mentions(".fit(", "train_test_split", "TimeSeriesSplit"):
        return
    for node in code.nodes(ast.Assign):
        target = node.targets[0]
        if not isinstance(target, ast.Subscript):
            continue
        if not isinstance(target.slice, ast.Constant | ast.JoinedStr | ast.Name):
            continue
        key = target.slice
        name = str(key.value) if isinstance(key, ast.Constant) else ast.unparse(key)
        why = _looks_ahead(code, node.value) or _by_helper(code, node.value)
        if why is None or _TARGET.search(name) or _is_answer(code, name):
            continue
        yield code.claim(
            node,
            f"the feature `{name}` holds later rows: {why}",
            "use what is known at the time of the row: `shift(k)`, a trailing window, `ffill`",
            confidence=0.88,
        )


def _by_helper(code: Code, value: ast.expr) -> str | None:
    """What looks ahead in the one line of a function of the project that makes a feature."""
    target = code.call(value).target if isinstance(value, ast.Call) else None
    if not isinstance(target, Where) or len(target.scope.returns) != 1:
        return None
    given = target.scope.returns[0]
    names = {n.id for n in ast.walk(given) if isinstance(n, ast.Name)}
    whole = names & set(target.scope.parameters)
    return _looks_ahead(code, given, target) if whole else None


def _is_answer(code: Code, name: str) -> bool:
    """Whether a column is what is to be predicted: dropped from the features, or called `y`."""
    quoted = re.escape(name)
    pattern = (
        rf"y\w* = .*\[['\"]{quoted}['\"]\]|drop\([^)]*['\"]{quoted}['\"]|target\w* = ['\"]{quoted}"
    )
    return bool(re.search(pattern, code.source.text))


def _looks_ahead(code: Code, value: ast.expr, where: Where | None = None) -> str | None:
    for node in ast.walk(value):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        call = code.call(node, where)
        first = call.arg(0, "periods")
        negative = isinstance(first, ast.UnaryOp) and isinstance(first.op, ast.USub)
        if call.method == "shift" and negative and "diff" not in ast.unparse(value):
            return f"`{ast.unparse(node)}`"
        if call.method == "rolling" and call.option("center") is True:
            return "its window is centred"
        back = call.method == "bfill" or (
            call.method == "fillna" and call.option("method") in ("bfill", "backfill")
        )
        if back and not re.search(r"ffill|shift\(", ast.unparse(value)):
            return "its gaps are filled from behind"
    return None
