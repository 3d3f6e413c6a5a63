"""Preprocessing fitted on all data before it is split."""

import ast
from collections.abc import Iterator, Mapping

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.facts import Spot
from labhand.kit.code.origins import argument, origins
from labhand.kit.code.project import Where
from labhand.kit.code.splits import part_in

_SPLITS = ("sklearn.model_selection.train_test_split", "torch.utils.data.random_split")
_FITTED = frozenset({"transformer", "selector"})
_SCORING = (
    ".predict",
    ".predict_proba",
    ".decision_function",
    ".score",
    ".evaluate",
)


_SCORES = ("score", "predict", "predict_proba")


class Rule:
    """Preprocessing fitted on all data before it is split.

    ## What it does
    Reports a scaler, imputer, PCA, TF-IDF or feature selector that is fitted on data which is divided
    into train and test parts (or into folds) afterwards, by a function or by cutting rows out of it, when
    a model is scored on the held-out part. Rows that a notebook cuts out by hand are told of only if this
    rule is selected.

    ## Why is this bad
    Means, components or the choice of features then know the test part. Its score is no longer that of
    unseen data: a little too good with a scaler, wildly so with a feature selector that saw the labels.

    ## Known problems
    Silent in unit tests, for stateless transformers, encoders of categories and labels, pipelines, data that
    is never scored, and where the split cannot be seen to come from the fitted data.

    ## Example
    ```python
    X = StandardScaler().fit_transform(X)
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    model.fit(X_train, y_train).score(X_test, y_test)
    ```

    ## Use instead
    ```python
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    model = make_pipeline(StandardScaler(), model)
    model.fit(X_train, y_train).score(X_test, y_test)
    ```

    ## Fix safety
    There is no automatic fix: the split has to move before the fit, and the score will change.

    ## References
    - https://scikit-learn.org/stable/common_pitfalls.html#data-leakage
    - Yang et al., Data Leakage in Notebooks (ASE 2022): https://arxiv.org/abs/2209.03345
    - Real cases: https://github.com/fairlearn/fairlearn/issues/649,
      https://github.com/scikit-learn/scikit-learn/issues/24695.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The fits of one file that see data which is held out later."""
        if code.is_test:
            return
        told: set[ast.AST] = set()
        for split, data, scored in (*_cut(code), *_divided(code)):
            yield from _leaks(code, data, split, scored, told)


def _divided(code: Code) -> Iterator[tuple[Call | Spot, ast.expr, Call]]:
    """What functions divide: the split, the data, and a score on the held-out part."""
    if not code.mentions("train_test_split", "random_split", "cross_val", "SearchCV", "Fold("):
        return
    for split in code.calls(*_SPLITS):
        scored = _scored(code, split)
        for data in split.node.args if scored is not None else ():
            assert scored is not None
            yield split, data, scored
    for split in code.calls(
        *(f"{name}.split" for name in code.words("splits", "splitter", "shuffled"))
    ):
        rows = split.arg(0, "X")
        scored = _scored_in_loop(code, split)
        if rows is not None and scored is not None and not _is_held_back(code, rows):
            for data in (rows, *_taken(code, split)):
                yield split, data, scored
    for folds, _ in code.known("splits", "folds"):
        rows = folds.arg(0 if folds.method == "fit" else 1, "X")
        if rows is not None and not _is_held_back(code, rows):
            yield folds, rows, folds


def _cut(code: Code) -> Iterator[tuple[Call | Spot, ast.expr, Call]]:
    """Parts that are cut out of the same rows: `train, test = rows[:800], rows[800:]`, by masks too."""
    if not code.mentions(".fit"):
        return
    cuts: dict[tuple[object, str], dict[str | None, ast.Subscript]] = {}
    for node in code.nodes(ast.Assign):
        target, value = node.targets[0], node.value
        both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        pairs = zip(target.elts, value.elts, strict=False) if both else [(target, value)]  # type: ignore[attr-defined]
        for name, rows in pairs:
            rows = _rows(rows)
            if isinstance(name, ast.Name) and rows is not None:
                key = (code.where(node).scope, ast.unparse(rows.value))
                cuts.setdefault(key, {}).setdefault(part_in(name.id), rows)
    for parts in cuts.values():
        held_out = parts.get("test") or parts.get("validation")
        first = parts.get("train")
        if held_out is None or first is None or code.split(first.value):
            continue
        same = _bindings(code, first.value) == _bindings(code, held_out.value)
        scored = _scored(code, held_out) if same else None
        if scored is not None:
            yield code.spot(first), first.value, scored


