"""What settings of words may be: the texts that code compares them with or looks up, what libraries take."""

import ast
import re
from collections.abc import Iterator, Sequence

from labhand.kit.code.data import literal
from labhand.kit.code.source import Source

TAKES: dict[str, tuple[str, ...]] = {
    "kernel": ("linear", "poly", "rbf", "sigmoid"),
    "penalty": ("l1", "l2", "elasticnet"),
    "criterion": ("gini", "entropy", "log_loss", "squared_error", "absolute_error"),
    "max_features": ("sqrt", "log2"),
    "weights": ("uniform", "distance"),
    "solver": ("lbfgs", "liblinear", "saga", "sag", "newton-cg"),
    "booster": ("gbtree", "gblinear", "dart"),
    "boosting_type": ("gbdt", "dart", "rf"),
    "boosting": ("gbdt", "dart", "rf", "goss"),
    "objective": (
        "regression",
        "regression_l1",
        "huber",
        "fair",
        "poisson",
        "quantile",
        "mape",
        "gamma",
        "tweedie",
        "binary",
        "multiclass",
        "cross_entropy",
        "lambdarank",
        "reg:squarederror",
        "reg:absoluteerror",
        "reg:tweedie",
        "count:poisson",
        "binary:logistic",
        "multi:softprob",
        "multi:softmax",
        "rank:ndcg",
        "rank:pairwise",
        "rank_xendcg",
    ),
    "tree_method": ("hist", "exact", "approx", "gpu_hist"),
    "grow_policy": ("depthwise", "lossguide"),
}
"""What arguments of scikit-learn and of boosting libraries may be, where it is a word."""


_BOOSTS = re.compile(r"^\s*(?:import|from) (?:lightgbm|xgboost|catboost)\b", re.M)


def taken(sources: Sequence[Source]) -> dict[str, tuple[str, ...]]:
    """What the parameters of a boosting library, or of scikit-learn, may be, by name, where a file uses it."""
    if any(_BOOSTS.search(source.text) for source in sources):
        return TAKES
    learns = any(re.search(r"^(?:import|from) sklearn\b", s.text, re.M) for s in sources)
    return {name: TAKES[name] for name in ("penalty", "kernel", "solver")} if learns else {}


def compared(sources: Sequence[Source]) -> dict[str, tuple[str, ...]]:
    """The texts that code compares something with or looks it up in, by the last part of what it is.

    So are `adam` and `sgd` of `if cfg.optim == "adam": ... elif cfg.optim in ("sgd",):` and of
    `{"adam": Adam, "sgd": SGD}[cfg.optim]`.
    """
    found: dict[str, dict[str, None]] = {}
    for source in sources:
        for name, texts in _looked_up(source):
            found.setdefault(name, {}).update(dict.fromkeys(texts))
        for node in source.index.by_type.get(ast.Compare, ()):
            if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.In):
                continue
            told = literal(node.comparators[0])[1]
            several = told if isinstance(told, list | tuple) else [told]
            name = _compared_name(node.left)
            if name and all(isinstance(t, str) and t for t in several):
                found.setdefault(name, {}).update(dict.fromkeys(map(str, several)))
    return {name: tuple(options) for name, options in found.items()}


def _looked_up(source: Source) -> Iterator[tuple[str, list[str]]]:
    """What stands in the brackets behind a table of texts, and the keys of that table."""
    tables = {
        target.id: node.value
        for node in source.index.by_type.get(ast.Assign, ())
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in (
        *source.index.by_type.get(ast.Subscript, ()),
        *source.index.by_type.get(ast.Call, ()),
    ):
        table: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            table, key = node.value, node.slice
        elif isinstance(node, ast.Call) and last(node.func) == "get" and node.args:
            table, key = (
                node.func.value if isinstance(node.func, ast.Attribute) else None,
                node.args[0],
            )
        held = tables.get(table.id) if isinstance(table, ast.Name) else table
        if not isinstance(held, ast.Dict) or not held.keys:
            continue
        keys = [literal(k)[1] for k in held.keys]
        name = _compared_name(key)
        if name and len(keys) > 1 and all(isinstance(k, str) and k for k in keys):
            yield name, list(map(str, keys))


def _compared_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call) and last(node.func) in ("lower", "upper", "strip"):
        node = node.func.value if isinstance(node.func, ast.Attribute) else node
    if isinstance(node, ast.Subscript):
        key = literal(node.slice)[1]
        return key if isinstance(key, str) else ""
    return last(node)


def last(function: ast.expr) -> str:
    """The last part of the name of what is called or read; empty where it has none."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
