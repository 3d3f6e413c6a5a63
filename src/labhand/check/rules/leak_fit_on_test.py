"""Something is fitted on the test part."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import splits
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Fact, Spot

_HELD_OUT = ("test", "validation", "held-out")
_FITS = (".fit", ".fit_transform", ".fit_on_texts", ".adapt")
_APPLIES = (".transform", ".predict", ".predict_proba", ".decision_function", ".score", ".evaluate")
_PREPARATION = re.compile(
    r"scal(er|ar)|(^|_)sc(_|$)|imputer|vectori[sz]er|encoder|tfidf|normali[sz]er", re.I
)
_LOADS = frozenset({"joblib.load", "pickle.load", "pickle.loads", "cloudpickle.load", "dill.load"})
_MEANT = re.compile(r"domain|adapt(?!\()|coral|transduct|calibrat|adversarial|isotonic|platt", re.I)


class Rule:
    """Something is fitted on the test part.

    ## What it does
    Reports a scaler, encoder, PCA, vectorizer or tokenizer that was fitted on the train part and is
    fitted anew on the validation or test part, by itself, as a second instance or in a function that is
    called for both parts; one that is loaded from a file and fitted anew on what a loaded model then
    predicts; and a model that is fitted on the test part and then scored on it.

    ## Why is this bad
    The test rows are moved by their own mean, or get another meaning by another vocabulary: the model
    sees features that differ from those it learnt from, and the score is neither that of the model nor
    one of unseen data.

    ## Known problems
    Silent where domain adaptation or calibration is named, where what is fitted on test data is only
    looked at (a plot of a projection), and for online learning with `partial_fit`.

    ## Example
    ```python
    X_train = scaler.fit_transform(X_train)
    X_test = scaler.fit_transform(X_test)
    ```

    ## Use instead
    ```python
    X_train = scaler.fit_transform(X_train)
    X_test = scaler.transform(X_test)
    ```

    ## Fix safety
    Scientific: where the same instance was fitted on the train part before, `fit_transform` becomes
    `transform`, and a second `fit` is taken out.

    ## References
    - https://scikit-learn.org/stable/common_pitfalls.html#inconsistent-preprocessing
    - Real cases: https://github.com/campusx-official/100-days-of-machine-learning/issues/75,
      https://github.com/Avik-Jain/100-Days-Of-ML-Code/pull/107.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The fits of one file that see held-out data."""
        parts = code.mentions("test", "val", "Test", "Val", "predict(")
        if not parts or not code.mentions(*(f"{f}(" for f in _FITS)):
            return
        fits = [f for f in code.calls(*_FITS) if f.receiver is not None]
        for fit in fits:
            loaded = _loaded(code, fit) if fit.method == "fit_transform" else None
            if loaded is not None:
                yield _loaded_claim(code, fit, loaded)
                continue
            given = _data(fit)
            if given is None or _MEANT.search(_around(code, fit)):
                continue
            part = code.split(given)
            if part.value in _HELD_OUT:
                yield from _on_part(code, fit, part, fits)
            elif _kind(fit) and not code.guards(fit.node):
                yield from _in_function(code, fit, given)


def _loaded(code: Code, fit: Call) -> ast.Call | None:
    """The loading of what is fitted, in a function that loads a model too, predicts, and stores neither."""
    scope = fit.where.scope
    methods = {code.call(c).method for c in scope.calls}
    if not methods & {"predict", "predict_proba", "transform"} or methods & {"dump", "dumps"}:
        return None
    assert fit.receiver is not None
    made = _read_from(code, Spot(fit.receiver, fit.where))
    if made is None or "fit" in methods:
        return None
    others = [c for c in scope.calls if code.name(c.func) in _LOADS and c is not made]
    return made if others else None


def _read_from(code: Code, spot: Spot, steps: int = 4) -> ast.Call | None:
    """The call that reads a value from a file, itself or what it is an element of."""
    node = spot.node
    if isinstance(node, ast.Subscript):
        return _read_from(code, spot.at(node.value, ()), steps)
    if isinstance(node, ast.Call):
        if code.name(spot.at(node.func)) in _LOADS:
            return node
        over = isinstance(node.func, ast.Attribute) and node.func.attr in ("items", "values")
        return _read_from(code, spot.at(node.func.value, ()), steps) if over else None  # type: ignore[attr-defined]
    if not isinstance(node, ast.Name) or not steps:
        return None
    home, bindings = code.project.reaching(node, spot.where)
    value = bindings[0].value if len(bindings) == 1 else None
    if value is None or bindings[0].how not in ("assign", "loop"):
        return None
    return _read_from(code, spot._replace(where=home).at(value, ()), steps - 1)