def _rows(value: ast.expr) -> ast.Subscript | None:
    """The choice of rows that a value is: by a stretch, a mask or indices, not by the name of a column."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        if value.func.attr not in ("copy", "reset_index", "to_numpy"):
            return None
        value = value.func.value
    if not isinstance(value, ast.Subscript) or not isinstance(value.value, ast.Name):
        return None
    chosen = value.slice
    rows = isinstance(chosen, ast.Slice | ast.Compare | ast.UnaryOp) or (
        isinstance(chosen, ast.Call) and ast.unparse(chosen.func).endswith(".isin")
    )
    return value if rows else None


def _taken(code: Code, split: Call) -> Iterator[ast.expr]:
    """The data that the indices of folds take rows of, made before the loop over them."""
    for loop in code.nodes(ast.For):
        if split.node not in ast.walk(loop.iter):
            continue
        indices = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
        bound = {
            n.id
            for s in loop.body
            for n in ast.walk(s)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        for node in (n for s in loop.body for n in ast.walk(s)):
            match node:
                case ast.Subscript(value=ast.Name(id=name) as data, slice=ast.Name(id=index)):
                    if index in indices and name not in bound:
                        yield data


def _scored_in_loop(code: Code, split: Call) -> Call | None:
    """A score in the loop that goes over the folds."""
    for node in code.nodes(ast.For):
        if split.node in ast.walk(node.iter):
            return next((h.call for h in code.running(node) if h.call.method in _SCORES), None)
    return None


def _is_held_back(code: Code, rows: ast.expr) -> bool:
    """Whether the rows are the train part of a split: a score on the rest stays what it is."""
    cut = {c.node for c in code.calls(*_SPLITS)}
    return code.split(rows).value == "train" and bool(cut & {*code.behind(rows)})


def _leaks(
    code: Code, data: ast.expr, split: Call | Spot, scored: Call, told: set[ast.AST]
) -> Iterator[Claim]:
    flows = code.behind(Spot(data, split.where))
    for fit, kind in _fits(code, flows, data, split):
        here = fit.where.source is code.source
        if fit.node in told or (not here and not isinstance(split, Call)):
            continue
        if fit.where.scope is split.where.scope and not code.leads(fit.node, split.node):
            continue  # the parts were there before it
        told.add(fit.node)
        what = fit.made.name.rpartition(".")[2] if fit.made and fit.made.name else fit.method
        folds = "divided into folds" if split is scored else "split"
        yield code.claim(
            fit.node if here else split.node,
            f"`{what}` is fitted on all rows, and the data is {folds} afterwards: the held-out score is "
            "that of rows which the preprocessing has seen",
            "fit it on the train part alone, or put it into a Pipeline",
            because=[
                *(() if here else [code.step("it is fitted here", fit.node, fit.where)]),
                code.step("the data is split here", split.node, split.where),
                code.step("a model is scored on the held-out part here", scored.node, scored.where),
            ],
            confidence=0.95,
            # In notebooks, cells of one experiment after the other use the same names.
            level="possible" if isinstance(split, Spot) and code.source.cells else None,
            transformer=what,
            kind=kind,
        )


def _fits(
    code: Code, flows: Mapping[ast.expr, Spot], data: ast.expr, split: Call | Spot
) -> Iterator[tuple[Call, str]]:
    """The fits that the data went through, or that were on the very data that is split."""
    for node, spot in flows.items():
        call = code.call(node, spot.where) if isinstance(node, ast.Call) else None
        kind = _kind(call) if call is not None else None
        if call is not None and kind is not None and call.method == "fit_transform":
            yield call, kind
        elif call is not None and kind is not None and call.method == "transform":
            for fit in code.calls(".fit"):
                if fit.made is call.made and _same_data(code, fit, call.arg(0), call):
                    yield fit, kind
            yield from _by_methods(code, call, spot, kind)
    for fit in code.calls(".fit", ".fit_transform"):
        kind = _kind(fit)
        if kind is not None and _same_data(code, fit, data, split) and _applied(code, fit):
            yield fit, kind


def _by_methods(code: Code, call: Call, spot: Spot, kind: str) -> Iterator[tuple[Call, str]]:
    """Fits in a method of one's own that is given the very data which another method of it transforms."""
    frame = spot.frame
    if frame is None or call.where.scope.owner is None or not frame.site.call.args:
        return
    data = frame.site.call.args[0]
    for fit in code.calls(".fit", ".fit_transform"):
        apart = fit.where.scope is not call.where.scope and fit.made is call.made
        if not apart or fit.where.scope.owner is not call.where.scope.owner:
            continue
        for site in code.project.callers(fit.where) or ():
            given = site.call.args[0] if site.call.args else None
            if given is None or site.where.scope is not frame.site.where.scope:
                continue
            same = ast.unparse(given) == ast.unparse(data)
            if same and _bindings(code, given) == _bindings(code, data):
                yield fit, kind


