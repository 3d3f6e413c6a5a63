"""Rows of a time series that are split at random, or features that look ahead."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call

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
    rolling windows of a series in time, and features that hold later rows: `shift(-k)`, a centred
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
        if not code.mentions("shift(", "rolling(", "pct_change", "ewm(") or code.is_test:
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
        if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Constant):
            continue
        name = str(target.slice.value)
        why = _looks_ahead(code, node.value)
        if why is None or _TARGET.search(name) or _is_answer(code, name):
            continue
        yield code.claim(
            node,
            f"the feature `{name}` holds later rows: {why}",
            "use what is known at the time of the row: `shift(k)`, a trailing window, `ffill`",
            confidence=0.88,
        )


def _is_answer(code: Code, name: str) -> bool:
    """Whether a column is what is to be predicted: dropped from the features, or called `y`."""
    quoted = re.escape(name)
    pattern = (
        rf"y\w* = .*\[['\"]{quoted}['\"]\]|drop\([^)]*['\"]{quoted}['\"]|target\w* = ['\"]{quoted}"
    )
    return bool(re.search(pattern, code.source.text))


def _looks_ahead(code: Code, value: ast.expr) -> str | None:
    for node in ast.walk(value):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        call = code.call(node)
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
