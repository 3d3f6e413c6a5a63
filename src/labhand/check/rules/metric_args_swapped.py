"""A metric is given its arguments in the wrong order, or the wrong kind of prediction."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot
from labhand.kit.code.model import Scope

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_GUESS = frozenset(
    "pred preds predicts predicted prediction predictions predict yhat hat guess hyp hypothesis hypotheses".split()
)
_TRUTH = frozenset("true truth truths gt gold actual actuals reference references ground".split())
_LABELS = frozenset("label labels target targets y ytrain ytest yval yvalid".split())
_GIVES = frozenset({"predict", "predict_proba", "decision_function", "argmax", "predict_classes"})
_AS_IT_IS = frozenset(
    "cpu numpy detach tolist item astype long int float flatten ravel squeeze reshape view to".split()
)
_JOINS = frozenset(
    "np.array np.asarray list numpy.array torch.cat torch.concat np.concatenate np.hstack np.vstack "
    "numpy.concatenate torch.stack np.stack".split()
)
_RUNS = re.compile(r"(model|net|classifier|teacher|student|forward|generate)\w*$", re.I)
_CLASSIFIER = re.compile(
    r"^(sklearn\.[\w.]*|xgboost\.|lightgbm\.|catboost\.)\w*?(Classifier|LogisticRegression|SVC|NB)$"
)
_SEARCHES = re.compile(
    r"\.(GridSearchCV|RandomizedSearchCV|HalvingGridSearchCV|Pipeline|make_pipeline)$"
)


class Rule:
    """A metric is given its arguments in the wrong order, or the wrong kind of prediction.

    ## What it does
    Reports metrics that are handed predictions where they take the truth and the truth where they take
    predictions, metrics of a ranking (ROC AUC, average precision, log loss) that are handed classes
    instead of scores, and logits that are thresholded as if they were probabilities.

    ## Why is this bad
    Swapped, precision is told as recall and the other way round, a confusion matrix is transposed, R² and
    weighted means change. With classes instead of scores a ROC curve has one point, and its area is the
    balanced accuracy. A logit of 0.5 is a probability of 0.62.

    ## Known problems
    Silent for metrics that are the same both ways, such as accuracy or the mean squared error, and where
    neither the flow of values nor the names tell which is which.

    ## Example
    ```python
    print(recall_score(clf.predict(X_test), y_test))
    ```

    ## Use instead
    ```python
    print(recall_score(y_test, clf.predict(X_test)))
    ```

    ## Fix safety
    Scientific: the two arguments change places, or `predict` becomes the probability of the second class.

    ## References
    - https://scikit-learn.org/stable/modules/model_evaluation.html
    - Real cases: https://github.com/voyazici/orderless-rnn-classification/issues/5,
      https://github.com/CLOVEXCWZ/NER_DEMO/issues/6.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The metrics of one file that are given the wrong thing."""
        if code.mentions("metrics", "jiwer"):
            for call, entry in code.known("orders", "truth"):
                yield from _swapped(code, call, entry["truth"])
            for call, _ in code.known("orders", "takes"):
                yield from _hard(code, call)
        if code.mentions("0.5") and code.mentions_near(
            "BCEWithLogitsLoss", "binary_cross_entropy_with_logits"
        ):
            yield from _thresholds(code)


def _swapped(code: Code, call: Call, order: str) -> Iterator[Claim]:
    if len(call.node.args) < 2 or any(isinstance(a, ast.Starred) for a in call.node.args):
        return
    one, other = call.node.args[:2]
    truth, guess = (one, other) if order == "first" else (other, one)
    kinds = _kind(code, truth, call), _kind(code, guess, call)
    sure = _made_by_model(code, truth, call) and not _may_be_guess(code, guess)
    if kinds == ("guess", "truth") or (kinds[1] != "guess" and sure):
        edits = [code.replace(one, code.text(other)), code.replace(other, code.text(one))]
        yield code.claim(
            call.node,
            f"`{call.method}` takes the truth {order}, and is given the predictions there",
            "let the two arguments change places",
            because=[
                code.step("predictions", truth, call.where),
                code.step("the truth", guess, call.where),
            ],
            confidence=0.95,
            change=Change("scientific", "Let the arguments change places", edits),
        )