def _kind(call: Call) -> str | None:
    """The kind of what is fitted; of several in a loop, where all are such."""
    made = [call.made] if call.made is not None else []
    if not made and call.receiver is not None:
        found = origins(call.project, call.receiver, call.where)
        calls = [(o.expression, o.where) for o in found]
        made = [call_of(call.project, e, w) for e, w in calls if isinstance(e, ast.Call) and w]
        made = made if len(made) == len(found) else []
    kinds = [(m.entry("estimators") or {}).get("fits") for m in made]
    return kinds[0] if kinds and all(k in _FITTED for k in kinds) else None


def _same_data(code: Code, fit: Call, data: ast.expr | None, later: Call | Spot) -> bool:
    """Whether a fit is on what another call in the same function is given later."""
    given = fit.arg(0, "X", "raw_documents")
    if given is None or data is None or fit.where.scope is not later.where.scope:
        return False
    if ast.unparse(given) != ast.unparse(data) or not code.leads(fit.node, later.node):
        return False
    return _bindings(code, given) == _bindings(code, data)


def _bindings(code: Code, data: ast.expr) -> set[int]:
    names = [n for n in ast.walk(data) if isinstance(n, ast.Name)]
    return {id(b) for n in names for b in code.project.reaching(n, code.where(n))[1]}


def _applied(code: Code, fit: Call) -> bool:
    """Whether what was fitted transforms data before it is fitted anew."""
    others = [
        c for c in code.calls(".fit", ".fit_transform") if c.made is fit.made and c is not fit
    ]
    anew = {code.point(c.node) for c in others}
    return any(
        t.made is fit.made and code.leads(fit.node, t.node, avoiding=anew.__contains__)
        for t in code.calls(".transform")
    )


def _scored(code: Code, split: Call | ast.Subscript) -> Call | None:
    """A call that scores a model on the held-out part of a split, or on one that is cut out."""
    node = split if isinstance(split, ast.Subscript) else split.node
    for call in (*code.calls(*_SCORING), *code.module_calls()):
        for spot in (s for given in call.node.args[:1] for s in _handed(code, given, call.where)):
            held_out = code.split(spot).value in ("test", "validation", "held-out")
            if held_out and node in code.behind(spot):
                return call
    return None


def _handed(code: Code, given: ast.expr, where: Where) -> list[Spot]:
    """What is scored, and where a function scores what it is given, what each of its calls gives it."""
    spots = [Spot(given, where)]
    if isinstance(given, ast.Name) and given.id in where.scope.parameters:
        for site in code.project.callers(where) or ():
            one = argument(site, where, given.id)
            spots += [Spot(one, site.where)] if one is not None else []
    return spots