def _data(fit: Call) -> ast.expr | None:
    return fit.arg(0, "X", "x", "texts", "raw_documents", "data", "y")


def _around(code: Code, fit: Call) -> str:
    """What the code says of its purpose: its function's name, the receiver and what it is given."""
    made = ast.unparse(fit.made.node) if fit.made is not None else ""
    return f"{fit.where.scope.qualified} {code.text(fit.node)} {made}"


def _kind(fit: Call) -> str | None:
    """What it fits: a word of the table of estimators; None for what is not known to be a transformer."""
    entry = fit.made.entry("estimators") if fit.made is not None else None
    kind = (entry or {}).get("fits")
    return None if kind == "resampler" else kind


def _prepares(fit: Call) -> bool:
    """Whether what is fitted surely prepares data: by the table, or, where it is not seen, by its name."""
    if _kind(fit) or fit.method in ("fit_on_texts", "adapt"):
        return True
    assert fit.receiver is not None
    return fit.made is None and bool(_PREPARATION.search(ast.unparse(fit.receiver)))


def _on_part(code: Code, fit: Call, part: Fact, fits: list[Call]) -> Iterator[Claim]:
    before = _on_train(code, fit, fits, same=True)
    if before is not None and _prepares(fit):
        yield _claim(code, fit, part, before, _change(code, fit, before))
    elif fit.method in ("fit", "fit_transform") and _kind(fit):
        other = _on_train(code, fit, fits, same=False)
        if other is not None and _scores(code, fit):
            yield _claim(code, fit, part, other, None)
    elif fit.method == "fit" and _is_model(fit) and (part.sure or before is not None):
        score = _scored_after(code, fit)
        if score is not None:
            yield _model_claim(code, fit, part, score)


def _on_train(code: Code, fit: Call, fits: list[Call], same: bool) -> Call | None:
    """A fit on train data: of the same instance before this one, or of another of its class."""
    for other in fits:
        given = _data(other)
        if other is fit or given is None or not _sees_train(code, given):
            continue
        if same and _one_instance(code, fit, other):
            return other
        alike = fit.made and other.made and fit.made is not other.made
        if (
            same
            or not alike
            or not fit.made
            or not other.made
            or other.where.scope != fit.where.scope
        ):
            continue
        if fit.made.name == other.made.name:
            return other
    return None


def _sees_train(code: Code, given: ast.expr) -> bool:
    """Whether data is the train part, or a sum of parts with the train part among them."""
    if isinstance(given, ast.BinOp) and isinstance(given.op, ast.Add):
        return _sees_train(code, given.left) or _sees_train(code, given.right)
    return bool(code.split(given).value == "train")


def _one_instance(code: Code, fit: Call, other: Call) -> bool:
    """Whether two fits are of one instance, this one the later, with no making of it between."""
    assert fit.receiver is not None and other.receiver is not None
    if not isinstance(fit.receiver, ast.Name | ast.Attribute):
        return False
    if ast.unparse(fit.receiver) != ast.unparse(other.receiver):
        return False
    if fit.where.scope is other.where.scope:
        mine, theirs = _bindings(code, fit), _bindings(code, other)
        return mine == theirs and code.leads(other.node, fit.node)
    return fit.made is not None and fit.made is other.made


def _bindings(code: Code, call: Call) -> set[int]:
    names = [n for n in ast.walk(call.receiver or call.node) if isinstance(n, ast.Name)]
    return {id(b) for n in names for b in code.project.reaching(n, call.where)[1]}


def _is_model(fit: Call) -> bool:
    """Whether it is an estimator of scikit-learn's kind that is given rows and labels."""
    name = fit.made.name if fit.made is not None else None
    last = (name or "").rpartition(".")[2]
    known = (name or "").startswith(("sklearn.", "xgboost.", "lightgbm.", "catboost."))
    return known and _kind(fit) is None and fit.arg(1, "y") is not None and last[:1].isupper()


def _scores(code: Code, fit: Call) -> bool:
    """Whether what is fitted makes the rows that a model is scored on."""
    assert fit.receiver is not None
    made = {fit.node}
    if fit.method == "fit":
        made |= {t.node for t in code.calls(".transform") if t.made is fit.made}
    judged = [*code.calls(*_APPLIES[1:]), *code.module_calls()]
    return any(
        not made.isdisjoint(code.behind(Spot(given, call.where)))
        for call in judged
        for given in call.node.args[:1]
    )