def _kind(code: Code, given: ast.expr, call: Call) -> str | None:
    """`guess` or `truth`, by what makes a value, then by its name."""
    made = _source(code, given, call)
    if isinstance(made, ast.Call):
        method = code.call(made, call.where).method
        if method in _GIVES:
            return "guess"
    plain = _stripped(given)
    if not isinstance(plain, ast.Name | ast.Attribute | ast.Subscript):
        return None
    return _told(ast.unparse(plain.value if isinstance(plain, ast.Subscript) else plain))


def _made_by_model(code: Code, given: ast.expr, call: Call) -> bool:
    """Whether a value surely is a prediction: what a model gives, its classes, or its scores cut in two."""
    made = _source(code, given, call)
    if isinstance(made, ast.Compare):
        role = code.role(_source(code, made.left, call))
        return role.value in ("probabilities", "logits") and role.sure
    return isinstance(made, ast.Call) and code.call(made, call.where).method in _GIVES


def _may_be_guess(code: Code, given: ast.expr) -> bool:
    """Whether a value may come from a model too: two predictions are compared."""
    return any(
        isinstance(node, ast.Call)
        and (code.call(node, spot.where).method in _GIVES or _RUNS.search(ast.unparse(node.func)))
        for node, spot in code.behind(given).items()
    )


def _told(name: str) -> str | None:
    """What a name tells."""
    last = name.rpartition(".")[2]
    words = {w.lower() for w in _WORDS.findall(last)}
    if words & _GUESS or words == {"y", "scores"} or words == {"y", "score"}:
        return None if words & _TRUTH else "guess"
    if words & _TRUTH or (
        words & _LABELS and not words & {"score", "scores", "prob", "probs", "out", "x"}
    ):
        return "truth"
    return None


def _stripped(given: ast.expr) -> ast.expr:
    """A value without what only changes its type or place."""
    while isinstance(given, ast.Call | ast.BinOp):
        if isinstance(given, ast.BinOp):
            if not isinstance(given.right, ast.Constant):
                break
            given = given.left
            continue
        function = given.func
        if isinstance(function, ast.Attribute) and function.attr in _AS_IT_IS:
            given = function.value
        elif given.args and ast.unparse(function) in _JOINS:
            given = given.args[0]
        else:
            break
    return given


def _source(code: Code, given: ast.expr, call: Call, depth: int = 3) -> ast.expr:
    """The one expression that makes a value, through names that are bound once."""
    plain = _stripped(given)
    while isinstance(plain, ast.Name) and depth:
        home, bindings = code.project.reaching(plain, call.where)
        if home.scope is not call.where.scope:
            break
        once = len(bindings) == 1 and bindings[0].how == "assign" and not bindings[0].path
        value = _put_in(home.scope, plain.id) or (bindings[0].value if once else None)
        if value is None:
            break
        plain, depth = _stripped(value), depth - 1
    return plain


def _put_in(scope: Scope, name: str) -> ast.expr | None:
    """The one thing that is put into a list which begins empty; None where it is none such."""
    bindings = scope.bindings.get(name, [])
    given = [c.args[0] for c in scope.calls_on(name, "append", "extend") if c.args]
    given += [b.value for b in bindings if b.how == "augment" and b.value]
    starts = [_unpacked(b.value, b.path) for b in bindings if b.how == "assign" and b.value]
    empty = any(isinstance(s, ast.List) and not s.elts for s in starts)
    return given[0] if empty and len(given) == 1 else None


def _unpacked(value: ast.expr, path: tuple[int, ...]) -> ast.expr:
    for step in path:
        if isinstance(value, ast.Tuple | ast.List) and step < len(value.elts):
            value = value.elts[step]
    return value


