"""Rows are duplicated before the data is split."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot

_SPLITS = ("sklearn.model_selection.train_test_split", "torch.utils.data.random_split")
_JOINS = (
    "numpy.concatenate numpy.vstack numpy.append pandas.concat torch.cat torch.concat torch.vstack "
    "torch.utils.data.ConcatDataset"
).split()
_VARIED = re.compile(
    r"augment|(^|_)aug(_|$|\d)|flip|rot90|rotat|noise|noisy|jitter|resampl|oversampl|upsampl|synth|smote"
    r"|duplicat|mirror",
    re.I,
)


class Rule:
    """Rows are duplicated before the data is split.

    ## What it does
    Reports SMOTE and its like, resampling with replacement, repeated rows and augmented copies that are
    joined to their originals, where the enlarged data is divided into train and test parts or folds
    afterwards.

    ## Why is this bad
    Copies, near copies and interpolations of one row come to lie in both parts. The score on the held-out
    part is that of rows which the model has nearly seen, and its classes are balanced as they never are
    in use.

    ## Known problems
    Silent for under-sampling, for pipelines of imbalanced-learn, and for augmented copies whose names do
    not tell that they are made from the same rows.

    ## Example
    ```python
    X, y = SMOTE().fit_resample(X, y)
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    ```

    ## Use instead
    ```python
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    X_train, y_train = SMOTE().fit_resample(X_train, y_train)
    ```

    ## Fix safety
    There is no automatic fix: the split has to move before the resampling, and the score will change.

    ## References
    - https://imbalanced-learn.org/stable/common_pitfalls.html#data-leakage
    - Yang et al., Data Leakage in Notebooks (ASE 2022): https://arxiv.org/abs/2209.03345, whose test
      `testOversampler` is of this kind: https://github.com/malusamayo/leakage-analysis
    - Real case: `tensorflow/intro-to-tensorflow` of
      https://github.com/udacity/deep-learning-v2-pytorch, whose validation rows are drawn from a resample.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """What enlarges data of one file that is divided later."""
        if not code.mentions("split", "cross_val", "SearchCV", "KFold", "learning_curve"):
            return
        if not code.mentions(
            "resample", "fit_sample", ".sample(", "repeat", "oncat", "vstack", ".cat(", "append"
        ):
            return
        told: set[ast.AST] = set()
        for split, data in _divided(code):
            if split.node in told:
                continue
            for node, spot in code.behind(Spot(data, split.where)).items():
                if not isinstance(node, ast.Call):
                    continue
                call = code.call(node, spot.where)
                how = _enlarges(code, call)
                if how is not None and call.where.source is code.source:
                    told.add(split.node)
                    if node not in told:
                        yield _claim(code, call, how, split)
                    told.add(node)
                    break


def _divided(code: Code) -> Iterator[tuple[Call, ast.expr]]:
    """What divides data, with the data it is given."""
    for split in code.calls(*_SPLITS):
        for data in split.node.args:
            yield split, data
    for folds, _ in code.known("splits", "folds"):
        given = folds.arg(0 if folds.method == "fit" else 1, "X")
        if given is not None:
            yield folds, given
    for split in code.calls(".split"):
        kind = split.made.entry("splits") if split.made is not None else None
        given = split.arg(0, "X")
        if kind is not None and "splitter" in kind and given is not None:
            yield split, given


def _enlarges(code: Code, call: Call) -> str | None:
    """How a call adds copies of rows; None where it does not surely."""
    if call.method in ("fit_resample", "fit_sample"):
        entry = call.made.entry("estimators") if call.made is not None else None
        if (entry or {}).get("fits") == "resampler" and call.made is not None:
            return f"`{(call.made.name or '').rpartition('.')[2]}` makes new rows from all rows"
    if call.name == "sklearn.utils.resample" and call.option("replace", True) is True:
        return "`resample` draws rows with replacement" if call.arg(None, "n_samples") else None
    if call.method == "sample" and call.receiver is not None and call.option("replace") is True:
        return "`sample` draws rows with replacement"
    if call.name in _JOINS and call.node.args and _by_rows(call):
        return _copies(code, call)
    return None