def _scored_after(code: Code, fit: Call) -> Call | None:
    """A prediction of the model on held-out rows that can follow its fit."""
    anew = {code.point(f.node) for f in code.calls(".fit") if f is not fit and f.made is fit.made}
    for call in code.calls(*_APPLIES[1:]):
        given = call.arg(0, "X")
        if call.made is not fit.made or given is None or call.where.scope is not fit.where.scope:
            continue
        held_out = code.split(given).value in _HELD_OUT
        chained = fit.node in ast.walk(call.node)
        if held_out and (chained or code.leads(fit.node, call.node, anew.__contains__)):
            return call
    return None


def _in_function(code: Code, fit: Call, given: ast.expr) -> Iterator[Claim]:
    """A function of the project that makes and fits a transformer, and is called for both parts."""
    made = fit.made
    if made is None or made.where.scope is not fit.where.scope or not isinstance(given, ast.Name):
        return
    scope = fit.where.scope
    if given.id not in scope.parameters or not any(
        fit.node in code.behind(Spot(r, fit.where)) or fit.method == "fit" for r in scope.returns
    ):
        return
    facts = code.facts("splits", splits.answer).all(Spot(given, fit.where))
    parts = {f.value: f for f in facts}
    held_out = next((parts[p] for p in _HELD_OUT if p in parts), None)
    if "train" in parts and held_out is not None and None not in parts:
        yield code.claim(
            fit.node,
            f"`{_what(fit)}` is fitted anew in each call of `{scope.name}`, on the train part and on the "
            f"{held_out.value} part: the parts are transformed differently",
            "fit it once on the train part, and only transform the others",
            because=[*parts["train"].chain, *held_out.chain],
            confidence=0.9,
            transformer=_what(fit),
        )


def _what(fit: Call) -> str:
    if fit.made is not None and fit.made.name:
        return fit.made.name.rpartition(".")[2]
    return ast.unparse(fit.receiver) if fit.receiver is not None else fit.method


def _claim(code: Code, fit: Call, part: Fact, before: Call, change: Change | None) -> Claim:
    return code.claim(
        fit.node,
        f"`{_what(fit)}` is fitted on the {part.value} part: its rows are transformed differently from "
        "those the model learns from",
        "fit it on the train part alone, and call `transform` on the others",
        because=[
            code.step("fitted on the train part here", before.node, before.where),
            *part.chain,
        ],
        confidence=0.96 if part.sure else 0.92,
        change=change,
        transformer=_what(fit),
    )


def _loaded_claim(code: Code, fit: Call, loaded: ast.Call) -> Claim:
    what = ast.unparse(fit.receiver) if fit.receiver is not None else fit.method
    function = fit.node.func
    assert isinstance(function, ast.Attribute)
    change = code.replace(function, f"{code.text(function.value)}.transform")
    return code.claim(
        fit.node,
        f"`{what}` comes fitted from a file and is fitted anew on what is predicted: its rows are "
        "transformed differently from those the model learnt from",
        "only transform them",
        because=[code.step("loaded here", loaded, fit.where)],
        confidence=0.92,
        change=Change("scientific", "Only transform them", [change]),
        transformer=what,
    )


def _model_claim(code: Code, fit: Call, part: Fact, score: Call) -> Claim:
    return code.claim(
        fit.node,
        f"`{_what(fit)}` is fitted on the {part.value} part and then predicts held-out rows: its score is "
        "that of rows it has learnt",
        "fit it on the train part",
        because=[*part.chain, code.step("it predicts held-out rows here", score.node, score.where)],
        confidence=0.9,
        model=_what(fit),
    )


def _change(code: Code, fit: Call, before: Call) -> Change | None:
    """`fit_transform` becomes `transform`; a `fit` whose value nobody reads goes."""
    if before.where.scope is not fit.where.scope:
        return None
    statement = code.source.index.statement(fit.node)
    function = fit.node.func
    if fit.method == "fit_transform" and isinstance(function, ast.Attribute):
        text = f"{code.text(function.value)}.transform"
        return Change(
            "scientific", "Only transform the held-out rows", [code.replace(function, text)]
        )
    if isinstance(statement, ast.Expr) and statement.value is fit.node:
        return Change("scientific", "Do not fit again", [code.drop(statement)])
    return None