def _hard(code: Code, call: Call) -> Iterator[Claim]:
    """Classes where scores are taken."""
    given = call.arg(1, "y_score", "y_pred", "y_proba", "y_prob", "probas_pred")
    if given is None:
        return
    made = _source(code, given, call)
    why = _is_hard(code, made, call)
    if why is not None:
        yield code.claim(
            call.node,
            f"`{call.method}` takes scores, and is given classes: {why}",
            "give it probabilities or the values of the decision function",
            because=[code.step("classes are made here", made, call.where)],
            confidence=0.95,
            change=_probability(code, made, given, call),
        )


def _is_hard(code: Code, made: ast.expr, call: Call) -> str | None:
    match made:
        case ast.Compare(
            ops=[ast.Gt() | ast.GtE()], comparators=[ast.Constant(value=float() | int())]
        ):
            return "they are thresholded"
        case ast.Call():
            inner = code.call(made, call.where)
            if inner.method in ("argmax", "round", "rint"):
                return f"`{inner.method}` makes them"
            if inner.method == "where" and made.args and isinstance(made.args[0], ast.Compare):
                return "they are thresholded" if len(made.args) == 3 else None
            if inner.method == "predict" and _by_classifier(code, inner):
                return "`predict` of a classifier gives them"
        case ast.ListComp(
            elt=ast.IfExp(test=ast.Compare(), body=ast.Constant(), orelse=ast.Constant())
        ):
            return "they are thresholded"
    return None


def _by_classifier(code: Code, predict: Call) -> bool:
    """Whether all that may predict there are classifiers: one, or each of a table of them."""
    if predict.made is not None or predict.receiver is None:
        return predict.made is not None and _classifies(code, predict.made)
    makers = [(o.expression, o.where) for o in code.origins(Spot(predict.receiver, predict.where))]
    calls = [code.call(e, w) for e, w in makers if isinstance(e, ast.Call) and w is not None]
    return bool(calls) and len(calls) == len(makers) and all(_classifies(code, c) for c in calls)


def _classifies(code: Code, made: Call, depth: int = 3) -> bool:
    """Whether a made estimator is surely a classifier, a search or a pipeline of one among them."""
    name = made.name or ""
    if _CLASSIFIER.match(name):
        return True
    if not _SEARCHES.search(name) or not depth or not made.node.args:
        return False
    inner = made.node.args[-1] if name.endswith("make_pipeline") else made.node.args[0]
    if isinstance(inner, ast.List) and inner.elts and isinstance(inner.elts[-1], ast.Tuple):
        inner = inner.elts[-1].elts[-1]
    found = code.made_by(Spot(inner, made.where))
    return found is not None and _classifies(code, found, depth - 1)


def _probability(code: Code, made: ast.expr, given: ast.expr, call: Call) -> Change | None:
    """`predict` becomes the probability of the second class, where the call stands in the metric's."""
    if (
        made is not given
        or not isinstance(made, ast.Call)
        or not isinstance(made.func, ast.Attribute)
    ):
        return None
    inner = code.call(made, call.where)
    known = inner.made is not None and _CLASSIFIER.match(inner.made.name or "")
    if inner.method != "predict" or not known or (inner.made and "SVC" in (inner.made.name or "")):
        return None
    arguments = ", ".join(code.text(a) for a in made.args)
    text = f"{code.text(made.func.value)}.predict_proba({arguments})[:, 1]"
    return Change(
        "scientific", "Give it the probability of the second class", [code.replace(made, text)]
    )


def _thresholds(code: Code) -> Iterator[Claim]:
    """Logits that are compared with 0.5."""
    if code.mentions("MSELoss", "mse_loss", "L1Loss"):
        return
    for node in code.nodes(ast.Compare):
        limit = node.comparators[0]
        above = len(node.ops) == 1 and isinstance(node.ops[0], ast.Gt | ast.GtE)
        half = isinstance(limit, ast.Constant) and limit.value == 0.5
        if not above or not half:
            continue
        role = code.role(_stripped(node.left))
        if role.value == "logits" and role.sure:
            yield code.claim(
                node,
                f"`{code.text(node.left)}` are logits, and are thresholded as if they were probabilities",
                "compare with 0, or take the sigmoid first",
                because=role.chain,
                confidence=0.93,
                change=Change("scientific", "Compare with 0", [code.replace(limit, "0")]),
            )