def _by_rows(call: Call) -> bool:
    axis = call.arg(2 if call.method == "append" else 1, "axis", "dim")
    if call.method == "ConcatDataset" or call.method == "vstack" or axis is None:
        return True
    return isinstance(axis, ast.Constant) and axis.value in (0, "index")


def _copies(code: Code, call: Call) -> str | None:
    """How a join puts rows beside copies of them."""
    first = call.node.args[0]
    if isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult):
        lists = [p for p in (first.left, first.right) if isinstance(p, ast.List)]
        if lists and len(lists[0].elts) == 1:
            return f"`{code.text(first)}` repeats all rows" if _here(code, call) else None
    parts = first.elts if isinstance(first, ast.List | ast.Tuple) else call.node.args[:2]
    if call.method != "append" and not isinstance(first, ast.List | ast.Tuple):
        return None
    for one in parts:
        for other in parts:
            if one is not other and isinstance(one, ast.Name | ast.Attribute):
                how = _copy_of(code, Spot(one, call.where), Spot(other, call.where))
                if how is not None:
                    return how
    return _read_twice(code, call, parts)


def _here(code: Code, call: Call) -> bool:
    return call.where.source is code.source


def _copy_of(code: Code, one: Spot, other: Spot) -> str | None:
    """How `other` is a copy or a variation of the rows of `one`."""
    name = ast.unparse(one.node)
    if ast.unparse(other.node) == name:
        return f"`{name}` is joined to itself"
    mine = _bound(code, one)
    flows = code.behind(other)
    if not mine or not any(
        isinstance(n, ast.Name) and mine & _bound(code, Spot(n, s.where)) for n, s in flows.items()
    ):
        return None
    for node, spot in flows.items():
        if isinstance(node, ast.Call):
            call = code.call(node, spot.where)
            if _VARIED.search(call.method) and _takes(code, call, mine):
                return f"`{call.method}` makes varied copies of `{name}`, which are joined to it"
    return None


def _takes(code: Code, call: Call, mine: set[int]) -> bool:
    given = call.node.args[:1] or [k.value for k in call.node.keywords[:1]]
    if isinstance(call.node.func, ast.Attribute):
        given = [*given, call.node.func.value]
    return any(
        mine & _bound(code, Spot(n, s.where))
        for g in given
        for n, s in code.behind(Spot(g, call.where)).items()
        if isinstance(n, ast.Name)
    )


def _bound(code: Code, spot: Spot) -> set[int]:
    names = [n for n in ast.walk(spot.node) if isinstance(n, ast.Name)]
    return {id(b) for n in names for b in code.project.reaching(n, spot.where)[1]}


def _read_twice(code: Code, call: Call, parts: list[ast.expr]) -> str | None:
    """How a data set joins several readings of one folder, with different transforms."""
    if call.method != "ConcatDataset":
        return None
    seen: dict[str, str] = {}
    for part in parts:
        made = code.made_by(Spot(part, call.where))
        root = made.arg(0, "root") if made is not None else None
        if made is None or made.name is None or root is None:
            continue
        others = [ast.unparse(k) for k in made.node.keywords if k.arg in ("train", "split")]
        key = f"{made.name} {ast.unparse(root)} {others}"
        varied = ast.unparse(made.arg(None, "transform") or ast.Constant(None))
        if key in seen and seen[key] != varied:
            return f"`{code.text(root)}` is read several times with different transforms"
        seen[key] = varied
    return None


def _claim(code: Code, call: Call, how: str, split: Call) -> Claim:
    divided = "split" if split.name in _SPLITS else "divided into folds"
    return code.claim(
        call.node,
        f"{how}, and the data is {divided} afterwards: copies of one row lie in the train part and in the "
        "held-out part",
        "split first, and enlarge the train part alone",
        because=[code.step(f"the data is {divided} here", split.node, split.where)],
        confidence=0.95,
    )
